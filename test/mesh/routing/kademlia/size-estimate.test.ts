import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { SizeEstimate } from '../../../../mesh/routing/kademlia/size-estimate.ts'
import { contactOf, nearest, randomKey, StaticNetwork } from './static-network.ts'

const K = 20

/** Results of exact lookups among `size` nodes, the asking one not among them. */
function lookups(size: number, seed: number, count: number) {
  const chance = new RandomStream(seed, 44)
  const contacts = Array.from({ length: size - 1 }, () => contactOf(randomKey(chance)))
  return Array.from({ length: count }, () => {
    const target = randomKey(chance)
    return { target, closest: nearest(contacts, target, K) }
  })
}

function estimateOf(found: ReturnType<typeof lookups>): SizeEstimate {
  const estimate = new SizeEstimate({ samplesMax: 64 })
  for (const { target, closest } of found) estimate.add(target, { closest, reason: 'converged' }, K)
  return estimate
}

/** The error that 95 of 100 estimates stay below, over several networks. */
function error95(size: number, samples: number): number {
  const errors: number[] = []
  for (let seed = 0; seed < 5; seed++) {
    const all = lookups(size, seed, samples * 30)
    for (let i = 0; i < 30; i++) {
      const estimated = estimateOf(all.slice(i * samples, (i + 1) * samples)).size()!
      errors.push(Math.abs(estimated / size - 1))
    }
  }
  return errors.sort((a, b) => a - b)[Math.floor(errors.length * 0.95)]!
}

describe('the estimated size of the network', () => {
  it('K44 is within 14 % after 16 lookups, within 28 % after 4', () => {
    expect(error95(1_000, 16)).toBeLessThan(0.14)
    expect(error95(1_000, 4)).toBeLessThan(0.28)
  })

  it('K44 is not biased, for small networks either', () => {
    for (const size of [22, 50, 200, 2_000]) {
      const found = lookups(size, 5, 200)
      let sum = 0
      for (let i = 0; i < 50; i++) sum += estimateOf(found.slice(i * 4, i * 4 + 4)).size()!
      expect(sum / 50 / size).toBeGreaterThan(0.9)
      expect(sum / 50 / size).toBeLessThan(1.1)
    }
  })

  it('is undefined before the first complete lookup', () => {
    const estimate = new SizeEstimate({ samplesMax: 64 })
    const [found] = lookups(100, 1, 1)
    for (const reason of ['deadline', 'stopped', 'requests_max'] as const) {
      estimate.add(found!.target, { closest: found!.closest, reason }, K)
    }
    expect(estimate.size()).toBeUndefined()
    expect(estimate.expectedDistance(K)).toBeUndefined()
  })

  it('is exact when a lookup found everybody', () => {
    const estimate = new SizeEstimate({ samplesMax: 64 })
    const [found] = lookups(8, 2, 1)
    estimate.add(found!.target, { closest: found!.closest, reason: 'exhausted' }, K)
    expect(estimate.size()).toBe(8)
    expect(estimate.expectedDistance(K)).toBe(1)
    estimate.add(found!.target, { closest: [], reason: 'exhausted' }, K)
    expect(estimate.size()).toBe(1)
  })

  it('forgets the small network that it joined through, and notices when one is left alone', () => {
    const estimate = new SizeEstimate({ samplesMax: 64 })
    const [small] = lookups(3, 3, 1)
    estimate.add(small!.target, { closest: small!.closest, reason: 'exhausted' }, K)
    for (const { target, closest } of lookups(1_000, 3, 16)) {
      estimate.add(target, { closest, reason: 'converged' }, K)
    }
    expect(estimate.size()).toBeGreaterThan(700)
    for (let i = 0; i < 3; i++) {
      estimate.add(small!.target, { closest: small!.closest, reason: 'exhausted' }, K)
      expect(estimate.size()).toBeGreaterThan(700)
    }
    estimate.add(small!.target, { closest: small!.closest, reason: 'exhausted' }, K)
    expect(estimate.size()).toBe(3)
  })

  it('counts a target once and keeps a bounded number of lookups, the last ones', () => {
    const estimate = new SizeEstimate({ samplesMax: 8 })
    const add = ({ target, closest }: ReturnType<typeof lookups>[number]) =>
      estimate.add(target, { closest, reason: 'converged' }, K)
    const [first, ...others] = lookups(200, 4, 8)
    for (let i = 0; i < 5; i++) add(first!)
    expect(estimate.samples).toBe(1)
    for (const found of others) add(found)
    expect(estimate.samples).toBe(8)
    for (const found of lookups(4_000, 4, 8)) add(found)
    expect(estimate.samples).toBe(8)
    expect(estimate.size()).toBeGreaterThan(2_500)
  })

  it('K45 is hardly moved by a crowd around one key, which the radius then reaches beyond', () => {
    const found = lookups(1_000, 6, 15)
    const chance = new RandomStream(6, 45)
    const target = randomKey(chance)
    const crowd = Array.from({ length: K }, (_, i) => {
      const words = Uint32Array.from(target.words)
      words[7] = (words[7]! ^ (i + 1)) >>> 0
      return contactOf({ ...target, hex: `${i}`, words })
    })
    const estimate = estimateOf([...found, { target, closest: crowd }])
    expect(estimate.size()! / 1_000).toBeLessThan(1.3)
    // Where the 20th honest node should be; the crowd is far nearer.
    expect(estimate.expectedDistance(K)).toBeGreaterThan(0.015)
    expect(estimate.expectedDistance(K)).toBeLessThan(0.025)
  })

  it('K44 serves with what real lookups find', () => {
    const network = new StaticNetwork(500, 44)
    const estimate = new SizeEstimate({ samplesMax: 64 })
    for (let i = 0; i < 32; i++) {
      const target = randomKey(network.chance)
      estimate.add(target, network.run({ origin: 7, target }).result, K)
    }
    expect(estimate.size()).toBeGreaterThan(500 * 0.86)
    expect(estimate.size()).toBeLessThan(500 * 1.14)
  })
})
