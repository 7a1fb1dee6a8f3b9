import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bucketIndex,
  commonPrefixBits,
  compareDistance,
  distanceFraction,
  keyBytes,
  keyFromBytes,
  keyFromHex,
  randomKeyInBucket,
} from '../../../../mesh/routing/kademlia/id.ts'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { bucketOf, distance, keyOf, keys, numberOf } from './keys.ts'

const SEED = 5_001

describe('distance', () => {
  it('K1 is a metric, and for each key and distance there is exactly one other key', () => {
    fc.assert(
      fc.property(keys(), keys(), keys(), (a, b, c) => {
        expect(compareDistance(a, a, b)).toBe(a.hex === b.hex ? 0 : -1)
        expect(distance(a, c)).toBe(distance(a, b) ^ distance(b, c))
        expect(distance(a, c) <= distance(a, b) + distance(b, c)).toBe(true)
        expect(bucketIndex(a, b)).toBe(bucketIndex(b, a))
        // Unidirectional: equal distance from `c` means the same key.
        expect(compareDistance(c, a, b) === 0).toBe(a.hex === b.hex)
      }),
      { seed: SEED, numRuns: 2_000 },
    )
  })

  it('K2 orders like big integers, also across words and with top bits set', () => {
    fc.assert(
      fc.property(keys(), keys(), keys(), (target, a, b) => {
        const left = distance(target, a)
        const right = distance(target, b)
        const sign = left === right ? 0 : left < right ? -1 : 1
        expect(Math.sign(compareDistance(target, a, b))).toBe(sign)
        expect(Math.sign(compareDistance(target, b, a))).toBe(-sign + 0)
      }),
      { seed: SEED, numRuns: 5_000 },
    )
  })

  it('K2 orders neighbours of every single bit', () => {
    for (let bit = 0; bit < 256; bit++) {
      const own = keyOf(2n ** 255n + 1n)
      const near = keyOf(numberOf(own) ^ (2n ** BigInt(bit)))
      const far = keyOf(numberOf(own) ^ (2n ** BigInt(bit) + (bit > 0 ? 1n : 0n)))
      expect(compareDistance(own, own, near)).toBe(-1)
      expect(compareDistance(own, near, far)).toBe(bit > 0 ? -1 : 0)
    }
  })

  it('K44 the fraction is that of the key space', () => {
    expect(distanceFraction(keyOf(0n), keyOf(2n ** 255n))).toBe(0.5)
    expect(distanceFraction(keyOf(0n), keyOf(2n ** 223n))).toBe(2 ** -33)
    expect(distanceFraction(keyOf(0n), keyOf(0n))).toBe(0)
  })
})

describe('bucketIndex', () => {
  it('K3 is 255 minus the common bits at every index, and -1 for equality only', () => {
    fc.assert(
      fc.property(keys(), keys(), (a, b) => {
        expect(bucketIndex(a, b)).toBe(bucketOf(a, b))
        expect(commonPrefixBits(a, b)).toBe(255 - bucketOf(a, b))
      }),
      { seed: SEED, numRuns: 2_000 },
    )
    for (let index = 0; index < 256; index++) {
      const own = keyOf(2n ** 256n - 1n)
      const lowest = keyOf(numberOf(own) ^ (2n ** BigInt(index)))
      const highest = keyOf(numberOf(own) ^ (2n ** BigInt(index + 1) - 1n))
      expect([bucketIndex(own, lowest), bucketIndex(own, highest)]).toEqual([index, index])
    }
  })
})

describe('randomKeyInBucket', () => {
  it('K4 6.2#14 #15 lands in that bucket for every bucket and own key', () => {
    fc.assert(
      fc.property(keys(), fc.integer(), (own, seed) => {
        const random = new RandomStream(seed, 1)
        for (let index = 0; index < 256; index++) {
          const key = randomKeyInBucket(own, index, () => random.next())
          expect(bucketIndex(own, key)).toBe(index)
        }
      }),
      { seed: SEED, numRuns: 50 },
    )
  })

  it('K4 reaches both halves of a bucket', () => {
    const random = new RandomStream(7, 1)
    const seen = new Set<string>()
    for (let n = 0; n < 200; n++) {
      seen.add(randomKeyInBucket(keyOf(0n), 2, () => random.next()).hex.slice(-1))
    }
    expect([...seen].sort()).toEqual(['4', '5', '6', '7'])
  })
})

describe('keys', () => {
  it('K2 round-trip through bytes and hex', () => {
    fc.assert(
      fc.property(keys(), (key) => {
        expect(keyFromBytes(keyBytes(key)).hex).toBe(key.hex)
        expect(keyFromHex(key.hex).words).toEqual(key.words)
      }),
      { seed: SEED, numRuns: 500 },
    )
  })
})
