/**
 * Keys of the DHT: 256 bits, compared by XOR (Maymounkov & Mazières, "Kademlia", IPTPS 2002). A node's key
 * is its node key, a value's key a hash; both are the same kind of thing and never hashed again on the way
 * (ML9). Distances are compared word by word, unsigned; nothing is allocated for a comparison.
 */
import { invariant } from '../../../runtime/index.ts'

/** Bytes of a key. */
export const KEY_BYTES = 32

/** Bits of a key, and so the number of buckets. */
export const KEY_BITS = 256

const WORDS = 8
const HEX_PATTERN = /^[0-9a-f]{64}$/

declare const keyBrand: unique symbol

/** A point of the key space. Made only by the constructors of this file; compare `hex`. */
export interface KadKey {
  readonly [keyBrand]: true
  /** 64 lower-case hexadecimal digits. */
  readonly hex: string
  /** The same as eight unsigned words, most significant first. Never write to them. */
  readonly words: Uint32Array
}

class KadKeyValue implements KadKey {
  declare readonly [keyBrand]: true
  readonly hex: string
  readonly words: Uint32Array
  constructor(hex: string, words: Uint32Array) {
    this.hex = hex
    this.words = words
  }
  toString(): string {
    return this.hex
  }
  toJSON(): string {
    return this.hex
  }
}

/** True for 64 lower-case hexadecimal digits. */
export function isKeyHex(value: unknown): value is string {
  return typeof value === 'string' && HEX_PATTERN.test(value)
}

/** True for what the constructors of this file made. */
export function isKadKey(value: unknown): value is KadKey {
  return value instanceof KadKeyValue
}

/** The key written as 64 lower-case hexadecimal digits. */
export function keyFromHex(hex: string): KadKey {
  invariant(isKeyHex(hex), 'ERR_INVARIANT_DHT_KEY', 'a key has 64 lower-case hex digits')
  const words = new Uint32Array(WORDS)
  for (let i = 0; i < WORDS; i++) words[i] = Number.parseInt(hex.slice(i * 8, i * 8 + 8), 16)
  return new KadKeyValue(hex, words)
}

/** The key in 32 bytes. */
export function keyFromBytes(bytes: Uint8Array): KadKey {
  invariant(bytes.length === KEY_BYTES, 'ERR_INVARIANT_DHT_KEY', 'a key has 32 bytes')
  const words = new Uint32Array(WORDS)
  for (let i = 0; i < WORDS; i++) {
    const at = i * 4
    words[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }
  // Every contact of every answer passes here: the conversion of the platform is the fastest.
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, KEY_BYTES).toString('hex')
  return new KadKeyValue(hex, words)
}

/** The key with those eight words, which it keeps. */
export function keyFromWords(words: Uint32Array): KadKey {
  invariant(words.length === WORDS, 'ERR_INVARIANT_DHT_KEY', 'a key has eight words')
  let hex = ''
  for (const word of words) hex += word.toString(16).padStart(8, '0')
  return new KadKeyValue(hex, words)
}

/** The 32 bytes of a key, fresh. */
export function keyBytes(key: KadKey): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES)
  for (let i = 0; i < WORDS; i++) {
    const word = key.words[i]!
    const at = i * 4
    bytes[at] = word >>> 24
    bytes[at + 1] = word >>> 16
    bytes[at + 2] = word >>> 8
    bytes[at + 3] = word
  }
  return bytes
}

/** Below 0 when `a` is nearer to `target` than `b`, above 0 when farther, 0 when they are the same key. */
export function compareDistance(target: KadKey, a: KadKey, b: KadKey): number {
  const t = target.words
  const x = a.words
  const y = b.words
  for (let i = 0; i < WORDS; i++) {
    const left = (t[i]! ^ x[i]!) >>> 0
    const right = (t[i]! ^ y[i]!) >>> 0
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}

/**
 * Index of the bucket of `other` in the table of `own`: the position of the highest differing bit, 255 for
 * the far half of the key space, 0 for the neighbour that differs in the last bit only, -1 for `own`.
 */
export function bucketIndex(own: KadKey, other: KadKey): number {
  for (let i = 0; i < WORDS; i++) {
    const difference = (own.words[i]! ^ other.words[i]!) >>> 0
    if (difference !== 0) return KEY_BITS - 1 - (i * 32 + Math.clz32(difference))
  }
  return -1
}

/** Leading bits that both keys have in common; 256 for the same key. */
export function commonPrefixBits(a: KadKey, b: KadKey): number {
  return KEY_BITS - 1 - bucketIndex(a, b)
}

/**
 * A key that lies in bucket `index` of `own`: as `own` above that bit, different at it, and what `chance`
 * (32 random bits per call) says below. It is a key as it stands: a lookup hashes no key (K4).
 */
export function randomKeyInBucket(own: KadKey, index: number, chance: () => number): KadKey {
  invariant(index >= 0 && index < KEY_BITS, 'ERR_INVARIANT_DHT_BUCKET', `${index}`)
  const position = KEY_BITS - 1 - index
  const at = position >>> 5
  const bit = 31 - (position & 31)
  const words = Uint32Array.from(own.words)
  const below = bit === 0 ? 0 : 0xffff_ffff >>> (32 - bit)
  words[at] = ((own.words[at]! ^ (2 ** bit)) & ~below) | (chance() & below)
  for (let i = at + 1; i < WORDS; i++) words[i] = chance()
  return keyFromWords(words)
}

/** The distance as a fraction of the key space, 0 to below 1; exact to 53 bits. For estimates only. */
export function distanceFraction(a: KadKey, b: KadKey): number {
  const high = (a.words[0]! ^ b.words[0]!) >>> 0
  const low = (a.words[1]! ^ b.words[1]!) >>> 0
  return high / 2 ** 32 + low / 2 ** 64
}
