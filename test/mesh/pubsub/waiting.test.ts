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

/** After others have heard of it. */
async function heard<T>(net: PubSubNet, items: Iterable<T>): Promise<readonly T[]> {
  await net.advance(10)
  return Array.from(items)
}
