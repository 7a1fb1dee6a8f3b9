/** Registering and finding nodes on whole simulated nodes: by mDNS, in the DHT, from members, and after crashes. */
import { afterEach, describe, expect, it } from 'vitest'
import { Supervisor } from '../../../behaviours/index.ts'
import { dhtNodes } from '../../../dist/discovery/dht-nodes.ts'
import type { DiscoveryEvent } from '../../../dist/discovery/discovery.ts'
import type { FoveaNode, NodeOptions } from '../../../dist/node.ts'
import { startSimNodes, type SimNodes } from '../../../dist/simulation/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import { during, failing } from '../support/world.ts'
import { Hub, mdnsOn, type MdnsHub } from './hubs.ts'

const worlds: SimNodes[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function world(seed: number, node: NodeOptions = {}): Promise<SimNodes> {
  const made = await startSimNodes(0, {
    ...{ seed, network: { latencyMs: 2 } },
    node: { services: false, ...node },
  })
  worlds.push(made)
  return made
}

const text = ({ type, node }: DiscoveryEvent) => `${type} ${node.name}`

/** A node that speaks mDNS on `hub` only, and knows no other. */
const onHub = (sim: SimNodes, hub: MdnsHub, name: string, more: object = {}) =>
  sim.start(name, {
    ...{ join: false, dht: false },
    discovery: { kind: 'mdns', mdns: { port: mdnsOn(hub) }, ...more },
  })

async function childrenOf(node: FoveaNode, what: string): Promise<readonly Pid[]> {
  const name = `fovea.dist.${node.key.hex.slice(0, 16)}.${what}`
  const children = await Supervisor.whichChildren(node.system.whereis(name)!)
  return children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
}

describe('by mDNS', () => {
  it('nodes that register are found, looked up, told of, and lost with a goodbye', async () => {
    const sim = await world(1)
    const hub: MdnsHub = new Hub(sim.clock)
    const a = await onHub(sim, hub, 'a')
    const b = await onHub(sim, hub, 'b')
    expect(hub.opened).toBe(0)
    const told: string[] = []
    a.discovery.subscribe((event) => told.push(text(event)))
    const billing = await b.discovery.registerNode('billing', { cluster: 'shop' })
    const looking = a.discovery.lookupNode('billing', { cluster: 'shop' })
    expect(await during(sim, looking)).toMatchObject({
      ...{ name: 'billing', cluster: 'shop', key: b.key.hex, address: b.mesh.address },
      ...{ id: `billing@10.0.0.2:4433`, sources: ['mdns'], verified: false },
    })
    expect(await during(sim, a.discovery.findNodes('shop'))).toHaveLength(1)
    expect(await during(sim, a.discovery.findNodes('main'))).toEqual([])
    expect(a.discovery.listNodes().map(({ name }) => name)).toEqual(['billing'])
    expect(await billing.unregister()).toBe(true)
    expect(await billing.unregister()).toBe(false)
    await sim.clock.advance(2_000)
    expect(told).toEqual(['discovered billing', 'lost billing'])
    expect(await during(sim, a.discovery.lookupNode('billing', { timeoutMs: 100 }))).toBeUndefined()
    expect(a.mesh.links()).toEqual([])
  })

  it('autoCluster brings nodes together that know nothing of each other', async () => {
    const sim = await world(2)
    const hub: MdnsHub = new Hub(sim.clock)
    for (const name of ['a', 'b', 'c']) await onHub(sim, hub, name, { autoCluster: true })
    await sim.clock.advance(3_000)
    expect(sim.nodes.map((node) => node.cluster.getConnectedNodeCount())).toEqual([2, 2, 2])
    const [a] = sim.nodes
    expect(a!.discovery.listNodes()).toMatchObject([
      { name: 'b', sources: ['membership', 'mdns'], verified: true },
      { name: 'c', sources: ['membership', 'mdns'], verified: true },
    ])
  })

  it('every process of discovery may be killed: nothing that was registered is lost, and links stay', async () => {
    const sim = await world(3)
    const hub: MdnsHub = new Hub(sim.clock)
    const a = await onHub(sim, hub, 'a', { autoCluster: true })
    const b = await onHub(sim, hub, 'b', { autoCluster: true })
    await b.discovery.registerNode('billing')
    await sim.clock.advance(3_000)
    const downs: string[] = []
    a.cluster.onNodeDown((id) => downs.push(id))
    for (let round = 0; round < 20; round++) {
      for (const node of [a, b]) {
        const pids = [
          ...(await during(sim, childrenOf(node, 'discovery'))),
          ...(await during(sim, childrenOf(node, 'strategies'))),
        ]
        const pid = pids[Math.floor(sim.entropy.random() * pids.length)]!
        node.system.exit(pid, 'kill')
        await sim.clock.advance(700)
      }
    }
    await sim.clock.advance(3_000)
    expect(downs).toEqual([])
    expect(a.discovery.listNodes().map(({ name }) => name)).toEqual(['b', 'billing'])
    expect(b.discovery.stats()).toMatchObject({ registrations: 2 })
    expect(a.discovery.strategies()[0]).toMatchObject({ name: 'auto', addresses: 1 })
  })

  it('registers namesMax names and not one more, and lists nodesMax nodes', async () => {
    const sim = await world(4)
    const hub: MdnsHub = new Hub(sim.clock)
    const a = await onHub(sim, hub, 'a', { nodesMax: 2 })
    const b = await onHub(sim, hub, 'b', { namesMax: 3 })
    for (const name of ['x', 'y', 'z', 'z']) await b.discovery.registerNode(name)
    expect(await failing(sim, b.discovery.registerNode('w'))).toMatchObject({
      code: 'ERR_DISCOVERY_NAMES_MAX',
    })
    await during(sim, a.discovery.findNodes())
    expect(a.discovery.listNodes()).toHaveLength(2)
    expect(a.stats().refused).toMatchObject({ ERR_DISCOVERY_NODES_MAX: 1 })
  })

  it.each([
    ['name', { name: '1x' }],
    ['name', { name: 'a b' }],
    ['cluster', { name: 'a', cluster: '' }],
  ])('refuses a wrong %s: %j', async (_what, { name, ...options }) => {
    const sim = await world(5)
    const a = await onHub(sim, new Hub(sim.clock), 'a')
    const code = 'ERR_DISCOVERY_NAME'
    expect(await failing(sim, a.discovery.registerNode(name, options))).toMatchObject({ code })
    expect(await failing(sim, a.discovery.lookupNode(name, options))).toMatchObject({ code })
  })

  it('refuses options and handlers that are none', async () => {
    const sim = await world(5)
    const { discovery } = await onHub(sim, new Hub(sim.clock), 'a')
    const unknown = { kind: 'dht' } as never
    for (const ask of [
      () => discovery.registerNode('a', unknown),
      () => discovery.lookupNode('a', unknown),
      () => discovery.findNodes('a', unknown),
      () => discovery.formed(unknown),
    ]) {
      expect(await failing(sim, ask())).toMatchObject({ code: 'ERR_OPTION_UNKNOWN' })
    }
    const wrong = [{ timeoutMs: -1 }, { timeoutMs: NaN }, { signal: {} as never }]
    for (const options of wrong) {
      const asked = discovery.lookupNode('a', options)
      expect(await failing(sim, asked)).toMatchObject({ code: 'ERR_OPTION_INVALID' })
    }
    const error = (code: string): unknown => expect.objectContaining({ code })
    expect(() => discovery.createTicket({ ttlMs: 5 } as never)).toThrow(error('ERR_OPTION_UNKNOWN'))
    expect(() => discovery.subscribe(5 as never)).toThrow(error('ERR_ARGUMENT'))
    expect(discovery.stats().registrations).toBe(0)
  })
})

describe('in the DHT', () => {
  it('nodes that register are found by who is in the mesh, and not when they took it back', async () => {
    const sim = await world(6)
    const discovery = { kind: 'dht' as const, dhtIntervalMs: 2_000 }
    for (const name of ['a', 'b', 'c', 'd']) await sim.start(name, { discovery })
    const [a, b, c, d] = sim.nodes as [FoveaNode, FoveaNode, FoveaNode, FoveaNode]
    await sim.connected()
    await b.discovery.registerNode('billing')
    await c.discovery.registerNode(undefined, { cluster: 'blue' })
    await sim.clock.advance(1_000)
    expect(await during(sim, a.discovery.lookupNode('billing'))).toMatchObject({
      ...{ key: b.key.hex, sources: ['dht'], verified: true, address: b.mesh.address },
    })
    const names = async (cluster?: string) =>
      (await during(sim, a.discovery.findNodes(cluster))).map(({ name }) => name).sort()
    expect(await names('blue')).toEqual(['c'])
    expect(await names()).toEqual(['b', 'billing', 'c', 'd'])
    const told: string[] = []
    d.discovery.subscribe((event) => told.push(text(event)))
    await during(sim, d.discovery.addStrategy(dhtNodes({ intervalMs: 1_000 })))
    await sim.clock.advance(3_000)
    expect(d.discovery.strategies()).toMatchObject([{ name: 'dht', addresses: 1, failures: 0 }])
    expect(told).toContain('discovered billing')
    expect(await during(sim, a.discovery.lookupNode('nobody', { timeoutMs: 500 }))).toBeUndefined()
    expect(await b.discovery.unregisterNode('billing')).toBe(true)
    expect(await b.discovery.unregisterNode('billing')).toBe(false)
  })

  it('both: a node without a DHT does what it can', async () => {
    const sim = await world(7)
    const hub: MdnsHub = new Hub(sim.clock)
    const a = await onHub(sim, hub, 'a', { kind: 'both' })
    const b = await onHub(sim, hub, 'b', { kind: 'both' })
    await b.discovery.registerNode()
    expect(await during(sim, a.discovery.lookupNode('b'))).toMatchObject({ sources: ['mdns'] })
    expect(a.stats().refused).toEqual({})
  })
})

describe('a node that stops', () => {
  it('says goodbye, tells who waits, and refuses what comes after', async () => {
    const sim = await world(8)
    const hub: MdnsHub = new Hub(sim.clock)
    const a = await onHub(sim, hub, 'a')
    const b = await onHub(sim, hub, 'b', { requiredContacts: 2 })
    const told: string[] = []
    a.discovery.subscribe((event) => told.push(text(event)))
    await b.discovery.registerNode()
    await sim.clock.advance(1_000)
    const looking = failing(sim, b.discovery.lookupNode('nobody'))
    const forming = failing(sim, b.discovery.formed())
    await during(sim, b.stop())
    const code = 'ERR_DISCOVERY_STOPPED'
    expect([await looking, await forming]).toMatchObject([{ code }, { code }])
    expect(await failing(sim, b.discovery.registerNode())).toMatchObject({ code })
    expect(() => b.discovery.subscribe(() => {})).toThrow(expect.objectContaining({ code }))
    await sim.clock.advance(2_000)
    expect(told).toEqual(['discovered b', 'lost b'])
    expect(hub.size).toBe(1)
  })
})
