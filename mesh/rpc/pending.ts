/**
 * What waits for answers of other nodes: attempts of calls, streams that are being opened. Each ends exactly once: by an
 * answer, by the end of its node, or by its time; whoever takes one out has the right to settle it.
 *
 * Bounded in all and per node (H34): a slow node cannot take all of it.
 */
import { Deadlines } from '../machine/deadlines.ts'

/** One that waits. */
export interface PendingEntry {
  /** {@link callIdText} of its id. */
  readonly id: string
  readonly node: string
  /** By the clock of this node; Infinity for no limit. */
  readonly dueMs: number
}

/** Limits of {@link Pending}. */
export interface PendingLimits {
  readonly pendingMax: number
  readonly pendingPerPeerMax: number
}

interface Slot<Entry> {
  readonly entry: Entry
  readonly number: number
}

/** See the head of this file. */
export class Pending<Entry extends PendingEntry> {
  readonly #limits: PendingLimits
  readonly #slots = new Map<string, Slot<Entry>>()
  readonly #ids = new Map<number, string>()
  readonly #deadlines = new Deadlines()
  readonly #counts = new Map<string, number>()
  #number = 0

  constructor(limits: PendingLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#slots.size
  }

  sizeOf(node: string): number {
    return this.#counts.get(node) ?? 0
  }

  /** When the next one is due. */
  get nextDueMs(): number {
    return this.#deadlines.earliest()
  }

  /** Whether one more for that node has room. */
  hasRoom(node: string): boolean {
    const { pendingMax, pendingPerPeerMax } = this.#limits
    return this.#slots.size < pendingMax && this.sizeOf(node) < pendingPerPeerMax
  }

  /** False when there is no room, or the id is taken: nothing changes. */
  add(entry: Entry): boolean {
    const { id, node, dueMs } = entry
    if (!this.hasRoom(node) || this.#slots.has(id)) return false
    const number = this.#number++
    this.#slots.set(id, { entry, number })
    if (dueMs !== Infinity) {
      this.#ids.set(number, id)
      this.#deadlines.set(number, dueMs)
    }
    this.#counts.set(node, this.sizeOf(node) + 1)
    return true
  }

  get(id: string): Entry | undefined {
    return this.#slots.get(id)?.entry
  }

  /** Takes it out; undefined when it was out already. */
  take(id: string): Entry | undefined {
    const slot = this.#slots.get(id)
    if (slot === undefined) return undefined
    const { entry, number } = slot
    this.#slots.delete(id)
    this.#deadlines.delete(number)
    this.#ids.delete(number)
    const left = this.sizeOf(entry.node) - 1
    if (left > 0) this.#counts.set(entry.node, left)
    else this.#counts.delete(entry.node)
    return entry
  }

  /** Takes out all of one node. Looks at all that wait: nodes go seldom, and entries come and go all the time. */
  takeNode(node: string): readonly Entry[] {
    if (this.sizeOf(node) === 0) return []
    const ids: string[] = []
    for (const [id, { entry }] of this.#slots) if (entry.node === node) ids.push(id)
    return this.#taken(ids)
  }

  /** Takes out all. */
  takeAll(): readonly Entry[] {
    return this.#taken(Array.from(this.#slots.keys()))
  }

  /** Takes out one whose time is over; undefined when there is none. */
  takeDue(nowMs: number): Entry | undefined {
    if (this.#deadlines.earliest() > nowMs) return undefined
    return this.take(this.#ids.get(this.#deadlines.first())!)
  }

  #taken(ids: readonly string[]): readonly Entry[] {
    return ids.map((id) => this.take(id)).filter((entry) => entry !== undefined)
  }
}
