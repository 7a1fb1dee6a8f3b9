/** The fault-isolation tables of the reference, a row each: which parts of a gateway a crash takes along, under load. */
import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../mesh/mesh.ts'
import { EdgeCluster, killPart, partOf, supervisorOf } from './edge-cluster.ts'
import { EdgeLoad, upTo } from './edge-load.ts'

/** Parts in the order of the tree; the name of the process of each. */
const PARTS = {
  health: 'gateway.health',
  diagnostics: 'gateway.diagnostics',
  quic_server: 'gateway.quic_server',
  gateway: 'gateway',
  clients: 'gateway.clients',
  pubsub: 'gateway.pubsub',
  rpc: 'gateway.rpc',
  mesh: 'gateway.mesh',
} as const

type Part = keyof typeof PARTS

const ORDER = Object.keys(PARTS) as readonly Part[]

function pidsOf(mesh: Mesh): ReadonlyMap<Part, string> {
  return new Map(ORDER.map((part) => [part, String(partOf(mesh, PARTS[part]))]))
}

/** Which parts are other processes than before. */
function restarted(before: ReadonlyMap<Part, string>, mesh: Mesh): readonly Part[] {
  const now = pidsOf(mesh)
  return ORDER.filter((part) => before.get(part) !== now.get(part))
}

describe('when a part of a gateway crashes', () => {
  it.each<[Part | 'workers', readonly Part[]]>([
    ['health', ORDER],
    ['diagnostics', ORDER.slice(1)],
    ['quic_server', ORDER.slice(2)],
    ['gateway', ORDER.slice(3)],
    ['workers', ORDER.slice(4)],
    ['clients', ORDER.slice(4)],
    ['pubsub', ['pubsub', 'rpc', 'mesh']],
    ['rpc', ['rpc', 'mesh']],
    ['mesh', ['mesh']],
  ])('MG14 ML35 %s restarts %j and disconnects no client', async (part, expected) => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } }, { dht: {} })
    const m = await cluster.start('m', 2, { dht: {}, seeds: ['10.0.0.1:4433'] })
    const a = await cluster.readyPeer('a', 8, [1])
    const b = await cluster.readyPeer('b', 9, [1])
    const load = new EdgeLoad(cluster, a)
    await load.begin(m, [m, b])
    const events: string[] = []
    g.gateway!.onClient(({ type, name }) => events.push(`${name} ${type}`))
    const before = pidsOf(g)
    await load.run(200)
    if (part === 'workers') {
      const workers = await cluster.during(supervisorOf(g, 'clients'))
      g.system.exit(workers.pid, 'kill')
    } else killPart(g, PARTS[part])
    await load.run(400)
    // The port of the health server is real: it is closed in real time.
    for (let turn = 0; turn < 2_000 && g.gateway!.health().status !== 'ok'; turn++) {
      await cluster.clock.settle()
      if (turn % 100 === 99) await cluster.clock.advance(100)
    }
    const { published, got, failed } = await load.end()
    expect(restarted(before, g)).toEqual(expected)
    expect(events).toEqual([])
    expect(g.gateway!.stats().clients).toBe(2)
    expect(g.gateway!.clients().map(({ name }) => name)).toEqual(['a', 'b'])
    expect(failed).toEqual([])
    expect(got).toEqual([upTo(published), upTo(published)])
  })

  it('the mesh of the node goes on', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, {}, { dht: {} })
    const m = await cluster.start('m', 2, { dht: {}, seeds: ['10.0.0.1:4433'] })
    await cluster.clock.advance(2_000)
    const events: string[] = []
    g.onLink(({ type }) => events.push(type))
    g.membership.subscribe(({ type }) => events.push(type))
    // Who is there is told at the start.
    await cluster.clock.advance(1_000)
    events.length = 0
    const others = ['membership', 'discovery', 'routing', 'records', 'rpc', 'pubsub', 'catalog']
    const before = others.map((part) => String(partOf(g, part)))
    killPart(g, 'gateway.quic_server')
    await cluster.clock.advance(5_000)
    expect(others.map((part) => String(partOf(g, part)))).toEqual(before)
    expect(events).toEqual([])
    expect(await cluster.during(m.rpc.call('io.fovea.diagnostics.echo', 1))).toBe(1)
  })
})
