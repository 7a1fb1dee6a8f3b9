import { describe, expect, it } from 'vitest'
import { serviceFrame } from '../../../../mesh/rpc/frames.ts'
import type { StreamFrame, StreamOpen } from '../../../../mesh/rpc/streams/frames.ts'
import { streamFault } from '../../../../mesh/rpc/streams/frames.ts'
import { ID_WINDOW } from '../../../../mesh/rpc/streams/id-window.ts'
import { encodeStreamFrame, encodeStreamOpen } from '../../../../mesh/rpc/streams/stream-wire.ts'
import { Codec } from '../../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../../mesh/wire/frame.ts'
import { WireType } from '../../../../mesh/wire/messages.ts'
import type { ServiceNode } from '../../services/service-net.ts'
import { fateOf, StreamNet } from './stream-net.ts'
import type { StreamNode } from './stream-net.ts'
import type { RpcOptions } from '../../../../mesh/rpc/options.ts'

const codec = new Codec()

/** A node that speaks bare frames, and the one that it speaks to. */
class Hostile {
  readonly world: StreamNet = new StreamNet()
  readonly victim: StreamNode
  readonly node: ServiceNode
  /** What the victim answered: type and head. */
  readonly answers: { readonly type: number; readonly head: readonly unknown[] }[] = []
  #id = 0

  constructor(options?: RpcOptions) {
    this.victim = this.world.add(options)
    this.node = this.world.net.node()
    this.node.courier.handle(0x20, 0x2f, (_origin, type, payload) => {
      const length = payload[0]! * 256 + payload[1]!
      const head = codec.decode(payload.subarray(2, 2 + length)) as readonly unknown[]
      this.answers.push({ type, head })
    })
  }

  open(fields: Partial<StreamOpen> = {}): number {
    const streamId = fields.streamId ?? ++this.#id
    const input = this.node.values.encode(null)
    const open: StreamOpen = {
      ...{ streamId, incarnation: 1, procedure: 'victim', mode: 'bidi' },
      ...{ windowFrames: 16, windowBytes: 65_536, remainingMs: 0, input },
      ...fields,
    }
    this.raw(encodeStreamOpen(codec, open))
    return streamId
  }

  send(streamId: number, frame: StreamFrame): void {
    this.raw(encodeStreamFrame(codec, { streamId, side: 'opener', frame }))
  }

  raw(frame: Uint8Array): void {
    this.node.courier.send(this.victim.node.self, 'rpc', frame)
  }

  counter(code: string): number {
    return this.victim.node.refusals.counters()[code] ?? 0
  }

  /** Kinds of the errors that were answered. */
  get errors(): readonly unknown[] {
    return this.answers
      .filter(({ type }) => type === WireType.streamError)
      .map(({ head }) => head[3])
  }

  get sizes(): readonly number[] {
    const { outbound, inbound, bytesUnread, bytesUnacknowledged } = this.victim.driver.stats()
    return [outbound, inbound, bytesUnread, bytesUnacknowledged]
  }

  advance(ms = 10): Promise<void> {
    return this.world.advance(ms)
  }
}

async function hostile(options?: RpcOptions): Promise<Hostile & { runs: number }> {
  const one = Object.assign(new Hostile(options), { runs: 0 })
  await one.victim.rpc.advertiseStream('victim', async (_input, items) => {
    one.runs += 1
    for await (const item of items) void item
    return 'end'
  })
  return one
}

const OVERLOADED = 4
const UNREACHABLE = 8

describe('a peer that breaks the rules of streams', () => {
  it.each([
    ['more items than its window', { sequence: 16, bytes: 1 }],
    ['more items than its window in one leap', { sequence: 1_000_000, bytes: 1 }],
    ['a sequence that cannot be', { sequence: Number.MAX_SAFE_INTEGER, bytes: 1 }],
  ])('H18 sends %s: the stream ends, counted', async (_name, { sequence, bytes }) => {
    const one = await hostile({ streamWindowFrames: 16 })
    const streamId = one.open()
    await one.advance()
    one.send(streamId, { type: 'data', sequence, more: false, bytes: new Uint8Array(bytes) })
    await one.advance()
    expect(one.counter('ERR_RPC_STREAM_INVALID')).toBe(1)
    expect(one.errors).toEqual([UNREACHABLE])
    expect(one.sizes).toEqual([0, 0, 0, 0])
  })

  it('H18 sends more bytes than its window, out of order: what is kept stays below it', async () => {
    const one = await hostile({ streamWindowBytes: 65_536 })
    const streamId = one.open()
    await one.advance()
    for (const sequence of [1, 2, 3]) {
      one.send(streamId, { type: 'data', sequence, more: true, bytes: new Uint8Array(32_768) })
    }
    await one.advance()
    expect(one.counter('ERR_RPC_STREAM_INVALID')).toBe(1)
    expect(one.sizes).toEqual([0, 0, 0, 0])
  })

  it.each([
    ['acknowledges what was not sent', { received: 5, framesLimit: 1, bytesLimit: 1 }],
    ['grants a window without end', { received: 0, framesLimit: 2 ** 50, bytesLimit: 2 ** 50 }],
  ])('H18 %s: the stream ends, counted', async (_name, credit) => {
    const one = await hostile()
    const streamId = one.open()
    await one.advance()
    one.send(streamId, { type: 'credit', ...credit, asks: 0, answers: 0 })
    await one.advance()
    expect(one.counter('ERR_RPC_STREAM_INVALID')).toBe(1)
    expect(one.sizes).toEqual([0, 0, 0, 0])
  })

  it('H18 never grants a window: what waits is one write of the handler, and the peer is asked in vain', async () => {
    const one = await hostile({ streamIdleMs: 60_000 })
    let written = 0
    await one.victim.rpc.advertiseStream('source', async function* () {
      for (; ; written++) yield new Uint8Array(30_000)
    })
    one.open({ procedure: 'source' })
    await one.advance(1_000)
    expect(written).toBe(2)
    expect(one.victim.driver.stats().bytesUnacknowledged).toBeLessThanOrEqual(65_536)
    await one.advance(20_000)
    expect(one.sizes).toEqual([0, 0, 0, 0])
  })

  it('H19 sends pieces twice and overlapping: each counts once', async () => {
    const one = await hostile()
    const seen: unknown[] = []
    await one.victim.rpc.advertiseStream('sink', async (_input, items) => {
      for await (const item of items) seen.push(item)
    })
    const streamId = one.open({ procedure: 'sink' })
    await one.advance()
    const piece = (sequence: number, item: string): StreamFrame => ({
      type: 'data',
      sequence,
      more: false,
      bytes: one.node.values.encode(item),
    })
    for (const frame of [
      piece(1, 'b'),
      piece(0, 'a'),
      piece(1, 'x'),
      piece(0, 'y'),
      piece(2, 'c'),
    ]) {
      one.send(streamId, frame)
    }
    await one.advance()
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  it('R7 opens a stream twice under one number: the handler runs once', async () => {
    const one = await hostile()
    const streamId = one.open()
    one.open({ streamId })
    await one.advance()
    one.send(streamId, { type: 'abort', fault: streamFault('cancelled', 'x') })
    await one.advance()
    one.open({ streamId })
    await one.advance()
    expect(one.runs).toBe(1)
    expect(one.counter('ERR_RPC_DUPLICATE')).toBe(2)
  })

  it('R7 numbers older than the window count as used, and those of an earlier life', async () => {
    const one = await hostile()
    one.open({ streamId: ID_WINDOW + 5 })
    one.open({ streamId: 5 })
    one.open({ streamId: 6 })
    await one.advance()
    expect(one.runs).toBe(2)
    one.open({ streamId: 1, incarnation: 2 })
    await one.advance()
    // The streams of the earlier life have ended.
    expect([one.runs, one.victim.driver.stats().inbound]).toEqual([3, 1])
    one.open({ streamId: 9_000, incarnation: 1 })
    await one.advance()
    expect([one.runs, one.counter('ERR_RPC_DUPLICATE')]).toEqual([3, 2])
  })

  it('a cancellation that overtakes its opening keeps the handler from running', async () => {
    const one = await hostile()
    one.open()
    await one.advance()
    one.send(77, { type: 'abort', fault: streamFault('cancelled', 'x') })
    one.open({ streamId: 77 })
    await one.advance()
    expect(one.runs).toBe(1)
  })

  it('H16 opens many and uses none: at most the limit of a peer runs, and all end with silence', async () => {
    const one = await hostile({ streamsPerPeerMax: 8 })
    for (let count = 0; count < 200; count++) one.open()
    await one.advance()
    expect([one.runs, one.victim.driver.stats().inbound]).toEqual([8, 8])
    expect(one.counter('ERR_RPC_STREAM_OPENS_MAX')).toBe(192)
    expect(one.errors).toEqual(Array.from({ length: 192 }, () => OVERLOADED))
    await one.advance(20_000)
    expect(one.sizes).toEqual([0, 0, 0, 0])
  })

  it('H17 opens and cancels in a loop: handlers that have not ended hold their places, and the rate is bounded', async () => {
    const one = await hostile({ streamsPerPeerMax: 1_000, streamOpensPerSecondMax: 50 })
    let running = 0
    await one.victim.rpc.advertiseStream('stubborn', () => {
      running += 1
      return new Promise(() => {})
    })
    // Those that are cancelled before their handler could run do not run it at all.
    for (let count = 0; count < 10; count++) {
      const streamId = one.open({ procedure: 'stubborn' })
      one.send(streamId, { type: 'abort', fault: streamFault('cancelled', 'x') })
    }
    await one.advance()
    expect([running, one.victim.driver.stats().inbound]).toEqual([0, 0])
    await one.advance(1_000)
    const opened = Array.from({ length: 300 }, () => one.open({ procedure: 'stubborn' }))
    await one.advance()
    for (const streamId of opened) {
      one.send(streamId, { type: 'abort', fault: streamFault('cancelled', 'x') })
    }
    await one.advance()
    expect(running).toBe(50)
    expect(one.counter('ERR_RPC_STREAM_OPENS_MAX')).toBe(250)
    expect(one.victim.driver.stats().inbound).toBe(50)
    // The next second brings the next few.
    await one.advance(1_000)
    for (let count = 0; count < 300; count++) one.open({ procedure: 'stubborn' })
    await one.advance()
    expect(running).toBe(100)
  })

  it('H15 sends parts of streams that never were: dropped, and only a question is answered', async () => {
    const one = await hostile()
    const frames: readonly StreamFrame[] = [
      { type: 'data', sequence: 0, more: false, bytes: new Uint8Array(1) },
      { type: 'end', sequence: 0 },
      { type: 'credit', received: 0, framesLimit: 1, bytesLimit: 1, asks: 0, answers: 3 },
      { type: 'abort', fault: streamFault('cancelled', 'x') },
      { type: 'credit', received: 0, framesLimit: 1, bytesLimit: 1, asks: 1, answers: 0 },
    ]
    for (const frame of frames) one.send(99, frame)
    await one.advance()
    expect(one.counter('ERR_RPC_STREAM_LATE')).toBe(5)
    expect(one.answers.length).toBe(1)
    expect(one.errors).toEqual([UNREACHABLE])
  })

  it('H32 speaks for a stream of another node: dropped, the stream goes on', async () => {
    const one = await hostile()
    const caller = one.world.add()
    await one.advance()
    const stream = caller.rpc.stream<never, string>('victim')
    await one.advance()
    const frame: StreamFrame = { type: 'abort', fault: streamFault('cancelled', 'x') }
    const bytes = encodeStreamFrame(codec, { streamId: 1, side: 'acceptor', frame })
    one.node.courier.send(caller.node.self, 'rpc', bytes)
    await one.advance()
    expect(caller.node.refusals.counters()['ERR_RPC_FOREIGN_REPLY']).toBe(1)
    stream.end()
    const result = fateOf(stream.result)
    await one.advance()
    expect(result.value).toBe('end')
  })

  it('H20 answers one question with many answers: what is missing is sent again once', async () => {
    const one = await hostile({ streamProbeMs: 100 })
    await one.victim.rpc.advertiseStream('source', async function* () {
      for (;;) yield 1
    })
    const streamId = one.open({ procedure: 'source' })
    one.send(streamId, {
      ...{ type: 'credit', received: 0, framesLimit: 16, bytesLimit: 65_536 },
      ...{ asks: 0, answers: 0 },
    })
    await one.advance(150)
    const question = one.answers.find(({ type, head }) => type === 0x2f && head[5] !== 0)
    const asks = question?.head[5] as number
    for (let count = 0; count < 50; count++) {
      one.send(streamId, {
        ...{ type: 'credit', received: 0, framesLimit: 16, bytesLimit: 65_536 },
        ...{ asks: 0, answers: asks },
      })
    }
    await one.advance(20)
    expect(asks).toBe(17)
    expect(one.victim.driver.stats().resent).toBe(16)
  })

  it('H12 sends frames cut at every byte, of every type: counted, nothing else', async () => {
    const one = await hostile()
    const input = one.node.values.encode(null)
    const frames = [
      encodeStreamOpen(codec, {
        ...{ streamId: 500, incarnation: 1, procedure: 'victim', mode: 'bidi', input },
        ...{ windowFrames: 16, windowBytes: 65_536, remainingMs: 0 },
      }),
      ...(
        [
          { type: 'data', sequence: 0, more: false, bytes: new Uint8Array(1) },
          { type: 'reply', sequence: 0, more: false, bytes: new Uint8Array(1) },
          { type: 'end', sequence: 0 },
          { type: 'error', sequence: 0, fault: streamFault('remote', 'x') },
          { type: 'credit', received: 0, framesLimit: 1, bytesLimit: 1, asks: 0, answers: 0 },
        ] as const
      ).map((frame) => encodeStreamFrame(codec, { streamId: 500, side: 'opener', frame })),
    ]
    let sent = 0
    for (const frame of frames) {
      const headBytes = 2 + frame[HEADER_BYTES]! * 256 + frame[HEADER_BYTES + 1]!
      for (let end = HEADER_BYTES; end < HEADER_BYTES + headBytes; end++) {
        one.raw(frame.subarray(0, end))
        sent += 1
      }
    }
    await one.advance()
    expect(one.counter('ERR_RPC_FRAME')).toBe(sent)
    expect([one.runs, one.answers.length]).toEqual([0, 0])
  })

  it('H25 sends heads with wrong elements: counted', async () => {
    const one = await hostile()
    const heads = [
      [WireType.streamOpen, [0, 1, 'victim', 2, 16, 65_536, 0]],
      [WireType.streamOpen, [1, 1, 'a..b', 2, 16, 65_536, 0]],
      [WireType.streamOpen, [1, 1, 'victim', 3, 16, 65_536, 0]],
      [WireType.streamOpen, [1, 1, 'victim', 2, 0, 65_536, 0]],
      [WireType.streamOpen, [1, 1, 'victim', 2, 16, 65_535, 0]],
      [WireType.streamOpen, [1, 1, 'victim', 2, 16, 2 ** 40, 0]],
      [WireType.streamData, [1, 2, 0, false]],
      [WireType.streamData, [1, 0, -1, false]],
      [WireType.streamData, [1, 0, 0, 'no']],
      [WireType.streamEnd, [1, 0, 1.5]],
      [WireType.streamError, [1, 0, -2, 0, 'a', 'b', null, null]],
      [WireType.streamError, [1, 0, 0, 99, 'a', 'b', null, null]],
      [WireType.streamCredit, [1, 0, 0, 0, 0, 0, -5]],
      [WireType.streamCredit, { length: 7 }],
    ] as const
    for (const [type, head] of heads) one.raw(serviceFrame(codec, type, head as never))
    await one.advance()
    expect(one.counter('ERR_RPC_FRAME')).toBe(heads.length)
    expect(one.runs).toBe(0)
  })
})

describe('limits of streams', () => {
  it('streamsOutboundMax: the last one opens, one more is refused at once', async () => {
    const world = new StreamNet()
    const [caller, provider] = [world.add({ streamsOutboundMax: 2 }), world.add()]
    await provider.rpc.advertiseStream('wait', () => new Promise(() => {}))
    await world.advance()
    const open = [caller.rpc.stream('wait'), caller.rpc.stream('wait')]
    await expect(caller.rpc.stream('wait').result).rejects.toMatchObject({
      code: 'ERR_RPC_OVERLOADED',
    })
    await world.advance()
    expect(provider.driver.stats().inbound).toBe(2)
    open[0]?.cancel()
    await world.advance()
    expect(caller.driver.stats().outbound).toBe(1)
    caller.rpc.stream('wait')
    expect(caller.driver.stats().outbound).toBe(2)
  })

  it('streamSilenceMs: twice streamProbeMs is taken, one less is refused by name', () => {
    const world = new StreamNet()
    expect(() => world.add({ streamProbeMs: 100, streamSilenceMs: 200 })).not.toThrow()
    expect(() => world.add({ streamProbeMs: 100, streamSilenceMs: 199 })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID', option: 'streamSilenceMs' }),
    )
  })

  it('streamsInboundMax: the last one is served, one more is refused', async () => {
    const world = new StreamNet()
    const provider = world.add({ streamsInboundMax: 2 })
    const callers = [world.add(), world.add(), world.add()]
    await provider.rpc.advertiseStream('wait', () => new Promise(() => {}))
    await world.advance()
    const fates = callers.map(({ rpc }) => fateOf(rpc.stream('wait').result))
    await world.advance()
    expect(fates.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      undefined,
      undefined,
      'ERR_RPC_OVERLOADED',
    ])
  })

  it('streamWritesMax: the last one waits, one more rejects at once, and the stream goes on', async () => {
    const world = new StreamNet()
    const [caller, provider] = [world.add({ streamWritesMax: 3 }), world.add()]
    await provider.rpc.advertiseStream('count', async (_input, items) => {
      let count = 0
      for await (const item of items) count += item === undefined ? 0 : 1
      return count
    })
    await world.advance()
    const stream = caller.rpc.stream('count')
    const waiting = [1, 2, 3].map((item) => fateOf(stream.write(item)))
    await expect(stream.write(4)).rejects.toMatchObject({ code: 'ERR_RPC_OVERLOADED' })
    stream.end()
    await world.advance()
    expect(waiting).toEqual([{ value: undefined }, { value: undefined }, { value: undefined }])
    await expect(stream.result).resolves.toBe(3)
  })

  it('streamLargeBytesMax: an item that fits arrives, one that does not ends its stream only', async () => {
    const world = new StreamNet()
    const [caller, provider] = [world.add(), world.add({ streamLargeBytesMax: 400_000 })]
    await provider.rpc.advertiseStream('size', async (_input, items) => {
      let size = 0
      for await (const item of items) size += (item as Uint8Array).length
      return size
    })
    await world.advance()
    const [small, large] = [caller.rpc.stream('size'), caller.rpc.stream('size')]
    void small.write(new Uint8Array(400_000))
    small.end()
    await world.advance(100)
    await expect(small.result).resolves.toBe(400_000)
    void large.write(new Uint8Array(500_000))
    large.end()
    await world.advance(100)
    await expect(large.result).rejects.toMatchObject({ code: 'ERR_RPC_OVERLOADED' })
    expect(provider.driver.stats()).toMatchObject({ inbound: 0, bytesUnread: 0 })
  })

  it('streamItemBytesMax of the receiver: a larger input is refused before the handler runs', async () => {
    const world = new StreamNet()
    const [caller, provider] = [world.add(), world.add({ streamItemBytesMax: 2_000 })]
    let runs = 0
    await provider.rpc.advertiseStream('take', () => (runs += 1))
    await world.advance()
    // Its encoded form has three bytes more.
    const fitting = fateOf(caller.rpc.stream('take', new Uint8Array(1_997)).result)
    const larger = fateOf(caller.rpc.stream('take', new Uint8Array(1_998)).result)
    await world.advance()
    expect(fitting.value).toBe(1)
    expect(larger.error).toMatchObject({ code: 'ERR_RPC_PAYLOAD_TOO_LARGE' })
    expect([runs, provider.driver.stats().refused]).toEqual([1, 1])
  })

  it('streamItemBytesMax of the receiver: larger items of a peer end the stream', async () => {
    const world = new StreamNet()
    const [caller, provider] = [world.add(), world.add({ streamItemBytesMax: 100_000 })]
    await provider.rpc.advertiseStream('sink', async (_input, items) => {
      for await (const item of items) void item
    })
    await world.advance()
    const stream = caller.rpc.stream('sink')
    void stream.write(new Uint8Array(100_001))
    await world.advance()
    await expect(stream.result).rejects.toMatchObject({ code: 'ERR_RPC_PAYLOAD_TOO_LARGE' })
  })

  it('stop ends every stream on both sides, and nothing is armed any more', async () => {
    const world = new StreamNet()
    const [caller, provider] = [world.add(), world.add()]
    await provider.rpc.advertiseStream('wait', () => new Promise(() => {}))
    await world.advance()
    const stream = caller.rpc.stream('wait')
    const result = fateOf(stream.result)
    await world.advance()
    provider.driver.stop()
    await world.advance()
    expect(result.error).toMatchObject({ code: 'ERR_RPC_UNREACHABLE' })
    caller.driver.stop()
    await expect(caller.rpc.stream('wait').result).rejects.toMatchObject({
      code: 'ERR_RPC_UNREACHABLE',
    })
    expect([caller.driver.stats().outbound, caller.driver.stats().bytesUnacknowledged]).toEqual([
      0, 0,
    ])
  })
})
