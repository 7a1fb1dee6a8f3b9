/**
 * What a provider costs, as its caller sees it: an average of its latencies that follows every peak at once and forgets
 * it with time (Finagle's peak-EWMA). Better than counts that others report, which are old when they arrive
 * (network-services 2.3).
 */

/** Cost of a provider that has not answered yet and already has a call. */
const UNKNOWN_COST_MS = 1_000_000

/** The latencies of one provider. */
export class PeakEwma {
  readonly #decayMs: number
  #averageMs = 0
  #stampMs = 0
  #known = false

  /** After `decayMs` a latency counts 1/e. */
  constructor(decayMs: number) {
    this.#decayMs = decayMs
  }

  /** The average as of the last answer; undefined before the first. */
  get latencyMs(): number | undefined {
    return this.#known ? this.#averageMs : undefined
  }

  observe(latencyMs: number, nowMs: number): void {
    if (!this.#known || latencyMs > this.#averageMs) this.#averageMs = latencyMs
    else {
      const weight = this.#weight(nowMs)
      this.#averageMs = this.#averageMs * weight + latencyMs * (1 - weight)
    }
    this.#stampMs = nowMs
    this.#known = true
  }

  /** What one more call costs; fades while the provider is not asked, so that it is tried again. */
  cost(outstanding: number, nowMs: number): number {
    if (!this.#known) return outstanding === 0 ? 0 : UNKNOWN_COST_MS + outstanding
    return this.#averageMs * this.#weight(nowMs) * (outstanding + 1)
  }

  #weight(nowMs: number): number {
    return Math.exp(-Math.max(0, nowMs - this.#stampMs) / this.#decayMs)
  }
}
