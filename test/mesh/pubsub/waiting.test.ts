import { describe, expect, it } from 'vitest'
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
