/** Keys and contacts for tests, and the same arithmetic once more with big integers, as an oracle. */
import fc from 'fast-check'
import { keyFromHex, type KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'

export function keyOf(value: bigint): KadKey {
  return keyFromHex(value.toString(16).padStart(64, '0'))
}

export function numberOf(key: KadKey): bigint {
  return BigInt(`0x${key.hex}`)
}

export function distance(a: KadKey, b: KadKey): bigint {
  return numberOf(a) ^ numberOf(b)
}

/** Position of the highest bit in which both differ; -1 when there is none. */
export function bucketOf(own: KadKey, other: KadKey): number {
  const bits = distance(own, other).toString(2)
  return bits === '0' ? -1 : bits.length - 1
}

/** Nearest first. */
export function byDistance(target: KadKey, contacts: readonly Contact[]): Contact[] {
  return [...contacts].sort((a, b) => (distance(target, a.key) < distance(target, b.key) ? -1 : 1))
}

export function contactOf(key: KadKey, host = '10.0.0.1', port = 4_433): Contact {
  return { id: key.hex, key, host, port }
}

/** Keys that share prefixes of every length, top bits set and not, as well as keys without anything in common. */
export function keys(): fc.Arbitrary<KadKey> {
  const anywhere = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })
  const near = fc
    .tuple(fc.constantFrom(0n, 2n ** 255n, 2n ** 256n - 1n), fc.nat(255), anywhere)
    .map(([base, bits, noise]) => base ^ (noise >> BigInt(bits)))
  return fc.oneof(anywhere, near).map(keyOf)
}
