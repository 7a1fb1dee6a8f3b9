import { describe, expect, it } from 'vitest'
import { createPubSubContext } from '../../../mesh/pubsub/context.ts'
import { pubsubSettings } from '../../../mesh/pubsub/options.ts'
import type { PublishOptions } from '../../../mesh/pubsub/pubsub.ts'
import { PubSubServer } from '../../../mesh/pubsub/pubsub-server.ts'
import { openMemoryStore } from '../../../mesh/store/memory.ts'
import { codeOf } from '../cluster.ts'
import { collect, PubSubNet } from './pubsub-net.ts'

describe('a publish of which nobody could be asked who wants it', () => {
  it('PS6 at_least_once waits until somebody can be, in order; at_most_once does not', async () => {
    const net = new PubSubNet()
    const [from, to] = await net.startAll(2)
    const { catalog } = from!.node
    const { handler, payloads } = collect()
    to!.pubsub.subscribe('a.b', handler)
    const [interest] = await heard(net, to!.node.catalog.own())
    catalog.forget(to!.node.self)
    Object.assign(catalog, { sought: false, unanswered: true })
    const once = from!.pubsub.publish('a.b', 0)
    const kept = [1, 2].map((n) => from!.pubsub.publish('a.b', n, { qos: 1, timeoutMs: 60_000 }))
    await net.advance(20)
    expect(await once).toMatchObject({ nodes: 0 })
    expect(from!.pubsub.stats().waiting).toBe(2)
    await net.advance(10_000)
    expect(payloads).toEqual([])
    catalog.learn(interest!)
    catalog.unanswered = false
    await net.advance(20)
    expect(await Promise.all(kept)).toMatchObject([{ nodes: 1 }, { nodes: 1 }])
    expect(payloads).toEqual([1, 2])
    expect(from!.pubsub.stats()).toMatchObject({ waiting: 0, outbox: 0 })
  })

  it('PS6 waits for an answer again when the process of pub/sub ended before there was one', async () => {
    const net = new PubSubNet()
    const [from, other, to] = await net.startAll(3)
    const { catalog } = from!.node
    const got = [collect(), collect()]
    other!.pubsub.subscribe('**', got[0]!.handler)
    to!.pubsub.subscribe('a.b', got[1]!.handler)
    const [interest] = await heard(net, to!.node.catalog.own())
    catalog.forget(to!.node.self)
    Object.assign(catalog, { sought: false, seekMs: 1_000 })
    const before = codeOf(from!.pubsub.publish('a.b', 1, { qos: 1 }))
    await net.advance(20)
    const again = await net.crash(from!)
    expect(await before).toBe('ERR_PUBSUB_RESTARTED')
    const after = again.pubsub.publish('a.b', 2, { qos: 1 })
    await net.advance(20)
    expect(again.pubsub.stats().waiting).toBe(1)
    catalog.learn(interest!)
    await net.advance(1_100)
    expect(await after).toMatchObject({ nodes: 2 })
    expect(got.map(({ payloads }) => payloads)).toEqual([[2], [2]])
  })

  it('PS6 at_least_once fails when its time is over, and says so', async () => {
    const net = new PubSubNet()
    const from = await net.start()
    Object.assign(from.node.catalog, { sought: false, unanswered: true })
    const code = codeOf(from.pubsub.publish('a.b', 1, { qos: 1, timeoutMs: 1_000 }))
    await net.advance(990)
    expect(from.pubsub.stats().waiting).toBe(1)
    await net.advance(20)
    expect(await code).toBe('ERR_PUBSUB_UNACKNOWLEDGED')
    expect(from.pubsub.stats().waiting).toBe(0)
  })
})

describe('a publish that waits when its node ends', () => {
  /** A node with a store that can ask nobody, and what it has published: three in order, one that is soon too late. */
  async function offline() {
    const net = new PubSubNet()
    const store = openMemoryStore()
    const [to, spared] = await net.startAll(2)
    const from = await net.start({ store })
    Object.assign(from.node.catalog, { sought: false, unanswered: true })
    const own = collect()
    from.pubsub.subscribe('a.b', own.handler)
    const exclude = [spared!.node.self]
    const publish = (n: number, more: PublishOptions): Promise<unknown> =>
      codeOf(from.pubsub.publish('a.b', n, { qos: 1, timeoutMs: 60_000, ...more }))
    const codes = [1, 2].map((n) => publish(n, { exclude, headers: { n } }))
    codes.push(publish(3, { retain: true }), publish(4, { timeoutMs: 1_000 }))
    await net.advance(100)
    expect(own.payloads).toEqual([1, 2, 3, 4])
    return { net, store, from, to: to!, spared: spared!, codes }
  }

  it('PS6 PS19 is sent by its next life, in order and once, unless its time is over', async () => {
    const { net, store, from, to, spared } = await offline()
    // The last value is kept for itself.
    expect(store.stats().entries).toBe(4 + 1)
    from.pubsub.leaving()
    await from.node.system.stop()
    await net.advance(2_000)
    const got = [collect(), collect()]
    to.pubsub.subscribe('**', got[0]!.handler)
    spared.pubsub.subscribe('**', got[1]!.handler)
    const again = await net.restart(from)
    const events: unknown[] = []
    again.pubsub.onEvent((event) => void events.push(event))
    await net.advance(200)
    expect(got.map(({ payloads }) => payloads)).toEqual([[1, 2, 3], [3]])
    expect(again.node.refusals.counters()).toEqual({ ERR_PUBSUB_UNACKNOWLEDGED: 1 })
    expect([store.stats().entries, again.pubsub.stats()]).toMatchObject([
      1,
      { waiting: 0, outbox: 0 },
    ])
    await net.advance(60_000)
    expect(events).toEqual([])
  })

  it('PS6 stays for the next life when the node stops in order, and does not when only the process ends', async () => {
    for (const [isLeaving, entries] of [
      [true, 4 + 1],
      [false, 1],
    ] as const) {
      const { net, store, from, codes } = await offline()
      if (isLeaving) from.pubsub.leaving()
      await net.crash(from)
      expect(await Promise.all(codes)).toEqual(codes.map(() => 'ERR_PUBSUB_RESTARTED'))
      await net.advance(10)
      expect(store.stats().entries).toBe(entries)
    }
  })

  it('PS6 waits in the next life as well, until somebody can be asked', async () => {
    const { net, store, from, to } = await offline()
    const got = collect()
    to.pubsub.subscribe('a.b', got.handler)
    from.pubsub.leaving()
    await from.node.system.stop()
    const { self } = from.node
    const node = net.net.node({ key: self, incarnation: 2, store })
    Object.assign(node.catalog, { sought: false, unanswered: true })
    const context = createPubSubContext(node, pubsubSettings())
    await PubSubServer.start(context, { system: node.system })
    await net.advance(500)
    expect([got.payloads, store.stats().entries]).toEqual([[], 4 + 1])
    node.catalog.unanswered = false
    await net.advance(200)
    expect([got.payloads, store.stats().entries]).toEqual([[1, 2, 3, 4], 1])
  })
})

describe('a publish of a peer that lost one who wants it together with the way there', () => {
  it('PS6 ML8 waits until the peer is told who wants it, though it knows of another one', async () => {
    const net = new PubSubNet()
    const [from, lost, other] = await net.startAll(3)
    const { catalog } = from!.node
    const got = { lost: collect(), other: collect() }
    lost!.pubsub.subscribe('a.b', got.lost.handler)
    other!.pubsub.subscribe('a.b', got.other.handler)
    const [interest] = await heard(net, lost!.node.catalog.own())
    // Not the first of its topic, which waits anyhow.
    Object.assign(catalog, { sought: false, seekMs: 1 })
    const first = from!.pubsub.publish('a.b', 0)
    await net.advance(20)
    await first
    catalog.forget(lost!.node.self)
    Object.assign(catalog, { doubtful: true, seekMs: 100 })
    const kept = [1, 2].map((n) => from!.pubsub.publish('a.b', n, { qos: 1 }))
    await net.advance(90)
    expect(from!.pubsub.stats().waiting).toBe(2)
    expect(got.other.payloads).toEqual([0])
    catalog.learn(interest!)
    Object.assign(catalog, { sought: true, doubtful: false })
    await net.advance(30)
    expect(await Promise.all(kept)).toMatchObject([{ nodes: 2 }, { nodes: 2 }])
    expect([got.lost.payloads, got.other.payloads]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ])
  })
})

/** After others have heard of it. */
async function heard<T>(net: PubSubNet, items: Iterable<T>): Promise<readonly T[]> {
  await net.advance(10)
  return Array.from(items)
}
