import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRealClock, createSystem } from '../../runtime/index.ts'
import { defineServer } from '../../behaviours/index.ts'
import { createWorld, idle } from './world.ts'
import type { Pid, System, SystemOptions } from '../../runtime/index.ts'
import type { World } from './world.ts'

const clock = createRealClock()
const worlds: World[] = []
const raised: unknown[] = []
const onRaised = (error: unknown): void => void raised.push(error)
let before: { readonly event: string; readonly listeners: Function[] }[] = []

/** The test runner listens too; without it this is a program like any other. */
beforeEach(() => {
  before = ['unhandledRejection', 'uncaughtException'].map((event) => {
    const listeners = process.listeners(event as 'uncaughtException') as Function[]
    process.removeAllListeners(event)
    return { event, listeners }
  })
  process.on('uncaughtException', onRaised)
  raised.length = 0
})

afterEach(async () => {
  for (const { system } of worlds.splice(0)) await system.stop({ signal: AbortSignal.abort() })
  const left = process.listenerCount('unhandledRejection')
  if (left !== 0) throw new Error(`${left} listeners are left`)
  process.off('uncaughtException', onRaised)
  for (const { event, listeners } of before) {
    for (const listener of listeners) process.on(event, listener as () => void)
  }
})

function made(options: Partial<SystemOptions> = {}): World {
  const w = createWorld({ asyncContext: true, ...options })
  worlds.push(w)
  return w
}

/** Lets Node look at the rejections of this turn, and what is raised in the next. */
async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => clock.nextTurn(resolve))
}

/** Reasons of the ends of processes, in order. */
function ends(system: System, ...pids: Pid[]): unknown[] {
  const reasons: unknown[] = []
  for (const pid of pids) system.watch(pid, (reason) => reasons.push(reason))
  return reasons
}

const boom = new Error('boom')

describe('captureRejections', () => {
  it('needs asyncContext', () => {
    const { system } = made({ asyncContext: false })
    expect(() => system.captureRejections()).toThrow(
      expect.objectContaining({ code: 'ERR_ASYNC_CONTEXT_OFF' }),
    )
  })

  it('charges a stray rejection to the process that made it', async () => {
    const { system, errors } = made()
    using _ = system.captureRejections()
    const bystander = idle(system)
    const pid = system.spawn(async (ctx) => {
      await Promise.resolve()
      void Promise.reject(boom)
      await ctx.receive()
    })
    const reasons = ends(system, pid)
    await turns()
    expect(reasons).toEqual([boom])
    expect(system.isAlive(bystander)).toBe(true)
    expect(raised).toEqual([])
    expect(errors.map(({ message }) => message)).toEqual(['process crashed'])
    expect(system.stats()).toMatchObject({ rejectionsCaptured: 1, processesCrashed: 1 })
  })

  it('charges it also when it comes out of a timer, of an async function or of a server', async () => {
    const { clock: time, system } = made()
    using _ = system.captureRejections()
    const fail = async (): Promise<never> => {
      await Promise.resolve()
      throw boom
    }
    const timer = system.spawn(async (ctx) => {
      time.setTimer(1, () => void Promise.reject(boom))
      await ctx.receive()
    })
    const server = system.start({ label: 'server', handle: () => void fail() })
    const reasons = ends(system, timer, server.pid)
    system.cast(server.pid, 'x', 1)
    await time.advance(1)
    await turns()
    expect(reasons).toEqual([boom, boom])
    expect(raised).toEqual([])
  })

  it('charges an un-awaited call that fails to its caller, not to the server', async () => {
    const { system } = made()
    using _ = system.captureRejections()
    const server = system.start({
      label: 'server',
      handle: (_process, item) => {
        if ('fail' in item) item.fail(boom)
      },
    })
    const other = system.start({ label: 'other', handle: (p, item) => p.exit(item.name) })
    const a = system.spawn(async (ctx) => {
      await Promise.resolve()
      void system.call(server.pid, 'x', 1)
      await ctx.receive()
    })
    const b = system.spawn(async (ctx) => {
      await Promise.resolve()
      void system.call(other.pid, 'shutdown', 1)
      await ctx.receive()
    })
    const reasons = ends(system, a, b)
    await turns()
    await turns()
    expect(reasons).toHaveLength(2)
    expect(reasons).toContain(boom)
    expect(reasons).toContainEqual(expect.objectContaining({ code: 'ERR_CALL_EXIT' }))
    expect(system.isAlive(server.pid)).toBe(true)
    expect(raised).toEqual([])
  })

  it('charges an un-awaited start that fails to its starter', async () => {
    const { system } = made()
    using _ = system.captureRejections()
    const Broken = defineServer({ init: () => Promise.reject(boom), call: {}, cast: {} })
    const pid = system.spawn(async (ctx) => {
      await Promise.resolve()
      void Broken.start(undefined, { system })
      await ctx.receive()
    })
    const reasons = ends(system, pid)
    await turns()
    expect(reasons).toEqual([expect.objectContaining({ code: 'ERR_INIT_FAILED', reason: boom })])
    expect(raised).toEqual([])
  })

  it('only reports a rejection of a process that has ended', async () => {
    const { system, errors } = made()
    using _ = system.captureRejections()
    const pending = idle(system)
    const pid = system.spawn(async (ctx) => {
      void system.call(pending, 'x', 1)
      await ctx.receive()
    })
    await turns()
    system.exit(pid, 'shutdown')
    system.exit(pending, 'shutdown')
    await turns()
    expect(raised).toEqual([])
    expect(errors.map(({ message }) => message)).toEqual(['rejection of a process that has ended'])
  })

  it('leaves what belongs to nobody to Node, which ends the program', async () => {
    const { system } = made()
    using _ = system.captureRejections()
    void Promise.reject(boom)
    void Promise.reject('not an error')
    await turns()
    expect(raised).toEqual([
      boom,
      expect.objectContaining({ name: 'UnhandledPromiseRejection', cause: 'not an error' }),
    ])
  })

  it("leaves what belongs to nobody to the program's own listeners, if it has any", async () => {
    const { system } = made()
    using _ = system.captureRejections()
    const heard: unknown[] = []
    const listener = (reason: unknown): void => void heard.push(reason)
    process.on('unhandledRejection', listener)
    void Promise.reject(boom)
    await turns()
    process.off('unhandledRejection', listener)
    expect([heard, raised]).toEqual([[boom], []])
  })

  it('works in two systems at once, each for its own processes', async () => {
    const a = made()
    const b = made({ node: 'b' })
    const none = made({ node: 'none' })
    const captures = [a.system.captureRejections(), b.system.captureRejections()]
    const stray = ({ system }: World): Pid =>
      system.spawn(async (ctx) => {
        await Promise.resolve()
        void Promise.reject(boom)
        await ctx.receive()
      })
    const reasons = [...[a, b, none].map((w) => ends(w.system, stray(w)))]
    await turns()
    expect(reasons).toEqual([[boom], [boom], []])
    expect(raised).toEqual([boom]) // that of the system that captures none, once
    captures[0]?.[Symbol.dispose]()
    const again = [ends(a.system, stray(a)), ends(b.system, stray(b))]
    await turns()
    expect(again).toEqual([[], [boom]])
    expect(raised).toEqual([boom, boom])
    captures[1]?.[Symbol.dispose]()
  })

  it('ends with the last of those who asked for it, or with the system', async () => {
    const { system } = made()
    const first = system.captureRejections()
    const second = system.captureRejections()
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    expect(process.listenerCount('unhandledRejection')).toBe(1)
    second[Symbol.dispose]()
    expect(process.listenerCount('unhandledRejection')).toBe(0)
    const other = createSystem({ asyncContext: true })
    other.captureRejections()
    await other.stop()
    expect(process.listenerCount('unhandledRejection')).toBe(0)
  })

  it('cannot begin in a system that has stopped', async () => {
    const system = createSystem({ asyncContext: true })
    await system.stop()
    expect(() => system.captureRejections()).toThrow('has stopped')
    expect(process.listenerCount('unhandledRejection')).toBe(0)
  })
})
