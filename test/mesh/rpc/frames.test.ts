import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callIdText } from '../../../mesh/rpc/call-id.ts'
import { RpcFrames, serviceFrame } from '../../../mesh/rpc/frames.ts'
import type { CallMessage, FailureKind, ReplyMessage } from '../../../mesh/rpc/frames.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { CodecError, MessageError } from '../../../mesh/wire/errors.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { RpcNet } from './rpc-net.ts'

const codec = new Codec()
const frames = new RpcFrames(codec)
const RUNS = { numRuns: 200, seed: 520 }
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(callIdText)
const body = fc.uint8Array({ maxLength: 40 })
/** Without its header, and no Buffer. */
const payloadOf = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset + HEADER_BYTES, length - HEADER_BYTES)

describe('frames of procedures', () => {
  it('calls and casts come out as they went in', () => {
    const message = fc.record<CallMessage>({
      id,
      procedure: fc.constantFrom('a', 'a.b', 'ümläut.x'),
      budgetMs: fc.nat(2_147_483_647),
      priority: fc.constantFrom(undefined, 'low', 'normal', 'high'),
      wantsProgress: fc.boolean(),
    })
    fc.assert(
      fc.property(message, body, (call, input) => {
        expect(frames.readCall(payloadOf(frames.call(call, input)))).toEqual({
          ...{ message: call, body: input },
        })
        const read = frames.readCast(payloadOf(frames.cast(call, input)))
        expect(read).toEqual({ message: { ...call, wantsProgress: false }, body: input })
      }),
      RUNS,
    )
  })

  it('answers and cancellations come out as they went in', () => {
    const number = fc.nat(4_294_967_295)
    const kind = fc.constantFrom<FailureKind>('remote', 'timeout', 'overloaded', 'unreachable')
    const text = fc
      .string({ unit: 'grapheme', maxLength: 20 })
      .filter((each) => !/\p{Cc}/u.test(each))
    const failure = fc.record({
      ...{ kind, name: text, message: text },
      code: fc.option(text, { nil: undefined }),
      retryAfterMs: fc.option(fc.nat(9_999), { nil: undefined }),
    })
    const message = fc.oneof<fc.Arbitrary<ReplyMessage>[]>(
      fc.record({ type: fc.constant('result' as const), id, number }),
      fc.record({ type: fc.constant('progress' as const), id, number }),
      fc.record({ type: fc.constant('failure' as const), id, number, failure }),
    )
    fc.assert(
      fc.property(message, body, fc.boolean(), (reply, value, wantsAnswer) => {
        expect(frames.readReply(payloadOf(frames.reply(reply, value)))).toEqual({
          ...{ message: reply, body: value },
        })
        const cancel = { id: reply.id, wantsAnswer }
        expect(frames.readCancel(payloadOf(frames.cancel(cancel)))).toEqual(cancel)
      }),
      RUNS,
    )
  })

  it('a failure that is too long, or would act on a terminal, is cut and cleaned', () => {
    const failure = {
      ...{ kind: 'remote' as const, name: 'E'.repeat(300), message: 'x'.repeat(5_000) },
      ...{ code: '\u001b[31mred\nline', retryAfterMs: undefined },
    }
    const frame = frames.reply({ type: 'failure', id: 'i'.repeat(16), number: 0, failure })
    const { message } = frames.readReply(payloadOf(frame))
    expect(message).toMatchObject({
      failure: { name: 'E'.repeat(255), message: 'x'.repeat(4_096), code: ' [31mred\nline' },
    })
  })

  it('H12 H23 bytes of a hostile peer raise the two errors of the wire and nothing else', () => {
    const readers = [
      (bytes: Uint8Array) => frames.readCall(bytes),
      (bytes: Uint8Array) => frames.readCast(bytes),
      (bytes: Uint8Array) => frames.readReply(bytes),
      (bytes: Uint8Array) => frames.readCancel(bytes),
    ]
    const isHandled = (bytes: Uint8Array): boolean =>
      readers.every((read) => {
        try {
          read(bytes)
          return true
        } catch (error) {
          return error instanceof MessageError || error instanceof CodecError
        }
      })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => isHandled(bytes)),
      { ...RUNS, numRuns: 1_000 },
    )
    const call: CallMessage = {
      ...{
        id: 'i'.repeat(16),
        procedure: 'a.b',
        budgetMs: 5,
        priority: 'low',
        wantsProgress: true,
      },
    }
    const good = payloadOf(frames.call(call, new Uint8Array([1])))
    for (let length = 0; length < good.length; length++) {
      expect(isHandled(good.subarray(0, length))).toBe(true)
    }
    for (let at = 0; at < good.length; at++) {
      const flipped = good.slice()
      flipped[at]! ^= 0xff
      expect(isHandled(flipped)).toBe(true)
    }
  })
})

describe('hostile peers', () => {
  const heads: readonly (readonly [string, number, readonly unknown[]])[] = [
    ['a name that is none', WireType.call, [new Uint8Array(16), 'a..b', 5, 3, false]],
    ['a pattern', WireType.call, [new Uint8Array(16), 'a.*', 5, 3, false]],
    ['a short id', WireType.call, [new Uint8Array(15), 'a', 5, 3, false]],
    ['a negative budget', WireType.call, [new Uint8Array(16), 'a', -1, 3, false]],
    ['an endless budget', WireType.call, [new Uint8Array(16), 'a', 2 ** 31, 3, false]],
    ['an unknown priority', WireType.cast, [new Uint8Array(16), 'a', 5, 4]],
    ['an unknown answer', WireType.reply, [new Uint8Array(16), 3, 0]],
    ['an unknown failure', WireType.reply, [new Uint8Array(16), 2, 0, 9, '', '', null, null]],
    ['half a cancellation', WireType.cancel, [new Uint8Array(16)]],
  ]
  it.each(heads)('%s is counted and dropped, and the peer is served on', async (_, type, head) => {
    const net = new RpcNet()
    const [peer, node] = [await net.rpcNode(), await net.rpcNode()]
    let runs = 0
    await net.told(node.rpc.advertise('a', () => (runs += 1)))
    peer.node.courier.send(node.node.self, 'rpc', serviceFrame(codec, type, head))
    await net.clock.advance(5)
    expect(node.count('ERR_RPC_FRAME')).toBe(1)
    expect(runs).toBe(0)
    expect(await net.during(peer.rpc.call('a'))).toBe(1)
  })

  it('H31 an answer from another node than the one that was asked settles nothing', async () => {
    const net = new RpcNet()
    const [caller, provider, liar] = [await net.rpcNode(), await net.rpcNode(), await net.rpcNode()]
    await net.told(provider.rpc.advertise('slow', () => new Promise(() => {})))
    const ids: Uint8Array[] = []
    const { courier } = provider.node
    const take = courier.take.bind(courier)
    courier.take = (origin, frame) => {
      const { message } = frames.readCall(payloadOf(frame))
      ids.push(Uint8Array.from(message.id, (each) => each.charCodeAt(0)))
      take(origin, frame)
    }
    const call = net.watch(caller.rpc.call('slow', 1, { timeoutMs: 100 }))
    await net.clock.advance(5)
    const forged = frames.reply(
      { type: 'result', id: callIdText(ids[0]!), number: 0 },
      liar.node.values.encode('forged'),
    )
    liar.node.courier.send(caller.node.self, 'rpc', forged)
    // Nor does it cancel what another one has called.
    const cancel = frames.cancel({ id: callIdText(ids[0]!), wantsAnswer: false })
    liar.node.courier.send(provider.node.self, 'rpc', cancel)
    courier.take = take
    await net.clock.advance(5)
    expect(call.ended.type).toBe('pending')
    expect(caller.count('ERR_RPC_FOREIGN_REPLY')).toBe(1)
    expect(provider.rpc.stats().running).toBe(1)
    await net.clock.advance(100)
    expect(call.ended).toMatchObject({ error: { code: 'ERR_RPC_TIMEOUT' } })
  })

  it('H21 an input or a result that is no value fails its call only', async () => {
    const net = new RpcNet()
    const [peer, node] = [await net.rpcNode(), await net.rpcNode()]
    let runs = 0
    await net.told(node.rpc.advertise('a', () => (runs += 1)))
    const call: CallMessage = {
      ...{ id: 'i'.repeat(16), procedure: 'a', budgetMs: 500, priority: undefined },
      wantsProgress: false,
    }
    const replies: unknown[] = []
    const { courier } = peer.node
    const take = courier.take.bind(courier)
    courier.take = (origin, frame) => {
      replies.push(frames.readReply(payloadOf(frame)).message)
      take(origin, frame)
    }
    courier.send(node.node.self, 'rpc', frames.call(call, new Uint8Array([0xc1])))
    await net.clock.advance(5)
    expect(replies).toMatchObject([{ type: 'failure', failure: { kind: 'input' } }])
    expect(runs).toBe(0)
    courier.take = (origin, frame) => {
      const broken = frame.slice()
      broken[broken.length - 1] = 0xc1
      take(origin, broken)
    }
    expect((await net.errorOf(peer.rpc.call('a'))).code).toBe('ERR_RPC_REMOTE')
    expect(peer.count('ERR_RPC_FRAME')).toBe(1)
  })
})
