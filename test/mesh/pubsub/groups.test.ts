import { describe, expect, it } from 'vitest'
import { PubSubError } from '../../../mesh/pubsub/errors.ts'
import { collect, PubSubNet } from './pubsub-net.ts'

describe('groups', () => {
  it('PS9 give each message to one of four members on three nodes, each its share', async () => {
    const net = new PubSubNet()
    const nodes = await net.startAll(4)
    const counts = [0, 0, 0, 0]
    const seen = new Set<unknown>()
    ;[1, 2, 3, 3].forEach((at, member) => {
      nodes[at]!.pubsub.subscribe(
        'jobs.*',
        ({ payload }) => {
          counts[member]! += 1
          seen.add(payload)
        },
        { group: 'workers' },
      )
    })
    await net.advance(5)
    for (let i = 0; i < 10_000; i++) void nodes[0]!.pubsub.publish('jobs.one', i)
    await net.advance(5)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10_000)
    expect(seen.size).toBe(10_000)
    for (const count of counts) expect(Math.abs(count - 2_500)).toBeLessThan(250)
  })

  it('PS9 prefer members of this node when asked to, and share with it otherwise', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const [here, there] = [collect(), collect()]
    a!.pubsub.subscribe('jobs', here.handler, { group: 'g' })
    b!.pubsub.subscribe('jobs', there.handler, { group: 'g' })
    await net.advance(5)
    for (let i = 0; i < 100; i++) void a!.pubsub.publish('jobs', i, { localFirst: true })
    await net.advance(5)
    expect([here.payloads.length, there.payloads.length]).toEqual([100, 0])
    for (let i = 0; i < 1_000; i++) void a!.pubsub.publish('jobs', i)
    await net.advance(5)
    expect(here.payloads.length + there.payloads.length).toBe(1_100)
    expect(there.payloads.length).toBeGreaterThan(400)
  })

  it('PS9 lose no more than what is on its way when a member dies, and nothing at least once that another life can take', async () => {
    const net = new PubSubNet()
    const nodes = await net.startAll(4)
    const seen = new Set<unknown>()
    for (const { pubsub } of nodes.slice(1)) {
      pubsub.subscribe('jobs', ({ payload }) => void seen.add(payload), { group: 'g' })
    }
    await net.advance(5)
    let sentToDead = 0
    for (let i = 0; i < 300; i++) {
      if (i === 100) net.net.kill(nodes[3]!.node, 20)
      void nodes[0]!.pubsub.publish('jobs', i)
      await net.advance(1)
    }
    sentToDead = net.publishes(nodes[3]!)
    const received = nodes[3]!.pubsub.stats().received
    expect(300 - seen.size).toBeLessThanOrEqual(sentToDead - received)
    expect(seen.size).toBeGreaterThan(270)
  })

  it('reach plain subscribers and one member of every group, in one frame for each node', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = [collect(), collect(), collect(), collect()]
    b!.pubsub.subscribe('x', got[0]!.handler)
    b!.pubsub.subscribe('x', got[1]!.handler, { group: 'one' })
    b!.pubsub.subscribe('*', got[2]!.handler, { group: 'one' })
    b!.pubsub.subscribe('x', got[3]!.handler, { group: 'two' })
    await net.advance(5)
    for (const i of [1, 2]) expect(await a!.pubsub.publish('x', i)).toMatchObject({ nodes: 1 })
    await net.advance(5)
    const counts = got.map(({ payloads }) => payloads.length)
    expect([counts[0], counts[1]! + counts[2]!, counts[3]]).toEqual([2, 2, 2])
    expect([counts[1], counts[2]]).toEqual([1, 1])
    expect(net.publishes()).toBe(2)
  })

  it('work with a node that tells several filters as one, and is left out when it has no member', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    const [atB, atC] = [collect(), collect()]
    b!.pubsub.subscribe('jobs.one', atB.handler, { group: 'g' })
    c!.pubsub.subscribe('jobs.two', atC.handler, { group: 'g' })
    await net.advance(5)
    for (const { node } of [b!, c!]) {
      a!.node.catalog.forget(node.self)
      a!.node.catalog.learn({
        ...{ kind: 'topic', pattern: 'jobs.**', node: node.self, via: undefined },
        ...{ detail: { 'g:g': 1, widened: true }, sinceMs: 0 },
      })
    }
    for (let i = 0; i < 50; i++) {
      await a!.pubsub.publish('jobs.one', i)
      await net.advance(5)
    }
    expect(atB.payloads.length).toBeGreaterThanOrEqual(49)
    expect(atC.payloads).toEqual([])
  })

  it('are refused when the catalog takes no more of them, and then nothing has changed', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const { catalog } = a!.node
    const { set } = catalog
    catalog.set = () => {
      throw new PubSubError('ERR_PUBSUB_GROUP_INVALID', 'planted')
    }
    expect(() => a!.pubsub.subscribe('x', () => {}, { group: 'g' })).toThrow('planted')
    expect(a!.pubsub.topics()).toEqual([])
    expect(a!.pubsub.stats().subscriptions).toBe(0)
    catalog.set = set
    a!.pubsub.subscribe('x', () => {}, { group: 'g' })
    expect(a!.pubsub.topics()).toHaveLength(1)
  })

  it('pass over members that are full, and those that want nothing of their own node', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const [fast, own] = [collect(), collect()]
    const options = { group: 'g', maxPendingMessages: 1 }
    a!.pubsub.subscribe('x', () => new Promise(() => {}), options)
    a!.pubsub.subscribe('x', fast.handler, options)
    a!.pubsub.subscribe('x', own.handler, { ...options, noLocal: true })
    for (let i = 0; i < 10; i++) await a!.pubsub.publish('x', i)
    expect(own.payloads).toEqual([])
    expect(fast.payloads.length).toBe(8)
  })

  it('PS12 lose nothing while a member drains that never has a rest', async () => {
    const net = new PubSubNet()
    const [a] = await net.startAll(1)
    const handled: unknown[] = []
    const slow = async ({ payload }: { readonly payload: unknown }): Promise<void> => {
      await new Promise<void>((resolve) => void net.clock.setTimer(3, () => resolve()))
      handled.push(payload)
    }
    const draining = a!.pubsub.subscribe('x', slow, { group: 'g' })
    a!.pubsub.subscribe('x', ({ payload }) => void handled.push(payload), { group: 'g' })
    for (let i = 0; i < 100; i++) void a!.pubsub.publish('x', i)
    const drained = draining.drain()
    for (let i = 100; i < 600; i++) {
      void a!.pubsub.publish('x', i)
      await net.advance(1)
    }
    await drained
    expect(handled).toHaveLength(600)
  })

  it('tell others how many members there are, many changes at once', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const members = Array.from({ length: 5 }, () =>
      a!.pubsub.subscribe('x', () => {}, { group: 'g' }),
    )
    await net.advance(5)
    const detail = () => b!.node.catalog.lookup('topic', 'x')[0]?.detail
    expect(detail()).toEqual({ 'g:g': 5 })
    members.slice(1).forEach((member) => member.unsubscribe())
    const plain = a!.pubsub.subscribe('x', () => {})
    await net.advance(5)
    expect(detail()).toEqual({ plain: 1, 'g:g': 1 })
    plain.unsubscribe()
    members[0]!.unsubscribe()
    await net.advance(5)
    expect(detail()).toBeUndefined()
  })
})
