/** Parts of presence with limits and a policy of their own, for what nodes own: names, groups. */
import { describe, expect, it } from 'vitest'
import { presenceSettings } from '../../../mesh/presence/options.ts'
import type { PresenceOptions } from '../../../mesh/presence/options.ts'
import { SpaceEntry } from '../../../mesh/presence/space.ts'
import type { OpenSpace, SpaceTopic } from '../../../mesh/presence/space.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { codeOf } from '../wire/bytes.ts'
import { Mirror, PresenceNet } from './presence-net.ts'
import type { PresenceNode } from './presence-net.ts'

interface SpaceNode extends PresenceNode {
  readonly space: OpenSpace
  readonly topic: SpaceTopic
  readonly mirror: Mirror
}

const QUICK = { batchMs: 0, ackDelayMs: 0 }

function open(node: PresenceNode, options: PresenceOptions = {}): SpaceNode {
  const settings = presenceSettings({ ...QUICK, ...options })
  const space = node.context.memory.openSpace({ name: '$test', action: 'call', settings })
  const topic = space.hold('')
  const mirror = new Mirror()
  let isFirst = true
  topic.listen(({ joins, leaves }) => {
    mirror.take(
      isFirst
        ? { type: 'snapshot', topic: '$test', entries: joins, isComplete: true }
        : { type: 'diff', topic: '$test', joins, leaves },
    )
    isFirst = false
  })
  return { ...node, space, topic, mirror }
}

async function spaces(net: PresenceNet, count: number): Promise<SpaceNode[]> {
  const nodes = (await net.startAll(count)).map((node) => open(node))
  await net.advance(100)
  return nodes
}

describe('a space of presence', () => {
  it('replicates what nodes own, and tells it apart by node, life and version', async () => {
    const net = new PresenceNet()
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    const one = a.topic.join('one', [1])
    a.topic.join('two', [2])
    await net.advance(10)
    expect(b.mirror.keys()).toEqual(['one', 'two'])
    a.topic.replace(one, [3])
    await net.advance(10)
    const [entry] = [...b.mirror.entries.values()].filter(({ key }) => key === 'one')
    expect(entry).toMatchObject({
      node: a.node.self,
      life: a.node.incarnation,
      version: 3,
      meta: [3],
    })
    expect(entry!.ref).not.toBe(one.public.ref)
    expect(b.mirror.faults).toEqual([])
    expect(b.space.sizes()).toMatchObject({ own: 0, known: 2, missing: 0 })
  })

  it('an entry that was replaced before anybody heard of it comes as what it is', async () => {
    const net = new PresenceNet()
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    a.topic.replace(a.topic.join('x', [1]), [2])
    a.topic.leave(a.topic.join('y', [1]))
    await net.advance(10)
    const entries = [...b.mirror.entries.values()]
    expect(entries).toMatchObject([{ key: 'x', version: 2, meta: [2] }])
    expect(entries[0]).toBeInstanceOf(SpaceEntry)
    expect(b.mirror.faults).toEqual([])
  })

  it('is no part of what users track, and users may not track in it', async () => {
    const net = new PresenceNet()
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    expect(codeOf(() => a.presence.track('$test', 'x'))).toBe('ERR_PRESENCE_RESERVED')
    expect(codeOf(() => a.presence.watch('$test.more'))).toBe('ERR_PRESENCE_RESERVED')
    a.topic.join('x', null)
    a.presence.track('room', 'ann')
    await net.advance(10)
    expect(a.presence.stats().own).toBe(1)
    expect(b.presence.stats()).toMatchObject({ own: 0, known: 0, watches: 0 })
  })

  it('G9 a node that holds no topic of it is sent nothing of it', async () => {
    const net = new PresenceNet()
    const [a, b, other] = await net.startAll(3)
    const first = open(a!)
    const second = open(b!)
    await net.advance(100)
    first.topic.join('x', null)
    await net.advance(5_000)
    expect(second.mirror.keys()).toEqual(['x'])
    const toOther = net.net.trace.filter(({ to }) => to === other!.node.self)
    expect(toOther).toEqual([])
  })

  it('GL-15 a change is acknowledged when all who watch have it, and when the last who has not is gone', async () => {
    const net = new PresenceNet({ latencyMs: 10 })
    const [a, b, c] = (await spaces(net, 3)) as [SpaceNode, SpaceNode, SpaceNode]
    const order: string[] = []
    a.topic.join('x', null)
    a.topic.whenAcknowledged(a.topic.flush(), () => order.push('acknowledged'))
    await net.advance(15)
    expect(b.mirror.keys()).toEqual(['x'])
    expect(order).toEqual([])
    await net.advance(10)
    expect(order).toEqual(['acknowledged'])
    await net.kill(c, 5_000)
    a.topic.join('y', null)
    a.topic.whenAcknowledged(a.topic.flush(), () => order.push('gone'))
    await net.advance(4_000)
    expect(order).toEqual(['acknowledged'])
    await net.advance(2_000)
    expect(order).toEqual(['acknowledged', 'gone'])
  })

  it.each([{ isRostered: true }, { isRostered: false }])(
    'GL-15 who was only out of reach is told again, and nobody waits for it meanwhile (by statements: $isRostered)',
    async ({ isRostered }) => {
      const net = new PresenceNet({ isRostered })
      const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
      a.topic.join('x', null)
      await net.advance(100)
      a.node.courier.gone(b.node.self, 'unreachable')
      a.topic.join('y', null)
      let isAcknowledged = false
      a.topic.whenAcknowledged(a.topic.flush(), () => (isAcknowledged = true))
      expect(isAcknowledged).toBe(true)
      await net.advance(31_000)
      expect([b.mirror.keys(), b.mirror.faults]).toEqual([['x', 'y'], []])
    },
  )

  it('who does not wait for a change any more is not told that it is acknowledged', async () => {
    const net = new PresenceNet({ latencyMs: 10 })
    const [a] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    const told: number[] = []
    const stops = Array.from({ length: 9 }, (_, i) => {
      a.topic.join(`x${i}`, null)
      return a.topic.whenAcknowledged(a.topic.flush(), () => told.push(i))
    })
    for (const i of [0, 8, 3, 4, 5, 7, 3]) stops[i]!()
    expect(told).toEqual([])
    await net.advance(25)
    expect(told).toEqual([1, 2, 6])
    stops[1]!()
    a.topic.join('y', null)
    a.topic.whenAcknowledged(a.topic.flush(), () => told.push(9))
    await net.advance(25)
    expect(told).toEqual([1, 2, 6, 9])
  })

  it('tells its own before it acknowledges, so of two at once each knows of the other first', async () => {
    const net = new PresenceNet({ latencyMs: 10 })
    const nodes = (await net.startAll(2)).map((node) => open(node, { batchMs: 50 }))
    const [a, b] = nodes as [SpaceNode, SpaceNode]
    await net.advance(200)
    const seen: string[] = []
    b.topic.join('late', null)
    a.topic.join('x', null)
    a.topic.whenAcknowledged(a.topic.flush(), () => seen.push(...a.mirror.keys()))
    await net.advance(30)
    expect(seen).toContain('late')
  })

  it('GL-16 a node waits until it knows another one up to a version', async () => {
    const net = new PresenceNet({ latencyMs: 10 })
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    a.topic.join('x', null)
    const version = a.topic.flush()
    let isKnown = false
    b.topic.whenKnown(a.node.self, a.node.incarnation, version, () => (isKnown = true))
    expect(isKnown).toBe(false)
    await net.advance(11)
    expect(isKnown).toBe(true)
    let isKnownAtOnce = false
    b.topic.whenKnown(a.node.self, a.node.incarnation, 0, () => (isKnownAtOnce = true))
    expect(isKnownAtOnce).toBe(true)
  })

  it('a topic that is closed is over everywhere, and can be held again', async () => {
    const net = new PresenceNet()
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    a.topic.join('x', null)
    await net.advance(10)
    a.topic.close()
    await net.advance(10)
    expect(b.mirror.keys()).toEqual([])
    const again = a.space.hold('')
    again.join('y', null)
    await net.advance(100)
    expect(b.mirror.keys()).toEqual(['y'])
  })

  it('takes no words of those whom the realm does not grant its action', async () => {
    const net = new PresenceNet()
    const [a, b, c] = (await spaces(net, 3)) as [SpaceNode, SpaceNode, SpaceNode]
    Object.assign(b.node, { isGranted: (action: string) => action === 'publish' })
    Object.assign(c.node, { isGranted: (action: string) => action === 'call' })
    a.topic.join('x', null)
    await net.advance(10)
    expect(b.mirror.keys()).toEqual([])
    expect(b.node.refusals.counters()).toMatchObject({ ERR_PRESENCE_UNAUTHORIZED: 1 })
    expect(c.mirror.keys()).toEqual(['x'])
  })

  it('survives the process of presence', async () => {
    const net = new PresenceNet()
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    a.topic.join('x', null)
    await net.crash(b)
    await net.crash(a)
    a.topic.join('y', null)
    await net.advance(2_000)
    expect(b.mirror.keys()).toEqual(['x', 'y'])
    expect(b.mirror.faults).toEqual([])
  })

  it('G7 a gap is asked for and filled, also in a space', async () => {
    const net = new PresenceNet()
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    let count = 0
    net.net.loses = ({ type }) => type === WireType.presenceDelta && ++count % 7 === 0
    for (let i = 0; i < 50; i++) {
      a.topic.join(`n${i}`, null)
      await net.advance(10)
    }
    await net.advance(10_000)
    expect(b.mirror.entries.size).toBe(50)
    expect(b.mirror.faults).toEqual([])
  })
})
