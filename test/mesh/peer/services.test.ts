import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { Peer } from '../../../mesh/peer/peer.ts'
import type { PubSubMessage } from '../../../mesh/pubsub/pubsub.ts'
import { codeOf } from '../cluster.ts'
import { EdgeCluster } from '../gateway/edge-cluster.ts'

/** What a node gets of a filter, in order. */
function collect(node: Mesh | Peer, filter: string): unknown[] {
  const got: unknown[] = []
  node.pubsub.subscribe(filter, ({ payload }: PubSubMessage) => void got.push(payload))
  return got
}

/** Two gateways and a member that know each other. */
async function world(cluster: EdgeCluster): Promise<{ g: Mesh; h: Mesh; m: Mesh }> {
  const g = await cluster.gateway('g', 1, {}, { dht: {} })
  const seeds = ['10.0.0.1:4433']
  const h = await cluster.gateway('h', 2, {}, { dht: {}, seeds })
  const m = await cluster.start('m', 3, { dht: {}, seeds })
  await cluster.clock.advance(5_000)
  return { g, h, m }
}

describe('the services of a peer', () => {
  it('ML8 work at once after connect: what is asked before there is a link waits for it', async () => {
    await using cluster = new EdgeCluster()
    const { m } = await world(cluster)
    const got = collect(m, 'greetings.*')
    await cluster.during(m.rpc.advertise('math.double', (x) => 2 * (x as number)))
    await cluster.clock.advance(100)
    const peer = await cluster.peer('p', 9, [1])
    expect(peer.state).toBe('connecting')
    const published = peer.pubsub.publish('greetings.first', 'hello', { delivery: 'at_least_once' })
    const called = peer.rpc.call('math.double', 21)
    const advertised = peer.rpc.advertise('peer.name', () => 'p')
    const mine = collect(peer, 'news.**')
    expect(peer.state).toBe('connecting')
    expect(await cluster.during(called)).toBe(42)
    expect(await cluster.during(published)).toMatchObject({ nodes: 1 })
    expect(got).toEqual(['hello'])
    await cluster.during(advertised)
    await cluster.clock.advance(1_000)
    expect(peer.stats().isAdvertised).toBe(true)
    expect(await cluster.during(m.rpc.call('peer.name'))).toBe('p')
    await cluster.during(m.pubsub.publish('news.today', 1))
    await cluster.clock.advance(100)
    expect(mine).toEqual([1])
  })

  it('ML8 are refused with a code when there is no gateway, not forgotten', async () => {
    await using cluster = new EdgeCluster()
    const peer = await cluster.peer('p', 9, [1])
    const call = codeOf(peer.rpc.call('nobody.there', 1, { timeoutMs: 2_000 }))
    expect(await cluster.during(call)).toMatch(/^ERR_RPC_(TIMEOUT|NO_PROVIDER|UNREACHABLE)$/)
    const publish = peer.pubsub.publish('t', 1, { delivery: 'at_least_once', timeoutMs: 2_000 })
    expect(await cluster.during(codeOf(publish))).toBe('ERR_PUBSUB_UNACKNOWLEDGED')
  })

  it('PS6 ML8 keep what is at least once until a gateway can be asked who wants it', async () => {
    await using cluster = new EdgeCluster()
    const { m } = await world(cluster)
    const got = collect(m, 'up.*')
    cluster.network.partition('10.0.0.9', '10.0.0.1')
    const peer = await cluster.peer('p', 9, [1])
    const published = peer.pubsub.publish('up.late', 1, { delivery: 'at_least_once' })
    await cluster.clock.advance(15_000)
    cluster.network.heal()
    expect(await cluster.during(published)).toMatchObject({ nodes: 1 })
    expect(got).toEqual([1])
  })

  it.each([
    ['of one gateway', [1], [1]],
    ['of two gateways', [1], [2]],
  ])('reach peers %s, in both directions', async (_what, atA, atB) => {
    await using cluster = new EdgeCluster()
    const { g } = await world(cluster)
    const a = await cluster.readyPeer('a', 8, atA)
    const b = await cluster.readyPeer('b', 9, atB)
    const [gotA, gotB, gotG] = [collect(a, 'x.*'), collect(b, 'x.*'), collect(g, 'x.*')]
    await cluster.during(b.rpc.advertise('b.echo', (x) => x))
    await cluster.during(a.rpc.advertise('a.echo', (x) => x))
    await cluster.clock.advance(2_000)
    await cluster.during(a.pubsub.publish('x.1', 'from a', { delivery: 'at_least_once' }))
    await cluster.during(b.pubsub.publish('x.2', 'from b', { delivery: 'at_least_once' }))
    await cluster.clock.advance(500)
    expect([gotA, gotB, gotG].map((got) => got.sort())).toEqual(
      Array.from({ length: 3 }, () => ['from a', 'from b']),
    )
    const big = new Uint8Array(300_000).fill(7)
    expect(await cluster.during(a.rpc.call('b.echo', big))).toEqual(big)
    expect(await cluster.during(b.rpc.call('a.echo', 'small'))).toBe('small')
    expect(await cluster.during(g.rpc.call('a.echo', 'g'))).toBe('g')
  })

  it('ML14 R14 R16 are found by peers that offer the same themselves', async () => {
    await using cluster = new EdgeCluster()
    const { h, m } = await world(cluster)
    const peers = [await cluster.readyPeer('p', 9, [1]), await cluster.readyPeer('q', 8, [2])]
    const [p, q] = peers as [Peer, Peer]
    for (const [name, node] of Object.entries({ p, q, h, m })) {
      for (const of of ['all', 'turn', 'key']) {
        await cluster.during(node.rpc.advertise(`who.${of}`, () => name))
      }
    }
    await cluster.during(p.rpc.advertise('shop.**', () => 'p'))
    await cluster.during(m.rpc.advertise('shop.buy', () => 'm'))
    await cluster.clock.advance(1_000)
    const all = await cluster.during(p.rpc.callMany('who.all'))
    expect(all.map((each) => each.status === 'fulfilled' && each.value).sort()).toEqual([
      ...['h', 'm', 'p', 'q'],
    ])
    const byKey = new Map<string, unknown>()
    for (let n = 0; n < 8; n++) {
      for (const node of [p, q, m]) {
        const options = { strategy: 'consistent_hash', key: `k${n}` } as const
        const by = await cluster.during(node.rpc.call('who.key', n, options))
        expect(by).toBe(byKey.get(options.key) ?? by)
        byKey.set(options.key, by)
      }
    }
    expect(new Set(byKey.values()).size).toBeGreaterThan(1)
    const inTurn = async (): Promise<unknown> => {
      const by = await cluster.during(q.rpc.call('who.turn', 1, { strategy: 'round_robin' }))
      await cluster.clock.advance(100)
      return by
    }
    // The first call waits for nobody, and looks for others.
    expect(await inTurn()).toBe('q')
    expect(new Set([await inTurn(), await inTurn(), await inTurn(), await inTurn()]).size).toBe(4)
    expect(await cluster.during(p.rpc.call('shop.buy'))).toBe('p')
    await cluster.clock.advance(100)
    expect(await cluster.during(p.rpc.call('shop.buy'))).toBe('m')
  })

  it('MG6 find, list and watch what their gateway knows, by patterns too', async () => {
    await using cluster = new EdgeCluster()
    const { m } = await world(cluster)
    const offer = await cluster.during(m.rpc.advertise('shop.tea', () => 1))
    const other = await cluster.readyPeer('other', 8, [2])
    await cluster.during(other.rpc.advertise('shop.*.price', () => 2))
    await cluster.clock.advance(2_000)
    const peer = await cluster.readyPeer('p', 9, [1])
    const names = (entries: readonly { readonly procedure: string }[]): string =>
      entries.map(({ procedure }) => procedure).join(' ')
    expect(names(await cluster.during(peer.services.find('shop.**')))).toBe('shop.*.price shop.tea')
    expect(names(await cluster.during(peer.services.find('bar.**')))).toBe('')
    // The diagnostics of both gateways, under the names of the reference as well, are there with the rest.
    expect(names(peer.services.list())).toBe('shop.*.price shop.tea')
    await cluster.clock.advance(100)
    const all = await cluster.during(m.services.find('**'))
    const listed = peer.services.list()
    expect(names(listed)).toBe(names(all))
    expect(listed.map(({ node }) => node)).toEqual(all.map(({ node }) => node))
    const seen: string[] = []
    const watch = peer.services.watch(
      ({ type, entry }) => void seen.push(`${type} ${entry.procedure}`),
      { procedure: 'shop.**' },
    )
    expect(names(watch.entries)).toBe('shop.*.price shop.tea')
    offer.unadvertise()
    await cluster.during(m.rpc.advertise('shop.milk', () => 3))
    await cluster.close(other)
    await cluster.clock.advance(1_500)
    expect(seen.toSorted()).toEqual(['added shop.milk', 'removed shop.*.price', 'removed shop.tea'])
  })

  it("R5 are nobody's any more as soon as it is closed", async () => {
    await using cluster = new EdgeCluster()
    const { g, h, m } = await world(cluster)
    const [peer, other] = [
      await cluster.readyPeer('p', 9, [1]),
      await cluster.readyPeer('q', 8, [2]),
    ]
    await cluster.during(peer.rpc.advertise('peer.name', () => 'p'))
    collect(peer, 'news.*')
    await cluster.clock.advance(1_000)
    expect(await cluster.during(other.rpc.call('peer.name'))).toBe('p')
    await cluster.close(peer)
    await cluster.clock.advance(100)
    for (const node of [g, h, m, other]) {
      const call = codeOf(node.rpc.call('peer.name'))
      expect(await cluster.during(call)).toBe('ERR_RPC_NO_PROVIDER')
      const published = node.pubsub.publish('news.today', 1, { delivery: 'at_least_once' })
      expect(await cluster.during(published)).toMatchObject({ nodes: 0 })
    }
  })

  it('ML17 are there again after each of 20 lost links, in one go', async () => {
    await using cluster = new EdgeCluster()
    const { g, m } = await world(cluster)
    const peer = await cluster.readyPeer('p', 9, [1])
    const topics = Array.from({ length: 20 }, (_, i) => `t.${i}.*`)
    const got: string[] = []
    for (const filter of topics) {
      peer.pubsub.subscribe(filter, ({ topic }) => void got.push(topic))
    }
    for (let i = 0; i < 5; i++) await cluster.during(peer.rpc.advertise(`p.${i}`, () => i))
    await cluster.clock.advance(1_000)
    for (let round = 0; round < 20; round++) {
      await cluster.during(g.gateway!.disconnect(peer.key.hex))
      await cluster.during(peer.ready({ timeoutMs: 60_000 }))
      await cluster.clock.advance(1_000)
      expect(peer.stats().isAdvertised).toBe(true)
      got.length = 0
      for (let i = 0; i < 20; i++) await cluster.during(m.pubsub.publish(`t.${i}.x`, round))
      await cluster.clock.advance(200)
      expect(got).toHaveLength(20)
      expect(await cluster.during(m.rpc.call('p.3'))).toBe(3)
    }
  })

  it('PS6 get the first message to all of them at once, though few keys are asked for at a time', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, {}, { dht: {} })
    const services = { courier: { keyQueriesMax: 2 } }
    const m = await cluster.start('m', 3, { dht: {}, seeds: ['10.0.0.1:4433'], services })
    await cluster.clock.advance(3_000)
    const peers = await Promise.all(
      [11, 12, 13, 14, 15, 16].map((at) => cluster.peer(`p${at}`, at, [1])),
    )
    await cluster.during(Promise.all(peers.map((peer) => peer.ready())))
    const all = peers.map((peer) => collect(peer, 'to.all'))
    await cluster.clock.advance(2_000)
    expect(g.gateway!.stats().clients).toBe(6)
    await cluster.during(m.pubsub.publish('to.all', 1))
    await cluster.clock.advance(1_000)
    expect(all).toEqual(Array.from({ length: 6 }, () => [1]))
    expect(m.stats().refused['ERR_COURIER_UNREACHABLE'] ?? 0).toBe(0)
  })

  it('lose no acknowledged publish while the gateway is restarted', async () => {
    await using cluster = new EdgeCluster()
    const { g, m } = await world(cluster)
    const there = collect(m, 'up.*')
    const peer = await cluster.readyPeer('p', 9, [1])
    const here = collect(peer, 'down.*')
    await cluster.clock.advance(1_000)
    const sent: Promise<unknown>[] = []
    const send = (i: number): void => {
      const options = { delivery: 'at_least_once', timeoutMs: 120_000 } as const
      sent.push(peer.pubsub.publish('up.x', i, options), m.pubsub.publish('down.x', i, options))
    }
    for (let i = 0; i < 10; i++) send(i)
    await cluster.clock.advance(5)
    await cluster.stop(g)
    for (let i = 10; i < 20; i++) send(i)
    await cluster.clock.advance(1_000)
    await cluster.gateway('g', 1, {}, { dht: {}, seeds: ['10.0.0.3:4433'] })
    for (let i = 20; i < 30; i++) send(i)
    await cluster.during(peer.ready({ timeoutMs: 60_000 }))
    await cluster.during(Promise.all(sent))
    const all = Array.from({ length: 30 }, (_, i) => i)
    expect(there).toEqual(all)
    expect(here).toEqual(all)
  })

  it('show who is here to members and to peers, and who has left at once', async () => {
    await using cluster = new EdgeCluster()
    const { m } = await world(cluster)
    const a = await cluster.readyPeer('a', 8, [1])
    const b = await cluster.readyPeer('b', 9, [2])
    a.presence.track('room', 'alice')
    await cluster.clock.advance(3_000)
    const namesAt = async (node: Mesh | Peer): Promise<unknown[]> => {
      const present = await cluster.during(node.presence.list('room'))
      return present.map(({ key }) => key)
    }
    const events: string[] = []
    for (const [name, node] of [
      ['m', m],
      ['b', b],
    ] as const) {
      node.presence.watch('room', (event) => {
        if (event.type === 'diff')
          events.push(`${name} ${event.leaves.map(({ key }) => key).join()}`)
      })
    }
    await cluster.clock.advance(3_000)
    expect([await namesAt(a), await namesAt(m), await namesAt(b)]).toEqual([
      ['alice'],
      ['alice'],
      ['alice'],
    ])
    await cluster.close(a)
    await cluster.clock.advance(200)
    expect(events.sort()).toEqual(['b alice', 'm alice'])
    expect([await namesAt(m), await namesAt(b)]).toEqual([[], []])
  })

  it('are over when the peer is closed', async () => {
    await using cluster = new EdgeCluster()
    await world(cluster)
    const peer = await cluster.readyPeer('p', 9, [1])
    const stream = peer.pubsub.subscribe('x')
    await cluster.close(peer)
    expect(await stream.ended).toBe('stopped')
    for (const begin of [
      () => peer.pubsub.publish('x', 1),
      () => peer.pubsub.request('x', 1),
      () => peer.pubsub.requestMany('x', 1),
      () => peer.rpc.call('x'),
      () => peer.services.find('x'),
      () => peer.presence.list('x'),
    ]) {
      expect(await codeOf(begin())).toBe('ERR_PEER_CLOSED')
    }
  })
})
