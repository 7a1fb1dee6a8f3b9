/**
 * Supervisors as the real BEAM does them: one test per case of `otp-conformance.md` section 8. Deviations
 * on purpose say so in their names.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  createSystem,
  pidEquals,
  type ExitReason,
  type Pid,
  type System,
} from '../../../runtime/index.ts'
import {
  GenServer,
  IGNORE,
  ignore,
  InitializationError,
  stopProcess,
  Supervisor,
  SupervisorContract,
  type ChildContext,
  type ChildSpec,
  type SupervisorOptions,
  type SupervisorRef,
} from '../../../behaviours/index.ts'
import {
  ending,
  idler,
  outcome,
  ScriptContract,
  scripted,
  watcher,
  world,
  type World,
} from '../world.ts'

let w: World
let system: System
/** Ids in the order in which children were started and asked to stop. */
let starts: string[]
let stops: string[]

beforeEach(() => {
  w = world()
  system = w.system
  starts = []
  stops = []
})

/** A child that traps exits and notes its starts and stops. */
function child(id: string, more: Partial<ChildSpec> = {}): ChildSpec {
  return {
    id,
    start: (context) => {
      starts.push(id)
      const server = scripted({
        terminate: (reason) => {
          if (reason === 'shutdown') stops.push(id)
        },
      })
      return server.start(undefined, { ...context, link: true, trapExit: true })
    },
    ...more,
  }
}

/** A child whose start fails from its `first` start on, `times` times. */
function failing(
  id: string,
  first: number,
  times = Infinity,
  more: Partial<ChildSpec> = {},
): ChildSpec {
  let count = 0
  const good = child(id)
  return {
    ...good,
    start: (context) => {
      count++
      if (count < first || count >= first + times) return good.start(context)
      starts.push(id)
      return Promise.reject(new Error('not now'))
    },
    ...more,
  }
}

const start = (options: SupervisorOptions): Promise<SupervisorRef> =>
  Supervisor.start({ system, intensity: 10, ...options })

async function pidOf(sup: SupervisorRef, id: string): Promise<Pid | undefined> {
  return (await Supervisor.whichChildren(sup)).find((info) => info.id === id)?.pid
}

async function has(sup: SupervisorRef, id: string): Promise<boolean> {
  return (await Supervisor.whichChildren(sup)).some((info) => info.id === id)
}

/** Ends a child by its own doing and waits until the supervisor has dealt with it. */
async function end(sup: SupervisorRef, id: string, reason: ExitReason): Promise<void> {
  const pid = await pidOf(sup, id)
  if (reason === 'kill') system.exit(pid!, 'kill')
  else ScriptContract.at(pid!).cast.run((_n, ctx) => ctx.exit(reason))
  await w.clock.settle()
}

/** Forgets what was noted so far. */
function fromNow(): void {
  starts.length = 0
  stops.length = 0
}

describe('start and stop', () => {
  it('U-01 children start in order, each to its end before the next', async () => {
    const order: string[] = []
    const slow = (id: string): ChildSpec => ({
      id,
      start: async (context) => {
        order.push(`${id} begins`)
        for (let i = 0; i < 5; i++) await Promise.resolve()
        const ref = await scripted().start(undefined, { ...context, link: true })
        order.push(`${id} runs`)
        return ref
      },
    })
    await start({ children: [slow('a'), slow('b'), slow('c')] })
    expect(order).toEqual(['a begins', 'a runs', 'b begins', 'b runs', 'c begins', 'c runs'])
  })

  it('U-02 children stop in reverse, each to its end before the next; the supervisor exits shutdown', async () => {
    const parent = watcher(system)
    const sup = await start({
      children: ['a', 'b', 'c'].map((id) => child(id)),
      parent: parent.pid,
      link: true,
    })
    const seen = ending(system, sup.pid)
    system.exit(sup.pid, 'shutdown', parent.pid)
    await w.clock.settle()
    expect(stops).toEqual(['c', 'b', 'a'])
    expect(seen.reason).toBe('shutdown')
  })

  it('U-03 whichChildren lists the newest first', async () => {
    const sup = await start({ children: ['a', 'b', 'c'].map((id) => child(id)) })
    const ids = (await Supervisor.whichChildren(sup)).map((info) => info.id)
    expect(ids).toEqual(['c', 'b', 'a'])
  })

  it('U-07 a child that ignores keeps its spec without a pid, and can be started later', async () => {
    let willing = false
    const spec: ChildSpec = {
      ...child('a'),
      start: (context) => (willing ? child('a').start(context) : Promise.resolve(IGNORE)),
    }
    const sup = await start({})
    expect(await Supervisor.startChild(sup, spec)).toBe(IGNORE)
    expect(await pidOf(sup, 'a')).toBeUndefined()
    expect(await Supervisor.countChildren(sup)).toEqual({
      specs: 1,
      active: 0,
      supervisors: 0,
      workers: 1,
    })
    willing = true
    await Supervisor.restartChild(sup, 'a')
    expect(await pidOf(sup, 'a')).toBeDefined()
  })

  it('U-07 a server whose init ignores says so to the caller, its spec is kept', async () => {
    const server = scripted({ init: () => ignore() })
    const sup = await start({})
    await expect(
      Supervisor.startChild(sup, server.child(undefined, { id: 'a' })),
    ).rejects.toMatchObject({ code: 'ERR_START_IGNORED' })
    expect(await has(sup, 'a')).toBe(true)
  })

  it('U-08 a temporary child that ignores leaves no spec', async () => {
    const sup = await start({})
    const spec: ChildSpec = { id: 'a', start: () => Promise.resolve(IGNORE), restart: 'temporary' }
    expect(await Supervisor.startChild(sup, spec)).toBe(IGNORE)
    expect(await has(sup, 'a')).toBe(false)
  })

  it('U-17 startChild gives what the start function gave', async () => {
    const sup = await start({})
    const spec = {
      id: 'a',
      start: async (context: Parameters<ChildSpec['start']>[0]) => {
        const { pid } = await scripted().start(undefined, { ...context, link: true })
        return { pid, info: 'info' }
      },
    }
    expect((await Supervisor.startChild(sup, spec)).info).toBe('info')
  })

  it('U-37 brutal_kill: the child is killed, no terminate runs', async () => {
    const sup = await start({ children: [child('a', { shutdown: 'brutal_kill' })] })
    const seen = ending(system, (await pidOf(sup, 'a'))!)
    await Supervisor.stop(sup)
    expect(seen.reason).toBe('killed')
    expect(stops).toEqual([])
  })

  it('U-38 a child that needs longer than its shutdown is killed', async () => {
    const stuck: ChildSpec = {
      id: 'a',
      shutdown: 50,
      start: (context) =>
        scripted({ terminate: () => new Promise<never>(() => {}) }).start(undefined, {
          ...context,
          link: true,
          trapExit: true,
        }),
    }
    const sup = await start({ children: [stuck] })
    const seen = ending(system, (await pidOf(sup, 'a'))!)
    const stopped = outcome(Supervisor.stop(sup))
    await w.clock.advance(49)
    expect(seen.reason).toBeUndefined()
    await w.clock.advance(1)
    expect(seen.reason).toBe('killed')
    expect(stopped.settled).toBe(true)
  })

  it('U-39 shutdown infinity waits; the reason is the child’s own', async () => {
    let finish: () => void = () => {}
    const slow: ChildSpec = {
      id: 'a',
      shutdown: 'infinity',
      start: (context) =>
        scripted({
          terminate: () =>
            new Promise<void>((resolve) => {
              finish = resolve
            }),
        }).start(undefined, { ...context, link: true, trapExit: true }),
    }
    const sup = await start({ children: [slow] })
    const seen = ending(system, (await pidOf(sup, 'a'))!)
    const stopped = outcome(Supervisor.stop(sup))
    await w.clock.advance(3_600_000)
    expect(stopped.settled).toBe(false)
    finish()
    await w.clock.settle()
    expect(seen.reason).toBe('shutdown')
    expect(stopped.settled).toBe(true)
  })

  it('U-38 a child that stops in time leaves no deadline behind', async () => {
    const slow: ChildSpec = {
      id: 'a',
      shutdown: 5000,
      start: (context) =>
        scripted({ terminate: () => Promise.resolve() }).start(undefined, {
          ...context,
          link: true,
          trapExit: true,
        }),
    }
    const sup = await start({ children: [slow] })
    await Supervisor.terminateChild(sup, 'a')
    expect(system.stats().timers).toBe(0)
    await w.clock.advance(10_000)
    expect(w.texts('warn')).toEqual([])
  })

  it('U-01 the first children may take as long as they need', async () => {
    let go: () => void = () => {}
    const slow: ChildSpec = {
      ...child('a'),
      startTimeoutMs: Infinity,
      start: async (context) => {
        await new Promise<void>((resolve) => {
          go = resolve
        })
        return child('a').start(context)
      },
    }
    const started = outcome(start({ children: [slow] }))
    await w.clock.advance(3_600_000)
    expect(started.settled).toBe(false)
    go()
    await w.clock.settle()
    expect(started.value).toBeDefined()
  })

  it('U-41 an exit signal of a stranger is ignored', async () => {
    const sup = await start({ children: [child('a')] })
    for (const reason of ['shutdown', 'boom']) system.exit(sup.pid, reason, idler(system))
    await w.clock.settle()
    expect(system.isAlive(sup.pid)).toBe(true)
    expect(starts).toEqual(['a'])
  })

  it('U-42 a plain message is logged and ignored', async () => {
    const sup = await start({})
    system.send(sup.pid, 'hello')
    await w.clock.settle()
    expect(w.texts('warn')).toEqual(['message ignored'])
    expect(system.isAlive(sup.pid)).toBe(true)
  })

  it('U-42 deviation: an unknown cast or call is refused and the supervisor lives', async () => {
    const sup = await start({})
    system.cast(sup.pid, 'nope', 1)
    system.cast(sup.pid, undefined, { type: 'nope' })
    await expect(system.call(sup.pid, 'nope', 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    expect(system.isAlive(sup.pid)).toBe(true)
    expect(w.texts('warn')).toEqual(['cast refused', 'cast refused'])
  })

  it('U-43 a killed supervisor stops nobody; its link ends or reaches the children', async () => {
    const reasons: ExitReason[] = []
    const trapping: ChildSpec = {
      id: 'a',
      start: (context) =>
        scripted({ terminate: (reason) => void reasons.push(reason) }).start(undefined, {
          ...context,
          link: true,
          trapExit: true,
        }),
    }
    const plain: ChildSpec = {
      id: 'b',
      start: (context) => scripted().start(undefined, { ...context, link: true }),
    }
    const sup = await start({ children: [trapping, plain] })
    const seen = ending(system, sup.pid)
    const b = ending(system, (await pidOf(sup, 'b'))!)
    system.exit(sup.pid, 'kill')
    expect(seen.reason).toBe('killed')
    expect(b.reason).toBe('killed')
    await w.clock.settle()
    expect(reasons).toEqual(['killed'])
  })

  it('U-43 a child that comes up after its supervisor was killed does not live on', async () => {
    let come: () => void = () => {}
    let orphan: Pid | undefined
    const late: ChildSpec = {
      id: 'late',
      start: async () => {
        await new Promise<void>((resolve) => {
          come = resolve
        })
        const ref = await scripted().start(undefined, { system })
        orphan = ref.pid
        return ref
      },
    }
    const sup = await start({})
    const started = outcome(Supervisor.startChild(sup, late))
    await w.clock.settle()
    system.exit(sup.pid, 'kill')
    come()
    await w.clock.settle()
    expect(started.error).toMatchObject({ reason: 'killed' })
    expect(system.isAlive(orphan!)).toBe(false)
  })

  it('U-43 a supervisor killed while it stops a group starts nobody of it', async () => {
    const slow: ChildSpec = {
      id: 'slow',
      start: (context) =>
        scripted({ terminate: () => new Promise(() => {}) }).start(undefined, {
          ...context,
          link: true,
          trapExit: true,
        }),
    }
    const sup = await start({ strategy: 'one_for_all', children: [child('a'), slow] })
    const slowPid = (await pidOf(sup, 'slow'))!
    system.exit((await pidOf(sup, 'a'))!, 'kill')
    await w.clock.settle()
    system.exit(sup.pid, 'kill')
    system.exit(slowPid, 'kill')
    await w.clock.settle()
    expect(starts).toEqual(['a'])
    expect(system.stats().processes).toBe(0)
  })

  it('a child that cannot be linked does not run', async () => {
    w = world()
    system = createSystem({ clock: w.clock, linksPerProcessMax: 1 })
    const unlinked = (id: string): ChildSpec => ({
      id,
      start: async () => {
        starts.push(id)
        return scripted().start(undefined, { system })
      },
    })
    const sup = await start({ children: [unlinked('a')] })
    await expect(Supervisor.startChild(sup, unlinked('b'))).rejects.toMatchObject({
      code: 'ERR_CHILD_START',
      reason: { code: 'ERR_LINKS_MAX' },
    })
    expect(starts).toEqual(['a', 'b'])
    expect(system.stats().processes).toBe(2)
  })

  it('U-33 a restart that gives no child is tried again, and then the supervisor gives up', async () => {
    let count = 0
    const odd: ChildSpec = {
      id: 'odd',
      start: (context) => {
        count++
        return count === 1 ? child('odd').start(context) : Promise.resolve({ pid: 'x' } as never)
      },
    }
    const sup = await start({ intensity: 2, children: [child('a'), odd] })
    const end = ending(system, sup.pid)
    system.exit((await pidOf(sup, 'odd'))!, 'kill')
    await w.clock.settle()
    expect([count, end.reason]).toEqual([3, 'shutdown'])
    expect(stops).toEqual(['a'])
  })

  it('U-44 a child that unlinked itself is stopped all the same', async () => {
    const sup = await start({ children: [child('a')] })
    const pid = (await pidOf(sup, 'a'))!
    system.unlink(pid, sup.pid)
    await Supervisor.terminateChild(sup, 'a')
    expect(system.isAlive(pid)).toBe(false)
    expect(stops).toEqual(['a'])
  })

  it('U-69 while a child starts the supervisor is busy', async () => {
    let go: () => void = () => {}
    const sup = await start({})
    const spec: ChildSpec = {
      ...child('slow'),
      start: async (context) => {
        await new Promise<void>((resolve) => {
          go = resolve
        })
        return child('slow').start(context)
      },
    }
    const started = outcome(Supervisor.startChild(sup, spec))
    const listed = outcome(Supervisor.whichChildren(sup))
    await w.clock.advance(59_999)
    expect(listed.settled).toBe(false)
    go()
    await w.clock.settle()
    expect(started.settled).toBe(true)
    expect(listed.value?.map((info) => info.id)).toEqual(['slow'])
  })

  it('a child that fails to start at first: those before it are stopped in reverse, start rejects', async () => {
    const started = start({ children: [child('a'), child('b'), failing('c', 1), child('d')] })
    await expect(started).rejects.toBeInstanceOf(InitializationError)
    await expect(started).rejects.toMatchObject({
      reason: { shutdown: { failedToStartChild: 'c' } },
    })
    expect(starts).toEqual(['a', 'b', 'c'])
    expect(stops).toEqual(['b', 'a'])
  })
})

describe('administration', () => {
  it('U-09 startChild of a running id is refused with its pid', async () => {
    const sup = await start({ children: [child('a')] })
    const pid = await pidOf(sup, 'a')
    await expect(Supervisor.startChild(sup, child('a'))).rejects.toMatchObject({
      code: 'ERR_CHILD_DUPLICATE',
      childId: 'a',
      pid,
    })
    await Supervisor.terminateChild(sup, 'a')
    await expect(Supervisor.startChild(sup, child('a'))).rejects.toMatchObject({
      code: 'ERR_CHILD_DUPLICATE',
      pid: undefined,
    })
  })

  it('U-11 terminateChild: stopped, not restarted, no restart counted, the spec stays', async () => {
    const sup = await start({ children: [child('a')], intensity: 0 })
    await Supervisor.terminateChild(sup, 'a')
    await Supervisor.terminateChild(sup, 'a')
    expect(stops).toEqual(['a'])
    expect(await pidOf(sup, 'a')).toBeUndefined()
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 1, active: 0, workers: 1 })
  })

  it('U-11 the end of a child that was stopped does not come to the supervisor as well', async () => {
    const sup = await start({ children: [child('a', { shutdown: 'brutal_kill' })] })
    const before = system.stats().messagesDelivered
    await Supervisor.terminateChild(sup, 'a')
    await w.clock.settle()
    expect(system.stats().messagesDelivered - before).toBe(1)
  })

  it('U-12 an unknown id is not found', async () => {
    const sup = await start({})
    const code = 'ERR_CHILD_NOT_FOUND'
    await expect(Supervisor.terminateChild(sup, 'x')).rejects.toMatchObject({ code, childId: 'x' })
    await expect(Supervisor.deleteChild(sup, 'x')).rejects.toMatchObject({ code })
    await expect(Supervisor.restartChild(sup, 'x')).rejects.toMatchObject({ code })
  })

  it('U-13 a running child is neither deleted nor restarted; a stopped one is', async () => {
    const sup = await start({ children: [child('a')] })
    const code = 'ERR_CHILD_RUNNING'
    await expect(Supervisor.deleteChild(sup, 'a')).rejects.toMatchObject({ code })
    await expect(Supervisor.restartChild(sup, 'a')).rejects.toMatchObject({ code })
    await Supervisor.terminateChild(sup, 'a')
    await Supervisor.deleteChild(sup, 'a')
    await expect(Supervisor.restartChild(sup, 'a')).rejects.toMatchObject({
      code: 'ERR_CHILD_NOT_FOUND',
    })
  })

  it('U-14 terminateChild of a temporary child removes its spec', async () => {
    const sup = await start({ children: [child('a', { restart: 'temporary' })] })
    await Supervisor.terminateChild(sup, 'a')
    expect(await has(sup, 'a')).toBe(false)
    await Supervisor.startChild(sup, child('a'))
    expect(await pidOf(sup, 'a')).toBeDefined()
  })

  it('U-15 terminateChild wants an id; a pid is not found and its child lives', async () => {
    const sup = await start({ children: [child('a')] })
    const pid = (await pidOf(sup, 'a'))!
    await expect(Supervisor.terminateChild(sup, pid as never)).rejects.toMatchObject({
      code: 'ERR_CHILD_NOT_FOUND',
    })
    expect(system.isAlive(pid)).toBe(true)
  })

  it('U-53 duplicate ids are refused before anything is started', async () => {
    await expect(start({ children: [child('a'), child('a')] })).rejects.toMatchObject({
      code: 'ERR_CHILD_DUPLICATE',
      childId: 'a',
    })
    await expect(start({ children: [child('a'), child('a')] })).rejects.toThrow(
      "supervisor: child id 'a' is taken; give each child an { id } of its own",
    )
    expect(starts).toEqual([])
  })

  it('U-54 a malformed spec is refused by startChild, the supervisor lives', async () => {
    const sup = await start({})
    await expect(Supervisor.startChild(sup, child('a', { shutdown: -1 }))).rejects.toMatchObject({
      code: 'ERR_CHILD_SPEC',
      field: 'shutdown',
    })
    await expect(Supervisor.startChild(sup, null as never)).rejects.toMatchObject({
      code: 'ERR_CHILD_SPEC',
    })
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 0 })
  })

  it.each([
    ['strategy', 'one_for_some'],
    ['intensity', -1],
    ['periodMs', 0],
  ])('U-55 an invalid %s is refused', async (option, value) => {
    await expect(start({ [option]: value })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
      option,
    })
  })

  it('U-66 countChildren counts specs, running ones, supervisors and workers', async () => {
    const sup = await start({
      children: [child('a'), child('b'), Supervisor.child({}, { id: 'inner' })],
    })
    await Supervisor.terminateChild(sup, 'a')
    expect(await Supervisor.countChildren(sup)).toEqual({
      specs: 3,
      active: 2,
      supervisors: 1,
      workers: 2,
    })
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('e')
      },
    ],
    ['rejects', () => Promise.reject(new Error('e'))],
    ['gives no pid', () => Promise.resolve(5 as never)],
    ['gives a pid that is none', () => Promise.resolve({ pid: 'x' } as never)],
    ['gives the supervisor', ({ parent }: ChildContext) => Promise.resolve({ pid: parent })],
  ] as const)(
    'U-67 a start function that %s is a failure, the supervisor survives',
    async (_how, fn) => {
      const sup = await start({})
      await expect(Supervisor.startChild(sup, { id: 'a', start: fn })).rejects.toMatchObject({
        code: 'ERR_CHILD_START',
        childId: 'a',
      })
      expect(await has(sup, 'a')).toBe(false)
    },
  )

  it('U-68 a request to an unknown name rejects with noproc; to a busy one it waits', async () => {
    await expect(Supervisor.whichChildren('nobody', { system })).rejects.toMatchObject({
      code: 'ERR_CALL_EXIT',
      reason: 'noproc',
    })
    const sup = await start({ name: 'top' })
    expect(await Supervisor.whichChildren('top', { system })).toEqual([])
    const forever = (): Promise<never> => new Promise<never>(() => {})
    const spec: ChildSpec = { id: 'hung', startTimeoutMs: Infinity, start: forever }
    const hung = outcome(Supervisor.startChild(sup, spec))
    const limited = outcome(Supervisor.countChildren(sup, { timeoutMs: 100 }))
    await w.clock.advance(3_600_000)
    expect(hung.settled).toBe(false)
    expect(limited.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT', timeoutMs: 100 })
  })

  it('a supervisor holds childrenMax children and refuses one more', async () => {
    const sup = await start({ childrenMax: 2, children: [child('a')] })
    await Supervisor.startChild(sup, child('b'))
    await expect(Supervisor.startChild(sup, child('c'))).rejects.toMatchObject({
      code: 'ERR_CHILD_LIMIT',
      childrenMax: 2,
    })
    await expect(
      start({ childrenMax: 1, children: [child('a'), child('b')] }),
    ).rejects.toMatchObject({ reason: { code: 'ERR_CHILD_LIMIT' } })
  })

  it('a supervisor can be named and spoken to through its ref', async () => {
    const sup = await start({ name: 'top', children: [child('a')] })
    expect(pidEquals(system.whereis('top')!, sup.pid)).toBe(true)
    expect(await SupervisorContract.at(sup.pid).call.countChildren()).toMatchObject({ active: 1 })
    await Supervisor.stop(sup)
    expect(system.whereis('top')).toBeUndefined()
  })
})

describe('restart types', () => {
  it.each(['normal', 'shutdown', { shutdown: 'x' }, 'boom'])(
    'U-18 a permanent child that exits %o is restarted',
    async (reason) => {
      const sup = await start({ children: [child('a')] })
      const before = await pidOf(sup, 'a')
      await end(sup, 'a', reason)
      const after = await pidOf(sup, 'a')
      expect(after).toBeDefined()
      expect(pidEquals(after!, before!)).toBe(false)
    },
  )

  it.each(['normal', 'shutdown', { shutdown: 'x' }])(
    'U-19 a transient child that exits %o is not restarted and keeps its spec',
    async (reason) => {
      const sup = await start({ children: [child('a', { restart: 'transient' })] })
      await end(sup, 'a', reason)
      expect(await has(sup, 'a')).toBe(true)
      expect(await pidOf(sup, 'a')).toBeUndefined()
    },
  )

  it.each(['boom', 'kill'])('U-19 a transient child that exits %s is restarted', async (reason) => {
    const sup = await start({ children: [child('a', { restart: 'transient' })] })
    await end(sup, 'a', reason)
    expect(await pidOf(sup, 'a')).toBeDefined()
    expect(starts).toEqual(['a', 'a'])
  })

  it.each(['normal', 'shutdown', 'boom'])(
    'U-20 a temporary child that exits %s is gone, and no restart is counted',
    async (reason) => {
      const sup = await start({ children: [child('a', { restart: 'temporary' })], intensity: 0 })
      await end(sup, 'a', reason)
      expect(await has(sup, 'a')).toBe(false)
      expect(system.isAlive(sup.pid)).toBe(true)
    },
  )

  it('U-61 a restarted child starts from its first argument, under a new pid and its old name', async () => {
    const server = scripted({ init: () => 0 })
    const sup = await start({
      children: [server.child(undefined, { id: 'a', options: { name: 'worker' } })],
    })
    const before = system.whereis('worker')!
    ScriptContract.at(before).cast.add(5)
    await end(sup, 'a', 'boom')
    const after = system.whereis('worker')!
    expect(pidEquals(before, after)).toBe(false)
    expect(system.isAlive(before)).toBe(false)
    expect(await ScriptContract.at(after).call.get()).toBe(0)
  })

  it('U-72 a restart that ignores leaves the spec without a pid and is not tried again', async () => {
    let count = 0
    const spec: ChildSpec = {
      ...child('a'),
      start: (context) => (++count === 1 ? child('a').start(context) : Promise.resolve(IGNORE)),
    }
    const sup = await start({ children: [spec] })
    await end(sup, 'a', 'boom')
    expect(await pidOf(sup, 'a')).toBeUndefined()
    expect(await has(sup, 'a')).toBe(true)
    expect(count).toBe(2)
  })
})

describe('strategies', () => {
  it('U-21 one_for_one: only the child that ended is restarted', async () => {
    const sup = await start({ children: [child('a'), child('b')] })
    const b = await pidOf(sup, 'b')
    fromNow()
    await end(sup, 'a', 'boom')
    expect(starts).toEqual(['a'])
    expect(await pidOf(sup, 'b')).toEqual(b)
  })

  it('U-23 rest_for_one: the later ones stop in reverse and start in order', async () => {
    const sup = await start({
      strategy: 'rest_for_one',
      children: ['a', 'b', 'c', 'd'].map((id) => child(id)),
    })
    const a = await pidOf(sup, 'a')
    fromNow()
    await end(sup, 'b', 'boom')
    expect(stops).toEqual(['d', 'c'])
    expect(starts).toEqual(['b', 'c', 'd'])
    expect(await pidOf(sup, 'a')).toEqual(a)
  })

  it('U-24 one_for_all: a temporary bystander is stopped and removed', async () => {
    const sup = await start({
      strategy: 'one_for_all',
      children: [child('a'), child('t', { restart: 'temporary' })],
    })
    fromNow()
    await end(sup, 'a', 'boom')
    expect(stops).toEqual(['t'])
    expect(starts).toEqual(['a'])
    expect(await has(sup, 't')).toBe(false)
  })

  it('U-25 one_for_all: a transient child that ends normally touches nobody', async () => {
    const sup = await start({
      strategy: 'one_for_all',
      children: [child('a'), child('b', { restart: 'transient' })],
    })
    fromNow()
    await end(sup, 'b', 'normal')
    expect(starts).toEqual([])
    expect(stops).toEqual([])
    expect(await pidOf(sup, 'a')).toBeDefined()
  })

  it('U-26 one_for_all: a transient child that had ended is started with the group', async () => {
    const sup = await start({
      strategy: 'one_for_all',
      children: [child('a', { restart: 'transient' }), child('b')],
    })
    await end(sup, 'a', 'normal')
    fromNow()
    await end(sup, 'b', 'boom')
    expect(starts).toEqual(['a', 'b'])
    expect(await pidOf(sup, 'a')).toBeDefined()
  })

  it('U-27 one_for_all: a child that was stopped by hand is started with the group', async () => {
    const sup = await start({ strategy: 'one_for_all', children: [child('a'), child('b')] })
    await Supervisor.terminateChild(sup, 'a')
    fromNow()
    await end(sup, 'b', 'boom')
    expect(starts).toEqual(['a', 'b'])
  })

  it('U-57 a child that was added later belongs to the rest', async () => {
    const sup = await start({ strategy: 'rest_for_one', children: [child('a'), child('b')] })
    await Supervisor.startChild(sup, child('d'))
    fromNow()
    await end(sup, 'b', 'boom')
    expect(starts).toEqual(['b', 'd'])
    expect(stops).toEqual(['d'])
  })

  it('two siblings that end together under one_for_all cause no ghosts', async () => {
    const sup = await start({
      strategy: 'one_for_all',
      children: ['a', 'b', 'c'].map((id) => child(id)),
    })
    const pids = (await Supervisor.whichChildren(sup)).map((info) => info.pid!)
    const before = [...system.processes()].length
    for (const pid of pids) system.exit(pid, 'kill')
    await w.clock.settle()
    expect([...system.processes()].length).toBe(before)
    expect(starts).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
    expect(await Supervisor.countChildren(sup)).toMatchObject({ active: 3 })
  })
})

describe('intensity', () => {
  it('U-29 intensity 0: the first end stops the supervisor, the others in reverse', async () => {
    const sup = await start({ intensity: 0, children: ['a', 'b', 'c'].map((id) => child(id)) })
    const seen = ending(system, sup.pid)
    await end(sup, 'a', 'boom')
    expect(seen.reason).toBe('shutdown')
    expect(stops).toEqual(['c', 'b'])
  })

  it('U-30 intensity 2: two restarts are done, the third end stops the supervisor', async () => {
    const sup = await start({ intensity: 2, children: [child('a')] })
    const seen = ending(system, sup.pid)
    await end(sup, 'a', 'boom')
    await end(sup, 'a', 'boom')
    expect(await pidOf(sup, 'a')).toBeDefined()
    expect(seen.reason).toBeUndefined()
    await end(sup, 'a', 'boom')
    expect(seen.reason).toBe('shutdown')
    expect(starts.length).toBe(3)
  })

  it('U-31 the window slides', async () => {
    const sup = await start({ intensity: 1, periodMs: 1000, children: [child('a')] })
    for (let i = 0; i < 4; i++) {
      await end(sup, 'a', 'boom')
      await w.clock.advance(1001)
    }
    expect(system.isAlive(sup.pid)).toBe(true)
    await end(sup, 'a', 'boom')
    await w.clock.advance(1000)
    const seen = ending(system, sup.pid)
    await end(sup, 'a', 'boom')
    expect(seen.reason).toBe('shutdown')
  })

  it('U-32 the count belongs to the supervisor, not to a child', async () => {
    const sup = await start({ intensity: 1, children: [child('a'), child('b')] })
    const seen = ending(system, sup.pid)
    await end(sup, 'a', 'boom')
    await end(sup, 'b', 'boom')
    expect(seen.reason).toBe('shutdown')
  })

  it('U-33 every failed restart counts: intensity 3 means three tries, then the end', async () => {
    const sup = await start({ intensity: 3, children: [failing('a', 2), child('b')] })
    const seen = ending(system, sup.pid)
    await end(sup, 'a', 'boom')
    expect(starts.filter((id) => id === 'a').length).toBe(4)
    expect(stops).toEqual(['b'])
    expect(seen.reason).toBe('shutdown')
  })

  it('U-33 a failed restart lets queued requests have their turn', async () => {
    const sup = await start({ intensity: 1000, children: [failing('a', 2)] })
    const pid = (await pidOf(sup, 'a'))!
    system.exit(pid, 'kill')
    await Supervisor.terminateChild(sup, 'a')
    await w.clock.settle()
    expect(system.isAlive(sup.pid)).toBe(true)
    expect(await pidOf(sup, 'a')).toBeUndefined()
    expect(starts.length).toBeLessThan(10)
  })

  it('U-35 one_for_all: a failed restart stops those that had come back and retries the group', async () => {
    const sup = await start({
      strategy: 'one_for_all',
      children: [child('a'), failing('b', 2, 1)],
    })
    fromNow()
    await end(sup, 'a', 'boom')
    // The oracle's list has successful starts only: a, a, b.
    expect(starts).toEqual(['a', 'b', 'a', 'b'])
    expect(stops).toEqual(['b', 'a'])
    expect(await Supervisor.countChildren(sup)).toMatchObject({ active: 2 })
  })

  it('U-36 rest_for_one: a failed restart keeps those that had come back', async () => {
    const sup = await start({
      strategy: 'rest_for_one',
      children: [child('a'), failing('b', 2, 1), child('c')],
    })
    fromNow()
    await end(sup, 'a', 'boom')
    expect(starts).toEqual(['a', 'b', 'b', 'c'])
    expect(stops).toEqual(['c', 'b'])
    expect(await Supervisor.countChildren(sup)).toMatchObject({ active: 3 })
  })
})

describe('significant children', () => {
  const transient: Partial<ChildSpec> = { restart: 'transient', significant: true }
  const temporary: Partial<ChildSpec> = { restart: 'temporary', significant: true }

  it('U-45 any_significant: a transient one that ends normally ends the supervisor', async () => {
    const sup = await start({
      autoShutdown: 'any_significant',
      children: [child('a', transient), child('b')],
    })
    const seen = ending(system, sup.pid)
    await end(sup, 'a', 'normal')
    expect(seen.reason).toBe('shutdown')
    expect(stops).toEqual(['b'])
  })

  it('U-46 a transient one that crashes is restarted, no shutdown', async () => {
    const sup = await start({ autoShutdown: 'any_significant', children: [child('a', transient)] })
    await end(sup, 'a', 'boom')
    expect(await pidOf(sup, 'a')).toBeDefined()
  })

  it.each(['boom', 'kill', 'normal'])(
    'U-47 a temporary one that ends with %s ends the supervisor',
    async (reason) => {
      const sup = await start({
        autoShutdown: 'any_significant',
        children: [child('a', temporary)],
      })
      const seen = ending(system, sup.pid)
      await end(sup, 'a', reason)
      expect(seen.reason).toBe('shutdown')
    },
  )

  it('U-48 all_significant: the last of them ends the supervisor', async () => {
    const sup = await start({
      autoShutdown: 'all_significant',
      children: [child('a', transient), child('b', temporary), child('c')],
    })
    const seen = ending(system, sup.pid)
    await end(sup, 'a', 'normal')
    expect(seen.reason).toBeUndefined()
    await end(sup, 'b', 'boom')
    expect(seen.reason).toBe('shutdown')
  })

  it('U-49 terminateChild of a significant child ends nobody', async () => {
    const sup = await start({ autoShutdown: 'any_significant', children: [child('a', temporary)] })
    await Supervisor.terminateChild(sup, 'a')
    expect(system.isAlive(sup.pid)).toBe(true)
  })

  it('U-50 a significant child stopped by a group restart ends nobody', async () => {
    const sup = await start({
      strategy: 'one_for_all',
      autoShutdown: 'any_significant',
      children: [child('a', transient), child('b')],
    })
    await end(sup, 'b', 'boom')
    expect(system.isAlive(sup.pid)).toBe(true)
    expect(await pidOf(sup, 'a')).toBeDefined()
  })

  it('U-51 the end goes up: a significant worker ends the inner and then the outer supervisor', async () => {
    const inner = Supervisor.child(
      { autoShutdown: 'any_significant', children: [child('w', transient)] },
      { id: 'inner', restart: 'transient', significant: true },
    )
    const outer = await start({ autoShutdown: 'any_significant', children: [inner] })
    const seen = ending(system, outer.pid)
    const innerRef = SupervisorContract.at((await pidOf(outer, 'inner'))!)
    await end(innerRef, 'w', 'normal')
    expect(seen.reason).toBe('shutdown')
  })
})

describe('trees', () => {
  const innerOf = (restart: 'permanent' | 'transient'): ChildSpec =>
    Supervisor.child({ intensity: 0, children: [child('w')] }, { id: 'inner', restart })

  it('U-59 a permanent inner supervisor that gave up is restarted with its first children only', async () => {
    const outer = await start({ children: [innerOf('permanent')] })
    const before = SupervisorContract.at((await pidOf(outer, 'inner'))!)
    await Supervisor.startChild(before, child('added'))
    await end(before, 'w', 'boom')
    const after = SupervisorContract.at((await pidOf(outer, 'inner'))!)
    expect(pidEquals(after.pid, before.pid)).toBe(false)
    expect((await Supervisor.whichChildren(after)).map((info) => info.id)).toEqual(['w'])
  })

  it('U-60 a transient inner supervisor that gave up is not restarted', async () => {
    const outer = await start({ children: [innerOf('transient')] })
    await end(SupervisorContract.at((await pidOf(outer, 'inner'))!), 'w', 'boom')
    expect(await has(outer, 'inner')).toBe(true)
    expect(await pidOf(outer, 'inner')).toBeUndefined()
  })

  it('stopping the top stops the whole tree, deepest and newest first', async () => {
    const outer = await start({
      children: [
        child('a'),
        Supervisor.child({ children: [child('b'), child('c')] }, { id: 'inner' }),
        child('d'),
      ],
    })
    const before = [...system.processes()].length
    expect(before).toBe(6)
    await Supervisor.stop(outer)
    expect(stops).toEqual(['d', 'c', 'b', 'a'])
    expect([...system.processes()].length).toBe(0)
  })

  it('a child started without the context is linked, adopted and stopped like any other', async () => {
    const reasons: ExitReason[] = []
    const server = scripted({ terminate: (reason) => void reasons.push(reason) })
    const spec: ChildSpec = {
      id: 'plain',
      start: () => server.start(undefined, { system, trapExit: true }),
    }
    const sup = await start({ children: [spec] })
    const pid = (await pidOf(sup, 'plain'))!
    await Supervisor.stop(sup)
    expect(reasons).toEqual(['shutdown'])
    expect(system.isAlive(pid)).toBe(false)
  })

  it('a start function finds the supervisor’s system also when it is not told', async () => {
    const server = scripted()
    const spec = (id: string): ChildSpec => ({ id, start: () => server.start() })
    const sup = await start({ strategy: 'one_for_all', children: [spec('a'), spec('b')] })
    const infos = await Supervisor.whichChildren(sup)
    expect(infos.every(({ pid }) => pid?.node === system.node)).toBe(true)
    system.exit(infos[0]!.pid!, 'kill')
    await w.clock.settle()
    const again = await Supervisor.whichChildren(sup)
    expect(again.every(({ pid }) => pid !== undefined && system.isAlive(pid))).toBe(true)
  })

  it('a GenServer in the message shape is a child like any other', async () => {
    const behaviour = {
      init: () => 0,
      handleCast: (m: { type: 'boom' }): never => {
        throw new Error(m.type)
      },
    }
    const sup = await start({
      children: [
        { id: 'a', start: (context) => GenServer.start(behaviour, { ...context, link: true }) },
      ],
    })
    const before = (await pidOf(sup, 'a'))!
    system.cast(before, undefined, { type: 'boom' })
    await w.clock.settle()
    const after = (await pidOf(sup, 'a'))!
    expect(pidEquals(before, after)).toBe(false)
    await stopProcess(sup)
    expect(system.isAlive(after)).toBe(false)
  })

  it('a logger that throws does not end the supervisor that reports a crash', async () => {
    const fail = (): never => {
      throw new Error('the disk is full')
    }
    const logger = { debug: fail, info: fail, warn: fail, error: fail }
    system = createSystem({ clock: w.clock, logger })
    const sup = await start({ children: [child('a')] })
    const before = await pidOf(sup, 'a')
    system.exit(before!, 'kill')
    expect(await pidOf(sup, 'a')).toBeDefined()
    expect(await pidOf(sup, 'a')).not.toBe(before)
  })

  it('a restart takes no time on the clock', async () => {
    const sup = await start({ children: [child('a')] })
    const at = w.clock.now()
    await end(sup, 'a', 'boom')
    expect(await pidOf(sup, 'a')).toBeDefined()
    expect(w.clock.now()).toBe(at)
  })
})
