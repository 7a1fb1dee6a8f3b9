import { beforeEach, describe, expect, it } from 'vitest'
import type { System } from '../../../runtime/index.ts'
import {
  defineServer,
  noreply,
  reply,
  stop,
  type Ctx,
  type From,
} from '../../../behaviours/index.ts'
import { ending, idler, world, type World } from '../world.ts'

interface State {
  readonly n: number
  readonly waiting: readonly From<number>[]
}

const Counter = defineServer({
  name: 'counter/1',
  init: (start: number): State => ({ n: start, waiting: [] }),
  call: {
    get: (s) => reply(s.n, s),
    add: (s, by: number) => reply(s.n + by, { ...s, n: s.n + by }),
    next: (s, _input: undefined, ctx: Ctx<number>) =>
      noreply({ ...s, waiting: [...s.waiting, ctx.from] }),
  },
  cast: {
    bump: (s) => {
      for (const from of s.waiting) from.reply(s.n + 1)
      return noreply({ n: s.n + 1, waiting: [] })
    },
  },
  info: (s, info) => (info.type === 'down' ? stop(info.reason, s) : noreply(s)),
})

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

describe('defineServer', () => {
  it('runs what it infers', async () => {
    const counter = await Counter.start(10, { system })
    expect(await counter.call.add(5)).toBe(15)
    const next = counter.call.next(undefined)
    counter.cast.bump()
    expect(await next).toBe(16)
    expect(await counter.call.get()).toBe(16)
    expect(counter.contract).toBe('counter/1')
  })

  it('gives handlers a context with the operations of their process', async () => {
    const other = idler(system)
    const seen: unknown[] = []
    const Worker = defineServer({
      init: () => 0,
      call: {},
      cast: {
        go: (n, _input: undefined, ctx: Ctx<never>) => {
          const gone = ctx.monitor(other)
          seen.push(ctx.demonitor(gone, { info: true }))
          ctx.monitor(other)
          ctx.link(other)
          ctx.unlink(other)
          seen.push(ctx.trapExit(true), ctx.trapExit(true))
          const timer = ctx.sendAfter(1000, 'never')
          seen.push(ctx.cancelTimer(timer))
          ctx.sendAfter(50, 'tick')
          ctx.spawn(() => {
            seen.push('spawned')
          })
          seen.push(ctx.from.reply(1 as never), ctx.caller, ctx.signal.aborted)
          return noreply(n)
        },
      },
      info: (n, info) => {
        seen.push(info)
        return noreply(n)
      },
    })
    const worker = await Worker.start(undefined, { system })
    worker.cast.go(undefined)
    await w.clock.advance(50)
    system.exit(other, 'kill')
    await w.clock.settle()
    expect(seen).toMatchObject([
      true,
      false,
      true,
      1000,
      false,
      undefined,
      false,
      'spawned',
      { type: 'message', message: 'tick' },
      { type: 'down', pid: other, reason: 'killed' },
    ])
  })

  it('knows who called, where that is known', async () => {
    const seen: unknown[] = []
    const Server = defineServer({
      init: () => 0,
      call: {
        who: (n, _input: undefined, ctx: Ctx<boolean>) => {
          seen.push(ctx.caller)
          return reply(true, n)
        },
      },
      cast: {},
    })
    const ref = await Server.start(undefined, { system })
    const caller = system.spawn(() => ref.call.who(undefined))
    await w.clock.settle()
    await ref.call.who(undefined)
    expect(seen).toEqual([caller, undefined])
  })

  it('a DOWN for a name that nobody had carries the name', async () => {
    const seen: unknown[] = []
    const Server = defineServer({
      init: (ctx: undefined) => ctx,
      call: {},
      cast: {
        look: (s, _input: undefined, ctx: Ctx<never>) => {
          ctx.monitor('nobody')
          return noreply(s)
        },
      },
      info: (s, info) => {
        seen.push(info)
        return noreply(s)
      },
    })
    const ref = await Server.start(undefined, { system })
    ref.cast.look(undefined)
    await w.clock.settle()
    expect(seen).toMatchObject([{ type: 'down', pid: undefined, name: 'nobody', reason: 'noproc' }])
  })

  it('startTimer comes as a timer with its reference (TM-02)', async () => {
    const seen: unknown[] = []
    const Server = defineServer({
      init: () => 0,
      call: {},
      cast: {},
      info: (n, info) => {
        seen.push(info)
        return stop('normal', n)
      },
    })
    const ref = await Server.start(undefined, { system })
    const end = ending(system, ref.pid)
    const timer = system.startTimer(10, ref.pid, 'm')
    await w.clock.advance(10)
    expect(seen).toEqual([{ type: 'timer', ref: timer, message: 'm' }])
    expect(end.reason).toBe('normal')
  })
})
