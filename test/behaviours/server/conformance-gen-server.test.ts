/**
 * gen_server as the real BEAM does it: one test per case of `otp-conformance.md` sections 6 and 6b, and
 * the name cases that belong to a start. Deviations on purpose say so in their names.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  AlreadyStartedError,
  CallExitError,
  CallTimeoutError,
  exit,
  pidEquals,
  type Pid,
  type System,
} from '../../../runtime/index.ts'
import {
  BadReturnError,
  contract,
  GenServer,
  HandlerMissingError,
  ignore,
  implement,
  InitializationError,
  InitTimeoutError,
  noreply,
  ok,
  reply,
  StartIgnoredError,
  stop,
  StopExitError,
  stopProcess,
  StopTimeoutError,
  type From,
} from '../../../behaviours/index.ts'
import {
  ending,
  idler,
  outcome,
  scripted,
  watcher,
  within,
  world,
  type Script,
  type ScriptRef,
  type World,
} from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

const start = (script: Script = {}, options: object = {}): Promise<ScriptRef> =>
  scripted(script).start(undefined, { system, ...options })

const message = (value: unknown): object => ({ type: 'message', message: value })

/** A promise that is settled by hand. */
function gate<T = void>(): { readonly open: (value: T) => void; readonly wait: Promise<T> } {
  let open!: (value: T) => void
  const wait = new Promise<T>((resolve) => {
    open = resolve
  })
  return { open, wait }
}

describe('start and init', () => {
  it('G-01 init ran in the new process and finished before start resolves', async () => {
    let seen: Pid | undefined
    const ref = await start({
      init: async (ctx) => {
        await Promise.resolve()
        seen = ctx.self.pid
        return 7
      },
    })
    expect(seen).toEqual(ref.pid)
    expect(await ref.call.get()).toBe(7)
  })

  it('G-02 a return-timeout of init delivers timeout to info', async () => {
    const log: unknown[] = []
    await start({ init: () => ok(0, { timeoutMs: 50 }), log })
    await w.clock.advance(49)
    expect(log).toEqual([])
    await w.clock.advance(1)
    expect(log).toEqual([{ type: 'timeout' }])
  })

  it('G-03 any message cancels a return-timeout, and it is not armed again', async () => {
    const log: unknown[] = []
    const ref = await start({ init: () => ok(0, { timeoutMs: 50 }), log })
    await w.clock.advance(20)
    system.send(ref.pid, 'x')
    await w.clock.advance(500)
    expect(log).toEqual([message('x')])
  })

  it('G-04 a return-timeout of 0 is not delivered when a message is queued', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    ref.cast.run((n) => noreply(n, { timeoutMs: 0 }))
    system.send(ref.pid, 'x')
    await w.clock.settle()
    expect(log).toEqual([message('x')])
    ref.cast.run((n) => noreply(n, { timeoutMs: 0 }))
    await w.clock.settle()
    expect(log).toEqual([message('x'), { type: 'timeout' }])
  })

  it('G-04 a return-timeout of 0 with nothing queued comes before what is sent later', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    await ref.call.run((n) => reply('x', n, { timeoutMs: 0 }))
    system.send(ref.pid, 'late')
    await w.clock.settle()
    expect(log).toEqual([{ type: 'timeout' }, message('late')])
  })

  it('G-05 continue runs before messages that are already in the mailbox', async () => {
    const log: unknown[] = []
    await start({
      init: (ctx) => {
        ctx.system.send(ctx.self.pid, 'x')
        return ok(0, { continue: 'c' })
      },
      continue: (n, token) => {
        log.push(token)
        return noreply(n)
      },
      log,
    })
    await w.clock.settle()
    expect(log).toEqual(['c', message('x')])
  })

  it('G-06 continue chains before the next message, also asynchronously', async () => {
    const log: unknown[] = []
    await start({
      init: (ctx) => {
        ctx.system.send(ctx.self.pid, 'x')
        return ok(0, { continue: 'c1' })
      },
      continue: async (n, token) => {
        await Promise.resolve()
        log.push(token)
        return token === 'c1' ? noreply(n, { continue: 'c2' }) : noreply(n)
      },
      log,
    })
    await w.clock.settle()
    expect(log).toEqual(['c1', 'c2', message('x')])
  })

  it('G-06 a long chain of continues does not grow the stack', async () => {
    const ref = await start({
      init: () => ok(0, { continue: 'go' }),
      continue: (n) => (n < 100_000 ? noreply(n + 1, { continue: 'go' }) : noreply(n)),
    })
    expect(await ref.call.get()).toBe(100_000)
  })

  it.each([
    ['synchronous', <T>(value: T) => value],
    ['asynchronous', <T>(value: T) => Promise.resolve(value)],
  ])('G-06 a %s chain without an end lets others run, and can be killed', async (_how, give) => {
    let ran = 0
    let told = 0
    const ref = await start({
      init: () => ok(0, { continue: 'go' }),
      continue: (n) => {
        ran++
        return give(ran < 100_000 ? noreply(n, { continue: 'go' }) : noreply(n))
      },
    })
    const other = await start()
    other.cast.run((n) => {
      told = ran
      system.exit(ref.pid, 'kill')
      return noreply(n)
    })
    await w.clock.settle()
    expect(system.isAlive(ref.pid)).toBe(false)
    expect(ran).toBeLessThan(10_000)
    expect(ran - told).toBeLessThan(2)
  })

  it('G-06 a continue that rejects ends the server, wherever it is in its chain', async () => {
    for (const last of [1, 999, 1000, 1001]) {
      const error = new Error(`at ${last}`)
      const ref = await start({
        init: () => ok(1, { continue: 'go' }),
        continue: async (n) => {
          if (n === last) throw error
          return noreply(n + 1, { continue: 'go' })
        },
      })
      const end = ending(system, ref.pid)
      await w.clock.settle()
      expect(end.reason).toBe(error)
    }
  })

  it('G-07 a slow continue does not delay the reply but the next request', async () => {
    const slow = gate()
    const ref = await start({
      continue: async (n) => {
        await slow.wait
        return noreply(n + 1)
      },
    })
    const first = outcome(ref.call.run((n) => reply('r', n, { continue: 'c' })))
    const second = outcome(ref.call.get())
    await w.clock.settle()
    expect(first.value).toBe('r')
    expect(second.settled).toBe(false)
    slow.open()
    await w.clock.settle()
    expect(second.value).toBe(1)
  })

  it('G-08 continue may stop: terminate runs and the process ends', async () => {
    const log: unknown[] = []
    const parent = watcher(system)
    const script: Script = {
      init: () => ok(3, { continue: 'c' }),
      continue: (n) => stop('normal', n),
      log,
    }
    const ref = await start(script, { parent: parent.pid, link: true })
    await w.clock.settle()
    expect(log).toEqual([['terminate', 'normal', 3]])
    expect(parent.got).toMatchObject([{ type: 'exit', from: ref.pid, reason: 'normal' }])
  })

  it('G-09 a hibernating server wakes up with the next message', async () => {
    const ref = await start({ init: () => ok(0, { hibernate: true }) })
    expect(await ref.call.ping()).toBe('pong')
  })

  it('G-11 ignore: start says so, and a trapping linked caller gets EXIT normal', async () => {
    const parent = watcher(system)
    const started = start({ init: () => ignore() }, { parent: parent.pid, link: true })
    await expect(started).rejects.toBeInstanceOf(StartIgnoredError)
    await w.clock.settle()
    expect(parent.got).toMatchObject([{ type: 'exit', reason: 'normal' }])
  })

  it('G-12 stop from init: start rejects with the reason, a trapping caller gets EXIT', async () => {
    const parent = watcher(system)
    const started = start({ init: () => stop('s') }, { parent: parent.pid, link: true })
    await expect(started).rejects.toMatchObject({ code: 'ERR_INIT_FAILED', reason: 's' })
    await w.clock.settle()
    expect(parent.got).toMatchObject([{ type: 'exit', reason: 's' }])
  })

  it('G-13 stop from init kills a linked caller that does not trap', async () => {
    const caller = idler(system)
    const end = ending(system, caller)
    const started = start({ init: () => stop('s') }, { parent: caller, link: true })
    await expect(started).rejects.toBeInstanceOf(InitializationError)
    expect(end.reason).toBe('s')
    const calm = idler(system)
    await expect(
      start({ init: () => stop('normal') }, { parent: calm, link: true }),
    ).rejects.toBeInstanceOf(InitializationError)
    expect(system.isAlive(calm)).toBe(true)
  })

  it('G-14 a throw in init is the reason; so is exit(reason)', async () => {
    const error = new Error('e')
    await expect(
      start({
        init: () => {
          throw error
        },
      }),
    ).rejects.toMatchObject({ reason: error, cause: error })
    await expect(start({ init: (ctx) => ctx.exit('r') })).rejects.toMatchObject({ reason: 'r' })
    await expect(start({ init: async () => exit('later') })).rejects.toMatchObject({
      reason: 'later',
    })
  })

  it('G-15 deviation: a thrown value is a crash, not a return value', async () => {
    await expect(
      start({
        init: () => {
          throw ignore()
        },
      }),
    ).rejects.toMatchObject({ code: 'ERR_INIT_FAILED', reason: { nocatch: ignore() } })
  })

  it('G-17 init slower than initTimeoutMs: start rejects and the process is killed', async () => {
    let pid: Pid | undefined
    const started = outcome(
      start(
        {
          init: (ctx) => {
            pid = ctx.self.pid
            return new Promise<never>(() => {})
          },
        },
        { initTimeoutMs: 100 },
      ),
    )
    await w.clock.advance(0)
    const end = ending(system, pid!)
    await w.clock.advance(99)
    expect(started.settled).toBe(false)
    await w.clock.advance(1)
    expect(started.error).toBeInstanceOf(InitTimeoutError)
    expect(end.reason).toBe('killed')
    expect(w.texts('error')).toEqual([]) // killed from outside: the starter was told, nothing crashed
    expect(system.stats().processesCrashed).toBe(0)
  })

  it('N-08 a second start under a taken name rejects with the holder, and its init is not run', async () => {
    let inits = 0
    const init = (): number => ++inits
    const first = await start({ init }, { name: 'n' })
    const second = start({ init }, { name: 'n' })
    await expect(second).rejects.toBeInstanceOf(AlreadyStartedError)
    await expect(second).rejects.toMatchObject({ pid: first.pid })
    expect(inits).toBe(1)
  })

  it('N-09 when a start under a name has failed the name is free already', async () => {
    for (const init of [() => ignore(), () => stop('s')]) {
      const at: (Pid | undefined)[] = []
      await start({ init }, { name: 'n' }).catch(() => at.push(system.whereis('n')))
      expect(at).toEqual([undefined])
    }
  })

  it('N-11 a call to an unknown name rejects with noproc', async () => {
    await expect(system.call('n11', undefined, 'req')).rejects.toMatchObject({
      code: 'ERR_CALL_EXIT',
      reason: 'noproc',
      server: 'n11',
    })
  })

  it('N-12 a held via name rejects with its holder', async () => {
    const holder = idler(system)
    const via = {
      label: 'v',
      whereisName: () => holder,
      registerName: () => false,
      unregisterName: () => {},
    }
    await expect(start({}, { name: via })).rejects.toMatchObject({ pid: holder })
  })
})

describe('call', () => {
  it('G-18 reply carries the answer and the state of the next message', async () => {
    const ref = await start()
    expect(await ref.call.run((n) => reply('ok', n + 5))).toBe('ok')
    expect(await ref.call.get()).toBe(5)
  })

  it('G-19 noreply and a later reply from the server itself', async () => {
    let from: From<unknown> | undefined
    const ref = await start()
    const waiting = outcome(
      ref.call.run((n, ctx) => {
        from = ctx.from
        return noreply(n)
      }),
    )
    expect(await ref.call.ping()).toBe('pong')
    expect(waiting.settled).toBe(false)
    ref.cast.run((n) => {
      from?.reply('late')
      return noreply(n)
    })
    await w.clock.settle()
    expect(waiting.value).toBe('late')
  })

  it('G-20 another process may reply', async () => {
    const ref = await start()
    const answered = ref.call.run((n, ctx) => {
      ctx.spawn(() => ctx.from.reply('other'))
      return noreply(n)
    })
    expect(await answered).toBe('other')
  })

  it('G-21 a late answer: the caller has a timeout, the server goes on with the request', async () => {
    const slow = gate()
    const ref = await start()
    const call = outcome(
      ref.call.run(
        async (n) => {
          await slow.wait
          return reply('late', n + 1)
        },
        { timeoutMs: 10 },
      ),
    )
    await w.clock.advance(10)
    expect(call.error).toBeInstanceOf(CallTimeoutError)
    expect(call.error).toMatchObject({ server: ref.pid, request: 'run', timeoutMs: 10 })
    slow.open()
    expect(await ref.call.get()).toBe(1)
  })

  it('G-22 a late reply after a timeout reaches nobody', async () => {
    let from: From<unknown> | undefined
    const ref = await start()
    const got = await within(system, async (ctx) => {
      const call = ctx.call(
        ref.pid,
        'run',
        (n: number, c: { from: From<unknown> }) => {
          from = c.from
          return noreply(n)
        },
        { timeoutMs: 10 },
      )
      void w.clock.advance(10)
      await call.catch(() => {})
      expect(from?.reply('late')).toBe(false)
      return ctx.receive(undefined, { timeoutMs: 0 }).catch(() => 'nothing')
    })
    expect(got).toBe('nothing')
  })

  it('G-23 a second reply is dropped and never confuses a later call', async () => {
    let from: From<unknown> | undefined
    const ref = await start()
    expect(
      await ref.call.run((n, ctx) => {
        from = ctx.from
        return reply('one', n)
      }),
    ).toBe('one')
    expect(from?.reply('two')).toBe(false)
    expect(await ref.call.ping()).toBe('pong')
  })

  it('G-23b deviation: of two replies back to back the second is dropped too', async () => {
    const ref = await start()
    const sent: boolean[] = []
    const got = await within(system, async (ctx) => {
      const first = await ctx.call(ref.pid, 'run', (n: number, c: { from: From<unknown> }) => {
        sent.push(c.from.reply('one'), c.from.reply('two'))
        return reply('three', n)
      })
      return [first, await ctx.receive(undefined, { timeoutMs: 0 }).catch(() => 'nothing')]
    })
    expect(got).toEqual(['one', 'nothing'])
    expect(sent).toEqual([true, false])
  })

  it('G-24 the default timeout of a call is 5000 ms', async () => {
    const ref = await start()
    const call = outcome(ref.call.run((n) => noreply(n)))
    await w.clock.advance(4999)
    expect(call.settled).toBe(false)
    await w.clock.advance(1)
    expect(call.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT', timeoutMs: 5000 })
  })

  it('G-25 a call to a dead pid rejects at once', async () => {
    const ref = await start()
    await stopProcess(ref)
    await expect(ref.call.get()).rejects.toMatchObject({
      code: 'ERR_CALL_EXIT',
      reason: 'noproc',
      request: 'get',
    })
  })

  it('G-26 a server that calls itself is told so at once', async () => {
    const ref = await start()
    const answer = await ref.call.run(async (n, ctx) => {
      const error: unknown = await ctx.self.call.ping().catch((thrown: unknown) => thrown)
      return reply(error, n)
    })
    expect(answer).toBeInstanceOf(CallExitError)
    expect(answer).toMatchObject({ reason: 'calling_self' })
  })

  it('G-28 a pending call rejects with normal when the server stops normally', async () => {
    const ref = await start()
    const call = outcome(ref.call.run((n) => noreply(n)))
    await stopProcess(ref)
    expect(call.error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'normal' })
  })

  it('G-29 stop with a reply: the caller has it, terminate ran, the reason is as given', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    const end = ending(system, ref.pid)
    expect(await ref.call.run(() => stop('r', 9, { reply: 'rep' }))).toBe('rep')
    expect(log).toEqual([['terminate', 'r', 9]])
    expect(end.reason).toBe('r')
  })

  it('G-30 stop with a reply: terminate runs to its end first, then the reply is sent', async () => {
    const slow = gate()
    const order: string[] = []
    const ref = await start({
      terminate: async () => {
        await slow.wait
        order.push('terminated')
      },
    })
    const call = ref.call.run((n) => stop('r', n, { reply: 'rep' }))
    void call.then(() => order.push('replied'))
    await w.clock.settle()
    expect(order).toEqual([])
    slow.open()
    expect(await call).toBe('rep')
    expect(order).toEqual(['terminated', 'replied'])
  })

  it('G-30 the reply is sent also when terminate throws', async () => {
    const error = new Error('t')
    const ref = await start({
      terminate: () => {
        throw error
      },
    })
    const end = ending(system, ref.pid)
    expect(await ref.call.run((n) => stop('r', n, { reply: 'rep' }))).toBe('rep')
    expect(end.reason).toBe(error)
  })

  it('G-31 a handler that returns no result: bad return, terminate, the caller learns it', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    const call = ref.call.run(() => 'bad' as never)
    await expect(call).rejects.toMatchObject({ reason: { code: 'ERR_BAD_RETURN', value: 'bad' } })
    expect(log).toMatchObject([['terminate', { value: 'bad' }, 0]])
    expect(log[0]).toSatisfy((entry: unknown[]) => entry[1] instanceof BadReturnError)
  })

  it('G-32 deviation: a thrown result is a crash, not a return value', async () => {
    const ref = await start()
    const call = ref.call.run((n) => {
      throw reply('thrown', n)
    })
    await expect(call).rejects.toMatchObject({ code: 'ERR_CALL_EXIT' })
    expect(system.isAlive(ref.pid)).toBe(false)
  })

  it.each([
    [
      'throws',
      (error: Error) => () => {
        throw error
      },
    ],
    [
      'rejects',
      (error: Error) => async () => {
        await Promise.resolve()
        throw error
      },
    ],
  ])(
    'G-33 a call handler that %s: terminate gets the error and the state from before',
    async (_how, failing) => {
      const log: unknown[] = []
      const error = new Error('e')
      const ref = await start({ init: () => 3, log })
      const end = ending(system, ref.pid)
      await expect(ref.call.run(failing(error))).rejects.toMatchObject({ reason: error })
      expect(log).toEqual([['terminate', error, 3]])
      expect(end.reason).toBe(error)
    },
  )

  it('G-34 exit(reason) in a handler: terminate and the caller get the bare reason', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    await expect(ref.call.run((_n, ctx) => ctx.exit('r'))).rejects.toMatchObject({ reason: 'r' })
    expect(log).toEqual([['terminate', 'r', 0]])
  })

  it('G-35 message shape: a message that no branch of handleCall knows ends the server', async () => {
    const ref = await GenServer.start(
      { init: () => 0, handleCall: (() => undefined) as never },
      { system },
    )
    const call = GenServer.call(ref as never, { type: 'unknown' })
    await expect(call).rejects.toMatchObject({ reason: { code: 'ERR_BAD_RETURN' } })
    expect(GenServer.isRunning(ref)).toBe(false)
  })

  it('G-35 deviation: a contract server answers an unknown call and lives on', async () => {
    const ref = await start()
    await expect(system.call(ref.pid, 'nope', 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
      contract: 'script/1',
      request: 'nope',
    })
    await expect(system.call(ref.pid, 'add', 1)).rejects.toThrow('is a cast, not a call')
    await expect(system.call(ref.pid, undefined, { type: 'x' })).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    expect(await ref.call.ping()).toBe('pong')
  })

  it('G-65 handlers never overlap', async () => {
    let running = 0
    let most = 0
    const ref = await start()
    const calls = Array.from({ length: 20 }, () =>
      ref.call.run(async (n) => {
        most = Math.max(most, ++running)
        await Promise.resolve()
        running--
        return reply('x', n + 1)
      }),
    )
    await Promise.all(calls)
    expect(most).toBe(1)
    expect(await ref.call.get()).toBe(20)
  })

  it('G-67 the server is not told that a caller died, and a reply to it does nothing', async () => {
    const log: unknown[] = []
    let from: From<unknown> | undefined
    const ref = await start({ log })
    const client = system.spawn((ctx) =>
      ctx.call(ref.pid, 'run', (n: number, c: { from: From<unknown> }) => {
        from = c.from
        return noreply(n)
      }),
    )
    await w.clock.settle()
    system.exit(client, 'kill')
    await w.clock.settle()
    expect(log).toEqual([])
    from?.reply('x')
    expect(await ref.call.ping()).toBe('pong')
  })

  it('G-72 replies are independent of the order of arrival', async () => {
    const order: string[] = []
    let from: From<unknown> | undefined
    const ref = await start()
    const a = ref.call.run((n, ctx) => {
      from = ctx.from
      return noreply(n)
    })
    const b = ref.call.run((n) => reply('b', n))
    void a.then((value) => order.push(value as string))
    void b.then((value) => order.push(value as string))
    await b
    from?.reply('a')
    await a
    expect(order).toEqual(['b', 'a'])
  })
})

describe('cast and info', () => {
  it('G-36 a cast to a dead pid or unknown name never throws', async () => {
    const ref = await start()
    await stopProcess(ref)
    expect(ref.cast.add(1)).toBe(false)
    expect(GenServer.cast('nobody', 'x', { system })).toBe(false)
  })

  it('G-37 casts and calls of one sender share one FIFO', async () => {
    const ref = await start()
    for (let i = 0; i < 100; i++) ref.cast.add(1)
    expect(await ref.call.get()).toBe(100)
  })

  it('G-38 a plain message comes to info', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    system.send(ref.pid, 'hi')
    await w.clock.settle()
    expect(log).toEqual([message('hi')])
  })

  it('G-39 without an info handler a message is a warning, and the server lives', async () => {
    const ref = await GenServer.start(
      { init: () => 5, handleCall: (_m: { type: 'get' }, n) => [n, n] },
      { system },
    )
    system.send(ref.pid, 'hi')
    expect(await GenServer.call(ref, { type: 'get' })).toBe(5)
    expect(w.texts('warn')).toEqual(['message dropped: the server has no info handler'])
  })

  it('G-40 message shape: a missing handleCast or handleCall ends the server', async () => {
    const bare = { init: () => 5 }
    const cast = await GenServer.start(bare, { system })
    const end = ending(system, cast.pid)
    system.cast(cast.pid, undefined, 'x')
    await w.clock.settle()
    expect(end.reason).toBeInstanceOf(HandlerMissingError)
    const called = await GenServer.start(bare, { system })
    await expect(system.call(called.pid, undefined, 'x')).rejects.toMatchObject({
      reason: { code: 'ERR_HANDLER_MISSING', handler: 'handleCall' },
    })
  })

  it('G-40 deviation: a contract server drops an unknown cast with a warning', async () => {
    const ref = await start()
    system.cast(ref.pid, 'nope', 1)
    expect(await ref.call.ping()).toBe('pong')
    expect(w.lines).toMatchObject([
      {
        level: 'warn',
        fields: { label: 'gen_server script/1', cast: 'nope', issues: ['no such cast'] },
        text: 'cast refused',
      },
    ])
  })

  it('G-41 a cast may stop: terminate with its reason and state', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    const end = ending(system, ref.pid)
    ref.cast.run((n) => stop('r', n + 1))
    await w.clock.settle()
    expect(log).toEqual([['terminate', 'r', 1]])
    expect(end.reason).toBe('r')
  })
})

describe('stop', () => {
  it('G-42 stop: terminate(normal), and it resolves only when the process is dead', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    await stopProcess(ref)
    expect(system.isAlive(ref.pid)).toBe(false)
    expect(log).toEqual([['terminate', 'normal', 0]])
  })

  it('G-43 stop with an abnormal reason resolves when that is the reason', async () => {
    const ref = await start()
    const end = ending(system, ref.pid)
    await stopProcess(ref, 'r')
    expect(end.reason).toBe('r')
    const other = await start()
    await stopProcess(other, { shutdown: 'x' })
    expect(system.isAlive(other.pid)).toBe(false)
  })

  it('G-44 stop of a dead pid or unknown name rejects with noproc', async () => {
    const ref = await start()
    await stopProcess(ref)
    await expect(stopProcess(ref)).rejects.toMatchObject({
      code: 'ERR_STOP_EXIT',
      reason: 'noproc',
    })
    const nobody = stopProcess('nobody', 'normal', { system })
    await expect(nobody).rejects.toMatchObject({ reason: 'noproc' })
    await expect(nobody).rejects.toThrow('stop of nobody: there is no such process')
  })

  it('G-45 a throw in terminate is the exit reason, and stop rejects with it', async () => {
    const error = new Error('e')
    const ref = await start({
      terminate: () => {
        throw error
      },
    })
    const end = ending(system, ref.pid)
    const stopped = stopProcess(ref)
    await expect(stopped).rejects.toBeInstanceOf(StopExitError)
    await expect(stopped).rejects.toMatchObject({ reason: error })
    expect(end.reason).toBe(error)
  })

  it('G-46 stop gives up after timeoutMs, the server goes on stopping', async () => {
    const slow = gate()
    const ref = await start({ terminate: () => slow.wait })
    const stopped = outcome(stopProcess(ref, 'normal', { timeoutMs: 50 }))
    await w.clock.advance(50)
    expect(stopped.error).toBeInstanceOf(StopTimeoutError)
    expect(system.isAlive(ref.pid)).toBe(true)
    slow.open()
    await w.clock.settle()
    expect(system.isAlive(ref.pid)).toBe(false)
  })

  it('G-47 stop is taken in mailbox order: before it handled, after it never', async () => {
    const log: unknown[] = []
    const ref = await start({
      info: async (n, info) => {
        await Promise.resolve()
        log.push(info)
        return noreply(n)
      },
    })
    system.send(ref.pid, 'm1')
    system.send(ref.pid, 'm2')
    const stopped = stopProcess(ref)
    system.send(ref.pid, 'm3')
    await stopped
    expect(log).toEqual([message('m1'), message('m2')])
  })

  it('a process that stops itself is told so instead of waiting for ever', async () => {
    const ref = await start()
    const answer = await ref.call.run(async (n, ctx) => {
      const error: unknown = await stopProcess(ctx.self).catch((thrown: unknown) => thrown)
      return reply(error, n)
    })
    expect(answer).toMatchObject({ code: 'ERR_STOP_EXIT', reason: 'calling_self' })
    expect((answer as Error).message).toContain('by itself would wait for itself')
  })
})

describe('exit signals', () => {
  it('G-48 a signal kills a server that does not trap, at once and without terminate', async () => {
    const log: unknown[] = []
    const ref = await start({ log })
    const end = ending(system, ref.pid)
    ref.cast.add(1)
    system.exit(ref.pid, 'boom')
    expect(end.reason).toBe('boom')
    await w.clock.settle()
    expect(log).toEqual([])
  })

  it('G-48 also while a handler is awaiting; its late result changes nothing', async () => {
    const slow = gate()
    const log: unknown[] = []
    const ref = await start({ log })
    const call = outcome(
      ref.call.run(async (n) => {
        await slow.wait
        return reply('late', n + 1)
      }),
    )
    await w.clock.settle()
    system.exit(ref.pid, 'boom')
    slow.open()
    await w.clock.settle()
    expect(call.error).toMatchObject({ reason: 'boom' })
    expect(log).toEqual([])
  })

  it('G-49 kill ends a trapping server without terminate', async () => {
    const log: unknown[] = []
    const ref = await start({ log }, { trapExit: true })
    const end = ending(system, ref.pid)
    system.exit(ref.pid, 'kill')
    expect(end.reason).toBe('killed')
    await w.clock.settle()
    expect(log).toEqual([])
  })

  it('G-50 trapping: an EXIT from somebody else than the parent comes to info', async () => {
    const log: unknown[] = []
    const ref = await start({ log }, { trapExit: true })
    const other = idler(system)
    system.exit(ref.pid, 'boom', other)
    await w.clock.settle()
    expect(log).toEqual([{ type: 'exit', from: other, reason: 'boom' }])
    expect(system.isAlive(ref.pid)).toBe(true)
  })

  it.each(['boom', 'normal'])(
    'G-51 G-52 trapping: when the parent exits %s, terminate runs and the server follows',
    async (reason) => {
      const log: unknown[] = []
      const parent = system.spawn(async (ctx) => {
        await ctx.receive()
        ctx.exit(reason)
      })
      const ref = await start({ log }, { parent, link: true, trapExit: true })
      const end = ending(system, ref.pid)
      system.send(parent, 'go')
      await w.clock.settle()
      expect(log).toEqual([['terminate', reason, 0]])
      expect(end.reason).toBe(reason)
    },
  )

  it('G-52 a server that does not trap outlives a parent that exits normal', async () => {
    const parent = idler(system)
    const ref = await start({}, { parent, link: true })
    system.send(parent, 'go')
    await w.clock.settle()
    expect(system.isAlive(parent)).toBe(false)
    expect(await ref.call.ping()).toBe('pong')
  })

  it('G-53 trapping: a linked process that exits normal comes to info', async () => {
    const log: unknown[] = []
    const ref = await start({ log }, { trapExit: true })
    const other = idler(system)
    system.link(ref.pid, other)
    system.send(other, 'go')
    await w.clock.settle()
    expect(log).toEqual([{ type: 'exit', from: other, reason: 'normal' }])
  })

  it('G-54 a crash of terminate replaces the reason', async () => {
    const error = new Error('e2')
    const ref = await start({ terminate: () => Promise.reject(error) })
    const end = ending(system, ref.pid)
    ref.cast.run((n) => stop('r', n))
    await w.clock.settle()
    expect(end.reason).toBe(error)
  })

  it('G-55 clean reasons are not reported, every other one is, once', async () => {
    for (const reason of ['normal', 'shutdown', { shutdown: 1 }]) {
      await stopProcess(await start(), reason)
    }
    expect(w.texts('error')).toEqual([])
    await stopProcess(await start(), 'boom')
    expect(w.texts('error')).toEqual(['process crashed'])
  })

  it('G-56 startMonitor: DOWN with its reference at the end', async () => {
    const owner = watcher(system)
    const server = scripted()
    const { ref, monitor } = await server.startMonitor(undefined, { system, monitor: owner.pid })
    await stopProcess(ref, 'stopped')
    await w.clock.settle()
    expect(owner.got).toMatchObject([{ type: 'down', ref: monitor, reason: 'stopped' }])
  })

  it('G-66 startLink: a crash kills a parent that does not trap', async () => {
    const parent = idler(system)
    const end = ending(system, parent)
    const ref = await start({}, { parent, link: true })
    await expect(ref.call.run((_n, ctx) => ctx.exit('r'))).rejects.toMatchObject({ reason: 'r' })
    expect(end.reason).toBe('r')
  })

  it('G-68 a normal stop: EXIT normal to a trapping linked process, nothing to another', async () => {
    const trapping = watcher(system)
    const calm = idler(system)
    const ref = await start({}, { parent: trapping.pid, link: true })
    system.link(ref.pid, calm)
    await stopProcess(ref)
    await w.clock.settle()
    expect(trapping.got).toMatchObject([{ type: 'exit', from: ref.pid, reason: 'normal' }])
    expect(system.isAlive(calm)).toBe(true)
  })

  it('G-70 a server knows its parent and what it is', async () => {
    const parent = idler(system)
    const ref = await start({}, { parent, link: true })
    const process = system.process(ref.pid)
    expect(process?.parent).toEqual(parent)
    expect(process?.label).toBe('gen_server script/1')
  })

  it('G-71 a behaviour without init: start rejects, it does not throw', async () => {
    const refusal = { code: 'ERR_INIT_FAILED', reason: { code: 'ERR_HANDLER_MISSING' } }
    const started = GenServer.start({} as never, { system })
    await expect(started).rejects.toMatchObject(refusal)
    const declared = contract<{ call: {}; cast: {} }>('none/1', { call: {}, cast: {} })
    const server = implement(declared, { call: {}, cast: {} } as never)
    await expect(server.start(undefined as never, { system })).rejects.toMatchObject(refusal)
  })
})

describe('Elixir sugar', () => {
  it('GE-01 calls to a dead pid, an unknown name and oneself reject with the reason', async () => {
    const ref = await start()
    await stopProcess(ref)
    await expect(system.call(ref.pid, 'get', undefined)).rejects.toMatchObject({ reason: 'noproc' })
    await expect(GenServer.call('nobody', 'x', { system })).rejects.toMatchObject({
      reason: 'noproc',
    })
    const self = within(system, (ctx) => ctx.call(ctx.self, undefined, 'x'))
    await expect(self).rejects.toMatchObject({ reason: 'calling_self' })
  })

  it('GE-02 names, vias and pids are found; unknown ones are not', async () => {
    const ref = await start({}, { name: 'known' })
    const via = {
      label: 'v',
      whereisName: () => ref.pid,
      registerName: () => true,
      unregisterName: () => {},
    }
    expect(pidEquals(system.whereis('known')!, ref.pid)).toBe(true)
    expect(system.whereis('unknown')).toBeUndefined()
    expect(
      await GenServer.call({ via }, { type: 'x' }, { system }).catch((e: unknown) => e),
    ).toMatchObject({ code: 'ERR_CALL_UNKNOWN' })
  })

  it('GE-03 a throw of handleCall ends the server, and its caller has the error', async () => {
    const error = new Error('no clause')
    const ref = await GenServer.start(
      {
        init: () => 0,
        handleCall: (_m: { type: 'x' }): never => {
          throw error
        },
      },
      { system },
    )
    await expect(GenServer.call(ref, { type: 'x' })).rejects.toMatchObject({ reason: error })
    expect(GenServer.isRunning(ref)).toBe(false)
  })

  it('GE-05 the default child specification: id of the contract, start with the argument', async () => {
    const spec = scripted().child(undefined)
    expect(spec.id).toBe('script/1')
    expect(spec.restart).toBeUndefined()
    const parent = watcher(system)
    const ref = (await spec.start({ system, parent: parent.pid })) as ScriptRef
    expect(await ref.call.ping()).toBe('pong')
    expect(system.process(ref.pid)?.parent).toEqual(parent.pid)
  })
})
