import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { compareDistance, keyFromWords } from '../../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import { Surroundings } from '../../../../mesh/routing/records/surroundings.ts'
import { randomKey } from './records-network.ts'

const contact = (key: KadKey) => ({ id: key.hex, key, host: '10.0.0.1', port: 1 })

describe('Surroundings', () => {
  it('ranks as sorting all that was heard of does, as far as it remembers', () => {
    const stream = new RandomStream(3, 1)
    const target = randomKey(stream)
    const keys = Array.from({ length: 100 }, () => randomKey(stream))
    const surroundings = new Surroundings(target, 4)
    for (const key of [...keys, ...keys]) surroundings.add(contact(key))
    const sorted = keys.sort((a, b) => compareDistance(target, a, b))
    expect(sorted.slice(0, 16).map((key) => surroundings.rank(key))).toEqual([...Array(16).keys()])
    expect(surroundings.rank(sorted[50]!)).toBe(16)
    expect(sorted.map((key) => surroundings.isHolder(key))).toEqual(
      sorted.map((_, rank) => rank < 4),
    )
  })

  it('counts at least those who should be nearer in a network of that size', () => {
    const stream = new RandomStream(3, 2)
    const target = randomKey(stream)
    const surroundings = new Surroundings(target, 4)
    const words = Uint32Array.from(target.words)
    words[0] = (words[0]! ^ 0x8000_0000) >>> 0
    const half = keyFromWords(words)
    expect(surroundings.rank(half)).toBe(0)
    expect(surroundings.rank(half, 1_000)).toBe(500)
    expect(surroundings.isHolder(half)).toBe(true)
    expect(surroundings.isHolder(half, 7)).toBe(true)
    expect(surroundings.isHolder(half, 8)).toBe(false)
  })
})
