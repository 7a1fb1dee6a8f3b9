/** Finds who should hold a record: a lookup of the nearest, repeated further out when they crowd (K45). */
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance } from '../kademlia/id.ts'
import type { LookupHop, LookupResult } from '../kademlia/machine.ts'
import type { Contact } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import type { LookupOwner } from './lookups.ts'
import { holdersAmong, widerCount } from './radius.ts'
import type { KeyArea } from './radius.ts'

/** How to look. What is not given is as the routing core has it. */
export interface PlacementSpec {
  readonly key: KadKey
  readonly paths?: number | undefined
  readonly alpha?: number | undefined
  readonly deadlineMs?: number | undefined
  readonly trace?: boolean | undefined
}

/** Who should hold a record, beside this node. */
export interface Placed {
  /** Nearest first. */
  readonly targets: readonly Contact[]
  /** True when this node is one of the k nearest, and so a holder. */
  readonly selfHolds: boolean
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
  requests = 0
  readonly #context: RecordsContext
  readonly #spec: PlacementSpec
  readonly #owner: PlacementOwner
  readonly #found = new Map<string, Contact>()
  #lookupId: number | undefined
  #count = 0

  constructor(context: RecordsContext, spec: PlacementSpec, owner: PlacementOwner) {
    this.#context = context
    this.#spec = spec
    this.#owner = owner
  }

  begin(): void {
    this.#look(this.#context.settings.k)
  }

  /** No call follows. */
  cancel(): void {
    if (this.#lookupId !== undefined) this.#context.lookups.cancel(this.#lookupId)
    this.#lookupId = undefined
  }

  lookupReply(): void {
    // Who is near is said at the end.
  }

  lookupHop(hop: LookupHop): void {
    this.#owner.hop(hop)
  }

  lookupDone(result: LookupResult): void {
    this.#lookupId = undefined
    this.requests += result.requests
    for (const contact of result.closest) this.#found.set(contact.id, contact)
    const { settings, routing } = this.#context
    const { key } = this.#spec
    const found = [...this.#found.values()].sort((a, b) => compareDistance(key, a.key, b.key))
    const area = { key, found, count: this.#count, networkSize: routing.networkSize() }
    const whole = result.reason === 'converged' || result.reason === 'exhausted'
    const wider = whole ? widerCount(area, settings) : undefined
    if (wider === undefined) this.#place(area)
    else this.#look(wider)
  }

  #look(count: number): void {
    const { key, paths, alpha, deadlineMs, trace } = this.#spec
    this.#count = count
    this.#lookupId = this.#context.lookups.begin(this, {
      kind: 'find_node',
      target: key,
      count,
      ...(paths === undefined ? {} : { paths }),
      ...(alpha === undefined ? {} : { alpha }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(trace === undefined ? {} : { trace }),
    })
  }

  #place(area: KeyArea): void {
    const { self, serves, settings, routing } = this.#context
    const { key, found } = area
    // Whoever found too few to tell, perhaps because it is cut off, goes by the table.
    const others = found.length < settings.k ? routing.closest(key, settings.k) : found
    const selfHolds = this.#context.isHolder(key, others)
    const nearest = found[0]
    this.#owner.placed({
      targets: holdersAmong(area, settings, selfHolds ? settings.k - 1 : settings.k),
      selfHolds,
      selfNearest:
        serves && (nearest === undefined || compareDistance(key, self.key, nearest.key) < 0),
    })
  }
}
