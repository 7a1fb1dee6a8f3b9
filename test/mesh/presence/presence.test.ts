import { describe, expect, it } from 'vitest'
import type { PresenceEvent, PresenceMessage } from '../../../mesh/presence/presence.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { codeOf } from '../wire/bytes.ts'
import { linesOf, Mirror, PresenceNet } from './presence-net.ts'
import type { PresenceNode } from './presence-net.ts'

const PRESENCE_TYPES: ReadonlySet<number> = new Set([
  WireType.presenceDelta,
  WireType.presenceSnapshot,
  WireType.presenceState,
])

function mirrorOf({ presence }: PresenceNode, topic = 'room'): Mirror {
  const mirror = new Mirror()
  presence.watch(topic, mirror.take)
  return mirror
}

/** Joins and leaves by key. */
function changesOf(events: readonly PresenceEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === 'snapshot'
      ? event.entries.map(({ key }) => `=${key}`)
      : [...event.leaves.map(({ key }) => `-${key}`), ...event.joins.map(({ key }) => `+${key}`)],
  )
}

describe('tracking and watching', () => {
  it('PS14 G10 every watcher hears of joins, updates and leaves', async () => {
    const net = new PresenceNet()
    const [a, b, c] = await net.startAll(3)
    const mirrors = [mirrorOf(a!), mirrorOf(b!), mirrorOf(c!)]
    await net.advance(10)
    const ann = a!.presence.track('room', 'ann', { mood: 'well' })
    const bob = b!.presence.track('room', 'bob')
    await net.advance(20)
    const before = ann.ref
    ann.update({ mood: 'better' })
    await net.advance(20)
    bob.untrack()
    await net.advance(20)
    for (const mirror of mirrors) {
      expect(mirror.faults).toEqual([])
      expect(mirror.events[0]).toMatchObject({ type: 'snapshot', entries: [], isComplete: true })
      expect(changesOf(mirror.events).slice(0, 2).sort()).toEqual(['+ann', '+bob'])
      expect(changesOf(mirror.events).slice(2)).toEqual(['-ann', '+ann', '-bob'])
      const [entry] = mirror.entries.values()
      expect(entry).toEqual({
        ...{ topic: 'room', key: 'ann', node: a!.node.self, ref: ann.ref, previousRef: before },
        meta: { mood: 'better' },
      })
    }
    expect(before).not.toBe(ann.ref)
  })

  it('PS14 who gets a meta can change it for nobody else', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const own = { tags: ['x'], seen: new Map([['at', 1]]) }
    a!.presence.track('room', 'ann', own)
    own.tags.push('y')
    mirrorOf(b!)
    await net.advance(100)
    for (const { presence } of [a!, b!]) {
      const list = presence.list<typeof own>('room')
      await net.advance(1)
      const { meta } = (await list)[0]!
      expect(() => meta.tags.push('z')).toThrow(TypeError)
      expect(() => (meta.tags = [])).toThrow(TypeError)
      expect(meta).toEqual({ tags: ['x'], seen: new Map([['at', 1]]) })
    }
  })

  it('PS14 a late watcher has everything in its snapshot, and nothing twice', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    for (const key of ['1', '2', '3']) a!.presence.track('room', key)
    await net.advance(100)
    const mirror = mirrorOf(b!)
    a!.presence.track('room', '4')
    await net.advance(100)
    expect(mirror.faults).toEqual([])
    expect(mirror.keys()).toEqual(['1', '2', '3', '4'])
    expect(mirror.events[0]!.type).toBe('snapshot')
  })

  it('PS14 a snapshot of many entries comes whole, in messages that keep their order', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    for (let i = 0; i < 2_000; i++) a!.presence.track('room', `user-${i}`, { pad: 'x'.repeat(40) })
    await net.advance(100)
    const mirror = mirrorOf(b!)
    await net.advance(100)
    expect(mirror.faults).toEqual([])
    expect(mirror.events[0]).toMatchObject({ type: 'snapshot', isComplete: true })
    expect(mirror.entries.size).toBe(2_000)
    const snapshots = net.net.trace.filter(({ type }) => type === WireType.presenceSnapshot)
    expect(snapshots.length).toBeGreaterThan(2)
    expect(Math.max(...net.net.trace.map(({ bytes }) => bytes))).toBeLessThan(65_536)
  })

  it('one key may be there many times, on one node and on others', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const phone = a!.presence.track('room', 'ann', 'phone')
    a!.presence.track('room', 'ann', 'desk')
    b!.presence.track('room', 'ann', 'car')
    b!.presence.track('room', 'bob')
    await net.advance(10)
    const listed = b!.presence.get('room', 'ann')
    await net.advance(100)
    expect((await listed).map(({ meta }) => meta).sort()).toEqual(['car', 'desk', 'phone'])
    phone.untrack()
    phone.untrack()
    await net.advance(100)
    const again = b!.presence.get('room', 'ann')
    await net.advance(10)
    expect((await again).map(({ meta }) => meta).sort()).toEqual(['car', 'desk'])
    expect(phone.isTracked).toBe(false)
  })

  it('what came and went between two tellings is not spoken of', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    const local = mirrorOf(a!)
    await net.advance(10)
    const short = a!.presence.track('room', 'short')
    const long = a!.presence.track('room', 'long', 1)
    short.untrack()
    long.update(2)
    long.update(3)
    await net.advance(20)
    for (const each of [mirror, local]) {
      expect(each.faults).toEqual([])
      expect(changesOf(each.events)).toEqual(['+long'])
      expect(each.lines()).toEqual([`${long.ref} long 3`])
      expect([...each.entries.values()][0]!.previousRef).toBeUndefined()
    }
  })

  it('a meta is what it was when it was tracked', async () => {
    const net = new PresenceNet()
    const a = await net.start()
    const meta = { seat: 1, at: new Date(5), tags: new Set(['x']) }
    a.presence.track('room', 'ann', meta)
    meta.seat = 2
    const listed = a.presence.list('room')
    await net.advance(5)
    expect((await listed)[0]!.meta).toEqual({ seat: 1, at: new Date(5), tags: new Set(['x']) })
  })

  it('nobody hears of topics that it does not watch', async () => {
    const net = new PresenceNet()
    const [a, , c] = await net.startAll(3)
    const mirror = mirrorOf(c!, 'other')
    await net.advance(10)
    const from = net.net.trace.length
    for (let i = 0; i < 100; i++) a!.presence.track('room', `${i}`)
    await net.advance(1_000)
    expect(net.net.trace.slice(from)).toEqual([])
    expect(mirror.entries.size).toBe(0)
  })

  it('a quiet network says nothing', async () => {
    const net = new PresenceNet()
    const nodes = await net.startAll(4)
    for (const node of nodes) mirrorOf(node)
    for (const node of nodes) node.presence.track('room', node.node.self)
    await net.advance(10_000)
    const from = net.net.trace.length
    await net.advance(600_000)
    expect(net.net.trace.slice(from)).toEqual([])
  })

  it('a change is encoded once and sent to each watcher once', async () => {
    const net = new PresenceNet()
    const nodes = await net.startAll(6)
    for (const node of nodes) mirrorOf(node)
    nodes[0]!.presence.track('room', 'first')
    await net.advance(5_000)
    const from = net.net.trace.length
    nodes[0]!.presence.track('room', 'second')
    await net.advance(5_000)
    const sent = net.net.trace.slice(from)
    expect(sent.filter(({ type }) => type === WireType.presenceDelta)).toHaveLength(5)
    expect(sent.filter(({ type }) => type === WireType.presenceState)).toHaveLength(5)
    expect(sent).toHaveLength(10)
  })

  it('a loop that reads slowly gets the difference as one', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const stream = b!.presence.watch('room')
    const read = stream[Symbol.asyncIterator]()
    await net.advance(10)
    expect((await read.next()).value).toMatchObject({ type: 'snapshot', entries: [] })
    const one = a!.presence.track('room', 'one', 1)
    const two = a!.presence.track('room', 'two')
    await net.advance(20)
    one.update(2)
    two.untrack()
    await net.advance(20)
    const { value } = await read.next()
    expect(changesOf([value as PresenceEvent])).toEqual(['+one'])
    const waiting = read.next()
    one.untrack()
    await net.advance(20)
    expect(changesOf([(await waiting).value as PresenceEvent])).toEqual(['-one'])
    const last = read.next()
    stream.close()
    expect(await last).toEqual({ done: true, value: undefined })
    expect(await read.next()).toEqual({ done: true, value: undefined })
    expect(b!.presence.stats().watches).toBe(0)
  })

  it('leaving the loop closes the watch', async () => {
    const net = new PresenceNet()
    const a = await net.start()
    const stream = a.presence.watch('room')
    const looping = (async () => {
      for await (const event of stream) return event.type
      return 'none'
    })()
    await net.advance(10)
    expect(await looping).toBe('snapshot')
    expect(stream.closed).toBe(true)
  })

  it('a handler that throws is counted and goes on', async () => {
    const net = new PresenceNet()
    const a = await net.start()
    let calls = 0
    a.presence.watch('room', () => {
      calls += 1
      throw new Error('no')
    })
    a.presence.watch('room', () => Promise.reject(new Error('no')))
    await net.advance(10)
    a.presence.track('room', 'ann')
    await net.advance(10)
    expect(calls).toBe(2)
    expect(a.node.refusals.counters()['ERR_PRESENCE_HANDLER']).toBe(4)
  })

  it('a watch that is closed hears nothing more, also from its own handler', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    let calls = 0
    const watch = b!.presence.watch('room', () => {
      calls += 1
      watch.close()
      a!.presence.track('room', 'another')
    })
    await net.advance(10)
    a!.presence.track('room', 'ann')
    await net.advance(100)
    expect(calls).toBe(1)
    expect(watch.closed).toBe(true)
  })

  it('a topic that nobody watches any more is forgotten after a while', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const watch = b!.presence.watch('room', () => {})
    a!.presence.track('room', 'ann')
    await net.advance(100)
    expect(b!.presence.stats()).toMatchObject({ known: 1, topics: 1, watches: 1 })
    watch.close()
    await net.advance(31_000)
    expect(b!.presence.stats()).toEqual({ own: 0, known: 0, topics: 0, watches: 0, missing: 0 })
    expect(Array.from(b!.node.catalog.own())).toEqual([])
    const from = net.net.trace.length
    a!.presence.track('room', 'bob')
    await net.advance(100)
    expect(net.net.trace.slice(from)).toEqual([])
    const mirror = mirrorOf(b!)
    await net.advance(100)
    expect(mirror.keys()).toEqual(['ann', 'bob'])
  })

  it('a list waits for who has not told, and no longer than it may', async () => {
    const net = new PresenceNet({ latencyMs: 50 })
    const [a, b] = await net.startAll(2)
    a!.presence.track('room', 'ann')
    await net.advance(200)
    const listed = b!.presence.list('room')
    await net.advance(200)
    expect((await listed).map(({ key }) => key)).toEqual(['ann'])
    net.net.cut(a!.node, b!.node)
    a!.presence.track('hall', 'ann')
    b!.node.catalog.learn({
      ...{ kind: 'topic', pattern: '$presence.tracks.hall', node: a!.node.self, via: undefined },
      ...{ detail: {}, sinceMs: 0 },
    })
    let event: PresenceEvent | undefined
    b!.presence.watch('hall', (said) => void (event ??= said), { timeoutMs: 500 })
    await net.advance(499)
    expect(event).toBeUndefined()
    await net.advance(1)
    expect(event).toMatchObject({ type: 'snapshot', entries: [], isComplete: false })
    const aborting = new AbortController()
    const aborted = b!.presence.list('hall', { signal: aborting.signal })
    aborting.abort(new Error('enough'))
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_PRESENCE_ABORTED' })
    expect(b!.presence.stats().watches).toBe(1)
  })

  it('a list and a loop end when the node stops, and a search that fails holds nobody up', async () => {
    const net = new PresenceNet()
    const [, b] = await net.startAll(2)
    const { catalog } = b!.node
    Object.assign(catalog, { isSought: () => false, seek: () => Promise.reject(new Error('no')) })
    const found = b!.presence.list('room')
    await net.advance(10)
    expect(await found).toEqual([])
    Object.assign(catalog, { seek: () => new Promise(() => {}) })
    const listed = b!.presence.list('hall').catch((error: unknown) => error)
    const next = b!.presence.watch('hall')[Symbol.asyncIterator]().next()
    await b!.node.system.stop()
    b!.presence.stopped()
    expect(await listed).toMatchObject({ code: 'ERR_PRESENCE_ABORTED' })
    expect(await next).toMatchObject({ done: true })
    expect(b!.presence.stats().watches).toBe(0)
  })

  it('waits for the search of others before it says that all is there', async () => {
    const net = new PresenceNet()
    const [, b] = await net.startAll(2)
    b!.node.catalog.sought = false
    b!.node.catalog.seekMs = 300
    const mirror = mirrorOf(b!)
    await net.advance(299)
    expect(mirror.events).toEqual([])
    await net.advance(1)
    expect(mirror.events).toMatchObject([{ type: 'snapshot', isComplete: true }])
  })
})

describe('ends', () => {
  it('PS14 ML6 the end of its process untracks an entry at once', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    const { system } = a!.node
    const pid = system.spawn(async ({ receive }) => void (await receive()))
    const tracked = a!.presence.track('room', 'ann', null, { process: pid })
    a!.presence.track('room', 'ann too', null, { process: pid })
    const untracked = a!.presence.track('room', 'gone before', null, { process: pid })
    untracked.untrack()
    await net.advance(50)
    expect(mirror.keys()).toEqual(['ann', 'ann too'])
    system.exit(pid, 'killed')
    await net.advance(20)
    expect(mirror.keys()).toEqual([])
    expect(tracked.isTracked).toBe(false)
    expect(codeOf(() => tracked.update(null))).toBe('ERR_PRESENCE_UNTRACKED')
    expect(a!.presence.stats().own).toBe(0)
    expect(a!.context.memory.ties.size).toBe(0)
    const dead = { process: pid }
    expect(codeOf(() => a!.presence.track('room', 'x', null, dead))).toBe('ERR_PRESENCE_PROCESS')
    expect(codeOf(() => a!.presence.watch('room', pid))).toBe('ERR_PRESENCE_PROCESS')
  })

  it('ML6 a process that watches gets messages, and its end ends the watch', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const got: PresenceMessage[] = []
    const pid = b!.node.system.spawn(async ({ receive }) => {
      for (;;) {
        const message = (await receive()) as unknown
        if (message === 'stop') return
        got.push(message as PresenceMessage)
      }
    })
    b!.presence.watch('room', pid)
    await net.advance(10)
    a!.presence.track('room', 'ann')
    await net.advance(20)
    expect(got.map(({ type, topic }) => `${type} ${topic}`)).toEqual([
      'presence room',
      'presence room',
    ])
    expect(changesOf(got.map(({ event }) => event))).toEqual(['+ann'])
    b!.node.system.send(pid, 'stop')
    await net.advance(10)
    expect(b!.presence.stats().watches).toBe(0)
  })

  it('PS14 10,000 entries of a killed node leave within its detection and a second', async () => {
    const net = new PresenceNet()
    const [a, b, c] = await net.startAll(3)
    const mirrors = [mirrorOf(b!), mirrorOf(c!)]
    await net.advance(10)
    for (let i = 0; i < 10_000; i++) a!.presence.track('room', `user-${i}`, i)
    b!.presence.track('room', 'stays')
    await net.advance(1_000)
    for (const mirror of mirrors) expect(mirror.entries.size).toBe(10_001)
    await net.kill(a!, 3_000)
    await net.advance(2_999)
    for (const mirror of mirrors) expect(mirror.entries.size).toBe(10_001)
    await net.advance(2)
    for (const mirror of mirrors) {
      expect(mirror.keys()).toEqual(['stays'])
      expect(mirror.faults).toEqual([])
      const last = mirror.events.at(-1)!
      expect(last.type === 'diff' && last.leaves.length).toBe(10_000)
    }
    expect(c!.presence.stats()).toMatchObject({ known: 1, missing: 0 })
  })

  it('PS14 those of a node that stops leave within 200 ms', async () => {
    const net = new PresenceNet({ latencyMs: 50 })
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    for (let i = 0; i < 1_000; i++) a!.presence.track('room', `user-${i}`)
    await net.advance(500)
    expect(mirror.entries.size).toBe(1_000)
    const atMs = net.clock.now()
    await net.stop(a!)
    await net.advance(200 - (net.clock.now() - atMs))
    expect(mirror.entries.size).toBe(0)
    expect(mirror.faults).toEqual([])
  })

  it('PS14 no ghost is left by 50 restarts one after the other', async () => {
    const net = new PresenceNet()
    const nodes = [...(await net.startAll(3))]
    const watcher = await net.start()
    const mirror = mirrorOf(watcher)
    const track = ({ presence }: PresenceNode, at: number) =>
      ['x', 'y'].map((key) => presence.track('room', `${at} ${key}`))
    nodes.forEach(track)
    await net.advance(100)
    for (let i = 0; i < 50; i++) {
      const at = i % nodes.length
      const node = (nodes[at] = await net.restart(nodes[at]!))
      if (i % 7 !== 0) track(node, at)
      await net.advance(i % 3 === 0 ? 5 : 60)
    }
    for (const [at, node] of nodes.entries()) if (node.presence.stats().own === 0) track(node, at)
    await net.advance(5_000)
    expect(mirror.faults).toEqual([])
    expect(mirror.keys()).toEqual(['0 x', '0 y', '1 x', '1 y', '2 x', '2 y'])
    const lives = nodes.map(({ node }) => `${node.self.slice(0, 32)}.${node.incarnation}`)
    for (const { ref } of mirror.entries.values()) {
      expect(lives).toContain(ref.slice(0, ref.lastIndexOf('.')))
    }
  })

  it('PS14 what a dead node had said does not come back with what was under way', async () => {
    const net = new PresenceNet({ latencyMs: 10 })
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    a!.presence.track('room', 'ann')
    await net.advance(100)
    const frames: Uint8Array[] = []
    const { courier } = b!.node
    const take = courier.take.bind(courier)
    courier.take = (_origin, frame) => void frames.push(frame)
    a!.presence.track('room', 'late')
    await net.advance(100)
    courier.take = take
    await net.kill(a!, 0)
    await net.advance(1)
    const origin = { node: a!.node.self, roles: [], path: 'relayed', via: undefined } as const
    for (const frame of frames) take(origin, frame)
    await net.advance(60_000)
    expect(frames.length).toBeGreaterThan(0)
    expect(mirror.keys()).toEqual([])
    expect(b!.node.refusals.counters()['ERR_PRESENCE_OUTLIVED']).toBe(frames.length)
  })

  it('a node that was taken for dead is there again when it is back', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    const ann = a!.presence.track('room', 'ann')
    await net.advance(100)
    b!.node.catalog.forget(a!.node.self)
    b!.node.courier.gone(a!.node.self, 'down')
    expect(mirror.keys()).toEqual([])
    await net.advance(1_000)
    for (const entry of a!.node.catalog.own()) b!.node.catalog.learn(entry)
    await net.advance(1_000)
    expect(mirror.lines()).toEqual([`${ann.ref} ann null`])
    expect(mirror.faults).toEqual([])
  })

  it('a node that was only out of reach is asked again, though nobody says that it is back', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    a!.presence.track('room', 'ann')
    await net.advance(100)
    b!.node.courier.gone(a!.node.self, 'unreachable')
    expect(mirror.keys()).toEqual([])
    await net.advance(31_000)
    expect(mirror.keys()).toEqual(['ann'])
  })

  it.each([
    { reason: 'unreachable', isListed: true, knows: ['ann', 'bob'] },
    { reason: 'down', isListed: false, knows: ['ann'] },
  ] as const)(
    'PS14 who watches and is $reason is told again if it is listed still ($isListed)',
    async ({ reason, isListed, knows }) => {
      const net = new PresenceNet()
      const [a, b] = await net.startAll(2)
      const mirror = mirrorOf(b!)
      a!.presence.track('room', 'ann')
      await net.advance(100)
      if (!isListed) a!.node.catalog.forget(b!.node.self)
      a!.node.courier.gone(b!.node.self, reason)
      a!.presence.track('room', 'bob')
      await net.advance(31_000)
      expect([mirror.keys(), mirror.faults]).toEqual([knows, []])
    },
  )

  it('a restarted process of presence goes on, on either side', async () => {
    const net = new PresenceNet()
    const nodes = await net.startAll(2)
    const [first, second] = nodes
    const mirror = mirrorOf(second!)
    const ann = first!.presence.track('room', 'ann')
    await net.advance(100)
    const crashed = await net.crash(first!)
    ann.update('after')
    first!.presence.track('room', 'bob')
    await net.advance(2_000)
    expect(mirror.keys()).toEqual(['ann', 'bob'])
    second!.node.system.exit(second!.server.pid, 'killed')
    await net.advance(10)
    const taken = second!.node.courier.take
    second!.node.courier.take = () => {}
    ann.untrack()
    await net.advance(100)
    second!.node.courier.take = taken
    await net.crash(second!)
    await net.advance(5_000)
    expect(mirror.keys()).toEqual(['bob'])
    expect(mirror.faults).toEqual([])
    expect(crashed.presence.stats().own).toBe(1)
  })
})

describe('repair', () => {
  it('a delta that does not go on where the last one ended is not taken, and what is missing is asked for', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    a!.presence.track('room', 'first')
    await net.advance(1_000)
    net.net.loses = ({ type }) => type === WireType.presenceDelta
    a!.presence.track('room', 'lost')
    await net.advance(50)
    net.net.loses = () => false
    expect(mirror.keys()).toEqual(['first'])
    const from = net.net.trace.length
    a!.presence.track('room', 'second')
    await net.advance(50)
    expect(mirror.keys()).toEqual(['first', 'lost', 'second'])
    expect(mirror.faults).toEqual([])
    const types = net.net.trace.slice(from).map(({ type }) => type)
    const { presenceDelta, presenceState, presenceSnapshot } = WireType
    expect(types.slice(0, 3)).toEqual([presenceDelta, presenceState, presenceDelta])
    expect(types).not.toContain(presenceSnapshot)
  })

  it('the last change, when it is lost, is told again without another one', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    const ann = a!.presence.track('room', 'ann')
    await net.advance(1_000)
    net.net.loses = ({ type }) => PRESENCE_TYPES.has(type)
    ann.untrack()
    await net.advance(10_000)
    expect(mirror.keys()).toEqual([])
    net.net.loses = () => false
    await net.advance(20_000)
    expect(mirror.keys()).toEqual([])
    expect(a!.context.memory.owner.topics.size).toBe(0)
  })

  it('who missed more than is remembered gets everything', async () => {
    const net = new PresenceNet({ presence: { logMax: 8 } })
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    const all = Array.from({ length: 10 }, (_, i) => a!.presence.track('room', `${i}`))
    await net.advance(1_000)
    net.net.loses = ({ type }) => PRESENCE_TYPES.has(type)
    for (const tracked of all.slice(0, 9)) tracked.untrack()
    for (let i = 0; i < 20; i++) a!.presence.track('room', `new ${i}`)
    await net.advance(100)
    net.net.loses = () => false
    const from = net.net.trace.length
    await net.advance(5_000)
    expect(mirror.entries.size).toBe(21)
    expect(mirror.faults).toEqual([])
    const types = net.net.trace.slice(from).map(({ type }) => type)
    expect(types.filter((type) => type === WireType.presenceSnapshot)).toHaveLength(1)
  })

  it('a part of a snapshot that is lost is asked for again', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    for (let i = 0; i < 3_000; i++) a!.presence.track('room', `user-${i}`, 'x'.repeat(40))
    await net.advance(100)
    let parts = 0
    net.net.loses = ({ type }) => type === WireType.presenceSnapshot && ++parts === 2
    const mirror = mirrorOf(b!)
    await net.advance(900)
    expect(mirror.events).toEqual([])
    await net.advance(1_100)
    expect(mirror.entries.size).toBe(3_000)
    expect(mirror.events[0]).toMatchObject({ type: 'snapshot', isComplete: true })
  })

  it('a topic that ended and began again within one life is told rightly to who missed that', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = mirrorOf(b!)
    const old = a!.presence.track('room', 'old')
    await net.advance(1_000)
    net.net.loses = ({ type }) => PRESENCE_TYPES.has(type)
    old.untrack()
    await net.advance(120_000)
    expect(a!.context.memory.owner.topics.size).toBe(0)
    a!.presence.track('room', 'new')
    await net.advance(100)
    net.net.loses = () => false
    a!.presence.track('room', 'newer')
    await net.advance(1_000)
    expect(mirror.keys()).toEqual(['new', 'newer'])
    expect(mirror.faults).toEqual([])
  })

  it('ML6 who tracks looks only for those who watch, and who watches only for those who track', async () => {
    const net = new PresenceNet({ presence: { seekIntervalMs: 1_000 } })
    const [a] = await net.startAll(1)
    const { catalog } = a!.node
    const sought: string[] = []
    Object.assign(catalog, {
      isSought: () => false,
      seek: (_kind: string, name: string) => {
        sought.push(name)
        return Promise.resolve()
      },
    })
    const own = (): string[] => Array.from(catalog.own(), ({ pattern }) => pattern).sort()
    const entry = a!.presence.track('room', 'ann')
    await net.advance(1_500)
    expect(own()).toEqual(['$presence.tracks.room'])
    expect(sought.splice(0)).toEqual(['$presence.watches.room', '$presence.watches.room'])
    const watch = a!.presence.watch('room', () => {})
    await net.advance(1_000)
    expect(own()).toEqual(['$presence.tracks.room', '$presence.watches.room'])
    expect(sought.splice(0).sort()).toEqual([
      ...['$presence.tracks.room', '$presence.tracks.room', '$presence.watches.room'],
    ])
    entry.untrack()
    await net.advance(1_000)
    expect(own()).toEqual(['$presence.watches.room'])
    expect(sought.splice(0)).toEqual(['$presence.tracks.room'])
    watch.close()
    await net.advance(31_000)
    expect(own()).toEqual([])
  })

  it('filters that the catalog made wider still find watchers and trackers', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const wide = { kind: 'topic', pattern: '$presence.**', via: undefined, sinceMs: 0 } as const
    const mirror = mirrorOf(b!)
    a!.presence.track('room', 'ann')
    for (const [at, of] of [
      [a!, b!],
      [b!, a!],
    ] as const) {
      at.node.catalog.forget(of.node.self)
      at.node.catalog.learn({ ...wide, node: of.node.self, detail: {} })
    }
    await net.advance(1_000)
    a!.presence.track('room', 'bob')
    await net.advance(1_000)
    expect(mirror.keys()).toEqual(['ann', 'bob'])
    expect(linesOf(mirror.entries.values())).toHaveLength(2)
  })
})
