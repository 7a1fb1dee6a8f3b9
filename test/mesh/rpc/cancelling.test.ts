import { describe, expect, it } from 'vitest'
import type { CallContext, CancelMode } from '../../../mesh/rpc/rpc.ts'
import { RpcNet } from './rpc-net.ts'
import type { RpcNode } from './rpc-net.ts'

interface Pair {
  readonly net: RpcNet
  readonly caller: RpcNode
  readonly provider: RpcNode
}

async function pair(latencyMs = 1): Promise<Pair> {
  const net = new RpcNet({ latencyMs })
  return { net, caller: await net.rpcNode(), provider: await net.rpcNode() }
}

/** A handler that goes on until it is told to stop, and then throws, or ends as `end` says. */
function patient(log: string[], end?: () => unknown) {
  return (_: unknown, { signal }: CallContext) =>
    new Promise((resolve, reject) => {
      log.push('run')
      signal.addEventListener('abort', () => {
        log.push(`abort ${(signal.reason as { code: string }).code}`)
        if (end === undefined) reject(new Error('stopped'))
        else resolve(end())
      })
    })
}

describe('cancelling', () => {
  it('ML48 R3 aborts the handler within one round trip and ends the call at once', async () => {
    const { net, caller, provider } = await pair(10)
    const log: string[] = []
    await net.told(provider.rpc.advertise('long.one', patient(log)))
    const giver = new AbortController()
    const call = net.watch(caller.rpc.call('long.one', 1, { signal: giver.signal }))
    await net.clock.advance(50)
    giver.abort(new Error('enough'))
    await net.clock.settle()
    const error = { code: 'ERR_RPC_CANCELLED', message: "'long.one' was given up" }
    expect(call.ended).toMatchObject({ type: 'error', error })
    expect((call.ended as { error: Error }).error.cause).toMatchObject({ message: 'enough' })
    await net.clock.advance(10)
    expect(log).toEqual(['run', 'abort ERR_RPC_CANCELLED'])
    expect([caller.rpc.stats().pending, provider.rpc.stats().running]).toEqual([0, 0])
  })

  const traces: readonly (readonly [CancelMode, string, number, number])[] = [
    // mode, what the handler sees, frames of cancel, frames of reply
    ['skip', 'run', 0, 1],
    ['kill', 'run, abort ERR_RPC_CANCELLED', 1, 1],
    ['killnowait', 'run, abort ERR_RPC_CANCELLED', 1, 0],
  ]
  it.each(traces)('R3 %s: the handler sees %s', async (cancelMode, seen, cancels, replies) => {
    const { net, caller, provider } = await pair()
    const log: string[] = []
    let finish: (() => void) | undefined
    await net.told(
      provider.rpc.advertise('long.one', async (_, { signal }) => {
        log.push('run')
        await new Promise<void>((resolve, reject) => {
          finish = resolve
          signal.addEventListener('abort', () => {
            log.push('abort ERR_RPC_CANCELLED')
            reject(new Error('stopped'))
          })
        })
        return 'done'
      }),
    )
    const giver = new AbortController()
    const call = net.watch(caller.rpc.call('long.one', 1, { signal: giver.signal, cancelMode }))
    await net.clock.advance(5)
    giver.abort()
    await net.clock.settle()
    // Only `kill` waits for the provider.
    expect(call.ended.type).toBe(cancelMode === 'kill' ? 'pending' : 'error')
    await net.clock.advance(2)
    finish?.()
    await net.clock.advance(5)
    expect(call.ended).toMatchObject({ type: 'error', error: { code: 'ERR_RPC_CANCELLED' } })
    expect(log.join(', ')).toBe(seen)
    expect([net.frames('cancel'), net.frames('reply')]).toEqual([cancels, replies])
    // Of `skip` the late result is dropped, and counted.
    expect(caller.rpc.stats().late).toBe(cancelMode === 'skip' ? 1 : 0)
    expect(caller.rpc.stats()).toMatchObject({ pending: 0, errors: 1, results: 0 })
    expect(provider.rpc.stats()).toMatchObject({ running: 0, queued: 0 })
  })

  it('R3 kill gives the result of a handler that finishes all the same', async () => {
    const { net, caller, provider } = await pair()
    const log: string[] = []
    await net.told(
      provider.rpc.advertise(
        'long.one',
        patient(log, () => 'in time'),
      ),
    )
    const giver = new AbortController()
    const options = { signal: giver.signal, cancelMode: 'kill' } as const
    const call = caller.rpc.call('long.one', 1, options)
    await net.clock.advance(5)
    giver.abort()
    expect(await net.during(call)).toBe('in time')
  })

  it('R3 a call that waits for its turn is not run, and one given up before is not sent', async () => {
    const { net, caller, provider } = await pair()
    const log: string[] = []
    await net.told(provider.rpc.advertise('one.by.one', patient(log), { concurrency: 1 }))
    net.watch(caller.rpc.call('one.by.one'))
    const giver = new AbortController()
    net.watch(caller.rpc.call('one.by.one', 1, { signal: giver.signal }))
    await net.clock.advance(5)
    expect(provider.rpc.stats()).toMatchObject({ running: 1, queued: 1 })
    giver.abort()
    await net.clock.advance(2)
    expect(provider.rpc.stats()).toMatchObject({ running: 1, queued: 0 })
    const sent = net.frames('call')
    const late = net.errorOf(caller.rpc.call('one.by.one', 1, { signal: giver.signal }))
    expect((await late).code).toBe('ERR_RPC_CANCELLED')
    expect(net.frames('call')).toBe(sent)
    expect(log).toEqual(['run'])
  })

  it('R3 a cancellation that overtakes its call keeps it from running', async () => {
    const { net, caller, provider } = await pair()
    let runs = 0
    await net.told(provider.rpc.advertise('large.one', () => void (runs += 1)))
    let held: (() => void) | undefined
    const { courier } = provider.node
    const take = courier.take.bind(courier)
    courier.take = (origin, frame) => {
      if (frame[1] === 0x20 && held === undefined) held = () => take(origin, frame)
      else take(origin, frame)
    }
    const giver = new AbortController()
    net.watch(caller.rpc.call('large.one', 1, { signal: giver.signal }))
    await net.clock.advance(2)
    giver.abort()
    await net.clock.advance(2)
    held!()
    await net.clock.advance(2)
    expect(runs).toBe(0)
  })

  it('ML27 the call of a process ends with it, and the handler is told', async () => {
    const { net, caller, provider } = await pair()
    const log: string[] = []
    await net.told(provider.rpc.advertise('long.one', patient(log)))
    const { system } = caller.node
    const errors: unknown[] = []
    const pid = system.spawn(async () => {
      const calls = [1, 2].map((input) => caller.rpc.call('long.one', input))
      for (const call of calls) call.catch((error: unknown) => errors.push(error))
      await Promise.allSettled(calls)
    })
    await net.clock.advance(5)
    expect(log).toEqual(['run', 'run'])
    system.exit(pid, 'kill')
    await net.clock.advance(5)
    expect(errors).toMatchObject([{ code: 'ERR_RPC_CANCELLED' }, { code: 'ERR_RPC_CANCELLED' }])
    expect(log.slice(2)).toEqual(['abort ERR_RPC_CANCELLED', 'abort ERR_RPC_CANCELLED'])
    expect(caller.rpc.stats().pending).toBe(0)
  })
})

describe('nodes that are gone', () => {
  it('R4 when the caller is gone its handlers are told', async () => {
    const { net, caller, provider } = await pair()
    const log: string[] = []
    await net.told(provider.rpc.advertise('long.one', patient(log)))
    net.watch(caller.rpc.call('long.one', 1, { timeoutMs: 60_000 }))
    await net.clock.advance(5)
    net.kill(caller.node, 500)
    await net.clock.advance(499)
    expect(log).toEqual(['run'])
    await net.clock.advance(1)
    expect(log).toEqual(['run', 'abort ERR_RPC_UNREACHABLE'])
    expect(provider.rpc.stats()).toMatchObject({ running: 0, queued: 0 })
  })

  it('R4 when the provider is gone its calls fail once each, long before their time', async () => {
    const { net, caller, provider } = await pair()
    await net.told(provider.rpc.advertise('long.one', patient([])))
    const ends: string[] = []
    for (let call = 0; call < 100; call++) {
      caller.rpc.call('long.one', call, { timeoutMs: 60_000 }).then(
        () => ends.push('value'),
        (error: { code: string }) => ends.push(error.code),
      )
    }
    await net.clock.advance(5)
    net.kill(provider.node, 500)
    await net.clock.advance(501)
    expect(ends).toEqual(new Array(100).fill('ERR_RPC_UNREACHABLE'))
    expect(caller.rpc.stats()).toMatchObject({ pending: 0, errors: 100, calls: 100 })
  })

  it('R11 an idempotent call goes on elsewhere when its provider is gone', async () => {
    const { net, caller, provider } = await pair()
    const other = await net.rpcNode()
    await net.told(provider.rpc.advertise('safe.one', patient([])))
    await net.told(other.rpc.advertise('safe.one', () => 'other'))
    const options = { strategy: 'first', idempotent: true } as const
    const call = caller.rpc.call('safe.one', 1, options)
    await net.clock.advance(5)
    net.kill(provider.node, 500)
    expect(await net.during(call)).toBe('other')
    expect(caller.rpc.stats().retries).toBe(1)
  })
})

describe('deadlines', () => {
  it('R2 a call of a handler inherits what is left, and the clocks are never compared', async () => {
    const { net, caller, provider } = await pair(10)
    const last = await net.rpcNode()
    const seen: number[] = []
    await net.told(
      last.rpc.advertise('inner', (_, { deadlineMs }) => void seen.push(deadlineMs)),
      provider.rpc.advertise('outer', async (_, context) => {
        seen.push(context.deadlineMs)
        await new Promise<void>((resolve) => net.clock.setTimer(100, resolve))
        return context.call('inner', 1, { timeoutMs: 60_000 })
      }),
    )
    await net.during(caller.rpc.call('outer', 1, { timeoutMs: 500 }))
    // What is sent is what is left, so the way itself is not counted.
    expect(seen).toEqual([500, 400])
  })

  it('R2 when the time is over the calls of its handler are given up as well', async () => {
    const { net, caller, provider } = await pair()
    const last = await net.rpcNode()
    const log: string[] = []
    await net.told(
      last.rpc.advertise('inner', patient(log)),
      provider.rpc.advertise('outer', (_, { call }) => call('inner')),
    )
    const giver = new AbortController()
    net.watch(caller.rpc.call('outer', 1, { signal: giver.signal }))
    await net.clock.advance(10)
    giver.abort()
    await net.clock.advance(4)
    expect(log).toEqual(['run', 'abort ERR_RPC_CANCELLED'])
  })

  it('R2 what has expired on arrival is answered with a timeout and not run', async () => {
    const { net, caller, provider } = await pair()
    let runs = 0
    await net.told(provider.rpc.advertise('quick', () => void (runs += 1)))
    const { RpcFrames } = await import('../../../mesh/rpc/frames.ts')
    const frames = new RpcFrames(caller.node.codec)
    const id = '\u0001'.repeat(16)
    const message = {
      id,
      procedure: 'quick',
      budgetMs: 0,
      priority: undefined,
      wantsProgress: false,
    }
    const input = caller.node.values.encode(1)
    caller.node.courier.send(provider.node.self, 'rpc', frames.call(message, input))
    await net.clock.advance(5)
    expect(runs).toBe(0)
    expect(provider.count('ERR_RPC_EXPIRED')).toBe(1)
    expect(net.frames('reply')).toBe(1)
    expect(caller.count('ERR_RPC_LATE')).toBe(1)
  })

  it('R2 a call or cast waits for a way no longer than its caller waits, so none is run after that', async () => {
    const { net, caller, provider } = await pair()
    await net.told(provider.rpc.advertise('quick', () => 1))
    const { courier } = caller.node
    const send = courier.send.bind(courier)
    const waits: unknown[] = []
    courier.send = (to, lane, frame, options) => {
      waits.push(options?.timeoutMs)
      return send(to, lane, frame, options)
    }
    await net.during(caller.rpc.call('quick', 1, { timeoutMs: 250 }))
    caller.rpc.cast('quick', 1, { timeoutMs: 300 })
    await net.clock.advance(5)
    expect(waits).toEqual([250, 300])
  })

  it('what waits for its turn has its own input, though the buffer that it came in is used again', async () => {
    const { net, caller, provider } = await pair()
    const { courier } = provider.node
    const take = courier.take.bind(courier)
    courier.take = (origin, frame) => {
      // As a socket gives them: a Buffer, of which `slice` is a view.
      const received = Buffer.from(frame)
      take(origin, received)
      received.fill(0)
    }
    const got: unknown[] = []
    const slow = async (input: unknown): Promise<void> => {
      got.push(input)
      await new Promise<void>((resolve) => void net.clock.setTimer(5, resolve))
    }
    await net.told(provider.rpc.advertise('slow', slow, { concurrency: 1 }))
    const calls = ['one', 'two', 'three'].map((input) => caller.rpc.call('slow', input))
    await net.during(Promise.all(calls))
    expect(got).toEqual(['one', 'two', 'three'])
  })

  it('R13 a provider that hangs times out, is told by its own clock, and frees its place later', async () => {
    const { net, caller, provider } = await pair()
    const log: string[] = []
    const hang = (_: unknown, { signal }: CallContext): Promise<never> => {
      signal.addEventListener('abort', () => log.push((signal.reason as { code: string }).code))
      return new Promise(() => {})
    }
    await net.told(provider.rpc.advertise('hang', hang, { concurrency: 1 }))
    const error = await net.errorOf(caller.rpc.call('hang', 1, { timeoutMs: 100 }))
    expect(error).toMatchObject({ code: 'ERR_RPC_TIMEOUT', timeoutMs: 100, attempts: 1 })
    await net.clock.advance(2)
    expect(log).toEqual(['ERR_RPC_TIMEOUT'])
    expect(provider.rpc.stats().running).toBe(1)
    await net.clock.advance(5_000)
    expect(provider.rpc.stats().running).toBe(0)
    expect(net.frames('cancel')).toBe(0)
  })

  it('replies after the deadline are dropped and counted', async () => {
    const { net, caller, provider } = await pair()
    net.latencyMs = 1
    await net.told(provider.rpc.advertise('quick', () => 'late'))
    const { courier } = caller.node
    const take = courier.take.bind(courier)
    courier.take = (origin, frame) => void net.clock.setTimer(200, () => take(origin, frame))
    const error = await net.errorOf(caller.rpc.call('quick', 1, { timeoutMs: 100 }))
    expect(error.code).toBe('ERR_RPC_TIMEOUT')
    await net.clock.advance(300)
    expect(caller.rpc.stats()).toMatchObject({ late: 1, results: 0, errors: 1, pending: 0 })
    expect(caller.count('ERR_RPC_LATE')).toBe(1)
  })
})
