import { describe, expect, it } from 'vitest'
import { WireType } from '../../../mesh/wire/messages.ts'
import { RpcNet } from './rpc-net.ts'
import type { RpcNode } from './rpc-net.ts'

const wait = (net: RpcNet, ms: number): Promise<void> =>
  new Promise((resolve) => net.clock.setTimer(ms, resolve))

async function nodes(count: number, options?: object): Promise<{ net: RpcNet; all: RpcNode[] }> {
  const net = new RpcNet()
  const all: RpcNode[] = []
  for (let each = 0; each < count; each++) all.push(await net.rpcNode(options))
  return { net, all }
}

describe('failover', () => {
  it('R11 a call whose provider says that it may run twice goes on elsewhere, others do not', async () => {
    const { net, all } = await nodes(4)
    const [caller, gone, hangs, other] = all as [RpcNode, RpcNode, RpcNode, RpcNode]
    for (const [{ rpc }, output] of [
      [gone, new Promise(() => {})],
      [hangs, new Promise(() => {})],
      [other, 'other'],
    ] as const) {
      await net.told(
        rpc.advertise('safe', () => output, { idempotent: true }),
        rpc.advertise('unsafe', () => output),
      )
    }
    const options = { strategy: 'first', attemptTimeoutMs: 200, timeoutMs: 3_000 } as const
    const safe = caller.rpc.call('safe', 1, options)
    const unsafe = net.errorOf(caller.rpc.call('unsafe', 1, options))
    await net.clock.advance(5)
    net.kill(gone.node, 100)
    expect(await net.during(safe)).toBe('other')
    expect((await unsafe).code).toBe('ERR_RPC_UNREACHABLE')
    expect(caller.rpc.providers('safe')[0]?.metadata).toEqual({})
  })

  it('R11 an attempt that is known to be lost is made elsewhere without being asked for', async () => {
    const { net, all } = await nodes(3)
    const [caller, lost, other] = all as [RpcNode, RpcNode, RpcNode]
    let runs = 0
    await net.told(
      lost.rpc.advertise('once', () => (runs += 1)),
      other.rpc.advertise('once', () => 'other'),
    )
    net.cut(caller.node, lost.node)
    expect(await net.during(caller.rpc.call('once', 1, { strategy: 'first' }))).toBe('other')
    expect(runs).toBe(0)
    expect(caller.rpc.stats()).toMatchObject({ calls: 1, results: 1, errors: 0, retries: 1 })
  })

  it('R7 R11 an attempt that may have arrived is not: the handler may have run', async () => {
    const { net, all } = await nodes(3)
    const [caller, first, other] = all as [RpcNode, RpcNode, RpcNode]
    let runs = 0
    for (const { rpc } of [first, other]) await net.told(rpc.advertise('once', () => (runs += 1)))
    net.cut(caller.node, first.node)
    net.receiptLost = true
    const options = { strategy: 'first' } as const
    const error = await net.errorOf(caller.rpc.call('once', 1, options))
    expect([error.code, runs]).toEqual(['ERR_RPC_UNREACHABLE', 0])
    expect(await net.during(caller.rpc.call('once', 1, { ...options, idempotent: true }))).toBe(1)
  })

  it('R11 an answer that is lost is not: the handler may have run', async () => {
    const { net, all } = await nodes(3)
    const [caller, first, other] = all as [RpcNode, RpcNode, RpcNode]
    let runs = 0
    for (const { rpc } of [first, other]) await net.told(rpc.advertise('once', () => (runs += 1)))
    net.loses = ({ type }) => type === WireType.reply
    const options = { strategy: 'first', timeoutMs: 500 } as const
    expect((await net.errorOf(caller.rpc.call('once', 1, options))).code).toBe('ERR_RPC_TIMEOUT')
    expect(runs).toBe(1)
    const safe = { ...options, idempotent: true, attemptTimeoutMs: 100, attempts: 5 }
    const error = await net.errorOf(caller.rpc.call('once', 1, safe))
    expect(error).toMatchObject({ code: 'ERR_RPC_TIMEOUT' })
    expect(runs).toBeGreaterThanOrEqual(4)
  })

  it('MG13 R11 asks at most as many as it may, and says how many', async () => {
    const { net, all } = await nodes(7)
    const [caller, ...providers] = all as [RpcNode, ...RpcNode[]]
    for (const { node, rpc } of providers) {
      await net.told(rpc.advertise('far', () => 1))
      net.cut(caller.node, node)
    }
    const error = await net.errorOf(caller.rpc.call('far'))
    expect(error).toMatchObject({ code: 'ERR_RPC_UNREACHABLE', attempts: 3 })
    const five = await net.errorOf(caller.rpc.call('far', 1, { attempts: 5 }))
    expect(five.attempts).toBe(5)
    expect(() => caller.rpc.cast('far', 1, { strategy: 'best' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
    await expect(caller.rpc.call('far', 1, { attempts: 6 })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
  })

  it('R11 when everything is refused the extra attempts stay at 10 % of the calls', async () => {
    const { net, all } = await nodes(3, { breakerCallsMin: 1_000_000 })
    const [caller, ...providers] = all as [RpcNode, ...RpcNode[]]
    for (const { node, rpc } of providers) {
      await net.told(rpc.advertise('far', () => 1))
      net.cut(caller.node, node)
    }
    for (let call = 0; call < 1_000; call++) {
      caller.rpc.call('far').catch(() => {})
      if (call % 100 === 0) await net.clock.advance(10)
    }
    await net.clock.advance(5_000)
    const { retries, calls, errors, pending } = caller.rpc.stats()
    expect([calls, errors, pending]).toEqual([1_000, 1_000, 0])
    expect(retries).toBeLessThanOrEqual(110)
    expect(retries).toBeGreaterThanOrEqual(90)
  })

  it('an overloaded provider is left for another, and asked again after a pause when there is none', async () => {
    const { net, all } = await nodes(3)
    const [caller, busy, idle] = all as [RpcNode, RpcNode, RpcNode]
    const slow = async (): Promise<string> => (await wait(net, 50), 'slow')
    await net.told(busy.rpc.advertise('work', slow, { concurrency: 1, queueMax: 0 }))
    const calls = [1, 2].map(() => caller.rpc.call('work'))
    expect(await net.during(Promise.all(calls))).toEqual(['slow', 'slow'])
    expect(caller.rpc.stats().retries).toBeGreaterThanOrEqual(1)
    await net.told(idle.rpc.advertise('work', () => 'idle'))
    const options = { strategy: 'first' } as const
    const both = [1, 2].map(() => caller.rpc.call('work', 1, options))
    expect(await net.during(Promise.all(both))).toEqual(['slow', 'idle'])
  })
})

describe('breakers', () => {
  it('R13 calls that time out open the breaker of their provider, and others are asked', async () => {
    const { net, all } = await nodes(3)
    const [caller, hanging, well] = all as [RpcNode, RpcNode, RpcNode]
    let isWell = false
    await net.told(
      hanging.rpc.advertise('work', () => (isWell ? 'well again' : new Promise(() => {}))),
      well.rpc.advertise('work', () => 'well'),
    )
    const options = { strategy: 'first', timeoutMs: 100 } as const
    for (let call = 0; call < 20; call++) {
      expect((await net.errorOf(caller.rpc.call('work', 1, options))).code).toBe('ERR_RPC_TIMEOUT')
    }
    expect(caller.rpc.providers('work')[0]).toMatchObject({ breaker: 'open' })
    expect(await net.during(caller.rpc.call('work', 1, options))).toBe('well')
    isWell = true
    await net.clock.advance(5_000)
    // One may try; it succeeds, so the breaker is closed.
    expect(await net.during(caller.rpc.call('work', 1, options))).toBe('well again')
    expect(caller.rpc.providers('work')[0]).toMatchObject({ breaker: 'closed' })
  })

  it('MG13 R13 with all of them open a call fails at once', async () => {
    const { net, all } = await nodes(2)
    const [caller, hanging] = all as [RpcNode, RpcNode]
    await net.told(hanging.rpc.advertise('work', () => new Promise(() => {})))
    for (let call = 0; call < 20; call++) {
      caller.rpc.call('work', 1, { timeoutMs: 50 }).catch(() => {})
    }
    await net.clock.advance(60)
    const sent = net.frames('call')
    const error = await net.errorOf(caller.rpc.call('work'))
    expect(error).toMatchObject({ code: 'ERR_RPC_UNREACHABLE', attempts: 0 })
    expect(error.message).toContain('breakers')
    expect(net.frames('call')).toBe(sent)
  })

  it('R13 what handlers throw opens no breaker', async () => {
    const { net, all } = await nodes(2)
    const [caller, provider] = all as [RpcNode, RpcNode]
    await net.told(
      provider.rpc.advertise('work', () => {
        throw new Error('no')
      }),
    )
    for (let call = 0; call < 30; call++) await net.errorOf(caller.rpc.call('work'))
    expect(caller.rpc.providers('work')[0]).toMatchObject({ breaker: 'closed' })
  })
})

describe('hedging', () => {
  it('R12 asks a second provider after a while, takes the first answer and cancels the other', async () => {
    const { net, all } = await nodes(3)
    const [caller, slow, quick] = all as [RpcNode, RpcNode, RpcNode]
    let aborted = 0
    await net.told(
      slow.rpc.advertise('work', (_, { signal }) => {
        signal.addEventListener('abort', () => (aborted += 1))
        return wait(net, 1_000)
      }),
      quick.rpc.advertise('work', () => 'quick'),
    )
    const startMs = net.clock.now()
    const options = { strategy: 'first', hedge: { delayMs: 20 } } as const
    expect(await net.during(caller.rpc.call('work', 1, options))).toBe('quick')
    expect(net.clock.now() - startMs).toBeLessThanOrEqual(23)
    await net.clock.advance(2)
    expect(aborted).toBe(1)
    expect(caller.rpc.stats()).toMatchObject({ hedges: 1, results: 1, pending: 0 })
  })

  it('R12 with one provider 10 times slower p99 is 3 times better, for at most 5 % more calls', async () => {
    const measure = async (hedge: boolean): Promise<{ p99: number; extra: number }> => {
      const { net, all } = await nodes(4)
      const [caller, ...providers] = all as [RpcNode, ...RpcNode[]]
      for (const { rpc, node } of providers) {
        const handler = (): Promise<void> => {
          // Now and then one of them is slow, as with a garbage collection.
          const isSlow = node.chance() < 0.02
          return wait(net, isSlow ? 300 : 10 + node.chance() * 5)
        }
        await net.told(rpc.advertise('work', handler))
      }
      const latencies: number[] = []
      for (let call = 0; call < 1_200; call++) {
        const startMs = net.clock.now()
        void caller.rpc.call('work', 1, { strategy: 'random', hedge }).then(() => {
          latencies.push(net.clock.now() - startMs)
        })
        await net.clock.advance(2)
      }
      await net.clock.advance(1_000)
      expect(latencies.length).toBe(1_200)
      const sorted = latencies.slice(200).sort((left, right) => left - right)
      return { p99: sorted[Math.floor(sorted.length * 0.99)]!, extra: caller.rpc.stats().hedges }
    }
    const plain = await measure(false)
    const hedged = await measure(true)
    expect(plain.p99 / hedged.p99).toBeGreaterThanOrEqual(3)
    expect(hedged.extra).toBeLessThanOrEqual(1_200 * 0.05 + 10)
  })
})

describe('the throttle', () => {
  it('R15 a caller that is refused most of the time asks less, and comes back', async () => {
    const { net, all } = await nodes(2, { throttleWindowMs: 1_000 })
    const [caller, provider] = all as [RpcNode, RpcNode]
    let isFull = true
    const handler = async (): Promise<unknown> => (isFull ? wait(net, 3_000) : 1)
    await net.told(provider.rpc.advertise('work', handler, { concurrency: 1, queueMax: 0 }))
    net.watch(caller.rpc.call('work', 1, { timeoutMs: 4_000 }))
    for (let call = 0; call < 400; call++) {
      caller.rpc.call('work', 1, { attempts: 1 }).catch(() => {})
      await net.clock.advance(5)
    }
    const { throttled, calls } = caller.rpc.stats()
    expect(throttled / calls).toBeGreaterThan(0.6)
    isFull = false
    await net.clock.advance(3_000)
    expect(await net.during(caller.rpc.call('work'))).toBe(1)
  })
})
