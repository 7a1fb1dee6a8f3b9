/**
 * `mesh.services`: who offers which procedures, as far as this node knows. A view of the catalog and of what this node
 * advertises itself; to offer something, use `mesh.rpc`.
 *
 * How the service registry of the reference is found here:
 *
 *     advertise_local, unadvertise_local    rpc.advertise, Advertisement.unadvertise
 *     list_local_services                   own()
 *     discover_service                      find(): what was looked for within `cacheTtlMs` (60 s) is not looked for again
 *       force_refresh                         unless `refresh` is given
 *     cache_service                         nothing: what others tell is known, without asking
 *     prune_expired, clear_cache            prune(), clear()
 *     prune_expired_local_services          nothing: what is advertised stays until it is unadvertised or its process ends
 *                                           (MG17), and is told again 60 s before its `ttlMs` is over
 *     the sweep each 60 s                   nothing: entries go with their node, or when it does not offer them any more
 *
 * Entries of others are as old as their last word; a node that is down or has left is forgotten at once, one without a link
 * after the lease of the catalog.
 */
import {
  currentProcess,
  functionOption,
  numberOption,
  optional,
  resolveOptions,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { callHandler } from '../call-handler.ts'
import type { CatalogChange, CatalogEntry } from '../catalog/catalog.ts'
import { setNewest } from '../machine/newest.ts'
import type { RpcContext } from '../rpc/context.ts'
import { CALL_MANY_CHECKS } from '../rpc/options.ts'
import { comparePatterns } from '../rpc/patterns.ts'
import { checkPattern, metadataOf, offers } from '../rpc/procedures.ts'
import type { ProcedureKind } from '../rpc/procedures.ts'
import type { RpcMetadata } from '../rpc/rpc.ts'
import { isWildcard, matchesFilter } from '../topics/topic.ts'
import { ServicesError } from './errors.ts'
import { ToldWaits } from './told.ts'

/** A procedure, or a pattern of procedures, that a node offers. */
export interface ServiceEntry {
  /** What it advertised: a name or a pattern. */
  readonly procedure: string
  /** Node key, hex. */
  readonly node: string
  readonly isLocal: boolean
  /** The gateway it is connected to; undefined for a member. */
  readonly via: string | undefined
  /** Whether it answers calls, or streams, or both. */
  readonly kinds: readonly ProcedureKind[]
  readonly metadata: RpcMetadata
  /** How long this node has known it, in ms. */
  readonly ageMs: number
}

/** Options of {@link Services.find}. */
export interface FindServicesOptions {
  /** How long it may look for those that are not known yet. Default 2,000 ms. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Looks again, also when that was done within `cacheTtlMs`. Default false. */
  readonly refresh?: boolean | undefined
}

/** Options of {@link Services.told}. */
export interface ToldOptions {
  /** How long it may take. Default 2,000 ms. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Somebody offers something, offers it otherwise, or does not any more. */
export interface ServiceChange {
  readonly type: 'added' | 'changed' | 'removed'
  readonly entry: ServiceEntry
}

/** Options of {@link Services.watch}. */
export interface WatchServicesOptions {
  /** Only procedures that this name or pattern matches. Default all. */
  readonly procedure?: string | undefined
}

/** A watch that runs. */
export interface ServiceWatch {
  /** What was there when it began; every change after that is told. */
  readonly entries: readonly ServiceEntry[]
  /** False when it was over already. */
  stop(): boolean
}

/** Counters and sizes. */
export interface ServicesStats {
  /** Procedures and patterns that this node offers, and that others do. */
  readonly own: number
  readonly known: number
  readonly watches: number
  /** Names that were looked for and are remembered. */
  readonly finds: number
  /** Since the start: answered with what was known, and looked for in the network. */
  readonly hits: number
  readonly searches: number
}

/** See the head of this file. */
export interface Services {
  /**
   * Everything that is known, this node's own included: by procedure, then by node. A peer at the edge knows what it asked its
   * gateway for: `list` asks for everything there, and shows it from the next time on; `find('**')` waits for it.
   */
  list(): readonly ServiceEntry[]
  /** What this node offers. */
  own(): readonly ServiceEntry[]
  /** What is known of a name or pattern now, without asking anybody; as {@link Services.find}. */
  known(procedure: string): readonly ServiceEntry[]
  /**
   * Who offers a name, the best pattern first; or with a pattern, who offers something that it matches (what they offer as
   * patterns counts as it is written). Asks the network when not everybody is known; a peer at the edge asks its gateway.
   * Rejects with `ERR_RPC_PROCEDURE_INVALID`, `ERR_SERVICES_ABORTED`.
   *
   * @example
   * for (const { node, metadata } of await mesh.services.find('printer.**')) console.log(node, metadata)
   */
  find(procedure: string, options?: FindServicesOptions): Promise<readonly ServiceEntry[]>
  /**
   * Resolves with true when all nodes that this one is linked with have said that they know what it offers and subscribes to
   * now (at the edge: its gateway), with false when not all had in time. Rejects with `ERR_SERVICES_ABORTED`.
   *
   * @example
   * await mesh.rpc.advertise('printer.print', print)
   * await mesh.services.told() // linked nodes can call it now
   */
  told(options?: ToldOptions): Promise<boolean>
  /**
   * Tells every change from now on; what is there now is in `entries`, so there is no gap. Ends with the process in which it
   * was begun. At the edge what the gateway knows comes as the first changes, later ones within about a second. Throws `ERR_SERVICES_WATCHES_MAX`, `ERR_RPC_PROCEDURE_INVALID`.
   */
  watch(handler: (change: ServiceChange) => void, options?: WatchServicesOptions): ServiceWatch
  /** Forgets what was looked for longer ago than `cacheTtlMs`; gives how many. It is done by itself, too. */
  prune(): number
  /** Forgets all that was looked for; gives how many. */
  clear(): number
  stats(): ServicesStats
}

/** Limits of the registry; what is not given has its default. */
export interface ServiceRegistryOptions {
  /** How long what was looked for is not looked for again. Default 60,000 ms. */
  readonly cacheTtlMs?: number
  /** Names that were looked for and are remembered. Default 1,000. */
  readonly findsMax?: number
  /** Watches at once. Default 1,000. */
  readonly watchesMax?: number
}

/** {@link ServiceRegistryOptions} with everything decided. */
export type ServiceRegistrySettings = Readonly<Required<ServiceRegistryOptions>>

/** The dials as shipped. */
export const SERVICE_REGISTRY_DEFAULTS: ServiceRegistrySettings = Object.freeze({
  cacheTtlMs: 60_000,
  findsMax: 1_000,
  watchesMax: 1_000,
})

const COUNT = numberOption(0, 1_048_576)

const CHECKS: { readonly [Name in keyof ServiceRegistrySettings]: OptionCheck } = {
  cacheTtlMs: numberOption(0, 2_147_483_647),
  findsMax: COUNT,
  watchesMax: COUNT,
}

const FIND_CHECKS: { readonly [Name in keyof FindServicesOptions]-?: OptionCheck } = {
  timeoutMs: CALL_MANY_CHECKS.timeoutMs,
  signal: CALL_MANY_CHECKS.signal,
  refresh: optional({ expected: 'true or false', test: (v) => typeof v === 'boolean' }),
}

const TOLD_CHECKS: { readonly [Name in keyof ToldOptions]-?: OptionCheck } = {
  timeoutMs: CALL_MANY_CHECKS.timeoutMs,
  signal: CALL_MANY_CHECKS.signal,
}

const WATCH_CHECKS: { readonly [Name in keyof WatchServicesOptions]-?: OptionCheck } = {
  procedure: optional({ expected: 'a name or pattern', test: (v) => typeof v === 'string' }),
}

/** The filter that matches every name. */
const EVERYTHING = '**'

/** Time of a `find`, and of a `told`, whose caller names none. */
const FIND_MS = 2_000

interface Watch {
  readonly filter: string | undefined
  readonly handler: (change: ServiceChange) => void
  readonly unfollow: () => void
}

/** The registry of one node. Throws an `OptionError`. */
export class ServiceRegistry implements Services {
  readonly #context: RpcContext
  readonly #settings: ServiceRegistrySettings
  readonly #check: () => void
  /** When each name was looked for, the longest ago first. */
  readonly #asked = new Map<string, number>()
  readonly #watches = new Set<Watch>()
  /** What this node offers, as it was told last. */
  readonly #own = new Map<string, ServiceEntry>()
  readonly #stops: readonly (() => void)[]
  readonly #toldWaits: ToldWaits
  #hits = 0
  #searches = 0

  /** `check` throws once the node has stopped. */
  constructor(context: RpcContext, options: ServiceRegistryOptions, check: () => void) {
    this.#context = context
    this.#check = check
    this.#settings = resolveOptions('services.registry', SERVICE_REGISTRY_DEFAULTS, CHECKS, options)
    const { catalog, memory, clock } = context
    this.#toldWaits = new ToldWaits(catalog, clock)
    this.#stops = [
      catalog.onChange('procedure', (change) => this.#learned(change)),
      memory.procedures.onChange((pattern) => this.#offered(pattern)),
    ]
  }

  list(): readonly ServiceEntry[] {
    this.#check()
    const { catalog } = this.#context
    // Only a peer at the edge has somebody to ask for everything; the answer is there the next time.
    if (!catalog.isSought('procedure', EVERYTHING)) void catalog.seek('procedure', EVERYTHING)
    return this.#all()
  }

  own(): readonly ServiceEntry[] {
    this.#check()
    return this.#offers().toSorted(byName)
  }

  known(procedure: string): readonly ServiceEntry[] {
    this.#check()
    return this.#matching(checkPattern(procedure))
  }

  async find(procedure: string, options?: FindServicesOptions): Promise<readonly ServiceEntry[]> {
    this.#check()
    const filter = checkPattern(procedure)
    const given = resolveOptions<FindServicesOptions>('services.find', {}, FIND_CHECKS, options)
    if (given.refresh !== true && this.#isFresh(filter)) {
      this.#hits += 1
      return this.#matching(filter)
    }
    const { signal } = given
    if (signal?.aborted === true) throw aborted(filter, signal)
    await this.#seek(filter, given)
    return this.#matching(filter)
  }

  async told(options?: ToldOptions): Promise<boolean> {
    this.#check()
    const given = resolveOptions<ToldOptions>('services.told', {}, TOLD_CHECKS, options)
    return this.#toldWaits.wait(given.timeoutMs ?? FIND_MS, given.signal)
  }

  watch(handler: (change: ServiceChange) => void, options?: WatchServicesOptions): ServiceWatch {
    this.#check()
    const { watchesMax } = this.#settings
    const given = resolveOptions<WatchServicesOptions & { handler?: unknown }>(
      'services.watch',
      {},
      { ...WATCH_CHECKS, handler: functionOption },
      { ...options, handler },
    )
    const filter = given.procedure === undefined ? undefined : checkPattern(given.procedure)
    if (this.#watches.size >= watchesMax) {
      throw new ServicesError('ERR_SERVICES_WATCHES_MAX', `${watchesMax} watches are there`)
    }
    const unfollow = this.#context.catalog.follow('procedure', filter ?? EVERYTHING)
    const watch: Watch = { filter, handler, unfollow }
    this.#watches.add(watch)
    const owner = currentProcess()?.pid
    let unwatch = (): void => {}
    const stop = (): boolean => {
      unwatch()
      unfollow()
      return this.#watches.delete(watch)
    }
    if (owner !== undefined) unwatch = this.#context.system.watch(owner, () => void stop())
    const entries = filter === undefined ? this.#all() : this.#matching(filter)
    return { entries, stop }
  }

  prune(): number {
    const oldestMs = this.#context.clock.now() - this.#settings.cacheTtlMs
    let pruned = 0
    for (const [name, askedMs] of this.#asked) {
      if (askedMs > oldestMs) break
      this.#asked.delete(name)
      pruned += 1
    }
    return pruned
  }

  clear(): number {
    const { size } = this.#asked
    this.#asked.clear()
    return size
  }

  stats(): ServicesStats {
    const { catalog } = this.#context
    let known = 0
    for (const _ of catalog.entries('procedure')) known += 1
    return {
      own: this.#own.size,
      known,
      watches: this.#watches.size,
      finds: this.#asked.size,
      hits: this.#hits,
      searches: this.#searches,
    }
  }

  /** The node has stopped. */
  close(): void {
    for (const stop of this.#stops) stop()
    this.#toldWaits.close()
    for (const { unfollow } of this.#watches) unfollow()
    this.#watches.clear()
    this.#asked.clear()
  }

  // --- what is there

  #matching(filter: string): readonly ServiceEntry[] {
    if (isWildcard(filter)) {
      return this.#all().filter(({ procedure }) => matchesFilter(filter, procedure))
    }
    const { catalog } = this.#context
    const others = catalog.lookup('procedure', filter).map((entry) => this.#entryOf(entry))
    const own = this.#offers().filter(({ procedure }) => matchesFilter(procedure, filter))
    return [...own, ...others].toSorted(
      (left, right) => comparePatterns(left.procedure, right.procedure) || byName(left, right),
    )
  }

  #all(): readonly ServiceEntry[] {
    const others = Array.from(this.#context.catalog.entries('procedure'), (entry) =>
      this.#entryOf(entry),
    )
    return [...this.#offers(), ...others].toSorted(byName)
  }

  #offers(): readonly ServiceEntry[] {
    return Array.from(this.#own.keys(), (pattern) => this.#ownEntry(pattern)).filter(
      (entry) => entry !== undefined,
    )
  }

  #ownEntry(pattern: string): ServiceEntry | undefined {
    const { memory, self, clock } = this.#context
    const [call, stream] = [
      memory.procedures.get('call', pattern),
      memory.procedures.get('stream', pattern),
    ]
    const sinceMs = Math.min(call?.sinceMs ?? Infinity, stream?.sinceMs ?? Infinity)
    if (sinceMs === Infinity) return undefined
    return {
      ...{ procedure: pattern, node: self, isLocal: true, via: undefined },
      kinds: kindsOf(call !== undefined, stream !== undefined),
      metadata: { ...stream?.settings.metadata, ...call?.settings.metadata },
      ageMs: clock.now() - sinceMs,
    }
  }

  #entryOf({ pattern, node, via, detail, sinceMs }: CatalogEntry): ServiceEntry {
    return {
      ...{ procedure: pattern, node, isLocal: false, via },
      kinds: kindsOf(offers(detail, 'call'), offers(detail, 'stream')),
      metadata: metadataOf(detail),
      ageMs: this.#context.clock.now() - sinceMs,
    }
  }

  // --- what changes

  #learned({ type, entry }: CatalogChange): void {
    if (this.#watches.size > 0) this.#tell({ type, entry: this.#entryOf(entry) })
  }

  #offered(pattern: string): void {
    const before = this.#own.get(pattern)
    const entry = this.#ownEntry(pattern)
    if (entry === undefined) this.#own.delete(pattern)
    else this.#own.set(pattern, entry)
    const told = entry ?? before
    if (told === undefined) return
    const type = entry === undefined ? 'removed' : before === undefined ? 'added' : 'changed'
    this.#tell({ type, entry: told })
  }

  #tell(change: ServiceChange): void {
    for (const { filter, handler } of Array.from(this.#watches)) {
      if (filter !== undefined && !concerns(filter, change.entry.procedure)) continue
      callHandler(
        () => handler(change),
        (error) => this.#failed(change, error),
      )
    }
  }

  #failed({ entry: { procedure } }: ServiceChange, error: unknown): void {
    const fields = { procedure, error }
    this.#context.refusals.count('ERR_SERVICES_HANDLER', fields, { level: 'error' })
  }

  // --- looking

  #isFresh(filter: string): boolean {
    this.prune()
    return this.#asked.has(filter) && this.#matching(filter).length > 0
  }

  async #seek(filter: string, { timeoutMs, signal }: FindServicesOptions): Promise<void> {
    const { catalog, refusals, clock } = this.#context
    this.#searches += 1
    if (!catalog.isSought('procedure', filter)) {
      try {
        await catalog.seek('procedure', filter, { timeoutMs: timeoutMs ?? FIND_MS, signal })
      } catch (cause) {
        if (signal?.aborted !== true) throw cause
        throw aborted(filter, signal)
      }
    }
    if (!setNewest(this.#asked, filter, clock.now(), this.#settings.findsMax)) return
    refusals.count('ERR_SERVICES_FINDS_MAX', {}, { level: 'debug' })
  }
}

function aborted(filter: string, { reason }: AbortSignal): ServicesError {
  const cause: unknown = reason
  return new ServicesError('ERR_SERVICES_ABORTED', `looking for '${filter}' was given up`, {
    cause,
  })
}

/** Whether what is advertised so is of interest to who looks for that. */
function concerns(filter: string, pattern: string): boolean {
  return isWildcard(filter) ? matchesFilter(filter, pattern) : matchesFilter(pattern, filter)
}

function kindsOf(hasCalls: boolean, hasStreams: boolean): readonly ProcedureKind[] {
  return [...(hasCalls ? (['call'] as const) : []), ...(hasStreams ? (['stream'] as const) : [])]
}

function byName(left: ServiceEntry, right: ServiceEntry): number {
  if (left.procedure !== right.procedure) return left.procedure < right.procedure ? -1 : 1
  return left.node < right.node ? -1 : 1
}
