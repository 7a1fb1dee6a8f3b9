/**
 * Messages that are too large for one frame travel as pieces, which those of other messages may come between; the
 * pieces of one message come in order. Payload of a piece (`service_chunk`, 0x2e), numbers big-endian:
 *
 *     id u32 | type u8 | total u32 | offset u32 | bytes
 *
 * `id` is the sender's, per message; `type` and `total` are those of the message and the same in every piece. Every
 * piece says where it belongs, so a lost or repeated one is noticed at once, and its message is dropped.
 */
import { HEADER_BYTES, writeHeader } from '../wire/frame.ts'
import { WireType } from '../wire/messages.ts'

/** Bytes in front of those of the message in the payload of a piece. */
export const CHUNK_HEADER_BYTES = 13

/** First and last type of frames that services speak in. */
export const SERVICE_TYPE_MIN = 0x10
export const SERVICE_TYPE_MAX = 0x2f

/** A message on its way in pieces. */
export interface Cut {
  readonly id: number
  /** The whole frame: header and payload. */
  readonly frame: Uint8Array
  /** Bytes of the payload that were cut off. */
  offset: number
}

/** What a piece says. */
export interface Chunk {
  readonly id: number
  readonly type: number
  readonly total: number
  readonly offset: number
  /** A view. */
  readonly bytes: Uint8Array
}

/** True for the types of messages that may come in pieces or in a sealed envelope. */
export function isServiceType(type: number): boolean {
  return (
    type >= SERVICE_TYPE_MIN &&
    type <= SERVICE_TYPE_MAX &&
    type !== WireType.serviceChunk &&
    type !== WireType.rpcRoute &&
    type !== WireType.pubsubRoute
  )
}

/** The next piece of a message as a frame, whose payload has at most `bytesMax` bytes. */
export function cutNext(cut: Cut, bytesMax: number): Uint8Array {
  const [head, bytes] = cutOff(cut, bytesMax)
  const piece = new Uint8Array(head.length + bytes.length)
  piece.set(head)
  piece.set(bytes, head.length)
  return piece
}

/** The same in two parts, the second of which is a view of the message. */
export function cutOff(cut: Cut, bytesMax: number): readonly [head: Uint8Array, bytes: Uint8Array] {
  const { frame, id, offset } = cut
  const total = frame.length - HEADER_BYTES
  const bytes = Math.min(total - offset, bytesMax - CHUNK_HEADER_BYTES)
  const head = new Uint8Array(HEADER_BYTES + CHUNK_HEADER_BYTES)
  writeHeader(head, 0, WireType.serviceChunk, CHUNK_HEADER_BYTES + bytes)
  const view = new DataView(head.buffer)
  view.setUint32(HEADER_BYTES, id)
  view.setUint8(HEADER_BYTES + 4, frame[1]!)
  view.setUint32(HEADER_BYTES + 5, total)
  view.setUint32(HEADER_BYTES + 9, offset)
  const start = HEADER_BYTES + offset
  cut.offset = offset + bytes
  return [head, frame.subarray(start, start + bytes)]
}

/** Whether everything of a message was cut off. */
export function isCutUp({ frame, offset }: Cut): boolean {
  return offset >= frame.length - HEADER_BYTES
}

/** Reads the payload of a piece; undefined for what is none. */
export function readChunk(payload: Uint8Array): Chunk | undefined {
  if (payload.length <= CHUNK_HEADER_BYTES) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const type = view.getUint8(4)
  const total = view.getUint32(5)
  const offset = view.getUint32(9)
  const bytes = payload.subarray(CHUNK_HEADER_BYTES)
  if (!isServiceType(type) || offset + bytes.length > total) return undefined
  return { id: view.getUint32(0), type, total, offset, bytes }
}
