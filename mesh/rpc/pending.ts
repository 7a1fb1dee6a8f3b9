/**
 * What waits for answers: attempts of calls, and calls that are served here. Each ends exactly once: by an answer, by the
 * end of its node, or by its time; whoever takes one out has the right to settle it.
 *
 * Bounded in all and per node (H34): a slow node cannot take all of it.
 */
import { Slots } from './slots.ts'

/** One that waits. */
export interface PendingEntry {
  /** {@link callIdText} of its id. */
  readonly id: string
  readonly node: string
}

/** Limits of {@link Pending}. */
export interface PendingLimits {
  readonly pendingMax: number
  readonly pendingPerPeerMax: number
}

/** See the head of this file. */
export class Pending<Entry extends PendingEntry> {
  readonly #limits: PendingLimits
  readonly #places = new Map<string, number>()
  readonly #entries = new Slots<Entry>()
  readonly #counts = new Map<string, number>()

  constructor(limits: PendingLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  sizeOf(node: string): number {
    return this.#counts.get(node) ?? 0
  }

  /** Whether one more for that node has room. */
  hasRoom(node: string): boolean {
    const { pendingMax, pendingPerPeerMax } = this.#limits
    return this.#entries.size < pendingMax && this.sizeOf(node) < pendingPerPeerMax
  }

  /** False when there is no room, or the id is taken: nothing changes. */
  add(entry: Entry): boolean {
    const { id, node } = entry
    if (!this.hasRoom(node) || this.#places.has(id)) return false
    this.#places.set(id, this.#entries.add(entry))
    this.#counts.set(node, this.sizeOf(node) + 1)
    return true
  }

  get(id: string): Entry | undefined {
    const place = this.#places.get(id)
    return place === undefined ? undefined : this.#entries.get(place)
  }

  /** Takes it out; undefined when it was out already. */
  take(id: string): Entry | undefined {
    const place = this.#places.get(id)
    if (place === undefined) return undefined
    const entry = this.#entries.get(place)!
    this.#places.delete(id)
    this.#entries.delete(place)
    const left = this.sizeOf(entry.node) - 1
    if (left > 0) this.#counts.set(entry.node, left)
    else this.#counts.delete(entry.node)
    return entry
  }

  /** Takes out all of one node. Looks at all that wait: nodes go seldom, and entries come and go all the time. */
  takeNode(node: string): readonly Entry[] {
    if (this.sizeOf(node) === 0) return []
    const ids: string[] = []
    for (const [id, place] of this.#places) {
      if (this.#entries.get(place)!.node === node) ids.push(id)
    }
    return this.#taken(ids)
  }

  /** Takes out all. */
  takeAll(): readonly Entry[] {
    return this.#taken(Array.from(this.#places.keys()))
  }

  #taken(ids: readonly string[]): readonly Entry[] {
    return ids.map((id) => this.take(id)).filter((entry) => entry !== undefined)
  }
}
