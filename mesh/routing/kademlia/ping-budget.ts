/** How many pings a node sends: so many unanswered at once, and so many within any second (K9). */

const SECOND_MS = 1_000

/** The budget of one node. */
export class PingBudget {
  readonly #pingsMax: number
  readonly #pingsPerSecondMax: number
  /** When the last pings went out, as a ring; one place for each that a second may have. */
  readonly #sentMs: number[] = []
  #at = 0
  #running = 0

  constructor(limits: { readonly pingsMax: number; readonly pingsPerSecondMax: number }) {
    this.#pingsMax = limits.pingsMax
    this.#pingsPerSecondMax = limits.pingsPerSecondMax
  }

  /** Pings without answer. */
  get running(): number {
    return this.#running
  }

  /** When one may be sent; Infinity while too many are unanswered. */
  freeAtMs(): number {
    if (this.#running >= this.#pingsMax || this.#pingsPerSecondMax <= 0) return Infinity
    if (this.#sentMs.length < this.#pingsPerSecondMax) return -Infinity
    return this.#sentMs[this.#at]! + SECOND_MS
  }

  sent(nowMs: number): void {
    this.#running += 1
    this.#sentMs[this.#at] = nowMs
    this.#at = (this.#at + 1) % this.#pingsPerSecondMax
  }

  settled(): void {
    this.#running -= 1
  }
}
