/**
 * Large values travel as chunks: pieces of the encoded message, between which other messages and chunks of others may
 * come (outbox.ts says which). Each belongs to a numbered transfer; the message counts when its last chunk is there.
 *
 * Payload of a chunk frame: `transfer u32` and `total u32`, big-endian, `type u8` of the message, then its next bytes. Type
 * and total are the same in every chunk; the message is whole when `total` bytes are there, and its number is free again.
 *
 * Memory taken is at most four times the bytes really received, never what a header merely claims, or was taken before, for a
 * message that is over; what all transfers of a peer announce together is at most `valueBytesMax`, and they are at most
 * TRANSFERS_MAX.
 */
import { WireType } from '../mesh/index.ts'
import { DistProtocolError } from './errors.ts'

/** How nodes say in the handshake of a link that they tell how much they took of chunks (`mesh/link/shared-window.ts`). */
export const TAKEN_CAPABILITY = 'dist.taken'

/** Bytes in front of the data of a chunk. */
export const CHUNK_HEADER_BYTES = 9

/** Messages of one peer that may be under assembly at once; a constant of the wire. */
export const TRANSFERS_MAX = 16

/** A message put together again; `payload` is the assembler's own and not touched before it is given back. */
export interface Assembled {
  readonly type: number
  readonly payload: Uint8Array
}

/** What every chunk of a message says. */
export interface ChunkHeader {
  /** Number of the transfer. */
  readonly id: number
  /** Type of the message. */
  readonly type: number
  /** Payload bytes of the message. */
  readonly total: number
}

/** Writes the header of a chunk. */
export function writeChunkHeader(target: Uint8Array, offset: number, header: ChunkHeader): void {
  const { id, type, total } = header
  writeU32(target, offset, id)
  writeU32(target, offset + 4, total)
  target[offset + 8] = type
}

function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24
  target[offset + 1] = value >>> 16
  target[offset + 2] = value >>> 8
  target[offset + 3] = value
}

function readU32(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16) + (bytes[at + 2]! << 8) + bytes[at + 3]!
}

const NOTHING: Uint8Array = new Uint8Array(0)

function isChunkable(type: number): boolean {
  return type >= WireType.distSend && type < WireType.distChunk
}

function fault(what: string): DistProtocolError {
  return new DistProtocolError('ERR_DIST_CHUNK', `chunk from the peer ${what}`)
}

/** Memory of messages that are over: in new memory each would count towards the next collection of the whole heap. */
export interface Rooms {
  /** One of at least so many bytes, if there is one. */
  spare(bytes: number): Uint8Array | undefined
  recycle(room: Uint8Array): void
}

/** One message under assembly. */
class Assembly {
  readonly type: number
  readonly total: number
  bytes = 0
  buffer: Uint8Array

  constructor(type: number, total: number, room: Uint8Array = NOTHING) {
    this.type = type
    this.total = total
    this.buffer = room
  }

  append(chunk: Uint8Array): void {
    const needed = this.bytes + chunk.length - CHUNK_HEADER_BYTES
    if (needed > this.total) throw fault('exceeds the size it announced')
    if (needed > this.buffer.length) {
      const grown = new Uint8Array(Math.min(this.total, needed * 4))
      grown.set(this.buffer.subarray(0, this.bytes))
      this.buffer = grown
    }
    this.buffer.set(chunk.subarray(CHUNK_HEADER_BYTES), this.bytes)
    this.bytes = needed
  }
}

/** Puts the chunks of one peer together. */
export class ChunkAssembler {
  readonly #valueBytesMax: number
  readonly #assemblies = new Map<number, Assembly>()
  readonly #rooms: Rooms
  #announced = 0

  constructor(valueBytesMax: number, rooms: Rooms) {
    this.#valueBytesMax = valueBytesMax
    this.#rooms = rooms
  }

  /** Messages under assembly. */
  get size(): number {
    return this.#assemblies.size
  }

  /** Memory held for what is under assembly. */
  get bytesAllocated(): number {
    let sum = 0
    for (const { buffer } of this.#assemblies.values()) sum += buffer.length
    return sum
  }

  /** Takes the next chunk; gives the message when it is whole. Throws `ERR_DIST_CHUNK`. */
  push(chunk: Uint8Array): Assembled | undefined {
    if (chunk.length <= CHUNK_HEADER_BYTES) throw fault('has no data')
    const id = readU32(chunk, 0)
    const total = readU32(chunk, 4)
    const type = chunk[8]!
    const known = this.#assemblies.get(id)
    if (known !== undefined && (known.type !== type || known.total !== total)) {
      throw fault('belongs to another message')
    }
    const assembly = known ?? this.#begin(id, type, total)
    assembly.append(chunk)
    if (assembly.bytes < total) return undefined
    this.#assemblies.delete(id)
    this.#announced -= total
    return { type, payload: assembly.buffer.subarray(0, total) }
  }

  /** Nobody looks at the payload of that message any more. */
  recycle({ payload }: Assembled): void {
    this.#rooms.recycle(payload)
  }

  /** Drops everything under assembly. */
  clear(): void {
    this.#assemblies.clear()
    this.#announced = 0
  }

  #begin(id: number, type: number, total: number): Assembly {
    if (!isChunkable(type)) throw fault(`carries a message of type ${type}`)
    if (this.#announced + total > this.#valueBytesMax) {
      const sum = this.#announced + total
      throw fault(`announces ${sum} bytes, at most ${this.#valueBytesMax} are taken`)
    }
    if (this.#assemblies.size >= TRANSFERS_MAX) {
      throw fault(`begins one transfer more than ${TRANSFERS_MAX}`)
    }
    const assembly = new Assembly(type, total, this.#rooms.spare(total))
    this.#assemblies.set(id, assembly)
    this.#announced += total
    return assembly
  }
}
