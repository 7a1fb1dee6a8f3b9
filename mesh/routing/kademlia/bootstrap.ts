/**
 * How a node joins (Kademlia, section 2.3), and joins again.
 *
 *     searching ── somebody is in the table ──> self lookup ──> every bucket in which it ──> joined
 *         ^         (a seed, a candidate)                       has not found everybody
 *         └──────────── nobody is left: `isolated` ────────────────────────────────────────────┘
 *
 * The lookup of this node itself asks the k nearest, so it leaves nobody to be found in the buckets before the
 * one of the k-th: about log2 k lookups less than one for every bucket beyond the nearest neighbour.
 *
 * Seeds are asked for as long as none of them has answered, even when others are known: else two groups that
 * began without their common seed would never meet. Pauses grow and are jittered; it never gives up (K40).
 */
import type { RandomStream } from '../../machine/random-stream.ts'
import { KEY_BITS } from './id.ts'
import type { RoutingEvent, SeedContact } from './machine.ts'
import type { RoutingSettings } from './settings.ts'

/** What joining needs of the core. */
export interface BootstrapHost {
  /** Asks a seed for the neighbours of this node; ends with `answered` or `failed`. */
  askSeed(seed: SeedContact): void
  /** Looks up this node's own key; false when there is no place for a lookup. Ends with `lookedUp`. */
  lookupSelf(): boolean
  /** Looks up something in that bucket; as `lookupSelf`. */
  lookupIn(bucket: number): boolean
  /** Entries that did not fail. */
  goodSize(): number
  /** Bucket of the nearest entry. */
  nearestBucket(): number
  isFull(bucket: number): boolean
  event(event: RoutingEvent): void
}

/** Seeds asked at once; the next ones after a pause. */
const SEEDS_AT_ONCE = 4

/** Lookups of one join at once: it is not to take the places of lookups that somebody waits for. */
const LOOKUPS_AT_ONCE = 2

/** Seeds that are kept; more add nothing. */
const SEEDS_MAX = 256

type Phase = 'searching' | 'self_lookup' | 'refreshing' | 'joined'

/** The join of one node. */
export class Bootstrap {
  readonly #settings: RoutingSettings
  readonly #random: RandomStream
  readonly #host: BootstrapHost
  #seeds: SeedContact[] = []
  #seedNext = 0
  #seedsAsked = 0
  #hasMetSeed = false
  #attempts = 0
  #askAtMs = -Infinity
  #phase: Phase = 'searching'
  /** Whether anybody has been in the table since the last `isolated`. */
  #wasConnected = false
  #lookupsRunning = 0
  #lookupAtMs = -Infinity
  #buckets: number[] = []
  #joins = 0

  constructor(settings: RoutingSettings, random: RandomStream, host: BootstrapHost) {
    this.#settings = settings
    this.#random = random
    this.#host = host
  }

  /** Joins begun. */
  get joins(): number {
    return this.#joins
  }

  get isJoined(): boolean {
    return this.#phase === 'joined'
  }

  get seeds(): readonly SeedContact[] {
    return this.#seeds
  }

  /** Adds seeds; they are asked at once. */
  join(contacts: readonly SeedContact[]): void {
    const known = new Set(this.#seeds.map(addressOf))
    for (const contact of contacts) {
      if (this.#seeds.length >= SEEDS_MAX || known.has(addressOf(contact))) continue
      known.add(addressOf(contact))
      // At a random place, so that not all nodes begin with the same seed.
      this.#seeds.splice(this.#random.below(this.#seeds.length + 1), 0, contact)
    }
    this.#attempts = 0
    this.#askAtMs = -Infinity
    this.#hasMetSeed = false
  }

  /** A request to a seed has ended. */
  seedSettled(nowMs: number, answered: boolean): void {
    this.#seedsAsked -= 1
    if (answered) this.#hasMetSeed = true
    // Also after an answer: a seed that is a client leaves this node as alone as it was.
    if (this.#seedsAsked === 0) this.#pause(nowMs)
  }

  /** A lookup that this began has ended. If it was for itself, all in buckets below `complete` are known. */
  lookedUp(nowMs: number, complete: number): void {
    this.#lookupsRunning -= 1
    if (this.#phase === 'self_lookup') this.#beginRefresh(nowMs, complete)
  }

  /** Joins once more at that time: somebody was found whom nobody here knew. */
  rejoin(atMs: number): void {
    if (this.#phase !== 'joined') return
    this.#phase = 'searching'
    this.#lookupAtMs = atMs
  }

  /** Goes on as far as it can; after every step of the core. */
  advance(nowMs: number): void {
    const isAlone = this.#host.goodSize() === 0
    if (isAlone) this.#isolate(nowMs)
    else this.#wasConnected = true
    if (this.#wantsSeeds(isAlone) && nowMs >= this.#askAtMs) this.#askSeeds()
    if (isAlone || nowMs < this.#lookupAtMs) return
    if (this.#phase === 'searching') {
      if (this.#lookupsRunning > 0) return
      if (!this.#host.lookupSelf()) return this.#postpone(nowMs)
      this.#phase = 'self_lookup'
      this.#joins += 1
      this.#lookupsRunning += 1
    }
    if (this.#phase === 'refreshing') this.#refresh(nowMs)
  }

  /** When `advance` has something to do by itself; Infinity when nothing. */
  nextDeadline(): number {
    const isAlone = this.#host.goodSize() === 0
    const askAtMs = this.#wantsSeeds(isAlone) ? this.#askAtMs : Infinity
    if (isAlone || this.#phase === 'joined' || this.#phase === 'self_lookup') return askAtMs
    if (this.#lookupsRunning > 0) return askAtMs
    return Math.min(askAtMs, this.#lookupAtMs)
  }

  #wantsSeeds(isAlone: boolean): boolean {
    return this.#seeds.length > 0 && this.#seedsAsked === 0 && (isAlone || !this.#hasMetSeed)
  }

  #isolate(nowMs: number): void {
    this.#phase = 'searching'
    this.#buckets = []
    if (!this.#wasConnected) return
    this.#wasConnected = false
    this.#hasMetSeed = false
    this.#attempts = 0
    this.#askAtMs = nowMs
    this.#host.event({ type: 'isolated' })
  }

  #askSeeds(): void {
    const count = Math.min(SEEDS_AT_ONCE, this.#seeds.length)
    // Counted first: a request may fail at once.
    this.#seedsAsked = count
    for (let n = 0; n < count; n++) {
      const seed = this.#seeds[this.#seedNext % this.#seeds.length]!
      this.#seedNext = (this.#seedNext + 1) % this.#seeds.length
      this.#host.askSeed(seed)
    }
  }

  #pause(nowMs: number): void {
    const { bootstrapBaseMs, bootstrapMaxMs } = this.#settings
    const pauseMs = Math.min(bootstrapMaxMs, bootstrapBaseMs * 2 ** Math.min(this.#attempts, 30))
    this.#attempts += 1
    // Half to all of it: nodes that lost the same seed do not come back together.
    this.#askAtMs = nowMs + Math.max(1, Math.round(pauseMs * (0.5 + this.#random.fraction() / 2)))
  }

  #postpone(nowMs: number): void {
    this.#lookupAtMs = nowMs + this.#settings.bootstrapBaseMs
  }

  #beginRefresh(nowMs: number, complete: number): void {
    this.#phase = 'refreshing'
    this.#buckets = []
    const first = Math.max(this.#host.nearestBucket() + 1, complete)
    // Nearest first: what is found there helps the next.
    for (let bucket = first; bucket < KEY_BITS; bucket++) this.#buckets.push(bucket)
    this.#buckets.reverse()
    this.#refresh(nowMs)
  }

  #refresh(nowMs: number): void {
    while (this.#lookupsRunning < LOOKUPS_AT_ONCE && this.#buckets.length > 0) {
      const bucket = this.#buckets.at(-1)!
      // A bucket full of nodes that have answered meanwhile would learn nothing.
      if (!this.#host.isFull(bucket)) {
        if (!this.#host.lookupIn(bucket)) return this.#postpone(nowMs)
        this.#lookupsRunning += 1
      }
      this.#buckets.pop()
    }
    if (this.#lookupsRunning > 0 || this.#buckets.length > 0) return
    this.#phase = 'joined'
    this.#attempts = 0
    this.#host.event({ type: 'bootstrapped' })
  }
}

function addressOf({ host, port }: SeedContact): string {
  return `${host} ${port}`
}
