/** When a second provider is asked as well (R12): after the 95th percentile of what answers took lately. */

/** Latencies that are remembered. */
const WINDOW = 256
/** Fewer say nothing about their 95th percentile. */
const SAMPLES_MIN = 20
/** New latencies before the percentile is found again. */
const STALE_AFTER = 32
const PERCENTILE = 0.95

/** The latencies of one procedure, of all its providers. */
export class LatencyWindow {
  readonly #latenciesMs: number[] = []
  #next = 0
  #fresh = 0
  #percentileMs: number | undefined

  observe(latencyMs: number): void {
    this.#latenciesMs[this.#next] = latencyMs
    this.#next = (this.#next + 1) % WINDOW
    this.#fresh += 1
  }

  /** Undefined as long as too little is known. */
  percentileMs(): number | undefined {
    const { length } = this.#latenciesMs
    if (length < SAMPLES_MIN) return undefined
    if (this.#percentileMs === undefined || this.#fresh >= STALE_AFTER) {
      const sorted = this.#latenciesMs.toSorted((left, right) => left - right)
      this.#percentileMs = sorted[Math.floor((length - 1) * PERCENTILE)]!
      this.#fresh = 0
    }
    return this.#percentileMs
  }
}

/** How long to wait for the first provider; undefined for as long as it takes. */
export function hedgeDelayMs(
  hedge: boolean | { readonly delayMs: number } | undefined,
  latencies: LatencyWindow,
): number | undefined {
  if (hedge === undefined || hedge === false) return undefined
  return hedge === true ? latencies.percentileMs() : hedge.delayMs
}
