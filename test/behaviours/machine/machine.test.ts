/** xstate machines as processes: how they end, what the process adds, limits, resuming. */
import {
  assign,
  createMachine,
  emit,
  fromCallback,
  fromPromise,
  log,
  raise,
  sendTo,
  setup,
  spawnChild,
  type ActorRefFrom,
  type AnyActorRef,
} from 'xstate'
import { describe, expect, it } from 'vitest'
import { fromMachine, GenServer, Supervisor, sys } from '../../../behaviours/index.ts'
import { createRealClock, currentProcess, exit, self } from '../../../runtime/index.ts'
import { ending, idler, outcome, watcher, within, world } from '../world.ts'
import type { MachineTransition, SupervisorRef } from '../../../behaviours/index.ts'
import type { Pid, System } from '../../../runtime/index.ts'

const failing = setup({
  types: {
    context: {} as { n: number },
    events: {} as
      | { type: 'ACTION' }
      | { type: 'GUARD' }
      | { type: 'CHILD' }
      | { type: 'EXIT' }
      | { type: 'VALUE' },
  },
  actors: { rejects: fromPromise(async () => Promise.reject(new Error('from promise'))) },
}).createMachine({
  id: 'failing',
  context: { n: 1 },
  initial: 'a',
  states: {
    a: {
      on: {
        ACTION: {
          actions: () => {
            throw new Error('from action')
          },
        },
        GUARD: {
          guard: () => {
            throw new Error('from guard')
          },
          target: 'b',
        },
        CHILD: 'invoking',
        EXIT: { actions: () => exit({ shutdown: 'wanted' }) },
        VALUE: {
          actions: () => {
            throw 'not an error' as unknown
          },
        },
      },
    },
    b: {},
    invoking: { invoke: { src: 'rejects' } },
  },
})

describe('ends', () => {
  it.each([
    ['ACTION', expect.objectContaining({ message: 'from action' })],
    [
      'GUARD',
      expect.objectContaining({ message: expect.stringContaining('from guard') as string }),
    ],
    ['CHILD', expect.objectContaining({ message: 'from promise' })],
    ['EXIT', { shutdown: 'wanted' }],
    ['VALUE', { nocatch: 'not an error' }],
  ] as const)(
    '%s: the process exits with what was thrown, and nothing is thrown globally',
    async (type, reason) => {
      const { clock, system } = world()
      const thrown: unknown[] = []
      const listen = (error: unknown): void => void thrown.push(error)
      process.on('uncaughtException', listen)
      const ref = await fromMachine(failing).start(undefined, { system })
      const end = ending(system, ref.pid)
      const step = outcome(ref.call.send({ type }))
      await clock.settle()
      for (let i = 0; i < 3; i++)
        await new Promise<void>((resolve) => createRealClock().nextTurn(resolve))
      process.off('uncaughtException', listen)
      expect(end.reason).toEqual(reason)
      if (type === 'CHILD') expect(step.value).toMatchObject({ value: 'invoking' })
      else expect(step.error).toMatchObject({ code: 'ERR_CALL_EXIT', reason })
      expect(thrown).toEqual([])
    },
  )

  it('a machine that fails at its start does not start', async () => {
    const { system } = world()
    const entry = fromMachine(
      createMachine({
        entry: () => {
          throw new Error('entry')
        },
      }),
    )
    const context = fromMachine(
      createMachine({
        context: () => {
          throw new Error('context')
        },
      }),
    )
    for (const server of [entry, context]) {
      await expect(server.start(undefined, { system })).rejects.toMatchObject({
        code: 'ERR_INIT_FAILED',
        reason: { message: expect.any(String) as string },
      })
    }
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('a machine that is done at its start starts and ends', async () => {
    const { clock, system } = world()
    const server = fromMachine(createMachine({ initial: 'a', states: { a: { type: 'final' } } }))
    const ref = await server.start(undefined, { system })
    await clock.settle()
    expect(system.isAlive(ref.pid)).toBe(false)
  })

  it.each(['kill', 'stop', 'crash'] as const)(
    '%s: actors are stopped, promises aborted, delays gone',
    async (how) => {
      const { clock, system } = world()
      const aborted: string[] = []
      const cleaned: string[] = []
      const hangs = fromPromise(
        ({ signal }) =>
          new Promise<void>(() => {
            signal.addEventListener('abort', () => void aborted.push('promise'))
          }),
      )
      const nested = setup({
        actors: { hangs, listens: fromCallback(() => () => void cleaned.push('callback')) },
      }).createMachine({
        invoke: [{ src: 'hangs' }, { src: 'listens' }],
        after: { 5000: { actions: () => void cleaned.push('late') } },
      })
      const machine = setup({ actors: { hangs, nested } }).createMachine({
        invoke: [{ src: 'hangs' }, { src: 'nested' }],
        entry: raise({ type: 'LATE' }, { delay: 5000 }),
        on: {
          CRASH: {
            actions: () => {
              throw new Error('crash')
            },
          },
          LATE: { actions: () => void cleaned.push('late') },
        },
      })
      const ref = await fromMachine(machine).start(undefined, { system })
      expect(sys.status(ref).details).toMatchObject({ actors: 5, delays: 2 })
      if (how === 'kill') system.exit(ref.pid, 'kill')
      else if (how === 'stop') await GenServer.stop(ref)
      else ref.cast.send({ type: 'CRASH' })
      await clock.advance(10_000)
      expect(aborted).toEqual(['promise', 'promise'])
      expect(cleaned).toEqual(['callback'])
      expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
    },
  )

  it('a clean-up that throws is logged, the others run', async () => {
    const { texts, system, clock } = world()
    const cleaned: number[] = []
    const bad = fromCallback(() => () => {
      throw new Error('clean-up')
    })
    const good = fromCallback(() => () => void cleaned.push(1))
    const machine = setup({ actors: { bad, good } }).createMachine({
      invoke: [{ src: 'bad' }, { src: 'good' }],
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    system.exit(ref.pid, 'kill')
    await clock.settle()
    expect(cleaned).toEqual([1])
    expect(texts('warn')).toEqual(['an actor failed while it was stopped'])
    expect(texts('error')).toEqual([])
  })

  describe('observers inside the process', () => {
    const kid = createMachine({
      initial: 'here',
      states: {
        here: {
          on: {
            GO: 'gone',
            SAY: { actions: emit({ type: 'said' }) },
            FAIL: { actions: () => thrower('kid') },
          },
        },
        gone: {},
      },
    })
    const thrower = (message: string): never => {
      throw new Error(message)
    }
    type Observe = (actors: { kid: ActorRefFrom<typeof kid>; self: AnyActorRef }) => unknown

    /** How a machine ends whose actors are observed, after one event for its child. */
    const run = async (observe: Observe, type: string): Promise<unknown> => {
      const { clock, system } = world()
      const machine = setup({ actors: { kid } }).createMachine({
        invoke: { src: 'kid', id: 'kid', onError: { actions: () => {} } },
        on: {
          LOOK: {
            actions: ({ self: me }) =>
              void observe({ kid: me.getSnapshot().children['kid'] as never, self: me }),
          },
          '*': { actions: sendTo('kid', ({ event }) => event as never) },
        },
      })
      const ref = await fromMachine(machine).start(undefined, { system })
      const end = ending(system, ref.pid)
      ref.cast.send({ type: 'LOOK' })
      ref.cast.send({ type })
      await clock.settle()
      // xstate throws from a timer of its own, which would fail this run.
      await new Promise<void>((resolve) => void createRealClock().setTimer(1, resolve))
      if (end.reason === undefined) await GenServer.stop(ref)
      return end.reason
    }

    it.each<[string, Observe, string]>([
      ['`next`', (actors) => actors.kid.subscribe(() => thrower('seen')), 'GO'],
      ['`next` for itself', ({ self: me }) => me.subscribe(() => thrower('seen')), 'GO'],
      ['`error`', (actors) => actors.kid.subscribe({ error: () => thrower('seen') }), 'FAIL'],
      ['a handler of `on`', (actors) => actors.kid.on('*', () => thrower('seen')), 'SAY'],
    ])('one that throws in %s ends the process, and only that', async (_text, observe, type) => {
      expect(await run(observe, type)).toMatchObject({ message: 'seen' })
    })

    it('one without `error` leaves the failure of an actor to its parent', async () => {
      expect(await run((actors) => actors.kid.subscribe(() => {}), 'FAIL')).toBe('normal')
    })

    it('they get what xstate gives, until they unsubscribe', async () => {
      const seen: unknown[] = []
      const observe: Observe = (actors) => {
        actors.kid.subscribe({
          next: ({ value }) => void seen.push(value),
          complete: () => void seen.push('complete'),
        })
        actors.kid.subscribe(() => thrower('never')).unsubscribe()
        actors.kid.on('said', ({ type }) => void seen.push(type)).unsubscribe()
      }
      expect(await run(observe, 'GO')).toBe('normal')
      expect(seen).toEqual(['gone', 'complete'])
    })
  })

  it('an action that kills its own process: nothing is left', async () => {
    const { clock, system } = world()
    const cleaned: number[] = []
    const child = fromCallback(() => () => void cleaned.push(1))
    const machine = setup({ actors: { child } }).createMachine({
      initial: 'a',
      states: {
        a: { on: { GO: { target: 'b', actions: () => system.exit(self() as Pid, 'kill') } } },
        b: { invoke: { src: 'child' }, after: { 10: 'a' } },
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    const step = outcome(ref.call.send({ type: 'GO' }))
    await clock.settle()
    expect(step.error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'killed' })
    expect(cleaned.length).toBeLessThanOrEqual(1)
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('a transition that throws after it left a state stops what that state had invoked', async () => {
    const { clock, system } = world()
    const cleaned: string[] = []
    const listens = fromCallback(() => () => void cleaned.push('callback'))
    const machine = setup({ actors: { listens } }).createMachine({
      initial: 'a',
      states: {
        a: {
          invoke: { src: 'listens' },
          on: {
            GO: {
              target: 'b',
              actions: () => {
                throw new Error('on the way')
              },
            },
          },
        },
        b: {},
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    const end = ending(system, ref.pid)
    ref.cast.send({ type: 'GO' })
    await clock.settle()
    expect(end.reason).toMatchObject({ message: 'on the way' })
    expect(cleaned).toEqual(['callback'])
  })

  it('10,000 machines of short lives leave nothing', async () => {
    const { clock, system } = world()
    const machine = setup({ actors: { load: fromPromise(async () => 1) } }).createMachine({
      initial: 'loading',
      states: {
        loading: { invoke: { src: 'load', onDone: 'done' }, after: { 1000: 'done' } },
        done: { type: 'final' },
      },
    })
    const server = fromMachine(machine)
    for (let i = 0; i < 100; i++) {
      await Promise.all(Array.from({ length: 100 }, () => server.start(undefined, { system })))
      await clock.settle()
    }
    expect(system.stats()).toMatchObject({
      processes: 0,
      processesCrashed: 0,
      timers: 0,
      monitors: 0,
    })
  })
})

describe('the process around it', () => {
  const counter = setup({
    types: {
      context: {} as { n: number },
      events: {} as { type: 'INC' } | { type: 'DOWN'; reason: unknown } | { type: 'NEVER' },
    },
  }).createMachine({
    id: 'counter',
    context: { n: 0 },
    initial: 'few',
    states: {
      few: {
        on: { INC: { actions: assign({ n: ({ context }) => context.n + 1 }) }, DOWN: 'lonely' },
        always: { guard: ({ context }) => context.n >= 3, target: 'many' },
      },
      many: {
        tags: 'big',
        on: { INC: { actions: assign({ n: ({ context }) => context.n + 1 }) }, NEVER: {} },
      },
      lonely: {},
    },
  })

  it('waitFor: now, later, by value, by predicate, never', async () => {
    const { clock, system } = world()
    const ref = await fromMachine(counter).start(undefined, { system })
    expect((await ref.call.waitFor('few')).context.n).toBe(0)
    const many = outcome(ref.call.waitFor('many'))
    const five = outcome(ref.call.waitFor(({ context }) => context.n === 5))
    const late = outcome(ref.call.waitFor('lonely', { timeoutMs: 100 }))
    const bad = outcome(
      ref.call.waitFor(({ context }) => {
        if (context.n === 2) throw new Error('predicate')
        return false
      }),
    )
    const nonsense = outcome(ref.call.waitFor(7 as never))
    for (let i = 0; i < 5; i++) ref.cast.send({ type: 'INC' })
    await clock.advance(100)
    expect(many.value).toMatchObject({ value: 'many', context: { n: 3 }, tags: ['big'] })
    expect(five.value).toMatchObject({ context: { n: 5 } })
    expect(late.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    expect(bad.error).toMatchObject({ message: 'predicate' })
    expect(nonsense.error).toMatchObject({ code: 'ERR_ARGUMENT' })
    ref.cast.send({ type: 'INC' })
    await clock.settle()
    expect(sys.status(ref).details).toMatchObject({ waiters: 0 })
    await GenServer.stop(ref)
  })

  it('a subscriber gets every transition, until it ends or unsubscribes', async () => {
    const { clock, system } = world()
    const ref = await fromMachine(counter).start(undefined, { system })
    const first = watcher(system)
    const second = watcher(system)
    await ref.call.subscribe(first.pid)
    await ref.call.subscribe(first.pid)
    await ref.call.subscribe(second.pid)
    await ref.call.send({ type: 'INC' })
    await ref.call.send({ type: 'NEVER' })
    await clock.settle()
    const message: Partial<MachineTransition> = {
      type: 'machine_transition',
      machine: ref.pid,
      value: 'few',
      context: { n: 1 },
      status: 'active',
    }
    expect(first.got).toEqual([expect.objectContaining(message)])
    expect(await ref.call.unsubscribe(first.pid)).toBe(true)
    expect(await ref.call.unsubscribe(first.pid)).toBe(false)
    system.exit(second.pid, 'kill')
    await clock.settle()
    expect(sys.status(ref).details).toMatchObject({ subscribers: [] })
    expect(system.stats().monitors).toBe(0)
    await within(system, (ctx) => ctx.call(ref.pid, 'subscribe', undefined))
    await expect(ref.call.subscribe()).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
    await GenServer.stop(ref)
  })

  it('strict: unknown events are refused and the machine untouched', async () => {
    const { clock, lines, system } = world()
    const ref = await fromMachine(counter, { strict: true }).start(undefined, { system })
    const jump = { type: 'JUMP' } as never
    await expect(ref.call.send(jump)).rejects.toMatchObject({
      code: 'ERR_MACHINE_EVENT_UNKNOWN',
      event: 'JUMP',
      machine: 'counter/1',
    })
    ref.cast.send(jump)
    await clock.settle()
    expect(lines.map(({ text }) => text)).toEqual(['event refused'])
    expect(await ref.call.send({ type: 'NEVER' })).toMatchObject({ changed: false }) // known, forbidden here
    expect(await ref.call.state()).toMatchObject({ value: 'few', context: { n: 0 } })
    await GenServer.stop(ref)
  })

  it('strict knows wildcards', async () => {
    const { system } = world()
    const machine = createMachine({
      initial: 'a',
      states: { a: { on: { 'mouse.*': 'b' } }, b: {} },
    })
    const ref = await fromMachine(machine, { strict: true }).start(undefined, { system })
    await expect(ref.call.send({ type: 'mousetrap' })).rejects.toMatchObject({
      code: 'ERR_MACHINE_EVENT_UNKNOWN',
    })
    expect(await ref.call.send({ type: 'mouse.click' })).toMatchObject({ value: 'b' })
    const all = fromMachine(createMachine({ on: { '*': {} } }), { strict: true })
    const any = await all.start(undefined, { system })
    expect(await any.call.send({ type: 'ANY' })).toMatchObject({ status: 'active' })
    await GenServer.stop(ref)
    await GenServer.stop(any)
  })

  it('without strict an unknown event does nothing; what is no event is always refused', async () => {
    const { clock, lines, system } = world()
    const ref = await fromMachine(counter).start(undefined, { system })
    expect(await ref.call.send({ type: 'JUMP' } as never)).toMatchObject({ changed: false })
    for (const bad of [
      undefined,
      null,
      'INC',
      7,
      {},
      { type: 1 },
      { type: '' },
      { type: '*' },
      { type: 'xstate.stop' },
      { type: 'xstate.init' },
      { type: 'xstate.done.actor.x' },
    ]) {
      for (const ask of ['send', 'can'] as const) {
        await expect(ref.call[ask](bad as never)).rejects.toMatchObject({
          code: 'ERR_MACHINE_EVENT_INVALID',
        })
      }
      ref.cast.send(bad as never)
    }
    system.cast(ref.pid, 'other', 1)
    await expect(system.call(ref.pid, 'other', 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    await clock.settle()
    expect(lines).toHaveLength(12)
    expect(await ref.call.state()).toMatchObject({ status: 'active', context: { n: 0 } })
    await GenServer.stop(ref)
  })

  it('messages, EXIT, DOWN and timers become events by `info`', async () => {
    const { clock, system } = world()
    const machine = setup({
      types: { context: {} as { got: unknown[] }, events: {} as { type: 'GOT'; what: unknown } },
    }).createMachine({
      context: { got: [] },
      entry: () => {
        const own = currentProcess()
        if (own === undefined) throw new Error('no process')
        own.system.monitor(own.pid, 'nobody')
        own.system.startTimer(10, own.pid, 'ring')
      },
      on: {
        GOT: { actions: assign({ got: ({ context, event }) => [...context.got, event.what] }) },
      },
    })
    const server = fromMachine(machine, {
      info: (info) =>
        info.type === 'message' && info.message === 'skip'
          ? undefined
          : { type: 'GOT', what: info.type === 'message' ? info.message : info.type },
    })
    const ref = await server.start(undefined, { system, trapExit: true })
    system.send(ref.pid, 'hello')
    system.send(ref.pid, 'skip')
    const other = idler(system)
    system.link(ref.pid, other)
    system.exit(other, 'boom')
    await clock.advance(10)
    expect((await ref.call.state()).context.got).toEqual(['down', 'hello', 'exit', 'timer'])
    await GenServer.stop(ref)
  })

  it('without `info` messages are dropped with a warning; an `info` that throws ends the process', async () => {
    const { clock, texts, system } = world()
    const ref = await fromMachine(counter).start(undefined, { system })
    system.send(ref.pid, 'hello')
    await clock.settle()
    expect(texts('warn')).toEqual(['message dropped: the machine has no `info`'])
    const server = fromMachine(counter, {
      info: () => {
        throw new Error('info')
      },
    })
    const bad = await server.start(undefined, { system })
    const end = ending(system, bad.pid)
    system.send(bad.pid, 'hello')
    await clock.settle()
    expect(end.reason).toMatchObject({ message: 'info' })
    await GenServer.stop(ref)
  })

  it('the EXIT of its parent ends one that traps exits', async () => {
    const { clock, system } = world()
    const parent = idler(system)
    const ref = await fromMachine(counter, { info: () => ({ type: 'INC' }) }).start(undefined, {
      system,
      parent,
      link: true,
      trapExit: true,
    })
    const end = ending(system, ref.pid)
    system.exit(parent, 'boom')
    await clock.settle()
    expect(end.reason).toBe('boom')
  })

  it('a promise that settles is an item of the mailbox: queued events come first', async () => {
    const { clock, system } = world()
    let settle: (value: string) => void = () => {}
    const order: string[] = []
    const machine = setup({
      actors: {
        job: fromPromise(
          () =>
            new Promise<string>((resolve) => {
              settle = resolve
            }),
        ),
      },
    }).createMachine({
      invoke: {
        src: 'job',
        onDone: { actions: () => void order.push(`done in ${String(self() !== undefined)}`) },
      },
      on: { EVENT: { actions: () => void order.push('event') } },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    await sys.suspend(ref)
    ref.cast.send({ type: 'EVENT' })
    settle('x')
    await clock.settle()
    ref.cast.send({ type: 'EVENT' })
    expect(order).toEqual([])
    await sys.resume(ref)
    await clock.settle()
    expect(order).toEqual(['event', 'done in true', 'event'])
    await GenServer.stop(ref)
  })

  it('a callback cannot flood the mailbox', async () => {
    const { clock, system } = world()
    let send: (event: { type: string }) => void = () => {}
    const machine = setup({
      types: { context: {} as { n: number } },
      actors: {
        socket: fromCallback(({ sendBack }) => {
          send = sendBack
        }),
      },
    }).createMachine({
      context: { n: 0 },
      invoke: { src: 'socket' },
      on: { DATA: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    })
    const ref = await fromMachine(machine).start(undefined, { system, mailboxMessagesMax: 10 })
    for (let i = 0; i < 25; i++) send({ type: 'DATA' })
    await clock.settle()
    expect((await ref.call.state()).context.n).toBe(10)
    expect(system.stats().messagesDroppedMailboxFull).toBe(15)
    await GenServer.stop(ref)
  })

  it('ids and delays draw nothing from Math.random and count per process', async () => {
    const { clock, system } = world()
    const random = Math.random
    let drawn = 0
    Math.random = () => {
      drawn++
      return random()
    }
    const ids: string[] = []
    const child = createMachine({ entry: ({ self: actor }) => void ids.push(actor.sessionId) })
    const machine = setup({ actors: { child } }).createMachine({
      entry: [
        ({ self: actor }) => void ids.push(actor.sessionId),
        raise({ type: 'A' }, { delay: 10 }),
        spawnChild('child'),
      ],
    })
    try {
      const server = fromMachine(machine)
      for (let i = 0; i < 2; i++) {
        const ref = await server.start(undefined, { system })
        await clock.advance(20)
        await GenServer.stop(ref)
      }
    } finally {
      Math.random = random
    }
    expect(drawn).toBe(0)
    expect(ids).toEqual(['x:1', 'x:0', 'x:1', 'x:0']) // the child's entry runs first
  })

  it('logs go to the logger of the system', async () => {
    const { lines, system } = world()
    const machine = createMachine({ on: { SAY: { actions: log('hello', 'label') } } })
    const ref = await fromMachine(machine).start(undefined, { system })
    await ref.call.send({ type: 'SAY' })
    expect(lines).toMatchObject([
      { level: 'info', text: 'machine log', fields: { args: ['label', 'hello'] } },
    ])
    await GenServer.stop(ref)
  })

  it('inspect passes through; one that throws is a warning', async () => {
    const { system, texts } = world()
    const seen: string[] = []
    const server = fromMachine(counter, {
      inspect: (event) => {
        seen.push((event as { type: string }).type)
        if (seen.length === 1) throw new Error('inspect')
      },
    })
    const ref = await server.start(undefined, { system })
    seen.length = 0
    await ref.call.send({ type: 'INC' })
    expect(seen).toEqual(
      expect.arrayContaining(['@xstate.event', '@xstate.microstep', '@xstate.snapshot']),
    )
    expect(texts('warn')).toContain('`inspect` failed')
    await GenServer.stop(ref)
  })

  it('somebody who inspects the actor system later is heard too', async () => {
    const { system } = world()
    const seen: string[] = []
    const machine = createMachine({
      on: {
        LOOK: {
          actions: ({ system: actors }) =>
            void actors.inspect((event) => void seen.push(event.type)),
        },
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    await ref.call.send({ type: 'LOOK' })
    seen.length = 0
    await ref.call.send({ type: 'OTHER' })
    expect(seen).toContain('@xstate.event')
    await GenServer.stop(ref)
  })

  it('sys shows the snapshot and changes nothing', async () => {
    const { system } = world()
    const ref = await fromMachine(counter).start(undefined, { system })
    expect(await sys.getState(ref)).toMatchObject({ value: 'few', context: { n: 0 } })
    await expect(sys.replaceState(ref, () => 1)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_/) as string,
    })
    expect(await ref.call.getSnapshot()).toBe(await sys.getState(ref))
    await GenServer.stop(ref)
  })

  it('machines of their own do not disturb each other: two systems, one definition', async () => {
    const [a, b] = [world('a'), world('b')]
    const machine = createMachine({
      initial: 'green',
      states: { green: { after: { 1000: 'yellow' } }, yellow: {} },
    })
    const server = fromMachine(machine)
    const first = await server.start(undefined, { system: a.system })
    const second = await server.start(undefined, { system: b.system })
    await a.clock.advance(1000)
    expect((await first.call.state()).value).toBe('yellow')
    expect((await second.call.state()).value).toBe('green')
    await GenServer.stop(first)
    await GenServer.stop(second)
  })

  it('what is no machine is refused', () => {
    for (const bad of [undefined, {}, { id: 'x', __xstatenode: true }, createMachine]) {
      expect(() => fromMachine(bad as never)).toThrow(
        expect.objectContaining({ code: 'ERR_MACHINE_INVALID' }),
      )
    }
    expect(() => fromMachine(counter, { strickt: true } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }),
    )
  })
})

describe('limits', () => {
  const waiting = createMachine({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } })

  it('waitersMax, with room again when a wait has timed out', async () => {
    const { clock, system } = world()
    const ref = await fromMachine(waiting, { waitersMax: 2 }).start(undefined, { system })
    const first = outcome(ref.call.waitFor('b', { timeoutMs: 10 }))
    const second = outcome(ref.call.waitFor('b'))
    await expect(ref.call.waitFor('b')).rejects.toMatchObject({
      code: 'ERR_MACHINE_WAITERS_MAX',
      limitCount: 2,
    })
    await clock.advance(10)
    expect(first.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    const third = outcome(ref.call.waitFor('b'))
    await ref.call.send({ type: 'GO' })
    await clock.settle()
    expect([second.value?.value, third.value?.value]).toEqual(['b', 'b'])
    await GenServer.stop(ref)
  })

  it('subscribersMax', async () => {
    const { system } = world()
    const ref = await fromMachine(waiting, { subscribersMax: 1 }).start(undefined, { system })
    const pids = [idler(system), idler(system)]
    await ref.call.subscribe(pids[0])
    await ref.call.subscribe(pids[0])
    await expect(ref.call.subscribe(pids[1])).rejects.toMatchObject({
      code: 'ERR_MACHINE_SUBSCRIBERS_MAX',
    })
    await ref.call.unsubscribe(pids[0])
    await ref.call.subscribe(pids[1])
    await GenServer.stop(ref)
  })

  it('actorsMax', async () => {
    const { clock, system } = world()
    const child = createMachine({})
    const machine = setup({ actors: { child } }).createMachine({
      on: { SPAWN: { actions: spawnChild('child') } },
    })
    const ref = await fromMachine(machine, { actorsMax: 3 }).start(undefined, { system })
    const end = ending(system, ref.pid)
    await ref.call.send({ type: 'SPAWN' })
    await ref.call.send({ type: 'SPAWN' })
    expect(sys.status(ref).details).toMatchObject({ actors: 3 })
    ref.cast.send({ type: 'SPAWN' })
    await clock.settle()
    expect(end.reason).toMatchObject({ code: 'ERR_MACHINE_ACTORS_MAX', limitCount: 3 })
    expect(system.stats().timers).toBe(0)
  })

  it('a delay that is negative or none is now, one beyond a timer never comes', async () => {
    const { clock, system } = world()
    const machine = setup({ types: { context: {} as { n: number } } }).createMachine({
      context: { n: 0 },
      entry: [
        raise({ type: 'IN' }, { delay: -1 }),
        raise({ type: 'IN' }, { delay: NaN }),
        raise({ type: 'IN' }, { delay: Infinity }),
      ],
      on: { IN: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    await clock.advance(1)
    expect((await ref.call.state()).context.n).toBe(2)
    await GenServer.stop(ref)
  })
})

describe('resuming', () => {
  const order = setup({
    types: {
      context: {} as { items: number },
      events: {} as { type: 'ADD' } | { type: 'CRASH' } | { type: 'PAY' },
    },
  }).createMachine({
    id: 'order',
    context: { items: 0 },
    initial: 'open',
    states: {
      open: {
        on: {
          ADD: { actions: assign({ items: ({ context }) => context.items + 1 }) },
          PAY: 'paying',
          CRASH: {
            actions: () => {
              throw new Error('crash')
            },
          },
        },
      },
      paying: {
        after: { 1000: 'expired' },
        on: {
          CRASH: {
            actions: () => {
              throw new Error('crash')
            },
          },
        },
      },
      expired: {},
    },
  })

  /** Keeps the latest persisted snapshot of a machine in a table that outlives it. */
  function keeper(
    system: System,
    child: () => Promise<unknown>,
  ): { save(): Promise<void>; latest(): unknown } {
    const table = system.tables.create<string, unknown>({ owner: 'system', name: 'orders' })
    return {
      save: async () => table.insert('order', await child()),
      latest: () => table.get('order'),
    }
  }

  it('a restarted child goes on from its last persisted snapshot, delays included', async () => {
    const { clock, system } = world()
    let ask: () => Promise<unknown> = () => Promise.resolve()
    const saved = keeper(system, () => ask())
    const Order = fromMachine(order, { snapshot: () => saved.latest() })
    const sup: SupervisorRef = await Supervisor.start({
      children: [Order.child(undefined, { options: { name: 'order' } })],
      system,
    })
    const call = (name: string, input?: unknown): Promise<unknown> =>
      system.call('order', name, input)
    ask = () => call('getPersistedSnapshot')
    await call('send', { type: 'ADD' })
    await call('send', { type: 'PAY' })
    await clock.advance(400)
    await saved.save()
    for (let i = 0; i < 2; i++) {
      system.cast('order', 'send', { type: 'CRASH' })
      await clock.settle()
      expect(await call('state')).toMatchObject({ value: 'paying', context: { items: 1 } })
    }
    await clock.advance(599)
    expect(await call('state')).toMatchObject({ value: 'paying' })
    await clock.advance(1)
    expect(await call('state')).toMatchObject({ value: 'expired' })
    await Supervisor.stop(sup)
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('children and references to them are revived, each time anew', async () => {
    const { system } = world()
    const child = setup({ types: { context: {} as { n: number } } }).createMachine({
      context: { n: 0 },
      on: { INC: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    })
    const machine = setup({
      types: { context: {} as { deep: { kid: unknown }[] } },
      actors: { child },
    }).createMachine({
      context: ({ spawn }) => ({ deep: [{ kid: spawn('child', { id: 'kid' }) }] }),
      on: { INC: { actions: sendTo('kid', { type: 'INC' }) } },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    await ref.call.send({ type: 'INC' })
    const persisted = await ref.call.getPersistedSnapshot()
    await GenServer.stop(ref)
    const server = fromMachine(machine, { snapshot: persisted })
    for (let i = 0; i < 2; i++) {
      const again = await server.start(undefined, { system })
      await again.call.send({ type: 'INC' })
      const { context } = await again.call.getSnapshot()
      const kid = context.deep[0]?.kid as { getSnapshot(): { context: { n: number } } }
      expect(kid.getSnapshot().context.n).toBe(2)
      await GenServer.stop(again)
    }
    expect(JSON.parse(JSON.stringify(persisted))).toEqual(persisted)
  })

  it('what cannot be persisted fails its caller only', async () => {
    const { system } = world()
    const machine = createMachine({
      invoke: { src: fromPromise(() => new Promise<void>(() => {})) },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    const persisted = outcome(ref.call.getPersistedSnapshot())
    expect((await ref.call.state()).status).toBe('active')
    expect(persisted.settled).toBe(true)
    await GenServer.stop(ref)
  })

  it('a snapshot that is none fails the start', async () => {
    const { system } = world()
    await expect(
      fromMachine(order, {
        snapshot: { value: 'nowhere', status: 'active', context: {}, children: {} },
      }).start(undefined, { system }),
    ).rejects.toMatchObject({ code: 'ERR_INIT_FAILED' })
    await expect(
      fromMachine(order, {
        snapshot: () => {
          throw new Error('source')
        },
      }).start(undefined, { system }),
    ).rejects.toMatchObject({ code: 'ERR_INIT_FAILED', reason: { message: 'source' } })
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })
})
