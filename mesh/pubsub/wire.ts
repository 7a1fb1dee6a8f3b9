/**
 * PUBLISH and PUBACK on the wire.
 *
 * A PUBLISH is laid out by hand, for it is what there is most of: a codec would cost as much as everything else that is
 * done for a message. Numbers are big-endian.
 *
 *     flags u8 | topic bytes u16 | sequence u48
 *     acknowledged: session u48, number u48, previous u48
 *     request, reply: id u48
 *     retain, replay: stamp u48
 *     extras: bytes u16, MessagePack [headers or null, groups], and true for those groups alone
 *     topic UTF-8 | payload: the rest, one value of the user codec
 *
 * What lies between `previous` and `number` is over: acknowledged, or given up. So whoever has everything up to
 * `previous`, or nothing at all and `previous` is 0, may go on with `number`.
 *
 * A PUBACK is a MessagePack array, see {@link Acknowledgement}.
 */
import { HEADER_BYTES, writeHeader } from '../wire/frame.ts'
import { MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import { Tuple } from '../wire/tuple.ts'
import type { Codec } from '../wire/codec.ts'
import type { Headers } from './pubsub.ts'

/** What else a PUBLISH may carry. */
export interface PublishExtras {
  readonly headers: Headers | undefined
  /** Groups for which the receiver shall choose a member. */
  readonly groups: readonly string[] | undefined
  /** For a member of each of them alone; others there have got it before. */
  readonly isDrawnAgain?: boolean | undefined
}

/** Place of a message in the session of its publisher with one node. */
export interface SessionPlace {
  readonly session: number
  readonly number: number
  /** The one before it that is not over; 0 when there is none. */
  readonly previous: number
}

/** A PUBLISH. */
export interface PublishFrame {
  readonly topic: string
  readonly sequence: number
  readonly place: SessionPlace | undefined
  /** Number of the request that it is, or that it answers. */
  readonly requestId: number | undefined
  readonly isReply: boolean
  readonly stampMs: number | undefined
  /** It was kept, and is told to one that came later. */
  readonly isReplay: boolean
  readonly headers: Headers | undefined
  readonly groups: readonly string[] | undefined
  readonly isDrawnAgain?: boolean | undefined
  /** Encoded; after reading a view that is valid as long as that of the frame. */
  readonly payload: Uint8Array
}

/**
 * - `state`: everything below `next` has come, or never will; of it those in `unsettled` are not handled yet. Those in
 *   `held` have come too early. Both are runs: first, last, first, last, ...
 * - `unwanted`: nobody here wants that topic, nor that request.
 * - `wanted`: what was unwanted here may be wanted now.
 * - `denied`: the policy does not let you publish.
 * - `returned`: of those groups there is no member here any more, and nobody got the message for them.
 */
export type Acknowledgement =
  | {
      readonly type: 'state'
      readonly session: number
      readonly next: number
      readonly unsettled: readonly number[]
      readonly held: readonly number[]
    }
  | { readonly type: 'unwanted'; readonly topic: string; readonly requestId: number | undefined }
  | { readonly type: 'wanted' }
  | { readonly type: 'denied'; readonly session: number }
  | {
      readonly type: 'returned'
      readonly sequence: number
      readonly groups: readonly string[]
    }

/** Largest number of 48 bits. */
export const UINT48_MAX = 281_474_976_710_655

/** Runs that an acknowledgement may name; those beyond are as if they had not come. */
export const RUNS_MAX = 2_048

/** Groups that a message may name. */
export const GROUPS_MAX = 1_024

const EXTRAS_BYTES_MAX = 65_535
const GROUP_NAME_CHARACTERS_MAX = 2_048
const FIXED_BYTES = 9
const NUMBER_BYTES = 6

const Flag = {
  acknowledged: 1,
  request: 2,
  reply: 4,
  retain: 8,
  replay: 16,
  extras: 32,
} as const
const FLAGS_ALL = 63

/** A whole frame. */
export function encodePublish(message: PublishFrame, codec: Codec): Uint8Array {
  const { topic, place, requestId, stampMs, payload } = message
  const extras = encodeExtras(message, codec)
  const topicBytes = Buffer.byteLength(topic)
  const length =
    FIXED_BYTES +
    (place === undefined ? 0 : 3 * NUMBER_BYTES) +
    (requestId === undefined ? 0 : NUMBER_BYTES) +
    (stampMs === undefined ? 0 : NUMBER_BYTES) +
    (extras === undefined ? 0 : 2 + extras.length) +
    topicBytes +
    payload.length
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  writeHeader(frame, 0, WireType.publish, length)
  let at = HEADER_BYTES
  frame[at] = flagsOf(message, extras !== undefined)
  frame[at + 1] = topicBytes >>> 8
  frame[at + 2] = topicBytes & 0xff
  frame.writeUIntBE(message.sequence, at + 3, NUMBER_BYTES)
  at += FIXED_BYTES
  if (place !== undefined) {
    frame.writeUIntBE(place.session, at, NUMBER_BYTES)
    frame.writeUIntBE(place.number, at + NUMBER_BYTES, NUMBER_BYTES)
    frame.writeUIntBE(place.previous, at + 2 * NUMBER_BYTES, NUMBER_BYTES)
    at += 3 * NUMBER_BYTES
  }
  if (requestId !== undefined) {
    frame.writeUIntBE(requestId, at, NUMBER_BYTES)
    at += NUMBER_BYTES
  }
  if (stampMs !== undefined) {
    frame.writeUIntBE(stampMs, at, NUMBER_BYTES)
    at += NUMBER_BYTES
  }
  if (extras !== undefined) {
    frame.writeUInt16BE(extras.length, at)
    frame.set(extras, at + 2)
    at += 2 + extras.length
  }
  frame.write(topic, at, topicBytes, 'utf8')
  frame.set(payload, at + topicBytes)
  return frame
}

function flagsOf(message: PublishFrame, hasExtras: boolean): number {
  let flags = 0
  if (message.place !== undefined) flags |= Flag.acknowledged
  if (message.requestId !== undefined) flags |= message.isReply ? Flag.reply : Flag.request
  if (message.stampMs !== undefined) flags |= message.isReplay ? Flag.replay : Flag.retain
  return hasExtras ? flags | Flag.extras : flags
}

function encodeExtras(
  { headers, groups, isDrawnAgain }: PublishExtras,
  codec: Codec,
): Uint8Array | undefined {
  if (headers === undefined && groups === undefined) return undefined
  const extras = [headers ?? null, groups ?? []]
  return codec.encode(isDrawnAgain === true ? [...extras, true] : extras)
}

/** Reads the payload of a PUBLISH frame; the topic is not checked. Throws `MessageError`, `CodecError`. */
export function decodePublish(payload: Uint8Array, codec: Codec): PublishFrame {
  const reader = new Reader(payload)
  const flags = reader.byte()
  if ((flags & ~FLAGS_ALL) !== 0) throw new MessageError('publish', 'flags', 'known')
  const topicBytes = reader.short()
  const sequence = reader.number()
  const place: SessionPlace | undefined =
    (flags & Flag.acknowledged) === 0
      ? undefined
      : { session: reader.number(), number: reader.number(), previous: reader.number() }
  if (place !== undefined && place.previous >= place.number) {
    throw new MessageError('publish', 'previous', 'less than the number')
  }
  const isReply = (flags & Flag.reply) !== 0
  const requestId = isReply || (flags & Flag.request) !== 0 ? reader.number() : undefined
  const isReplay = (flags & Flag.replay) !== 0
  const stampMs = isReplay || (flags & Flag.retain) !== 0 ? reader.number() : undefined
  const extras =
    (flags & Flag.extras) === 0 ? NO_EXTRAS : decodeExtras(reader.bytes(reader.short()), codec)
  const topic = reader.text(topicBytes)
  return {
    topic,
    sequence,
    place,
    requestId,
    isReply,
    stampMs,
    isReplay,
    headers: extras.headers,
    groups: extras.groups,
    ...(extras.isDrawnAgain === true ? { isDrawnAgain: true } : {}),
    payload: reader.rest(),
  }
}

const NO_EXTRAS: PublishExtras = Object.freeze({ headers: undefined, groups: undefined })

function decodeExtras(bytes: Uint8Array, codec: Codec): PublishExtras {
  const items = new Tuple('publish', codec.decode(bytes), 'extras')
  const groups = items.list(1, 'groups', GROUPS_MAX)
  if (!groups.every(isGroupName)) throw items.error('groups', 'names of groups')
  const headers = items.get(0)
  if (headers !== null && !isFlat(headers)) throw items.error('headers', 'a flat map')
  return {
    headers: headers === null ? undefined : Object.freeze(headers),
    groups: groups.length === 0 ? undefined : (groups as readonly string[]),
    isDrawnAgain: items.has(2) && items.flag(2, 'drawn again'),
  }
}

function isGroupName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= GROUP_NAME_CHARACTERS_MAX
}

/** Whether a value can be the headers of a message. */
export function isFlat(value: unknown): value is Headers {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every((each) => {
    const type = typeof each
    return type === 'string' || type === 'number' || type === 'boolean'
  })
}

/** Bytes that headers and groups take. Throws `RangeError` never; see {@link fitsExtras}. */
export function fitsExtras(headers: Headers, bytesMax: number, codec: Codec): boolean {
  return codec.encode(headers).length <= Math.min(bytesMax, EXTRAS_BYTES_MAX / 2)
}

/** A whole PUBACK frame. */
export function encodeAcknowledgement(message: Acknowledgement, codec: Codec): Uint8Array {
  return codec.encodeFrame(WireType.puback, itemsOf(message))
}

function itemsOf(message: Acknowledgement): readonly unknown[] {
  switch (message.type) {
    case 'state':
      return [0, message.session, message.next, message.unsettled, message.held]
    case 'unwanted':
      return [1, message.topic, message.requestId ?? null]
    case 'wanted':
      return [2]
    case 'denied':
      return [3, message.session]
    case 'returned':
      return [4, message.sequence, message.groups]
  }
}

/** Reads the payload of a PUBACK frame. Throws `MessageError`, `CodecError`. */
export function decodeAcknowledgement(payload: Uint8Array, codec: Codec): Acknowledgement {
  const items = new Tuple('puback', codec.decode(payload))
  switch (items.whole(0, 'type', 0, 4)) {
    case 0:
      return {
        type: 'state',
        session: items.whole(1, 'session', 0, UINT48_MAX),
        next: items.whole(2, 'next', 0, UINT48_MAX + 1),
        unsettled: runsOf(items, 3, 'unsettled'),
        held: runsOf(items, 4, 'held'),
      }
    case 1:
      return {
        type: 'unwanted',
        topic: items.text(1, 'topic', isText, 'a topic'),
        requestId: items.get(2) === null ? undefined : items.whole(2, 'request', 0, UINT48_MAX),
      }
    case 2:
      return { type: 'wanted' }
    case 3:
      return { type: 'denied', session: items.whole(1, 'session', 0, UINT48_MAX) }
    default:
      return {
        type: 'returned',
        sequence: items.whole(1, 'sequence', 0, UINT48_MAX),
        groups: items.list(2, 'groups', GROUPS_MAX).map((group) => {
          if (!isText(group)) throw items.error('groups', 'names')
          return group
        }),
      }
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** Pairs that rise. */
function runsOf(items: Tuple, index: number, name: string): readonly number[] {
  const runs = items.list(index, name, RUNS_MAX * 2)
  if (runs.length % 2 !== 0) throw items.error(name, 'pairs of numbers')
  let before = -1
  for (let at = 0; at < runs.length; at++) {
    const value = runs[at]
    const rises = at % 2 === 0 ? (value as number) > before : (value as number) >= before
    if (!Number.isSafeInteger(value) || !rises) throw items.error(name, 'numbers that rise')
    before = value as number
  }
  return runs as readonly number[]
}

/** Numbers, which rise, as runs. */
export function runsFrom(numbers: Iterable<number>): readonly number[] {
  const runs: number[] = []
  let last = -2
  for (const number of numbers) {
    if (number === last + 1) runs[runs.length - 1] = number
    else if (runs.length < RUNS_MAX * 2) runs.push(number, number)
    else break
    last = number
  }
  return runs
}

/** Whether a number is in one of the runs. */
export function inRuns(runs: readonly number[], number: number): boolean {
  for (let at = 0; at < runs.length; at += 2) {
    if (number < runs[at]!) return false
    if (number <= runs[at + 1]!) return true
  }
  return false
}

/** Reads from the front; throws `MessageError` where bytes are missing. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  short(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  number(): number {
    return this.#bytes.readUIntBE(this.#take(NUMBER_BYTES), NUMBER_BYTES)
  }

  bytes(count: number): Uint8Array {
    const at = this.#take(count)
    return this.#bytes.subarray(at, at + count)
  }

  text(count: number): string {
    const at = this.#take(count)
    return this.#bytes.toString('utf8', at, at + count)
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at)
  }

  #take(count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.length) {
      throw new MessageError('publish', '', `longer than ${this.#bytes.length} bytes`)
    }
    this.#at = at + count
    return at
  }
}
