/**
 * Entries of other nodes, by node and by who told them: the node itself, or a gateway that says it is connected to it.
 * Of one node the entries of one teller count: those it told itself, or else what was told newest, by life and stamp. When
 * that teller has taken back all of them, that counts as well, as long as it is there: older words of others do not come back.
 */
import { FilterMap } from '../topics/filter-map.ts'
import type { CatalogChange, CatalogDetail, CatalogEntry, CatalogKind } from './catalog.ts'
import { sameDetail } from './message.ts'

/** What one teller says about one node. */
export interface Claim {
  readonly teller: string
  life: number
  stamp: number
  readonly entries: Map<string, CatalogEntry>
}

interface Node {
  readonly claims: Map<string, Claim>
  chosen: Claim
}

/** Entries of one kind. */
export class Claims {
  readonly kind: CatalogKind
  readonly #changed: (change: CatalogChange) => void
  readonly #ended: (node: string, teller: string) => void
  readonly #nodes = new Map<string, Node>()
  readonly #index = new FilterMap<CatalogEntry>()

  /** `ended` hears that nothing is kept any more of what one teller says about one node. */
  constructor(
    kind: CatalogKind,
    changed: (change: CatalogChange) => void,
    ended: (node: string, teller: string) => void,
  ) {
    this.kind = kind
    this.#changed = changed
    this.#ended = ended
  }

  /** Entries that count. */
  get size(): number {
    return this.#index.size
  }

  nodes(): IterableIterator<string> {
    return this.#nodes.keys()
  }

  match(name: string, visit: (entry: CatalogEntry) => void): void {
    this.#index.match(name, visit)
  }

  *entries(): Iterable<CatalogEntry> {
    for (const { chosen } of this.#nodes.values()) yield* chosen.entries.values()
  }

  /** What one teller says about one node. */
  get(node: string, teller: string): Claim | undefined {
    return this.#nodes.get(node)?.claims.get(teller)
  }

  /** Who says something about that node. */
  tellers(node: string): string[] {
    return Array.from(this.#nodes.get(node)?.claims.keys() ?? [])
  }

  /** What counts for that node. */
  chosen(node: string): Claim | undefined {
    return this.#nodes.get(node)?.chosen
  }

  /** Whether one more entry, or another detail, changes how many there are. */
  isNew(node: string, teller: string, pattern: string): boolean {
    return this.get(node, teller)?.entries.has(pattern) !== true
  }

  /** `via` is the gateway, undefined when the node tells itself. */
  set(node: string, teller: string, pattern: string, detail: CatalogDetail, nowMs: number): void {
    const state = this.#open(node, teller)
    const claim = state.claims.get(teller)!
    const before = claim.entries.get(pattern)
    if (before !== undefined && sameDetail(before.detail, detail)) return
    const { kind } = this
    const via = teller === node ? undefined : teller
    const entry: CatalogEntry = { kind, pattern, node, via, detail, sinceMs: nowMs }
    claim.entries.set(pattern, entry)
    if (state.chosen !== claim) return
    if (before !== undefined) this.#index.delete(pattern, before)
    this.#index.add(pattern, entry)
    this.#changed({ type: before === undefined ? 'added' : 'changed', entry })
  }

  delete(node: string, teller: string, pattern: string): boolean {
    const state = this.#nodes.get(node)
    const claim = state?.claims.get(teller)
    const entry = claim?.entries.get(pattern)
    if (state === undefined || claim === undefined || entry === undefined) return false
    claim.entries.delete(pattern)
    if (state.chosen === claim) this.#remove(entry)
    if (claim.entries.size === 0) this.#tidy(node, state)
    return true
  }

  /** The teller has said something of that age about the node. */
  renew(node: string, teller: string, life: number, stamp: number): void {
    const state = this.#nodes.get(node)
    const claim = state?.claims.get(teller)
    if (state === undefined || claim === undefined) return
    if (life < claim.life || (life === claim.life && stamp <= claim.stamp)) return
    claim.life = life
    claim.stamp = stamp
    this.#choose(node, state)
    this.#tidy(node, state)
  }

  /** Everything that one teller says about one node; gives how much that was. */
  drop(node: string, teller: string): number {
    const state = this.#nodes.get(node)
    const claim = state?.claims.get(teller)
    if (state === undefined || claim === undefined) return 0
    const entries = Array.from(claim.entries.values())
    claim.entries.clear()
    if (state.chosen === claim) for (const entry of entries) this.#remove(entry)
    state.claims.delete(teller)
    this.#ended(node, teller)
    if (state.chosen === claim) this.#choose(node, state)
    this.#tidy(node, state)
    return entries.length
  }

  #open(node: string, teller: string): Node {
    const known = this.#nodes.get(node)
    if (known?.claims.has(teller) === true) return known
    const claim: Claim = { teller, life: 0, stamp: 0, entries: new Map() }
    if (known === undefined) {
      const state = { claims: new Map([[teller, claim]]), chosen: claim }
      this.#nodes.set(node, state)
      return state
    }
    known.claims.set(teller, claim)
    return known
  }

  /** Of claims without entries the one that counts is kept, as long as there are older ones with entries. */
  #tidy(node: string, state: Node): void {
    const isOver = Array.from(state.claims.values()).every(({ entries }) => entries.size === 0)
    for (const claim of state.claims.values()) {
      if (claim.entries.size > 0 || (claim === state.chosen && !isOver)) continue
      state.claims.delete(claim.teller)
      this.#ended(node, claim.teller)
    }
    if (state.claims.size === 0) this.#nodes.delete(node)
  }

  #choose(node: string, state: Node): void {
    let best: Claim | undefined
    for (const claim of state.claims.values()) {
      if (best === undefined || isNewer(claim, best, node)) best = claim
    }
    const former = state.chosen
    if (best === undefined || best === former) return
    state.chosen = best
    for (const [pattern, entry] of former.entries) {
      this.#index.delete(pattern, entry)
      if (!best.entries.has(pattern)) this.#changed({ type: 'removed', entry })
    }
    for (const [pattern, entry] of best.entries) {
      this.#index.add(pattern, entry)
      this.#changed({ type: former.entries.has(pattern) ? 'changed' : 'added', entry })
    }
  }

  #remove(entry: CatalogEntry): void {
    this.#index.delete(entry.pattern, entry)
    this.#changed({ type: 'removed', entry })
  }
}

/** Of two that are equally old the node's own word counts, then the one that counted before. */
function isNewer(claim: Claim, than: Claim, node: string): boolean {
  if (claim.life !== than.life) return claim.life > than.life
  if (claim.stamp !== than.stamp) return claim.stamp > than.stamp
  return claim.teller === node
}
