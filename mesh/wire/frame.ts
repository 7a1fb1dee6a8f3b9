/**
 * Frames on a byte stream: an 8-byte header `version, type, flags, reserved, length u32 big-endian`
 * and `length` bytes of payload (architecture 5; reference 1.1).
 *
 * Invariants of the decoder:
 * - Any chunking of the same bytes gives the same frames, in time linear in the bytes.
 * - A header is judged as soon as its 8 bytes are there and before anything is allocated for its
 *   payload. Memory held for an unfinished frame is at most four times the bytes really received
 *   (and 512 bytes), never what the header merely claims (H7, H11).
 * - The payload given to `onFrame` is a view, of the chunk itself when the whole frame lies in it;
 *   it is valid during the call only.
 * - After an error, or a handler that threw, the stream has lost its place: every later `push`
 *   throws again.
 */
import { invariant } from '../../runtime/index.ts'
import { FrameError } from './errors.ts'
import { isWireType, wireTypeName } from './messages.ts'

/** Bytes of a frame header. */
export const HEADER_BYTES = 8

/** First byte of every frame. */
export const PROTOCOL_VERSION = 1

/** Largest payload by default, 1 MiB; larger values are sent in chunks. */
export const FRAME_BYTES_MAX_DEFAULT = 1_048_576

/** Largest payload that can be configured, 16 MiB. */
export const FRAME_BYTES_MAX_LIMIT = 16_777_216

/** What the header can say. */
const LENGTH_MAX = 4_294_967_295

/** Called for each frame in order; `payload` is valid during the call. */
export type FrameHandler = (type: number, payload: Uint8Array, flags: number) => void

/** Options of {@link FrameDecoder}. */
export interface FrameDecoderOptions {
  /** Largest payload in bytes (the header is not counted); default 1 MiB. */
  readonly frameBytesMax?: number
  /** Flag bits that may be set; none by default, others raise `ERR_FRAME_FLAGS`. */
  readonly flagsMask?: number
}

/** Writes a frame header at `offset`. */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  type: number,
  length: number,
  flags = 0,
): void {
  invariant(isWireType(type), 'ERR_INVARIANT_FRAME_TYPE', wireTypeName(type))
  // Services cut a frame that no link takes into pieces, so it may be longer than what a reader can be told to take.
  invariant(length >= 0 && length <= LENGTH_MAX, 'ERR_INVARIANT_FRAME_LENGTH')
  target[offset] = PROTOCOL_VERSION
  target[offset + 1] = type
  target[offset + 2] = flags
  target[offset + 3] = 0
  target[offset + 4] = length >>> 24
  target[offset + 5] = length >>> 16
  target[offset + 6] = length >>> 8
  target[offset + 7] = length
}

/**
 * Header and payload in a fresh buffer.
 *
 * @example
 * stream.write(encodeFrame(WireType.ping, codec.encode({ timestamp })))
 */
export function encodeFrame(type: number, payload: Uint8Array, flags = 0): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length)
  writeHeader(frame, 0, type, payload.length, flags)
  frame.set(payload, HEADER_BYTES)
  return frame
}

const EMPTY: Uint8Array = new Uint8Array(0)

/** A payload buffer up to this size is kept for the next frame that arrives in pieces: 64 KiB of data and what is around. */
const SCRATCH_BYTES_KEPT = 131_072

/** First allocation for a payload that arrives in pieces. */
const SCRATCH_BYTES_MIN = 512

/** Finds the frames in a byte stream. One per stream. */
export class FrameDecoder {
  #frameBytesMax: number
  readonly #flagsMask: number
  /** Of a header that came in pieces; most never do, and a node has many streams. */
  #header: Uint8Array = EMPTY
  /** Header bytes present; HEADER_BYTES while a payload is being collected. */
  #headerBytes = 0
  #type = 0
  #flags = 0
  #length = 0
  /** The collected start of a payload that is not complete yet. */
  #scratch: Uint8Array = EMPTY
  #scratchBytes = 0
  #failure: unknown = undefined
  #spent = false
  #pushing = false

  constructor(options: FrameDecoderOptions = {}) {
    this.#frameBytesMax = options.frameBytesMax ?? FRAME_BYTES_MAX_DEFAULT
    this.#flagsMask = options.flagsMask ?? 0
    this.#checkLimit()
  }

  /** Another limit from the next header on, also when called from within `onFrame`. */
  set frameBytesMax(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
    this.#checkLimit()
  }

  #checkLimit(): void {
    invariant(
      this.#frameBytesMax <= FRAME_BYTES_MAX_LIMIT,
      'ERR_INVARIANT_FRAME_LIMIT',
      'frameBytesMax above 16 MiB',
    )
  }

  /** Bytes received and not yet delivered as a frame. */
  get bytesBuffered(): number {
    return this.#headerBytes + this.#scratchBytes
  }

  /** Bytes of memory held for an unfinished frame. */
  get bytesAllocated(): number {
    return HEADER_BYTES + this.#scratch.length
  }

  /** Takes the next bytes of the stream and calls `onFrame` for every frame that they complete. */
  push(chunk: Uint8Array, onFrame: FrameHandler): void {
    // `slice` of a Buffer is a view, of a Uint8Array a copy: whoever keeps a payload must get what the type says.
    const bytes = Buffer.isBuffer(chunk)
      ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)
      : chunk
    if (this.#spent) throw this.#failure
    invariant(!this.#pushing, 'ERR_INVARIANT_FRAME_REENTRANT', 'push called from its own onFrame')
    this.#pushing = true
    try {
      let offset = 0
      do {
        offset = this.#step(bytes, offset, onFrame)
      } while (offset < bytes.length)
    } catch (error) {
      this.#spent = true
      this.#failure = error
      this.#scratch = EMPTY
      throw error
    } finally {
      this.#pushing = false
    }
  }

  /** Consumes bytes for one header and, as far as present, its payload; gives the next offset. */
  #step(bytes: Uint8Array, offset: number, onFrame: FrameHandler): number {
    let at = offset
    if (this.#headerBytes < HEADER_BYTES) {
      const missing = HEADER_BYTES - this.#headerBytes
      if (this.#headerBytes === 0 && bytes.length - at >= HEADER_BYTES) {
        this.#readHeader(bytes, at)
        at += HEADER_BYTES
      } else {
        const taken = Math.min(missing, bytes.length - at)
        if (this.#header === EMPTY) this.#header = new Uint8Array(HEADER_BYTES)
        this.#header.set(bytes.subarray(at, at + taken), this.#headerBytes)
        this.#headerBytes += taken
        at += taken
        if (this.#headerBytes < HEADER_BYTES) return at
        this.#readHeader(this.#header, 0)
      }
      this.#headerBytes = HEADER_BYTES
    }
    const missing = this.#length - this.#scratchBytes
    const taken = Math.min(missing, bytes.length - at)
    if (taken < missing) {
      this.#collect(bytes, at, taken)
      return at + taken
    }
    let payload: Uint8Array
    if (this.#scratchBytes === 0) {
      payload = bytes.subarray(at, at + taken)
    } else {
      this.#collect(bytes, at, taken)
      payload = this.#scratch.subarray(0, this.#length)
    }
    this.#headerBytes = 0
    this.#scratchBytes = 0
    if (this.#scratch.length > SCRATCH_BYTES_KEPT) this.#scratch = EMPTY
    onFrame(this.#type, payload, this.#flags)
    return at + taken
  }

  #readHeader(bytes: Uint8Array, at: number): void {
    const version = bytes[at]!
    const type = bytes[at + 1]!
    const flags = bytes[at + 2]!
    if (version !== PROTOCOL_VERSION) {
      throw new FrameError('ERR_FRAME_VERSION', `frame version ${version}, expected 1`)
    }
    if (!isWireType(type)) {
      throw new FrameError('ERR_FRAME_TYPE', `unknown frame type ${wireTypeName(type)}`)
    }
    if ((flags & ~this.#flagsMask) !== 0 || bytes[at + 3] !== 0) {
      throw new FrameError(
        'ERR_FRAME_FLAGS',
        `flags ${flags} and reserved byte ${bytes[at + 3]!} of a ${wireTypeName(type)} frame`,
      )
    }
    const length =
      bytes[at + 4]! * 0x1000000 + (bytes[at + 5]! << 16) + (bytes[at + 6]! << 8) + bytes[at + 7]!
    if (length > this.#frameBytesMax) {
      throw new FrameError(
        'ERR_FRAME_TOO_LARGE',
        `${wireTypeName(type)} frame of ${length} bytes, at most ${this.#frameBytesMax}`,
      )
    }
    this.#type = type
    this.#flags = flags
    this.#length = length
  }

  /** Appends to the scratch buffer, which doubles so that copying stays linear. */
  #collect(bytes: Uint8Array, at: number, count: number): void {
    const needed = this.#scratchBytes + count
    if (needed > this.#scratch.length) {
      const size = Math.min(this.#length, Math.max(SCRATCH_BYTES_MIN, needed * 2))
      const grown = new Uint8Array(size)
      grown.set(this.#scratch.subarray(0, this.#scratchBytes))
      this.#scratch = grown
    }
    this.#scratch.set(bytes.subarray(at, at + count), this.#scratchBytes)
    this.#scratchBytes = needed
  }
}
