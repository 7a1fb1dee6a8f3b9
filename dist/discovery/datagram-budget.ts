/** How many datagrams of strangers are read within a second. Pure. */

const WINDOW_MS = 1_000

/** See the head of this file. */
export class DatagramBudget {
  readonly #perSecondMax: number
  #startMs = -Infinity
  #count = 0

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax
  }

  /** `spent` for the first that is too many in its second, `over` for those after it. */
  take(nowMs: number): 'taken' | 'spent' | 'over' {
    if (nowMs - this.#startMs >= WINDOW_MS) {
      this.#startMs = nowMs
      this.#count = 0
    }
    this.#count += 1
    if (this.#count <= this.#perSecondMax) return 'taken'
    return this.#count === this.#perSecondMax + 1 ? 'spent' : 'over'
  }

  /** What is left of the second. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#startMs + WINDOW_MS - nowMs)
  }
}
