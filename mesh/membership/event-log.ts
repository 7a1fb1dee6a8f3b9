/**
 * The last things that happened to members, for the question after an outage: who suspected whom, when,
 * on whose word? A ring of `membershipEventsMax` entries; older ones are overwritten.
 */
import type { Incarnation } from './swim/statement.ts'
import type { SwimEvent } from './swim/machine.ts'

/** One line of the log. */
export interface MembershipLogEntry {
  /** Monotonic time. */
  readonly atMs: number
  readonly type: SwimEvent['type'] | 'restarted'
  /** Key of the member, hex. */
  readonly id: string
  readonly nodeId: string
  readonly incarnation: Incarnation
  /** Key of the node that suspected it or declared it down, hex. */
  readonly accuser: string | undefined
  /** Key of the node that brought the news, hex; undefined when this node found out itself. */
  readonly from: string | undefined
}

/** A bounded log. */
export class MembershipLog {
  readonly #entriesMax: number
  readonly #entries: MembershipLogEntry[] = []
  /** Place of the oldest entry once the ring is full. */
  #oldest = 0

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  /** Keeps `entry`, at the cost of the oldest one when there is no room. */
  add(entry: MembershipLogEntry): void {
    if (this.#entriesMax === 0) return
    if (this.#entries.length < this.#entriesMax) {
      this.#entries.push(entry)
      return
    }
    this.#entries[this.#oldest] = entry
    this.#oldest = (this.#oldest + 1) % this.#entriesMax
  }

  /** Oldest first. */
  entries(): MembershipLogEntry[] {
    return [...this.#entries.slice(this.#oldest), ...this.#entries.slice(0, this.#oldest)]
  }
}
