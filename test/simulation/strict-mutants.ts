/**
 * What makes something strict taken out, one rule at a time, over all of `dist`. A text that is no longer there fails
 * the test, so that the list follows the code.
 */

/** One rule less. */
export interface StrictMutant {
  readonly rule: string
  /** Within `dist`. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/** Every mutant. */
export const STRICT_MUTANTS: readonly StrictMutant[] = [
  {
    rule: 'a voter votes for no other until the TTL is over',
    file: 'leases/voter.ts',
    from: 'token <= known.token || (known.remainingMs > 0 && !isOwn)',
    to: 'token <= known.token',
  },
  {
    rule: 'the process of a singleton ends when its lease is lost',
    file: 'singletons/own-singleton.ts',
    from: 'parent, [stop, lost, over])',
    to: 'parent, [stop, over])',
  },
  {
    rule: 'the process of a strict name ends when its lease is lost',
    file: 'names/names.ts',
    from: 'system.onAbort(strict.lost, () => memory.evict(own))',
    to: 'system.onAbort(strict.lost, () => {})',
  },
  {
    rule: 'a strict child is killed when its lease is lost',
    file: 'supervisor/child-host.ts',
    from: "const lost = (): void => system.exit(pid, 'kill')",
    to: 'const lost = (): void => {}',
  },
  {
    rule: 'entities of a strict shard are killed when its lease is lost',
    file: 'sharding/region.ts',
    from: 'this.#entities.stopShard(shard, () => this.#stopped(shard), true)',
    to: 'this.#stopped(shard)',
  },
  {
    rule: 'a strict shard is active only under its lease',
    file: 'sharding/shard-table.ts',
    from: 'if (!this.#facts.isStrict) {',
    to: 'if (true) {',
  },
]
