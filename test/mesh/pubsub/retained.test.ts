import { describe, expect, it } from 'vitest'
import type { PubSubMessage } from '../../../mesh/pubsub/pubsub.ts'
import { openMemoryStore } from '../../../mesh/store/memory.ts'
import { sizeOf, written } from '../../support/sizes.ts'
import { PubSubNet } from './pubsub-net.ts'

/** What comes, as `[topic, payload, retained]`. */
function values() {
  const got: (readonly [string, unknown, boolean])[] = []
  const handler = ({ topic, payload, retained }: PubSubMessage): void =>
    void got.push([topic, payload, retained])
  return { got, handler }
}

describe('last values', () => {
  it('PS13 are given once to one that subscribes later, wherever it is', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    await a!.pubsub.publish('state.x', 'old', { retain: true })
    await a!.pubsub.publish('state.x', 'new', { retain: true })
    await a!.pubsub.publish('state.y', 'plain')
    const [here, there, again] = [values(), values(), values()]
    a!.pubsub.subscribe('state.*', here.handler)
    b!.pubsub.subscribe('state.*', there.handler)
    await net.advance(50)
    b!.pubsub.subscribe('state.x', again.handler)
    await net.advance(50)
    const last = [['state.x', 'new', true]]
    expect([here.got, there.got, again.got]).toEqual([last, last, last])
    await a!.pubsub.publish('state.x', 'live', { retain: true })
    await net.advance(50)
    expect(there.got.at(-1)).toEqual(['state.x', 'live', false])
    expect(there.got).toHaveLength(2)
  })

  it('PS13 are deleted by an empty payload, which subscribers get as it is', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const live = values()
    b!.pubsub.subscribe('x.*', live.handler)
    await net.advance(5)
    const empties = [undefined, '', new Uint8Array(0)]
    for (const empty of empties) {
      await a!.pubsub.publish('x.y', 1, { retain: true })
      await a!.pubsub.publish('x.y', empty, { retain: true })
    }
    await net.advance(5)
    const late = [values(), values()]
    a!.pubsub.subscribe('**', late[0]!.handler)
    b!.pubsub.subscribe('**', late[1]!.handler)
    await net.advance(50)
    expect(live.got.map(([, payload]) => payload)).toEqual(empties.flatMap((each) => [1, each]))
    expect(late.map(({ got }) => got)).toEqual([[], []])
    expect(a!.pubsub.stats().retained).toBe(0)
    expect(b!.pubsub.stats().remembered).toBe(0)
  })

  it.each([0, 1] as const)(
    'PS13 ML33 come once, in order, when they are published while it is sought who wants them, qos %i',
    async (qos) => {
      const net = new PubSubNet()
      const [a, b] = await net.startAll(2)
      await a!.pubsub.publish('x.z', 0, { retain: true })
      Object.assign(a!.node.catalog, { sought: false, seekMs: 20 })
      const published = [1, 2].map((n) => a!.pubsub.publish('x.y', n, { retain: true, qos }))
      const [late, live] = [values(), values()]
      b!.pubsub.subscribe('x.*', late.handler)
      b!.pubsub.subscribe('x.*', live.handler, { retained: false })
      await net.advance(10)
      expect([late.got, live.got]).toEqual([[['x.z', 0, true]], []])
      await net.advance(100)
      expect(await Promise.all(published)).toMatchObject([{ nodes: 1 }, { nodes: 1 }])
      const inOrder = [
        ['x.y', 1, false],
        ['x.y', 2, false],
      ]
      expect([late.got, live.got]).toEqual([[['x.z', 0, true], ...inOrder], inOrder])
    },
  )

  it('PS13 come again to one that subscribes anew at once, of which the catalog tells no removal', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    // As that of a mesh: what is deleted and set again in one turn is not told, unless it is another detail.
    const { catalog } = b!.node
    const [remove, set] = [catalog.delete.bind(catalog), catalog.set.bind(catalog)]
    const [removed, details] = [new Set<string>(), new Map<string, string>()]
    catalog.delete = (kind, filter) => {
      removed.add(filter)
      net.clock.nextTurn(() => removed.delete(filter) && remove(kind, filter))
    }
    catalog.set = (kind, filter, detail) => {
      const isSame = removed.delete(filter) && details.get(filter) === JSON.stringify(detail)
      details.set(filter, JSON.stringify(detail))
      if (!isSame) set(kind, filter, detail)
    }
    await a!.pubsub.publish('x.y', 1, { retain: true })
    for (let times = 0; times < 3; times++) {
      const late = values()
      const subscription = b!.pubsub.subscribe('x.*', late.handler)
      await net.advance(50)
      expect(late.got).toEqual([['x.y', 1, true]])
      subscription.unsubscribe()
      expect(b!.pubsub.stats().remembered).toBe(0)
    }
  })

  it('PS13 are not remembered for groups, whose other members get what comes after', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    await a!.pubsub.publish('x', 'old', { retain: true })
    const [member, late] = [values(), values()]
    b!.pubsub.subscribe('*', member.handler, { group: 'g' })
    const plain = b!.pubsub.subscribe('*', () => {})
    await net.advance(20)
    expect(b!.pubsub.stats().remembered).toBe(1)
    plain.unsubscribe()
    expect(b!.pubsub.stats().remembered).toBe(0)
    await net.advance(20)
    // The member here is not drawn.
    a!.pubsub.subscribe('*', () => {}, { group: 'g' })
    await a!.pubsub.publish('x', 'new', { retain: true, localFirst: true })
    await net.advance(20)
    b!.pubsub.subscribe('*', late.handler)
    await net.advance(20)
    expect([member.got, late.got]).toEqual([[], [['x', 'new', true]]])
  })

  it('PS13 of several publishers: the newest counts', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    await a!.pubsub.publish('x', 'a', { retain: true })
    await net.advance(10)
    await b!.pubsub.publish('x', 'b', { retain: true })
    const first = values()
    b!.pubsub.subscribe('x', first.handler)
    const second = values()
    c!.pubsub.subscribe('x', second.handler)
    await net.advance(50)
    const third = values()
    c!.pubsub.subscribe('x', third.handler)
    await net.advance(50)
    expect(first.got).toEqual([['x', 'b', true]])
    expect(second.got.at(-1)).toEqual(['x', 'b', true])
    expect(third.got).toEqual([['x', 'b', true]])
  })

  const count = sizeOf(10_000, 100_000)
  it(`PS13 of ${written(count)} topics stream with backpressure to a wildcard, elsewhere and here`, async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    for (let i = 0; i < count; i++) await a!.pubsub.publish(`t.${i}`, i, { retain: true })
    const slow = { maxPendingMessages: 300 }
    const seen = [new Set<unknown>(), new Set<unknown>(), new Set<unknown>()]
    let most = 0
    const handler = async ({ payload, retained }: PubSubMessage): Promise<void> => {
      await Promise.resolve()
      if (retained) seen[0]!.add(payload)
    }
    const remote = b!.pubsub.subscribe('t.*', handler, slow)
    for (let i = 0; i < count / 25; i++) {
      await net.advance(1)
      most = Math.max(most, remote.stats().pendingMessages)
    }
    expect(seen[0]!.size).toBe(count)
    expect(remote.stats()).toMatchObject({ dropped: 0, delivered: count })
    expect(most).toBeLessThanOrEqual(256)
    expect(a!.pubsub.stats().outbox).toBe(0)
    const local = a!.pubsub.subscribe('t.*', ({ payload }) => void seen[1]!.add(payload), slow)
    const second = b!.pubsub.subscribe('**', ({ payload }) => void seen[2]!.add(payload), slow)
    await net.advance(10)
    expect([seen[1]!.size, seen[2]!.size]).toEqual([count, count])
    expect([local.stats().delivered, second.stats().delivered]).toEqual([count, count])
  })

  it('do not go to groups, to one that wants none, nor its own to one with noLocal', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    await a!.pubsub.publish('x', 1, { retain: true })
    const got = values()
    b!.pubsub.subscribe('x', got.handler, { group: 'g' })
    a!.pubsub.subscribe('x', got.handler, { noLocal: true })
    await net.advance(20)
    b!.pubsub.subscribe('x', got.handler, { retained: false })
    await net.advance(20)
    expect(got.got).toEqual([])
    const plain = values()
    b!.pubsub.subscribe('x', plain.handler)
    await net.advance(20)
    expect(plain.got).toEqual([['x', 1, true]])
  })

  it('are forgotten with the last subscription to them, so that an old one is never given', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    await a!.pubsub.publish('x', 'old', { retain: true })
    const first = b!.pubsub.subscribe('*', () => {})
    await net.advance(20)
    expect(b!.pubsub.stats().remembered).toBe(1)
    first.unsubscribe()
    expect(b!.pubsub.stats().remembered).toBe(0)
    await net.advance(5)
    await a!.pubsub.publish('x', 'new', { retain: true })
    const got = values()
    b!.pubsub.subscribe('*', got.handler)
    await net.advance(20)
    expect(got.got).toEqual([['x', 'new', true]])
  })

  it('survive a restart with the store of the node, large ones too', async () => {
    const net = new PubSubNet()
    const store = openMemoryStore()
    const a = await net.start({ store })
    const b = await net.start()
    const large = new Uint8Array(300_000).fill(7)
    await a.pubsub.publish('large', large, { retain: true, headers: { kind: 'text' } })
    await a.pubsub.publish('gone', 1, { retain: true })
    await a.pubsub.publish('gone', undefined, { retain: true })
    await net.advance(1)
    const again = await net.restart(a)
    const got = values()
    b.pubsub.subscribe('**', got.handler)
    await net.advance(50)
    expect(got.got.map(([topic]) => topic)).toEqual(['large'])
    expect(got.got[0]![1]).toEqual(large)
    expect(again.pubsub.stats().retained).toBe(1)
    await again.pubsub.publish('large', 'newer', { retain: true })
    await net.advance(50)
    expect(got.got.at(-1)).toEqual(['large', 'newer', false])
  })

  it('ERR_PUBSUB_RETAINED_MAX: are as many as the limit and no more', async () => {
    const net = new PubSubNet()
    const a = await net.start({ pubsub: { retainedMax: 2 } })
    const b = await net.start({ pubsub: { retainedMax: 1 } })
    await a.pubsub.publish('x', 1, { retain: true })
    await a.pubsub.publish('y', 1, { retain: true })
    await a.pubsub.publish('y', 2, { retain: true })
    const full = { code: 'ERR_PUBSUB_RETAINED_MAX', topic: 'z' }
    await expect(a.pubsub.publish('z', 1, { retain: true })).rejects.toMatchObject(full)
    const got = values()
    b.pubsub.subscribe('*', got.handler)
    await net.advance(20)
    expect(got.got).toHaveLength(2)
    expect(b.pubsub.stats().remembered).toBe(1)
    expect(b.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_RETAINED_MAX: 1 })
  })

  it('PS13 H39 of a publisher whose clock is far ahead keep nobody from replacing them', async () => {
    const net = new PubSubNet({ pubsub: { stampAheadMaxMs: 60_000 } })
    const [a, b, c] = await net.startAll(3)
    const live = values()
    c!.pubsub.subscribe('x.*', live.handler)
    await net.advance(5)
    const publish = async (aheadMs: number, topic: string): Promise<void> => {
      const { memory } = a!.context
      memory.nextStampMs = () => net.clock.wallNow() + aheadMs
      await a!.pubsub.publish(topic, 'ahead', { retain: true })
    }
    // It is looked at when it comes.
    await publish(60_000 + net.net.latencyMs, 'x.at')
    await publish(60_001 + net.net.latencyMs, 'x.beyond')
    await publish(2 ** 48 - 1 - net.clock.wallNow(), 'x.last')
    await net.advance(5)
    expect(live.got).toHaveLength(3)
    for (const topic of ['x.at', 'x.beyond', 'x.last']) {
      await b!.pubsub.publish(topic, 'now', { retain: true })
    }
    await net.advance(5)
    const late = values()
    c!.pubsub.subscribe('x.*', late.handler)
    await net.advance(50)
    expect(Object.fromEntries(late.got.map(([topic, payload]) => [topic, payload]))).toEqual({
      ...{ 'x.at': 'ahead', 'x.beyond': 'now', 'x.last': 'now' },
    })
    expect(c!.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_STAMP: 2 })
    // Told to one that comes later they are given, as its clock may be wrong, and kept by nobody.
    const other = await net.start()
    const [told, again] = [values(), values()]
    other.pubsub.subscribe('x.last', told.handler)
    await net.advance(50)
    other.pubsub.subscribe('x.last', again.handler)
    await net.advance(50)
    expect(told.got).toEqual([
      ['x.last', 'ahead', true],
      ['x.last', 'now', true],
    ])
    expect(again.got).toEqual([['x.last', 'now', true]])
  })

  it('PS13 published faster than the clock goes have no stamps of a time to come', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const live = values()
    b!.pubsub.subscribe('x', live.handler)
    await net.advance(5)
    for (let n = 0; n < 100; n++) void a!.pubsub.publish('x', n, { retain: true })
    expect(a!.context.memory.nextStampMs()).toBe(net.clock.wallNow())
    await net.advance(5)
    const late = [values(), values()]
    a!.pubsub.subscribe('x', late[0]!.handler)
    b!.pubsub.subscribe('x', late[1]!.handler)
    await net.advance(50)
    const last = [['x', 99, true]]
    expect(late.map(({ got }) => got)).toEqual([last, last])
    // Another node is the newer publisher as soon as its clock is.
    await b!.pubsub.publish('x', 'b', { retain: true })
    await net.advance(5)
    const next = values()
    b!.pubsub.subscribe('x', next.handler)
    await net.advance(5)
    expect(next.got).toEqual([['x', 'b', true]])
  })
})
