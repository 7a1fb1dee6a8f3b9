/** Tuples of whole numbers below 2^32, each once: a table in typed arrays, for many millions of them. */

const LOAD_MAX = 0.7
const SIZE_FIRST = 2 ** 12

/** See the head of this file. */
export class TupleSet {
  readonly #width: number
  #slots = SIZE_FIRST
  #table: Uint32Array
  #used: Uint8Array
  size = 0

  constructor(width: number) {
    this.#width = width
    this.#table = new Uint32Array(SIZE_FIRST * width)
    this.#used = new Uint8Array(SIZE_FIRST)
  }

  /** False if it was there. */
  add(tuple: readonly number[]): boolean {
    if (this.size >= this.#slots * LOAD_MAX) this.#grow()
    if (!this.#put(tuple)) return false
    this.size += 1
    return true
  }

  #put(tuple: readonly number[]): boolean {
    const width = this.#width
    let slot = hashOf(tuple) % this.#slots
    while (this.#used[slot] === 1) {
      let same = true
      for (let i = 0; i < width; i++) {
        if (this.#table[slot * width + i] !== tuple[i]) same = false
      }
      if (same) return false
      slot = slot + 1 === this.#slots ? 0 : slot + 1
    }
    this.#used[slot] = 1
    for (let i = 0; i < width; i++) this.#table[slot * width + i] = tuple[i]!
    return true
  }

  #grow(): void {
    const [table, used, slots] = [this.#table, this.#used, this.#slots]
    this.#slots = slots * 2
    this.#table = new Uint32Array(this.#slots * this.#width)
    this.#used = new Uint8Array(this.#slots)
    const tuple = new Array<number>(this.#width).fill(0)
    for (let slot = 0; slot < slots; slot++) {
      if (used[slot] !== 1) continue
      for (let i = 0; i < this.#width; i++) tuple[i] = table[slot * this.#width + i]!
      this.#put(tuple)
    }
  }
}

/** Of all bits of all numbers. */
function hashOf(tuple: readonly number[]): number {
  let hash = 0x9e3779b9
  for (const number of tuple) {
    hash = Math.imul(hash ^ number, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}
