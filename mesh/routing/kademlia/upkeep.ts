/**
 * Lookups of this node for itself: those of the join, and one for each bucket in which nobody has looked up
 * anything for long. They have ids below zero, take few of the places for lookups, and none while somebody
 * waits for one (6.2 #1).
 */
import type { RandomStream } from '../../machine/random-stream.ts'
import { bucketIndex, randomKeyInBucket, type KadKey } from './id.ts'
import type { LookupResult } from './machine.ts'
import type { Refresh } from './refresh.ts'
import type { RoutingSettings } from './settings.ts'

/** What own lookups need of the core. */
export interface UpkeepHost {
  /** Begins a lookup; false when there is no place for it. Ends with `ended`, perhaps before it returns. */
  lookup(lookupId: number, target: KadKey): boolean
  /** A lookup of the join has ended; in the buckets nearer than `complete` it has found everybody. */
  joinLookedUp(complete: number): void
  goodSize(): number
  nearestBucket(): number
}

/** Refreshes at once. */
const REFRESHES_AT_ONCE = 2

/** The own lookups of one node. */
export class Upkeep {
  readonly #own: KadKey
  readonly #settings: RoutingSettings
  readonly #refresh: Refresh
  readonly #random: RandomStream
  readonly #host: UpkeepHost
  readonly #joining = new Set<number>()
  readonly #ended: { readonly lookupId: number; readonly complete: number }[] = []
  #next = -1
  #running = 0
  /** No refresh before: there was no place for one. */
  #refreshAtMs = -Infinity
  #refreshes = 0

  constructor(options: {
    readonly own: KadKey
    readonly settings: RoutingSettings
    readonly refresh: Refresh
    /** Of the keys that are looked up. */
    readonly random: RandomStream
    readonly host: UpkeepHost
  }) {
    this.#own = options.own
    this.#settings = options.settings
    this.#refresh = options.refresh
    this.#random = options.random
    this.#host = options.host
  }

  /** Refreshes begun. */
  get refreshes(): number {
    return this.#refreshes
  }

  /** Lookups that have ended and are not accounted for. */
  get isPending(): boolean {
    return this.#ended.length > 0
  }

  /** For the join: looks up this node itself. */
  joinSelf(nowMs: number): boolean {
    return this.#join(this.#own, nowMs)
  }

  /** For the join: looks up something in that bucket. */
  joinIn(bucket: number, nowMs: number): boolean {
    return this.#join(this.#targetIn(bucket), nowMs)
  }

  /** A lookup has ended. Called by the pool, so what follows from it waits for {@link account}. */
  ended(lookupId: number, result: Pick<LookupResult, 'closest' | 'reason'>): void {
    this.#ended.push({ lookupId, complete: this.#complete(result) })
  }

  /** Draws conclusions from lookups that have ended. */
  account(): void {
    while (this.#ended.length > 0) {
      const { lookupId, complete } = this.#ended.pop()!
      if (this.#joining.delete(lookupId)) this.#host.joinLookedUp(complete)
      else this.#running -= 1
    }
  }

  /** That key was looked up. */
  touched(target: KadKey, nowMs: number): void {
    this.#refresh.touched(bucketIndex(this.#own, target), nowMs)
  }

  /** Begins the refreshes that are due. */
  refresh(nowMs: number): void {
    const nearest = this.#host.nearestBucket()
    this.#refresh.cover(nearest, nowMs)
    if (nowMs < this.nextDeadline()) return
    while (this.#running < REFRESHES_AT_ONCE) {
      const bucket = this.#refresh.due(nowMs)
      if (bucket < 0) return
      // All that is nearer than the nearest entry is the neighbourhood of this node: it looks up itself.
      const target = bucket === nearest ? this.#own : this.#targetIn(bucket)
      this.#running += 1
      if (!this.#start(target, nowMs)) {
        this.#running -= 1
        this.#refreshAtMs = nowMs + this.#settings.bootstrapBaseMs
        return
      }
      this.#refreshes += 1
    }
  }

  /** When a refresh is due that can begin; Infinity when there is nothing to refresh. */
  nextDeadline(): number {
    if (this.#running >= REFRESHES_AT_ONCE || this.#host.goodSize() === 0) return Infinity
    return Math.max(this.#refreshAtMs, this.#refresh.nextDeadline())
  }

  #join(target: KadKey, nowMs: number): boolean {
    const lookupId = this.#next
    this.#joining.add(lookupId)
    if (this.#start(target, nowMs)) return true
    this.#joining.delete(lookupId)
    return false
  }

  #start(target: KadKey, nowMs: number): boolean {
    const lookupId = this.#next
    this.#next -= 1
    if (!this.#host.lookup(lookupId, target)) return false
    // At the beginning already: a refresh that fails is not repeated at once (6.2 #2).
    this.touched(target, nowMs)
    return true
  }

  /**
   * Whoever looks up itself and has answers of the k nearest has asked everybody who is nearer than the last
   * of them: all of every bucket before that one's.
   */
  #complete({ closest, reason }: Pick<LookupResult, 'closest' | 'reason'>): number {
    const last = closest[this.#settings.k - 1]
    if (reason !== 'converged' || last === undefined) return 0
    return bucketIndex(this.#own, last.key)
  }

  #targetIn(bucket: number): KadKey {
    return randomKeyInBucket(this.#own, bucket, () => this.#random.next())
  }
}
