/**
 * Values that do not fit into one frame travel as chunks: pieces of the encoded message, one after the
 * other on the ordered stream, never interleaved with other messages. So a peer has at most one
 * message under assembly, order is kept for free, and memory is bounded by `valueBytesMax`.
 *
 * Payload of a chunk frame: `type u8` of the message, `total u32` big-endian, then its next bytes. Type
 * and total are the same in every chunk; the message is whole when `total` bytes are there.
 *
 * Memory held is at most twice the bytes really received, never what a header merely claims.
 */
import { WireType } from '../mesh/index.ts'
import { DistProtocolError } from './errors.ts'

/** Bytes in front of the data of a chunk. */
export const CHUNK_HEADER_BYTES = 5

/** A message put together again; `payload` is the assembler's own and not touched later. */
export interface Assembled {
  readonly type: number
  readonly payload: Uint8Array
}

/** Writes the header of a chunk that belongs to a message of `type` with `total` payload bytes. */
export function writeChunkHeader(
  target: Uint8Array,
  offset: number,
  type: number,
  total: number,
): void {
  target[offset] = type
  target[offset + 1] = total >>> 24
  target[offset + 2] = total >>> 16
  target[offset + 3] = total >>> 8
  target[offset + 4] = total
}

const NOTHING: Uint8Array = new Uint8Array(0)

function isChunkable(type: number): boolean {
  return type >= WireType.distSend && type < WireType.distChunk
}

function fault(what: string): DistProtocolError {
  return new DistProtocolError('ERR_DIST_CHUNK', `chunk from the peer ${what}`)
}

/** Puts the chunks of one peer together. */
export class ChunkAssembler {
  readonly #valueBytesMax: number
  #type = 0
  #total = 0
  #bytes = 0
  #buffer: Uint8Array = NOTHING

  constructor(valueBytesMax: number) {
    this.#valueBytesMax = valueBytesMax
  }

  /** A message is under assembly; only chunks may follow. */
  get busy(): boolean {
    return this.#total > 0
  }

  /** Memory held for the message under assembly. */
  get bytesAllocated(): number {
    return this.#buffer.length
  }

  /** Takes the next chunk; gives the message when it is whole. Throws `ERR_DIST_CHUNK`. */
  push(chunk: Uint8Array): Assembled | undefined {
    const length = chunk.length - CHUNK_HEADER_BYTES
    if (length < 1) throw fault('has no data')
    const type = chunk[0]!
    const total = chunk[1]! * 0x1000000 + (chunk[2]! << 16) + (chunk[3]! << 8) + chunk[4]!
    if (this.busy) {
      if (type !== this.#type || total !== this.#total) throw fault('belongs to another message')
    } else {
      if (!isChunkable(type)) throw fault(`carries a message of type ${type}`)
      if (total > this.#valueBytesMax) {
        throw fault(`announces ${total} bytes, at most ${this.#valueBytesMax} are taken`)
      }
      this.#type = type
      this.#total = total
    }
    if (this.#bytes + length > this.#total) throw fault('exceeds the size it announced')
    this.#append(chunk, length)
    if (this.#bytes < this.#total) return undefined
    const payload = this.#buffer.subarray(0, this.#total)
    this.clear()
    return { type, payload }
  }

  /** Drops the message under assembly. */
  clear(): void {
    this.#type = 0
    this.#total = 0
    this.#bytes = 0
    this.#buffer = NOTHING
  }

  #append(chunk: Uint8Array, length: number): void {
    const needed = this.#bytes + length
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(this.#total, needed * 2))
      grown.set(this.#buffer.subarray(0, this.#bytes))
      this.#buffer = grown
    }
    this.#buffer.set(chunk.subarray(CHUNK_HEADER_BYTES), this.#bytes)
    this.#bytes = needed
  }
}
