/**
 * Who is let in: limits on connections in total and per address, on new connections per second, and
 * the point from which diallers must prove their address first. Pure bookkeeping, no packets.
 *
 * Order matters under attack. A flood with forged source addresses must not use up what honest
 * diallers need: above `retryAboveHandshakes` nothing is counted for a dialler before its token
 * came back, and the rate bucket is only taken from by diallers that are really let in.
 */
import type { TransportErrorCode } from '../errors.ts'

/** The limits, a part of the transport's options. */
export interface AdmissionLimits {
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
  readonly acceptsPerSecondMax: number
  readonly retryAboveHandshakes: number
}

/** What to do with a dialler. */
export type Verdict =
  | { readonly type: 'accept' }
  /** Make it prove its address first. */
  | { readonly type: 'retry' }
  /** Tell it why not. */
  | { readonly type: 'refuse'; readonly code: TransportErrorCode }
  /** Say nothing: its first packet comes again. */
  | { readonly type: 'ignore'; readonly code: TransportErrorCode }

const ACCEPT: Verdict = Object.freeze({ type: 'accept' })
const RETRY: Verdict = Object.freeze({ type: 'retry' })

/** Counts connections and decides about new ones. */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #perAddress = new Map<string, number>()
  readonly #accepts: Bucket
  #connections = 0
  #handshakes = 0

  constructor(limits: AdmissionLimits, nowMs: number) {
    this.#limits = limits
    this.#accepts = new Bucket(limits.acceptsPerSecondMax, nowMs)
  }

  /** Connections of both kinds, handshakes included. */
  get connections(): number {
    return this.#connections
  }

  /** Accepted connections whose peer has not proven its key yet. */
  get handshakes(): number {
    return this.#handshakes
  }

  /** Addresses with an accepted connection. */
  get addresses(): number {
    return this.#perAddress.size
  }

  /** Decides about a dialler; `proven` when it returned a valid token. */
  decide(group: string, proven: boolean, nowMs: number): Verdict {
    const limits = this.#limits
    if (this.#connections >= limits.connectionsMax) return refuse('ERR_TRANSPORT_CONNECTION_LIMIT')
    if ((this.#perAddress.get(group) ?? 0) >= limits.connectionsPerAddressMax) {
      return refuse('ERR_TRANSPORT_ADDRESS_LIMIT')
    }
    if (!proven && this.#handshakes >= limits.retryAboveHandshakes) return RETRY
    if (!this.#accepts.take(nowMs)) return { type: 'ignore', code: 'ERR_TRANSPORT_RATE_LIMIT' }
    return ACCEPT
  }

  /** True when one more dial of ours is within the limit. */
  mayDial(): boolean {
    return this.#connections < this.#limits.connectionsMax
  }

  dialled(): void {
    this.#connections++
  }

  dialEnded(): void {
    this.#connections--
  }

  accepted(group: string): void {
    this.#connections++
    this.#handshakes++
    this.#perAddress.set(group, (this.#perAddress.get(group) ?? 0) + 1)
  }

  /** The peer of an accepted connection has proven its key, or never will. */
  handshakeEnded(): void {
    this.#handshakes--
  }

  acceptedEnded(group: string): void {
    this.#connections--
    const left = (this.#perAddress.get(group) ?? 1) - 1
    if (left > 0) this.#perAddress.set(group, left)
    else this.#perAddress.delete(group)
  }
}

function refuse(code: TransportErrorCode): Verdict {
  return { type: 'refuse', code }
}

/** So many per second, with a burst of the same size. */
export class Bucket {
  readonly #perSecond: number
  #tokens: number
  #filledAtMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#filledAtMs = nowMs
  }

  /** True when one more is allowed now. */
  take(nowMs: number): boolean {
    const gained = ((nowMs - this.#filledAtMs) / 1_000) * this.#perSecond
    this.#tokens = Math.min(this.#perSecond, this.#tokens + gained)
    this.#filledAtMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
