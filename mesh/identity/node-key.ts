/**
 * A node is its key: `NodeKey` is the SHA-256 of the 32 raw Ed25519 public-key bytes (never of the
 * SPKI around them), architecture 5. Every place that names a node, from the certificate to the DHT,
 * uses this one representation: 32 raw bytes in a value that only the constructors below can make,
 * so a checked key is never checked again and hex can not be hashed twice (ML9).
 */
import { hash } from 'node:crypto'
import { KeyError } from './errors.ts'

/** Bytes of a node key. */
export const NODE_KEY_BYTES = 32

declare const nodeKeyBrand: unique symbol

/** The identity of a node. Compare with {@link nodeKeyEquals}; two objects may be the same key. */
export interface NodeKey {
  readonly [nodeKeyBrand]: true
  /** 32 bytes. Never write to them. */
  readonly bytes: Uint8Array
  /** The same as 64 lower-case hex digits. */
  readonly hex: string
  /** The hex. */
  toString(): string
}

/** Hidden so that only this file can make one. `toString` and `toJSON` keep log lines readable. */
class NodeKeyValue implements NodeKey {
  declare readonly [nodeKeyBrand]: true
  readonly bytes: Uint8Array
  readonly hex: string
  constructor(bytes: Uint8Array, hex: string) {
    this.bytes = bytes
    this.hex = hex
    Object.freeze(this)
  }
  toString(): string {
    return this.hex
  }
  toJSON(): string {
    return this.hex
  }
}

const HEX_PATTERN = /^[0-9a-f]{64}$/

/**
 * The key of the node that owns `publicKey` (32 raw Ed25519 bytes).
 *
 * @example
 * nodeKeyOfPublicKey(keys.publicKey).hex === keys.nodeKey.hex // true
 */
export function nodeKeyOfPublicKey(publicKey: Uint8Array): NodeKey {
  if (!(publicKey instanceof Uint8Array) || publicKey.length !== 32) {
    throw new KeyError('ERR_KEY_INVALID', 'an Ed25519 public key has 32 bytes')
  }
  // For each statement that comes: in one go it costs less than half of what a hash object does.
  const hex = hash('sha256', publicKey, 'hex')
  return new NodeKeyValue(new Uint8Array(Buffer.from(hex, 'hex')), hex)
}

/** The node key written as 64 lower-case hex digits. */
export function nodeKeyFromHex(hex: string): NodeKey {
  if (typeof hex !== 'string' || !HEX_PATTERN.test(hex)) {
    throw new KeyError('ERR_KEY_INVALID', 'a node key is written as 64 lower-case hex digits')
  }
  return new NodeKeyValue(new Uint8Array(Buffer.from(hex, 'hex')), hex)
}

/** The node key in `bytes`, which are copied. */
export function nodeKeyFromBytes(bytes: Uint8Array): NodeKey {
  if (!(bytes instanceof Uint8Array) || bytes.length !== NODE_KEY_BYTES) {
    throw new KeyError('ERR_KEY_INVALID', 'a node key has 32 bytes')
  }
  const copy = new Uint8Array(bytes)
  return new NodeKeyValue(copy, Buffer.from(copy.buffer).toString('hex'))
}

/** True when `value` was made by one of the constructors of this file. */
export function isNodeKey(value: unknown): value is NodeKey {
  return value instanceof NodeKeyValue
}

/** True when both are the same node. */
export function nodeKeyEquals(a: NodeKey, b: NodeKey): boolean {
  return a === b || a.hex === b.hex
}

/** Bytewise order: below 0, 0 or above 0. Both sides of a link agree on it, so it breaks ties. */
export function compareNodeKeys(a: NodeKey, b: NodeKey): number {
  // Lower-case hex of equal length sorts exactly as the bytes do.
  if (a.hex === b.hex) return 0
  return a.hex < b.hex ? -1 : 1
}
