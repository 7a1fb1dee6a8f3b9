/** Spaces whose nodes know each other from what members say: who is quiet costs nothing, and nobody is missed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { presenceSettings } from '../../../mesh/presence/options.ts'
import type { OpenSpace, SpaceTopic } from '../../../mesh/presence/space.ts'
import type { OwnEntry } from '../../../mesh/presence/own-topic.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { PresenceNet } from './presence-net.ts'
import type { PresenceNode } from './presence-net.ts'

interface SpaceNode extends PresenceNode {
  readonly space: OpenSpace
  topic: SpaceTopic
  readonly seen: Set<string>
}

function open(node: PresenceNode, name = '$test'): SpaceNode {
  const settings = presenceSettings({ batchMs: 0, ackDelayMs: 0 })
  const space = node.context.memory.openSpace({ name, action: 'call', settings })
  const made: SpaceNode = { ...node, space, topic: space.hold(''), seen: new Set() }
  made.topic.listen(({ joins, leaves }) => {
    for (const { key } of leaves) made.seen.delete(key)
    for (const { key } of joins) made.seen.add(key)
  })
  return made
}

async function spaces(net: PresenceNet, count: number): Promise<SpaceNode[]> {
  const nodes = (await net.startAll(count)).map((node) => open(node))
  await net.advance(100)
  return nodes
}

const rostered = (latencyMs = 1): PresenceNet => new PresenceNet({ latencyMs, isRostered: true })

describe('a space by what members say', () => {
  it('costs nothing while nobody has anything to say: no message, no entry in the catalog', async () => {
    const net = rostered()
    const nodes = await spaces(net, 5)
    await net.advance(120_000)
    expect(net.net.trace).toEqual([])
    expect(nodes.map(({ node }) => node.catalog.stats().own)).toEqual([0, 0, 0, 0, 0])
    expect(net.rosters.made).toBeLessThanOrEqual(10)
  })

  it('GL-15 what one says goes to all who are there, once to each, and all acknowledge it', async () => {
    const net = rostered(10)
    const [a, ...others] = (await spaces(net, 4)) as [SpaceNode, ...SpaceNode[]]
    const order: string[] = []
    a.topic.join('x', null)
    const version = a.topic.flush()
    a.topic.whenAcknowledged(version, () => order.push('acknowledged'))
    expect(new Set(a.topic.lagging(version))).toEqual(new Set(others.map(({ node }) => node.self)))
    await net.advance(21)
    expect(order).toEqual(['acknowledged'])
    expect(a.topic.lagging(version)).toEqual([])
    expect(others.every(({ seen }) => seen.has('x'))).toBe(true)
    expect(net.net.trace.map(({ type }) => type).sort()).toEqual([
      ...Array.from({ length: 3 }, () => WireType.presenceSnapshot),
      ...Array.from({ length: 3 }, () => WireType.presenceState),
    ])
    a.topic.join('y', null)
    await net.advance(1_000)
    const { trace } = net.net
    expect(trace.filter(({ type }) => type === WireType.presenceDelta)).toHaveLength(3)
  })

  it('GL-15 who hangs is named: to who asks, and in the count', async () => {
    const net = rostered(10)
    const [a, b, c] = (await spaces(net, 3)) as [SpaceNode, SpaceNode, SpaceNode]
    net.net.loses = ({ from }) => from === c.node.self
    a.topic.join('x', null)
    const version = a.topic.flush()
    await net.advance(6_000)
    expect(a.topic.lagging(version)).toEqual([c.node.self])
    expect(a.node.refusals.counters()).not.toHaveProperty('ERR_PRESENCE_SILENT')
    await net.advance(4_000)
    expect(a.node.refusals.counters()).toMatchObject({ ERR_PRESENCE_SILENT: 1 })
    await net.advance(60_000)
    expect(a.node.refusals.counters()).toMatchObject({ ERR_PRESENCE_SILENT: 1 })
    expect(b.seen).toEqual(new Set(['x']))
  })

  it('G6 who comes later asks those who have said something, and only them', async () => {
    const net = rostered(10)
    const [a] = (await spaces(net, 6)) as [SpaceNode]
    a.topic.join('x', null)
    await net.advance(2_000)
    net.net.trace.length = 0
    const late = open(await net.start())
    await net.advance(100)
    expect(late.seen).toEqual(new Set(['x']))
    const between = net.net.trace.map(({ from, to }) => [from, to])
    for (const pair of between)
      expect(new Set(pair)).toEqual(new Set([a.node.self, late.node.self]))
  })

  it('GL-16 waits for a node of which members say that it has said nothing yet', async () => {
    const net = rostered(10)
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    net.rosters.delayMs = () => 60_000
    let isLost = true
    net.net.loses = ({ from }) => isLost && from === a.node.self
    a.topic.join('x', null)
    const version = a.topic.flush()
    await net.advance(50)
    isLost = false
    let isKnown = false
    b.topic.whenKnown(a.node.self, a.node.incarnation, version, () => (isKnown = true))
    await net.advance(25)
    expect(isKnown).toBe(true)
    expect(b.seen).toEqual(new Set(['x']))
  })

  it('what does not fit into statements is found in the catalog, also by those for whom it fits', async () => {
    const net = rostered()
    net.rosters.bytesMax = 0
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    // Who holds a space tracks and watches.
    expect(a.node.catalog.stats().own).toBe(2)
    net.rosters.bytesMax = 400
    const c = open(await net.start())
    await net.advance(2_000)
    a.topic.join('a', null)
    c.topic.join('c', null)
    await net.advance(2_000)
    for (const { seen } of [a, b, c]) expect(seen).toEqual(new Set(['a', 'c']))
    net.rosters.resize(400)
    await net.advance(100)
    expect(a.node.catalog.stats().own).toBe(0)
    b.topic.join('b', null)
    await net.advance(2_000)
    for (const { seen } of [a, b, c]) expect(seen).toEqual(new Set(['a', 'b', 'c']))
  })

  it('GL-08 what a former life said is over, and its successor is told again', async () => {
    const net = rostered()
    const [a, b] = (await spaces(net, 2)) as [SpaceNode, SpaceNode]
    a.topic.join('old', null)
    b.topic.join('b', null)
    await net.advance(1_000)
    const again = open(await net.restart(a))
    await net.advance(1_000)
    expect(b.seen).toEqual(new Set(['b']))
    expect(again.seen).toEqual(new Set(['b']))
    again.topic.join('new', null)
    await net.advance(1_000)
    expect(b.seen).toEqual(new Set(['b', 'new']))
    await net.kill(again, 5_000)
    await net.advance(6_000)
    expect(b.seen).toEqual(new Set(['b']))
  })

  it('G5 all come to know the same, whenever they hear of each other and whatever is lost', async () => {
    const step = fc.record({
      node: fc.nat({ max: 3 }),
      what: fc.constantFrom('join', 'leave', 'crash', 'close'),
      waitMs: fc.constantFrom(0, 1, 60, 700),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.integer(), async (steps, seed) => {
        const net = rostered(3)
        const entropy = net.net.entropy
        net.rosters.delayMs = () => 5 + entropy.random() * (seed % 2 === 0 ? 50 : 4_000)
        let isBad = true
        net.net.loses = () => isBad && entropy.random() < 0.2
        const nodes = (await net.startAll(4)).map((node) => open(node))
        const own = nodes.map(() => [] as OwnEntry[])
        for (const [i, { node, what, waitMs }] of steps.entries()) {
          const one = nodes[node]!
          if (what === 'join') own[node]!.push(one.topic.join(`k${i}`, null))
          else if (what === 'leave') {
            const entry = own[node]!.pop()
            if (entry !== undefined) one.topic.leave(entry)
          } else if (what === 'crash') nodes[node] = { ...one, ...(await net.crash(one)) }
          else {
            one.topic.close()
            own[node] = []
            const topic = one.space.hold('')
            nodes[node] = { ...one, topic }
            one.seen.clear()
            topic.listen(({ joins, leaves }) => {
              for (const { key } of leaves) one.seen.delete(key)
              for (const { key } of joins) one.seen.add(key)
            })
          }
          await net.advance(waitMs)
        }
        isBad = false
        await net.advance(70_000)
        const all = new Set(own.flat().map(({ key }) => key))
        for (const { seen } of nodes) expect(seen).toEqual(all)
      }),
      { numRuns: 25 },
    )
  })
})

describe('limits in bytes of a space', () => {
  const opened = (node: PresenceNode, bytes: { own?: number; node?: number; all?: number }) => {
    const settings = presenceSettings({ batchMs: 0, ackDelayMs: 0 })
    const { own: ownMax = 1e9, node: nodeMax = 1e9, all: allMax = 1e9 } = bytes
    const limits = { ownMax, nodeMax, allMax }
    const space = node.context.memory.openSpace({
      ...{ name: '$test', action: 'call', settings },
      bytes: limits,
    })
    return { space, topic: space.hold('') }
  }

  // An entry of a key of 9 bytes and null has 10.
  const key = (i: number): string => `key${i}`.padEnd(9, '-')

  it('hold at the limit and refuse one byte above, of one node and of all', async () => {
    for (const [limits, known] of [
      [{ node: 20 }, 4],
      [{ node: 19 }, 2],
      [{ all: 30 }, 3],
      [{ all: 29 }, 2],
    ] as const) {
      const net = rostered()
      const nodes = await net.startAll(3)
      const reader = opened(nodes[0]!, limits)
      const writers = nodes.slice(1).map((node) => opened(node, {}))
      await net.advance(100)
      for (const { topic } of writers) for (const i of [1, 2]) topic.join(key(i), null)
      await net.advance(1_000)
      expect(reader.space.sizes()).toMatchObject({ known, knownBytes: known * 10 })
      const counters = nodes[0]!.node.refusals.counters()
      expect(counters['ERR_PRESENCE_REMOTE_BYTES_MAX'] ?? 0).toBe(known === 4 ? 0 : 4 - known)
      // What goes makes room.
      for (const { topic } of writers) topic.close()
      await net.advance(1_000)
      expect(reader.space.sizes()).toMatchObject({ known: 0, knownBytes: 0 })
    }
  })

  it('a node says whether it has room for one more of its own', async () => {
    const net = rostered()
    const { space, topic } = opened(await net.start(), { own: 20 })
    const first = topic.join(key(1), null)
    expect(topic.hasRoom(key(2), null)).toBe(true)
    expect(topic.hasRoom(`${key(2)}-`, null)).toBe(false)
    topic.join(key(2), null)
    expect(space.sizes()).toMatchObject({ own: 2, ownBytes: 20 })
    expect(topic.hasRoom('x', null)).toBe(false)
    topic.leave(first)
    expect(topic.hasRoom(key(3), null)).toBe(true)
  })
})
