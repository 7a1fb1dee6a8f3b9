/** The fault-isolation table of the reference, a row each: which parts of a peer a crash takes along, under load. */
import { describe, expect, it } from 'vitest'
import type { Peer } from '../../../mesh/peer/peer.ts'
import { EdgeCluster, killPart, partOf } from '../gateway/edge-cluster.ts'
import { EdgeLoad, upTo } from '../gateway/edge-load.ts'

/** Parts in the order of the tree; the name of the process of each. */
const PARTS = {
  connection: 'peer.connection',
  courier: 'courier',
  catalog: 'catalog.uplink',
  pubsub_handler: 'pubsub',
  rpc_handler: 'rpc',
  presence: 'presence',
  advertisement: 'peer.advertisement',
} as const

type Part = keyof typeof PARTS

const ORDER = Object.keys(PARTS) as readonly Part[]

function pidsOf(peer: Peer): ReadonlyMap<Part, string> {
  return new Map(ORDER.map((part) => [part, String(partOf(peer, PARTS[part]))]))
}

describe('when a part of a peer crashes', () => {
  it.each<[Part]>(ORDER.map((part) => [part]))(
    'MG14 %s takes along what stands after it, and the peer keeps its link and what it has',
    async (part) => {
      await using cluster = new EdgeCluster()
      const g = await cluster.gateway('g', 1, {}, { dht: {} })
      const m = await cluster.start('m', 2, { dht: {}, seeds: ['10.0.0.1:4433'] })
      const a = await cluster.readyPeer('a', 8, [1])
      const b = await cluster.readyPeer('b', 9, [1])
      // From a to m and b, and from m to a.
      const up = new EdgeLoad(cluster, a)
      await up.begin(m, [m, b])
      const down: number[] = []
      a.pubsub.subscribe('down', ({ payload }) => void down.push(payload as number))
      await cluster.during(a.rpc.advertise('a.echo', (x) => x))
      await cluster.clock.advance(1_000)
      const before = pidsOf(a)
      await up.run(200)
      killPart(a, PARTS[part])
      await up.run(200)
      const { published, got, failed } = await up.end()
      const after = pidsOf(a)
      const others = ORDER.filter((each) => before.get(each) === after.get(each))
      expect(others).toEqual(ORDER.slice(0, ORDER.indexOf(part)))
      expect(a.state).toBe('connected')
      expect(a.stats().linksMade).toBe(1)
      expect(g.gateway!.stats()).toMatchObject({ clients: 2, admitted: 2 })
      // What was under way in a process ends with it, and says so; nothing that was acknowledged is missing.
      const codes = new Set(failed)
      for (const code of codes) expect(code).toMatch(/^ERR_(PUBSUB_RESTARTED|RPC_\w+)$/)
      for (const each of got) expect(each).toEqual(upTo(published).filter((n) => each.includes(n)))
      expect(failed.length).toBeLessThanOrEqual(4)
      for (const each of got) expect(published - each.length).toBeLessThanOrEqual(4)
      await cluster.during(m.pubsub.publish('down', 1, { delivery: 'at_least_once' }))
      expect(down).toEqual([1])
      expect(await cluster.during(m.rpc.call('a.echo', 'still here'))).toBe('still here')
    },
  )
})
