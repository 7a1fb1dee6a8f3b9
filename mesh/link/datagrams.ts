/**
 * What comes in by datagram on one link: exactly one whole frame each, of the few types that may be
 * lost, at a bounded rate. A datagram that is none of this is dropped and counted; it never ends the
 * link, because anybody who can garble one packet could end links then.
 */
import { HEADER_BYTES, PROTOCOL_VERSION } from '../wire/frame.ts'
import { WireType } from '../wire/messages.ts'
import { peerErrorCode } from './errors.ts'

/** First and last frame type that may come by datagram. */
const TYPE_MIN = WireType.swimPing
const TYPE_MAX = WireType.swimGossip

const SECOND_MS = 1_000

/** The type of the one frame that `bytes` are, or why they are none that may travel so. */
export function datagramType(bytes: Uint8Array): number | string {
  if (bytes.length < HEADER_BYTES) return 'shorter than a frame header'
  if (bytes[0] !== PROTOCOL_VERSION) return 'not of this protocol version'
  const type = bytes[1]!
  if (type < TYPE_MIN || type > TYPE_MAX) return `of type ${type}, which only lanes carry`
  if (bytes[2] !== 0 || bytes[3] !== 0) return 'with unknown flags'
  const length = bytes[4]! * 0x100_0000 + ((bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!)
  return length === bytes.length - HEADER_BYTES ? type : 'not one whole frame'
}

/** What a {@link DatagramDoor} tells its connection. */
export interface DatagramEvents {
  readonly onFrame: (type: number, payload: Uint8Array) => void
  readonly onRefused: (code: string, detail: string) => void
  /** A handler has a bug. */
  readonly onThrown: (error: unknown) => void
}

/** The datagrams of one peer. */
export class DatagramDoor {
  readonly #perSecondMax: number
  readonly #events: DatagramEvents
  #windowStartMs = -Infinity
  #count = 0

  constructor(perSecondMax: number, events: DatagramEvents) {
    this.#perSecondMax = perSecondMax
    this.#events = events
  }

  /** Takes one datagram; what it carries is valid during the call. */
  take(bytes: Uint8Array, nowMs: number): void {
    if (nowMs - this.#windowStartMs >= SECOND_MS) {
      this.#windowStartMs = nowMs
      this.#count = 0
    }
    this.#count += 1
    if (this.#count > this.#perSecondMax) {
      const text = `more than ${this.#perSecondMax} datagrams within a second`
      return this.#events.onRefused('ERR_LINK_DATAGRAM_FLOOD', text)
    }
    const type = datagramType(bytes)
    if (typeof type === 'string') {
      return this.#events.onRefused('ERR_LINK_DATAGRAM', `a datagram ${type}`)
    }
    try {
      this.#events.onFrame(type, bytes.subarray(HEADER_BYTES))
    } catch (error) {
      const code = peerErrorCode(error)
      if (code === undefined) this.#events.onThrown(error)
      else this.#events.onRefused(code, error instanceof Error ? error.message : code)
    }
  }

  /** One came before the link was accepted. */
  early(): void {
    this.#events.onRefused('ERR_LINK_DATAGRAM', 'a datagram in the handshake')
  }
}
