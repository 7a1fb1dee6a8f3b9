/** Presence over the real couriers, catalogs and links of a simulated network. */
import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { Cluster } from '../cluster.ts'
import { dhtCluster, startAll, startOne } from '../routing/dht-cluster.ts'
import { Mirror } from './presence-net.ts'

const MORE = { more: { services: {} } }

async function meshes(cluster: Cluster): Promise<readonly [Mesh, Mesh, Mesh]> {
  return (await startAll(cluster, 3, MORE)) as [Mesh, Mesh, Mesh]
}

describe('presence of a mesh', () => {
  it('PS14 a partition takes entries away and its end brings them back, once', async () => {
    await using cluster = dhtCluster()
    const [a, b] = await meshes(cluster)
    const mirror = new Mirror()
    a.presence.watch('room', mirror.take)
    b.presence.track('room', 'ann')
    await cluster.clock.advance(2_000)
    expect(mirror.keys()).toEqual(['ann'])
    cluster.network.partition('10.0.0.1', '10.0.0.2')
    cluster.network.partition('10.0.0.3', '10.0.0.2')
    await cluster.clock.advance(30_000)
    expect(mirror.keys()).toEqual([])
    const late = b.presence.track('room', 'bob')
    cluster.network.heal()
    await cluster.clock.advance(60_000)
    expect(mirror.keys()).toEqual(['ann', 'bob'])
    late.untrack()
    await cluster.clock.advance(1_000)
    expect(mirror.keys()).toEqual(['ann'])
    expect(mirror.faults).toEqual([])
  })

  it('PS14 a killed node leaves no ghost, and its next life is another', async () => {
    await using cluster = dhtCluster()
    const [a, b, c] = await meshes(cluster)
    const mirror = new Mirror()
    a.presence.watch('room', mirror.take)
    b.presence.track('room', 'ann')
    c.presence.track('room', 'eve')
    await cluster.clock.advance(2_000)
    const before = mirror.lines()
    expect(before).toHaveLength(2)
    cluster.network.kill('10.0.0.2')
    await cluster.clock.advance(15_000)
    expect(mirror.keys()).toEqual(['eve'])
    const again = await startOne(cluster, 4, MORE)
    again.presence.track('room', 'ann')
    await cluster.clock.advance(15_000)
    expect(mirror.keys()).toEqual(['ann', 'eve'])
    expect(mirror.lines()).not.toEqual(before)
    expect(mirror.faults).toEqual([])
  })

  it('stop settles every list, loop, publish, request and drain that is under way', async () => {
    await using cluster = dhtCluster()
    const [a, b] = await meshes(cluster)
    b.pubsub.subscribe('x', () => new Promise(() => {}))
    await cluster.clock.advance(1_000)
    cluster.network.partition('10.0.0.1', '10.0.0.2')
    const hanging = a.pubsub.subscribe('own', () => new Promise(() => {}))
    void a.pubsub.publish('own')
    const pending = [
      a.pubsub.publish('x', 1, { qos: 1 }),
      a.pubsub.publish('never.sought', 1, { qos: 1 }),
      a.pubsub.request('x'),
      hanging.drain({ timeoutMs: 600_000 }),
      a.pubsub.subscribe('y')[Symbol.asyncIterator]().next(),
      a.presence.list('room', { timeoutMs: 600_000 }),
      a.presence.watch('hall')[Symbol.asyncIterator]().next(),
      a.presence.watch('room', { timeoutMs: 600_000 })[Symbol.asyncIterator]().next(),
    ]
    let settled = 0
    for (const each of pending) {
      const count = (): void => void (settled += 1)
      void (each as Promise<unknown>).then(count, count)
    }
    await cluster.stop(a)
    await cluster.clock.advance(0)
    expect(settled).toBe(pending.length)
  })
})
