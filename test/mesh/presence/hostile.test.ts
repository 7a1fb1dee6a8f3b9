import { describe, expect, it } from 'vitest'
import { encodePresence } from '../../../mesh/presence/wire.ts'
import type { PresenceWireMessage } from '../../../mesh/presence/wire.ts'
import { encodeFrame, HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { codeOf } from '../wire/bytes.ts'
import { Mirror, PresenceNet } from './presence-net.ts'
import type { PresenceNode } from './presence-net.ts'

const { presenceDelta, presenceSnapshot, presenceState } = WireType

/** A node that watches, one that is honest, and one that says whatever it likes. */
async function world(options: ConstructorParameters<typeof PresenceNet>[0] = {}) {
  const net = new PresenceNet(options)
  const [honest, victim, enemy] = (await net.startAll(3)) as [
    PresenceNode,
    PresenceNode,
    PresenceNode,
  ]
  const mirror = new Mirror()
  victim.presence.watch('room', mirror.take)
  honest.presence.track('room', 'honest')
  await net.advance(200)
  const { courier, codec, values } = enemy.node
  const raw = (type: number, value: unknown): void =>
    void courier.send(victim.node.self, 'pubsub', codec.encodeFrame(type, value))
  const say = (message: PresenceWireMessage): void =>
    void courier.send(victim.node.self, 'pubsub', encodePresence(message, codec))
  const counters = (): Record<string, number> => victim.node.refusals.counters()
  return { net, honest, victim, enemy, mirror, raw, say, counters, meta: values.encode(null) }
}

describe('H30 messages that are none', () => {
  it('H30 are counted, change nothing, and end nothing', async () => {
    const { net, victim, mirror, raw, counters, meta } = await world()
    const long = 'x'.repeat(2_000)
    const broken: readonly (readonly [number, unknown])[] = [
      [presenceDelta, null],
      [presenceDelta, {}],
      [presenceDelta, []],
      [presenceDelta, ['room', 0, 0, 1, [1, 0, 'k', meta]]],
      [presenceDelta, ['room', -1, 0, 1, []]],
      [presenceDelta, ['room', 1.5, 0, 1, []]],
      [presenceDelta, ['room', 1, 5, 4, []]],
      [presenceDelta, ['a..b', 1, 0, 1, []]],
      [presenceDelta, ['room.*', 1, 0, 1, []]],
      [presenceDelta, [long, 1, 0, 1, []]],
      [presenceDelta, ['room', 1, 0, 1, [1, 0, 'k']]],
      [presenceDelta, ['room', 1, 0, 1, [2, 0, 'k', meta]]],
      [presenceDelta, ['room', 1, 0, 3, [2, 0, 'k', meta, 1, 0, 'l', meta]]],
      [presenceDelta, ['room', 1, 0, 1, [1, 1, 'k', meta]]],
      [presenceDelta, ['room', 1, 0, 1, [1, 0, null, null]]],
      [presenceDelta, ['room', 1, 0, 1, [1, 0, '', meta]]],
      [presenceDelta, ['room', 1, 0, 1, [1, 0, long, meta]]],
      [presenceDelta, ['room', 1, 0, 1, [1, 0, 'k', 'text']]],
      [presenceDelta, ['room', 1, 0, 1, [1, 0, 'k', new Uint8Array(5_000)]]],
      [presenceDelta, ['room', 1, 0, 1, [1, 0, 'k', Uint8Array.of(0xc1)]]],
      [presenceSnapshot, ['room', 1, 1, 0, 0, []]],
      [presenceSnapshot, ['room', 1, 1, 2, 2, []]],
      [presenceSnapshot, ['room', 1, 1, 0, 1_000_000, []]],
      [presenceSnapshot, ['room', 1, 1, 0, 1, [2, 'k', meta]]],
      [presenceSnapshot, ['room', 1, 1, 0, 1, [1, 'k']]],
      [presenceSnapshot, ['room', 1, 1, 0, 1, [1, 'k', Uint8Array.of(0xc1)]]],
      [presenceState, ['room', 1, 1, 3]],
      [presenceState, ['room', 1]],
    ]
    for (const [type, value] of broken) raw(type, value)
    await net.advance(1_000)
    expect(counters()['ERR_PRESENCE_MESSAGE_INVALID']).toBe(broken.length)
    expect(mirror.keys()).toEqual(['honest'])
    expect(mirror.faults).toEqual([])
    expect(victim.presence.stats().known).toBe(1)
    expect(victim.node.system.process(victim.server.pid)).toBeDefined()
  })

  it('H30 truncated anywhere are counted and change nothing', async () => {
    const { net, victim, mirror, say, counters, meta, enemy } = await world()
    const { codec, courier, self } = enemy.node
    const head = { topic: 'room', life: 1 } as const
    const entries = [{ version: 1, key: 'k', meta }]
    const changes = [{ version: 1, removed: 0, key: 'k', meta }]
    const messages: readonly PresenceWireMessage[] = [
      { type: 'delta', ...head, from: 0, to: 1, changes },
      { type: 'snapshot', ...head, version: 1, part: 0, parts: 1, entries },
      { type: 'state', ...head, version: 1, word: 'has' },
    ]
    let told = 0
    for (const message of messages) {
      const frame = encodePresence(message, codec)
      for (let length = HEADER_BYTES; length < frame.length; length++) {
        const cut = encodeFrame(frame[1]!, frame.subarray(HEADER_BYTES, length))
        courier.send(victim.node.self, 'pubsub', cut)
        told += 1
      }
    }
    await net.advance(100)
    expect(counters()['ERR_PRESENCE_MESSAGE_INVALID']).toBe(told)
    expect(mirror.keys()).toEqual(['honest'])
    say(messages[1]!)
    await net.advance(100)
    expect(mirror.keys()).toEqual(['honest', 'k'])
    expect([...mirror.entries.values()].filter(({ node }) => node === self)).toHaveLength(1)
  })

  it('H30 nobody can speak for another node', async () => {
    const { net, honest, victim, mirror, say } = await world()
    const [{ ref }] = [...mirror.entries.values()] as unknown as [{ ref: string }]
    const version = Number(ref.split('.').at(-1))
    const changes = [{ version: version + 1, removed: version, key: undefined, meta: undefined }]
    say({ type: 'delta', topic: 'room', life: 1, from: version, to: version + 1, changes })
    say({ type: 'snapshot', topic: 'room', life: 9, version: 99, part: 0, parts: 1, entries: [] })
    await net.advance(1_000)
    expect(mirror.keys()).toEqual(['honest'])
    expect(honest.presence.stats().own).toBe(1)
    expect(victim.presence.stats().known).toBe(1)
  })

  it('H30 who claims to be far ahead is asked, later each time', async () => {
    const { net, mirror, say, victim, enemy } = await world()
    enemy.node.courier.take = () => {}
    const to = Number.MAX_SAFE_INTEGER
    say({ type: 'delta', topic: 'room', life: 1, from: to, to, changes: [] })
    await net.advance(5)
    const from = net.net.trace.length
    await net.advance(120_000)
    const asked = net.net.trace.slice(from).filter((frame) => frame.from === victim.node.self)
    expect(asked.length).toBeLessThan(12)
    expect(mirror.keys()).toEqual(['honest'])
  })

  it('H30 who tells of topics that nobody watches is told so, and nothing is kept', async () => {
    const { net, victim, say, counters } = await world()
    for (let i = 0; i < 500; i++) {
      const topic = `unwatched.${i}`
      say({ type: 'delta', topic, life: 1, from: 0, to: 0, changes: [] })
    }
    await net.advance(1_000)
    expect(counters()['ERR_PRESENCE_UNWANTED']).toBe(500)
    expect(victim.presence.stats()).toMatchObject({ topics: 1, known: 1, missing: 0 })
  })

  it('H30 parts of snapshots that never become whole are one at a time', async () => {
    const { net, mirror, say, meta } = await world()
    for (let version = 1; version <= 200; version++) {
      const entries = [{ version, key: 'k', meta }]
      say({ type: 'snapshot', topic: 'room', life: 1, version, part: 0, parts: 60_000, entries })
    }
    await net.advance(1_000)
    expect(mirror.keys()).toEqual(['honest'])
  })

  it('H30 parts of a snapshot that never becomes whole keep no more entries than a node may have', async () => {
    const { net, mirror, say, counters, meta } = await world({ presence: { nodeEntriesMax: 20 } })
    const head = { type: 'snapshot', topic: 'room', life: 1, version: 1_000, parts: 200 } as const
    for (let part = 0; part < 199; part++) {
      const entries = [{ version: part + 1, key: `k${part}`, meta }]
      say({ ...head, part, entries })
    }
    await net.advance(10)
    expect(counters()['ERR_PRESENCE_REMOTE_MAX']).toBe(179)
    expect(mirror.keys()).toEqual(['honest'])
    say({ ...head, part: 199, entries: [] })
    await net.advance(10)
    expect(mirror.keys()).toHaveLength(21)
    expect(mirror.faults).toEqual([])
  })

  it('H30 a node may tell as many entries as it may have here, and no more', async () => {
    const { net, victim, mirror, say, counters, meta } = await world({
      presence: { nodeEntriesMax: 3, remoteEntriesMax: 4 },
    })
    const entry = (version: number) => ({ version, key: `enemy ${version}`, meta })
    const head = { type: 'snapshot', topic: 'room', life: 1, part: 0, parts: 1 } as const
    say({ ...head, version: 3, entries: [1, 2, 3].map(entry) })
    await net.advance(10)
    expect(victim.presence.stats().known).toBe(4)
    expect(counters()['ERR_PRESENCE_REMOTE_MAX']).toBeUndefined()
    say({ ...head, version: 4, entries: [1, 2, 3, 4].map(entry) })
    await net.advance(10)
    expect(counters()['ERR_PRESENCE_REMOTE_MAX']).toBe(1)
    expect(mirror.keys()).toEqual(['enemy 1', 'enemy 2', 'enemy 3', 'honest'])
    victim.node.courier.gone(mirror.entries.values().next().value!.node, 'down')
    expect(mirror.faults).toEqual([])
  })

  it('H30 a flood of messages and of questions is bounded, others are served', async () => {
    const { net, honest, victim, enemy, mirror, counters, say } = await world({
      presence: { messagesPerSecondMax: 100, answerBytesPerSecondMax: 65_536 },
    })
    victim.presence.track('big', 'x')
    for (let i = 0; i < 300; i++) victim.presence.track('big', `${i}`, 'x'.repeat(100))
    await net.advance(2_000)
    const { length } = net.net.trace
    for (let i = 0; i < 90; i++) {
      say({ type: 'state', topic: 'big', life: 0, version: 0, word: 'wants' })
    }
    await net.advance(20)
    const answered = net.net.trace
      .slice(length)
      .filter(({ type, to }) => type === presenceSnapshot && to === enemy.node.self)
      .reduce((sum, { bytes }) => sum + bytes, 0)
    expect(answered).toBeLessThan(2 * 65_536)
    expect(counters()['ERR_PRESENCE_FLOOD']).toBeGreaterThan(80)
    await net.advance(1_000)
    for (let i = 0; i < 1_000; i++) {
      say({ type: 'state', topic: 'room', life: 1, version: 1, word: 'has' })
    }
    honest.presence.track('room', 'another')
    await net.advance(500)
    expect(counters()['ERR_PRESENCE_FLOOD']).toBeGreaterThan(900)
    expect(mirror.keys()).toEqual(['another', 'honest'])
  })

  it('R1 the policy of the realm says who may tell', async () => {
    const net = new PresenceNet()
    const [a, b] = await net.startAll(2)
    const mirror = new Mirror()
    Object.assign(b!.context, { isGranted: () => false })
    Object.assign(b!.node, { isGranted: () => false })
    b!.presence.watch('room', mirror.take)
    a!.presence.track('room', 'ann')
    await net.advance(3_000)
    expect(mirror.keys()).toEqual([])
    expect(b!.node.refusals.counters()['ERR_PRESENCE_UNAUTHORIZED']).toBeGreaterThan(0)
  })
})

describe('H30 what an application asks for', () => {
  it('H30 keys, metas and topics are checked, at the limit and beyond', async () => {
    const net = new PresenceNet({
      presence: { keyBytesMax: 8, metaBytesMax: 16, ownEntriesMax: 3 },
    })
    const { presence } = await net.start()
    const code = (topic: unknown, key: unknown, meta?: unknown, options?: object) =>
      codeOf(() => presence.track(topic as string, key as string, meta, options))
    expect(code('room', '12345678', 'x'.repeat(15))).toBe('nothing')
    expect(code('room', '123456789')).toBe('ERR_PRESENCE_KEY_INVALID')
    expect(code('room', 'ääää')).toBe('nothing')
    expect(code('room', 'ääääa')).toBe('ERR_PRESENCE_KEY_INVALID')
    expect(code('room', '')).toBe('ERR_PRESENCE_KEY_INVALID')
    expect(code('room', 5)).toBe('ERR_PRESENCE_KEY_INVALID')
    expect(code('room', 'k', 'x'.repeat(16))).toBe('ERR_PRESENCE_META_TOO_LARGE')
    expect(code('room', 'k', () => {})).toBe('ERR_PRESENCE_META_INVALID')
    expect(code('room.*', 'k')).toBe('ERR_TOPIC_INVALID')
    expect(code('x'.repeat(1_007), 'k')).toBe('ERR_TOPIC_TOO_LONG')
    expect(code('room', 'k', 1, { ttl: 1 })).toBe('ERR_OPTION_UNKNOWN')
    const last = presence.track('x'.repeat(1_006), 'k')
    expect(code('room', 'k')).toBe('ERR_PRESENCE_ENTRIES_MAX')
    expect(() => presence.track('room', 'k')).toThrow(
      "'k' in 'room' is not tracked: this node tracks 3 entries already, at most ownEntriesMax (3) may be",
    )
    expect(codeOf(() => last.update('x'.repeat(20)))).toBe('ERR_PRESENCE_META_TOO_LARGE')
    expect(last.isTracked).toBe(true)
    last.untrack()
    expect(code('room', 'k')).toBe('nothing')
    expect(presence.stats().own).toBe(3)
  })

  it('H30 as many watches as may be, and no more', async () => {
    const net = new PresenceNet({ presence: { watchesMax: 2 } })
    const { presence } = await net.start()
    const watch = presence.watch('room', () => {})
    presence.watch('hall')
    expect(codeOf(() => presence.watch('room'))).toBe('ERR_PRESENCE_WATCHES_MAX')
    await expect(presence.list('room')).rejects.toMatchObject({ code: 'ERR_PRESENCE_WATCHES_MAX' })
    watch.close()
    expect(codeOf(() => presence.watch('room'))).toBe('nothing')
    await expect(presence.list('room.*')).rejects.toMatchObject({ code: 'ERR_TOPIC_INVALID' })
  })

  it('what the catalog refuses changes nothing', async () => {
    const net = new PresenceNet()
    const { node, presence, context } = await net.start()
    const set = node.catalog.set.bind(node.catalog)
    node.catalog.set = () => {
      throw new Error('full')
    }
    expect(() => presence.track('room', 'ann')).toThrow('full')
    expect(() => presence.watch('room', () => {})).toThrow('full')
    expect(presence.stats()).toEqual({ own: 0, known: 0, watches: 0, topics: 0, missing: 0 })
    node.catalog.set = set
    presence.track('room', 'ann')
    await net.advance(10)
    expect(Array.from(context.memory.announcer.topics())).toEqual(['room'])
  })
})
