/** Counts of two kinds over the last `windowMs`, in ten parts, so that what is old goes in small steps. */

const PARTS = 10

/** See the head of this file. */
export class WindowedCounts {
  readonly #partMs: number
  readonly #totals: number[] = new Array<number>(PARTS).fill(0)
  readonly #marked: number[] = new Array<number>(PARTS).fill(0)
  #part = 0
  #total = 0
  #markedTotal = 0

  constructor(windowMs: number) {
    this.#partMs = Math.max(1, windowMs / PARTS)
  }

  /** All of the window. */
  total(nowMs: number): number {
    this.#move(nowMs)
    return this.#total
  }

  /** Those of them that were marked. */
  marked(nowMs: number): number {
    this.#move(nowMs)
    return this.#markedTotal
  }

  add(isMarked: boolean, nowMs: number): void {
    this.#move(nowMs)
    const at = this.#part % PARTS
    this.#totals[at]! += 1
    this.#total += 1
    if (!isMarked) return
    this.#marked[at]! += 1
    this.#markedTotal += 1
  }

  clear(): void {
    this.#totals.fill(0)
    this.#marked.fill(0)
    this.#total = 0
    this.#markedTotal = 0
  }

  #move(nowMs: number): void {
    const part = Math.floor(nowMs / this.#partMs)
    if (part <= this.#part) return
    if (part - this.#part >= PARTS) this.clear()
    else {
      for (let old = this.#part + 1; old <= part; old++) {
        const at = old % PARTS
        this.#total -= this.#totals[at]!
        this.#markedTotal -= this.#marked[at]!
        this.#totals[at] = 0
        this.#marked[at] = 0
      }
    }
    this.#part = part
  }
}
