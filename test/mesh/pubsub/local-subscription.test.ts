import { describe, expect, it } from 'vitest'
import type { Overflow, PubSubEvent } from '../../../mesh/pubsub/pubsub.ts'
import { collect, PubSubNet } from './pubsub-net.ts'

/** A subscriber at `b` that never reads, with room for four messages, beside one at `c` that does. */
async function withSlow(overflow: Overflow, publishes: number) {
  const net = new PubSubNet()
  const [a, b, c] = await net.startAll(3)
  const fast = collect()
  const events: PubSubEvent[] = []
  b!.pubsub.onEvent((event) => void events.push(event))
  const seen: unknown[] = []
  let proceed = (): void => {}
  const slow = b!.pubsub.subscribe(
    'x',
    ({ payload }) => {
      seen.push(payload)
      return new Promise<void>((resolve) => (proceed = resolve))
    },
    { maxPendingMessages: 4, overflow },
  )
  c!.pubsub.subscribe('x', fast.handler)
  await net.advance(5)
  for (let i = 0; i < publishes; i++) void a!.pubsub.publish('x', i)
  await net.advance(5)
  const drainAll = async (): Promise<void> => {
    for (let i = 0; i < publishes * 2; i++) {
      proceed()
      await net.advance(0)
    }
  }
  return { net, a: a!, b: b!, slow, fast, seen, events, drainAll }
}

describe('slow consumers', () => {
  it('PS11 with drop_oldest keep the newest, and others get everything', async () => {
    const { slow, fast, seen, events, drainAll, b } = await withSlow('drop_oldest', 100)
    expect(fast.payloads).toHaveLength(100)
    expect(slow.stats()).toMatchObject({ pendingMessages: 5, dropped: 95 })
    const [first] = events
    expect(first).toMatchObject({ type: 'slow_consumer', subscription: slow, dropped: 1 })
    await drainAll()
    expect(seen).toEqual([0, 96, 97, 98, 99])
    expect(b.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_SLOW_CONSUMER: 95 })
    expect(b.pubsub.stats().dropped).toBe(95)
  })

  it('PS11 with drop_newest keep the oldest', async () => {
    const { fast, seen, drainAll } = await withSlow('drop_newest', 100)
    await drainAll()
    expect(seen).toEqual([0, 1, 2, 3, 4])
    expect(fast.payloads).toHaveLength(100)
  })

  it('PS11 with disconnect are no more subscribed, and their filter is not wanted any more', async () => {
    const { net, a, slow, fast, seen, events } = await withSlow('disconnect', 100)
    expect(slow.closed).toBe(true)
    expect(await slow.ended).toBe('slow_consumer')
    expect(seen).toEqual([0])
    expect(fast.payloads).toHaveLength(100)
    await net.advance(5)
    expect(await a.pubsub.publish('x')).toMatchObject({ nodes: 1 })
    expect(events.map(({ type }) => type)).toEqual(['slow_consumer', 'subscription_ended'])
  })

  it('PS11 with block keep twice as many of publishers who do not wait', async () => {
    const { slow, fast, seen, drainAll } = await withSlow('block', 100)
    expect(slow.stats()).toMatchObject({ pendingMessages: 9, dropped: 91 })
    await drainAll()
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(fast.payloads).toHaveLength(100)
  })

  it('PS11 with block make publishers of this node wait, and reject those who do not', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    let proceed = (): void => {}
    const options = { maxPendingMessages: 2, overflow: 'block' } as const
    a!.pubsub.subscribe('x', () => new Promise<void>((resolve) => (proceed = resolve)), options)
    const settled: number[] = []
    const publish = (i: number): Promise<unknown> =>
      a!.pubsub.publish('x', i).then(() => settled.push(i))
    const waiting = [0, 1, 2, 3, 4].map(publish)
    await net.advance(1)
    expect(settled).toEqual([0, 1, 2])
    await expect(a!.pubsub.publish('x', 5)).rejects.toMatchObject({ code: 'ERR_PUBSUB_BLOCKED' })
    for (let i = 0; i < 5; i++) {
      proceed()
      await net.advance(0)
    }
    await Promise.all(waiting)
    expect(settled).toEqual([0, 1, 2, 3, 4])
  })

  it('PS11 with block lose nothing that is sent at least once: its publisher waits', async () => {
    const net = new PubSubNet({ pubsub: { windowMessagesMax: 4 } })
    const [a, b] = await net.startAll(2)
    const seen: unknown[] = []
    const handler = ({ payload }: { payload: unknown }): Promise<void> => {
      seen.push(payload)
      return new Promise<void>((resolve) => net.clock.setTimer(10, resolve))
    }
    const slow = b!.pubsub.subscribe('x', handler, { maxPendingMessages: 2, overflow: 'block' })
    await net.advance(5)
    const all = Array.from({ length: 50 }, (_, i) => a!.pubsub.publish('x', i, { qos: 1 }))
    let pendingMax = 0
    for (let i = 0; i < 100; i++) {
      await net.advance(10)
      pendingMax = Math.max(pendingMax, slow.stats().pendingMessages)
    }
    await Promise.all(all)
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(pendingMax).toBeLessThanOrEqual(4)
  })

  it('PS11 are bounded by bytes as well', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const slow = a!.pubsub.subscribe('x', () => new Promise(() => {}), { maxPendingBytes: 10_000 })
    for (let i = 0; i < 50; i++) await a!.pubsub.publish('x', new Uint8Array(1_000))
    expect(slow.stats().pendingBytes).toBeLessThanOrEqual(11_030)
    expect(slow.stats().dropped).toBeGreaterThan(35)
  })

  it('PS11 are bounded by bytes also when large messages follow on many small ones', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const slow = a!.pubsub.subscribe('x', () => new Promise(() => {}), { maxPendingBytes: 10_000 })
    for (let i = 0; i < 100; i++) await a!.pubsub.publish('x', new Uint8Array(100))
    for (let i = 0; i < 5; i++) await a!.pubsub.publish('x', new Uint8Array(4_000))
    const { pendingBytes, pendingMessages } = slow.stats()
    expect(pendingBytes).toBeLessThanOrEqual(14_000)
    // The one that is handled, and those of the large ones that have room.
    expect(pendingMessages).toBe(4)
  })

  it('PS11 that are ended by who hears that they are slow leave nothing to be acknowledged', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    b!.pubsub.onEvent((event) => {
      if (event.type === 'slow_consumer') event.subscription.unsubscribe()
    })
    b!.pubsub.subscribe('x', () => new Promise(() => {}), { maxPendingMessages: 1 })
    await net.advance(5)
    for (let i = 0; i < 3; i++) void a!.pubsub.publish('x', i, { qos: 1, timeoutMs: 1_000 })
    await net.advance(100)
    // The first is still being handled.
    expect(a!.pubsub.stats().outbox).toBe(1)
  })

  it('PS11 are spoken of once a second, with the number of what was dropped since', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const dropped: number[] = []
    a!.pubsub.onEvent((event) => {
      if (event.type === 'slow_consumer') dropped.push(event.dropped)
    })
    a!.pubsub.subscribe('x', () => new Promise(() => {}), { maxPendingMessages: 1 })
    for (let i = 0; i < 30; i++) {
      await a!.pubsub.publish('x', i)
      await net.advance(100)
    }
    expect(dropped).toEqual([1, 10, 10])
  })

  it('PS11 that are processes have the newest dropped when their mailbox is full', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const pid = a!.node.system.spawn(() => new Promise(() => {}))
    await net.advance(1)
    const process = a!.node.system.process(pid)!
    const slow = a!.pubsub.subscribe('x', pid, { maxPendingMessages: 3 })
    for (let i = 0; i < 10; i++) await a!.pubsub.publish('x', i)
    expect(process.mailboxLength).toBeLessThanOrEqual(3)
    expect(slow.stats()).toMatchObject({ delivered: 3, dropped: 7 })
  })

  it('handles several messages at once when told to', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    let running = 0
    let most = 0
    const handler = async (): Promise<void> => {
      running += 1
      most = Math.max(most, running)
      await new Promise<void>((resolve) => net.clock.setTimer(10, resolve))
      running -= 1
    }
    const subscription = a!.pubsub.subscribe('x', handler, { concurrency: 3 })
    for (let i = 0; i < 10; i++) await a!.pubsub.publish('x', i)
    await net.advance(100)
    expect(most).toBe(3)
    expect(subscription.stats()).toMatchObject({ delivered: 10, pendingMessages: 0 })
  })

  it('counts a promise that rejects, and goes on', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const subscription = a!.pubsub.subscribe('x', () => Promise.reject(new Error('planted')))
    await a!.pubsub.publish('x', 1)
    await a!.pubsub.publish('x', 2)
    await net.advance(1)
    expect(subscription.stats()).toMatchObject({ failed: 2, delivered: 0, pendingMessages: 0 })
  })
})

describe('slow nodes', () => {
  it('have a bounded queue of which the oldest go, and nobody else waits', async () => {
    const net = new PubSubNet({ pubsub: { queueMessagesMax: 5 } })
    const [a, b, c] = await net.startAll(3)
    const [atB, atC] = [collect(), collect()]
    b!.pubsub.subscribe('x', atB.handler)
    c!.pubsub.subscribe('x', atC.handler)
    await net.advance(5)
    a!.node.courier.full.add(b!.node.self)
    for (let i = 0; i < 20; i++) await a!.pubsub.publish('x', i)
    await net.advance(5)
    expect(atC.payloads).toHaveLength(20)
    expect(atB.payloads).toEqual([0])
    expect(a!.pubsub.stats()).toMatchObject({ queued: 5, dropped: 14 })
    expect(a!.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_QUEUE_FULL: 14 })
    a!.node.courier.drain(b!.node.self)
    await net.advance(5)
    expect(atB.payloads).toEqual([0, 15, 16, 17, 18, 19])
    expect(a!.pubsub.stats().queued).toBe(0)
  })

  it('are tried again when their link says nothing, and forgotten when they are gone', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const atB = collect()
    b!.pubsub.subscribe('x', atB.handler)
    await net.advance(5)
    a!.node.courier.full.add(b!.node.self)
    await a!.pubsub.publish('x', 1)
    await a!.pubsub.publish('x', 2)
    a!.node.courier.full.delete(b!.node.self)
    await net.advance(1_500)
    expect(atB.payloads).toEqual([1, 2])
    a!.node.courier.full.add(b!.node.self)
    await a!.pubsub.publish('x', 3)
    await a!.pubsub.publish('x', 4)
    a!.node.courier.gone(b!.node.self, 'down')
    expect(a!.pubsub.stats()).toMatchObject({ queued: 0, dropped: 1 })
  })
})
