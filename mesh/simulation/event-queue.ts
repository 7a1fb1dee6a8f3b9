/**
 * The one queue of a simulated world: what happens next, in the order (time, time of adding). A wheel of
 * 4,096 slots of one millisecond holds what is near, a binary heap what is further away; an item moves
 * from the heap to the wheel at the instant its slot opens, before anything can be added there directly,
 * so that the order of adding holds among all items of one millisecond.
 */
import { ArgumentError } from '../../runtime/index.ts'

const SLOTS = 4096
const MASK = SLOTS - 1
const PLACES = 1024
const NONE = -1

/** Pure: it knows no other time than that of the items taken from it. */
export class EventQueue<Item> {
  /** First and last place of each slot; {@link NONE} for an empty one. */
  readonly #firsts = new Int32Array(SLOTS).fill(NONE)
  readonly #lasts = new Int32Array(SLOTS)
  /** Places: the item, and the next one of its slot or of those that are free. The one freed last is used next. */
  readonly #items: (Item | undefined)[] = []
  #nexts: Int32Array = new Int32Array(PLACES)
  #free = NONE
  readonly #far = new FarItems<Item>()
  #near = 0
  #nowMs = 0

  /** The present: time of the item taken last, or where {@link take} stopped. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Items that wait. */
  get size(): number {
    return this.#near + this.#far.size
  }

  /** Adds an item behind all others of its millisecond: times are rounded up, and never earlier than the present. */
  add(atMs: number, item: Item): void {
    const wholeMs = Math.max(this.#nowMs, Math.ceil(atMs))
    if (Number.isNaN(wholeMs)) throw new ArgumentError('atMs', 'a time', atMs)
    if (wholeMs < this.#nowMs + SLOTS) this.#put(wholeMs & MASK, item)
    else this.#far.add(wholeMs, item)
  }

  /** Takes the first item that is due by `untilMs`; without one the present moves to `untilMs`. */
  take(untilMs: number): Item | undefined {
    for (;;) {
      const place = this.#firsts[this.#nowMs & MASK]!
      if (place !== NONE) {
        this.#firsts[this.#nowMs & MASK] = this.#nexts[place]!
        return this.#leave(place)
      }
      if (this.#nowMs >= untilMs) return undefined
      this.#nowMs = this.#near > 0 ? this.#nowMs + 1 : Math.min(untilMs, this.#far.firstMs)
      this.#open()
    }
  }

  /** Moves what is near now to the wheel. */
  #open(): void {
    const endMs = this.#nowMs + SLOTS
    while (this.#far.firstMs < endMs) {
      const at = this.#far.firstMs & MASK
      this.#put(at, this.#far.take())
    }
  }

  #put(slot: number, item: Item): void {
    const place = this.#free === NONE ? this.#grow() : this.#free
    this.#free = this.#nexts[place]!
    this.#items[place] = item
    this.#nexts[place] = NONE
    if (this.#firsts[slot] === NONE) this.#firsts[slot] = place
    else this.#nexts[this.#lasts[slot]!] = place
    this.#lasts[slot] = place
    this.#near++
  }

  #leave(place: number): Item | undefined {
    const item = this.#items[place]
    this.#items[place] = undefined
    this.#nexts[place] = this.#free
    this.#free = place
    this.#near--
    return item
  }

  /** A place more. */
  #grow(): number {
    const place = this.#items.push(undefined) - 1
    if (place >= this.#nexts.length) {
      const nexts = new Int32Array(2 * place)
      nexts.set(this.#nexts)
      this.#nexts = nexts
    }
    this.#nexts[place] = NONE
    return place
  }
}

/** A binary heap keyed (time, sequence). */
class FarItems<Item> {
  readonly #items: Item[] = []
  readonly #times: number[] = []
  readonly #sequences: number[] = []
  #sequence = 0

  get size(): number {
    return this.#items.length
  }
  get firstMs(): number {
    return this.#times[0] ?? Infinity
  }

  add(atMs: number, item: Item): void {
    let index = this.#items.length
    const sequence = this.#sequence++
    this.#items.push(item)
    this.#times.push(atMs)
    this.#sequences.push(sequence)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#times[parent]! <= atMs) break
      this.#move(parent, index)
      index = parent
    }
    this.#put(index, item, atMs, sequence)
  }

  take(): Item {
    const first = this.#items[0]!
    const last = this.#items.pop()!
    const atMs = this.#times.pop()!
    const sequence = this.#sequences.pop()!
    if (this.#items.length > 0) this.#sink(last, atMs, sequence)
    return first
  }

  #sink(item: Item, atMs: number, sequence: number): void {
    const length = this.#items.length
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && this.#before(child + 1, child)) child++
      const childMs = this.#times[child]!
      if (childMs > atMs || (childMs === atMs && this.#sequences[child]! > sequence)) break
      this.#move(child, index)
      index = child
    }
    this.#put(index, item, atMs, sequence)
  }

  #before(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!
    return difference < 0 || (difference === 0 && this.#sequences[a]! < this.#sequences[b]!)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#items[from]!, this.#times[from]!, this.#sequences[from]!)
  }

  #put(index: number, item: Item, atMs: number, sequence: number): void {
    this.#items[index] = item
    this.#times[index] = atMs
    this.#sequences[index] = sequence
  }
}
