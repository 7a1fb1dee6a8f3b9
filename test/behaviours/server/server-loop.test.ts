/** The loop of a server where the cases of conformance-gen-server.test.ts say nothing. */
import { beforeEach, describe, expect, it } from 'vitest'
import { formatPid, type System } from '../../../runtime/index.ts'
import { contract, implement, noreply, ok, reply, stop } from '../../../behaviours/index.ts'
import { ending, scripted, world, type Script, type ScriptRef, type World } from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

const start = (script: Script = {}): Promise<ScriptRef> =>
  scripted(script).start(undefined, { system })

const label = 'gen_server script/1'

describe('a result without a state is refused, where no compiler does', () => {
  const [bareReply, bareNoreply] = [reply, noreply] as unknown as ((...a: unknown[]) => never)[]

  it('the caller learns it, and no state is lost', async () => {
    for (const forgotten of [() => bareReply!(1), () => bareNoreply!()]) {
      const ref = await start()
      await expect(ref.call.run(forgotten)).rejects.toMatchObject({
        reason: { code: 'ERR_ARGUMENT', argument: 'state' },
      })
    }
  })

  it('undefined is a state when it is given', () => {
    expect(reply(1, undefined).state).toBeUndefined()
    expect(noreply(undefined).state).toBeUndefined()
  })
})

describe('a bad return names the handler', () => {
  it('init', async () => {
    const started = start({ init: () => reply(1, 2) as never })
    await expect(started).rejects.toMatchObject({
      reason: { code: 'ERR_BAD_RETURN', message: expect.stringMatching(`^init of ${label} `) },
    })
  })

  it.each([
    ['call', (ref: ScriptRef) => void ref.call.run(() => 5 as never).catch(() => {})],
    ['cast', (ref: ScriptRef) => void ref.cast.run(() => 5 as never)],
    ['cast', (ref: ScriptRef) => void ref.cast.run((n) => reply('to nobody', n) as never)],
    ['info', (ref: ScriptRef) => system.send(ref.pid, 'x')],
    ['continue', (ref: ScriptRef) => void ref.cast.run((n) => noreply(n, { continue: 1 }))],
  ])('%s', async (of, provoke) => {
    const ref = await start({ info: () => 5 as never, continue: () => 5 as never })
    const end = ending(system, ref.pid)
    provoke(ref)
    await w.clock.settle()
    expect(end.reason).toMatchObject({
      code: 'ERR_BAD_RETURN',
      message: expect.stringMatching(`^${of} handler of ${label} `),
    })
  })
})

describe('a handler that fails ends the server with its error and the state from before', () => {
  const error = new Error('e')
  const throws = (): never => {
    throw error
  }
  const rejects = async (): Promise<never> => {
    await Promise.resolve()
    throw error
  }

  it.each([
    ['info that throws', throws],
    ['info that rejects', rejects],
  ])('%s', async (_what, info) => {
    const log: unknown[] = []
    const ref = await start({ init: () => 3, log, info })
    const end = ending(system, ref.pid)
    system.send(ref.pid, 'x')
    await w.clock.settle()
    expect(end.reason).toBe(error)
    expect(log).toEqual([['terminate', error, 3]])
  })

  it.each([
    ['continue that throws', throws],
    ['continue that rejects', rejects],
  ])('%s', async (_what, then) => {
    const log: unknown[] = []
    const ref = await start({ init: () => 3, log, continue: then })
    const end = ending(system, ref.pid)
    ref.cast.run((n) => noreply(n, { continue: 'x' }))
    await w.clock.settle()
    expect(end.reason).toBe(error)
    expect(log).toEqual([['terminate', error, 3]])
  })
})

describe('results', () => {
  it('a continue without a handler for it ends the server, which says what it lacks', async () => {
    const ref = await start()
    const end = ending(system, ref.pid)
    ref.cast.run((n) => noreply(n, { continue: 'x' }))
    await w.clock.settle()
    expect(end.reason).toMatchObject({
      code: 'ERR_HANDLER_MISSING',
      message: `${label} has no continue handler`,
    })
  })

  it('a reply that comes later continues like one that comes at once', async () => {
    const log: unknown[] = []
    const ref = await start({
      continue: (n, token) => {
        log.push(token)
        return noreply(n + 1)
      },
    })
    const late = ref.call.run(async (n) => {
      await Promise.resolve()
      return reply('late', n, { continue: 'a' })
    })
    expect(await late).toBe('late')
    expect(await ref.call.run((n) => reply('now', n, { continue: 'b' }))).toBe('now')
    expect(await ref.call.get()).toBe(2)
    expect(log).toEqual(['a', 'b'])
  })

  it('a stop that names no state leaves terminate the last one', async () => {
    const log: unknown[] = []
    const ref = await start({ init: () => 3, log })
    ref.cast.run(() => stop('normal'))
    await w.clock.settle()
    expect(log).toEqual([['terminate', 'normal', 3]])
  })

  it('a stop that names a state shows terminate that one, also undefined', async () => {
    const log: unknown[] = []
    const ref = await start({ init: () => 3, log })
    ref.cast.run(() => stop('normal', undefined as never))
    await w.clock.settle()
    expect(log).toEqual([['terminate', 'normal', undefined]])
  })

  it('ok without more is a bare state', async () => {
    const ref = await start({ init: () => ok(7) })
    expect(await ref.call.get()).toBe(7)
  })
})

describe('a chain of continues', () => {
  it.each([
    ['synchronous', (n: number) => noreply(n + 1, { continue: 'again' })],
    [
      'asynchronous',
      async (n: number) => {
        await Promise.resolve()
        return noreply(n + 1, { continue: 'again' })
      },
    ],
  ])('without an end, %s, leaves others their turns', async (_how, again) => {
    const ref = await start({ continue: again })
    const other = await start()
    ref.cast.run((n) => noreply(n, { continue: 'again' }))
    let turns = 0
    await new Promise<void>((resolve) => {
      const turn = (): void => {
        if (++turns < 5) w.clock.nextTurn(turn)
        else resolve()
      }
      w.clock.nextTurn(turn)
    })
    expect(await other.call.ping()).toBe('pong')
    system.exit(ref.pid, 'kill')
    await w.clock.settle()
    expect(system.stats().processes).toBe(1)
  })

  it('that becomes asynchronous names its handler in a bad return', async () => {
    const ref = await start({
      continue: async () => {
        await Promise.resolve()
        return 5 as never
      },
    })
    const end = ending(system, ref.pid)
    ref.cast.run((n) => noreply(n, { continue: 'x' }))
    await w.clock.settle()
    expect((end.reason as Error).message).toContain('continue handler of')
  })
})

describe('a return-timeout', () => {
  it('of Infinity never fires and arms no timer', async () => {
    const log: unknown[] = []
    const ref = await start({ init: () => ok(0, { timeoutMs: Infinity }), log })
    expect(system.stats().timers).toBe(0)
    await w.clock.advance(10_000_000)
    expect(log).toEqual([])
    expect(await ref.call.ping()).toBe('pong')
  })

  it('of 0 that two messages have overtaken is not seen', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    ref.cast.run((n) => noreply(n, { timeoutMs: 0 }))
    system.send(ref.pid, 'x')
    system.send(ref.pid, 'y')
    await w.clock.settle()
    expect(log).toEqual([
      { type: 'message', message: 'x' },
      { type: 'message', message: 'y' },
    ])
  })

  it('that is too long for a timer ends the server', async () => {
    const ref = await start()
    const end = ending(system, ref.pid)
    ref.cast.run((n) => noreply(n, { timeoutMs: 2 ** 53 }))
    await w.clock.settle()
    expect(end.reason).toBeInstanceOf(Error)
  })
})

it('a dropped message is logged with its server and its type', async () => {
  const silent = implement<object, void, number>(contract('silent/1', { call: {}, cast: {} }), {
    init: () => 0,
    call: {},
    cast: {},
  })
  const { pid } = await silent.start(undefined, { system })
  system.send(pid, 'x')
  await w.clock.settle()
  expect(w.lines).toMatchObject([
    {
      level: 'warn',
      fields: { process: formatPid(pid), label: 'gen_server silent/1', type: 'message' },
    },
  ])
})

it('a call without a name is refused as a message', async () => {
  const ref = await start()
  await expect(system.call(ref.pid, undefined, { type: 'x' })).rejects.toThrow('a message')
})
