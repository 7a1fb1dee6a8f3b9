import { describe, expect, it } from 'vitest'
import { LOST, NetworkModel } from '../../../mesh/simulation/network-model.ts'

const constant = { latency: { type: 'constant', ms: 4 } } as const

/** Fates of the first messages of a link. */
function fates(network: NetworkModel, from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, () => network.datagram(from, to, 0, 100))
}

describe('NetworkModel', () => {
  it('decides the n-th message of a link alike, whatever happens on other links', () => {
    const alone = fates(new NetworkModel(7, { lossShare: 0.3 }), 1, 2, 50)
    const network = new NetworkModel(7, { lossShare: 0.3 })
    const among = alone.map(() => {
      network.datagram(2, 1, 0, 100)
      network.datagram(1, 3, 0, 100)
      return network.datagram(1, 2, 0, 100)
    })
    expect(among).toEqual(alone)
    expect(fates(new NetworkModel(8, { lossShare: 0.3 }), 1, 2, 50)).not.toEqual(alone)
  })

  it('loses, doubles and holds back about the shares asked for', () => {
    const network = new NetworkModel(1, {
      ...constant,
      lossShare: 0.1,
      duplicateShare: 0.2,
      reorderShare: 0.3,
      reorderMs: 100,
    })
    let doubled = 0
    const all = Array.from({ length: 20_000 }, () => {
      const delay = network.datagram(0, 1, 0, 100)
      if (network.duplicateMs !== LOST) doubled++
      return delay
    })
    const arrived = all.filter((delay) => delay !== LOST)
    expect(arrived.length / all.length).toBeCloseTo(0.9, 1)
    expect(doubled / arrived.length).toBeCloseTo(0.2, 1)
    expect(arrived.filter((delay) => delay > 4).length / arrived.length).toBeCloseTo(0.3, 1)
    expect(Math.max(...arrived)).toBeLessThanOrEqual(104)
  })

  it.each([
    [{ type: 'constant', ms: 3 }, 3, 3, 3],
    [{ type: 'uniform', minMs: 1, maxMs: 5 }, 1, 3, 5],
    [{ type: 'exponential', minMs: 2, meanMs: 10 }, 2, 12, Infinity],
  ] as const)('draws latencies from %o', (latency, least, mean, most) => {
    const all = fates(new NetworkModel(3, { latency }), 0, 1, 5_000)
    expect(Math.min(...all)).toBeGreaterThanOrEqual(least)
    expect(Math.max(...all)).toBeLessThanOrEqual(most)
    const found = all.reduce((sum, ms) => sum + ms, 0) / all.length
    expect(Math.abs(found - mean)).toBeLessThan(0.05 * mean + 0.001)
  })

  it('shuts both ways between groups, and one way of a cut', () => {
    const network = new NetworkModel(1, constant)
    const partition = { type: 'partition', groups: [[0, 1], [2]] } as const
    network.add(partition)
    expect(network.isOpen(0, 1, 0)).toBe(true)
    expect(network.isOpen(0, 2, 0)).toBe(false)
    expect(network.isOpen(2, 1, 0)).toBe(false)
    expect(network.isOpen(3, 4, 0)).toBe(true)
    expect(network.isOpen(3, 0, 0)).toBe(false)
    network.remove(partition)
    network.add({ type: 'cut', from: 0, to: 2 })
    expect(network.datagram(0, 2, 0, 100)).toBe(LOST)
    expect(network.stream(0, 2, 0, 100)).toBe(LOST)
    expect(network.datagram(2, 0, 0, 100)).toBe(4)
  })

  it('lets loss grow along a ramp, for the nodes and the direction named', () => {
    const network = new NetworkModel(1, constant)
    network.add({
      type: 'loss',
      nodes: [1],
      direction: 'in',
      share: 0,
      shareEnd: 0.8,
      startMs: 0,
      endMs: 100,
    })
    expect(network.lossShare(0, 1, 50)).toBeCloseTo(0.4)
    expect(network.lossShare(0, 1, 500)).toBeCloseTo(0.8)
    expect(network.lossShare(1, 0, 50)).toBe(0)
  })

  it('repeats on streams what is lost, which takes longer', () => {
    const network = new NetworkModel(1, { ...constant, lossShare: 0.5 })
    const all = Array.from({ length: 1_000 }, () => network.stream(0, 1, 0, 100))
    expect(all.filter((ms) => ms === LOST).length).toBeLessThan(5)
    expect(all.some((ms) => ms > 4 + 30 + 60)).toBe(true)
  })

  it('lets what is more than the bandwidth wait in line', () => {
    const network = new NetworkModel(1, { ...constant, bandwidthBytes: 1_000 })
    expect(network.datagram(0, 1, 0, 100)).toBe(104)
    expect(network.datagram(0, 2, 0, 100)).toBe(204)
    expect(network.datagram(1, 2, 0, 100)).toBe(104)
    expect(network.datagram(0, 2, 1_000, 100)).toBe(104)
  })

  it('makes everything from and to delayed nodes slower', () => {
    const network = new NetworkModel(1, constant)
    network.add({ type: 'delay', nodes: [1], ms: 50 })
    expect(network.datagram(0, 1, 0, 1)).toBe(54)
    expect(network.datagram(0, 2, 0, 1)).toBe(4)
  })
})
