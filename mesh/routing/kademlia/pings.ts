/**
 * All pings of a node: of entries (`probe.ts`) and of candidates (`include.ts`), in turns and within one
 * budget (K9). Failed entries are asked again: soon at first, then ever more seldom.
 */
import { bucketIndex, type KadKey } from './id.ts'
import type { Include } from './include.ts'
import type { Contact } from './message.ts'
import { PingBudget } from './ping-budget.ts'
import { Probe } from './probe.ts'
import type { RoutingSettings } from './settings.ts'

/** What pings need of the core. */
export interface PingsHost {
  /** Sends it; ends with `settled`. */
  ping(purpose: 'probe' | 'candidate', to: Contact): void
  /** True if the candidate is worth a ping, now that it is its turn. */
  wants(contact: Contact): boolean
  failedContacts(): readonly Contact[]
}

/** Entries that wait for a ping; the others are checked at the next opportunity. */
const PROBES_MAX = 256

/** The pings of one node. */
export class Pings {
  readonly #own: KadKey
  readonly #settings: RoutingSettings
  readonly #include: Include
  readonly #probe = new Probe(PROBES_MAX)
  readonly #budget: PingBudget
  readonly #host: PingsHost
  #isProbesTurn = true
  #retryAtMs = Infinity
  #retryPauseMs = 0

  constructor(options: {
    readonly own: KadKey
    readonly settings: RoutingSettings
    readonly include: Include
    readonly host: PingsHost
  }) {
    this.#own = options.own
    this.#settings = options.settings
    this.#include = options.include
    this.#budget = new PingBudget(options.settings)
    this.#host = options.host
  }

  /** Somebody waits for the place of this entry. */
  evict(contact: Contact): void {
    this.#probe.evict(contact, bucketIndex(this.#own, contact.key))
  }

  /** Somebody holds this entry for down. */
  check(contact: Contact): void {
    this.#probe.check(contact, bucketIndex(this.#own, contact.key))
  }

  /** A ping was answered or failed. */
  settled(purpose: 'probe' | 'candidate', { id, key }: Contact): void {
    this.#budget.settled()
    if (purpose === 'candidate') this.#include.settled(id)
    else this.#probe.settled(id, bucketIndex(this.#own, key))
  }

  /** Sends what the budget allows; `good` and `failed` entries are in the table. */
  send(nowMs: number, good: number, failed: number): void {
    this.#retry(nowMs, good, failed)
    while (this.#budget.freeAtMs() <= nowMs) {
      const isSent = this.#isProbesTurn
        ? this.#sendProbe(nowMs) || this.#sendCandidate(nowMs)
        : this.#sendCandidate(nowMs) || this.#sendProbe(nowMs)
      if (!isSent) return
      this.#isProbesTurn = !this.#isProbesTurn
    }
  }

  /** When `send` has something to do; Infinity when nothing waits. */
  nextDeadline(): number {
    const isIdle = this.#include.waiting === 0 && !this.#probe.isReady()
    return Math.min(this.#retryAtMs, isIdle ? Infinity : this.#budget.freeAtMs())
  }

  #retry(nowMs: number, good: number, failed: number): void {
    const { failedRetryMs, refreshIntervalMs, bootstrapMaxMs } = this.#settings
    if (failed === 0) {
      this.#retryAtMs = Infinity
      return
    }
    if (this.#retryAtMs === Infinity) {
      this.#retryPauseMs = failedRetryMs
      this.#retryAtMs = nowMs + failedRetryMs
    } else if (nowMs >= this.#retryAtMs) {
      for (const contact of this.#host.failedContacts()) this.check(contact)
      this.#retryPauseMs = Math.min(refreshIntervalMs, this.#retryPauseMs * 2)
      this.#retryAtMs = nowMs + this.#retryPauseMs
    }
    // With nobody left it was rather this node that was cut off, and they are as good as seeds.
    if (good === 0) this.#retryAtMs = Math.min(this.#retryAtMs, nowMs + bootstrapMaxMs)
  }

  #sendProbe(nowMs: number): boolean {
    const contact = this.#probe.next()
    if (contact !== undefined) this.#ping('probe', contact, nowMs)
    return contact !== undefined
  }

  #sendCandidate(nowMs: number): boolean {
    const contact = this.#include.next((candidate) => this.#host.wants(candidate))
    if (contact !== undefined) this.#ping('candidate', contact, nowMs)
    return contact !== undefined
  }

  #ping(purpose: 'probe' | 'candidate', contact: Contact, nowMs: number): void {
    this.#budget.sent(nowMs)
    this.#host.ping(purpose, contact)
  }
}
