/** `sys` on every behaviour alike: a caller of `sys` does not see what kind of process answers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import {
  Agent,
  defineEventHandler,
  defineServer,
  DynamicSupervisor,
  fromMachine,
  GenEvent,
  GenServer,
  implementStatem,
  initialState,
  keepStateAndData,
  noreply,
  ok,
  PartitionSupervisor,
  Pool,
  Registry,
  reply,
  replyTo,
  stateTimeout,
  Supervisor,
  sys,
  TaskSupervisor,
  TraceBuffer,
  type ServerOptions,
} from '../../behaviours/index.ts'
import { contract, type Contract } from '../../behaviours/index.ts'
import type { Pid, System } from '../../runtime/index.ts'
import { ending, outcome, world, type World } from './world.ts'

let w: World
beforeEach(() => {
  w = world()
})
afterEach(() => w.system.stop())

const Counter = defineServer({
  init: () => 0,
  call: { next: (n: number) => reply(n + 1, n + 1) },
  cast: { put: (_n: number, to: number) => noreply(to) },
})

interface FlipApi {
  call: { flip(): string }
  cast: {}
}
const FlipContract: Contract<FlipApi> = contract('flip/1', { call: { flip: true }, cast: {} })

interface Subject {
  readonly behaviour: string
  start(system: System): Promise<{ readonly pid: Pid }>
  /** A call that it answers. */
  ask(target: { readonly pid: Pid }): Promise<unknown>
}

const direct =
  (name: string | undefined, input?: unknown) =>
  ({ pid }: { readonly pid: Pid }): Promise<unknown> =>
    w.system.call(pid, name, input)

const subjects: readonly Subject[] = [
  {
    behaviour: 'gen_server',
    start: (system) => Counter.start(undefined, { system }),
    ask: direct('next'),
  },
  {
    behaviour: 'gen_server',
    start: (system) =>
      GenServer.start(
        { init: () => 0, handleCall: (_message: string, n: number) => [n, n + 1] as never },
        { system } as ServerOptions,
      ),
    ask: direct(undefined, 'next'),
  },
  {
    behaviour: 'gen_statem',
    start: (system) =>
      implementStatem<FlipApi, void, 'on' | 'off', number>(FlipContract, {
        init: () => initialState('off', 0),
        states: {
          on: { call: { flip: (_data, _input, ctx) => keepStateAndData(replyTo(ctx.from, 'on')) } },
          off: {
            call: { flip: (_data, _input, ctx) => keepStateAndData(replyTo(ctx.from, 'off')) },
          },
        },
      }).start(undefined, { system }),
    ask: direct('flip'),
  },
  {
    behaviour: 'gen_event',
    start: (system) => GenEvent.start({ system }),
    ask: direct('whichHandlers'),
  },
  {
    behaviour: 'supervisor',
    start: (system) => Supervisor.start({ system }),
    ask: direct('countChildren'),
  },
  {
    behaviour: 'dynamic_supervisor',
    start: (system) => DynamicSupervisor.start({ system }),
    ask: direct('countChildren'),
  },
  {
    behaviour: 'partition_supervisor',
    start: (system) => PartitionSupervisor.start({ system, child: Counter.child(), partitions: 2 }),
    ask: direct('partitions'),
  },
  {
    behaviour: 'agent',
    start: (system) => Agent.start(() => 1, { system }),
    ask: (target) => Agent.get(target as never, (n: number) => n),
  },
  {
    behaviour: 'pool',
    start: (system) => Pool.start({ system, worker: Counter.child(), size: 1 }),
    ask: (target) => Pool.status(target as never),
  },
  {
    behaviour: 'xstate',
    start: (system) =>
      fromMachine(
        createMachine({ id: 'm', initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } }),
      ).start(undefined as never, { system }),
    ask: (target) =>
      (target as unknown as { call: { send(event: object): Promise<unknown> } }).call.send({
        type: 'GO',
      }),
  },
  {
    behaviour: 'registry',
    start: (system) => Registry.start({ system }),
    // It has no calls: its refusal is the answer.
    ask: (target) => direct('nope')(target).catch((error: unknown) => error),
  },
]

describe.each(subjects)('$behaviour', ({ behaviour, start, ask }) => {
  it('shows its state and says what it is', async () => {
    const target = await start(w.system)
    await w.clock.settle()
    expect(sys.status(target)).toMatchObject({ behaviour, pid: target.pid, activity: 'waiting' })
    expect(await sys.getState(target)).toEqual(sys.status(target).state)
    expect(sys.formatTree(sys.tree(w.system))).toContain(sys.status(target).label)
  })

  it('handles nothing while it is suspended, and goes on where it was', async () => {
    const target = await start(w.system)
    await sys.suspend(target)
    const asked = outcome(ask(target))
    await w.clock.settle()
    expect(asked.settled).toBe(false)
    await sys.getState(target)
    expect(sys.status(target)).toMatchObject({ mailboxLength: 1 })
    await sys.resume(target)
    await w.clock.settle()
    expect(asked.settled).toBe(true)
    expect(asked.error).toBeUndefined()
  })

  it('stops although it is suspended', async () => {
    const target = await start(w.system)
    await sys.suspend(target)
    const end = ending(w.system, target.pid)
    await GenServer.stop(target, 'shutdown')
    expect(end.reason).toBe('shutdown')
  })

  it('is traced and counted', async () => {
    const target = await start(w.system)
    const buffer = new TraceBuffer()
    sys.trace(target, buffer)
    sys.statistics(target, 'on')
    await ask(target)
    await w.clock.settle()
    const types = buffer.toArray().map(({ type }) => type)
    expect(types[0]).toBe('in')
    expect(types.some((type) => type === 'out' || type === 'out_error')).toBe(true)
    expect(types.at(-1)).toBe('handled')
    expect(sys.statistics(target, 'get')).toMatchObject({ messagesIn: { call: 1 }, replies: 1 })
  })
})

describe('what is particular', () => {
  it('children of every kind of supervisor are in the tree', async () => {
    const { system } = w
    const dynamic = await DynamicSupervisor.start({ system })
    await DynamicSupervisor.startChild(dynamic, Counter.child())
    await PartitionSupervisor.start({ system, child: Counter.child(), partitions: 2 })
    const tasks = await TaskSupervisor.start({ system })
    await TaskSupervisor.startChild(tasks, () => new Promise(() => {}))
    await w.clock.settle()
    expect(sys.tree(system).roots.map(({ children }) => children.length)).toEqual([1, 2, 1])
  })

  it('an event manager keeps events back while it is suspended', async () => {
    const seen: string[] = []
    const Log = defineEventHandler({
      name: 'log',
      init: () => 0,
      event: (n, event: string) => {
        seen.push(event)
        return ok(n + 1)
      },
    })
    const manager = await GenEvent.start<string>({ system: w.system })
    await GenEvent.addHandler(manager, Log)
    await sys.suspend(manager)
    manager.cast.notify('x')
    await w.clock.settle()
    expect(seen).toEqual([])
    await sys.resume(manager)
    await w.clock.settle()
    expect(seen).toEqual(['x'])
  })

  it('delays of a suspended xstate machine wait for resume', async () => {
    const machine = fromMachine(
      createMachine({ id: 'm', initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } }),
    )
    const ref = await machine.start(undefined as never, { system: w.system })
    const value = (): unknown => (sys.status(ref).state as { value: unknown }).value
    await sys.suspend(ref)
    await w.clock.advance(20)
    expect(value()).toBe('a')
    await sys.resume(ref)
    await w.clock.advance(20)
    expect(value()).toBe('b')
  })

  it('timeouts of a suspended state machine wait for resume', async () => {
    const seen: unknown[] = []
    const machine = implementStatem<FlipApi, void, 'off', number>(FlipContract, {
      init: () => initialState('off', 0, stateTimeout(10, 'due')),
      states: {
        off: {
          call: { flip: (_data, _input, ctx) => keepStateAndData(replyTo(ctx.from, 'off')) },
          stateTimeout: (_data, payload) => {
            seen.push(payload)
            return keepStateAndData()
          },
        },
      },
    })
    const ref = await machine.start(undefined, { system: w.system })
    await sys.suspend(ref)
    await w.clock.advance(20)
    expect(seen).toEqual([])
    await sys.resume(ref)
    await w.clock.settle()
    expect(seen).toEqual(['due'])
  })
})
