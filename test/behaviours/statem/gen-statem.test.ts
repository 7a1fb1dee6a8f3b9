/**
 * State machines beyond the conformance cases: state functions, the door, asynchronous callbacks, limits,
 * fairness, and what `sys` sees.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  CallExitError,
  createSystem,
  exit,
  OptionError,
  TIMER_DELAY_MS_MAX,
  type Pid,
  type System,
} from '../../../runtime/index.ts'
import {
  answer,
  BadActionError,
  BadReturnError,
  CallInputError,
  CallUnhandledError,
  CallUnknownError,
  contract,
  ContractError,
  defineStatem,
  EventLimitError,
  eventTimeout,
  genericTimeout,
  HandlerMissingError,
  hibernate,
  implementHandleEvent,
  implementStatem,
  InitializationError,
  initialState,
  keepState,
  keepStateAndData,
  nextEvent,
  nextState,
  postpone,
  repeatStateAndData,
  replyTo,
  stateTimeout,
  stop,
  stopAndReply,
  stopProcess,
  Supervisor,
  sys,
  TraceBuffer,
  UnknownStateError,
  type Contract,
  type Server,
  type StandardSchema,
  type StatemCtx,
} from '../../../behaviours/index.ts'
import { machine, type MachineRef, type MachineScript } from './statem-world.ts'
import { ending, outcome, watcher, within, world, type World } from '../world.ts'

let w: World
let system: System
let log: unknown[]
beforeEach(() => {
  w = world()
  system = w.system
  log = []
})

interface LockApi {
  call: { entered(): number; close(): string }
  cast: { button(digit: number): void; lock(): void }
}
const LockContract: Contract<LockApi> = contract('lock/1', {
  call: { entered: true, close: true },
  cast: { button: true, lock: true },
})

/** Opens at the fourth button for 10 s; buttons pressed while it is open count later. */
const lock = (): Server<LockApi, string> =>
  implementStatem(LockContract, {
    init: (code: string) => initialState('locked', { code, entered: '' }),
    states: {
      locked: {
        enter: (data, previous) => {
          log.push(`${previous} -> locked`)
          return keepState({ ...data, entered: '' })
        },
        call: { entered: (data) => keepStateAndData(answer(data.entered.length)) },
        cast: {
          button: (data, digit) => {
            const entered = data.entered + String(digit)
            if (entered.length < data.code.length) return keepState({ ...data, entered })
            if (entered === data.code) return nextState('open', data, stateTimeout(10_000, 'lock'))
            return keepState({ ...data, entered: '' })
          },
        },
      },
      open: {
        call: { close: (data) => nextState('locked', data, answer('closed')) },
        cast: {
          button: () => keepStateAndData(postpone()),
          lock: (data) => nextState('locked', data),
        },
        stateTimeout: (data, why: string) => {
          log.push(why)
          return nextState('locked', data)
        },
      },
    },
    any: { cast: { lock: () => (log.push('locked already'), keepStateAndData()) } },
  })

describe('state functions', () => {
  it('run the handler of the state, or the one of any', async () => {
    const ref = await lock().start('12', { system })
    await w.clock.settle()
    expect(log.splice(0)).toEqual(['locked -> locked'])
    ref.cast.lock()
    ref.cast.button(1)
    expect(await ref.call.entered()).toBe(1)
    expect(log.splice(0)).toEqual(['locked already'])
    ref.cast.button(2)
    ref.cast.button(1)
    await w.clock.settle()
    expect(await sys.getState(ref)).toMatchObject(['open', { code: '12' }])
    await w.clock.advance(10_000)
    expect(log).toEqual(['lock', 'open -> locked'])
    expect(await ref.call.entered()).toBe(1)
  })

  it('answer a call that the state does not handle, and go on', async () => {
    const ref = await lock().start('12', { system })
    const error = await ref.call.close().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CallUnhandledError)
    expect(error).toMatchObject({
      code: 'ERR_STATEM_UNHANDLED',
      contract: 'lock/1',
      request: 'close',
      state: 'locked',
    })
    expect(await ref.call.entered()).toBe(0)
  })

  it('drop a cast or message that the state does not handle, with a warning', async () => {
    const Plain = implementStatem(LockContract, {
      init: () => initialState('a', 0),
      states: {
        a: { call: { entered: (n) => keepStateAndData(answer(n)) } },
        b: {
          call: { close: () => keepStateAndData(answer('')) },
          cast: { button: () => keepStateAndData(), lock: () => keepStateAndData() },
        },
      },
    })
    const ref = await Plain.start(undefined, { system })
    ref.cast.lock()
    system.send(ref.pid, 'hello')
    expect(await ref.call.entered()).toBe(0)
    const dropped = 'event dropped: the state has no handler for it'
    expect(w.texts('warn')).toEqual([dropped, dropped])
    expect(w.lines[0]?.fields).toMatchObject({ state: 'a', type: 'cast', name: 'lock' })
  })

  it('crash at a timeout or internal event without a handler: the machine caused it', async () => {
    for (const action of [
      stateTimeout(0),
      genericTimeout('n', 5),
      nextEvent({ type: 'internal', name: 'x' }),
    ]) {
      const Bare = defineStatem({
        init: () => initialState('a', 0),
        states: { a: { cast: { go: () => keepStateAndData(action) } } },
      })
      const ref = await Bare.start(undefined, { system })
      const ended = ending(system, ref.pid)
      ref.cast.go()
      await w.clock.advance(5)
      expect(ended.reason).toBeInstanceOf(HandlerMissingError)
      expect((ended.reason as Error).message).toContain("state 'a'")
    }
  })

  it('pass internal events, generic timeouts, messages and DOWN to their handlers', async () => {
    const { pid } = watcher(system)
    const Full = defineStatem({
      init: () => initialState('a', 0, [genericTimeout('g', 10, 'tick')]),
      states: {
        a: {
          cast: {
            go: (_data, _input, ctx) => {
              ctx.monitor(pid)
              return keepStateAndData([
                nextEvent({ type: 'internal', name: 'check', payload: ctx.state }),
                eventTimeout(5, 'quiet'),
              ])
            },
          },
          internal: { check: (_n, payload) => (log.push(payload), keepStateAndData()) },
          genericTimeout: {
            g: (_n, payload) => (log.push(payload), keepStateAndData(eventTimeout(5, 'quiet'))),
          },
          eventTimeout: (_n, payload) => (log.push(payload), keepStateAndData()),
          info: (_n, info) => (log.push(info.type), keepStateAndData()),
        },
      },
    })
    const ref = await Full.start(undefined, { system })
    ref.cast.go()
    await w.clock.advance(15)
    system.send(ref.pid, 'm')
    system.exit(pid, 'kill')
    await w.clock.settle()
    expect(log).toEqual(['a', 'tick', 'quiet', 'message', 'down'])
  })

  it('refuse a state that does not exist, at the start and later', async () => {
    const init = (): never => initialState('nowhere', 0) as never
    const failed = await implementStatem(LockContract, { ...parts(), init })
      .start(undefined, { system })
      .catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(InitializationError)
    expect((failed as InitializationError).reason).toBeInstanceOf(UnknownStateError)

    const Lost = defineStatem({
      init: () => initialState('a', 0),
      states: { a: { cast: { go: () => nextState('nowhere', 1) as never } } },
    })
    const ref = await Lost.start(undefined, { system })
    const ended = ending(system, ref.pid)
    ref.cast.go()
    await w.clock.settle()
    expect(ended.reason).toMatchObject({ code: 'ERR_STATEM_STATE', state: 'nowhere' })
  })

  it('refuse a definition that cannot be one', () => {
    const define = (change: object): unknown =>
      implementStatem(LockContract, { ...parts(), ...change } as never)
    const all = parts().states.a
    for (const states of [undefined, {}, { a: undefined }, { a: 5 }, { a: { call: 5 } }]) {
      expect(() => define({ states })).toThrow(ContractError)
      const init = (): unknown => initialState('a', 0)
      expect(() => defineStatem({ init, states } as never)).toThrow(ContractError)
    }
    expect(() => define({ any: 5 })).toThrow(ContractError)
    expect(() => define({ states: { a: { ...all, cast: { nope: all.cast.lock } } } })).toThrow(
      ContractError,
    )
    expect(() => define({ states: { a: { ...all, onEnter: all.cast.lock } } })).toThrow(
      ContractError,
    )
    expect(() => define({ states: { a: { ...all, info: 5 } } })).toThrow(HandlerMissingError)
    expect(() => define({ states: { a: { ...all, internal: { x: 5 } } } })).toThrow(
      HandlerMissingError,
    )
    expect(() => define({ states: { a: { ...all, call: {} } } })).toThrow(HandlerMissingError)
    expect(() => define({ init: undefined })).toThrow(HandlerMissingError)
    expect(() => implementHandleEvent(LockContract, { init: all.cast.lock } as never)).toThrow(
      HandlerMissingError,
    )
  })

  const parts = () => ({
    init: () => initialState('a', 0),
    states: {
      a: {
        call: {
          entered: () => keepStateAndData(answer(0)),
          close: () => keepStateAndData(answer('')),
        },
        cast: { button: () => keepStateAndData(), lock: () => keepStateAndData() },
      },
    },
  })
})

describe('a machine is a server to others', () => {
  it('can be named, monitored and stopped', async () => {
    const named = await lock().start('12', { system, name: 'door' })
    expect(system.whereis('door')).toEqual(named.pid)
    const monitored = await within(system, async (ctx) => {
      const { ref, monitor } = await lock().startMonitor('1', { monitor: ctx.self })
      await stopProcess(ref)
      const down = (await ctx.receive()) as { type: string; ref: unknown; reason: unknown }
      return [down.type, down.ref === monitor, down.reason]
    })
    expect(monitored).toEqual(['down', true, 'normal'])
  })

  it('is restarted by its supervisor in its first state', async () => {
    const Toggle = defineStatem({
      init: () => initialState('off', 0),
      states: {
        off: { cast: { go: (n) => nextState('on', n + 1) } },
        on: { cast: { go: () => exit('boom') } },
      },
    })
    const sup = await Supervisor.start({
      system,
      children: [Toggle.child(undefined, { id: 't', options: { name: 'toggle' } })],
    })
    const before = system.whereis('toggle')
    system.cast('toggle', 'go', undefined)
    system.cast('toggle', 'go', undefined)
    await w.clock.settle()
    const after = system.whereis('toggle')
    expect(after).toBeDefined()
    expect(after).not.toEqual(before)
    expect(await sys.getState('toggle', { system })).toEqual(['off', 0])
    await stopProcess(sup.pid)
  })

  it('answers what its contract does not have without noticing', async () => {
    const ref = await machine({ log }).start(undefined, { system })
    ref.cast.run(() => keepStateAndData(eventTimeout(10, 'quiet')))
    await w.clock.settle()
    const refused = await system.call(ref.pid, 'nope', undefined).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(CallUnknownError)
    const cast = await system.call(ref.pid, 'tell', undefined).catch((error: unknown) => error)
    expect(cast).toMatchObject({ code: 'ERR_CALL_UNKNOWN' })
    system.cast(ref.pid, 'nope', undefined)
    await w.clock.advance(10)
    expect(log).toEqual(['quiet'])
    expect(w.texts('warn')).toEqual(['cast refused'])
    const locked = await lock().start('1', { system })
    await expect(system.call(locked.pid, 'nope', undefined)).rejects.toBeInstanceOf(
      CallUnknownError,
    )
    system.cast(locked.pid, 'nope', undefined)
    await w.clock.settle()
    expect(w.texts('warn')).toEqual(['cast refused', 'cast refused'])
  })

  it('checks inputs at its door once, also asynchronously, and keeps what the schema made of them', async () => {
    const checks: unknown[] = []
    const even = (later: boolean): StandardSchema<unknown, number> => ({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) => {
          checks.push(value)
          const result =
            Number(value) % 2 === 0
              ? { value: Number(value) * 10 }
              : { issues: [{ message: 'must be even' }] }
          return later ? Promise.resolve(result) : result
        },
      },
    })
    const Checked = implementStatem(
      contract<{ call: { put(n: number): number }; cast: { add(n: number): void } }>('put/1', {
        call: { put: even(true) },
        cast: { add: even(false) },
      }),
      {
        init: () => initialState('shut', 0),
        states: {
          shut: {
            call: { put: () => keepStateAndData(postpone()) },
            cast: { add: (n, by) => nextState('open', n + by) },
          },
          open: { call: { put: (n, by) => keepStateAndData(answer(n + by)) } },
        },
      },
    )
    const ref = await Checked.start(undefined, { system })
    const refused = await ref.call.put(1).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(CallInputError)
    ref.cast.add(3)
    const put = ref.call.put(2)
    ref.cast.add(4)
    expect(await put).toBe(60)
    expect(checks).toEqual([1, 3, 2, 4])
    expect(w.texts('warn')).toEqual(['cast refused'])
  })
})

describe('what handlers see', () => {
  it('messages of every kind come as info, and a call knows its caller', async () => {
    const stranger = watcher(system).pid
    let caller: unknown
    const ref = await machine({
      on: (event) => {
        if (event.type !== 'info') return undefined
        log.push(event.info)
        return keepStateAndData()
      },
    }).start(undefined, { system, trapExit: true })
    const asker = await within(system, async (ctx) => {
      await ref.call.run((from, _s, _d, own) => {
        caller = (from as { from?: unknown }).from ?? own.caller
        own.link(stranger)
        own.system.startTimer(5, own.self.pid, 'tick', { owner: own.self.pid })
        own.sendAfter(10, 'tock')
        return keepStateAndData(replyTo(from, true))
      })
      return ctx.self
    })
    expect(caller).toEqual(asker)
    await w.clock.advance(10)
    system.exit(stranger, 'kill')
    await w.clock.settle()
    expect(log).toMatchObject([
      { type: 'timer', message: 'tick' },
      { type: 'message', message: 'tock' },
      { type: 'exit', from: stranger, reason: 'killed' },
    ])
  })

  it('an inserted call is answered, refused or postponed like one from outside', async () => {
    const Again = defineStatem({
      init: () => initialState('a', 0),
      states: {
        a: {
          call: {
            twice: (_n, what: string, ctx: StatemCtx<string>) =>
              keepStateAndData(
                nextEvent({ type: 'call', name: what, input: 'x', from: ctx.from as never }),
              ),
            echo: (_n, what: string) => keepStateAndData(answer(what)),
            wait: () => keepStateAndData(postpone()),
          },
        },
        b: { call: { other: () => keepStateAndData(answer(1)) } },
      },
    })
    const ref = await Again.start(undefined, { system })
    expect(await ref.call.twice('echo')).toBe('x')
    await expect(ref.call.twice('other')).rejects.toBeInstanceOf(CallUnhandledError)
    const ended = outcome(ref.call.twice('wait', { timeoutMs: Infinity }))
    await w.clock.settle()
    expect(ended.settled).toBe(false)
    await stopProcess(ref)
    expect(ended.error).toBeInstanceOf(CallExitError)
  })

  it('init can use its process, also in a defined machine', async () => {
    const Shadow = defineStatem({
      init: (of: Pid, ctx) => initialState('watching', ctx.monitor(of)),
      states: {
        watching: { info: (_ref, info) => stop(info.type === 'down' ? info.reason : 'what') },
      },
    })
    const of = watcher(system).pid
    const ended = ending(system, (await Shadow.start(of, { system })).pid)
    system.exit(of, 'kill')
    await w.clock.settle()
    expect(ended.reason).toBe('killed')
  })

  it('a postponed call whose caller gave up is still delivered, as in OTP', async () => {
    let taken: boolean | undefined
    const ref = await machine({
      on: (event, state) => {
        if (event.type !== 'call' || state === 'a') return keepStateAndData(postpone())
        taken = event.from.reply('late')
        return keepStateAndData()
      },
    }).start(undefined, { system })
    const asked = outcome(ref.call.ask('q', { timeoutMs: 10 }))
    await w.clock.advance(10)
    expect(asked.settled).toBe(true)
    ref.cast.run(() => nextState('b', 1))
    await w.clock.settle()
    expect(taken).toBe(false)
  })

  it('a stop from another node is a cast of its own', async () => {
    const ref = await machine({ terminate: (reason) => void log.push(reason) }).start(undefined, {
      system,
    })
    const ended = ending(system, ref.pid)
    system.cast(ref.pid, '$stop', 'shutdown')
    await w.clock.settle()
    expect([ended.reason, log]).toEqual(['shutdown', ['shutdown']])
  })
})

describe('asynchronous callbacks', () => {
  const later = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      w.clock.setTimer(ms, resolve)
    })

  it('keep everything waiting until they are settled', async () => {
    const ref = await machine({
      log,
      enter: async (_previous, state) => {
        await later(5)
        log.push(`entered ${state}`)
        return keepStateAndData()
      },
    }).start(undefined, { system })
    ref.cast.run(async (_s, data) => {
      await later(5)
      log.push('slow')
      return nextState('b', data, nextEvent({ type: 'internal', name: 'next' }))
    })
    ref.cast.tell('mail')
    await w.clock.advance(14)
    expect(log).toEqual(['entered a', 'slow'])
    await w.clock.advance(1)
    expect(log).toEqual(['entered a', 'slow', 'entered b', 'next', 'mail'])
  })

  it('that reject end the machine with state and data from before', async () => {
    const error = new Error('late')
    const ref = await machine({ terminate: (...a) => void log.push(a) }).start(undefined, {
      system,
    })
    const ended = ending(system, ref.pid)
    ref.cast.run(async () => {
      await later(5)
      throw error
    })
    await w.clock.advance(5)
    expect(ended.reason).toBe(error)
    expect(log).toEqual([[error, 'a', 1]])
  })

  it('may stop the machine', async () => {
    const ref = await machine({ terminate: (...a) => void log.push(a) }).start(undefined, {
      system,
    })
    const ended = ending(system, ref.pid)
    ref.cast.run(async () => {
      await later(5)
      return stop('done', 9)
    })
    await w.clock.advance(5)
    expect([ended.reason, log]).toEqual(['done', [['done', 'a', 9]]])
    const garbage = await machine().start(undefined, { system })
    const broken = ending(system, garbage.pid)
    garbage.cast.run(async () => 5 as never)
    await w.clock.settle()
    expect(broken.reason).toBeInstanceOf(BadReturnError)
  })

  it('that settle after the death of the machine change nothing', async () => {
    const ref = await machine({ log, terminate: (...a) => void log.push(a) }).start(undefined, {
      system,
    })
    ref.cast.run(async () => {
      await later(50)
      return nextState('b', 2, [
        stateTimeout(0, 'zombie'),
        nextEvent({ type: 'internal', name: 'z' }),
      ])
    })
    await w.clock.advance(5)
    system.exit(ref.pid, 'kill')
    await w.clock.advance(100)
    expect(log).toEqual([])
  })

  it('may give promises of other libraries: settled once, nothing overtakes them', async () => {
    const foreign = (then: (ok: (value: unknown) => void) => void): never => ({ then }) as never
    const ref = await machine({ log }).start(undefined, { system })
    ref.cast.run(() =>
      foreign((ok) => {
        w.clock.setTimer(5, () => {
          log.push('slow')
          ok(nextState('b', 2))
          ok(nextState('c', 3))
        })
      }),
    )
    ref.cast.tell('mail')
    await w.clock.advance(5)
    expect(log).toEqual(['slow', 'mail'])
    expect(await sys.getState(ref)).toEqual(['b', 2])
    ref.cast.run(() => foreign((ok) => ok(Promise.resolve(nextState('d', 4)))))
    expect(await sys.getState(ref)).toEqual(['d', 4])
    const init = (): never =>
      foreign((ok) => {
        ok(initialState('x', 1))
        throw new Error('too late')
      })
    expect(await sys.getState(await machine({ init }).start(undefined, { system }))).toEqual([
      'x',
      1,
    ])
  })

  it('init may be one, with a limit', async () => {
    const started = machine({
      init: async () => {
        await later(10)
        return initialState('z', 7)
      },
    }).start(undefined, { system })
    await w.clock.advance(10)
    expect(await sys.getState(await started)).toEqual(['z', 7])
    const hung = outcome(
      machine({ init: () => new Promise(() => {}) }).start(undefined, {
        system,
        initTimeoutMs: 20,
      }),
    )
    await w.clock.advance(20)
    expect(hung.error).toMatchObject({ code: 'ERR_INIT_TIMEOUT' })
  })
})

describe('failure', () => {
  const run = async (
    script: MachineScript,
    act: (ref: MachineRef) => void,
  ): Promise<{ reason: unknown }> => {
    const ref = await machine({ log, ...script }).start(undefined, { system })
    const ended = ending(system, ref.pid)
    act(ref)
    await w.clock.settle()
    return ended
  }

  it('of init: a throw, a rejection, a bare state', async () => {
    for (const init of [
      () => {
        throw new Error('init')
      },
      () => Promise.reject(new Error('init')),
      () => 'a' as never,
      () => keepStateAndData() as never,
    ]) {
      const failed = await machine({ init })
        .start(undefined, { system })
        .catch((error: unknown) => error)
      expect(failed).toBeInstanceOf(InitializationError)
    }
  })

  it('of an enter callback: terminate sees where the machine was before', async () => {
    const ended = await run(
      {
        enter: (_p, state) => (state === 'b' ? exit('enter') : keepStateAndData()),
        terminate: (...a) => void log.push(a),
      },
      (ref) => ref.cast.run(() => nextState('b', 2)),
    )
    expect(ended.reason).toBe('enter')
    expect(log).toEqual([['enter', 'a', 1]])
  })

  it('a stop from an enter callback: terminate sees the state that was entered', async () => {
    await run(
      {
        enter: (_p, state) => (state === 'b' ? stop('done') : keepStateAndData()),
        terminate: (...a) => void log.push(a),
      },
      (ref) => ref.cast.run(() => nextState('b', 2)),
    )
    expect(log).toEqual([['done', 'b', 2]])
  })

  it('a throw in terminate replaces the reason', async () => {
    const error = new Error('terminate')
    for (const terminate of [
      () => {
        throw error
      },
      () => Promise.reject(error),
    ]) {
      const ended = await run({ terminate }, (ref) => ref.cast.run(() => stop('r')))
      expect(ended.reason).toBe(error)
    }
  })

  it('terminate may be asynchronous', async () => {
    const ended = await run({ terminate: () => Promise.resolve() }, (ref) =>
      ref.cast.run(() => stop('r')),
    )
    expect(ended.reason).toBe('r')
  })

  it("gen_server's results are none here, nor is a stop with a reply", async () => {
    const ended = await run({}, (ref) =>
      ref.cast.run(() => stop('r', 1, { reply: 'gen_server' }) as never),
    )
    expect(ended.reason).toBeInstanceOf(BadReturnError)
    const initial = await run({}, (ref) => ref.cast.run(() => initialState('a', 1) as never))
    expect(initial.reason).toBeInstanceOf(BadReturnError)
  })

  it.each([
    [stateTimeout(-1), 'not a time'],
    [stateTimeout(Number.NaN), 'not a time'],
    [stateTimeout(TIMER_DELAY_MS_MAX + 1), 'not a time'],
    [stateTimeout('never' as never), 'not a time'],
    [stateTimeout({ atMs: Number.NaN }), 'not a time'],
    [stateTimeout({ atMs: '5' as never }), 'not a time'],
    [stateTimeout({ atMs: 1e300 }), 'not a time'],
    [stateTimeout({ atMs: TIMER_DELAY_MS_MAX + 1 }), 'not a time'],
    [stateTimeout(null as never), 'not a time'],
    [genericTimeout(Symbol('name') as never, 5), 'not a name'],
    [nextEvent({ type: 'nope' }), 'not an event'],
    [nextEvent({ type: 'internal' }), 'not an event'],
    [nextEvent({ type: 'cast' }), 'not an event'],
    [nextEvent({ type: 'call', name: 'ask' }), 'not an event'],
    [nextEvent({ type: 'info', info: 5 }), 'not an event'],
    [nextEvent(5 as never), 'not an event'],
    [replyTo(undefined as never, 1), 'not a caller'],
    [answer('nobody asked'), 'nobody waits for an answer to this event'],
    [{ '~action': 'postpone' }, 'not an action'],
  ])('of actions: %o is %s', async (action, why) => {
    const ended = await run({}, (ref) => ref.cast.run(() => keepStateAndData(action as never)))
    expect(ended.reason).toBeInstanceOf(BadActionError)
    expect((ended.reason as Error).message).toContain(
      `event handler of gen_statem machine/1: ${why}: `,
    )
  })

  it('of actions that are none of a stop, and of an enter callback', async () => {
    const stopping = await run({}, (ref) =>
      ref.cast.run(() => stopAndReply('r', [postpone()] as never)),
    )
    expect(stopping.reason).toBeInstanceOf(BadActionError)
    expect((stopping.reason as Error).message).toContain('not a reply')
    const enter = (_previous: string, state: string): never =>
      keepStateAndData(state === 'a' ? undefined : (stateTimeout(-1) as never)) as never
    const entering = await run({ enter }, (ref) => ref.cast.run(() => nextState('b', 1)))
    expect((entering.reason as Error).message).toContain('enter callback of gen_statem machine/1')
  })

  it('of a bad action: terminate sees where the machine was before', async () => {
    const ended = await run({ terminate: (...a) => void log.push(a) }, (ref) =>
      ref.cast.run(() => nextState('b', 2, 'postpone' as never)),
    )
    expect(log).toEqual([[ended.reason, 'a', 1]])
  })

  it('of a timer that there is no room for: terminate sees where the machine was before', async () => {
    const small = createSystem({ clock: w.clock, timersMax: 1 })
    const ref = await machine({ terminate: (...a) => void log.push(a) }).start(undefined, {
      system: small,
    })
    ref.cast.run(() => nextState('b', 2, [stateTimeout(1000), genericTimeout('n', 1000)]))
    await w.clock.settle()
    expect(log).toMatchObject([[{ code: 'ERR_TIMERS_MAX' }, 'a', 1]])
    await small.stop()
  })

  it('a handler that ends its own process by a signal is not continued', async () => {
    const ended = await run({ terminate: () => void log.push('terminate') }, (ref) =>
      ref.cast.run((_s, data, ctx) => {
        ctx.system.exit(ctx.self.pid, 'kill')
        return nextState('b', data, nextEvent({ type: 'internal', name: 'x' }))
      }),
    )
    expect(ended.reason).toBe('killed')
    expect(log).toEqual([])
  })

  it('calls that nobody answered fail with the exit reason', async () => {
    const ref = await machine().start(undefined, { system })
    const asked = outcome(ref.call.run(() => keepStateAndData(hibernate())))
    ref.cast.run(() => stop({ shutdown: 'x' }))
    await w.clock.settle()
    expect(asked.error).toBeInstanceOf(CallExitError)
    expect(asked.error).toMatchObject({ reason: { shutdown: 'x' } })
  })
})

describe('the timers of a machine', () => {
  const timers = (): number => system.stats().timers
  const begin = async (): Promise<MachineRef> => machine({ log }).start(undefined, { system })

  it.each([
    ['state_timeout', stateTimeout],
    ['event_timeout', eventTimeout],
    ['generic_timeout', (...args: Parameters<typeof stateTimeout>) => genericTimeout('n', ...args)],
  ])('%s: one at a time, and none once it is cancelled or has fired', async (_kind, timeout) => {
    const ref = await begin()
    const set = async (when: Parameters<typeof stateTimeout>[0]): Promise<void> => {
      ref.cast.run(() => keepStateAndData(timeout(when, 'fired')))
      await w.clock.settle()
    }
    await set(50)
    await set(60)
    expect(timers()).toBe(1)
    await set('cancel')
    expect(timers()).toBe(0)
    await set(TIMER_DELAY_MS_MAX)
    await set({ atMs: w.clock.now() + TIMER_DELAY_MS_MAX })
    expect(timers()).toBe(1)
    for (const when of [Infinity, { atMs: Infinity }]) {
      await set(50)
      await set(when)
      expect(timers()).toBe(0)
    }
    expect(log).toEqual([])
    await set(10)
    await w.clock.advance(10)
    expect([log, timers()]).toEqual([['fired'], 0])
  })

  it('go with its state, unless they have a name', async () => {
    const ref = await begin()
    ref.cast.run(() => keepStateAndData([stateTimeout(50), genericTimeout('n', 50, 'named')]))
    ref.cast.run(() => nextState('b', 1))
    await w.clock.settle()
    expect(timers()).toBe(1)
    await w.clock.advance(50)
    expect(log).toEqual(['named'])
  })
})

describe('limits', () => {
  const postponing: MachineScript['on'] = (event, state) =>
    state === 'a' ? keepStateAndData(postpone()) : (log.push(event.type), keepStateAndData())

  it('postponedMax: one more call or cast is refused, and the machine goes on', async () => {
    const ref = await machine({
      ...{ on: postponing },
      limits: { postponedMax: 2 },
    }).start(undefined, { system })
    ref.cast.tell('1')
    const second = outcome(ref.call.ask('2', { timeoutMs: Infinity }))
    await w.clock.settle()
    expect(second.settled).toBe(false)
    expect(w.texts('warn')).toEqual([])
    const third = outcome(ref.call.ask('3'))
    ref.cast.tell('4')
    system.send(ref.pid, '5')
    await w.clock.settle()
    expect(third.error).toBeInstanceOf(EventLimitError)
    expect(third.error).toMatchObject({ code: 'ERR_STATEM_POSTPONED_MAX', limitCount: 2 })
    const dropped = 'event dropped: too many are postponed'
    expect(w.texts('warn')).toEqual([dropped, dropped])
    ref.cast.run(() => nextState('b', 1))
    await w.clock.settle()
    expect(log).toEqual(['cast', 'call'])
  })

  it('postponedMax: what must not be lost ends the machine', async () => {
    const ref = await machine({ on: postponing, limits: { postponedMax: 1 } }).start(undefined, {
      system,
    })
    const ended = ending(system, ref.pid)
    ref.cast.run(() => keepStateAndData(nextEvent({ type: 'internal', name: '1' })))
    await w.clock.settle()
    expect(ended.reason).toBeUndefined()
    ref.cast.run(() => keepStateAndData(nextEvent({ type: 'internal', name: '2' })))
    await w.clock.settle()
    expect(ended.reason).toMatchObject({ code: 'ERR_STATEM_POSTPONED_MAX' })
  })

  it('eventsMax: as many inserted events as allowed, and one more', async () => {
    const insert = (count: number) => () =>
      keepStateAndData(
        Array.from({ length: count }, (_, i) => nextEvent({ type: 'internal', name: String(i) })),
      )
    const ref = await machine({ log, limits: { postponedMax: 0, eventsMax: 50 } }).start(
      undefined,
      {
        system,
      },
    )
    const ended = ending(system, ref.pid)
    ref.cast.run(insert(50))
    await w.clock.settle()
    expect(log).toEqual(Array.from({ length: 50 }, (_, i) => String(i)))
    ref.cast.run(insert(51))
    await w.clock.settle()
    expect(ended.reason).toMatchObject({ code: 'ERR_STATEM_EVENTS_MAX', limitCount: 50 })
  })

  it('eventsMax counts what is postponed as well', async () => {
    const ref = await machine({ on: postponing, limits: { postponedMax: 4, eventsMax: 5 } }).start(
      undefined,
      { system },
    )
    const ended = ending(system, ref.pid)
    for (const text of ['1', '2', '3']) ref.cast.tell(text)
    const insert = (count: number) => () =>
      keepStateAndData(
        Array.from({ length: count }, () => nextEvent({ type: 'internal', name: 'i' })),
      )
    ref.cast.run(insert(3))
    await w.clock.settle()
    expect(ended.reason).toMatchObject({
      code: 'ERR_STATEM_EVENTS_MAX',
      limit: 'eventsMax',
      limitCount: 5,
    })
  })

  it('refuses unknown and contradictory ones', () => {
    expect(() => machine({ limits: { postponedMax: 10, eventsMax: 10 } })).toThrow(OptionError)
    expect(() => machine({ limits: { postponed: 10 } as never })).toThrow(/unknown option/)
    expect(() => machine({ limits: { postponedMax: -1 } })).toThrow(OptionError)
  })

  it('a machine that inserts events for ever leaves the others their turns', async () => {
    let rounds = 0
    const looping = await machine({
      on: () => {
        rounds++
        return keepStateAndData(nextEvent({ type: 'internal', name: 'again' }))
      },
    }).start(undefined, { system })
    const other = await machine({ log }).start(undefined, { system })
    looping.cast.tell('go')
    other.cast.run(() => keepStateAndData(stateTimeout(5, 'timer')))
    let ticks = 0
    const tick = (): void => {
      if (++ticks < 20) w.clock.nextTurn(tick)
      else system.exit(looping.pid, 'kill')
    }
    w.clock.nextTurn(tick)
    await w.clock.advance(5)
    expect(log).toEqual(['timer'])
    expect(rounds).toBeGreaterThan(32)
    expect(system.process(looping.pid)).toBeUndefined()
  })

  it('so does one that repeats its state for ever', async () => {
    let entered = 0
    const looping = await machine({
      enter: () => (entered++, repeatStateAndData()),
    }).start(undefined, { system })
    let ticks = 0
    const tick = (): void => {
      if (++ticks < 10) w.clock.nextTurn(tick)
      else system.exit(looping.pid, 'kill')
    }
    w.clock.nextTurn(tick)
    await w.clock.settle()
    expect(entered).toBeGreaterThan(32)
    expect(system.process(looping.pid)).toBeUndefined()
  })

  it('and so does an asynchronous one whose promises are settled at once', async () => {
    let rounds = 0
    const looping = await machine({
      on: async () => {
        rounds++
        return keepStateAndData(rounds < 1000 ? nextEvent({ type: 'internal', name: 'n' }) : [])
      },
    }).start(undefined, { system })
    looping.cast.tell('go')
    let turned = 0
    w.clock.nextTurn(() => {
      turned = rounds
    })
    await w.clock.settle()
    expect(turned).toBeLessThan(100)
    expect(rounds).toBe(1000)
  })

  it('of 20,000 timeouts in one list the last of a name counts', async () => {
    const ref = await machine({ log }).start(undefined, { system })
    const names = Array.from({ length: 10_000 }, (_, i) => `n${i}`)
    ref.cast.run(() =>
      keepStateAndData([
        ...names.map((name) => genericTimeout(name, 10, 'first')),
        ...names.map((name) => genericTimeout(name, 10, 'last')),
      ]),
    )
    await w.clock.advance(10)
    expect(log).toEqual(names.map(() => 'last'))
  })

  it('leaves no timer behind', async () => {
    const ref = await machine().start(undefined, { system })
    ref.cast.run(() =>
      keepStateAndData([stateTimeout(1e6), eventTimeout(1e6), genericTimeout('n', 1e6)]),
    )
    await w.clock.settle()
    expect(system.stats().timers).toBe(3)
    await stopProcess(ref)
    expect(system.stats().timers).toBe(0)
  })
})

describe('sys', () => {
  it('shows postponed events, running timers and the callback mode', async () => {
    const ref = await machine({
      on: (event, state) =>
        event.type === 'cast' && state === 'a' ? keepStateAndData(postpone()) : undefined,
    }).start(undefined, { system })
    ref.cast.tell('p')
    ref.cast.run(() => keepStateAndData([stateTimeout(100, 's'), genericTimeout('n', 50, 'g')]))
    await w.clock.advance(10)
    expect(sys.status(ref)).toMatchObject({
      behaviour: 'gen_statem',
      state: ['a', 1],
      details: {
        callbackMode: 'handle_event_function',
        state: 'a',
        postponed: [{ type: 'cast', name: 'tell' }],
        nextEvents: [],
        timers: [
          { type: 'state_timeout', payload: 's', leftMs: 90 },
          { type: 'generic_timeout', name: 'n', payload: 'g', leftMs: 40 },
        ],
      },
    })
  })

  it('traces events that are not in the mailbox', async () => {
    const ref = await machine({
      log,
      on: (event, state) =>
        event.type === 'cast' && state === 'a' ? keepStateAndData(postpone()) : undefined,
    }).start(undefined, { system })
    const buffer = new TraceBuffer()
    using _trace = sys.trace(ref, buffer)
    ref.cast.tell('again')
    ref.cast.run((_s, data) =>
      nextState('b', data, [
        nextEvent({ type: 'internal', name: 'inserted', payload: 1 }),
        nextEvent({ type: 'info', info: { type: 'timeout' } }),
        stateTimeout(0, 'soon'),
      ]),
    )
    await w.clock.settle()
    const own = buffer.toArray().flatMap((event) => (event.type === 'own' ? [event] : []))
    expect(own).toMatchObject([
      { kind: 'internal', name: 'inserted', value: 1, pid: ref.pid },
      { kind: 'info', name: undefined, value: { type: 'timeout' } },
      { kind: 'cast', name: 'tell', value: 'again' },
      { kind: 'state_timeout', name: undefined, value: 'soon' },
    ])
    expect(log).toHaveLength(4)
  })

  it('replaces state and data as a pair, and only by a state that exists', async () => {
    const ref = await lock().start('12', { system })
    await w.clock.settle()
    await sys.replaceState(ref, () => ['open', { code: '9', entered: '' }])
    expect(await ref.call.close()).toBe('closed')
    for (const wrong of ['open', ['open'], ['nowhere', {}], [keepStateAndData(), 1]]) {
      await expect(sys.replaceState(ref, () => wrong)).rejects.toThrow(/refused the new state/)
    }
    expect(await sys.getState(ref)).toMatchObject(['locked', { code: '9' }])
  })
})
