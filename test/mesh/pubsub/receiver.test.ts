import { describe, expect, it } from 'vitest'
import type { Origin } from '../../../mesh/courier/courier.ts'
import { encodeAcknowledgement, encodePublish } from '../../../mesh/pubsub/wire.ts'
import type { Acknowledgement, PublishFrame } from '../../../mesh/pubsub/wire.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { encodeFrame, HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import type { PubSubNode } from './pubsub-net.ts'
import { collect, failureOf, PubSubNet } from './pubsub-net.ts'

const codec = new Codec()
const PEER: Origin = { node: 'f'.repeat(64), roles: [], path: 'direct', via: undefined }

const MESSAGE: PublishFrame = {
  topic: 'x',
  sequence: 1,
  place: undefined,
  requestId: undefined,
  isReply: false,
  stampMs: undefined,
  isReplay: false,
  headers: undefined,
  groups: undefined,
  payload: codec.encode('hello'),
}

/** One node that subscribes to `x`, and a peer that says what it likes. */
async function withPeer(options: ConstructorParameters<typeof PubSubNet>[0] = {}) {
  const net = new PubSubNet(options)
  const node = await net.start()
  const got = collect()
  node.pubsub.subscribe('x', got.handler)
  const say = (fields: Partial<PublishFrame>): void =>
    node.node.courier.take(PEER, encodePublish({ ...MESSAGE, ...fields }, codec))
  const sayBytes = (bytes: Uint8Array, type: number = WireType.publish): void =>
    node.node.courier.take(PEER, encodeFrame(type, bytes))
  return { net, node, got, say, sayBytes }
}

function counted({ node }: PubSubNode): Record<string, number> {
  return node.refusals.counters()
}

describe('hostile messages', () => {
  it('H12 truncated anywhere, or with any bit flipped, are counted or delivered, and never more', async () => {
    const { node, got, say, sayBytes } = await withPeer()
    const full = encodePublish(
      {
        ...MESSAGE,
        place: { session: 1, number: 1, previous: 0 },
        stampMs: 5,
        headers: { a: 1 },
        groups: ['x g'],
      },
      codec,
    ).subarray(HEADER_BYTES)
    for (let length = 0; length < full.length - MESSAGE.payload.length; length++) {
      sayBytes(full.slice(0, length))
    }
    expect(got.payloads).toEqual([])
    for (let bit = 0; bit < full.length * 8; bit++) {
      const bytes = new Uint8Array(full)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      sayBytes(bytes)
    }
    expect(counted(node)['ERR_PUBSUB_MESSAGE_INVALID']).toBeGreaterThan(full.length)
    say({})
    expect(got.payloads.at(-1)).toBe('hello')
  })

  it('H12 acknowledgements truncated anywhere are counted and change nothing', async () => {
    const { node, sayBytes } = await withPeer()
    const messages: readonly Acknowledgement[] = [
      { type: 'state', session: 7, next: 2 ** 40, unsettled: [1, 2], held: [9, 300] },
      { type: 'unwanted', topic: 'x', requestId: 9 },
      { type: 'wanted' },
      { type: 'denied', session: 2 ** 40 },
    ]
    let told = 0
    for (const message of messages) {
      const bytes = encodeAcknowledgement(message, codec).subarray(HEADER_BYTES)
      for (let length = 0; length < bytes.length; length++) {
        sayBytes(bytes.slice(0, length), WireType.puback)
        told += 1
      }
    }
    expect(counted(node)['ERR_PUBSUB_MESSAGE_INVALID']).toBe(told)
    expect(await node.pubsub.publish('x', 1)).toMatchObject({ local: 1 })
  })

  it('H30 with topics that are none are counted: wildcards, 64 KiB, many levels', async () => {
    const { node, got, say } = await withPeer()
    const topics = ['', '*', 'a.*', '**', 'a..b', 'x'.repeat(65_000), 'a.'.repeat(500) + 'a', 'a b']
    for (const topic of topics) say({ topic })
    expect(counted(node)).toMatchObject({ ERR_PUBSUB_MESSAGE_INVALID: topics.length })
    expect(got.payloads).toEqual([])
  })

  it('ML24 with payloads that cannot be decoded, or are too large, are counted, and acknowledged all the same', async () => {
    const { net, node, got, say } = await withPeer({ pubsub: { payloadBytesMax: 100 } })
    say({ payload: new Uint8Array([0xc1]) })
    say({ payload: new Uint8Array(0) })
    say({ payload: codec.encode('x'.repeat(98)) })
    say({ payload: codec.encode('x'.repeat(99)) })
    say({ payload: new Uint8Array([0xc1]), place: { session: 7, number: 1, previous: 0 } })
    say({ place: { session: 7, number: 2, previous: 1 } })
    await net.advance(1)
    expect(counted(node)).toMatchObject({
      ERR_PUBSUB_PAYLOAD_INVALID: 3,
      ERR_PUBSUB_PAYLOAD_TOO_LARGE: 1,
    })
    expect(got.payloads).toEqual(['x'.repeat(98), 'hello'])
    const answers = net.net.trace.filter(({ type }) => type === WireType.puback)
    expect(answers).toHaveLength(1)
  })

  it('of those who may not publish are counted, and fail at once at a publisher at least once', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const got = collect()
    b!.pubsub.subscribe('x', got.handler)
    await net.advance(5)
    let isGranted = false
    Object.assign(b!.context, { isGranted: () => isGranted })
    await a!.pubsub.publish('x', 1)
    const denied = a!.pubsub.publish('x', 2, { qos: 1 })
    const refused = failureOf(denied)
    await net.advance(10)
    expect(await refused).toMatchObject({
      code: 'ERR_PUBSUB_UNAUTHORIZED',
      nodes: [b!.node.self],
    })
    expect(counted(b!)).toMatchObject({ ERR_PUBSUB_UNAUTHORIZED: 2 })
    isGranted = true
    const granted = a!.pubsub.publish('x', 3, { qos: 1 })
    await net.advance(10)
    expect(await granted).toMatchObject({ nodes: 1 })
    expect(got.payloads).toEqual([3])
  })

  it('of a flood end at the door, and the next second is another one', async () => {
    const { net, node, got, say, sayBytes } = await withPeer({
      pubsub: { messagesPerSecondMax: 10 },
    })
    for (let i = 0; i < 25; i++) say({})
    expect(got.payloads).toHaveLength(10)
    expect(counted(node)).toMatchObject({ ERR_PUBSUB_FLOOD: 15 })
    sayBytes(codec.encode([2]), WireType.puback)
    expect(counted(node)).toMatchObject({ ERR_PUBSUB_FLOOD: 16 })
    await net.advance(1_001)
    say({})
    expect(got.payloads).toHaveLength(11)
  })

  it('H31 with numbers that are replayed are delivered once', async () => {
    const { net, node, got, say } = await withPeer()
    for (let i = 0; i < 5; i++) say({ place: { session: 1, number: 1, previous: 0 } })
    await net.advance(1)
    expect(got.payloads).toEqual(['hello'])
    expect(node.pubsub.stats()).toMatchObject({ duplicates: 4, sessions: 1 })
  })

  it('beyond the window are dropped and counted, whatever their sender thinks of it', async () => {
    const { node, got, say } = await withPeer({ pubsub: { windowMessagesMax: 4 } })
    for (let number = 10; number < 30; number++) {
      say({ place: { session: 1, number, previous: number - 1 } })
    }
    expect(counted(node)).toMatchObject({ ERR_PUBSUB_WINDOW: 12 })
    expect(got.payloads).toEqual([])
  })

  it('of more sessions than may be make the idlest forgotten', async () => {
    const { net, node, say } = await withPeer({
      pubsub: { sessionsPerPublisherMax: 3, sessionsMax: 3, sessionTtlMs: 100_000 },
    })
    for (let session = 1; session <= 10; session++) {
      say({ place: { session, number: 1, previous: 0 } })
    }
    expect(node.pubsub.stats().sessions).toBe(3)
    expect(counted(node)).toMatchObject({ ERR_PUBSUB_SESSIONS_MAX: 7 })
    await net.advance(200_000)
    expect(node.pubsub.stats().sessions).toBe(0)
  })

  it('of more sessions than may be leave those alone that are in use, whoever begins new ones', async () => {
    const { net, node, got } = await withPeer({
      pubsub: { sessionsMax: 3, sessionsPerPublisherMax: 2 },
    })
    const sayAs = (peer: string, session: number, number: number, payload: string): void => {
      const place = { session, number, previous: number - 1 }
      const frame = { ...MESSAGE, place, payload: codec.encode(payload) }
      node.node.courier.take({ ...PEER, node: peer.repeat(64) }, encodePublish(frame, codec))
    }
    sayAs('a', 1, 1, 'a1')
    sayAs('b', 1, 1, 'b1')
    await net.advance(1)
    sayAs('a', 1, 2, 'a2')
    for (let session = 2; session < 20; session++) sayAs('c', session, 1, `c${session}`)
    sayAs('a', 1, 3, 'a3')
    sayAs('a', 1, 2, 'a2')
    expect(got.payloads.filter((each) => String(each).startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
    expect(node.pubsub.stats().sessions).toBe(3)
  })

  it('MG10 that waited for their turn while there was no process of pub/sub are delivered by the next one', async () => {
    const net = new PubSubNet()
    const a = await net.start({ pubsub: { windowMessagesMax: 8 } })
    const b = await net.start({ pubsub: { windowMessagesMax: 1 } })
    const handled: unknown[] = []
    const proceed: (() => void)[] = []
    b.pubsub.subscribe(
      'x',
      ({ payload }) => {
        handled.push(payload)
        return new Promise<void>((resolve) => void proceed.push(resolve))
      },
      { concurrency: 10 },
    )
    await net.advance(5)
    let lost = 0
    net.net.loses = ({ type }) => type === WireType.publish && ++lost === 1
    const all = [1, 2, 3].map((i) => a.pubsub.publish('x', i, { qos: 1 }))
    await net.advance(1_000)
    expect(handled).toEqual([1, 2])
    b.node.system.exit(b.server.pid, 'killed')
    await net.advance(0)
    proceed.forEach((each) => each())
    await net.advance(1)
    expect(handled).toEqual([1, 2])
    await net.crash(b)
    expect(handled).toEqual([1, 2, 3])
    proceed.forEach((each) => each())
    await net.advance(20_000)
    expect(await Promise.all(all)).toHaveLength(3)
    expect(handled).toEqual([1, 2, 3])
  })

  it('that acknowledge what was never sent change nothing', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    b!.pubsub.subscribe('x', () => {})
    await net.advance(5)
    net.net.cut(a!.node, b!.node)
    void a!.pubsub.publish('x', 1, { qos: 1 })
    const state = { type: 'state', session: 1, next: 2 ** 40, unsettled: [], held: [] } as const
    for (const message of [
      state,
      { type: 'denied', session: 3 } as const,
      { type: 'unwanted', topic: 'never.heard', requestId: 5 } as const,
      { type: 'wanted' } as const,
    ]) {
      a!.node.courier.take(PEER, encodeAcknowledgement(message, codec))
    }
    for (const bad of [null, [], [9], [0, 1], [0, 1, 1, [3], []], [0, 1, 1, [5, 2], []], [1, 7]]) {
      a!.node.courier.take(PEER, encodeFrame(WireType.puback, codec.encode(bad)))
    }
    expect(a!.pubsub.stats().outbox).toBe(1)
    expect(counted(a!)).toMatchObject({ ERR_PUBSUB_MESSAGE_INVALID: 7 })
  })
})

describe('messages that nobody wants', () => {
  it('are answered, and the next ones stay away until something is wanted there', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    // The catalog of a is behind: it believes what b does not want any more.
    a!.node.catalog.learn({
      ...{ kind: 'topic', pattern: 'x.**', node: b!.node.self, via: undefined },
      ...{ detail: {}, sinceMs: 0 },
    })
    await a!.pubsub.publish('x.y', 1)
    await net.advance(5)
    expect(counted(b!)).toMatchObject({ ERR_PUBSUB_UNWANTED: 1 })
    expect(await a!.pubsub.publish('x.y', 2)).toMatchObject({ nodes: 0 })
    expect(await a!.pubsub.publish('x.z', 3)).toMatchObject({ nodes: 1 })
    await net.advance(11_000)
    expect(await a!.pubsub.publish('x.y', 4)).toMatchObject({ nodes: 1 })
    await net.advance(5)
    expect(await a!.pubsub.publish('x.y', 5)).toMatchObject({ nodes: 0 })
    const got = collect()
    net.net.cut(a!.node, b!.node)
    b!.pubsub.subscribe('x.y', got.handler)
    net.net.join(a!.node, b!.node)
    await net.advance(5)
    expect(await a!.pubsub.publish('x.y', 6)).toMatchObject({ nodes: 1 })
    await net.advance(5)
    expect(got.payloads).toEqual([6])
  })
})
