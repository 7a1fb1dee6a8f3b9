/**
 * Is the peer still there? Pure: the driver calls `tick` when it is due and tells what it heard.
 *
 *     tick            tick            tick            tick
 *      | ping ->       | ping ->       | ping ->       |
 *      |   <- pong     |  (nothing)    |  (nothing)    |  (nothing)  -> dead after 3 misses
 *
 * - Any byte from the peer is a sign of life, not only a pong: a busy link never flaps (ML41).
 * - A miss is counted per tick, never by comparing two timestamps that something else moves (ML22).
 * - When our own tick comes late by more than an interval, our event loop was blocked and the
 *   peer's answers may still lie unread in a socket: that tick judges nobody (H40).
 * - With the defaults (1,000 ms, 3) a dead peer is found within 4 s of its last byte.
 * - A link that nobody needs now rests: it pings once in `restFactor` intervals, because a ping per interval on
 *   every cached link would be heartbeats of all with all, and SWIM finds a dead node anyway. It wakes up at
 *   once when it is needed again, and stays awake while answers are missing.
 * - Each side rests by itself: any byte of the other one, a ping too, is a sign of life.
 * - One ping and its pong tell both sides. So the side that was dialled leaves a tick out when a ping of the dialler
 *   has come since its last one, and pings by itself only once in `restFactor` ticks, to measure the round trip.
 *   When the next ping of the dialler is late by a quarter of an interval, that is its first miss, and it pings: a dead
 *   dialler is found almost as soon as by its own pings.
 */

import type { Connection } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'

/** Dials of {@link Keepalive}. */
export interface KeepaliveOptions {
  readonly intervalMs: number
  readonly missesMax: number
  /** Intervals between two pings of a link at rest. */
  readonly restFactor: number
  /** True for the side that dialled; default true. */
  readonly initiator?: boolean
}

/** What the driver does after a tick. */
export type KeepaliveVerdict =
  /** Send a ping with this number. */
  | { readonly type: 'ping'; readonly sequence: number }
  /** Nothing: the peer pings, and that is enough. */
  | { readonly type: 'quiet' }
  /** The peer is gone: close. */
  | { readonly type: 'dead'; readonly misses: number }

/** Weight of a new sample in the smoothed round trip time, as in TCP (RFC 6298). */
const RTT_WEIGHT = 1 / 8

/** Parts of an interval after which the next ping of a dialler is missed. */
const PING_LATE_SHARE = 1.25

/** Pings answered per interval; more are a flood (H20). */
const PINGS_ANSWERED_MAX = 32

/** Watches one link. */
export class Keepalive {
  readonly #intervalMs: number
  readonly #missesMax: number
  readonly #restFactor: number
  readonly #initiator: boolean
  #heard = true
  #misses = 0
  #sequence = 0
  #dueMs: number
  #resting = false
  #pingSentMs = 0
  #pingOpen = false
  #rttMs = 0
  #pingsReceived = 0
  #pingReceivedMs = 0
  /** Ticks since our last ping. */
  #ticksQuiet = 0
  #lateTicks = 0

  /** A link that is not `needed` rests from the beginning. */
  constructor(options: KeepaliveOptions, nowMs: number, needed: boolean = true) {
    this.#intervalMs = options.intervalMs
    this.#missesMax = options.missesMax
    this.#restFactor = options.restFactor
    this.#initiator = options.initiator ?? true
    this.#resting = !needed
    this.#dueMs = nowMs + this.#pauseMs()
  }

  /** With the dials of a node, for one of its links. */
  static of(
    context: ConnectionContext,
    link: Connection,
    nowMs: number,
    needed: boolean,
  ): Keepalive {
    const { keepaliveIntervalMs, keepaliveMissesMax, keepaliveRestFactor } = context.options
    const dials = {
      intervalMs: keepaliveIntervalMs,
      missesMax: keepaliveMissesMax,
      restFactor: keepaliveRestFactor,
      initiator: link.initiator,
    }
    return new Keepalive(dials, nowMs, needed)
  }

  /** When `tick` must be called. */
  get dueMs(): number {
    return this.#dueMs
  }

  /** Pings rarely. */
  get resting(): boolean {
    return this.#resting
  }

  /** Smoothed round trip time of pings in milliseconds; 0 before the first pong. */
  get rttMs(): number {
    return this.#rttMs
  }

  /** Ticks in a row without a sign of life. */
  get misses(): number {
    return this.#misses
  }

  /** Ticks that came too late to judge the peer. */
  get lateTicks(): number {
    return this.#lateTicks
  }

  /** Bytes came from the peer. */
  heard(): void {
    this.#heard = true
  }

  /** The link is needed again and is judged by the interval from now on; gives when `tick` is due. */
  wakeUp(nowMs: number): number {
    if (this.#resting) this.#dueMs = Math.min(this.#dueMs, nowMs + this.#intervalMs)
    this.#resting = false
    return this.#dueMs
  }

  /** The time has come; a link that is not `needed` rests until the next one. */
  tick(nowMs: number, needed: boolean = true): KeepaliveVerdict {
    const late = nowMs - this.#dueMs > this.#intervalMs
    const watched = !this.#initiator && this.#pingsReceived > 0
    this.#pingsReceived = 0
    if (this.#heard) this.#misses = 0
    else if (late) this.#lateTicks += 1
    else this.#misses += 1
    this.#heard = false
    if (this.#misses >= this.#missesMax) return { type: 'dead', misses: this.#misses }
    this.#resting = !needed && this.#misses === 0
    this.#dueMs = nowMs + this.#pauseMs()
    this.#ticksQuiet += 1
    if (watched && this.#ticksQuiet < this.#restFactor) {
      const lateMs = this.#pingReceivedMs + this.#pauseMs() * PING_LATE_SHARE
      this.#dueMs = Math.max(lateMs, nowMs + this.#pauseMs() * (PING_LATE_SHARE - 1))
      return { type: 'quiet' }
    }
    this.#ticksQuiet = 0
    this.#sequence = (this.#sequence + 1) >>> 0
    this.#pingSentMs = nowMs
    this.#pingOpen = true
    return { type: 'ping', sequence: this.#sequence }
  }

  #pauseMs(): number {
    return this.#intervalMs * (this.#resting ? this.#restFactor : 1)
  }

  /** The peer answered ping `sequence`; an answer to an older or invented one measures nothing. */
  pong(sequence: number, nowMs: number): void {
    this.#heard = true
    if (!this.#pingOpen || sequence !== this.#sequence) return
    this.#pingOpen = false
    const sampleMs = Math.max(0, nowMs - this.#pingSentMs)
    this.#rttMs = this.#rttMs === 0 ? sampleMs : this.#rttMs + (sampleMs - this.#rttMs) * RTT_WEIGHT
  }

  /** A ping came; true when it deserves an answer, false when there are too many. */
  ping(nowMs: number): boolean {
    this.#heard = true
    this.#pingReceivedMs = nowMs
    this.#pingsReceived += 1
    return this.#pingsReceived <= PINGS_ANSWERED_MAX * (this.#resting ? this.#restFactor : 1)
  }
}
