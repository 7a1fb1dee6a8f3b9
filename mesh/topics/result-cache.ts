/**
 * Remembers what a few topics match, while that pays. Traffic over a few topics gains twenty times by it; traffic over
 * many only pays for keeping, so the cache looks at its own hit rate, rests when it is low, and tries again
 * later. Two generations instead of a list of uses: what is asked for again moves to the younger, the older is forgotten.
 */

/** Settings of {@link ResultCache}. */
export interface ResultCacheOptions {
  /** Topics of one generation, of which there are two; 0 for no cache. Default 1,024. */
  readonly cacheEntriesMax?: number
}

/** Lookups after which the hit rate is judged. */
const WINDOW_LOOKUPS = 2_048
/** The part of them that must hit. */
const HIT_RATE_MIN = 0.5
/** Windows of a trial: one to fill the cache, one that counts. */
const TRIAL_WINDOWS = 2
/** Windows of rest after a trial that failed; twice as many after each further one. */
const REST_WINDOWS_MIN = 4
const REST_WINDOWS_MAX = 64
/** Results with more in them are not kept: walking them takes long anyway. */
const RESULT_LENGTH_MAX = 256

/** See the head of this file. */
export class ResultCache<Item> {
  readonly #entriesMax: number
  #young = new Map<string, readonly Item[]>()
  #old = new Map<string, readonly Item[]>()
  #isOn: boolean
  /** Lookups until the next judgement. */
  #left: number = WINDOW_LOOKUPS * TRIAL_WINDOWS
  #hits = 0
  #restWindows = REST_WINDOWS_MIN

  constructor({ cacheEntriesMax = 1_024 }: ResultCacheOptions = {}) {
    this.#entriesMax = cacheEntriesMax
    this.#isOn = cacheEntriesMax > 0
  }

  /** Whether it remembers at the moment. */
  get isOn(): boolean {
    return this.#isOn
  }

  /** Topics that it remembers. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** What `set` was told for that topic, if it is known still. */
  get(topic: string): readonly Item[] | undefined {
    if (--this.#left <= 0) this.#judge()
    if (!this.#isOn) return undefined
    let items = this.#young.get(topic)
    if (items === undefined) {
      items = this.#old.get(topic)
      if (items === undefined) return undefined
      this.#keep(topic, items)
    }
    // Those before the last window only fill it.
    if (this.#left <= WINDOW_LOOKUPS) this.#hits += 1
    return items
  }

  set(topic: string, items: readonly Item[]): void {
    if (this.#isOn && items.length <= RESULT_LENGTH_MAX) this.#keep(topic, items)
  }

  /** Nothing that it remembers holds any more. */
  clear(): void {
    if (this.#young.size > 0) this.#young = new Map()
    if (this.#old.size > 0) this.#old = new Map()
  }

  #keep(topic: string, items: readonly Item[]): void {
    if (this.#young.size >= this.#entriesMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(topic, items)
  }

  #judge(): void {
    if (this.#entriesMax === 0) {
      this.#left = Number.POSITIVE_INFINITY
    } else if (!this.#isOn) {
      this.#isOn = true
      this.#left = WINDOW_LOOKUPS * TRIAL_WINDOWS
    } else if (this.#hits > WINDOW_LOOKUPS * HIT_RATE_MIN) {
      this.#restWindows = REST_WINDOWS_MIN
      this.#left = WINDOW_LOOKUPS
    } else {
      this.#isOn = false
      this.clear()
      this.#left = WINDOW_LOOKUPS * this.#restWindows
      this.#restWindows = Math.min(REST_WINDOWS_MAX, this.#restWindows * 2)
    }
    this.#hits = 0
  }
}
