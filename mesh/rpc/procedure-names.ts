/**
 * Names of procedures and their bytes (a MessagePack string), both ways: the same few names stand in almost all calls, and to
 * encode, decode and check one costs more than to compare its bytes.
 *
 * Bounded: what is written is forgotten when `WRITTEN_MAX` names are known, what is read shares `READ_PLACES` places, so
 * that a peer which makes up names slows down nobody but takes their places.
 */
import { isTopic } from '../topics/topic.ts'
import type { Codec } from '../wire/codec.ts'
import { loneText } from '../wire/lone-text.ts'

const WRITTEN_MAX = 1_024

/** A power of two. */
const READ_PLACES = 256

interface KnownName {
  readonly procedure: string
  readonly bytes: Uint8Array
}

/** See the head of this file. */
export class ProcedureNames {
  readonly #codec: Codec
  readonly #written = new Map<string, Uint8Array>()
  readonly #read = new Array<KnownName | undefined>(READ_PLACES).fill(undefined)

  constructor(codec: Codec) {
    this.#codec = codec
  }

  /** Must not be changed. */
  bytesOf(procedure: string): Uint8Array {
    const known = this.#written.get(procedure)
    if (known !== undefined) return known
    if (this.#written.size >= WRITTEN_MAX) this.#written.clear()
    // Of its own: encoded bytes are a part of a larger buffer.
    const bytes = Uint8Array.from(this.#codec.encode(procedure))
    this.#written.set(procedure, bytes)
    return bytes
  }

  /** The name that fills that part of `source`; undefined when it is none. */
  nameAt(source: Uint8Array, from: number, to: number): string | undefined {
    let hash = to - from
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ source[at]!, 0x01000193)
    const place = (hash ^ (hash >>> 16)) & (READ_PLACES - 1)
    const known = this.#read[place]
    if (known !== undefined && isEqual(known.bytes, source, from, to)) return known.procedure
    const bytes = source.slice(from, to)
    const procedure = loneText(bytes)
    if (!isTopic(procedure)) return undefined
    this.#read[place] = { procedure, bytes }
    return procedure
  }
}

function isEqual(bytes: Uint8Array, source: Uint8Array, from: number, to: number): boolean {
  if (bytes.length !== to - from) return false
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== source[from + i]) return false
  return true
}
