/** Finds who should hold a record: a lookup of the nearest, repeated further out when they crowd (K45). */
import { compareDistance } from '../kademlia/id.ts'
import type { LookupHop, LookupResult } from '../kademlia/machine.ts'
import type { Contact } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import type { LookupOwner } from './lookups.ts'
import { holdersAmong } from './radius.ts'
import type { KeyArea } from './radius.ts'
import { Search } from './search.ts'
import type { SearchSpec } from './search.ts'

/** Of what, and how to look. */
export type PlacementSpec = Omit<SearchSpec, 'kind'>

/** Who should hold a record, beside this node. */
export interface Placed {
  /** Nearest first. */
  readonly targets: readonly Contact[]
  /** True when this node is one of the k nearest, and so a holder. */
  readonly selfHolds: boolean
  /** True when everybody who was asked answered: nobody nearer was missed for that. */
  readonly whole: boolean
  /** True when it is the nearest of all. */
  readonly selfNearest: boolean
}

/** Who wants to know. */
export interface PlacementOwner {
  placed(placed: Placed): void
  hop(hop: LookupHop): void
}

/** See the head of this file. */
export class Placement implements LookupOwner {
  readonly #context: RecordsContext
  readonly #owner: PlacementOwner
  readonly #search: Search

  constructor(context: RecordsContext, spec: PlacementSpec, owner: PlacementOwner) {
    this.#context = context
    this.#owner = owner
    this.#search = new Search(context, this, { kind: 'find_node', ...spec })
  }

  /** Of the lookups that have ended. */
  get requests(): number {
    return this.#search.requests
  }

  begin(): void {
    this.#search.begin()
  }

  /** No call follows. */
  cancel(): void {
    this.#search.cancel()
  }

  lookupReply(): void {
    // Who is near is said at the end.
  }

  lookupHop(hop: LookupHop): void {
    this.#owner.hop(hop)
  }

  lookupDone(result: LookupResult): void {
    this.#search.ended(result)
    const whole = result.reason === 'converged' || result.reason === 'exhausted'
    if (whole && this.#search.widen()) return
    this.#place(this.#search.area(), whole && this.#search.failures === 0)
  }

  #place(area: KeyArea, whole: boolean): void {
    const { self, serves, settings, routing } = this.#context
    const { key, found } = area
    // Whoever found too few to tell, perhaps because it is cut off, goes by the table.
    const others = found.length < settings.k ? routing.closest(key, settings.k) : found
    const selfHolds = this.#context.isHolder(key, others)
    const nearest = found[0]
    this.#owner.placed({
      targets: holdersAmong(area, settings, selfHolds ? settings.k - 1 : settings.k),
      selfHolds,
      whole,
      selfNearest:
        serves && (nearest === undefined || compareDistance(key, self.key, nearest.key) < 0),
    })
  }
}
