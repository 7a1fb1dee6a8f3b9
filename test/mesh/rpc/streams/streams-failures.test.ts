import { describe, expect, it } from 'vitest'
import type { StandardSchema } from '../../../../behaviours/index.ts'
import { CourierError } from '../../../../mesh/courier/errors.ts'
import { WireType } from '../../../../mesh/wire/messages.ts'
import { fateOf, listen, pairOf, StreamNet } from './stream-net.ts'
import type { StreamNode } from './stream-net.ts'

/** Yields what it is told to, and says when it was stopped. */
function endless(): {
  isAborted: boolean
  isStopped: boolean
  readonly handler: (input: unknown, context: { signal: AbortSignal }) => AsyncGenerator<number>
} {
  const state = {
    isAborted: false,
    isStopped: false,
    handler: async function* (_input: unknown, { signal }: { signal: AbortSignal }) {
      signal.addEventListener('abort', () => (state.isAborted = true))
      try {
        for (let number = 0; ; number++) yield number
      } finally {
        state.isStopped = true
      }
    },
  }
  return state
}

function sizesOf({ driver }: StreamNode): readonly number[] {
  const { outbound, inbound, bytesUnacknowledged, bytesWaiting, bytesUnread } = driver.stats()
  return [outbound, inbound, bytesUnacknowledged, bytesWaiting, bytesUnread]
}

const NOTHING = [0, 0, 0, 0, 0]

describe('streams that fail', () => {
  it('R5 without a provider end at once, in the loop, in the result and in writes', async () => {
    const { world, caller } = pairOf()
    const stream = caller.rpc.stream('nobody.there')
    const seen = listen(stream)
    const write = fateOf(stream.write(1))
    await world.advance(0)
    expect(seen.error).toMatchObject({ code: 'ERR_RPC_NO_PROVIDER', procedure: 'nobody.there' })
    expect(write.error).toMatchObject({ code: 'ERR_RPC_NO_PROVIDER' })
    await expect(stream.result).rejects.toMatchObject({ code: 'ERR_RPC_NO_PROVIDER' })
    expect(sizesOf(caller)).toEqual(NOTHING)
  })

  it('ask the network when nobody is known', async () => {
    const { world, caller, provider } = pairOf()
    caller.node.catalog.sought = false
    caller.node.catalog.seekMs = 20
    const stream = caller.rpc.stream('late.comer')
    const result = fateOf(stream.result)
    await provider.rpc.advertiseStream('late.comer', () => 'here')
    await world.advance(100)
    expect(result.value).toBe('here')
  })

  it('throw for what is not a name, and for options that are none', async () => {
    const { caller } = pairOf()
    expect(() => caller.rpc.stream('a..b')).toThrow(
      expect.objectContaining({ code: 'ERR_RPC_PROCEDURE_INVALID' }),
    )
    expect(() => caller.rpc.stream('a.b', 1, { timeout: 5 } as object)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_RENAMED' }),
    )
    await expect(caller.rpc.advertiseStream('a.b', 5 as never)).rejects.toMatchObject({
      code: 'ERR_RPC_PROCEDURE_INVALID',
    })
    await caller.rpc.advertiseStream('a.b', () => 1)
    await expect(caller.rpc.advertiseStream('a.b', () => 2)).rejects.toMatchObject({
      code: 'ERR_RPC_PROCEDURE_TAKEN',
    })
  })

  it('ML24 refuse at the sender what does not travel, and go on', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('echo', async function* (_input, items) {
      for await (const item of items) yield item
    })
    await world.advance()
    const refused = caller.rpc.stream('echo', { callback: () => 1 })
    await expect(refused.result).rejects.toMatchObject({
      code: 'ERR_RPC_INPUT',
      message: expect.stringContaining('callback') as string,
    })
    const stream = caller.rpc.stream<number>('echo')
    const seen = listen(stream)
    const refusal = fateOf(stream.write({ at: Symbol('no') }))
    void stream.write(1)
    stream.end()
    await world.advance()
    expect(refusal.error).toMatchObject({ code: 'ERR_RPC_INPUT' })
    expect(seen).toEqual({ items: [1], isOver: true })
  })

  it('R4 the provider is gone: the caller ends once, as unreachable, and nothing is left', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('endless', endless().handler)
    await world.advance()
    const stream = caller.rpc.stream<number>('endless')
    const seen = listen(stream)
    const result = fateOf(stream.result)
    await world.advance(10)
    world.net.kill(provider.node, 500)
    await world.advance(499)
    expect(seen.isOver).toBe(false)
    await world.advance(1)
    expect(seen.error).toMatchObject({ code: 'ERR_RPC_UNREACHABLE', node: provider.node.self })
    expect(result.error).toBe(seen.error)
    expect((await stream.next()).done).toBe(true)
    expect(sizesOf(caller)).toEqual(NOTHING)
  })

  it('R4 the caller is gone: the handler is aborted and its generator ended', async () => {
    const { world, caller, provider } = pairOf()
    const service = endless()
    await provider.rpc.advertiseStream('endless', service.handler)
    await world.advance()
    caller.rpc.stream('endless')
    await world.advance(10)
    world.net.kill(caller.node, 500)
    await world.advance(500)
    expect([service.isAborted, service.isStopped]).toEqual([true, true])
    expect(sizesOf(provider)).toEqual(NOTHING)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('planted')
      },
    ],
    ['gives no promise', () => ({ done: true, value: undefined })],
    ['rejects', () => Promise.reject(new Error('planted'))],
  ])('R4 an iterator whose return() %s harms no other stream', async (_claim, end) => {
    const { world, caller, provider } = pairOf({ streamWindowFrames: 16 })
    const next = (): Promise<object> => Promise.resolve({ done: false, value: 1 })
    const iterable = { [Symbol.asyncIterator]: () => ({ next, return: end }) }
    await provider.rpc.advertiseStream('endless', () => iterable as AsyncIterable<number>)
    await world.advance()
    const [left, kept] = [caller.rpc.stream('endless'), caller.rpc.stream('endless')]
    await world.advance()
    await left[Symbol.asyncIterator]().return!()
    await world.advance()
    expect((await kept.next()).value).toBe(1)
    expect(provider.driver.stats()).toMatchObject({ inbound: 1 })
    kept.cancel()
    await world.advance()
    expect(sizesOf(provider)).toEqual(NOTHING)
  })

  it('R4 nobody says that the peer is gone: silence ends both sides', async () => {
    const { world, caller, provider } = pairOf({ streamProbeMs: 1_000, streamSilenceMs: 4_000 })
    const service = endless()
    await provider.rpc.advertiseStream('endless', service.handler)
    await world.advance()
    const stream = caller.rpc.stream('endless')
    const seen = listen(stream)
    await world.advance(10)
    world.net.cut(caller.node, provider.node)
    await world.advance(3_900)
    expect([seen.isOver, service.isStopped]).toEqual([false, false])
    await world.advance(300)
    expect(seen.error).toMatchObject({ code: 'ERR_RPC_UNREACHABLE' })
    expect(service.isStopped).toBe(true)
    expect([sizesOf(caller), sizesOf(provider)]).toEqual([NOTHING, NOTHING])
  })

  it('a quiet stream lives as long as the other side answers, until it has been idle too long', async () => {
    const { world, caller, provider } = pairOf({ streamIdleMs: 100_000 })
    const service = endless()
    await provider.rpc.advertiseStream('endless', service.handler)
    await world.advance()
    const stream = caller.rpc.stream<number>('endless', undefined, { windowBytes: 65_536 })
    await world.advance(90_000)
    expect((await stream.next()).value).toBe(0)
    await world.advance(99_000)
    expect(service.isStopped).toBe(false)
    await world.advance(2_000)
    expect(service.isStopped).toBe(true)
    await expect(stream.result).rejects.toMatchObject({ code: 'ERR_RPC_TIMEOUT' })
  })

  it('frames that get lost are asked for and sent again', async () => {
    const { world, caller, provider } = pairOf({ streamProbeMs: 100 })
    await provider.rpc.advertiseStream('math.count', async function* (to: number) {
      for (let number = 0; number < to; number++) yield number
      return to
    })
    await world.advance()
    const stream = caller.rpc.stream<number, number>('math.count', 500)
    const seen = listen(stream)
    await world.advance(2)
    let count = 0
    world.net.loses = ({ type }) => type !== WireType.streamOpen && count++ % 7 === 0
    await world.advance(20_000)
    expect(seen.items).toEqual(Array.from({ length: 500 }, (_, at) => at))
    await expect(stream.result).resolves.toBe(500)
    await world.advance(20_000)
    expect([sizesOf(caller), sizesOf(provider)]).toEqual([NOTHING, NOTHING])
  })

  it('R2 the time of a stream ends both sides, and the handler knows what is left of it', async () => {
    const { world, caller, provider } = pairOf()
    const service = endless()
    let leftMs = Infinity
    await provider.rpc.advertiseStream('endless', (input, context) => {
      leftMs = context.deadlineMs
      return service.handler(input, context)
    })
    await world.advance()
    const stream = caller.rpc.stream('endless', undefined, { timeoutMs: 1_000 })
    await world.advance(990)
    expect([leftMs > 900 && leftMs <= 1_000, service.isStopped]).toEqual([true, false])
    await world.advance(20)
    await expect(stream.result).rejects.toMatchObject({ code: 'ERR_RPC_TIMEOUT', timeoutMs: 1_000 })
    expect(service.isStopped).toBe(true)
  })

  it('R3 an aborted signal stops the handler within one round trip; its reason is the cause', async () => {
    const { world, caller, provider } = pairOf()
    const service = endless()
    await provider.rpc.advertiseStream('endless', service.handler)
    await world.advance()
    const controller = new AbortController()
    const stream = caller.rpc.stream('endless', 1, { signal: controller.signal })
    const seen = listen(stream)
    await world.advance(10)
    controller.abort('enough')
    await world.advance(2)
    expect([service.isAborted, service.isStopped]).toEqual([true, true])
    expect(seen.error).toMatchObject({ code: 'ERR_RPC_CANCELLED', cause: 'enough' })
    const before = caller.rpc.stream('endless', 1, { signal: controller.signal })
    await expect(before.result).rejects.toMatchObject({ code: 'ERR_RPC_CANCELLED' })
  })

  it('a handler that waits for items when its caller cancels gets the cancellation there', async () => {
    const { world, caller, provider } = pairOf()
    let error: unknown
    await provider.rpc.advertiseStream('wait', async (_input, items) => {
      try {
        for await (const item of items) void item
      } catch (thrown) {
        error = thrown
        throw thrown
      }
    })
    await world.advance()
    const stream = caller.rpc.stream('wait')
    await world.advance(10)
    stream.cancel()
    await world.advance(2)
    expect(error).toMatchObject({ code: 'ERR_RPC_CANCELLED' })
    expect(sizesOf(provider)).toEqual(NOTHING)
  })

  it('R11 one that may have run is not opened elsewhere', async () => {
    const { world, caller, provider } = pairOf()
    const other = world.add()
    let runs = 0
    for (const { rpc } of [provider, other]) {
      await rpc.advertiseStream('once', async (_input, items) => {
        runs += 1
        for await (const item of items) void item
        return 'ran'
      })
    }
    await world.advance()
    const { self } = provider.node
    // Its handler runs, but nothing is heard of that.
    world.net.loses = ({ from }) => from === self
    const gone = fateOf(caller.rpc.stream('once', 1, { strategy: 'first' }).result)
    await world.advance(10)
    world.net.kill(provider.node, 500)
    await world.advance(600)
    expect(runs).toBe(1)
    expect(gone.error).toMatchObject({ code: 'ERR_RPC_UNREACHABLE', node: self })
  })

  it('R11 one that is known to be lost is opened elsewhere, and so is one that was not taken', async () => {
    const { world, caller, provider } = pairOf()
    const other = world.add()
    await provider.rpc.advertiseStream('once', () => 'provider')
    await other.rpc.advertiseStream('once', () => 'other')
    await world.advance()
    world.net.cut(caller.node, provider.node)
    const lost = caller.rpc.stream('once', 1, { strategy: 'first' })
    await world.advance()
    await expect(lost.result).resolves.toBe('other')
    world.net.join(caller.node, provider.node)
    const { courier } = caller.node
    const send = courier.send.bind(courier)
    courier.send = (to, ...more) => (to === provider.node.self ? 'refused' : send(to, ...more))
    const refused = caller.rpc.stream('once', 1, { strategy: 'first' })
    await world.advance()
    await expect(refused.result).resolves.toBe('other')
  })

  it('R7 R11 one that may have arrived is not opened elsewhere, and goes on when it was accepted', async () => {
    const { world, caller, provider } = pairOf()
    const other = world.add()
    let runs = 0
    await provider.rpc.advertiseStream('once', async (_, items) => {
      for await (const item of items) return item
      return undefined
    })
    await other.rpc.advertiseStream('once', () => (runs += 1))
    await world.advance()
    const { courier } = caller.node
    const send = courier.send.bind(courier)
    let lose: () => void = () => {}
    courier.send = (to, lane, frame, options) => {
      const text = 'nothing came back'
      const error = new CourierError('ERR_COURIER_TIMEOUT', text, { mayHaveArrived: true })
      if (frame[1] === WireType.streamOpen) lose = () => options?.lost?.(error)
      return send(to, lane, frame, options)
    }
    const accepted = caller.rpc.stream('once', 1, { strategy: 'first' })
    await world.advance()
    lose()
    await accepted.write(7)
    await world.advance()
    await expect(accepted.result).resolves.toBe(7)
    world.net.loses = ({ to }) => to === provider.node.self
    const silent = caller.rpc.stream('once', 1, { strategy: 'first' })
    await world.advance()
    lose()
    await expect(silent.result).rejects.toMatchObject({ code: 'ERR_RPC_UNREACHABLE' })
    expect(runs).toBe(0)
  })

  it('a refusal before the handler runs is taken to another provider', async () => {
    const world = new StreamNet()
    const [caller, full, free] = [world.add(), world.add(), world.add()]
    await full.rpc.advertiseStream('job', () => 'full', { concurrency: 1 })
    full.context.memory.procedures
      .match('stream', 'job')
      ?.gate.offer({ priority: 'normal', dueMs: Infinity, run: () => {}, dropped: () => {} }, 0)
    await world.advance()
    const alone = caller.rpc.stream('job')
    await world.advance()
    await expect(alone.result).rejects.toMatchObject({
      code: 'ERR_RPC_OVERLOADED',
      node: full.node.self,
    })
    await free.rpc.advertiseStream('job', () => 'free')
    await world.advance()
    for (let count = 0; count < 4; count++) {
      const stream = caller.rpc.stream('job')
      await world.advance()
      await expect(stream.result).resolves.toBe('free')
    }
    const only = caller.rpc.stream('job', undefined, { node: full.node.self })
    await world.advance()
    await expect(only.result).rejects.toMatchObject({ code: 'ERR_RPC_OVERLOADED' })
  })

  it('the policy of the realm says who may open streams', async () => {
    const { world, caller, provider } = pairOf()
    Object.assign(provider.context, { isGranted: (action: string) => action !== 'call' })
    await provider.rpc.advertiseStream('secret', () => 1)
    await world.advance()
    const stream = caller.rpc.stream('secret')
    await world.advance()
    await expect(stream.result).rejects.toMatchObject({ code: 'ERR_RPC_UNAUTHORIZED' })
    expect(provider.node.refusals.counters()['ERR_RPC_UNAUTHORIZED']).toBe(1)
    // Not a stranger to itself.
    const own = provider.rpc.stream('secret')
    await world.advance()
    await expect(own.result).resolves.toBe(1)
  })

  it('schemas check the input and every item at the door', async () => {
    const { world, caller, provider } = pairOf()
    const even: StandardSchema<unknown, number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          typeof value === 'number' && value % 2 === 0
            ? { value: value / 2 }
            : { issues: [{ message: 'not even' }] },
      },
    }
    const options = { input: even, item: even }
    await provider.rpc.advertiseStream(
      'halves',
      async function* (input: number, items) {
        yield input
        for await (const item of items) yield item
      },
      options,
    )
    await world.advance()
    const odd = listen(caller.rpc.stream('halves', 3))
    const stream = caller.rpc.stream<number>('halves', 10)
    const seen = listen(stream)
    for (const item of [4, 5, 6]) void stream.write(item)
    await world.advance()
    expect(odd.error).toMatchObject({ code: 'ERR_RPC_INPUT', message: 'not even' })
    expect(seen.items).toEqual([5, 2])
    expect(seen.error).toMatchObject({ code: 'ERR_RPC_INPUT', message: 'not even' })
  })

  it('R1 a stream of a node to itself is one like any other, and nothing of it travels', async () => {
    const { world, caller } = pairOf()
    await caller.rpc.advertiseStream('own', async function* (to: number) {
      for (let number = 0; number < to; number++) yield { number }
      return 'end'
    })
    await world.advance()
    const stream = caller.rpc.stream<{ number: number }, string>('own', 3_000)
    const seen = listen(stream)
    await world.advance()
    expect(seen.items.length).toBe(3_000)
    await expect(stream.result).resolves.toBe('end')
    expect(world.net.trace).toEqual([])
  })

  it('R9 only opening, credit and cancelling use the lane of calls; a question goes behind the data', async () => {
    const { world, caller, provider } = pairOf({ streamProbeMs: 50 })
    await provider.rpc.advertiseStream('endless', endless().handler)
    await world.advance()
    const stream = caller.rpc.stream('endless')
    await world.advance(400)
    stream.cancel()
    await world.advance()
    const onRpc = world.net.trace.filter(({ lane }) => lane === 'rpc')
    const types = new Set(onRpc.map(({ type }) => type))
    expect(types).toEqual(
      new Set([WireType.streamOpen, WireType.streamCredit, WireType.streamError]),
    )
    expect(onRpc.every(({ bytes }) => bytes < 200)).toBe(true)
    const onBulk = new Set(
      world.net.trace.filter(({ lane }) => lane === 'bulk').map(({ type }) => type),
    )
    expect(onBulk).toEqual(new Set([WireType.streamData, WireType.streamCredit]))
  })

  it('a full courier is not given more until it drains', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('take', async (_input, items) => {
      let count = 0
      for await (const item of items) count += item === undefined ? 0 : 1
      return count
    })
    await world.advance()
    const stream = caller.rpc.stream('take')
    await world.advance()
    caller.node.courier.full.add(provider.node.self)
    const fates = Array.from({ length: 10 }, (_, at) => fateOf(stream.write(at)))
    stream.end()
    await world.advance()
    expect(fates.filter((fate) => 'value' in fate).length).toBe(1)
    caller.node.courier.drain(provider.node.self)
    await world.advance()
    expect(fates.every((fate) => 'value' in fate)).toBe(true)
    await expect(stream.result).resolves.toBe(10)
  })

  it('a handler that ignores its end keeps others out for handlerGraceMs, and no longer', async () => {
    const { world, caller, provider } = pairOf({ handlerGraceMs: 5_000 })
    let running = 0
    const handler = (): Promise<never> => {
      running += 1
      return new Promise(() => {})
    }
    const advertised = await provider.rpc.advertiseStream('stubborn', handler, { concurrency: 1 })
    await world.advance()
    const first = caller.rpc.stream('stubborn')
    await world.advance()
    first.cancel()
    await world.advance(4_900)
    const early = fateOf(caller.rpc.stream('stubborn').result)
    await world.advance(90)
    expect(early.error).toMatchObject({ code: 'ERR_RPC_OVERLOADED' })
    await world.advance(100)
    const second = caller.rpc.stream('stubborn')
    await world.advance()
    // Both still count for their peer and this node.
    expect([running, provider.driver.stats().inbound]).toEqual([2, 2])
    const drained = fateOf(advertised.drain())
    second.cancel()
    await world.advance(4_900)
    expect(drained).toEqual({})
    await world.advance(200)
    expect(drained).toEqual({ value: undefined })
  })

  it('ML6 unadvertised streams are refused at once; those that run go on; drain waits for them', async () => {
    const { world, caller, provider } = pairOf()
    const advertised = await provider.rpc.advertiseStream('take', async (_input, items) => {
      for await (const item of items) void item
      return 'took'
    })
    await world.advance()
    const stream = caller.rpc.stream('take')
    await world.advance()
    const drained = fateOf(advertised.drain())
    await world.advance()
    const late = caller.rpc.stream('take')
    await expect(late.result).rejects.toMatchObject({ code: 'ERR_RPC_NO_PROVIDER' })
    expect(drained).toEqual({})
    stream.end()
    await world.advance()
    await expect(stream.result).resolves.toBe('took')
    expect(drained).toEqual({ value: undefined })
    expect(advertised.unadvertise()).toBe(false)
  })
})
