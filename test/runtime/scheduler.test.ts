import { describe, expect, it } from 'vitest'
import { createRealClock, createSystem, ItemKind, Message } from '../../runtime/index.ts'
import { createWorld, nextTurn } from './world.ts'
import type { Clock, Pid, Program, System } from '../../runtime/index.ts'

/** Sends every cast back to whoever it names. */
const pingPong: Program = {
  label: 'ping-pong',
  handle(process, item) {
    const { value } = item as Message
    process.system.cast(value as Pid, 'ball', process.pid)
  },
}

function startStorm(system: System): void {
  const a = system.start(pingPong)
  const b = system.start(pingPong)
  system.cast(a.pid, 'ball', b.pid)
}

const timer = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(delayMs, resolve))

describe('fairness on the real clock', () => {
  it('two processes that play without end do not starve a 50 ms timer', async () => {
    const clock = createRealClock()
    const system = createSystem()
    startStorm(system)
    await timer(clock, 50)
    expect(system.stats().messagesDelivered).toBeGreaterThan(10)
    await system.stop()
    expect(system.stats().processes).toBe(0)
  })

  it('plain processes that receive without end do not starve it either', async () => {
    const clock = createRealClock()
    const system = createSystem()
    const a = system.spawn(async (context) => {
      for (;;) context.send((await context.receive()) as Pid, context.self)
    })
    const b = system.spawn(async (context) => {
      for (;;) context.send((await context.receive()) as Pid, context.self)
    })
    system.send(a, b)
    await timer(clock, 50)
    expect(system.stats().messagesDelivered).toBeGreaterThan(10)
    await system.stop()
  })

  it('endless calls from process to process do not starve it either, by the message budget alone', async () => {
    const clock = createRealClock()
    const system = createSystem({ turnBudgetMs: Infinity })
    const server = system.start({
      label: 'echo',
      handle: (_process, item) => {
        if (item.kind === ItemKind.call) item.reply(item.input)
      },
    })
    system.spawn(async (context) => {
      for (;;) await context.call(server.pid, 'x', 1)
    })
    await timer(clock, 50)
    expect(system.stats().messagesDelivered).toBeGreaterThan(10)
    await system.stop()
  })

  it('slow handlers give way after turnBudgetMs, however many messages are queued', async () => {
    const clock = createRealClock()
    const system = createSystem({ turnBudgetMs: 10 })
    let handled = 0
    const slow = system.start({
      label: 'slow',
      handle: () => {
        handled++
        const endMs = clock.now() + 5
        while (clock.now() < endMs);
      },
    })
    for (let i = 0; i < 400; i++) system.cast(slow.pid, 'x', i) // two seconds of work
    await timer(clock, 1)
    expect(handled).toBeLessThan(100)
    await nextTurn()
    expect(system.stats().messagesDelivered).toBe(handled)
    slow.exit('shutdown')
    await system.stop()
  })
})

describe('budget', () => {
  it('one macrotask turn handles messageBudget messages, over all microtask drains in it', async () => {
    const { clock, system } = createWorld({ messageBudget: 10 })
    startStorm(system)
    await nextTurn()
    const { messagesDelivered, turns } = system.stats()
    expect(turns).toBe(1)
    expect(messagesDelivered).toBe(20) // before the turn, and in it
    for (const process of system.processes()) process.exit('normal')
    await clock.settle()
  })

  it('without work there are no turns', async () => {
    const { clock, system } = createWorld()
    system.start(pingPong)
    await clock.advance(60_000)
    expect(system.stats().turns).toBe(0)
  })

  it('a process with much work lets others in between', async () => {
    const { clock, system } = createWorld()
    const order: string[] = []
    const writer = (name: string): Program => ({ label: name, handle: () => void order.push(name) })
    const busy = system.start(writer('busy'))
    const other = system.start(writer('other'))
    for (let i = 0; i < 100; i++) system.cast(busy.pid, 'x', i)
    system.cast(other.pid, 'x', 1)
    await clock.settle()
    expect(order.indexOf('other')).toBeLessThan(50)
    expect(order).toHaveLength(101)
  })

  it('more ready processes than the queue holds at first are all served, in order', async () => {
    const { clock, system } = createWorld()
    const order: number[] = []
    for (let i = 0; i < 1000; i++) {
      const { pid } = system.start({ label: `p${i}`, handle: () => void order.push(i) })
      system.cast(pid, 'x', 1)
    }
    await clock.settle()
    expect(order).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })
})

describe('handlers', () => {
  it('a sync handler costs no promise: the next item follows in the same drain', async () => {
    const { system } = createWorld()
    const seen: unknown[] = []
    const { pid } = system.start({
      label: 'sync',
      handle: (_process, item) => void seen.push((item as Message).value),
    })
    system.cast(pid, 'x', 1)
    system.cast(pid, 'x', 2)
    await Promise.resolve()
    expect(seen).toEqual([1, 2])
  })

  it('an async handler is settled before the next item starts', async () => {
    const { clock, system } = createWorld()
    const log: string[] = []
    const { pid } = system.start({
      label: 'async',
      async handle(_process, item) {
        const { value } = item as Message
        log.push(`begin ${String(value)}`)
        await Promise.resolve()
        log.push(`end ${String(value)}`)
      },
    })
    system.cast(pid, 'x', 1)
    system.cast(pid, 'x', 2)
    await clock.settle()
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2'])
  })

  it('a handler that throws or rejects ends its process only', async () => {
    const { clock, system, errors } = createWorld()
    const survivor = system.start({
      label: 'survivor',
      handle: (_process, item) => {
        if (item.kind === ItemKind.call) item.reply('alive')
      },
    })
    const sync = system.start({
      label: 'throws',
      handle: () => {
        throw new Error('sync')
      },
    })
    const async = system.start({
      label: 'rejects',
      handle: () => Promise.reject(new Error('async')),
    })
    system.cast(sync.pid, 'x', 1)
    system.cast(async.pid, 'x', 1)
    await clock.settle()
    expect([sync.alive, async.alive]).toEqual([false, false])
    expect(errors.map(({ fields }) => fields.label)).toEqual(['throws', 'rejects'])
    expect(await system.call(survivor.pid, 'x', 1)).toBe('alive')
  })

  it('a stop item is the last one: the process ends when it is handled, at the latest', async () => {
    const { clock, system } = createWorld()
    const reasons: unknown[] = []
    const handled: number[] = []
    const process = system.start({
      label: 'polite',
      async handle(_process, item) {
        handled.push(item.kind)
        await Promise.resolve()
      },
    })
    const settle = (reason: unknown): void => void reasons.push(reason)
    system.send(process.pid, 'before')
    process.post(new Message(ItemKind.stop, undefined, { reason: 'shutdown', settle }))
    system.send(process.pid, 'after')
    await clock.settle()
    expect(handled).toEqual([ItemKind.info, ItemKind.stop])
    expect(reasons).toEqual(['shutdown'])
    expect(process.alive).toBe(false)
  })

  it('a stop request of a process that dies before it comes to it learns the real reason', () => {
    const { system } = createWorld()
    const reasons: unknown[] = []
    const process = system.start({ label: 'doomed', handle: () => {} })
    const value = { reason: 'shutdown', settle: (reason: unknown) => void reasons.push(reason) }
    process.post(new Message(ItemKind.stop, undefined, value))
    system.exit(process.pid, 'kill')
    expect(reasons).toEqual(['killed'])
  })
})
