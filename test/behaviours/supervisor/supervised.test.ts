/**
 * What supervisors with and without ids do alike with one child, seen from outside: what they log, count
 * and say of themselves, and what becomes of children that come too late or do not go in time.
 */
import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSystem, formatPid, type Pid, type System } from '../../../runtime/index.ts'
import {
  DynamicSupervisor,
  ignore,
  Supervisor,
  sys,
  type ChildContext,
  type ChildSpec,
  type RestartType,
  type SupervisorRef,
} from '../../../behaviours/index.ts'
import {
  childSpecOf,
  ending,
  idler,
  outcome,
  scripted,
  watcher,
  within,
  world,
  type World,
} from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

interface Options {
  readonly intensity?: number
  readonly childrenMax?: number
}

/** A kind of supervisor, and a child started under it. */
interface Kind {
  readonly kind: string
  readonly strategy: string
  /** `restart` is for the template, where there is one. */
  start(options: Options, restart?: RestartType): Promise<{ readonly pid: Pid }>
  add(sup: { readonly pid: Pid }, spec: ChildSpec): Promise<Pid>
}

const kinds: readonly Kind[] = [
  {
    kind: 'a supervisor',
    strategy: 'rest_for_one',
    start: (options) => Supervisor.start({ system, strategy: 'rest_for_one', ...options }),
    add: async (sup, spec) =>
      ((await Supervisor.startChild(sup as SupervisorRef, spec)) as { pid: Pid }).pid,
  },
  {
    kind: 'a supervisor of one template',
    strategy: 'simple_one_for_one',
    start: (options, restart = 'permanent') =>
      Supervisor.start({
        system,
        strategy: 'simple_one_for_one',
        children: [
          {
            id: 'a',
            restart,
            start: (context, spec: ChildSpec) => spec.start(context),
          },
        ],
        ...options,
      }),
    add: async (sup, spec) =>
      ((await Supervisor.startChild(sup as SupervisorRef, [spec])) as { pid: Pid }).pid,
  },
  {
    kind: 'a dynamic supervisor',
    strategy: 'one_for_one',
    start: (options) => DynamicSupervisor.start({ system, ...options }),
    add: async (sup, spec) =>
      ((await DynamicSupervisor.startChild(sup as never, spec)) as { pid: Pid }).pid,
  },
]

/** Starts `times` times, then fails. */
function failing(times: number): ChildSpec {
  let count = 0
  return {
    id: 'a',
    start: (context) =>
      count++ < times ? childSpecOf('a').start(context) : Promise.reject(new Error('no')),
  }
}

const never = (): Promise<never> => new Promise<never>(() => {})

describe.each(kinds)('$kind', ({ kind, strategy, start, add }) => {
  it('logs a crash, each restart that fails and its end', async () => {
    const sup = await start({ intensity: 2 })
    const pid = await add(sup, failing(1))
    system.exit(pid, 'boom', sup.pid)
    system.exit(pid, 'kill')
    await w.clock.settle()
    const line = (reason: unknown, text: string, level = 'warn'): object => ({
      level,
      fields: { supervisor: formatPid(sup.pid), child: 'a', restart: 'permanent', reason },
      text,
    })
    expect(w.lines.filter(({ fields }) => 'supervisor' in fields)).toEqual([
      line(expect.anything(), 'child terminated'),
      line(new Error('no'), 'child did not start again'),
      line(new Error('no'), 'child did not start again'),
      line('shutdown', 'restart intensity exceeded: the supervisor shuts down', 'error'),
    ])
    expect(system.isAlive(sup.pid)).toBe(false)
  })

  it('says nothing of a transient child that ends well', async () => {
    const sup = await start({}, 'transient')
    const pid = await add(sup, { ...childSpecOf('a'), restart: 'transient' })
    system.process(pid)!.exit('normal')
    await w.clock.settle()
    expect(w.lines).toEqual([])
    expect(sys.status(sup.pid, { system }).state).toMatchObject({ active: 0 })
  })

  it('kills a child of another system, also one that traps exits', async () => {
    const other = createSystem({ clock: w.clock, node: 'other' })
    const log: unknown[] = []
    const sup = await start({})
    const stray = add(sup, {
      id: 'a',
      start: () => scripted({ log }).start(undefined, { system: other, trapExit: true }),
    })
    await expect(stray).rejects.toMatchObject({ reason: { code: 'ERR_CHILD_FOREIGN' } })
    expect([log, other.stats().processes]).toEqual([[], 0])
  })

  it('says what a start function gave, if it can be looked at', async () => {
    const sup = await start({})
    const nasty = {
      [inspect.custom]: () => {
        throw new Error('nasty')
      },
    }
    const giving = (value: unknown): Promise<Pid> =>
      add(sup, { id: 'a', start: () => Promise.resolve(value as never) })
    await expect(giving(nasty)).rejects.toThrow('something that cannot be looked at')
    await expect(giving({ a: { b: 1 } })).rejects.toThrow('gave { a: [Object] }, which')
  })

  it('counts what it restarted and refused, in all and for each child', async () => {
    const sup = await start({ intensity: 9, childrenMax: 2 })
    const first = await add(sup, childSpecOf('a'))
    await add(sup, childSpecOf('b'))
    await expect(add(sup, childSpecOf('c'))).rejects.toMatchObject({ code: 'ERR_CHILD_LIMIT' })
    system.exit(first, 'kill')
    await w.clock.settle()
    const counted = { specs: 2, active: 2, supervisors: 0, workers: 2 }
    const { details, label, state } = sys.status(sup.pid, { system })
    expect(label).toBe(kind.includes('dynamic') ? 'dynamic_supervisor' : 'supervisor')
    expect(details).toMatchObject({ strategy, ...counted, restarted: 1, refused: 1 })
    expect(state).toMatchObject(counted)
    const restarts = (state as { children: { restarts: number }[] }).children.map(
      (child) => child.restarts,
    )
    expect([...restarts].sort()).toEqual([0, 1])
  })

  it('is named in its errors', async () => {
    const supervisorId = `supervisor ${formatPid(system.pidFor('test', 1, 0))}`
    const sup = await start({ childrenMax: 0 })
    await expect(add(sup, childSpecOf('a'))).rejects.toMatchObject({
      supervisorId: supervisorId.replace(/<.*>/, formatPid(sup.pid)),
      childrenMax: 0,
    })
  })

  it('says what it does not understand', async () => {
    const sup = await start({})
    system.send(sup.pid, 'x')
    await w.clock.settle()
    expect(w.lines).toEqual([
      {
        level: 'warn',
        fields: { supervisor: `supervisor ${formatPid(sup.pid)}`, type: 'message' },
        text: 'message ignored',
      },
    ])
  })

  it('kills a child that does not stop in time, and says so', async () => {
    const sup = await start({})
    const spec = childSpecOf('a')
    const pid = await add(sup, {
      ...spec,
      start: (context) =>
        scripted({ terminate: never }).start(undefined, { ...context, link: true, trapExit: true }),
    })
    const end = ending(system, pid)
    const stopped = outcome(Supervisor.stop(sup as SupervisorRef))
    await w.clock.advance(4999)
    expect([end.reason, stopped.settled]).toEqual([undefined, false])
    await w.clock.advance(1)
    expect([end.reason, stopped.settled]).toEqual(['killed', true])
    expect(w.lines).toMatchObject([
      {
        fields: { child: 'a', reason: 'killed' },
        text: 'child did not stop in time and is killed',
      },
    ])
  })

  it('kills a child at once when there is no timer to give it time with', async () => {
    w = world()
    system = createSystem({ clock: w.clock, timersMax: 1 })
    const sup = await start({})
    const pid = await add(sup, {
      id: 'a',
      startTimeoutMs: Infinity,
      start: (context) =>
        scripted({ terminate: never }).start(undefined, { ...context, link: true, trapExit: true }),
    })
    system.sendAfter(1_000_000, idler(system), 'x')
    const end = ending(system, pid)
    const stopped = outcome(
      Supervisor.stop(sup as SupervisorRef, 'normal', { timeoutMs: Infinity }),
    )
    await w.clock.settle()
    expect(end.reason).toBe('killed')
    expect(stopped.settled).toBe(true)
  })

  it('kills a child that it cannot link, also one that traps exits', async () => {
    const lines = w.lines
    system = createSystem({ clock: w.clock, linksPerProcessMax: 1 })
    const sup = await start({})
    const log: unknown[] = []
    const unlinked: ChildSpec = {
      id: 'a',
      start: () => scripted({ log }).start(undefined, { system, trapExit: true }),
    }
    await add(sup, unlinked)
    await expect(add(sup, { ...unlinked, id: 'b' })).rejects.toMatchObject({
      code: 'ERR_CHILD_START',
      reason: { code: 'ERR_LINKS_MAX' },
    })
    expect([log, lines, system.stats().processes]).toEqual([[], [], 2])
  })

  it('ends a child that comes after its own death as its link would have ended it', async () => {
    let come: (() => void) | undefined
    const log: unknown[] = []
    const sup = await start({})
    const started = outcome(
      add(sup, {
        id: 'a',
        start: async ({ parent }) => {
          await new Promise<void>((resolve) => (come = resolve))
          return scripted({ log }).start(undefined, { system, parent, trapExit: true })
        },
      }),
    )
    await w.clock.settle()
    system.exit(sup.pid, 'kill')
    come!()
    await w.clock.settle()
    expect(started.error).toMatchObject({ reason: 'killed' })
    expect(log).toEqual([['terminate', 'killed', 0]])
    expect(system.stats().processes).toBe(0)
  })

  it('kills a child that comes after startTimeoutMs, also one that traps exits', async () => {
    let come: (() => void) | undefined
    const log: unknown[] = []
    const sup = await start({})
    const started = outcome(
      add(sup, {
        id: 'a',
        startTimeoutMs: 10,
        start: async () => {
          await new Promise<void>((resolve) => (come = resolve))
          return scripted({ log }).start(undefined, { system, trapExit: true })
        },
      }),
    )
    await w.clock.advance(60_000)
    come!()
    await w.clock.settle()
    expect(started.settled).toBe(true)
    expect([log, system.stats().processes]).toEqual([[], 1])
  })

  it('a start that comes too late and gives nothing is nothing', async () => {
    const given: unknown[] = [undefined, ignore(), 5, null]
    for (const value of given) {
      let come: (() => void) | undefined
      const sup = await start({})
      const started = outcome(
        add(sup, {
          id: 'a',
          startTimeoutMs: 10,
          start: async () => {
            await new Promise<void>((resolve) => (come = resolve))
            return value as never
          },
        }),
      )
      await w.clock.advance(60_000)
      come!()
      await w.clock.settle()
      expect(started.settled).toBe(true)
      expect(system.isAlive(sup.pid)).toBe(true)
    }
    expect(w.lines).toEqual([])
  })
})

describe('the context of a start function', () => {
  it('has one signal, which is aborted at once if the supervisor has ended meanwhile', async () => {
    let come: (() => void) | undefined
    const contexts: ChildContext[] = []
    const sup = await Supervisor.start({ system })
    outcome(
      Supervisor.startChild(sup, {
        id: 'a',
        start: async (context) => {
          contexts.push(context)
          await new Promise<void>((resolve) => (come = resolve))
          return never()
        },
      }),
    )
    await w.clock.settle()
    const context = contexts[0]!
    system.exit(sup.pid, 'kill')
    come!()
    await w.clock.settle()
    expect(context.signal!.aborted).toBe(true)
    expect(context.signal).toBe(context.signal)
  })

  it('has a signal that stays the same while the start goes on', async () => {
    const signals: (AbortSignal | undefined)[] = []
    await Supervisor.start({
      system,
      children: [
        {
          ...childSpecOf('a'),
          start: (context) => {
            signals.push(context.signal, context.signal)
            return childSpecOf('a').start(context)
          },
        },
      ],
    })
    expect(signals[0]).toBeInstanceOf(AbortSignal)
    expect(signals[0]).toBe(signals[1])
  })
})

describe('a supervisor', () => {
  it('that is killed while it starts its first children starts no more of them', async () => {
    const started: string[] = []
    let sup: Pid | undefined
    let come: (() => void) | undefined
    const slow = (id: string): ChildSpec => ({
      id,
      start: async (context) => {
        started.push(id)
        sup = context.parent
        await new Promise<void>((resolve) => (come = resolve))
        return childSpecOf(id).start(context)
      },
    })
    const starting = outcome(Supervisor.start({ system, children: ['a', 'b', 'c'].map(slow) }))
    await w.clock.settle()
    system.exit(sup!, 'kill')
    come!()
    await w.clock.settle()
    expect(started).toEqual(['a'])
    expect(starting.error).toMatchObject({ reason: 'killed' })
    expect(system.stats().processes).toBe(0)
  })

  it('may start with as many children as it may have, and not with one more', async () => {
    const children = ['a', 'b'].map(childSpecOf)
    const sup = await Supervisor.start({ system, children, childrenMax: 2 })
    expect(await Supervisor.countChildren(sup)).toMatchObject({ active: 2 })
    await expect(Supervisor.start({ system, children, childrenMax: 1 })).rejects.toMatchObject({
      reason: { code: 'ERR_CHILD_LIMIT', childrenMax: 1 },
    })
  })

  it('does not take a new child for the one of the same id whose restart had failed', async () => {
    const sup = await Supervisor.start({ system, intensity: 1_000_000 })
    const { pid } = (await Supervisor.startChild(sup, failing(1))) as { pid: Pid }
    let starts = 0
    const good: ChildSpec = {
      id: 'a',
      start: (context) => {
        starts++
        return childSpecOf('a').start(context)
      },
    }
    system.exit(pid, 'kill')
    const stopped = Supervisor.terminateChild(sup, 'a')
    const gone = Supervisor.deleteChild(sup, 'a')
    const again = Supervisor.startChild(sup, good)
    await Promise.all([stopped, gone, again])
    await w.clock.settle()
    expect(starts).toBe(1)
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 1, active: 1 })
  })

  it('says what its requests take', async () => {
    const sup = await Supervisor.start({ system })
    const template: ChildSpec = childSpecOf('a')
    const simple = await Supervisor.start({
      system,
      strategy: 'simple_one_for_one',
      children: [template],
    })
    await expect(Supervisor.startChild(sup, [])).rejects.toThrow('takes a child specification here')
    await expect(Supervisor.startChild(simple, template)).rejects.toThrow(
      'takes a list of arguments here',
    )
    await expect(Supervisor.deleteChild(simple, 'a')).rejects.toThrow(
      'children of simple_one_for_one have no ids',
    )
    await expect(Supervisor.start({ system, init: () => 5 as never })).rejects.toMatchObject({
      reason: { message: expect.stringMatching(/^init of Supervisor returned 5/) },
    })
  })
})

describe('a dynamic supervisor', () => {
  it('refuses to terminate what is no process', async () => {
    const sup = await DynamicSupervisor.start({ system })
    for (const nonsense of [null, undefined, 'a', {}, { pid: 5 }]) {
      await expect(DynamicSupervisor.terminateChild(sup, nonsense as never)).rejects.toThrow(
        /child.*a pid or a ref/,
      )
    }
  })

  it('is linked to its parent by startLink, and as a child', async () => {
    const parent = watcher(system)
    const linked = await DynamicSupervisor.startLink({ system, parent: parent.pid })
    const place = { system, parent: parent.pid }
    const spec = DynamicSupervisor.child({}, { id: 'd' })
    const child = await within(system, () => spec.start({ ...place, signal: undefined } as never))
    system.exit(linked.pid, 'kill')
    system.exit(child.pid, 'kill')
    await w.clock.settle()
    expect(parent.got).toMatchObject([
      { type: 'exit', from: linked.pid, reason: 'killed' },
      { type: 'exit', from: child.pid, reason: 'killed' },
    ])
  })

  it('names itself in what it says of wrong options', async () => {
    await expect(DynamicSupervisor.start({ system, intensity: -1 })).rejects.toThrow(
      'DynamicSupervisor.start',
    )
  })
})
