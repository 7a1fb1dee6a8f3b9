/**
 * Frames of streams (0x27 to 0x2b, 0x2f) to bytes and back: a head and a body, as calls have them (`../frames.ts`). The
 * first element of a head is the number of the stream, the second who sends: 0 the opener, 1 the acceptor.
 *
 *     stream_open   0x27  [id, incarnation, procedure, mode, windowFrames, windowBytes, remainingMs]   input
 *     stream_data   0x28  [id, side, sequence, more]                                     an item, or a piece of one
 *     stream_end    0x29  [id, side, sequence]                                           nothing
 *     stream_error  0x2a  [id, side, sequence | -1, kind, name, message, code | null, retryAfterMs | null]   details
 *     stream_reply  0x2b  [id, side, sequence, more]                                     the result, or a piece of it
 *     stream_credit 0x2f  [id, side, received, framesLimit, bytesLimit, asks, answers]   nothing
 *
 * An error with -1 ends both directions at once. Bytes of a peer raise `MessageError` or `CodecError` here and nothing
 * else. Bodies are copied: what they stand in is gone after the call.
 */
import { isTopic } from '../../topics/topic.ts'
import type { Codec } from '../../wire/codec.ts'
import { WireType } from '../../wire/messages.ts'
import type { Tuple } from '../../wire/tuple.ts'
import {
  failureItems,
  openServiceFrame,
  readFailure,
  serviceFrame,
  serviceFront,
} from '../frames.ts'
import type { StreamDataPart, StreamFrame, StreamMode, StreamOpen, StreamSide } from './frames.ts'
import {
  FRAGMENT_BYTES_MAX,
  WINDOW_BYTES_MAX,
  WINDOW_BYTES_MIN,
  WINDOW_FRAMES_MAX,
} from './frames.ts'

/** A frame of a stream that is open, or was. */
export interface AddressedFrame {
  readonly streamId: number
  /** Who sent it. */
  readonly side: StreamSide
  readonly frame: StreamFrame
}

/** Types of all frames of streams: `[from, to]` for `Courier.handle`. */
export const STREAM_TYPES: readonly (readonly [number, number])[] = [
  [WireType.streamOpen, WireType.streamReply],
  [WireType.streamCredit, WireType.streamCredit],
]

const SIDES: readonly StreamSide[] = ['opener', 'acceptor']
const MODES: readonly StreamMode[] = ['server', 'client', 'bidi']
const AT_ONCE = -1
const NUMBER_MAX = Number.MAX_SAFE_INTEGER
const TIME_MS_MAX = 2_147_483_647

/** The frame that opens a stream. */
export function encodeStreamOpen(codec: Codec, open: StreamOpen): Uint8Array {
  const { streamId, incarnation, procedure, mode, windowFrames, windowBytes, remainingMs } = open
  const modeNumber = MODES.indexOf(mode)
  const head = [
    streamId,
    incarnation,
    procedure,
    modeNumber,
    windowFrames,
    windowBytes,
    remainingMs,
  ]
  return serviceFrame(codec, WireType.streamOpen, head, open.input)
}

/** A frame with data without them: what comes in front of `part.bytes`. */
export function encodeStreamFront(
  codec: Codec,
  streamId: number,
  side: StreamSide,
  part: StreamDataPart,
): Uint8Array {
  const { type, sequence, more, bytes } = part
  const head = [streamId, SIDES.indexOf(side), sequence, more]
  const wireType = type === 'data' ? WireType.streamData : WireType.streamReply
  return serviceFront(codec, wireType, head, bytes.length)
}

/** Any other frame. */
export function encodeStreamFrame(
  codec: Codec,
  { streamId, side, frame }: AddressedFrame,
): Uint8Array {
  const from = SIDES.indexOf(side)
  switch (frame.type) {
    case 'data':
    case 'reply':
      return Buffer.concat([encodeStreamFront(codec, streamId, side, frame), frame.bytes])
    case 'end':
      return serviceFrame(codec, WireType.streamEnd, [streamId, from, frame.sequence])
    case 'error':
    case 'abort': {
      const { fault } = frame
      const sequence = frame.type === 'error' ? frame.sequence : AT_ONCE
      const head = [streamId, from, sequence, ...failureItems(fault)]
      return serviceFrame(codec, WireType.streamError, head, fault.details)
    }
    case 'credit': {
      const { received, framesLimit, bytesLimit, asks, answers } = frame
      const head = [streamId, from, received, framesLimit, bytesLimit, asks, answers]
      return serviceFrame(codec, WireType.streamCredit, head)
    }
  }
}

/** Checks what a peer sent to open a stream. */
export function readStreamOpen(codec: Codec, payload: Uint8Array): StreamOpen {
  const { head, body } = openServiceFrame(codec, 'stream_open', payload)
  return {
    streamId: head.whole(0, 'streamId', 1, NUMBER_MAX),
    incarnation: head.whole(1, 'incarnation', 0, NUMBER_MAX),
    procedure: head.text(2, 'procedure', isName, 'the name of a procedure'),
    mode: MODES[head.whole(3, 'mode', 0, MODES.length - 1)]!,
    windowFrames: head.whole(4, 'windowFrames', 1, WINDOW_FRAMES_MAX),
    windowBytes: head.whole(5, 'windowBytes', WINDOW_BYTES_MIN, WINDOW_BYTES_MAX),
    remainingMs: head.whole(6, 'remainingMs', 0, TIME_MS_MAX),
    input: copyOf(body),
  }
}

/** Checks any other frame of a stream. */
export function readStreamFrame(codec: Codec, type: number, payload: Uint8Array): AddressedFrame {
  switch (type) {
    case WireType.streamData:
      return readPiece(codec, 'data', payload)
    case WireType.streamReply:
      return readPiece(codec, 'reply', payload)
    case WireType.streamEnd: {
      const { head } = openServiceFrame(codec, 'stream_end', payload)
      return addressed(head, { type: 'end', sequence: head.whole(2, 'sequence', 0, NUMBER_MAX) })
    }
    case WireType.streamError:
      return readError(codec, payload)
    default:
      return readCredit(codec, payload)
  }
}

function readPiece(codec: Codec, type: 'data' | 'reply', payload: Uint8Array): AddressedFrame {
  const { head, body } = openServiceFrame(codec, `stream_${type}`, payload)
  if (body.length === 0 || body.length > FRAGMENT_BYTES_MAX) {
    throw head.error('body', `1 to ${FRAGMENT_BYTES_MAX} bytes`)
  }
  const sequence = head.whole(2, 'sequence', 0, NUMBER_MAX)
  return addressed(head, { type, sequence, more: head.flag(3, 'more'), bytes: copyOf(body) })
}

function readError(codec: Codec, payload: Uint8Array): AddressedFrame {
  const { head, body } = openServiceFrame(codec, 'stream_error', payload)
  const sequence = head.whole(2, 'sequence', AT_ONCE, NUMBER_MAX)
  const details = body.length === 0 ? undefined : copyOf(body)
  const fault = { ...readFailure(head), details }
  return addressed(
    head,
    sequence === AT_ONCE ? { type: 'abort', fault } : { type: 'error', sequence, fault },
  )
}

function readCredit(codec: Codec, payload: Uint8Array): AddressedFrame {
  const { head } = openServiceFrame(codec, 'stream_credit', payload)
  return addressed(head, {
    type: 'credit',
    received: head.whole(2, 'received', 0, NUMBER_MAX),
    framesLimit: head.whole(3, 'framesLimit', 0, NUMBER_MAX),
    bytesLimit: head.whole(4, 'bytesLimit', 0, NUMBER_MAX),
    asks: head.whole(5, 'asks', 0, NUMBER_MAX),
    answers: head.whole(6, 'answers', 0, NUMBER_MAX),
  })
}

function addressed(head: Tuple, frame: StreamFrame): AddressedFrame {
  const side = SIDES[head.whole(1, 'side', 0, 1)]!
  return { streamId: head.whole(0, 'streamId', 1, NUMBER_MAX), side, frame }
}

const isName = (value: unknown): value is string => isTopic(value)

/** Not `slice`: what a socket receives is a Buffer, and that of a Buffer is a view of bytes that will be overwritten. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
