import { describe, expect, it, vi } from 'vitest'
import { bareRef } from '../../../behaviours/index.ts'
import type { PubSubMessage, Subscription } from '../../../mesh/pubsub/pubsub.ts'
import { TopicError } from '../../../mesh/topics/errors.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { sizeOf } from '../../support/sizes.ts'
import { collect, failureOf, PubSubNet } from './pubsub-net.ts'

describe('publish and subscribe', () => {
  it('ML3 ML16 brings a message to subscribers of this node and of others, through the public functions', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    const atA = collect()
    const atB = collect()
    const atC = collect()
    a!.pubsub.subscribe('room.*', atA.handler)
    b!.pubsub.subscribe('room.one', atB.handler)
    c!.pubsub.subscribe('room.two', atC.handler)
    await net.advance(10)
    const result = await a!.pubsub.publish('room.one', { text: 'hello' })
    await net.advance(10)
    expect(result).toMatchObject({ local: 1, nodes: 1, dropped: 0 })
    expect(atA.payloads).toEqual([{ text: 'hello' }])
    expect(atB.payloads).toEqual([{ text: 'hello' }])
    expect(atC.payloads).toEqual([])
  })

  it('ML5 publishes twice and more, with numbers that rise', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const sequences: number[] = []
    a!.pubsub.subscribe('x', ({ sequence }) => void sequences.push(sequence))
    const results = [await a!.pubsub.publish('x'), await a!.pubsub.publish('x')]
    expect(sequences).toEqual(results.map(({ sequence }) => sequence))
    expect(sequences[1]!).toBeGreaterThan(sequences[0]!)
  })

  it('ML7 MG15 delivers once to each in a full mesh of five, in one frame for each other node', async () => {
    const net = new PubSubNet()
    const nodes = await net.startAll(5)
    const got = nodes.map(() => collect())
    nodes.forEach(({ pubsub }, at) => pubsub.subscribe('loud.**', got[at]!.handler))
    await net.advance(10)
    await nodes[0]!.pubsub.publish('loud.and.clear', 'once')
    await net.advance(1_000)
    expect(got.map(({ payloads }) => payloads)).toEqual(nodes.map(() => ['once']))
    expect(net.publishes()).toBe(4)
  })

  it('ML8 takes a publish and a subscribe at once, and holds the first publish until it is known who wants it', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    a!.node.catalog.sought = false
    a!.node.catalog.seekMs = 500
    const atA = collect()
    const atB = collect()
    a!.pubsub.subscribe('early', atA.handler)
    const first = a!.pubsub.publish('early', 1)
    const second = a!.pubsub.publish('early', 2)
    expect(atA.payloads).toEqual([1, 2])
    b!.pubsub.subscribe('early', atB.handler)
    await net.advance(400)
    expect(atB.payloads).toEqual([])
    expect(a!.pubsub.stats().waiting).toBe(2)
    await net.advance(200)
    expect(atB.payloads).toEqual([1, 2])
    expect(await Promise.all([first, second])).toMatchObject([{ nodes: 1 }, { nodes: 1 }])
    await a!.pubsub.publish('early', 3)
    await net.advance(5)
    expect(atB.payloads).toEqual([1, 2, 3])
  })

  it('ML8 holds a later publish, too, while nobody elsewhere is known to want its topic', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const atB = collect()
    a!.node.catalog.sought = false
    a!.node.catalog.seekMs = 500
    const nobody = a!.pubsub.publish('late', 1)
    await net.advance(1_000)
    expect(await nobody).toMatchObject({ nodes: 0 })
    const held = a!.pubsub.publish('late', 2)
    b!.pubsub.subscribe('late', atB.handler)
    await net.advance(1_000)
    expect(await held).toMatchObject({ nodes: 1 })
    expect(atB.payloads).toEqual([2])
  })

  it('ERR_PUBSUB_PENDING_MAX: holds as many as it may and no more', async () => {
    const net = new PubSubNet({ pubsub: { publishPendingMax: 2 } })
    const [a] = await net.startAll(1)
    a!.node.catalog.sought = false
    const kept = [a!.pubsub.publish('x'), a!.pubsub.publish('x')]
    await expect(a!.pubsub.publish('x')).rejects.toMatchObject({ code: 'ERR_PUBSUB_PENDING_MAX' })
    await net.advance(10)
    expect(await Promise.all(kept)).toHaveLength(2)
  })

  it('ML14 reaches other nodes when the publisher subscribes itself', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const [atA, atB] = [collect(), collect()]
    a!.pubsub.subscribe('x', atA.handler)
    b!.pubsub.subscribe('x', atB.handler)
    await net.advance(5)
    await a!.pubsub.publish('x', 1)
    await net.advance(5)
    expect([atA.payloads, atB.payloads]).toEqual([[1], [1]])
  })

  it('PS7 sends no byte to a node that wants none of it', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    const atB = collect()
    b!.pubsub.subscribe('wanted.*', atB.handler)
    c!.pubsub.subscribe('other.*', () => {})
    await net.advance(5)
    for (let i = 0; i < 10_000; i++) void a!.pubsub.publish('wanted.topic', i)
    await net.advance(10)
    expect(atB.payloads).toHaveLength(10_000)
    const toC = net.net.trace.filter(({ to }) => to === c!.node.self)
    expect(toC).toEqual([])
  })

  it('PS6 keeps the order of each of three publishers, without gaps', async () => {
    const net = new PubSubNet()
    const nodes = await net.startAll(4)
    const seen = new Map<string, number[]>()
    nodes[3]!.pubsub.subscribe('load', ({ publisher, payload }) => {
      const numbers = seen.get(publisher) ?? []
      seen.set(publisher, numbers)
      numbers.push(payload as number)
    })
    await net.advance(5)
    const count = sizeOf(10_000, 100_000)
    for (let i = 0; i < count; i++) {
      for (const { pubsub } of nodes.slice(0, 3)) void pubsub.publish('load', i)
      if (i % 500 === 0) await net.advance(1)
    }
    await net.advance(5)
    expect(seen.size).toBe(3)
    const all = Array.from({ length: count }, (_, i) => i)
    for (const numbers of seen.values()) expect(numbers).toEqual(all)
  })

  it('ML26 keeps the order of messages for an asynchronous handler', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const order: string[] = []
    a!.pubsub.subscribe('x', async ({ payload }) => {
      order.push(`begin ${String(payload)}`)
      await new Promise<void>((resolve) => net.clock.setTimer(10 - Number(payload), resolve))
      order.push(`end ${String(payload)}`)
    })
    for (const i of [1, 2, 3]) void a!.pubsub.publish('x', i)
    await net.advance(50)
    expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
  })

  it('PS20 gives its own messages to nobody with noLocal, and twice to one with two subscriptions', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const [own, twice] = [collect(), collect()]
    a!.pubsub.subscribe('x', own.handler, { noLocal: true })
    a!.pubsub.subscribe('x', twice.handler)
    a!.pubsub.subscribe('*', twice.handler)
    await net.advance(5)
    expect(await a!.pubsub.publish('x', 1)).toMatchObject({ local: 2 })
    await b!.pubsub.publish('x', 2)
    await net.advance(5)
    expect(own.payloads).toEqual([2])
    expect(twice.payloads).toEqual([1, 1, 2, 2])
  })

  it('PS20 isolates a handler that throws, and takes an unsubscribe from within a handler', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const after = collect()
    const failing = a!.pubsub.subscribe('x', () => {
      throw new Error('planted')
    })
    const trap = a!.pubsub.subscribe('x', () => ({
      get then() {
        throw new Error('planted')
      },
    }))
    const once: Subscription = a!.pubsub.subscribe('x', () => once.unsubscribe())
    const leaver = a!.pubsub.subscribe('x', () => next.unsubscribe())
    const next = a!.pubsub.subscribe('x', () => expect.unreachable('was unsubscribed before'))
    a!.pubsub.subscribe('x', after.handler)
    await a!.pubsub.publish('x', 1)
    await a!.pubsub.publish('x', 2)
    expect(after.payloads).toEqual([1, 2])
    expect(failing.stats()).toMatchObject({ failed: 2, delivered: 0 })
    expect(trap.stats()).toMatchObject({ failed: 2, delivered: 0 })
    expect([once.closed, next.closed, leaver.closed]).toEqual([true, true, false])
    expect(await once.ended).toBe('unsubscribed')
    expect(a!.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_HANDLER: 4 })
  })

  it('PS20 publishes from within handlers without recursion', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    let count = 0
    a!.pubsub.subscribe('x', () => {
      count += 1
      if (count < 100_000) void a!.pubsub.publish('x')
    })
    await a!.pubsub.publish('x')
    await net.advance(1)
    expect(count).toBe(100_000)
  })

  it('PS20 lets others have turns while handlers of a group publish what waits again and again', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    a!.node.catalog.sought = false
    let count = 0
    let atNextTurn = 0
    const again = (): void => {
      count += 1
      if (count === 1) net.clock.nextTurn(() => (atNextTurn = count))
      a!.node.catalog.sought = true
      if (count < 30_000) void a!.pubsub.publish('x')
    }
    a!.pubsub.subscribe('x', again, { group: 'g' })
    const first = a!.pubsub.publish('x')
    await net.advance(10)
    expect(await first).toMatchObject({ local: 1 })
    expect(count).toBe(30_000)
    expect(atNextTurn).toBeLessThan(20_000)
  })

  it('publishes and subscribes nothing with a signal that is aborted already', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const got = collect()
    a!.pubsub.subscribe('x', got.handler)
    const signal = AbortSignal.abort(new Error('too late'))
    const refused = { code: 'ERR_PUBSUB_ABORTED', cause: { message: 'too late' } }
    const published = a!.pubsub.publish('x', 1, { signal, retain: true })
    await expect(published).rejects.toMatchObject(refused)
    expect(() => a!.pubsub.subscribe('y', got.handler, { signal })).toThrow(
      expect.objectContaining({ code: 'ERR_PUBSUB_ABORTED' }),
    )
    expect(got.payloads).toEqual([])
    expect(a!.pubsub.stats()).toMatchObject({ published: 0, retained: 0, subscriptions: 1 })
  })

  it('leaves out whom exclude names, this node too', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    const got = [collect(), collect(), collect()]
    ;[a, b, c].forEach((node, at) => node!.pubsub.subscribe('x', got[at]!.handler))
    await net.advance(5)
    const exclude = [a!.node.self, b!.node.self]
    expect(await a!.pubsub.publish('x', 1, { exclude })).toMatchObject({ local: 0, nodes: 1 })
    await net.advance(5)
    expect(got.map(({ payloads }) => payloads)).toEqual([[], [], [1]])
  })

  it('brings headers, and refuses what are none', async () => {
    const net = new PubSubNet({ pubsub: { headersMax: 2, headerBytesMax: 64 } })
    const [a, b] = await net.startAll(2)
    const headers: unknown[] = []
    b!.pubsub.subscribe('x', (message) => void headers.push(message.headers))
    await net.advance(5)
    await a!.pubsub.publish('x', 1, { headers: { trace: 'abc', level: 2 } })
    await a!.pubsub.publish('x', 1)
    await net.advance(5)
    expect(headers).toEqual([{ trace: 'abc', level: 2 }, {}])
    const bad = [{ a: {} }, { a: 1, b: 2, c: 3 }, { a: 'x'.repeat(64) }, 7] as never[]
    for (const each of bad) {
      const refused = a!.pubsub.publish('x', 1, { headers: each })
      await expect(refused).rejects.toMatchObject({ code: 'ERR_PUBSUB_HEADERS' })
    }
  })

  it('PS8 ML6 leaves nothing behind after many subscriptions that come and go', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    for (let round = 0; round < 20; round++) {
      const all = Array.from({ length: 250 }, (_, i) => {
        const filter = i % 2 === 0 ? `t.${round}.${i}` : `t.*.${i}`
        return a!.pubsub.subscribe(filter, () => {}, i % 5 === 0 ? { group: 'g' } : {})
      })
      await net.advance(2)
      void b!.pubsub.publish(`t.${round}.1`, round, { retain: true })
      all.forEach((each) => each.unsubscribe())
      void b!.pubsub.publish(`t.${round}.1`, undefined, { retain: true })
    }
    await net.advance(1_000)
    expect(b!.node.catalog.stats().known).toBe(0)
    const none = { subscriptions: 0, filters: 0, remembered: 0, retained: 0, outbox: 0, queued: 0 }
    expect(a!.pubsub.stats()).toMatchObject(none)
    expect(b!.pubsub.stats()).toMatchObject(none)
    expect(a!.pubsub.topics()).toEqual([])
  })

  it('tells which filters this node and others want', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    a!.pubsub.subscribe('x', () => {})
    a!.pubsub.subscribe('x', () => {}, { group: 'g' })
    b!.pubsub.subscribe('x', () => {})
    await net.advance(5)
    const nodes = [b!.node.self]
    expect(a!.pubsub.topics()).toEqual([{ filter: 'x', plain: 1, groups: { g: 1 }, nodes }])
  })
})

describe('payloads', () => {
  it('PS4 are not encoded for subscribers of this node when they cannot be changed, and once otherwise', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const encode = vi.spyOn(a!.context.values, 'encode')
    let count = 0
    for (let i = 0; i < 100; i++) {
      a!.pubsub.subscribe('x', ({ payload }) => {
        count += payload === 'text' || (payload as unknown[]).length === 3 ? 1 : 0
      })
    }
    await a!.pubsub.publish('x', 'text')
    expect([count, encode.mock.calls.length]).toEqual([100, 0])
    await a!.pubsub.publish('x', [1, 2, 3])
    expect([count, encode.mock.calls.length]).toEqual([200, 1])
    b!.pubsub.subscribe('x', () => {})
    await net.advance(5)
    await a!.pubsub.publish('x', 'text')
    expect([count, encode.mock.calls.length]).toEqual([300, 2])
  })

  it('PS5 go in one frame to each node, which is the same object for all', async () => {
    const net = new PubSubNet()
    const [a, ...others] = await net.startAll(5)
    const got = collect()
    for (let i = 0; i < 100; i++) others[i % 4]!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    const send = vi.spyOn(a!.node.courier, 'send')
    await a!.pubsub.publish('x', { some: 'value' })
    await net.advance(5)
    expect(got.payloads).toHaveLength(100)
    const frames = send.mock.calls.map(([, , frame]) => frame)
    expect(frames).toHaveLength(4)
    expect(new Set(frames).size).toBe(1)
  })

  it('are each subscriber’s own, and what the publisher does afterwards is not seen', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const seen: unknown[] = []
    for (const { pubsub } of [a!, a!, b!, b!]) {
      pubsub.subscribe('x', ({ payload }) => {
        const list = payload as number[]
        seen.push([...list])
        list.push(99)
      })
    }
    await net.advance(5)
    const list = [1]
    const done = a!.pubsub.publish('x', list)
    list.push(2)
    await done
    await net.advance(5)
    expect(seen).toEqual([[1], [1], [1], [1]])
  })

  it('bring Map, Set, Date, bigint and bytes', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const [atA, atB] = [collect(), collect()]
    a!.pubsub.subscribe('x', atA.handler)
    b!.pubsub.subscribe('x', atB.handler)
    await net.advance(5)
    const values = [
      new Map([['a', 1n]]),
      new Set([1]),
      new Date(5),
      new Uint8Array([1, 2]),
      null,
      undefined,
      -0,
      'ünïcode',
    ]
    for (const value of values) await a!.pubsub.publish('x', value)
    await net.advance(5)
    expect(atA.payloads).toEqual(values)
    expect(atB.payloads).toEqual(values)
  })

  it('ML24 that do not travel are refused with the path to the culprit, and nothing is sent', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    const bad = a!.pubsub.publish('x', { items: [{ run: () => 1 }] })
    await expect(bad).rejects.toMatchObject({
      code: 'ERR_PUBSUB_PAYLOAD_INVALID',
      path: 'items[0].run',
    })
    await a!.pubsub.publish('x', 'fine')
    await net.advance(5)
    expect(got.payloads).toEqual(['fine'])
  })

  it('PS18 are as large as the limit, and not a byte more', async () => {
    const net = new PubSubNet({ pubsub: { payloadBytesMax: 1_000 } })
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    await a!.pubsub.publish('x', new Uint8Array(997))
    await a!.pubsub.publish('x', 'x'.repeat(997))
    const tooLarge = { code: 'ERR_PUBSUB_PAYLOAD_TOO_LARGE' }
    await expect(a!.pubsub.publish('x', new Uint8Array(998))).rejects.toMatchObject(tooLarge)
    await expect(a!.pubsub.publish('x', 'x'.repeat(998))).rejects.toMatchObject(tooLarge)
    await net.advance(5)
    expect(got.payloads).toHaveLength(2)
  })
})

describe('subscribers', () => {
  it('ML6 can be a process, which gets plain messages until it dies', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got: unknown[] = []
    const pid = a!.node.system.spawn(async (context) => {
      for (;;) got.push(await context.receive())
    })
    const byPid = a!.pubsub.subscribe('x', pid)
    const byRef = a!.pubsub.subscribe('y', bareRef(pid))
    await net.advance(5)
    const acknowledged = b!.pubsub.publish('x', { n: 1 }, { qos: 1 })
    await net.advance(5)
    expect(await acknowledged).toMatchObject({ nodes: 1 })
    await a!.pubsub.publish('y', 2)
    await net.advance(5)
    expect(got).toMatchObject([
      { type: 'pubsub', topic: 'x', filter: 'x', payload: { n: 1 }, publisher: b!.node.self },
      { type: 'pubsub', topic: 'y', payload: 2, publisher: a!.node.self },
    ])
    a!.node.system.exit(pid, 'killed')
    await net.advance(5)
    expect(await byPid.ended).toBe('process_down')
    expect(byRef.closed).toBe(true)
    expect(a!.pubsub.stats()).toMatchObject({ subscriptions: 0, filters: 0 })
    expect(b!.node.catalog.lookup('topic', 'x')).toEqual([])
  })

  it('can be a loop; leaving it ends the subscription', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const stream = a!.pubsub.subscribe<number>('x')
    const got: number[] = []
    const loop = (async () => {
      for await (const { payload } of stream) {
        got.push(payload)
        if (payload === 3) break
      }
    })()
    for (const i of [1, 2, 3, 4]) await a!.pubsub.publish('x', i)
    await net.advance(1)
    await loop
    expect(got).toEqual([1, 2, 3])
    expect(stream.closed).toBe(true)
    expect(await stream.ended).toBe('unsubscribed')
  })

  it('a loop may ask for several at once, and gets them in order', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const loop = a!.pubsub.subscribe('x')[Symbol.asyncIterator]()
    const got: unknown[] = []
    for (let i = 0; i < 3; i++) {
      void loop.next().then(({ value }: IteratorResult<PubSubMessage>) => got.push(value?.payload))
    }
    for (let i = 0; i < 4; i++) void a!.pubsub.publish('x', i)
    await net.advance(5)
    expect(got).toEqual([0, 1, 2])
    expect((await loop.next()).value?.payload).toBe(3)
    const several = expect.objectContaining({ code: 'ERR_PUBSUB_SUBSCRIBER' })
    expect(() => a!.pubsub.subscribe('x', { concurrency: 2 })).toThrow(several)
  })

  it('ERR_PUBSUB_RESERVED: what presence tells the catalog is not overwritten', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const reserved = { code: 'ERR_PUBSUB_RESERVED', topic: '$presence.room' }
    expect(() => a!.pubsub.subscribe('$presence.room', () => {})).toThrow(
      expect.objectContaining(reserved),
    )
    expect(() => a!.pubsub.subscribe('$presence.#', () => {})).toThrow(/reserved/)
    await expect(a!.pubsub.publish('$presence.room')).rejects.toMatchObject(reserved)
    await expect(a!.pubsub.request('$presence.room')).rejects.toMatchObject(reserved)
    expect(a!.pubsub.subscribe('$presences.room', () => {}).filter).toBe('$presences.room')
    expect(a!.pubsub.topics()).toHaveLength(1)
  })

  it('a loop ends when its subscription does', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const controller = new AbortController()
    const stream = a!.pubsub.subscribe('x', { signal: controller.signal })
    const waiting = stream[Symbol.asyncIterator]().next()
    controller.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await stream.ended).toBe('aborted')
  })

  it('end with their owner', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const owner = a!.node.system.spawn(async (context) => void (await context.receive()))
    const subscription = a!.pubsub.subscribe('x', () => {}, { owner })
    a!.node.system.send(owner, 'go')
    await net.advance(5)
    expect(await subscription.ended).toBe('process_down')
  })

  it('H30 with invalid filters, groups and processes are refused', async () => {
    const net = new PubSubNet({ pubsub: { subscriptionsMax: 1 } })
    const [a] = await net.startAll(1)
    const { pubsub, node } = a!
    for (const filter of ['', 'a..b', 'a.**b', 'x'.repeat(1_025), `a.${'b.'.repeat(300)}c`]) {
      expect(() => pubsub.subscribe(filter, () => {})).toThrow(TopicError)
    }
    for (const topic of ['', 'a.*', 'a.#', '**', 'a b', 'x'.repeat(65_536)]) {
      await expect(pubsub.publish(topic)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_TOPIC_/),
      })
    }
    const subscribe = (subscriber: unknown, options = {}) => {
      try {
        pubsub.subscribe('x', subscriber as never, options)
        return 'taken'
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(subscribe(7)).toBe('ERR_PUBSUB_SUBSCRIBER')
    expect(subscribe(() => {}, { group: 'a b' })).toBe('ERR_PUBSUB_GROUP_INVALID')
    expect(subscribe(() => {}, { group: '' })).toBe('ERR_PUBSUB_GROUP_INVALID')
    expect(subscribe(() => {}, { overflow: 'explode' })).toBe('ERR_OPTION_INVALID')
    expect(subscribe(() => {}, { color: 1 })).toBe('ERR_OPTION_UNKNOWN')
    const pid = node.system.spawn(async (context) => void (await context.receive()))
    expect(subscribe(pid, { overflow: 'block' })).toBe('ERR_PUBSUB_SUBSCRIBER')
    node.system.exit(pid, 'killed')
    await net.advance(1)
    expect(subscribe(pid)).toBe('ERR_PUBSUB_SUBSCRIBER')
    expect(subscribe(() => {})).toBe('taken')
    expect(subscribe(() => {})).toBe('ERR_PUBSUB_SUBSCRIPTIONS_MAX')
  })
})

describe('requests', () => {
  it('PS10 fail at once when nobody subscribes, and name the topic', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(2)
    const refused = a!.pubsub.request('nobody.there', 1)
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_PUBSUB_NO_RESPONDERS',
      topic: 'nobody.there',
    })
    await expect(a!.pubsub.requestMany('nobody.there')).rejects.toMatchObject({
      code: 'ERR_PUBSUB_NO_RESPONDERS',
    })
    expect(a!.pubsub.stats().requests).toBe(0)
  })

  it('PS10 fail within two round trips when the catalog is behind, or the responder dies', async () => {
    const net = new PubSubNet({ latencyMs: 10 })
    const [a, b, c] = await net.startAll(3)
    const subscription = b!.pubsub.subscribe('x', () => {})
    await net.advance(50)
    net.net.cut(a!.node, b!.node)
    subscription.unsubscribe()
    await net.advance(50)
    net.net.join(a!.node, b!.node)
    const stale = a!.pubsub.request('x')
    const outcome = failureOf(stale)
    await net.advance(40)
    expect(await outcome).toMatchObject({ code: 'ERR_PUBSUB_NO_RESPONDERS' })
    c!.pubsub.subscribe('y', () => {})
    await net.advance(50)
    const dying = a!.pubsub.request('y')
    const died = failureOf(dying)
    net.net.kill(c!.node, 100)
    await net.advance(150)
    expect(await died).toMatchObject({ code: 'ERR_PUBSUB_NO_RESPONDERS' })
  })

  it('get the first reply, from this node or another', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    b!.pubsub.subscribe('double', ({ payload, reply }) => reply?.(Number(payload) * 2))
    await net.advance(5)
    const remote = a!.pubsub.request<number>('double', 4)
    const local = b!.pubsub.request<number>('double', 5)
    await net.advance(5)
    expect(await remote).toMatchObject({ payload: 8, publisher: b!.node.self, headers: {} })
    expect(await local).toMatchObject({ payload: 10, publisher: b!.node.self })
    expect(a!.pubsub.stats().requests).toBe(0)
  })

  it('collect many replies, until there are enough or the time is over', async () => {
    const net = new PubSubNet()
    const nodes = await net.startAll(4)
    nodes.slice(1).forEach(({ pubsub }, at) => {
      pubsub.subscribe('who', (message) => message.reply?.(at, { headers: { at } }))
    })
    await net.advance(5)
    const all = nodes[0]!.pubsub.requestMany('who', undefined, { timeoutMs: 50 })
    const two = nodes[0]!.pubsub.requestMany('who', undefined, { count: 2 })
    await net.advance(10)
    expect(await two).toHaveLength(2)
    await net.advance(50)
    const replies = await all
    expect(replies.map(({ payload, headers }) => [payload, headers['at']])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ])
  })

  it('end with their time, their signal, and their number', async () => {
    const net = new PubSubNet({ pubsub: { requestsMax: 2 } })
    const [a, b] = await net.startAll(2)
    const late: PubSubMessage[] = []
    b!.pubsub.subscribe('slow', (message) => void late.push(message))
    await net.advance(5)
    const controller = new AbortController()
    const timed = a!.pubsub.request('slow', 1, { timeoutMs: 100 })
    const aborted = a!.pubsub.request('slow', 2, { signal: controller.signal })
    const full = { code: 'ERR_PUBSUB_REQUESTS_MAX', topic: 'slow' }
    await expect(a!.pubsub.request('slow', 3)).rejects.toMatchObject(full)
    const timeout = failureOf(timed)
    const abort = failureOf(aborted)
    controller.abort(new Error('enough'))
    await net.advance(150)
    expect(await timeout).toMatchObject({ code: 'ERR_PUBSUB_TIMEOUT' })
    expect(await abort).toMatchObject({ code: 'ERR_PUBSUB_ABORTED' })
    for (const message of late) message.reply?.('too late')
    await net.advance(5)
    expect(a!.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_REPLY_UNEXPECTED: 2 })
    expect(a!.pubsub.stats().requests).toBe(0)
  })

  it('take no reply from a node that was not asked', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    b!.pubsub.subscribe('x', () => {})
    let stolen: PubSubMessage['reply']
    c!.pubsub.subscribe('y', ({ reply }) => {
      stolen = reply
    })
    await net.advance(5)
    const toC = a!.pubsub.requestMany('y', 1, { timeoutMs: 10 })
    await net.advance(20)
    await toC
    const asked = a!.pubsub.request('x', 1, { timeoutMs: 100 })
    const timeout = failureOf(asked)
    stolen!('forged')
    await net.advance(200)
    expect(await timeout).toMatchObject({ code: 'ERR_PUBSUB_TIMEOUT' })
    expect(a!.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_REPLY_UNEXPECTED: 1 })
  })
})

describe('drain', () => {
  it('PS12 of a subscription loses nothing that was published before, and delivers nothing after', async () => {
    const net = new PubSubNet({ latencyMs: 20 })
    const [a, b] = await net.startAll(2)
    const got: number[] = []
    const subscription = b!.pubsub.subscribe('x', async ({ payload }) => {
      await new Promise<void>((resolve) => net.clock.setTimer(0.1, resolve))
      got.push(payload as number)
    })
    await net.advance(50)
    let next = 0
    const publishMs = async (ms: number): Promise<void> => {
      for (let i = 0; i < ms; i++) {
        for (let each = 0; each < 10; each++) void a!.pubsub.publish('x', next++)
        await net.advance(1)
      }
    }
    await publishMs(100)
    const before = next
    let isDrained = false
    const drained = subscription.drain().then(() => (isDrained = true))
    await publishMs(400)
    await drained
    expect(isDrained).toBe(true)
    expect(await subscription.ended).toBe('drained')
    expect(got.length).toBeGreaterThanOrEqual(before)
    expect(got).toEqual(Array.from({ length: got.length }, (_, i) => i))
    const { length } = got
    await publishMs(20)
    await net.advance(100)
    expect(got).toHaveLength(length)
  })

  it.each(['a subscription', 'all'])(
    'PS12 of %s is waited for until its signal is aborted, and goes on',
    async (of) => {
      const net = new PubSubNet()
      const [a] = await net.startAll(1)
      let handled = 0
      const subscription = a!.pubsub.subscribe('x', async () => {
        await new Promise<void>((resolve) => void net.clock.setTimer(500, () => resolve()))
        handled += 1
      })
      const drain = (signal: AbortSignal): Promise<string> =>
        (of === 'all' ? a!.pubsub : subscription).drain({ signal }).then(
          () => 'drained',
          (error: unknown) => (error as { code: string }).code,
        )
      // One that is aborted before begins nothing.
      expect(await drain(AbortSignal.abort())).toBe('ERR_PUBSUB_ABORTED')
      void a!.pubsub.publish('x', 1)
      await net.advance(0)
      const waiting = new AbortController()
      const outcome = drain(waiting.signal)
      await net.advance(100)
      waiting.abort()
      expect(await outcome).toBe('ERR_PUBSUB_ABORTED')
      expect([handled, subscription.closed]).toEqual([0, false])
      await net.advance(500)
      expect([handled, await subscription.ended]).toEqual([1, 'drained'])
      await expect(subscription.drain({ timeout: 1 } as object)).rejects.toMatchObject({
        code: 'ERR_OPTION_RENAMED',
      })
    },
  )

  it('PS12 of a subscription ends although others keep publishing, and at once when it is closed', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    let handled = 0
    const slow = async (): Promise<void> => {
      await new Promise<void>((resolve) => void net.clock.setTimer(2, () => resolve()))
      handled += 1
    }
    const subscription = a!.pubsub.subscribe('x', slow)
    const drained = subscription.drain()
    for (let i = 0; i < 1_000; i++) {
      void a!.pubsub.publish('x', i)
      await net.advance(1)
    }
    await drained
    expect(handled).toBeGreaterThanOrEqual(199)
    expect(subscription.stats()).toMatchObject({ dropped: 0, pendingMessages: 0 })
    const closed = a!.pubsub.subscribe('x', slow)
    let isOver = false
    const over = closed.drain().then(() => (isOver = true))
    closed.unsubscribe()
    await net.advance(0)
    expect(isOver).toBe(true)
    await over
  })

  it('PS12 of a subscription that has less time than its grace fails for what waits alone', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const [idle, busy] = [collect(), (): Promise<void> => new Promise(() => {})]
    const empty = a!.pubsub.subscribe('x', idle.handler).drain({ timeoutMs: 100 })
    const stuck = failureOf(a!.pubsub.subscribe('x', busy).drain({ timeoutMs: 100 }))
    await a!.pubsub.publish('x', 1)
    await net.advance(100)
    await empty
    expect(idle.payloads).toEqual([1])
    expect(await stuck).toMatchObject({ code: 'ERR_PUBSUB_DRAIN_TIMEOUT' })
  })

  it('PS12 of a node hands on what waits, refuses what is new, and gives up after its time', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got: unknown[] = []
    b!.pubsub.subscribe('x', async ({ payload }) => {
      await new Promise<void>((resolve) => net.clock.setTimer(50, resolve))
      got.push(payload)
    })
    await net.advance(5)
    const kept = [1, 2, 3].map((i) => a!.pubsub.publish('x', i, { qos: 1 }))
    const drained = a!.pubsub.drain()
    await net.advance(1_000)
    await drained
    expect(await Promise.all(kept)).toHaveLength(3)
    expect(got).toEqual([1, 2, 3])
    const draining = { code: 'ERR_PUBSUB_DRAINING' }
    await expect(a!.pubsub.publish('x')).rejects.toMatchObject(draining)
    await expect(a!.pubsub.request('x')).rejects.toMatchObject(draining)
    expect(() => a!.pubsub.subscribe('x', () => {})).toThrow(expect.objectContaining(draining))
    await a!.pubsub.drain()

    b!.pubsub.subscribe('hangs', () => new Promise(() => {}))
    void b!.pubsub.publish('hangs')
    const slow = b!.pubsub.drain({ timeoutMs: 500 })
    const timeout = failureOf(slow)
    await net.advance(1_000)
    expect(await timeout).toMatchObject({ code: 'ERR_PUBSUB_DRAIN_TIMEOUT' })
    expect(b!.pubsub.stats().subscriptions).toBe(0)
  })
})

describe('the process of pub/sub', () => {
  it('keeps subscriptions and the outbox through a crash, and tells who waits', async () => {
    const net = new PubSubNet()
    const [first, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    first!.pubsub.subscribe('own', got.handler)
    await net.advance(5)
    net.net.cut(first!.node, b!.node)
    const kept = first!.pubsub.publish('x', 'kept', { qos: 1 })
    const asked = first!.pubsub.request('x')
    const failed = failureOf(asked)
    first!.node.system.exit(first!.server.pid, 'killed')
    await net.advance(0)
    const down = { code: 'ERR_PUBSUB_RESTARTED' }
    await expect(first!.pubsub.publish('x')).rejects.toMatchObject(down)
    expect(await failed).toMatchObject({ code: 'ERR_PUBSUB_RESTARTED' })
    await net.advance(5)
    net.net.join(first!.node, b!.node)
    const again = await net.crash(first!)
    await net.advance(5_000)
    expect(await kept).toMatchObject({ nodes: 1 })
    await again.pubsub.publish('own', 'still there')
    expect(got.payloads).toEqual(['kept', 'still there'])
  })

  it('ends subscriptions and loops, and tells who waits, when the node stops', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    b!.pubsub.subscribe('x', () => new Promise(() => {}))
    const subscription = a!.pubsub.subscribe('y', () => {})
    const next = a!.pubsub.subscribe('z')[Symbol.asyncIterator]().next()
    await net.advance(5)
    const published = failureOf(a!.pubsub.publish('x', 1, { qos: 1 }))
    const asked = failureOf(a!.pubsub.request('x'))
    a!.pubsub.stopped()
    await net.advance(5)
    expect(await subscription.ended).toBe('stopped')
    expect(await next).toMatchObject({ done: true })
    expect(await published).toMatchObject({ code: 'ERR_PUBSUB_UNACKNOWLEDGED' })
    expect(await asked).toMatchObject({ code: 'ERR_PUBSUB_RESTARTED' })
    expect(a!.pubsub.stats()).toMatchObject({ subscriptions: 0, outbox: 0, filters: 0 })
  })

  it('MG10 does not acknowledge what was not handled when the node stops', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    b!.pubsub.subscribe('x', () => new Promise(() => {}))
    await net.advance(5)
    const options = { qos: 1, timeoutMs: 5_000 } as const
    const all = [1, 2, 3].map((i) => failureOf(a!.pubsub.publish('x', i, options)))
    await net.advance(5)
    b!.pubsub.stopped()
    await net.advance(10_000)
    const unacknowledged = { code: 'ERR_PUBSUB_UNACKNOWLEDGED' }
    expect(await Promise.all(all)).toMatchObject([unacknowledged, unacknowledged, unacknowledged])
  })

  it('MG10 sends what is acknowledged once and no more', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    const done = a!.pubsub.publish('x', 1, { qos: 1 })
    await net.advance(60_000)
    expect(await done).toMatchObject({ nodes: 1 })
    expect(got.payloads).toEqual([1])
    expect(net.publishes()).toBe(1)
    expect(net.net.trace.filter(({ type }) => type === WireType.puback)).toHaveLength(1)
  })
})
