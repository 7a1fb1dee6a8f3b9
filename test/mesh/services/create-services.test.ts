import { describe, expect, it, vi } from 'vitest'
import { dhtCluster, seedOf, startAll, startOne } from '../routing/dht-cluster.ts'
import { Connection } from '../../../mesh/link/connection.ts'
import type { Mesh } from '../../../mesh/mesh.ts'

describe('the services of a mesh', () => {
  it('PS ML16 a publish reaches subscribers of other nodes through the public functions alone', async () => {
    await using cluster = dhtCluster()
    const [a, b, c] = (await startAll(cluster, 3, { more: { services: {} } })) as [Mesh, Mesh, Mesh]
    const heard: string[] = []
    b.pubsub.subscribe(
      'shop.*.sold',
      ({ topic, payload }) => void heard.push(`b ${topic} ${String(payload)}`),
    )
    c.pubsub.subscribe('shop.tea.sold', ({ payload }) => void heard.push(`c ${String(payload)}`))
    await cluster.clock.advance(1_000)
    const published = a.pubsub.publish('shop.tea.sold', 3)
    await cluster.clock.advance(100)
    expect((await published).nodes).toBe(2)
    expect(heard.toSorted()).toEqual(['b shop.tea.sold 3', 'c 3'])
  })

  it('R1 a call finds whoever advertises the procedure, and says when nobody does', async () => {
    await using cluster = dhtCluster()
    const [a, b] = (await startAll(cluster, 3, { more: { services: {} } })) as [Mesh, Mesh, Mesh]
    const advertised = await b.rpc.advertise('shop.price', (of: unknown) => `${String(of)}: 3`)
    await cluster.clock.advance(1_000)
    const call = a.rpc.call('shop.price', 'tea')
    await cluster.clock.advance(100)
    expect(await call).toBe('tea: 3')
    advertised.unadvertise()
    await cluster.clock.advance(1_000)
    const nobody = cluster.during(a.rpc.call('shop.price', 'tea'))
    await expect(nobody).rejects.toMatchObject({ code: 'ERR_RPC_NO_PROVIDER' })
  })

  it('ML15 ML23 MG11 speak with one key in everything, in numbers of their own, and refuse no word of each other', async () => {
    await using cluster = dhtCluster()
    const nodes = (await startAll(cluster, 3, { more: { services: {} } })) as [Mesh, Mesh, Mesh]
    const [a, b, c] = nodes
    const heard: string[] = []
    c.pubsub.subscribe(
      'shop.**',
      ({ publisher, sequence }) => void heard.push(`${publisher} ${sequence}`),
    )
    await c.rpc.advertise('shop.who', (_input, { caller }) => caller.node)
    await c.rpc.advertiseStream('shop.count', async function* () {
      yield await Promise.resolve(1)
    })
    await a.rpc.advertise('shop.mine', () => 1)
    a.presence.track('shop', 'ann')
    const watch = c.presence.watch('shop', () => {})
    await cluster.clock.advance(1_000)
    for (const delivery of ['at_most_once', 'at_least_once'] as const) {
      for (const node of [a, b]) {
        await cluster.during(node.pubsub.publish('shop.sold', 1, { delivery, retain: true }))
      }
    }
    await cluster.during(a.rpc.stream('shop.count').result)
    await cluster.during(a.dht.put({ name: 'shop.key', value: Buffer.from('value') }))
    const said = {
      called: await cluster.during(a.rpc.call('shop.who')),
      offered: (await c.services.find('shop.mine')).map(({ node }) => node),
      present: (await cluster.during(c.presence.list('shop'))).map(({ node }) => node),
      linked: c.linkTo(a.key.hex)?.peer.key.hex,
      member: c.membership.members().filter(({ key }) => key.hex === a.key.hex).length,
      routed: c.dht.table().filter(({ contact }) => contact.key.hex === a.key.hex).length,
    }
    const { hex } = a.key
    expect(said).toEqual({
      ...{ called: hex, offered: [hex], present: [hex], linked: hex, member: 1, routed: 1 },
    })
    // Both numbered alike, and nothing of one was taken for that of the other.
    expect(heard.toSorted()).toEqual(
      [a, b].flatMap(({ key }) => [1, 2].map((n) => `${key.hex} ${n}`)).toSorted(),
    )
    watch.close()
    await cluster.clock.advance(30_000)
    // A dial may lose its race with one of the peer; nothing else goes wrong.
    const refused = nodes.flatMap((node) => Object.keys(node.stats().refused))
    expect(refused.filter((code) => code !== 'ERR_TRANSPORT_TIMEOUT')).toEqual([])
  })

  it('PS14 presence shows who is here on other nodes, and who stopped at once', async () => {
    await using cluster = dhtCluster()
    const [a, b] = (await startAll(cluster, 3, { more: { services: {} } })) as [Mesh, Mesh, Mesh]
    const said: string[] = []
    a.presence.watch('room.1', (event) => {
      if (event.type !== 'diff') return
      for (const { key } of event.joins) said.push(`join ${key}`)
      for (const { key } of event.leaves) said.push(`leave ${key}`)
    })
    b.presence.track('room.1', 'ann', { mood: 'good' })
    await cluster.clock.advance(2_000)
    const present = await cluster.during(a.presence.list('room.1'))
    expect(present.map(({ key }) => key)).toEqual(['ann'])
    const stopped = cluster.stop(b)
    await cluster.clock.advance(200)
    expect(said).toEqual(['join ann', 'leave ann'])
    await stopped
  })

  it('PS ML50 cost no frame while nothing changes, whether they are used or not', async () => {
    await using cluster = dhtCluster()
    const [a, b, c] = (await startAll(cluster, 3, { more: { services: {} } })) as [Mesh, Mesh, Mesh]
    const frames: string[] = []
    const { send } = Connection.prototype
    using spy = vi.spyOn(Connection.prototype, 'send').mockImplementation(function (
      this: Connection,
      lane,
      frame,
    ) {
      if (['rpc', 'pubsub', 'bulk'].includes(lane)) frames.push(lane)
      return send.call(this, lane, frame)
    })
    await cluster.clock.advance(60_000)
    expect(frames).toEqual([])

    a.pubsub.subscribe('shop.**', () => {})
    await b.rpc.advertise('shop.price', () => 3)
    b.presence.watch('room.1', () => {})
    c.presence.track('room.1', 'ann')
    await cluster.clock.advance(30_000)
    expect(frames.length).toBeGreaterThan(0)
    frames.length = 0
    // Offers are told again only 60 s before their time is over.
    await cluster.clock.advance(60_000)
    expect(frames).toEqual([])
    expect(spy).toHaveBeenCalled()
  }, 20_000)

  it('ML3 work between nodes that cannot reach each other: others pass on', async () => {
    await using cluster = dhtCluster()
    cluster.network.partition('10.0.0.1', '10.0.0.3')
    const more = { services: {} }
    const b = await startOne(cluster, 2, { more: { ...more, seeds: [] } })
    const seeds = [seedOf(2)]
    const a = await startOne(cluster, 1, { more: { ...more, seeds } })
    const c = await startOne(cluster, 3, { more: { ...more, seeds } })
    await startOne(cluster, 4, { more: { ...more, seeds } })
    await cluster.clock.advance(15_000)
    const heard: string[] = []
    c.pubsub.subscribe(
      'far.**',
      ({ topic, payload }) => void heard.push(`${topic} ${String(payload)}`),
    )
    await c.rpc.advertise('far.double', (of: unknown) => 2 * (of as number))
    // Whoever looks for the first time waits no longer than for a dial; the words of others come after that.
    await cluster.during(a.pubsub.publish('far.away', 'nobody yet?'))
    await cluster.clock.advance(10_000)
    await cluster.during(
      a.pubsub.publish('far.away', 'hello', { delivery: 'at_least_once', timeoutMs: 30_000 }),
    )
    expect(heard).toEqual(['far.away hello'])
    expect(await cluster.during(a.rpc.call('far.double', 21, { timeoutMs: 30_000 }))).toBe(42)
    expect(a.linkTo(c.key.hex)).toBeUndefined()
    expect(b.linkTo(c.key.hex)).toBeDefined()
  })

  it('are not there with `services: false`', async () => {
    await using cluster = dhtCluster()
    const mesh = await startOne(cluster, 1, { more: { services: false } })
    expect(() => mesh.pubsub).toThrow(expect.objectContaining({ code: 'ERR_SERVICES_DISABLED' }))
    expect(() => mesh.presence).toThrow(expect.objectContaining({ code: 'ERR_SERVICES_DISABLED' }))
    expect(() => mesh.rpc).toThrow(expect.objectContaining({ code: 'ERR_SERVICES_DISABLED' }))
  })
})
