import { describe, expect, it } from 'vitest'
import { pubsubSettings } from '../../../mesh/pubsub/options.ts'
import { Outbox, type Parcel } from '../../../mesh/pubsub/outbox.ts'
import type { PubSubEvent } from '../../../mesh/pubsub/pubsub.ts'
import { openMemoryStore } from '../../../mesh/store/memory.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { collect, failureOf, PubSubNet } from './pubsub-net.ts'

describe('at least once', () => {
  it('MG10 sends again what is lost, with longer waits, and receivers drop repetitions', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    let lost = 0
    net.net.loses = ({ type }) => type === WireType.puback && ++lost <= 3
    const done = a!.pubsub.publish('x', 'once', { qos: 1 })
    await net.advance(30_000)
    expect(await done).toMatchObject({ nodes: 1 })
    expect(got.payloads).toEqual(['once'])
    expect(net.publishes()).toBe(4)
    expect(a!.pubsub.stats()).toMatchObject({ repeated: 3, outbox: 0 })
    expect(b!.pubsub.stats()).toMatchObject({ duplicates: 3 })
  })

  it('MG10 gives up after its time and names the nodes', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    const got = collect()
    const events: PubSubEvent[] = []
    a!.pubsub.onEvent((event) => void events.push(event))
    b!.pubsub.subscribe('x', got.handler)
    c!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    net.net.cut(a!.node, c!.node)
    const done = a!.pubsub.publish('x', 1, { qos: 1, timeoutMs: 10_000 })
    const failed = failureOf(done)
    await net.advance(9_000)
    expect(a!.pubsub.stats().outbox).toBe(1)
    await net.advance(1_500)
    expect(await failed).toMatchObject({
      code: 'ERR_PUBSUB_UNACKNOWLEDGED',
      topic: 'x',
      nodes: [c!.node.self],
    })
    expect(a!.pubsub.stats().outbox).toBe(0)
    expect(events).toEqual([{ type: 'unacknowledged', topic: 'x', nodes: [c!.node.self] }])
    net.net.join(a!.node, c!.node)
    const next = a!.pubsub.publish('x', 2, { qos: 1 })
    await net.advance(5_000)
    expect(await next).toMatchObject({ nodes: 2 })
    expect(got.payloads).toEqual([1, 2, 2])
  })

  it('MG10 acknowledges when handlers have settled, not before, and does not send again what is there', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got: unknown[] = []
    b!.pubsub.subscribe('x', async ({ payload }) => {
      await new Promise<void>((resolve) => net.clock.setTimer(3_000, resolve))
      got.push(payload)
    })
    await net.advance(5)
    let isDone = false
    const done = a!.pubsub.publish('x', 1, { qos: 1 }).then(() => (isDone = true))
    await net.advance(2_900)
    expect([isDone, got]).toEqual([false, []])
    await net.advance(200)
    await done
    expect(got).toEqual([1])
    expect(net.publishes()).toBe(1)
  })

  it('ML33 keeps its numbers when links break and come back', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    const all: Promise<unknown>[] = []
    for (let round = 0; round < 20; round++) {
      all.push(a!.pubsub.publish('x', round, { qos: 1 }))
      net.net.cut(a!.node, b!.node)
      all.push(a!.pubsub.publish('x', round + 0.5, { qos: 1 }))
      await net.advance(100)
      a!.node.courier.gone(b!.node.self, 'unreachable')
      net.net.join(a!.node, b!.node)
      await net.advance(2_000)
    }
    await net.advance(10_000)
    await Promise.all(all)
    expect(got.payloads).toEqual(Array.from({ length: 40 }, (_, i) => i / 2))
  })

  it('MG10 begins anew with a receiver that has lost its memory, without waiting for what it had', async () => {
    const net = new PubSubNet()
    const [a, first] = await net.startAll(2)
    const before = collect()
    first!.pubsub.subscribe('x', before.handler)
    await net.advance(5)
    for (let i = 0; i < 10; i++) void a!.pubsub.publish('x', i, { qos: 1 })
    await net.advance(10)
    const b = await net.restart(first!)
    const after = collect()
    b.pubsub.subscribe('x', after.handler)
    await net.advance(10)
    const done = a!.pubsub.publish('x', 10, { qos: 1 })
    await net.advance(10)
    expect(await done).toMatchObject({ nodes: 1 })
    expect([before.payloads.length, after.payloads]).toEqual([10, [10]])
  })

  it('MG10 survives a restart with the store: delivered once, in order, under the same numbers', async () => {
    const net = new PubSubNet()
    const store = openMemoryStore()
    const a = await net.start({ store })
    const b = await net.start()
    const got = collect()
    b.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    const large = 'y'.repeat(200_000)
    // Those arrive, and nobody hears of it.
    net.net.loses = ({ type }) => type === WireType.puback
    for (const payload of [1, large]) void a.pubsub.publish('x', payload, { qos: 1 })
    await net.advance(100)
    // These do not.
    net.net.cut(a.node, b.node)
    for (const payload of [3, 4]) {
      void a.pubsub.publish('x', payload, { qos: 1, headers: { kept: true } })
    }
    await net.advance(100)
    expect(store.stats().entries).toBeGreaterThanOrEqual(4)
    net.net.join(a.node, b.node)
    net.net.loses = () => false
    const again = await net.restart(a)
    const fifth = again.pubsub.publish('x', 5, { qos: 1 })
    await net.advance(20_000)
    await fifth
    expect(got.payloads.map((each) => (each === large ? 2 : each))).toEqual([1, 2, 3, 4, 5])
    expect(again.pubsub.stats().outbox).toBe(0)
    expect(b.pubsub.stats().duplicates).toBeGreaterThanOrEqual(2)
    expect(store.stats().entries).toBe(0)
  })

  it('reports what was too old when the node came back', async () => {
    const net = new PubSubNet({ pubsub: { outboxTtlMs: 1_000 } })
    const store = openMemoryStore()
    const a = await net.start({ store })
    const b = await net.start()
    b.pubsub.subscribe('x', () => {})
    await net.advance(5)
    net.net.cut(a.node, b.node)
    void a.pubsub.publish('x', 1, { qos: 1 })
    await net.advance(10)
    await a.node.system.stop()
    net.net.kill(a.node, 0)
    await net.advance(2_000)
    const again = await net.start({ key: a.node.self, incarnation: 2, store })
    expect(again.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_UNACKNOWLEDGED: 1 })
    await net.advance(5)
    expect(store.stats().entries).toBe(0)
  })

  it('ERR_PUBSUB_OUTBOX_FULL: takes as many as it may for each node, and then none for any', async () => {
    const net = new PubSubNet({ pubsub: { outboxMessagesMax: 2 } })
    const [a, b, c] = await net.startAll(3)
    const got = collect()
    b!.pubsub.subscribe('x', () => {})
    c!.pubsub.subscribe('*', got.handler)
    await net.advance(5)
    net.net.cut(a!.node, b!.node)
    const kept = [a!.pubsub.publish('x', 1, { qos: 1 }), a!.pubsub.publish('x', 2, { qos: 1 })]
    await net.advance(10)
    await expect(a!.pubsub.publish('x', 3, { qos: 1 })).rejects.toMatchObject({
      code: 'ERR_PUBSUB_OUTBOX_FULL',
      nodes: [b!.node.self],
    })
    await net.advance(10)
    expect(got.payloads).toEqual([1, 2])
    net.net.join(a!.node, b!.node)
    await net.advance(5_000)
    expect(await Promise.all(kept)).toHaveLength(2)
  })

  it('ERR_PUBSUB_OUTBOX_FULL: takes as many bytes as it may for all nodes, and not one more', async () => {
    const payload = new Uint8Array(998)
    const net = new PubSubNet({ pubsub: { outboxBytesMax: 2 * (1_001 + 128) } })
    const [a, b, c] = await net.startAll(3)
    for (const { pubsub } of [b!, c!]) pubsub.subscribe('x', () => {})
    c!.pubsub.subscribe('y', () => {}, { group: 'g' })
    await net.advance(5)
    net.net.cut(a!.node, b!.node)
    net.net.cut(a!.node, c!.node)
    const full = { code: 'ERR_PUBSUB_OUTBOX_FULL' }
    const larger = a!.pubsub.publish('x', new Uint8Array(999), { qos: 1 })
    await expect(larger).rejects.toMatchObject(full)
    const kept = a!.pubsub.publish('x', payload, { qos: 1 })
    expect(a!.pubsub.stats().outbox).toBe(2)
    await expect(a!.pubsub.publish('y', 0, { qos: 1 })).rejects.toMatchObject(full)
    net.net.join(a!.node, b!.node)
    net.net.join(a!.node, c!.node)
    await net.advance(5_000)
    expect(await kept).toMatchObject({ nodes: 2 })
  })

  it('ERR_PUBSUB_OUTBOX_FULL: bounds what waits for a node of a group, and takes another that has room', async () => {
    const net = new PubSubNet({ pubsub: { outboxMessagesMax: 2 } })
    const [a, b, c] = await net.startAll(3)
    b!.pubsub.subscribe('x', () => {}, { group: 'g' })
    await net.advance(5)
    net.net.cut(a!.node, b!.node)
    const kept = [1, 2].map((i) => a!.pubsub.publish('x', i, { qos: 1 }))
    await expect(a!.pubsub.publish('x', 3, { qos: 1 })).rejects.toMatchObject({
      code: 'ERR_PUBSUB_OUTBOX_FULL',
      nodes: [b!.node.self],
    })
    expect(a!.pubsub.stats().outbox).toBe(2)
    const got = collect()
    c!.pubsub.subscribe('x', got.handler, { group: 'g' })
    await net.advance(5)
    const other = a!.pubsub.publish('x', 4, { qos: 1 })
    await net.advance(5)
    expect(await other).toMatchObject({ nodes: 1 })
    expect(got.payloads).toEqual([4])
    net.net.join(a!.node, b!.node)
    await net.advance(5_000)
    expect(await Promise.all(kept)).toHaveLength(2)
  })

  it('MG10 repeats, and gives up in time, what had to wait until it was known who wants it', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('*', got.handler)
    await net.advance(5)
    a!.node.catalog.sought = false
    let lost = 0
    net.net.loses = ({ type }) => type === WireType.publish && ++lost === 1
    const repeated = a!.pubsub.publish('x', 1, { qos: 1 })
    await net.advance(2_000)
    expect(await repeated).toMatchObject({ nodes: 1 })
    expect(got.payloads).toEqual([1])
    net.net.cut(a!.node, b!.node)
    const failed = failureOf(a!.pubsub.publish('y', 2, { qos: 1, timeoutMs: 1_000 }))
    await net.advance(2_000)
    expect(a!.pubsub.stats().outbox).toBe(0)
    expect(await failed).toMatchObject({ code: 'ERR_PUBSUB_UNACKNOWLEDGED' })
  })

  it('gives up in time what waits behind messages of a life before', async () => {
    const net = new PubSubNet()
    const store = openMemoryStore()
    const a = await net.start({ store })
    const b = await net.start()
    b.pubsub.subscribe('x', () => {})
    await net.advance(5)
    net.net.cut(a.node, b.node)
    void a.pubsub.publish('x', 'before', { qos: 1 })
    await net.advance(10)
    const again = await net.restart(a)
    net.net.cut(again.node, b.node)
    again.node.catalog.learn({
      ...{ kind: 'topic', pattern: 'x', node: b.node.self, via: undefined },
      ...{ detail: {}, sinceMs: 0 },
    })
    const failed = failureOf(again.pubsub.publish('x', 'now', { qos: 1, timeoutMs: 1_000 }))
    await net.advance(2_000)
    expect(again.pubsub.stats().outbox).toBe(1)
    expect(await failed).toMatchObject({ code: 'ERR_PUBSUB_UNACKNOWLEDGED' })
    expect(store.stats().entries).toBe(1)
  })

  it('does not repeat what a node has because that node wants something else as well', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const settle = (): Promise<void> =>
      new Promise((resolve) => void net.clock.setTimer(400, () => resolve()))
    b!.pubsub.subscribe('x', settle, { concurrency: 100 })
    await net.advance(5)
    const all = Array.from({ length: 50 }, (_, i) => a!.pubsub.publish('x', i, { qos: 1 }))
    await net.advance(5)
    for (let i = 0; i < 20; i++) {
      b!.pubsub.subscribe(`y.${i}`, () => {})
      await net.advance(2)
    }
    await net.advance(2_000)
    expect(await Promise.all(all)).toHaveLength(50)
    expect(a!.pubsub.stats().repeated).toBe(0)
  })

  it('ML9 forgets nodes that are gone once nothing waits for them', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const failed: Promise<unknown>[] = []
    for (let i = 0; i < 3; i++) {
      const b = await net.start()
      b.pubsub.subscribe('x', () => {})
      await net.advance(5)
      net.net.cut(a!.node, b.node)
      failed.push(failureOf(a!.pubsub.publish('x', i, { qos: 1, timeoutMs: 1_000 })))
      await net.advance(5)
      net.net.kill(b.node, 10)
      await net.advance(100)
    }
    expect(a!.context.memory.outbox.nodes).toBe(3)
    await net.advance(5_000)
    expect(await Promise.all(failed)).toHaveLength(3)
    expect(a!.context.memory.outbox.nodes).toBe(0)
  })

  it('has no more under way than the window, and stops while the link is full', async () => {
    const net = new PubSubNet({ latencyMs: 100, pubsub: { windowMessagesMax: 4 } })
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(200)
    const all = Array.from({ length: 10 }, (_, i) => a!.pubsub.publish('x', i, { qos: 1 }))
    expect(net.publishes()).toBe(4)
    a!.node.courier.full.add(b!.node.self)
    await net.advance(250)
    expect(net.publishes()).toBe(5)
    a!.node.courier.drain(b!.node.self)
    await net.advance(1_000)
    await Promise.all(all)
    expect(got.payloads).toEqual(Array.from({ length: 10 }, (_, i) => i))
  })

  it('ends the waiting with the signal, and delivers all the same', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    const controller = new AbortController()
    const done = a!.pubsub.publish('x', 1, { qos: 1, signal: controller.signal })
    const aborted = failureOf(done)
    controller.abort()
    await net.advance(10)
    expect(await aborted).toMatchObject({ code: 'ERR_PUBSUB_ABORTED' })
    expect(got.payloads).toEqual([1])
  })

  it('takes qos or delivery, not both', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const both = a!.pubsub.publish('x', 1, { qos: 1, delivery: 'at_least_once' })
    await expect(both).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    const unknown = a!.pubsub.publish('x', 1, { qos: 2 as 1 })
    await expect(unknown).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  })
})

describe('nodes of which nobody says that they are gone', () => {
  const parcel: Parcel = {
    letter: {
      ...{ topic: 'x', sequence: 1, headers: undefined, stampMs: undefined, isReplay: false },
      ...{ requestId: undefined, payload: { size: 1 } as never },
    },
    ...{ groups: undefined, deliveries: undefined, isStored: false },
  }

  it('ML6 are forgotten when nothing waited for them as long as receivers remember', () => {
    let nowMs = 0
    const places: number[] = []
    const outbox = new Outbox({
      settings: pubsubSettings({ sessionTtlMs: 400_000 }),
      ...{ chance: () => 0.5, now: () => nowMs, wallNow: () => nowMs, store: undefined },
      send: (_node, _via, _parcel, { session }) => {
        places.push(session)
        return 'sent'
      },
      lost: () => {},
    })
    outbox.add('b', 'gateway', parcel, 300_000)
    nowMs = 350_000
    outbox.tick()
    expect([outbox.size, outbox.nodes]).toEqual([0, 1])
    outbox.add('b', 'gateway', parcel, 650_000)
    nowMs = 749_999
    outbox.tick()
    expect([outbox.size, outbox.nodes, outbox.nextDueMs]).toEqual([0, 1, 750_000])
    nowMs = 750_000
    outbox.tick()
    expect([outbox.nodes, outbox.nextDueMs]).toEqual([0, Infinity])
    // Another session, and a later one.
    outbox.add('b', 'gateway', parcel, 900_000)
    expect(places.at(-1)).toBeGreaterThan(places[0]!)
  })

  it('ML6 cost nothing when time passes for another one', () => {
    let [nowMs, looks] = [0, 0]
    const sent: string[] = []
    const outbox = new Outbox({
      settings: pubsubSettings({ sessionTtlMs: 400_000 }),
      ...{ chance: () => 0.5, wallNow: () => nowMs, store: undefined, lost: () => {} },
      now: () => ((looks += 1), nowMs),
      send: (node) => (sent.push(node), 'sent'),
    })
    // Each is to be repeated a millisecond after the one before.
    for (let n = 0; n < 1_000; n++, nowMs++) {
      outbox.add(`n${n}`, 'gateway', parcel, 300_000)
    }
    sent.length = 0
    const dueMs = outbox.nextDueMs
    for (let n = 0; n < 10; n++) {
      nowMs = dueMs + n
      looks = 0
      outbox.tick()
      expect([sent.pop(), sent.length]).toEqual([`n${n}`, 0])
      expect(looks).toBeLessThan(10)
    }
  })

  it('MG10 get what comes later once and in order', async () => {
    const net = new PubSubNet()
    const a = await net.start({ pubsub: { sessionTtlMs: 400_000 } })
    const b = await net.start({ pubsub: { sessionTtlMs: 400_000 } })
    const got = collect()
    b.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    for (let n = 0; n < 4; n++) {
      const done = a.pubsub.publish('x', n, { qos: 1 })
      await net.advance(n % 2 === 0 ? 399_990 : 400_100)
      expect(await done).toMatchObject({ nodes: 1 })
    }
    expect(got.payloads).toEqual([0, 1, 2, 3])
  })
})
