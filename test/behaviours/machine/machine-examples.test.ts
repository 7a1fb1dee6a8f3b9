/** xstate's own documented examples as processes, on the system's clock. */
import {
  assign,
  createMachine,
  fromCallback,
  fromObservable,
  fromPromise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate'
import { describe, expect, it } from 'vitest'
import { fromMachine, GenServer, sys } from '../../../behaviours/index.ts'
import { ending, outcome, world } from '../world.ts'

const trafficLight = createMachine({
  id: 'light',
  initial: 'green',
  states: {
    green: { after: { 1000: 'yellow' } },
    yellow: { after: { 500: 'red' } },
    red: {
      initial: 'walk',
      states: {
        walk: { on: { PED_COUNTDOWN: 'wait' } },
        wait: { on: { PED_COUNTDOWN: 'stop' } },
        stop: { type: 'final' },
      },
      after: { 2000: 'green' },
    },
  },
  on: { POWER_OUTAGE: '.red' },
})

describe("xstate's documented examples on the system's clock", () => {
  it('traffic light with `after`', async () => {
    const { clock, system } = world()
    const light = await fromMachine(trafficLight).start(undefined, { system })
    const seen: unknown[] = []
    const look = async (afterMs: number): Promise<void> => {
      await clock.advance(afterMs)
      seen.push((await light.call.state()).value)
    }
    await look(999)
    await look(1)
    await look(500)
    light.cast.send({ type: 'PED_COUNTDOWN' })
    await look(0)
    await look(2000)
    light.cast.send({ type: 'POWER_OUTAGE' })
    await look(0)
    expect(seen).toEqual([
      'green',
      'yellow',
      { red: 'walk' },
      { red: 'wait' },
      'green',
      { red: 'walk' },
    ])
    await GenServer.stop(light)
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0, monitors: 0 })
  })

  it('a delayed transition is cancelled when its state is left, also when it was due already', async () => {
    const { clock, system } = world()
    const machine = createMachine({
      initial: 'idle',
      states: {
        idle: { on: { GO: 'waiting' } },
        waiting: { after: { 100: 'late' }, on: { BACK: 'idle' } },
        late: {},
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    ref.cast.send({ type: 'GO' })
    await clock.advance(90)
    ref.cast.send({ type: 'BACK' })
    ref.cast.send({ type: 'GO' })
    await clock.advance(90) // the old delay would have passed
    expect((await ref.call.state()).value).toBe('waiting')
    // Suspended, the machine finds the old delay queued before what leaves the state and enters it again.
    await sys.suspend(ref)
    ref.cast.send({ type: 'BACK' })
    ref.cast.send({ type: 'GO' })
    await clock.advance(10)
    await sys.resume(ref)
    await clock.settle()
    expect((await ref.call.state()).value).toBe('waiting')
    await clock.advance(100)
    expect((await ref.call.state()).value).toBe('late')
    await GenServer.stop(ref)
  })

  it('parallel states', async () => {
    const { system } = world()
    const machine = createMachine({
      id: 'word',
      type: 'parallel',
      states: {
        bold: {
          initial: 'off',
          states: { on: { on: { TOGGLE_BOLD: 'off' } }, off: { on: { TOGGLE_BOLD: 'on' } } },
        },
        list: {
          initial: 'none',
          states: { none: { on: { BULLETS: 'bullets' } }, bullets: { on: { NONE: 'none' } } },
        },
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    await ref.call.send({ type: 'TOGGLE_BOLD' })
    const { value } = await ref.call.send({ type: 'BULLETS' })
    expect(value).toEqual({ bold: 'on', list: 'bullets' })
    expect(await ref.call.matches({ bold: 'on' })).toBe(true)
    expect(await ref.call.matches({ bold: 'off' })).toBe(false)
    await GenServer.stop(ref)
  })

  it('history states, shallow and deep', async () => {
    const { system } = world()
    const machine = createMachine({
      id: 'fan',
      initial: 'on',
      states: {
        on: {
          initial: 'low',
          states: {
            low: { on: { NEXT: 'high' } },
            high: { initial: 'a', states: { a: { on: { NEXT: 'b' } }, b: {} } },
            shallow: { type: 'history' },
            deep: { type: 'history', history: 'deep' },
          },
          on: { OFF: 'off' },
        },
        off: { on: { SHALLOW: 'on.shallow', DEEP: 'on.deep' } },
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    for (const type of ['NEXT', 'NEXT', 'OFF']) await ref.call.send({ type })
    expect((await ref.call.send({ type: 'DEEP' })).value).toEqual({ on: { high: 'b' } })
    await ref.call.send({ type: 'OFF' })
    expect((await ref.call.send({ type: 'SHALLOW' })).value).toEqual({ on: { high: 'a' } })
    await GenServer.stop(ref)
  })

  it('invoked promise: done, and an error that the machine handles', async () => {
    const { clock, system } = world()
    const fetchUser = fromPromise<string, { id: string }>(async ({ input }) => {
      if (input.id === 'none') throw new Error('no such user')
      return `user ${input.id}`
    })
    const machine = setup({
      types: {
        context: {} as { id: string; user?: string; error?: unknown },
        input: {} as { id: string },
      },
      actors: { fetchUser },
    }).createMachine({
      context: ({ input }) => ({ id: input.id }),
      initial: 'loading',
      states: {
        loading: {
          invoke: {
            src: 'fetchUser',
            input: ({ context }) => ({ id: context.id }),
            onDone: { target: 'success', actions: assign({ user: ({ event }) => event.output }) },
            onError: { target: 'failure', actions: assign({ error: ({ event }) => event.error }) },
          },
        },
        success: {},
        failure: {},
      },
    })
    const server = fromMachine(machine)
    const good = await server.start({ id: '7' }, { system })
    const bad = await server.start({ id: 'none' }, { system })
    await clock.settle()
    expect(await good.call.state()).toMatchObject({ value: 'success', context: { user: 'user 7' } })
    expect(await bad.call.state()).toMatchObject({
      value: 'failure',
      context: { error: new Error('no such user') },
    })
    await GenServer.stop(good)
    await GenServer.stop(bad)
  })

  it('final states with output: the process ends normally', async () => {
    const { clock, system } = world()
    const machine = setup({
      types: {
        context: {} as { sum: number },
        events: {} as { type: 'ADD'; by: number } | { type: 'END' },
        output: {} as { sum: number },
      },
    }).createMachine({
      context: { sum: 0 },
      initial: 'open',
      states: {
        open: {
          on: {
            ADD: { actions: assign({ sum: ({ context, event }) => context.sum + event.by }) },
            END: 'closed',
          },
        },
        closed: { type: 'final', tags: 'over' },
      },
      output: ({ context }) => ({ sum: context.sum }),
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    const end = ending(system, ref.pid)
    const done = outcome(ref.call.done({ timeoutMs: Infinity } as never))
    const closed = outcome(ref.call.waitFor('closed'))
    ref.cast.send({ type: 'ADD', by: 3 })
    const last = await ref.call.send({ type: 'END' })
    expect(last).toEqual({
      status: 'done',
      value: 'closed',
      context: { sum: 3 },
      tags: ['over'],
      output: { sum: 3 },
      changed: true,
    })
    await clock.settle()
    expect(end.reason).toBe('normal')
    expect(done.value).toEqual({ sum: 3 })
    expect(closed.value).toMatchObject({ value: 'closed', status: 'done' })
    await expect(ref.call.done()).rejects.toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noproc' })
  })

  it('guards', async () => {
    const { system } = world()
    const machine = setup({
      types: { context: {} as { count: number }, events: {} as { type: 'INC' } },
      guards: { isMax: ({ context }) => context.count >= 2 },
      actions: { increment: assign({ count: ({ context }) => context.count + 1 }) },
    }).createMachine({
      context: { count: 0 },
      initial: 'counting',
      states: {
        counting: { on: { INC: [{ guard: 'isMax', target: 'full' }, { actions: 'increment' }] } },
        full: {},
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    const steps = []
    for (let i = 0; i < 4; i++) steps.push(await ref.call.send({ type: 'INC' }))
    expect(steps.map(({ value, context, changed }) => [value, context.count, changed])).toEqual([
      ['counting', 1, true],
      ['counting', 2, true],
      ['full', 2, true],
      ['full', 2, false],
    ])
    expect(await ref.call.can({ type: 'INC' })).toBe(false)
    await GenServer.stop(ref)
  })

  it('spawned child machines that talk with their parent, stopped with it', async () => {
    const { clock, system } = world()
    const child = createMachine({
      id: 'ping',
      initial: 'waiting',
      states: { waiting: { on: { PING: { actions: sendParent({ type: 'PONG' }) } } } },
    })
    const parent = setup({
      types: { context: {} as { pongs: number } },
      actors: { child },
    }).createMachine({
      context: { pongs: 0 },
      entry: spawnChild('child', { id: 'one' }),
      on: {
        ASK: { actions: sendTo('one', { type: 'PING' }) },
        ASK_LATER: { actions: sendTo('one', { type: 'PING' }, { delay: 50 }) },
        PONG: { actions: assign({ pongs: ({ context }) => context.pongs + 1 }) },
        END: { actions: stopChild('one') },
      },
    })
    const ref = await fromMachine(parent).start(undefined, { system })
    expect((await ref.call.send({ type: 'ASK' })).context.pongs).toBe(1)
    await ref.call.send({ type: 'ASK_LATER' })
    await clock.advance(50)
    expect((await ref.call.state()).context.pongs).toBe(2)
    expect(sys.status(ref).details).toMatchObject({ actors: 2, delays: 0 })
    await ref.call.send({ type: 'END' })
    expect(sys.status(ref).details).toMatchObject({ actors: 1 })
    await GenServer.stop(ref)
  })

  it('callbacks and observables send through the mailbox', async () => {
    const { clock, system } = world()
    const cleaned: string[] = []
    let sendBack: (event: { type: string; n?: number }) => void = () => {}
    let next: (value: number) => void = () => {}
    const machine = setup({
      types: { context: {} as { got: unknown[] } },
      actors: {
        socket: fromCallback(({ sendBack: send, receive }) => {
          sendBack = send
          receive((event) => send({ type: 'ECHO', of: event.type }))
          return () => void cleaned.push('callback')
        }),
        ticks: fromObservable<number, undefined>(
          () =>
            ({
              subscribe: (observer: { next?: (value: number) => void }) => {
                next = (value) => observer.next?.(value)
                return { unsubscribe: () => void cleaned.push('observable') }
              },
              [Symbol.for('observable')]() {
                return this
              },
            }) as never,
        ),
      },
    }).createMachine({
      context: { got: [] },
      invoke: [
        { id: 'socket', src: 'socket' },
        {
          src: 'ticks',
          onSnapshot: {
            actions: assign({
              got: ({ context, event }) => [...context.got, event.snapshot.context],
            }),
          },
        },
      ],
      on: {
        SAY: { actions: sendTo('socket', { type: 'HELLO' }) },
        ECHO: {
          actions: assign({
            got: ({ context, event }) => [...context.got, (event as unknown as { of: string }).of],
          }),
        },
        DATA: {
          actions: assign({
            got: ({ context, event }) => [...context.got, (event as unknown as { n: number }).n],
          }),
        },
      },
    })
    const ref = await fromMachine(machine).start(undefined, { system })
    sendBack({ type: 'DATA', n: 1 })
    next(2)
    sendBack({ type: 'DATA', n: 3 })
    expect(
      (await ref.call.send({ type: 'SAY' })).context.got.filter((v) => v !== undefined),
    ).toEqual([1, 2, 3, 'HELLO'])
    await GenServer.stop(ref)
    expect(cleaned.sort()).toEqual(['callback', 'observable'])
    sendBack({ type: 'DATA', n: 4 })
    await clock.settle()
    expect(system.stats()).toMatchObject({ processes: 0, messagesDroppedNoproc: 0 })
  })
})
