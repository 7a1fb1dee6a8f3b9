/** Strategies on whole simulated nodes: what they propose, who dials, and what is never done. */
import { afterEach, describe, expect, it } from 'vitest'
import type { DnsResolver } from '../../../dist/discovery/dns-resolver.ts'
import { dnsPoll } from '../../../dist/discovery/dns-poll.ts'
import { gossip } from '../../../dist/discovery/gossip.ts'
import { staticNodes } from '../../../dist/discovery/static.ts'
import type { Strategy } from '../../../dist/discovery/strategy.ts'
import { parseTicket, ticketNodes } from '../../../dist/discovery/ticket.ts'
import type { FoveaNode, NodeOptions } from '../../../dist/node.ts'
import { startSimNodes, type SimNodes } from '../../../dist/simulation/index.ts'
import { createRealm, type DiscoverySink } from '../../../mesh/index.ts'
import { during, failing } from '../support/world.ts'
import { Hub, multicastOn, type MulticastHub } from './hubs.ts'

const worlds: SimNodes[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

/** Nodes without what these tests do not need: each part of a node costs its share of every virtual second. */
const BARE: NodeOptions = { dht: false, services: false }

async function world(seed: number): Promise<SimNodes> {
  const made = await startSimNodes(0, { seed, network: { latencyMs: 2 }, node: BARE })
  worlds.push(made)
  return made
}

type Given = NonNullable<NodeOptions['discovery']>
const lone = (sim: SimNodes, name: string, discovery: Given, more: NodeOptions = {}) =>
  sim.start(name, { ...more, join: false, discovery })

const counts = (nodes: readonly FoveaNode[]) =>
  nodes.map((node) => node.cluster.getConnectedNodeCount())

/** A strategy whose words are said by hand. */
function byHand(name = 'hand'): { readonly strategy: Strategy; sink: DiscoverySink } {
  const made = {
    sink: undefined as unknown as DiscoverySink,
    strategy: {
      name,
      start: (sink: DiscoverySink) => {
        made.sink = sink
      },
    },
  }
  return made
}

/** Three of `addresses`, other ones each time, as servers with many records answer. */
function threeOf(addresses: readonly string[], chance: () => number): DnsResolver {
  return {
    addresses: async (_host, family) => {
      if (family === 6) return []
      const drawn = addresses.map((address) => ({ at: chance(), address }))
      const shuffled = drawn.sort((a, b) => a.at - b.at)
      return shuffled.slice(0, 3).map(({ address }) => ({ address, ttlMs: 0 }))
    },
    services: async () => [],
  }
}

const address = (last: number) => ({ host: `10.0.0.${last}`, port: 4433 })

describe('strategies of a node', () => {
  it('D4 ten nodes that see 3 of 10 addresses per answer are one cluster within 30 s, and stay it', async () => {
    const sim = await world(4)
    const addresses = Array.from({ length: 10 }, (_, i) => `10.0.0.${i + 1}`)
    const resolver = threeOf(addresses, () => sim.entropy.random())
    for (let i = 1; i <= 10; i++) {
      await lone(sim, `n${i}`, [dnsPoll({ host: 'shop.example', resolver, family: 'ipv4' })])
    }
    await sim.clock.advance(8_000)
    expect(counts(sim.nodes)).toEqual(Array(10).fill(9))
    const downs: string[] = []
    for (const node of sim.nodes) node.cluster.onNodeDown((id) => downs.push(id))
    await sim.clock.advance(8_000)
    expect(counts(sim.nodes)).toEqual(Array(10).fill(9))
    expect(downs).toEqual([])
  })

  it('D7 a node whose seeds are all down runs alone, ignores itself, and joins when they are up', async () => {
    const sim = await world(7)
    const list = ['10.0.0.1', '10.0.0.2', '10.0.0.1:4433']
    const a = await lone(sim, 'a', [staticNodes(list)])
    await sim.clock.advance(120_000)
    expect(counts([a])).toEqual([0])
    expect(a.stats().refused).toEqual({})
    expect(a.discovery.stats()).toMatchObject({ addresses: 2, formed: true })
    await lone(sim, 'b', [staticNodes(list)])
    await sim.clock.advance(31_000)
    expect(counts(sim.nodes)).toEqual([1, 1])
  })

  it('D7 a node by two addresses is one node', async () => {
    const sim = await world(8)
    const lookup = async (): Promise<readonly string[]> => ['10.0.0.1']
    await lone(sim, 'a', [])
    const b = await lone(sim, 'b', [staticNodes(['10.0.0.1', 'a.example'])], { lookup })
    await sim.clock.advance(5_000)
    expect([counts(sim.nodes), b.mesh.links().length]).toEqual([[1, 1], 1])
  })

  it('D2 D3 a node that is missing from an answer stays linked; one that is listed is dialled again for ever', async () => {
    const sim = await world(2)
    const hand = byHand()
    const a = await lone(sim, 'a', [hand.strategy])
    const b = await lone(sim, 'b', [])
    hand.sink.seen([address(2)])
    await sim.clock.advance(2_000)
    expect(counts([a])).toEqual([1])
    hand.sink.gone([address(2)])
    await sim.clock.advance(90_000)
    expect(counts([a])).toEqual([1])
    hand.sink.seen([address(2)])
    await during(sim, b.stop())
    await sim.clock.advance(300_000)
    expect(counts([a])).toEqual([0])
    await lone(sim, 'c', [], { host: '10.0.0.2' })
    await sim.clock.advance(31_000)
    expect(counts([a])).toEqual([1])
  })

  it('D3 with prune the link to a node that is given up ends with a goodbye', async () => {
    const sim = await world(3)
    const hand = byHand()
    const a = await lone(sim, 'a', { strategies: [hand.strategy], prune: true })
    await lone(sim, 'b', [])
    hand.sink.seen([address(2)])
    await sim.clock.advance(2_000)
    const reasons: string[] = []
    a.cluster.onNodeDown((_id, reason) => reasons.push(reason))
    hand.sink.gone([address(2)])
    await sim.clock.advance(100)
    expect(reasons).toEqual(['graceful_shutdown'])
  })

  it('D12 strategies come and go at run time; what one proposed is not tried once it is gone', async () => {
    const sim = await world(12)
    const a = await lone(sim, 'a', [])
    await during(sim, a.discovery.addStrategy(staticNodes(['10.0.0.3'], { name: 'one' })))
    await during(sim, a.discovery.addStrategy(staticNodes(['10.0.0.2'], { name: 'two' })))
    expect(a.discovery.strategies()).toMatchObject([
      { name: 'one', addresses: 1, starts: 1, failures: 0 },
      { name: 'two', addresses: 1, starts: 1, failures: 0 },
    ])
    expect(
      await failing(sim, a.discovery.addStrategy(staticNodes([], { name: 'two' }))),
    ).toMatchObject({
      code: 'ERR_DISCOVERY_STRATEGY',
    })
    expect(await during(sim, a.discovery.removeStrategy('one'))).toBe(true)
    expect(await during(sim, a.discovery.removeStrategy('one'))).toBe(false)
    // A dial that is under way ends by itself.
    await sim.clock.advance(6_000)
    await lone(sim, 'b', [])
    await lone(sim, 'c', [], { host: '10.0.0.3' })
    await sim.clock.advance(31_000)
    expect(a.cluster.getConnectedNodes().map(({ host }) => host)).toEqual(['10.0.0.2'])
    expect(a.discovery.stats().addresses).toBe(1)
  })

  it('takes 64 strategies and not one more', async () => {
    const sim = await world(13)
    const strategies = Array.from({ length: 64 }, (_, i) => byHand(`s${i}`).strategy)
    const a = await lone(sim, 'a', strategies)
    expect(await failing(sim, a.discovery.addStrategy(byHand().strategy))).toMatchObject({
      code: 'ERR_DISCOVERY_STRATEGIES_MAX',
    })
    await during(sim, a.discovery.removeStrategy('s0'))
    await during(sim, a.discovery.addStrategy(byHand().strategy))
    expect(a.discovery.strategies()).toHaveLength(64)
  })

  it('proposes addressesMax addresses and counts what is above', async () => {
    const sim = await world(18)
    const hand = byHand()
    const a = await lone(sim, 'a', { strategies: [hand.strategy], addressesMax: 2 })
    hand.sink.seen([address(2), address(3)])
    expect(a.stats().refused).toEqual({})
    hand.sink.seen([address(4), address(3)])
    expect(a.stats().refused).toEqual({ ERR_DISCOVERY_ADDRESSES_MAX: 1 })
    expect(a.discovery.stats().addresses).toBe(2)
  })

  it('D2 a seed of the operator is tried for ever, whatever a strategy says of its address', async () => {
    const sim = await world(20)
    const hand = byHand()
    const a = await lone(sim, 'a', [hand.strategy], { seeds: ['10.0.0.2:4433'] })
    hand.sink.seen([address(2)])
    hand.sink.gone([address(2)])
    await sim.clock.advance(10_000)
    await lone(sim, 'b', [])
    await sim.clock.advance(31_000)
    expect(counts([a])).toEqual([1])
  })

  it('the mesh has room for addressesMax addresses beside its seeds', async () => {
    const sim = await world(21)
    const hand = byHand()
    const a = await lone(sim, 'a', [hand.strategy])
    const many = Array.from({ length: 1_024 }, (_, i) => ({ host: '10.0.0.9', port: 1_000 + i }))
    hand.sink.seen(many)
    await sim.clock.advance(10)
    expect(a.stats().refused).toEqual({})
    expect(a.mesh.stats().refused).toEqual({})
  })

  it('D1 a strategy that throws or rejects starts again after a pause, and the others do not notice', async () => {
    const sim = await world(1)
    const broken: Strategy = {
      name: 'broken',
      start: () => {
        throw Object.assign(new Error('boom'), { code: 'ERR_BOOM' })
      },
    }
    const a = await lone(sim, 'a', [broken, staticNodes(['10.0.0.2'])])
    await lone(sim, 'b', [])
    await sim.clock.advance(60_000)
    expect(counts([a])).toEqual([1])
    const [fare] = a.discovery.strategies()
    expect(fare).toMatchObject({ starts: 1, lastError: { code: 'ERR_BOOM' } })
    expect(fare!.failures).toBeGreaterThan(4)
    expect(a.stats().refused['ERR_DISCOVERY_SOURCE']).toBe(fare!.failures)
  })

  it('D13 a node that stops dials nobody any more, whatever its strategies say', async () => {
    const sim = await world(14)
    const hand = byHand()
    const a = await lone(sim, 'a', [hand.strategy], { seeds: ['10.0.0.9'] })
    const b = await lone(sim, 'b', [staticNodes(['10.0.0.1'])])
    await lone(sim, 'c', [])
    await sim.clock.advance(2_000)
    const met: string[] = []
    b.cluster.onNodeUp((id) => met.push(id))
    const stopping = a.stop()
    hand.sink.seen([address(3)])
    await during(sim, stopping)
    hand.sink.seen([address(3)])
    await sim.clock.advance(60_000)
    expect(counts(sim.nodes.slice(1))).toEqual([0, 0])
    expect(met).toEqual([])
    expect(await failing(sim, a.discovery.addStrategy(hand.strategy))).toMatchObject({
      code: 'ERR_DISCOVERY_STOPPED',
    })
  })

  it('D14 nodes of another realm or cluster are refused, and asked again after 30 s and not before', async () => {
    const sim = await world(15)
    const list = [staticNodes(['10.0.0.2', '10.0.0.3'])]
    const a = await lone(sim, 'a', list)
    await lone(sim, 'b', [], { realm: createRealm('com.example.other') })
    await lone(sim, 'c', [], { cluster: 'blue' })
    const refused = () => {
      const { ERR_LINK_REALM_MISMATCH: realm = 0, ERR_LINK_REJECTED: cluster = 0 } =
        a.mesh.stats().refused
      return [realm, cluster]
    }
    await sim.clock.advance(2_000)
    const first = refused()
    expect(first.every((count) => count > 0)).toBe(true)
    await sim.clock.advance(27_000)
    expect(refused()).toEqual(first)
    await sim.clock.advance(300_000)
    const later = refused().map((count, i) => count - first[i]!)
    for (const tries of later) {
      expect(tries).toBeGreaterThanOrEqual(6)
      expect(tries).toBeLessThanOrEqual(11)
    }
  })

  it('D15 a node joins with a ticket, and dials nobody but the node that it names', async () => {
    const sim = await world(16)
    const a = await lone(sim, 'a', [])
    const text = a.discovery.createTicket({ addresses: ['10.0.0.9', '10.0.0.1'] })
    expect(parseTicket(text, { realm: sim.realm }).key.hex).toBe(a.key.hex)
    const b = await lone(sim, 'b', [ticketNodes(text)])
    await sim.clock.advance(2_000)
    expect(counts([a, b])).toEqual([1, 1])
    await during(sim, a.stop())
    const c = await lone(sim, 'c', [], { host: '10.0.0.1' })
    await sim.clock.advance(120_000)
    expect(counts([b, c])).toEqual([0, 0])
  })
})

describe('requiredContacts', () => {
  /** Ten nodes that hear each other by multicast, the last four behind a cut of network and multicast. */
  async function ten(
    seed: number,
    strategyOf: (hub: MulticastHub, side: () => string) => Strategy,
  ) {
    const sim = await world(seed)
    const hub: MulticastHub = new Hub(sim.clock)
    const cut = { isThere: true }
    for (let i = 1; i <= 10; i++) {
      for (let j = 7; j <= 10 && i <= 6; j++) sim.network.partition(`10.0.0.${i}`, `10.0.0.${j}`)
    }
    for (let i = 1; i <= 10; i++) {
      const side = (): string => (cut.isThere && i > 6 ? 'minor' : '')
      const strategies = [strategyOf(hub, side)]
      await lone(sim, `n${i}`, { strategies, requiredContacts: 6, stableMarginMs: 2_000 })
    }
    const heal = (): void => {
      cut.isThere = false
      sim.heal()
    }
    return { sim, heal }
  }

  it('D9 four of ten that hear only each other never form a cluster of their own', async () => {
    const { sim, heal } = await ten(9, (hub, side) => gossip({ sockets: multicastOn(hub, side) }))
    await sim.clock.advance(8_000)
    expect(counts(sim.nodes)).toEqual([...Array<number>(6).fill(5), 0, 0, 0, 0])
    expect(sim.nodes.map((node) => node.discovery.stats().formed)).toEqual([
      ...[true, true, true, true, true, true],
      ...[false, false, false, false],
    ])
    const minor = sim.nodes[9]!
    expect(await failing(sim, minor.discovery.formed({ timeoutMs: 1_000 }))).toMatchObject({
      code: 'ERR_DISCOVERY_NOT_FORMED',
    })
    const formed = minor.discovery.formed()
    heal()
    await during(sim, formed, 20_000)
    await sim.clock.advance(5_000)
    expect(counts(sim.nodes)).toEqual(Array(10).fill(9))
  })

  it('D9 four of ten that a list tells of all may link, but are never formed', async () => {
    const list = Array.from({ length: 10 }, (_, i) => `10.0.0.${i + 1}`)
    const { sim } = await ten(10, () => staticNodes(list))
    await sim.clock.advance(8_000)
    expect(sim.nodes.map((node) => node.discovery.stats().formed)).toEqual([
      ...[true, true, true, true, true, true],
      ...[false, false, false, false],
    ])
    const aborted = AbortSignal.abort(new Error('enough'))
    expect(await failing(sim, sim.nodes[9]!.discovery.formed({ signal: aborted }))).toMatchObject({
      ...{ code: 'ERR_DISCOVERY_NOT_FORMED', cause: { message: 'enough' } },
    })
    await during(sim, sim.nodes[0]!.discovery.formed())
  })
})
