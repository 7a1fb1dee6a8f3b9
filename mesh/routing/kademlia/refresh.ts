/**
 * When a bucket is looked up because nobody else did (Kademlia, section 2.3). Lookups count, answers do not:
 * what is asked again and again says nothing about the rest of the bucket (6.2 #19). Each bucket has its own
 * time with its own jitter, so that nodes which started together do not refresh together.
 */
import type { RandomStream } from '../../machine/random-stream.ts'
import { KEY_BITS } from './id.ts'
import type { RoutingSettings } from './settings.ts'

/** The times of one node. */
export class Refresh {
  readonly #settings: RoutingSettings
  readonly #random: RandomStream
  /** By distance: 0 for the far half. As many as there are buckets to refresh. */
  readonly #dueMs: number[] = []
  #earliestMs = Infinity

  constructor(settings: RoutingSettings, random: RandomStream) {
    this.#settings = settings
    this.#random = random
  }

  /** Buckets `nearest` to 255 are refreshed from now on; -1 for none. */
  cover(nearest: number, nowMs: number): void {
    const count = nearest < 0 ? 0 : KEY_BITS - nearest
    if (this.#dueMs.length === count) return
    while (this.#dueMs.length < count) this.#dueMs.push(this.#laterMs(nowMs))
    this.#dueMs.length = count
    this.#schedule()
  }

  /** Something in that bucket was looked up, or is about to be. */
  touched(bucket: number, nowMs: number): void {
    const place = KEY_BITS - 1 - bucket
    // A lookup nearer than the nearest entry goes through the same nodes as one in its bucket.
    const at = bucket < 0 ? this.#dueMs.length - 1 : Math.min(place, this.#dueMs.length - 1)
    if (at < 0) return
    this.#dueMs[at] = this.#laterMs(nowMs)
    this.#schedule()
  }

  /** The bucket that is due the longest; -1 when none is. */
  due(nowMs: number): number {
    if (nowMs < this.#earliestMs) return -1
    return KEY_BITS - 1 - this.#dueMs.indexOf(this.#earliestMs)
  }

  /** When the next bucket is due; Infinity without buckets. */
  nextDeadline(): number {
    return this.#earliestMs
  }

  #laterMs(nowMs: number): number {
    const { refreshIntervalMs, refreshJitter } = this.#settings
    const share = 1 + refreshJitter * (2 * this.#random.fraction() - 1)
    return nowMs + Math.max(1, Math.round(refreshIntervalMs * share))
  }

  #schedule(): void {
    let earliestMs = Infinity
    for (const dueMs of this.#dueMs) if (dueMs < earliestMs) earliestMs = dueMs
    this.#earliestMs = earliestMs
  }
}
