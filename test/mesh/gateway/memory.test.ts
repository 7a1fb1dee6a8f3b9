/** The memory rules of the reference: pools are bounded, what ends is cleaned up at once, all maps return to where they were. */
import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { Peer } from '../../../mesh/peer/peer.ts'
import { EdgeCluster } from './edge-cluster.ts'

/** Everything of a node that grows with its clients and their work. */
function sizesOf(mesh: Mesh): object {
  const { subscriptions, filters, waiting, queued, outbox, requests, sessions } =
    mesh.pubsub.stats()
  return {
    clients: mesh.gateway?.clients().length ?? 0,
    meshLinks: mesh.gateway?.stats().meshLinks ?? 0,
    links: mesh.links().length,
    processes: [...mesh.system.processes()].length,
    ...{ subscriptions, filters, waiting, queued, outbox, requests, sessions },
    presence: mesh.presence.stats(),
  }
}

/** A peer that uses everything, and is gone. */
async function visit(cluster: EdgeCluster, m: Mesh, name: string, n: number): Promise<Peer> {
  const peer = await cluster.readyPeer(name, n, [1])
  peer.pubsub.subscribe(`${name}.*`, () => {})
  peer.presence.track('room', name)
  await cluster.during(peer.rpc.advertise(`${name}.echo`, (x) => x))
  await cluster.clock.advance(1_000)
  await cluster.during(m.pubsub.publish(`${name}.x`, 1, { delivery: 'at_least_once' }))
  expect(await cluster.during(m.rpc.call(`${name}.echo`, name))).toBe(name)
  expect(await cluster.during(peer.rpc.call('m.echo', name))).toBe(name)
  return peer
}

describe('the memory of a gateway', () => {
  it('ML6 returns to where it was when clients have come, worked and gone, 30 times', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { meshLinkIdleMs: 5_000 }, { dht: {} })
    const m = await cluster.start('m', 2, { dht: {}, seeds: ['10.0.0.1:4433'] })
    await cluster.during(m.rpc.advertise('m.echo', (x) => x))
    m.presence.watch('room', () => {})
    await cluster.clock.advance(3_000)
    const first = await visit(cluster, m, 'first', 9)
    await cluster.close(first)
    await cluster.clock.advance(60_000)
    const before = [sizesOf(g), sizesOf(m)]
    for (let round = 0; round < 30; round++) {
      const peer = await visit(cluster, m, `p${round}`, 9)
      if (round % 3 === 0) {
        // It is killed: no goodbye, and what it was is found out.
        for (const { pid } of [...peer.system.processes()].reverse()) peer.system.exit(pid, 'kill')
        await cluster.clock.advance(30_000)
      }
      await cluster.close(peer)
    }
    await cluster.clock.advance(360_000)
    expect([sizesOf(g), sizesOf(m)]).toEqual(before)
    expect(g.gateway!.stats()).toMatchObject({ admitted: 31, clients: 0 })
    expect((await cluster.during(m.presence.list('room'))).map(({ key }) => key)).toEqual([])
    expect(await cluster.during(m.pubsub.publish('p7.x', 1))).toMatchObject({ nodes: 0 })
  })
})
