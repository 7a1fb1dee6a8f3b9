/**
 * The frames of the link itself, to bytes and back. What a guard refuses raises `MessageError` or
 * `CodecError`, which closes the link it came from.
 */
import { isClusterName, isHost, isNodeName } from '../host.ts'
import type { Codec } from '../wire/codec.ts'
import {
  helloFields,
  MESSAGE_FIELD_LIMITS,
  parseBulkTaken,
  parseChallenge,
  parseConnect,
  parseDisconnect,
  parseError,
  parseParting,
  parsePing,
  parsePong,
  parseRejected,
  parseResponse,
  parseStaying,
} from '../wire/check.ts'
import type {
  ChallengeMessage,
  DisconnectMessage,
  HelloMessage,
  PartingMessage,
  PingMessage,
  RejectedMessage,
  ResponseMessage,
  StayingMessage,
} from '../wire/check.ts'
import { MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import type { HandshakeEffect, HandshakeInput } from './handshake.ts'

/** Effects of a handshake that are frames as they stand. */
export type HandshakeWord = Extract<
  HandshakeEffect,
  { readonly type: 'send_connect' | 'send_challenge' | 'send_response' | 'send_rejected' }
>

/** Writes and reads link frames. */
export class LinkProtocol {
  readonly #codec: Codec

  constructor(codec: Codec) {
    this.#codec = codec
  }

  connect(hello: HelloMessage): Uint8Array {
    return this.#codec.encodeFrame(WireType.connect, helloFields(hello))
  }
  accepted(hello: HelloMessage): Uint8Array {
    return this.#codec.encodeFrame(WireType.accepted, helloFields(hello))
  }
  challenge(message: ChallengeMessage): Uint8Array {
    return this.#codec.encodeFrame(WireType.challenge, { ...message })
  }
  response(message: ResponseMessage): Uint8Array {
    return this.#codec.encodeFrame(WireType.response, { ...message })
  }
  rejected(reason: string, message: string): Uint8Array {
    return this.#codec.encodeFrame(WireType.rejected, { reason, message: cut(message) })
  }
  disconnect(reason: string, streams: number): Uint8Array {
    const fields = { reason: cutName(reason), message: '', streams }
    return this.#codec.encodeFrame(WireType.disconnect, fields)
  }
  error(code: string, message: string): Uint8Array {
    return this.#codec.encodeFrame(WireType.error, { code: cutName(code), message: cut(message) })
  }
  parting(message: PartingMessage): Uint8Array {
    return this.#codec.encodeFrame(WireType.parting, { ...message })
  }
  staying(question: number): Uint8Array {
    return this.#codec.encodeFrame(WireType.staying, { question })
  }
  bulkTaken(bytes: number): Uint8Array {
    return this.#codec.encodeFrame(WireType.bulkTaken, { bytes })
  }
  ping(sequence: number): Uint8Array {
    return this.#codec.encodeFrame(WireType.ping, { sequence })
  }
  pong(sequence: number): Uint8Array {
    return this.#codec.encodeFrame(WireType.pong, { sequence })
  }

  /** What a handshake says of its own. */
  handshake(effect: HandshakeWord, own: HelloMessage): Uint8Array {
    switch (effect.type) {
      case 'send_connect':
        return this.connect(own)
      case 'send_challenge':
        return this.challenge(effect.message)
      case 'send_response':
        return this.response(effect.message)
      case 'send_rejected':
        return this.rejected(effect.reason, effect.message)
    }
  }

  /** Of `connect` and `accepted`. */
  readHello(payload: Uint8Array): HelloMessage {
    const hello = parseConnect(this.#codec.decode(payload))
    if (!isNodeName(hello.name)) throw new MessageError('connect', 'name', 'a node name')
    if (!isHost(hello.host)) throw new MessageError('connect', 'host', 'an address or host name')
    if (!isClusterName(hello.cluster)) {
      throw new MessageError('connect', 'cluster', 'a cluster name')
    }
    return hello
  }
  /** What a frame says to a handshake; undefined for one that is no part of it. */
  readHandshake(type: number, payload: Uint8Array): HandshakeInput | undefined {
    switch (type) {
      case WireType.connect:
        return { type: 'connect', hello: this.readHello(payload) }
      case WireType.challenge:
        return { type: 'challenge', message: parseChallenge(this.#codec.decode(payload)) }
      case WireType.response:
        return { type: 'response', message: parseResponse(this.#codec.decode(payload)) }
      case WireType.accepted:
        return { type: 'accepted', hello: this.readHello(payload) }
      case WireType.rejected:
        return { type: 'rejected', ...this.readRejected(payload) }
      default:
        return undefined
    }
  }
  readRejected(payload: Uint8Array): RejectedMessage {
    return parseRejected(this.#codec.decode(payload))
  }
  readDisconnect(payload: Uint8Array): DisconnectMessage {
    return parseDisconnect(this.#codec.decode(payload))
  }
  readParting(payload: Uint8Array): PartingMessage {
    return parseParting(this.#codec.decode(payload))
  }
  readStaying(payload: Uint8Array): StayingMessage {
    return parseStaying(this.#codec.decode(payload))
  }
  readBulkTaken(payload: Uint8Array): number {
    return parseBulkTaken(this.#codec.decode(payload))
  }
  /** Of `error` and `rejected`, once there is a link: why the peer ends it. */
  readEnd(type: number, payload: Uint8Array): string {
    if (type === WireType.rejected) {
      const { reason, message } = this.readRejected(payload)
      return `${reason}: ${message}`
    }
    const { code, message } = parseError(this.#codec.decode(payload))
    return `${code}: ${message}`
  }
  readPing(payload: Uint8Array): PingMessage {
    return parsePing(this.#codec.decode(payload))
  }
  readPong(payload: Uint8Array): PingMessage {
    return parsePong(this.#codec.decode(payload))
  }
}

function cut(text: string): string {
  return text.slice(0, MESSAGE_FIELD_LIMITS.textCharactersMax)
}

function cutName(text: string): string {
  return text === '' ? 'unspecified' : text.slice(0, MESSAGE_FIELD_LIMITS.nameCharactersMax)
}
