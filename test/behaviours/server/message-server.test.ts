import { beforeEach, describe, expect, it } from 'vitest'
import type { System } from '../../../runtime/index.ts'
import {
  GenServer,
  ignore,
  noreply,
  ok,
  reply,
  stop,
  type Asks,
  type Behaviour,
  type From,
  type Info,
} from '../../../behaviours/index.ts'
import { ending, idler, outcome, watcher, world, type World } from '../world.ts'

type Get = { readonly type: 'get' } & Asks<number>
type Add = { readonly type: 'add'; readonly by: number } & Asks<number>
type Wait = { readonly type: 'wait' } & Asks<string>
type Quit = { readonly type: 'quit' } & Asks<string>
type Cast = { readonly type: 'set'; readonly to: number } | { readonly type: 'tell' }

let w: World
let system: System
let log: unknown[]
let waiting: From<string | number>[]
beforeEach(() => {
  w = world()
  system = w.system
  log = []
  waiting = []
})

const counter = (): Behaviour<number, Get | Add | Wait | Quit, Cast> => ({
  init: () => ok(0, { continue: 'first' }),
  handleCall: (message, n, from) => {
    switch (message.type) {
      case 'get':
        return reply(n, n)
      case 'add':
        return [n + message.by, n + message.by]
      case 'wait':
        waiting.push(from)
        return noreply(n)
      case 'quit':
        return stop('normal', n, { reply: 'bye' })
    }
  },
  handleCast: (message, n) => {
    if (message.type === 'set') return message.to
    for (const from of waiting) GenServer.reply(from, 'told')
    return noreply(n)
  },
  handleInfo: (info: Info, n) => {
    log.push(info)
    return n + 1000
  },
  handleContinue: (token, n) => {
    log.push(token)
    return n
  },
  terminate: (reason, n) => {
    log.push(['terminate', reason, n])
  },
})

describe('GenServer', () => {
  it('runs the shapes of noex: [reply, state], a bare state, tagged results', async () => {
    const ref = await GenServer.start(counter(), { system })
    expect(await GenServer.call(ref, { type: 'add', by: 5 })).toBe(5)
    expect(GenServer.cast(ref, { type: 'set', to: 7 })).toBe(true)
    expect(await GenServer.call(ref, { type: 'get' })).toBe(7)
    system.send(ref.pid, 'hello')
    expect(await GenServer.call(ref, { type: 'get' })).toBe(1007)
    expect(log).toEqual(['first', { type: 'message', message: 'hello' }])
  })

  it('replies later, and stops with a reply', async () => {
    const ref = await GenServer.start(counter(), { system })
    const told = GenServer.call(ref, { type: 'wait' })
    GenServer.cast(ref, { type: 'tell' })
    expect(await told).toBe('told')
    expect(await GenServer.call(ref, { type: 'quit' })).toBe('bye')
    expect(log).toEqual(['first', ['terminate', 'normal', 0]])
    expect(GenServer.isRunning(ref)).toBe(false)
  })

  it('a state that looks like a result is a state', async () => {
    const ref = await GenServer.start(
      {
        init: () => ({ tag: 'stop', reason: 'x' }),
        handleCall: (_message: Asks<string> & { type: 'get' }, s) => reply(s.tag, s),
        handleCast: (_message: string) => ({ tag: 'reply', reason: 'y' }),
      },
      { system },
    )
    GenServer.cast(ref, 'go')
    expect(await GenServer.call(ref, { type: 'get' })).toBe('reply')
  })

  it.each([reply(1, 2), ok(1), ignore()])(
    'a result of the wrong kind, %o, is a bad return and no state',
    async (result) => {
      const ref = await GenServer.start(
        { init: () => 0, handleCast: (() => result) as never },
        { system },
      )
      const end = ending(system, ref.pid)
      system.cast(ref.pid, undefined, 'x')
      await w.clock.settle()
      expect(end.reason).toMatchObject({ code: 'ERR_BAD_RETURN', value: result })
    },
  )

  it.each([reply(1, 2), noreply(1)])(
    'U-06 an init that returns %o does not start',
    async (result) => {
      await expect(
        GenServer.start({ init: () => result as never }, { system }),
      ).rejects.toMatchObject({ code: 'ERR_INIT_FAILED', reason: { code: 'ERR_BAD_RETURN' } })
    },
  )

  it('a handler that returns nothing is a bad return, also for casts', async () => {
    const ref = await GenServer.start(
      { init: () => 0, handleCast: (() => undefined) as never },
      { system },
    )
    const end = ending(system, ref.pid)
    system.cast(ref.pid, undefined, 'x')
    await w.clock.settle()
    expect(end.reason).toMatchObject({ code: 'ERR_BAD_RETURN' })
  })

  it('answers calls of a contract with ERR_CALL_UNKNOWN and lives on', async () => {
    const ref = await GenServer.start(counter(), { system })
    await expect(system.call(ref.pid, 'add', 5)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
      request: 'add',
    })
    expect(GenServer.isRunning(ref)).toBe(true)
  })

  it('NX-D25 does not say whether a server of another node runs, nor sets a timer that ends with it', () => {
    const elsewhere = system.pidFor('another-node', 1, 0)
    const wrong = expect.objectContaining({ code: 'ERR_ARGUMENT' }) as Error
    expect(() => GenServer.isRunning(elsewhere)).toThrow(wrong)
    expect(() => GenServer.sendAfter({ pid: elsewhere } as never, 0 as never, 1)).toThrow(wrong)
    expect(GenServer.isRunning(system.pidFor(system.node, 999, 0))).toBe(false)
  })

  it('is called, cast to and stopped by name', async () => {
    const ref = await GenServer.start(counter(), { system, name: 'counter' })
    expect(await GenServer.call('counter', { type: 'add', by: 1 }, { system })).toBe(1)
    expect(GenServer.cast('counter', { type: 'set', to: 3 }, { system })).toBe(true)
    expect(await GenServer.call(ref, { type: 'get' })).toBe(3)
    await GenServer.stop('counter', 'normal', { system })
    expect(GenServer.isRunning(ref)).toBe(false)
  })

  it('takes timeoutMs and a signal for a call', async () => {
    const ref = await GenServer.start(counter(), { system })
    const slow = outcome(GenServer.call(ref, { type: 'wait' }, { timeoutMs: 20 }))
    const abort = new AbortController()
    const given = outcome(GenServer.call(ref, { type: 'wait' }, { signal: abort.signal }))
    await w.clock.advance(20)
    expect(slow.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT', request: 'wait' })
    abort.abort()
    await w.clock.settle()
    expect(given.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
  })

  it('sendAfter casts later; the timer can be cancelled and ends with the server', async () => {
    const ref = await GenServer.start(counter(), { system })
    GenServer.sendAfter(ref, { type: 'set', to: 5 }, 100)
    const never = GenServer.sendAfter(ref, { type: 'set', to: 6 }, 200)
    await w.clock.advance(100)
    expect(await GenServer.call(ref, { type: 'get' })).toBe(5)
    expect(GenServer.cancelTimer(never, { system })).toBe(100)
    await w.clock.advance(200)
    expect(await GenServer.call(ref, { type: 'get' })).toBe(5)
    GenServer.sendAfter(ref, { type: 'set', to: 7 }, 100)
    await GenServer.stop(ref)
    expect(system.stats().timers).toBe(0)
    expect(() => GenServer.sendAfter(ref, { type: 'tell' }, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_NOPROC' }),
    )
  })

  it('monitors: DOWN to the owner, once, unless it is taken back', async () => {
    const owner = watcher(system)
    const ref = await GenServer.start(counter(), { system })
    const first = GenServer.monitor(ref, owner.pid)
    const second = GenServer.monitor(ref, owner)
    GenServer.demonitor(second, { system })
    await GenServer.stop(ref)
    await w.clock.settle()
    expect(owner.got).toMatchObject([{ type: 'down', ref: first, reason: 'normal' }])
    expect(() => GenServer.monitor(ref)).toThrow(
      expect.objectContaining({ code: 'ERR_START_NO_PARENT' }),
    )
  })

  it('links and unlinks', async () => {
    const a = await GenServer.start(counter(), { system })
    const b = await GenServer.start(counter(), { system })
    const c = idler(system)
    GenServer.link(a, b)
    GenServer.link(a, c)
    GenServer.unlink(a, c)
    system.exit(a.pid, 'boom')
    expect(GenServer.isRunning(b)).toBe(false)
    expect(system.isAlive(c)).toBe(true)
  })

  it('startLink links to the parent that is given', async () => {
    const parent = idler(system)
    const ref = await GenServer.startLink(counter(), { system, parent })
    system.exit(parent, 'boom')
    expect(GenServer.isRunning(ref)).toBe(false)
  })
})
