/** Strategies on whole simulated nodes: what they propose, who dials, and what is never done. */
import { afterEach, describe, expect, it } from 'vitest'
import type { DnsResolver } from '../../../dist/discovery/dns-resolver.ts'
import { dnsPoll } from '../../../dist/discovery/dns-poll.ts'
import { staticNodes } from '../../../dist/discovery/static.ts'
import type { FoveaNode } from '../../../dist/node.ts'
import { startSimNodes, type SimNodes } from '../../../dist/simulation/index.ts'

const worlds: SimNodes[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function world(seed: number): Promise<SimNodes> {
  const made = await startSimNodes(0, { seed, network: { latencyMs: 2 } })
  worlds.push(made)
  return made
}

const counts = (nodes: readonly FoveaNode[]) =>
  nodes.map((node) => node.cluster.getConnectedNodeCount())

/** Three of `addresses`, other ones each time, as servers with many records answer. */
function threeOf(addresses: readonly string[], chance: () => number): DnsResolver {
  return {
    addresses: async (_host, family) => {
      if (family === 6) return []
      const shuffled = addresses
        .map((address) => [chance(), address] as const)
        .sort((a, b) => a[0] - b[0])
      return shuffled.slice(0, 3).map(([, address]) => ({ address, ttlMs: 0 }))
    },
    services: async () => [],
  }
}

describe('strategies of a node', () => {
  it('D4 ten nodes that see 3 of 10 addresses per answer are one cluster within 30 s, and stay it', async () => {
    const sim = await world(4)
    const addresses = Array.from({ length: 10 }, (_, i) => `10.0.0.${i + 1}`)
    const resolver = threeOf(addresses, () => sim.entropy.random())
    for (let i = 1; i <= 10; i++) {
      const strategies = [dnsPoll({ host: 'shop.example', resolver })]
      await sim.start(`n${i}`, { join: false, discovery: { strategies } })
    }
    await sim.clock.advance(30_000)
    expect(counts(sim.nodes)).toEqual(Array(10).fill(9))
    const downs: string[] = []
    for (const node of sim.nodes) node.cluster.onNodeDown((id) => downs.push(id))
    await sim.clock.advance(60_000)
    expect(counts(sim.nodes)).toEqual(Array(10).fill(9))
    expect(downs).toEqual([])
  })

  it('D7 a node whose seeds are all down runs alone, ignores itself, and joins when they are up', async () => {
    const sim = await world(7)
    const list = ['10.0.0.1', '10.0.0.2', '10.0.0.1:4433']
    const discovery = { strategies: [staticNodes(list)] }
    const a = await sim.start('a', { join: false, discovery })
    await sim.clock.advance(120_000)
    expect(counts([a])).toEqual([0])
    expect(a.stats().refused).toEqual({})
    expect(a.discovery.stats()).toMatchObject({ addresses: 2, formed: true })
    await sim.start('b', { join: false, discovery })
    await sim.clock.advance(31_000)
    expect(counts(sim.nodes)).toEqual([1, 1])
  })
})
