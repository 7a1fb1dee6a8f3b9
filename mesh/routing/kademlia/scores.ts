/**
 * What peers did that no honest node does. Each offence has a weight; the sum decays with time. Whoever
 * reaches `shunScore` is shunned for `shunMs`, and longer as long as it goes on.
 *
 *     grave     no honest node does it, whatever its clock and its settings
 *     slight    one with other settings, or that comes too late in a race, may: alone they never suffice
 *
 * Late answers, answers of another node at that address, lapsed memberships and clocks that are wrong are no
 * offences at all. Peers are bounded: whoever has the lowest score gives way, so that many who did little do
 * not hide one who did much.
 */
import type { RoutingSettings } from './settings.ts'

/** The dials that matter here. */
export type ScoreSettings = Pick<
  RoutingSettings,
  'shunScore' | 'shunMs' | 'scoreHalfLifeMs' | 'scoredPeersMax'
>

/** Offences that honest peers do not commit. */
type GraveOffence =
  | 'ERR_DHT_CONTACT_ADDRESS'
  | 'ERR_DHT_CONTACT_REPEATED'
  | 'ERR_DHT_CONTACTS_MAX'
  | 'ERR_DHT_REPLY_UNEXPECTED'
  | 'ERR_DHT_REQUESTS_MAX'
  | 'ERR_DHT_RECORD_SIGNATURE'
  | 'ERR_DHT_RECORD_REALM'
  | 'ERR_DHT_RECORD_KEY'
  | 'ERR_DHT_RECORD_INVALID'
  | 'ERR_DHT_RECORD_EXPIRED'
  | 'ERR_DHT_ANSWER_RECORD'

/** Offences that may happen to honest peers now and then. */
type SlightOffence = 'ERR_DHT_RECORD_TOO_LARGE' | 'ERR_DHT_RECORD_EXPIRY' | 'ERR_DHT_SEQUENCE_LOW'

/** What is counted against a peer. */
export type Offence = GraveOffence | SlightOffence

const GRAVE: Readonly<Record<GraveOffence, number>> = Object.freeze({
  /** Once per answer, as the other two about contacts. */
  ERR_DHT_CONTACT_ADDRESS: 10,
  ERR_DHT_CONTACT_REPEATED: 5,
  ERR_DHT_CONTACTS_MAX: 10,
  /** Of the node that was asked, in time, but of another kind or about another key. */
  ERR_DHT_REPLY_UNEXPECTED: 10,
  /**
   * Once per second, from the second on that follows another one: what one that stood still takes for a flood,
   * because all came at once, was sent over a longer time, so the next such burst is farther away.
   */
  ERR_DHT_REQUESTS_MAX: 5,
  ERR_DHT_RECORD_SIGNATURE: 10,
  ERR_DHT_RECORD_REALM: 10,
  ERR_DHT_RECORD_KEY: 10,
  ERR_DHT_RECORD_INVALID: 10,
  /** By more than `expiredExcusedMs`. */
  ERR_DHT_RECORD_EXPIRED: 5,
  ERR_DHT_ANSWER_RECORD: 10,
})

const SLIGHT: Readonly<Record<SlightOffence, number>> = Object.freeze({
  ERR_DHT_RECORD_TOO_LARGE: 1,
  ERR_DHT_RECORD_EXPIRY: 1,
  ERR_DHT_SEQUENCE_LOW: 0.1,
})

/** Share of `shunScore` that slight offences make up at most. */
const SLIGHT_SHARE = 0.5

const SECOND_MS = 1_000

interface Scored {
  grave: number
  slight: number
  /** Time of both sums. */
  atMs: number
  /** Last time that a second of it was a flood. */
  floodedMs: number
  /** Shunned until then; -Infinity for not. */
  untilMs: number
}

/** True for the code of an offence. */
export function isOffence(code: string): code is Offence {
  return Object.hasOwn(GRAVE, code) || Object.hasOwn(SLIGHT, code)
}

/** The scores of one node. */
export class PeerScores {
  readonly #settings: ScoreSettings
  readonly #peers = new Map<string, Scored>()
  #offences = 0
  #shuns = 0

  constructor(settings: ScoreSettings) {
    this.#settings = settings
  }

  /** Peers with a score. */
  get size(): number {
    return this.#peers.size
  }

  /** Offences that were counted. */
  get offences(): number {
    return this.#offences
  }

  /** Times that somebody came to be shunned. */
  get shuns(): number {
    return this.#shuns
  }

  /** Peers that are shunned now. */
  shunnedSize(nowMs: number): number {
    let count = 0
    for (const { untilMs } of this.#peers.values()) if (nowMs < untilMs) count += 1
    return count
  }

  /** Counts one; true when the peer is shunned from now on and was not before. */
  offend(id: string, offence: Offence, nowMs: number): boolean {
    const peer = this.#current(id, nowMs) ?? this.#add(id, nowMs)
    if (offence === 'ERR_DHT_REQUESTS_MAX') {
      const sinceMs = nowMs - peer.floodedMs
      if (sinceMs < SECOND_MS) return false
      peer.floodedMs = nowMs
      if (sinceMs >= 2 * SECOND_MS) return false
    }
    this.#offences += 1
    if (Object.hasOwn(GRAVE, offence)) peer.grave += GRAVE[offence as keyof typeof GRAVE]
    else peer.slight += SLIGHT[offence as keyof typeof SLIGHT]
    const isShunned = nowMs < peer.untilMs
    const isGrave = Object.hasOwn(GRAVE, offence)
    if (isShunned ? !isGrave : this.#sum(peer) < this.#settings.shunScore) return false
    peer.untilMs = nowMs + this.#settings.shunMs
    if (!isShunned) this.#shuns += 1
    return !isShunned
  }

  isShunned(id: string, nowMs: number): boolean {
    if (this.#peers.size === 0) return false
    const peer = this.#peers.get(id)
    return peer !== undefined && nowMs < peer.untilMs
  }

  /** What stands against a peer. */
  score(id: string, nowMs: number): number {
    const peer = this.#current(id, nowMs)
    return peer === undefined ? 0 : this.#sum(peer)
  }

  #sum({ grave, slight }: Scored): number {
    return grave + Math.min(slight, this.#settings.shunScore * SLIGHT_SHARE)
  }

  /** As of now. Whoever was shunned and is not any more begins anew. */
  #current(id: string, nowMs: number): Scored | undefined {
    const peer = this.#peers.get(id)
    if (peer === undefined) return undefined
    if (peer.untilMs !== -Infinity && nowMs >= peer.untilMs) {
      this.#peers.delete(id)
      return undefined
    }
    this.#decay(peer, nowMs)
    return peer
  }

  #decay(peer: Scored, nowMs: number): void {
    const left = 0.5 ** (Math.max(0, nowMs - peer.atMs) / this.#settings.scoreHalfLifeMs)
    peer.grave *= left
    peer.slight *= left
    peer.atMs = Math.max(nowMs, peer.atMs)
  }

  #add(id: string, nowMs: number): Scored {
    if (this.#peers.size >= this.#settings.scoredPeersMax) this.#dropLowest(nowMs)
    const peer = { grave: 0, slight: 0, atMs: nowMs, floodedMs: -Infinity, untilMs: -Infinity }
    this.#peers.set(id, peer)
    return peer
  }

  /** Whoever is shunned goes last, the one first whose time is over first. */
  #dropLowest(nowMs: number): void {
    let lowest: string | undefined
    let lowestUntilMs = Infinity
    let lowestSum = Infinity
    for (const [id, peer] of this.#peers) {
      this.#decay(peer, nowMs)
      const untilMs = nowMs < peer.untilMs ? peer.untilMs : -Infinity
      const sum = this.#sum(peer)
      const isLower = untilMs < lowestUntilMs || (untilMs === lowestUntilMs && sum < lowestSum)
      if (lowest !== undefined && !isLower) continue
      lowest = id
      lowestUntilMs = untilMs
      lowestSum = sum
    }
    if (lowest !== undefined) this.#peers.delete(lowest)
  }
}
