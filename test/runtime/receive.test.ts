import { describe, expect, it } from 'vitest'
import { ReceiveTimeoutError } from '../../runtime/index.ts'
import { createWorld, failure, idle, inProcess, observe } from './world.ts'
import type { Received } from '../../runtime/index.ts'

describe('receive', () => {
  it('takes the oldest match of the save queue before newer messages', async () => {
    const { clock, system } = createWorld()
    const order: unknown[] = []
    const pid = system.spawn(async (context) => {
      order.push(await context.receive((value) => value === 'c'))
      order.push(await context.receive((value) => value !== 'a'))
      order.push(await context.receive())
    })
    for (const value of ['a', 'b', 'c', 'd']) system.send(pid, value)
    await clock.settle()
    expect(order).toEqual(['c', 'b', 'a'])
  })

  it('times out with ERR_RECEIVE_TIMEOUT and keeps what did not match', async () => {
    const { clock, system } = createWorld()
    const got: unknown[] = []
    const pid = system.spawn(async (context) => {
      got.push(
        await failure(context.receive((value) => value === 'never', { timeoutMs: 50 })),
        await context.receive(),
      )
    })
    system.send(pid, 'kept')
    await clock.advance(49)
    expect(got).toEqual([])
    await clock.advance(1)
    expect(got).toEqual([expect.any(ReceiveTimeoutError), 'kept'])
    expect(got[0]).toMatchObject({ code: 'ERR_RECEIVE_TIMEOUT', timeoutMs: 50 })
  })

  it('timeout 0 takes what is queued and does not wait', async () => {
    const { clock, system } = createWorld()
    const got: unknown[] = []
    const pid = system.spawn(async (context) => {
      await context.receive((value) => value === 'go')
      got.push(await context.receive((value) => value === 'b', { timeoutMs: 0 }))
      got.push(await context.receive(undefined, { timeoutMs: 0 }))
      got.push(await failure(context.receive(undefined, { timeoutMs: 0 })))
    })
    for (const value of ['a', 'go', 'b']) system.send(pid, value)
    await clock.settle()
    expect(got).toEqual(['b', 'a', expect.any(ReceiveTimeoutError)])
    expect(clock.now()).toBe(0)
  })

  it('a match cancels the timeout', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system, {
      first: async (context) => {
        await context.receive(undefined, { timeoutMs: 10 })
      },
    })
    system.send(pid, 'in time')
    await clock.settle()
    expect(system.stats().timers).toBe(0)
    await clock.advance(100)
    expect(seen).toEqual([])
    expect(system.isAlive(pid)).toBe(true)
  })

  it('a second receive while one waits is refused', async () => {
    const { system } = createWorld()
    const error = await failure(
      inProcess(system, async (context) => {
        void context.receive()
        await context.receive()
      }),
    )
    expect(error).toMatchObject({ code: 'ERR_RECEIVE_PENDING' })
  })

  it('a match function that throws ends the process', async () => {
    const { clock, system, errors } = createWorld()
    const pid = system.spawn(async (context) => {
      await context.receive(() => {
        throw new Error('bad match')
      })
    })
    system.send(pid, 'x')
    await clock.settle()
    expect(system.isAlive(pid)).toBe(false)
    expect(errors).toHaveLength(1)
  })

  it('calls and casts are received too, and a call can be answered', async () => {
    const { clock, system } = createWorld()
    const { pid } = observe(system, {
      first: async (context) => {
        const cast = (await context.receive()) as Received
        expect(cast).toEqual({ type: 'cast', name: 'c', input: 1 })
        const call = (await context.receive()) as Received
        if (call.type === 'call') call.call.reply(`${call.name}:${String(call.input)}`)
      },
    })
    system.cast(pid, 'c', 1)
    const reply = system.call(pid, 'q', 2)
    await clock.settle()
    expect(await reply).toBe('q:2')
  })

  it('a match that receives, or is none, is refused; nothing is lost', async () => {
    const { clock, system } = createWorld()
    const codes: unknown[] = []
    const { pid, seen } = observe(system, {
      first: async (context) => {
        await new Promise<void>((resolve) => clock.nextTurn(resolve))
        const inner: Promise<unknown>[] = []
        const match = (value: unknown): boolean => {
          if (value === 'a') inner.push(failure((async () => context.receive())()))
          return value === 'b'
        }
        codes.push(await context.receive(match, { timeoutMs: 0 }))
        for (const error of inner) codes.push(((await error) as { code: string }).code)
        const bad = failure((async () => context.receive('x' as never))())
        codes.push(((await bad) as { code: string }).code)
      },
    })
    for (const message of ['a', 'b', 'c']) system.send(pid, message)
    await clock.settle()
    expect(codes).toEqual(['b', 'ERR_RECEIVE_PENDING', 'ERR_ARGUMENT'])
    expect(seen).toEqual(['a', 'c'])
  })

  it('a match that flushes a DOWN leaves the queues as they are', async () => {
    const { clock, system } = createWorld()
    const victim = idle(system)
    const { seen } = observe(system, {
      first: async (context) => {
        const ref = context.monitor(victim)
        system.exit(victim, 'kill')
        for (const message of ['a', 'b']) context.send(context.self, message)
        const match = (value: unknown): boolean => {
          context.demonitor(ref, { flush: true })
          return value === 'b'
        }
        await context.receive(match, { timeoutMs: 0 })
      },
    })
    await clock.settle()
    expect(seen).toMatchObject([{ type: 'down' }, 'a'])
  })

  it('a time limit that is none is refused by its own name', async () => {
    const { system } = createWorld()
    for (const timeoutMs of [-1, NaN, '5', null] as unknown as number[]) {
      const wait = inProcess(system, (context) => context.receive(undefined, { timeoutMs }))
      expect(await failure(wait)).toMatchObject({ argument: 'timeoutMs' })
    }
  })
})
