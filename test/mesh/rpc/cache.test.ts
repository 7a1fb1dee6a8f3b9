import { describe, expect, it } from 'vitest'
import type { RpcOptions } from '../../../mesh/rpc/options.ts'
import { RpcNet } from './rpc-net.ts'
import type { RpcNode } from './rpc-net.ts'

interface World {
  readonly net: RpcNet
  readonly caller: RpcNode
  /** Calls that the handler has run. */
  runs: number
  /** Makes the handler wait, or fail. */
  behave: (input: unknown) => unknown
}

async function world(options?: RpcOptions): Promise<World> {
  const net = new RpcNet()
  const caller = await net.rpcNode(options)
  const provider = await net.rpcNode()
  const made: World = { net, caller, runs: 0, behave: (input) => ({ input }) }
  await net.told(
    provider.rpc.advertise('slow.square', (input) => {
      made.runs += 1
      return made.behave(input)
    }),
  )
  return made
}

function later<T>(net: RpcNet, ms: number, value: T): Promise<T> {
  return new Promise((resolve) => net.clock.setTimer(ms, () => resolve(value)))
}

describe('the cache of results', () => {
  it('is off unless a call asks for it', async () => {
    const made = await world()
    const { net, caller } = made
    await net.during(caller.rpc.call('slow.square', 1))
    await net.during(caller.rpc.call('slow.square', 1))
    expect(caller.rpc.stats()).toMatchObject({ calls: 2, cacheEntries: 0, cacheMisses: 0 })
    expect(made.runs).toBe(2)
  })

  it('gives what is kept for the same procedure and input, a copy to each', async () => {
    const made = await world()
    const { net, caller } = made
    const call = (input: unknown): Promise<{ input: unknown }> =>
      net.during(caller.rpc.call('slow.square', input, { cacheTtlMs: 1_000 }))
    const first = await call({ a: 1 })
    first.input = 'changed'
    expect(await call({ a: 1 })).toEqual({ input: { a: 1 } })
    expect(made.runs).toBe(1)
    await call({ a: 2 })
    expect(made.runs).toBe(2)
    expect(caller.rpc.stats()).toMatchObject({ cacheHits: 1, cacheMisses: 2, cacheEntries: 2 })
  })

  it('MG17 a result ends with its time, however often it is read', async () => {
    const made = await world()
    const { net, caller } = made
    const call = (): Promise<unknown> =>
      net.during(caller.rpc.call('slow.square', 1, { cacheTtlMs: 1_000 }))
    await call()
    for (let read = 0; read < 9; read++) {
      await net.clock.advance(100)
      await call()
    }
    expect(made.runs).toBe(1)
    await net.clock.advance(110)
    await call()
    expect(made.runs).toBe(2)
  })

  it('calls for the same thing wait for the one that is under way', async () => {
    const made = await world()
    const { net, caller } = made
    made.behave = (input) => later(net, 50, input)
    const calls = Array.from({ length: 20 }, () =>
      caller.rpc.call('slow.square', 7, { cacheTtlMs: 1_000 }),
    )
    expect(await net.during(Promise.all(calls))).toEqual(Array.from({ length: 20 }, () => 7))
    expect(made.runs).toBe(1)
    expect(caller.rpc.stats()).toMatchObject({ calls: 1, cacheMisses: 1, cacheJoined: 19 })
  })

  it('failures are not kept, and all who wait hear of one', async () => {
    const made = await world()
    const { net, caller } = made
    made.behave = () => {
      throw Object.assign(new Error('no'), { code: 'ERR_NO' })
    }
    const call = (): Promise<unknown> => caller.rpc.call('slow.square', 1, { cacheTtlMs: 1_000 })
    const ends = await net.during(Promise.allSettled([call(), call()]))
    expect(ends).toMatchObject([
      { status: 'rejected', reason: { code: 'ERR_RPC_REMOTE', remote: { code: 'ERR_NO' } } },
      { status: 'rejected', reason: { code: 'ERR_RPC_REMOTE', remote: { code: 'ERR_NO' } } },
    ])
    expect(made.runs).toBe(1)
    made.behave = () => 'yes'
    await expect(net.during(call())).resolves.toBe('yes')
  })

  it('R3 one who gives up leaves the others their call; the last one ends it', async () => {
    const made = await world()
    const { net, caller } = made
    made.behave = (input) => later(net, 100, input)
    const controllers = [new AbortController(), new AbortController()]
    const seen = controllers.map(({ signal }) =>
      net.watch(caller.rpc.call('slow.square', 1, { cacheTtlMs: 1_000, signal })),
    )
    await net.clock.advance(10)
    controllers[0]?.abort('enough')
    await net.clock.advance(10)
    expect(seen.map(({ ended }) => ended.type)).toEqual(['error', 'pending'])
    expect(seen[0]?.ended).toMatchObject({ error: { code: 'ERR_RPC_CANCELLED', cause: 'enough' } })
    await net.clock.advance(100)
    expect(seen[1]?.ended).toEqual({ type: 'value', value: 1 })
    const alone = new AbortController()
    const last = net.watch(
      caller.rpc.call('slow.square', 2, { cacheTtlMs: 1_000, signal: alone.signal }),
    )
    await net.clock.advance(10)
    expect(caller.rpc.stats().pending).toBe(1)
    alone.abort()
    await net.clock.advance(0)
    expect([last.ended.type, caller.rpc.stats().pending]).toEqual(['error', 0])
    const before = caller.rpc.call('slow.square', 3, { cacheTtlMs: 1, signal: alone.signal })
    await expect(before).rejects.toMatchObject({ code: 'ERR_RPC_CANCELLED' })
  })

  it('R2 one with more time than the call that it waits for makes another; one with less ends in its own', async () => {
    const made = await world()
    const { net, caller } = made
    made.behave = (input) => (made.runs === 1 ? later(net, 10_000, input) : input)
    const call = (timeoutMs: number): Promise<unknown> =>
      caller.rpc.call('slow.square', 1, { cacheTtlMs: 1_000, timeoutMs })
    const [first, patient, hasty] = [call(100), call(500), call(30)].map((each) => net.watch(each))
    await net.clock.advance(31)
    expect(hasty?.ended).toMatchObject({ type: 'error', error: { code: 'ERR_RPC_TIMEOUT' } })
    expect(first?.ended.type).toBe('pending')
    await net.clock.advance(80)
    expect(first?.ended).toMatchObject({ type: 'error', error: { code: 'ERR_RPC_TIMEOUT' } })
    expect(patient?.ended).toEqual({ type: 'value', value: 1 })
    expect(made.runs).toBe(2)
  })

  it('keeps cacheEntriesMax results; one more forgets the one that was used longest ago', async () => {
    const made = await world({ cacheEntriesMax: 3 })
    const { net, caller } = made
    const call = (input: number): Promise<unknown> =>
      net.during(caller.rpc.call('slow.square', input, { cacheTtlMs: 60_000 }))
    for (const input of [1, 2, 3, 1]) await call(input)
    expect([made.runs, caller.count('ERR_RPC_CACHE_MAX')]).toEqual([3, 0])
    await call(4)
    expect([caller.rpc.stats().cacheEntries, caller.count('ERR_RPC_CACHE_MAX')]).toEqual([3, 1])
    await call(1)
    expect(made.runs).toBe(4)
    await call(2)
    expect(made.runs).toBe(5)
  })

  it('keeps cacheBytesMax bytes; a result that alone is larger is not kept', async () => {
    const made = await world({ cacheBytesMax: 2_000 })
    const { net, caller } = made
    made.behave = (bytes) => new Uint8Array(bytes as number)
    const call = (bytes: number): Promise<unknown> =>
      net.during(caller.rpc.call('slow.square', bytes, { cacheTtlMs: 60_000 }))
    await call(800)
    await call(801)
    expect(caller.rpc.stats().cacheEntries).toBe(2)
    await call(802)
    expect(caller.rpc.stats().cacheEntries).toBe(2)
    await call(1_990)
    expect([caller.rpc.stats().cacheEntries, made.runs]).toEqual([2, 4])
    await call(802)
    expect(made.runs).toBe(4)
  })

  it('a call to a certain node has results of its own, and clearing forgets', async () => {
    const made = await world()
    const { net, caller } = made
    const provider = net.nodes()[1]!.self
    const call = (node?: string): Promise<unknown> =>
      net.during(caller.rpc.call('slow.square', 1, { cacheTtlMs: 60_000, node }))
    await call()
    await call(provider)
    await call(provider)
    expect(made.runs).toBe(2)
    expect(caller.rpc.clearCache('other')).toBe(0)
    expect(caller.rpc.clearCache('slow.square')).toBe(2)
    await call()
    expect(made.runs).toBe(3)
    expect(caller.rpc.clearCache()).toBe(1)
    expect(caller.context.memory.cache.bytes).toBe(0)
  })

  it('calls that handlers make share it, within the time of their own call', async () => {
    const made = await world()
    const { net, caller } = made
    made.behave = (input) => later(net, 100, input)
    await net.told(
      caller.rpc.advertise('outer', (input, context) =>
        context.call('slow.square', input, { cacheTtlMs: 60_000 }),
      ),
    )
    const short = net.watch(caller.rpc.call('outer', 1, { timeoutMs: 50 }))
    const long = net.watch(caller.rpc.call('outer', 1, { timeoutMs: 500 }))
    await net.clock.advance(60)
    expect(short.ended.type).toBe('error')
    await net.clock.advance(400)
    expect(long.ended).toEqual({ type: 'value', value: 1 })
  })
})
