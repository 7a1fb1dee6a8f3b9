/**
 * Reads the structure of a MessagePack value, and nothing else, before msgpackr sees a byte of it.
 * Whatever passes here is safe to decode: complete, without trailing bytes, within every limit, with
 * string keys only, and free of what msgpackr would do more than the format says (record definitions
 * `d4 72`, RegExp, Error, structured clones, bundled strings, BigInt of any size, 0xc1).
 *
 * Invariants: no recursion, no allocation, work linear in the bytes that are really there; a length
 * is believed only as far as bytes follow it. H21 to H24, H26, H27, H29.
 *
 * Decisions:
 * - `__proto__` as a key is refused, not renamed. `constructor`, `toJSON`, `then` and the like are
 *   ordinary keys: functions do not travel, so such a property can not be called.
 * - Bytes of a string are not checked to be UTF-8. What is not becomes U+FFFD, as in the WHATWG
 *   decoder; two different byte strings may therefore become one key, of which the last wins.
 * - Longer forms of a header than needed are accepted.
 */
import { CodecError } from './errors.ts'
import { EXTENSION_TYPE_MAX, ExtensionType, isMark, REGISTERED_TYPE_MIN } from './extension.ts'
import type { CodecLimits } from './limits.ts'

/** `__proto__` in ASCII. */
const PROTO = [0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f] as const

/** Bytes after the token, for tokens 0xc0 to 0xdf of fixed size; -1 for the others. */
const FIXED_SIZES: Int8Array = new Int8Array(
  // 0xc0: nil, 0xc1, booleans, bin, ext, floats, uints. 0xd0: ints, fixext, str, array, map.
  [0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8].concat([1, 2, 4, 8], Array(12).fill(-1)),
)

/** Checks values one after another; keeps its stack, so a codec has one. */
export class Prescan {
  readonly #limits: CodecLimits
  /** 1 for each extension type that may occur. */
  readonly #allowed: Uint8Array
  /** Values left in each open container; of a map, keys and values. */
  readonly #left: Int32Array
  readonly #isMap: Uint8Array
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0

  /** Values seen by the last run: the measure of its work. */
  elements = 0
  /** Extension values among them that `revive` must turn into values. */
  extensions = 0

  constructor(limits: CodecLimits, extensionTypes: readonly number[]) {
    this.#limits = limits
    this.#allowed = new Uint8Array(256)
    for (const type of Object.values(ExtensionType)) this.#allowed[type] = 1
    for (const type of extensionTypes) this.#allowed[type] = 1
    this.#left = new Int32Array(limits.depthMax + 1)
    this.#isMap = new Uint8Array(limits.depthMax + 1)
  }

  /** Throws `CodecError` unless `bytes` is exactly one acceptable value. */
  run(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#at = 0
    this.#end = bytes.length
    this.elements = 0
    this.extensions = 0
    try {
      this.#scan()
    } finally {
      this.#bytes = EMPTY
    }
  }

  #scan(): void {
    const { depthMax, elementsMax, mapKeysMax } = this.#limits
    const bytes = this.#bytes
    const end = this.#end
    let depth = 0
    let left = 1
    let isMap = false
    for (;;) {
      while (left === 0) {
        if (depth === 0) {
          if (this.#at !== end) throw this.#error('ERR_CODEC_TRAILING', 'bytes follow the value')
          return
        }
        depth--
        left = this.#left[depth]!
        isMap = this.#isMap[depth] === 1
      }
      if (this.#at >= end) throw this.#truncated()
      if (++this.elements > elementsMax) throw this.#tooMany()
      const token = bytes[this.#at++]!
      if (isMap && (left & 1) === 0) {
        this.#key(token)
        left--
        continue
      }
      left--
      if (token < 0x80 || token >= 0xe0) continue
      if (token >= 0xa0 && token < 0xc0) {
        this.#skip(token & 0x1f)
        continue
      }
      const count = this.#containerLength(token)
      if (count < 0) {
        this.#scalar(token)
        continue
      }
      const opensMap = token < 0x90 || token >= 0xde
      const values = opensMap ? count * 2 : count
      if (values > end - this.#at) throw this.#truncated()
      if (this.elements + values > elementsMax) throw this.#tooMany()
      if (opensMap && count > mapKeysMax) {
        throw this.#error('ERR_CODEC_MAP_KEYS', `a map of ${count} keys, at most ${mapKeysMax}`)
      }
      if (depth === depthMax) throw this.#error('ERR_CODEC_DEPTH', `deeper than ${depthMax}`)
      this.#left[depth] = left
      this.#isMap[depth] = isMap ? 1 : 0
      depth++
      left = values
      isMap = opensMap
    }
  }

  /** Number of elements or entries that `token` announces; -1 when it opens no container. */
  #containerLength(token: number): number {
    if (token < 0xa0) return token & 0x0f
    if (token < 0xdc) return -1
    return token === 0xdc || token === 0xde ? this.#uint(2) : this.#uint(4)
  }

  #key(token: number): void {
    let length: number
    if (token >= 0xa0 && token < 0xc0) length = token & 0x1f
    else if (token >= 0xd9 && token <= 0xdb) length = this.#uint(1 << (token - 0xd9))
    else throw this.#error('ERR_CODEC_KEY', 'a map key is not a string')
    const start = this.#at
    this.#skip(length)
    if (length === 9 && this.#bytes[start] === 0x5f && this.#isProto(start)) {
      throw this.#error('ERR_CODEC_KEY', 'a map key is __proto__')
    }
  }

  #isProto(start: number): boolean {
    for (let i = 0; i < PROTO.length; i++) if (this.#bytes[start + i] !== PROTO[i]) return false
    return true
  }

  /** Tokens 0xc0 to 0xdb. */
  #scalar(token: number): void {
    const size = FIXED_SIZES[token - 0xc0]!
    if (size >= 0) this.#skip(size)
    else if (token >= 0xd9) this.#skip(this.#uint(1 << (token - 0xd9)))
    else if (token >= 0xd4) this.#extension(1 << (token - 0xd4))
    else if (token >= 0xc7) this.#extension(this.#uint(1 << (token - 0xc7)))
    else if (token >= 0xc4) this.#skip(this.#uint(1 << (token - 0xc4)))
    else throw this.#error('ERR_CODEC_TOKEN', 'token 0xc1')
  }

  #extension(length: number): void {
    if (this.#at >= this.#end) throw this.#truncated()
    const type = this.#bytes[this.#at++]!
    const start = this.#at
    if (this.#allowed[type] !== 1) {
      throw this.#error('ERR_CODEC_EXTENSION', `extension type ${type} is not allowed here`)
    }
    this.#skip(length)
    if (type >= REGISTERED_TYPE_MIN && type <= EXTENSION_TYPE_MAX) {
      this.extensions++
      if (isMark(type) && this.#bytes[start - 2] !== 0xd4) throw this.#badExtension(type)
      return
    }
    const first = this.#bytes[start]
    // msgpackr knows `undefined` in this one form only.
    if (type === ExtensionType.undefined && (this.#bytes[start - 2] !== 0xd4 || first !== 0)) {
      throw this.#badExtension(type)
    }
    if (type === ExtensionType.timestamp && length !== 4 && length !== 8 && length !== 12) {
      if (length !== 1 || first !== 0xff) throw this.#badExtension(type)
    }
  }

  #skip(count: number): void {
    if (count > this.#end - this.#at) throw this.#truncated()
    this.#at += count
  }

  #uint(size: number): number {
    if (size > this.#end - this.#at) throw this.#truncated()
    let value = 0
    for (let i = 0; i < size; i++) value = value * 256 + this.#bytes[this.#at++]!
    return value
  }

  #badExtension(type: number): CodecError {
    return this.#error('ERR_CODEC_EXTENSION', `malformed extension of type ${type}`)
  }

  #truncated(): CodecError {
    return this.#error('ERR_CODEC_TRUNCATED', 'the bytes end inside a value')
  }

  #tooMany(): CodecError {
    return this.#error('ERR_CODEC_ELEMENTS', `more than ${this.#limits.elementsMax} values`)
  }

  #error(code: string, detail: string): CodecError {
    return new CodecError(code, `${detail} (at byte ${this.#at})`)
  }
}

const EMPTY: Uint8Array = new Uint8Array(0)
