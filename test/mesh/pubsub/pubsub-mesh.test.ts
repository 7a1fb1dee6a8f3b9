/** Pub/sub over the real couriers, catalogs and links of a simulated network. */
import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../mesh/mesh.ts'
import { dhtCluster, startAll } from '../routing/dht-cluster.ts'
import type { Cluster } from '../cluster.ts'

/** Kills the process of pub/sub; its supervisor starts another. */
function crash(mesh: Mesh): void {
  const found = [...mesh.system.processes()].filter(({ label }) => /pubsub/.test(label))
  expect(found).toHaveLength(1)
  mesh.system.exit(found[0]!.pid, 'killed')
}

async function meshes(cluster: Cluster, count: number): Promise<readonly Mesh[]> {
  const all = await startAll(cluster, count, { more: { services: {} } })
  await cluster.clock.advance(1_000)
  return all
}

describe('pub/sub of a mesh', () => {
  it('PS6 PS9 keeps order, shares among a group, and delivers what is large', async () => {
    await using cluster = dhtCluster()
    const [a, b, c] = (await meshes(cluster, 4)) as [Mesh, Mesh, Mesh]
    const order: unknown[] = []
    const shared: unknown[] = []
    const large: number[] = []
    b.pubsub.subscribe('order', ({ payload }) => void order.push(payload))
    for (const { pubsub } of [b, c]) {
      pubsub.subscribe('jobs', ({ payload }) => void shared.push(payload), { group: 'g' })
    }
    c.pubsub.subscribe('large', ({ payload }) => void large.push((payload as Uint8Array).length))
    await cluster.clock.advance(1_000)
    for (let i = 0; i < 500; i++) {
      void a.pubsub.publish('order', i)
      void a.pubsub.publish('jobs', i, { qos: 1 })
    }
    const sizes = [1, 65_536, 1_000_000]
    const sent = sizes.map((size) => a.pubsub.publish('large', new Uint8Array(size), { qos: 1 }))
    await cluster.clock.advance(5_000)
    expect(await Promise.all(sent)).toMatchObject(sizes.map(() => ({ nodes: 1 })))
    expect(order).toEqual(Array.from({ length: 500 }, (_, i) => i))
    expect(new Set(shared).size).toBe(500)
    expect(shared).toHaveLength(500)
    expect(large).toEqual(sizes)
  })

  it('MG10 ML33 delivers at least once across a partition, and PS13 last values to one that comes later', async () => {
    await using cluster = dhtCluster()
    const [a, b] = (await meshes(cluster, 3)) as [Mesh, Mesh]
    const got: unknown[] = []
    b.pubsub.subscribe('x', ({ payload }) => void got.push(payload))
    await a.pubsub.publish('state', 'last', { retain: true })
    await cluster.clock.advance(1_000)
    const sent: Promise<unknown>[] = []
    for (let i = 0; i < 20; i++) {
      if (i === 3) crash(a)
      await cluster.clock.advance(1)
      if (i === 5) cluster.network.partition('10.0.0.1', '10.0.0.2')
      if (i === 15) cluster.network.heal()
      if (i === 10) crash(b)
      sent.push(a.pubsub.publish('x', i, { qos: 1 }))
      await cluster.clock.advance(20)
    }
    await cluster.clock.advance(20_000)
    await Promise.all(sent)
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => i))
    const last: unknown[] = []
    b.pubsub.subscribe('state', ({ payload, retained }) => void last.push([payload, retained]))
    await cluster.clock.advance(1_000)
    expect(last).toEqual([['last', true]])
  })

  it('PS10 answers requests, and says at once when nobody does', async () => {
    await using cluster = dhtCluster()
    const [a, b] = (await meshes(cluster, 3)) as [Mesh, Mesh]
    b.pubsub.subscribe('twice', ({ payload, reply }) => reply?.(Number(payload) * 2))
    await cluster.clock.advance(1_000)
    const asked = a.pubsub.request('twice', 4)
    await cluster.clock.advance(100)
    expect(await asked).toMatchObject({ payload: 8, publisher: b.key.hex })
    const nobody = a.pubsub.request('nobody').catch((error: unknown) => error)
    await cluster.clock.advance(3_000)
    expect(await nobody).toMatchObject({ code: 'ERR_PUBSUB_NO_RESPONDERS', topic: 'nobody' })
  })
})
