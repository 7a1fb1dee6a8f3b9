/**
 * How long to wait before the next try: exponential with jitter, so that nodes that lost the same
 * peer at the same instant do not all knock again at the same instant (ML18, D2). Pure: chance is a
 * number handed in.
 *
 * The n-th wait lies in [step / 2, step) with step = min(maxMs, baseMs * 2^n).
 */

/** Bounds of a {@link Backoff}. */
export interface BackoffOptions {
  /** First step in milliseconds. */
  readonly baseMs: number
  /** No step is longer. */
  readonly maxMs: number
}

/** Beyond this many doublings every step is `maxMs` for any sane base. */
const DOUBLINGS_MAX = 40

/** Waiting times of one thing that is tried again and again. */
export class Backoff {
  readonly #baseMs: number
  readonly #maxMs: number
  #attempts = 0

  constructor(options: BackoffOptions) {
    this.#baseMs = options.baseMs
    this.#maxMs = Math.max(options.baseMs, options.maxMs)
  }

  /** Failures since the last {@link reset}. */
  get attempts(): number {
    return this.#attempts
  }

  /**
   * The wait after one more failure; `chance` is in [0, 1).
   *
   * @example
   * const backoff = new Backoff({ baseMs: 500, maxMs: 30_000 })
   * backoff.nextMs(0.5) // 375
   */
  nextMs(chance: number): number {
    const doublings = Math.min(this.#attempts, DOUBLINGS_MAX)
    this.#attempts += 1
    return jittered(Math.min(this.#maxMs, this.#baseMs * 2 ** doublings), chance)
  }

  /** The longest wait, for a failure that will not go away by itself (another realm, another key). */
  longestMs(chance: number): number {
    this.#attempts += 1
    return jittered(this.#maxMs, chance)
  }

  /** It worked: the next failure starts at `baseMs` again. */
  reset(): void {
    this.#attempts = 0
  }
}

function jittered(stepMs: number, chance: number): number {
  return stepMs / 2 + (stepMs / 2) * chance
}
