/**
 * Token buckets, one per key: so many a second on average, and so many at once. Buckets that are full again are
 * forgotten, so there are never more than were drawn from within the time that fills one.
 */

/** Limits of {@link Buckets}. */
export interface BucketsOptions {
  readonly perSecond: number
  /** What a full bucket holds. */
  readonly burst: number
  /** Keys remembered; beyond it the one that was drawn from longest ago is forgotten. */
  readonly keysMax: number
}

interface Bucket {
  tokens: number
  atMs: number
}

/** See the file header. */
export class Buckets {
  readonly #options: BucketsOptions
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: BucketsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Takes `amount` of `key`'s; false when there is not so much. */
  take(key: string, nowMs: number, amount = 1): boolean {
    const { perSecond, burst, keysMax } = this.#options
    const known = this.#buckets.get(key)
    const tokens =
      known === undefined
        ? burst
        : Math.min(burst, known.tokens + ((nowMs - known.atMs) / 1_000) * perSecond)
    this.#buckets.delete(key)
    const taken = tokens >= amount
    this.#buckets.set(key, { tokens: taken ? tokens - amount : tokens, atMs: nowMs })
    if (known === undefined) this.#sweep(nowMs, keysMax)
    return taken
  }

  /** Forgets a key. */
  delete(key: string): void {
    this.#buckets.delete(key)
  }

  /** From the one that was drawn from longest ago on: all that are full again, and those that are too many. */
  #sweep(nowMs: number, keysMax: number): void {
    const fullMs = (this.#options.burst / this.#options.perSecond) * 1_000
    for (const [key, { atMs }] of this.#buckets) {
      if (this.#buckets.size <= keysMax && nowMs - atMs < fullMs) return
      this.#buckets.delete(key)
    }
  }
}
