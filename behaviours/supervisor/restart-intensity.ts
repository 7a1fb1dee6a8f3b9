/**
 * How many restarts are too many. Pure: time is an argument.
 *
 * A supervisor may restart `intensity` times within any window of `periodMs`; the next restart is one
 * too many (U-30: the limit is MORE THAN intensity). The window slides (U-31) and the count belongs to
 * the supervisor, not to a child (U-32). A failed attempt to start counts like a successful one (U-33).
 *
 * Invariant: `#times` is a ring of the last `intensity` allowed restarts, so one comparison with the
 * oldest of them decides; memory and time per restart are constant.
 */

/** The two numbers that bound restarts. */
export interface RestartIntensityOptions {
  /** Restarts allowed within one period; 0 allows none. */
  readonly intensity: number
  /** Length of the window. A restart exactly `periodMs` ago still counts. */
  readonly periodMs: number
}

/**
 * A sliding window of restarts.
 *
 * @example
 * const window = new RestartIntensity({ intensity: 2, periodMs: 1000 })
 * assert.deepEqual([0, 10, 20].map((atMs) => window.add(atMs)), [true, true, false]) // U-30
 * assert.equal(window.add(1001), true) // the first is forgotten (U-31)
 */
export class RestartIntensity {
  readonly intensity: number
  readonly periodMs: number
  /** Grows on use up to `intensity`: a generous limit costs nothing until it is needed. */
  readonly #times: number[] = []
  #oldest = 0

  constructor(options: RestartIntensityOptions) {
    this.intensity = options.intensity
    this.periodMs = options.periodMs
  }

  /** Counts a restart at `nowMs`; false when it is one too many. A refused restart is not recorded. */
  add(nowMs: number): boolean {
    if (this.intensity === 0) return false
    const oldest = this.#times[this.#oldest] // none until the ring is full
    if (oldest !== undefined && nowMs - oldest <= this.periodMs) return false
    this.#times[this.#oldest] = nowMs
    this.#oldest = (this.#oldest + 1) % this.intensity
    return true
  }

  /** Restarts that still count at `nowMs`. */
  recent(nowMs: number): number {
    let count = 0
    for (const time of this.#times) if (nowMs - time <= this.periodMs) count++
    return count
  }
}
