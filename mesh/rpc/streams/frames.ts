/**
 * What travels between the two sides of a stream. The side that opened it is the opener, the one that serves it the
 * acceptor; each numbers what it sends, so that a stream survives pieces that come late, twice or not at all.
 *
 * `open`, credit and what is said at once travel on the lane `rpc`, all that has a number on the lane `bulk`, so that a
 * stream never delays a call.
 */
import type { FailureKind, FailureMessage } from '../frames.ts'

/** Who may send items; `result` is the acceptor's in every mode. */
export type StreamMode = 'server' | 'client' | 'bidi'

/** Which side of the stream. */
export type StreamSide = 'opener' | 'acceptor'

/** Why a stream failed, as it travels. */
export interface StreamFault extends FailureMessage {
  /** What the handler's error carried besides, encoded by the codec of values. */
  readonly details?: Uint8Array | undefined
  /** The opening is known not to have arrived. Found here, never told: it does not travel. */
  readonly isUnsent?: true
}

/** A failure that streams themselves bring about. */
export function streamFault(kind: FailureKind, message: string): StreamFault {
  return { kind, name: 'RpcError', message, code: undefined, retryAfterMs: undefined }
}

/** The way to the other node did not take the opening, or lost it. */
export function unsentFault(message: string): StreamFault {
  return { ...streamFault('unreachable', message), isUnsent: true }
}

/** `open`: begins a stream; its sender's window is the credit of the acceptor. */
export interface StreamOpen {
  readonly streamId: number
  readonly incarnation: number
  readonly procedure: string
  readonly mode: StreamMode
  readonly windowFrames: number
  readonly windowBytes: number
  /** What is left of the caller's time; 0 for no limit. */
  readonly remainingMs: number
  /** Encoded by the codec of values. */
  readonly input: Uint8Array
}

/** A piece of an item or of the result; `more` when its end comes with a later one. */
export interface StreamDataPart {
  readonly type: 'data' | 'reply'
  readonly sequence: number
  readonly more: boolean
  readonly bytes: Uint8Array
}

/** A numbered part of what one side sends, in order of `sequence`. */
export type StreamPart =
  | StreamDataPart
  /** The opener sends no more. */
  | { readonly type: 'end'; readonly sequence: number }
  /** The acceptor failed, after everything before it. */
  | { readonly type: 'error'; readonly sequence: number; readonly fault: StreamFault }

/** Parts that end what their side sends. */
export type StreamEnd = Extract<StreamPart, { readonly type: 'end' | 'error' }>

/** What is not part of the numbered sequence. */
export type StreamControl =
  /** Ends both directions at once. */
  { readonly type: 'abort'; readonly fault: StreamFault } | StreamCredit

/** How far the other side may go. */
export interface StreamCredit {
  readonly type: 'credit'
  /** All parts below this number have arrived. */
  readonly received: number
  /** Parts of data below this number may be sent. */
  readonly framesLimit: number
  /** Bytes of data that may be sent, from the beginning of the stream. */
  readonly bytesLimit: number
  /** Asks for an answer; the number of the next part that the asking side will send. 0 for none. */
  readonly asks: number
  /** The `asks` that this answers; 0 for none. */
  readonly answers: number
}

/** Anything that one side tells the other once the stream is open. */
export type StreamFrame = StreamPart | StreamControl

/** Bytes of one piece. Small enough to share a lane, and to travel in any envelope without being cut again. */
export const FRAGMENT_BYTES_MAX = 32_768

/** A window holds two pieces at least, so that there is always one to be sent when half of it is free. */
export const WINDOW_BYTES_MIN: number = 2 * FRAGMENT_BYTES_MAX

/** No peer can make us keep more than this for it. */
export const WINDOW_BYTES_MAX = 67_108_864

/** The same in frames. */
export const WINDOW_FRAMES_MAX = 65_536
