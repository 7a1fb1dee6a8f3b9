/**
 * The door of an endpoint: what happens to a packet that belongs to no connection. Nothing is kept
 * for a stranger before it is let in; an answer is one packet, smaller than what it answers (so the
 * endpoint cannot be used to flood a third party, H10), from a limited number per second.
 */
import type { Entropy } from '../../../runtime/index.ts'
import { addressGroup } from '../address.ts'
import { QuicCode } from '../errors.ts'
import type { TransportErrorCode } from '../errors.ts'
import { Bucket } from './admission.ts'
import type { Admission } from './admission.ts'
import { initialClose } from './initial-close.ts'
import type { Native } from './native.ts'
import { CONNECTION_ID_BYTES, readLongHeader } from './packet.ts'
import type { LongHeader } from './packet.ts'
import { RetryTokens } from './retry-token.ts'
import type { PacketSender } from './socket.ts'

/** Answers to strangers per second: version negotiation, retry, refusal. */
const REPLIES_PER_SECOND = 5_000

const REPLY_BYTES_MAX = 1_200
const SECRET_BYTES = 32

/** A stranger's packet. */
export interface Knock {
  readonly packet: Buffer
  /** As the socket names it. */
  readonly host: string
  readonly port: number
  readonly nowMs: number
}

/** A dialler that is let in. */
export interface Guest {
  readonly type: 'guest'
  /** What its address counts as for limits. */
  readonly group: string
  /** The id it wrote to. */
  readonly destinationId: Uint8Array
  /** The id it had chosen before a retry; then `destinationId` is one of ours. */
  readonly originalId: Uint8Array | undefined
}

/** What became of a stranger. */
export type Answer =
  | Guest
  /** Answered, or to be judged when it comes back with a token. */
  | { readonly type: 'answered' }
  /** Of no use to anybody. */
  | { readonly type: 'dropped' }
  /** Over a limit. */
  | { readonly type: 'refused'; readonly code: TransportErrorCode }

const ANSWERED: Answer = Object.freeze({ type: 'answered' })
const DROPPED: Answer = Object.freeze({ type: 'dropped' })

/** What a door is made of. */
export interface DoorParts {
  readonly native: Native
  readonly admission: Admission
  readonly sender: PacketSender
  readonly entropy: Entropy
  readonly nowMs: number
}

/** See the file header. */
export class Door {
  readonly #native: Native
  readonly #admission: Admission
  readonly #sender: PacketSender
  readonly #entropy: Entropy
  readonly #tokens: RetryTokens
  readonly #replies: Bucket

  constructor(parts: DoorParts) {
    this.#native = parts.native
    this.#admission = parts.admission
    this.#sender = parts.sender
    this.#entropy = parts.entropy
    this.#tokens = new RetryTokens(parts.entropy.bytes(SECRET_BYTES))
    this.#replies = new Bucket(REPLIES_PER_SECOND, parts.nowMs)
  }

  /** Judges a packet with a long header and an id that is not ours. */
  open(knock: Knock): Answer {
    const header = readLongHeader(knock.packet)
    if (header === undefined) return DROPPED
    if (!this.#native.versionIsSupported(header.version)) {
      // Version 0 is itself version negotiation and must not be answered (RFC 9000, 6.1).
      return header.version === 0 ? DROPPED : this.#negotiateVersion(header, knock)
    }
    return header.initial ? this.#judge(header, knock) : DROPPED
  }

  #judge(header: LongHeader, knock: Knock): Answer {
    const { destinationId, token } = header
    const { host, port, nowMs } = knock
    let originalId: Uint8Array | undefined
    if (token.length > 0) {
      originalId = this.#tokens.check({ host, port, newId: destinationId, nowMs }, token)
      if (originalId === undefined) return DROPPED
    }
    const group = addressGroup(host)
    const verdict = this.#admission.decide(group, originalId !== undefined, nowMs)
    switch (verdict.type) {
      case 'accept':
        return { type: 'guest', group, destinationId, originalId }
      case 'retry':
        return this.#retry(header, knock)
      case 'refuse':
        this.#refuse(header, knock, verdict.code)
        return { type: 'refused', code: verdict.code }
      case 'ignore':
        return { type: 'refused', code: verdict.code }
    }
  }

  #negotiateVersion(header: LongHeader, { host, port, nowMs }: Knock): Answer {
    if (!this.#replies.take(nowMs)) return DROPPED
    const out = this.#sender.space(REPLY_BYTES_MAX)
    const { sourceId, destinationId } = header
    this.#sender.send(this.#native.negotiateVersion(sourceId, destinationId, out), host, port)
    return ANSWERED
  }

  #retry(header: LongHeader, { host, port, nowMs }: Knock): Answer {
    if (!this.#replies.take(nowMs)) return DROPPED
    const { sourceId, destinationId, version } = header
    const newSourceId = this.#entropy.bytes(CONNECTION_ID_BYTES)
    const token = this.#tokens.make({ host, port, newId: newSourceId, nowMs }, destinationId)
    const out = this.#sender.space(REPLY_BYTES_MAX)
    const request = { sourceId, destinationId, newSourceId, token, version }
    this.#sender.send(this.#native.retry(request, out), host, port)
    return ANSWERED
  }

  #refuse(header: LongHeader, { host, port, nowMs }: Knock, reason: TransportErrorCode): void {
    if (!this.#replies.take(nowMs)) return
    const packet = initialClose({
      sourceId: header.sourceId,
      destinationId: header.destinationId,
      newSourceId: this.#entropy.bytes(CONNECTION_ID_BYTES),
      code: QuicCode.connectionRefused,
      reason,
    })
    this.#sender.sendCopy(packet, host, port)
  }
}
