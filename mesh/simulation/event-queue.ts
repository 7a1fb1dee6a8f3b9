/**
 * The one queue of a simulated world: what happens next, in the order (time, time of adding). A wheel of
 * 4,096 slots of one millisecond holds what is near, a binary heap what is further away; an item moves
 * from the heap to the wheel at the instant its slot opens, before anything can be added there directly,
 * so that the order of adding holds among all items of one millisecond.
 */

/** An item of the queue. */
export interface Scheduled {
  /** Whole milliseconds; rounded up, and never earlier than the present. */
  atMs: number
}

const SLOTS = 4096
const MASK = SLOTS - 1

/** Pure: it knows no other time than that of the items taken from it. */
export class EventQueue<Item extends Scheduled> {
  readonly #slots: Item[][] = Array.from({ length: SLOTS }, () => [])
  readonly #far = new FarItems<Item>()
  #near = 0
  /** Items of the present slot that are taken already. */
  #taken = 0
  #nowMs = 0

  /** The present: time of the item taken last, or where {@link take} stopped. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Items that wait. */
  get size(): number {
    return this.#near + this.#far.size
  }

  /** Adds an item behind all others of its millisecond. */
  add(item: Item): void {
    const atMs = Math.max(this.#nowMs, Math.ceil(item.atMs))
    item.atMs = atMs
    if (atMs < this.#nowMs + SLOTS) {
      this.#slots[atMs & MASK]!.push(item)
      this.#near++
    } else this.#far.add(item)
  }

  /** Takes the first item that is due by `untilMs`; without one the present moves to `untilMs`. */
  take(untilMs: number): Item | undefined {
    for (;;) {
      const slot = this.#slots[this.#nowMs & MASK]!
      if (this.#taken < slot.length) {
        this.#near--
        return slot[this.#taken++]
      }
      slot.length = 0
      this.#taken = 0
      if (this.#nowMs >= untilMs) return undefined
      this.#nowMs = this.#near > 0 ? this.#nowMs + 1 : Math.min(untilMs, this.#far.firstMs)
      this.#open()
    }
  }

  /** Moves what is near now to the wheel. */
  #open(): void {
    const endMs = this.#nowMs + SLOTS
    while (this.#far.firstMs < endMs) {
      const item = this.#far.take()
      this.#slots[item.atMs & MASK]!.push(item)
      this.#near++
    }
  }
}

/** A binary heap keyed (time, sequence). */
class FarItems<Item extends Scheduled> {
  readonly #items: Item[] = []
  readonly #sequences: number[] = []
  #sequence = 0

  get size(): number {
    return this.#items.length
  }
  get firstMs(): number {
    return this.#items[0]?.atMs ?? Infinity
  }

  add(item: Item): void {
    let index = this.#items.length
    const sequence = this.#sequence++
    this.#items.push(item)
    this.#sequences.push(sequence)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#items[parent]!.atMs <= item.atMs) break
      this.#put(index, this.#items[parent]!, this.#sequences[parent]!)
      index = parent
    }
    this.#put(index, item, sequence)
  }

  take(): Item {
    const first = this.#items[0]!
    const last = this.#items.pop()!
    const sequence = this.#sequences.pop()!
    if (this.#items.length > 0) this.#sink(last, sequence)
    return first
  }

  #sink(item: Item, sequence: number): void {
    const length = this.#items.length
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && this.#before(child + 1, child)) child++
      const atMs = this.#items[child]!.atMs
      if (atMs > item.atMs || (atMs === item.atMs && this.#sequences[child]! > sequence)) break
      this.#put(index, this.#items[child]!, this.#sequences[child]!)
      index = child
    }
    this.#put(index, item, sequence)
  }

  #before(a: number, b: number): boolean {
    const difference = this.#items[a]!.atMs - this.#items[b]!.atMs
    return difference < 0 || (difference === 0 && this.#sequences[a]! < this.#sequences[b]!)
  }

  #put(index: number, item: Item, sequence: number): void {
    this.#items[index] = item
    this.#sequences[index] = sequence
  }
}
