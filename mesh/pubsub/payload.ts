/**
 * A payload between publisher and subscribers. Nobody may see what another one does to it:
 *
 * - What cannot be changed (texts, numbers, booleans, null, undefined) is handed on as it is, and encoded only when it
 *   leaves the node.
 * - Everything else is encoded once, when it is published, and decoded for each subscriber that reads it. Of bytes that is
 *   known from the first time on, and each further subscriber gets a copy of them; what is left is the memory for it.
 */
import { CodecError, UnsendableError } from '../wire/errors.ts'
import type { Codec } from '../wire/codec.ts'
import { PubSubError } from './errors.ts'

/** Bytes that are counted for a small value. */
const SMALL_BYTES = 9
/** Bytes before the characters of a text. */
const TEXT_HEAD_BYTES = 5
/** Where the bytes begin in a value that is nothing else, by its first byte (`bin` 8, 16, 32 of MessagePack). */
const BYTES_AT: Readonly<Record<number, number>> = { 0xc4: 2, 0xc5: 3, 0xc6: 5 }

/** See the head of this file. */
export class Payload {
  readonly #values: Codec
  /** The value itself, if it cannot be changed; otherwise a copy that nobody has yet. */
  #value: unknown
  #state: 'shared' | 'spare' | 'encoded'
  /** What further copies are made of, when the value is bytes. */
  #original: Uint8Array | undefined
  #bytes: Uint8Array | undefined
  /** Bytes that it counts for while it waits; those of a text are estimated. */
  readonly size: number

  private constructor(
    values: Codec,
    state: 'shared' | 'spare' | 'encoded',
    value: unknown,
    bytes: Uint8Array | undefined,
  ) {
    this.#values = values
    this.#state = state
    this.#value = value
    this.#bytes = bytes
    if (bytes !== undefined) this.size = bytes.length
    else this.size = typeof value === 'string' ? value.length + TEXT_HEAD_BYTES : SMALL_BYTES
  }

  /** Takes over a value of this node. Throws `ERR_PUBSUB_PAYLOAD_INVALID`, `ERR_PUBSUB_PAYLOAD_TOO_LARGE`. */
  static of(values: Codec, value: unknown, bytesMax: number): Payload {
    if (isImmutable(value)) {
      const payload = new Payload(values, 'shared', value, undefined)
      // A character of UTF-16 takes 3 bytes at most.
      if (typeof value === 'string' && value.length * 3 + TEXT_HEAD_BYTES > bytesMax) {
        checkBytes(payload.bytes.length, bytesMax)
      }
      return payload
    }
    const bytes = encode(values, value)
    checkBytes(bytes.length, bytesMax)
    return new Payload(values, 'encoded', undefined, bytes)
  }

  /** Takes over bytes of a peer; throws `CodecError` unless they are a value. */
  static received(values: Codec, bytes: Uint8Array): Payload {
    const value = values.decode(bytes)
    return new Payload(values, isImmutable(value) ? 'shared' : 'spare', value, bytes)
  }

  /** The encoded value; must not be changed. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#values.encode(this.#value)
    return this.#bytes
  }

  /** Nothing, which deletes a retained message. */
  get isEmpty(): boolean {
    if (this.#state === 'shared') return this.#value === undefined || this.#value === ''
    const value = this.#state === 'spare' ? this.#value : undefined
    if (value !== undefined) return value instanceof Uint8Array && value.length === 0
    if (this.bytes.length > TEXT_HEAD_BYTES) return false
    const own = this.#values.decode(this.bytes)
    return own instanceof Uint8Array && own.length === 0
  }

  /** A value for one subscriber alone. */
  take(): unknown {
    if (this.#state === 'shared') return this.#value
    if (this.#original !== undefined) return new Uint8Array(this.#original)
    const bytes = this.#bytes!
    const value = this.#state === 'encoded' ? this.#values.decode(bytes) : this.#value
    this.#state = 'encoded'
    this.#value = undefined
    if (value instanceof Uint8Array) this.#original = originalOf(value, bytes)
    return value
  }
}

/** The bytes that `value` is a copy of, if they are all that was encoded. */
function originalOf(value: Uint8Array, encoded: Uint8Array): Uint8Array | undefined {
  const start = BYTES_AT[encoded[0]!]
  if (start === undefined || start + value.length !== encoded.length) return undefined
  return encoded.subarray(start)
}

function isImmutable(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return true
    case 'object':
      return value === null
    // A large one does not travel.
    case 'bigint':
    case 'symbol':
    case 'function':
      return false
  }
}

function encode(values: Codec, value: unknown): Uint8Array {
  try {
    return values.encode(value)
  } catch (cause) {
    if (!(cause instanceof UnsendableError || cause instanceof CodecError)) throw cause
    const path = cause instanceof UnsendableError ? cause.path : ''
    throw new PubSubError('ERR_PUBSUB_PAYLOAD_INVALID', `the payload: ${cause.message}`, {
      ...{ cause, path },
    })
  }
}

function checkBytes(bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return
  const message = `a payload of ${bytes} bytes, at most ${bytesMax}`
  throw new PubSubError('ERR_PUBSUB_PAYLOAD_TOO_LARGE', message)
}
