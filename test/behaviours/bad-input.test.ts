/**
 * What a server's author or caller can do wrong: each ends as in OTP, or with a documented code, and leaves
 * the system as it was.
 */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSystem, type Pid, type System } from '../../runtime/index.ts'
import {
  defineServer,
  noreply,
  reply,
  stopProcess,
  type Ctx,
  type Maybe,
  type Ref,
} from '../../behaviours/index.ts'
import { ending, outcome, scripted, ScriptContract, world, type Step, type World } from './world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

/** After every one of them the system stops in time and has nothing left. */
afterEach(async () => {
  const stopped = outcome(system.stop())
  await w.clock.advance(5000)
  assert.equal(stopped.settled, true)
  const { processes, names, timers, monitors, callsPending } = system.stats()
  assert.deepEqual([processes, names, timers, monitors, callsPending], [0, 0, 0, 0, 0])
  assert.equal(w.clock.timerCount, 0)
})

const boom = new Error('boom')
const never = (): Promise<never> => new Promise(() => {})

describe('a handler', () => {
  it.each<[string, () => Maybe<Step>]>([
    [
      'throws',
      () => {
        throw boom
      },
    ],
    ['rejects', () => Promise.reject(boom)],
  ])('that %s ends its process; the caller learns why at once', async (_text, handler) => {
    const log: unknown[] = []
    const ref = await scripted({ log }).start(undefined, { system })
    const end = ending(system, ref.pid)
    const other = outcome(ref.call.ping())
    const failed = outcome(ref.call.run(handler as never))
    await w.clock.settle()
    expect(failed.error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: boom, request: 'run' })
    expect(other.value).toBe('pong')
    expect(end.reason).toBe(boom)
    expect(log).toEqual([['terminate', boom, 0]])
    expect(w.texts('error')).toEqual(['process crashed'])
  })

  it('that never settles keeps its process busy: callers get their deadline, kill ends it', async () => {
    const ref = await scripted().start(undefined, { system })
    ref.cast.run(never)
    const waiting = outcome(ref.call.ping())
    await w.clock.advance(5000)
    expect(waiting.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT', timeoutMs: 5000 })
    const end = ending(system, ref.pid)
    system.exit(ref.pid, 'kill')
    expect(end.reason).toBe('killed')
  })

  it('that gives a promise of another library: it is settled once, and nothing overtakes it', async () => {
    const log: unknown[] = []
    const ref = await scripted({ log }).start(undefined, { system })
    ref.cast.run(
      () =>
        ({
          then: (ok: (value: unknown) => void) => {
            w.clock.setTimer(5, () => {
              log.push('slow')
              ok(noreply(1))
              ok(noreply(2))
            })
          },
        }) as never,
    )
    ref.cast.run((n) => (log.push(n), noreply(n)))
    await w.clock.advance(5)
    expect(log).toEqual(['slow', 1])
  })

  it('that replies twice is heard once (G-23b)', async () => {
    const ref = await scripted().start(undefined, { system })
    const told: unknown[] = []
    const twice = await ref.call.run((n, ctx) => {
      told.push(ctx.from.reply('first'), ctx.from.reply('second'), ctx.from.fail(boom))
      return reply('third', n)
    })
    expect([twice, told]).toEqual(['first', [true, false, false]])
    expect(await ref.call.ping()).toBe('pong')
  })

  it.each([undefined, null, 5, 'ok', {}, [], { ok: true }, Symbol('s'), (): void => {}])(
    'that returns %s ends its process with ERR_BAD_RETURN (G-31)',
    async (garbage) => {
      const ref = await scripted().start(undefined, { system })
      const failed = outcome(ref.call.run(() => garbage as never))
      await w.clock.settle()
      expect(failed.error).toMatchObject({
        code: 'ERR_CALL_EXIT',
        reason: { code: 'ERR_BAD_RETURN' },
      })
      expect(system.isAlive(ref.pid)).toBe(false)
    },
  )

  it('that calls its own server is told at once (G-26)', async () => {
    const ref = await scripted().start(undefined, { system })
    const failed = await ref.call.run(async (n, ctx) => {
      const both = [ref.call.ping(), ctx.call(ref, 'ping')]
      const reasons = await Promise.all(both.map((p) => p.catch((e: unknown) => e)))
      return reply(reasons, n)
    })
    expect(failed).toEqual([
      expect.objectContaining({ reason: 'calling_self' }),
      expect.objectContaining({ reason: 'calling_self' }),
    ])
    expect(w.clock.now()).toBe(0)
  })
})

describe('init', () => {
  it('that hangs is killed at initTimeoutMs (G-17), its name is free again', async () => {
    const starting = outcome(scripted({ init: never }).start(undefined, { system, name: 'n' }))
    await w.clock.advance(4999)
    expect(starting.settled).toBe(false)
    await w.clock.advance(1)
    expect(starting.error).toMatchObject({ code: 'ERR_INIT_TIMEOUT' })
    expect(system.whereis('n')).toBeUndefined()
  })

  it('that starts its own server under the same name is told who has it (N-08)', async () => {
    let failed: unknown
    const server = defineServer({
      init: async () => {
        await server.start(undefined, { system, name: 'n' }).catch((error: unknown) => {
          failed = error
        })
        return 0
      },
      call: {},
      cast: {},
    })
    const ref: Ref<unknown> = await server.start(undefined, { system, name: 'n' })
    expect(failed).toMatchObject({ code: 'ERR_ALREADY_STARTED', pid: ref.pid })
  })

  it('that starts its own server without an end runs into processesMax, and all of them end', async () => {
    const small = createSystem({ clock: w.clock, processesMax: 100 })
    const server = defineServer({
      init: async (_arg: undefined, ctx: Ctx) => {
        await server.start(undefined, { system: small, parent: ctx.self.pid, link: true })
        return 0
      },
      call: {},
      cast: {},
    })
    const starting = outcome(server.start(undefined, { system: small }))
    await w.clock.settle()
    const codes: unknown[] = []
    let error = starting.error as { code: string; reason: unknown } | undefined
    for (; error !== undefined; error = error.reason as typeof error) codes.push(error.code)
    expect(codes.at(-1)).toBe('ERR_PROCESSES_MAX')
    expect(new Set(codes.slice(0, -1))).toEqual(new Set(['ERR_INIT_FAILED']))
    expect(small.stats()).toMatchObject({ processesStarted: 100, processes: 0 })
    await small.stop()
  })

  it('that calls its own process is told at once', async () => {
    const starting = outcome(
      scripted({
        init: async (ctx) => {
          await ctx.call(ctx.self, 'ping')
          return 0
        },
      }).start(undefined, { system }),
    )
    await w.clock.settle()
    expect(starting.error).toMatchObject({
      code: 'ERR_INIT_FAILED',
      reason: { code: 'ERR_CALL_EXIT', reason: 'calling_self' },
    })
  })
})

describe('terminate', () => {
  it('that hangs: a stop has its deadline, a stop of the system kills', async () => {
    const ref = await scripted({ terminate: never }).start(undefined, { system })
    const stopping = outcome(stopProcess(ref, 'normal', { timeoutMs: 100 }))
    await w.clock.advance(100)
    expect(stopping.error).toMatchObject({ code: 'ERR_STOP_TIMEOUT' })
    expect(system.isAlive(ref.pid)).toBe(true)
  })

  it('that throws gives the exit reason (G-54), and stop rejects with it', async () => {
    const ref = await scripted({
      terminate: () => {
        throw boom
      },
    }).start(undefined, { system })
    const end = ending(system, ref.pid)
    const stopping = outcome(stopProcess(ref))
    await w.clock.settle()
    expect(stopping.error).toMatchObject({ code: 'ERR_STOP_EXIT', reason: boom })
    expect(end.reason).toBe(boom)
  })
})

describe('names and targets', () => {
  it('a name that is taken stays with its holder, whoever wants it', async () => {
    const first = await scripted().start(undefined, { system, name: 'n' })
    const second = outcome(scripted().start(undefined, { system, name: 'n' }))
    await w.clock.settle()
    expect(second.error).toMatchObject({ code: 'ERR_ALREADY_STARTED', pid: first.pid })
    const spare = await scripted().start(undefined, { system })
    expect(() => system.register('n', spare.pid)).toThrow(
      expect.objectContaining({ code: 'ERR_NAME_TAKEN', pid: first.pid }),
    )
    expect(system.whereis('n')).toBe(first.pid)
    expect(system.stats().processes).toBe(2)
  })

  it.each([undefined, null, 5, {}, { node: 'test', id: 1, incarnation: 0 }])(
    'a call to %s is refused, no process is harmed',
    async (target) => {
      const ref = await scripted().start(undefined, { system })
      await expect(system.call(target as Pid, 'x', 1)).rejects.toMatchObject({
        code: 'ERR_ARGUMENT',
      })
      expect(() => system.cast(target as Pid, 'x', 1)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      )
      expect(await ref.call.ping()).toBe('pong')
    },
  )

  it('a call of a name that the contract does not have is refused, the server goes on', async () => {
    const ref = await scripted().start(undefined, { system })
    const { call } = ScriptContract.at(ref.pid)
    expect(Object.keys(call)).toEqual([])
    await expect(system.call(ref.pid, 'nope', 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    expect(await ref.call.ping()).toBe('pong')
  })
})

describe('options', () => {
  it.each([
    { mailboxMessagesMax: 0 },
    { mailboxMessagesMax: -1 },
    { mailboxPolicy: 'drop' },
    { initTimeoutMs: -1 },
    { initTimeoutMs: '5' },
    { unknown: 1 },
    { parent: { id: 1 } },
  ])('%j is refused before anything is started', async (options) => {
    const starting = outcome(scripted().start(undefined, { system, ...options } as never))
    await w.clock.settle()
    expect((starting.error as { code: string }).code).toMatch(/^ERR_OPTION_(INVALID|UNKNOWN)$/)
    expect(system.stats().processesStarted).toBe(0)
  })
})
