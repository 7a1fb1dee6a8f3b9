/**
 * Supervisors with children that are slow, wrong or gone, and the requests that come at the wrong time. What
 * the books say of the ordinary cases is in conformance-supervisor.test.ts.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { createSystem, type ExitReason, type Pid, type System } from '../../../runtime/index.ts'
import {
  childSpecOf,
  ending,
  idler,
  outcome,
  ScriptContract,
  scripted,
  watcher,
  within,
  world,
  type World,
} from '../world.ts'
import {
  DynamicSupervisor,
  PartitionSupervisor,
  reply,
  stopProcess,
  Supervisor,
  SupervisorContract,
  type ChildContext,
  type ChildSpec,
  type SupervisorOptions,
  type SupervisorRef,
} from '../../../behaviours/index.ts'

let w: World
let system: System

beforeEach(() => {
  w = world()
  system = w.system
})

const start = (options: SupervisorOptions = {}): Promise<SupervisorRef> =>
  Supervisor.start({ system, intensity: 10, ...options })

const never = (): Promise<never> => new Promise<never>(() => {})

const pidOf = async (sup: SupervisorRef, id: string): Promise<Pid | undefined> =>
  (await Supervisor.whichChildren(sup)).find((info) => info.id === id)?.pid

/** Starts well the first time, then as `again` says. */
function changing(id: string, again: ChildSpec['start'], more: Partial<ChildSpec> = {}): ChildSpec {
  let count = 0
  return {
    id,
    start: (context) => (count++ === 0 ? childSpecOf(id).start(context) : again(context)),
    ...more,
  }
}

describe('a start function that never settles', () => {
  it('is given up after startTimeoutMs; a stop that waits has its turn then', async () => {
    const sup = await start({ children: [childSpecOf('a')] })
    const started = outcome(Supervisor.startChild(sup, { id: 'hung', start: never }))
    const stopped = outcome(Supervisor.stop(sup))
    await w.clock.advance(59_999)
    expect([started.settled, stopped.settled]).toEqual([false, false])
    await w.clock.advance(1)
    expect(started.error).toMatchObject({
      code: 'ERR_CHILD_START',
      childId: 'hung',
      reason: { code: 'ERR_CHILD_START_TIMEOUT', timeoutMs: 60_000 },
    })
    expect(stopped).toEqual({ settled: true, value: undefined })
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('a supervisor that its parent shuts down meanwhile stops then, too', async () => {
    const inner = Supervisor.child({}, { id: 'inner' })
    const top = await start({ children: [inner] })
    const innerRef = SupervisorContract.at((await pidOf(top, 'inner'))!)
    outcome(Supervisor.startChild(innerRef, { id: 'hung', start: never, startTimeoutMs: 100 }))
    const stopped = outcome(Supervisor.stop(top))
    await w.clock.advance(100)
    expect(stopped.settled).toBe(true)
  })

  it('a supervisor with a deadline of its own is killed at it', async () => {
    const inner = Supervisor.child({}, { id: 'inner', shutdown: 50 })
    const top = await start({ children: [inner] })
    const innerPid = (await pidOf(top, 'inner'))!
    const seen = ending(system, innerPid)
    const hung = outcome(
      Supervisor.startChild(innerPid, { id: 'hung', start: never, startTimeoutMs: Infinity }),
    )
    const stopped = outcome(Supervisor.stop(top))
    await w.clock.advance(50)
    expect(seen.reason).toBe('killed')
    expect(hung.error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'killed' })
    expect(stopped.settled).toBe(true)
  })

  it('system.stop does not wait for it', async () => {
    const sup = await start()
    outcome(Supervisor.startChild(sup, { id: 'hung', start: never }))
    await w.clock.settle()
    const stopped = outcome(system.stop())
    await w.clock.advance(5000)
    expect(stopped.settled).toBe(true)
  })

  it('among the first children fails the start, those before it are stopped', async () => {
    const hung: ChildSpec = { id: 'hung', start: never, startTimeoutMs: 100 }
    const started = outcome(start({ children: [childSpecOf('a'), hung] }))
    await w.clock.advance(100)
    expect(started.error).toMatchObject({
      reason: { shutdown: { failedToStartChild: 'hung' } },
    })
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('in a restart counts as a failed one and is tried again', async () => {
    const spec = changing('a', never, { startTimeoutMs: 1000 })
    const sup = await start({ intensity: 2, children: [spec] })
    const seen = ending(system, sup.pid)
    system.exit((await pidOf(sup, 'a'))!, 'kill')
    await w.clock.advance(1999)
    expect(seen.reason).toBeUndefined()
    await w.clock.advance(1)
    expect(seen.reason).toBe('shutdown')
  })

  it('a child that comes after all is killed, and its context’s signal said so', async () => {
    let come: (() => void) | undefined
    let late: Pid | undefined
    const signals: AbortSignal[] = []
    const sup = await start()
    const started = outcome(
      Supervisor.startChild(sup, {
        id: 'late',
        startTimeoutMs: 100,
        start: async (context) => {
          signals.push(context.signal!)
          await new Promise<void>((resolve) => (come = resolve))
          const ref = await scripted().start(undefined, { system, parent: context.parent })
          late = ref.pid
          return ref
        },
      }),
    )
    await w.clock.advance(100)
    expect(started.error).toMatchObject({ code: 'ERR_CHILD_START' })
    expect(signals[0]!.aborted).toBe(true)
    come!()
    await w.clock.settle()
    expect(late).toBeDefined()
    expect(system.isAlive(late!)).toBe(false)
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 0 })
  })

  it('a late start that gives somebody else’s child leaves that one alone', async () => {
    let come: (() => void) | undefined
    const sup = await start({ children: [childSpecOf('a')] })
    const a = (await pidOf(sup, 'a'))!
    const given = async (): Promise<{ pid: Pid }> => {
      await new Promise<void>((resolve) => (come = resolve))
      return { pid: a }
    }
    const started = outcome(
      Supervisor.startChild(sup, { id: 'late', startTimeoutMs: 100, start: given }),
    )
    await w.clock.advance(100)
    come!()
    await w.clock.settle()
    expect(started.settled).toBe(true)
    expect(system.isAlive(a)).toBe(true)
  })

  it('the signal of a context is aborted when the supervisor ends, and left alone when it did its work', async () => {
    const signals: AbortSignal[] = []
    const sup = await start()
    const spec = (id: string): ChildSpec => ({
      ...childSpecOf(id),
      start: (context) => {
        signals.push(context.signal!)
        return id === 'hung' ? never() : childSpecOf(id).start(context)
      },
    })
    await Supervisor.startChild(sup, spec('good'))
    outcome(Supervisor.startChild(sup, spec('hung')))
    await w.clock.settle()
    system.exit(sup.pid, 'kill')
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true])
  })

  it('the start of a server is bounded by its initTimeoutMs alone', async () => {
    const server = scripted({ init: never })
    const sup = await start()
    const spec = server.child(undefined, { id: 'a', options: { initTimeoutMs: 120_000 } })
    const started = outcome(Supervisor.startChild(sup, spec))
    await w.clock.advance(119_999)
    expect(started.settled).toBe(false)
    await w.clock.advance(1)
    expect(started.error).toMatchObject({ code: 'ERR_CHILD_START', reason: 'timeout' })
    expect(system.stats()).toMatchObject({ processes: 1, timers: 0 })
  })
})

describe('a start function that gives', () => {
  it('a process that is dead already: it is restarted, and once too often the supervisor gives up', async () => {
    const dead = idler(system)
    system.exit(dead, 'kill')
    let count = 0
    const sup = await start({
      intensity: 2,
      children: [
        {
          id: 'dead',
          start: () => {
            count++
            return Promise.resolve({ pid: dead })
          },
        },
      ],
    })
    const seen = ending(system, sup.pid)
    await w.clock.settle()
    expect([count, seen.reason]).toEqual([3, 'shutdown'])
  })

  it('the process of another child: refused, and that child goes on', async () => {
    const sup = await start({ children: [childSpecOf('a')] })
    const a = (await pidOf(sup, 'a'))!
    await expect(
      Supervisor.startChild(sup, { id: 'b', start: () => Promise.resolve({ pid: a }) }),
    ).rejects.toMatchObject({
      code: 'ERR_CHILD_START',
      reason: { code: 'ERR_CHILD_SHARED', pid: a, childId: 'b' },
    })
    expect(system.isAlive(a)).toBe(true)
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 1, active: 1 })
    const dynamic = await DynamicSupervisor.start({ system })
    const { pid } = await DynamicSupervisor.startChild(dynamic, childSpecOf('x'))
    await expect(
      DynamicSupervisor.startChild(dynamic, { start: () => Promise.resolve({ pid }) }),
    ).rejects.toMatchObject({ reason: { code: 'ERR_CHILD_SHARED' } })
  })

  it('a process of another system: refused, and it does not run on unsupervised', async () => {
    const other = createSystem({ clock: w.clock, node: 'other' })
    const stray = async (): Promise<{ pid: Pid }> => {
      await Promise.resolve()
      return scripted().start(undefined, { system: other })
    }
    const code = 'ERR_CHILD_FOREIGN'
    const sup = await start({ intensity: 2, children: [changing('a', stray)] })
    const seen = ending(system, sup.pid)
    await expect(Supervisor.startChild(sup, { id: 'b', start: stray })).rejects.toMatchObject({
      code: 'ERR_CHILD_START',
      reason: { code, childId: 'b' },
    })
    let come!: () => void
    const late = (): Promise<{ pid: Pid }> =>
      new Promise<void>((resolve) => (come = resolve)).then(stray)
    const started = outcome(Supervisor.startChild(sup, { id: 'c', start: late, startTimeoutMs: 9 }))
    await w.clock.advance(9)
    come()
    await w.clock.settle()
    expect(started.error).toMatchObject({ reason: { code: 'ERR_CHILD_START_TIMEOUT' } })
    system.exit((await pidOf(sup, 'a'))!, 'kill')
    await w.clock.settle()
    expect(seen.reason).toBe('shutdown')
    expect(other.stats()).toMatchObject({ processes: 0, processesStarted: 4 })
    expect(w.lines.at(-2)).toMatchObject({ fields: { reason: { code } } })
  })

  it('something whose pid cannot even be read is a failed start', async () => {
    const nasty = {
      get pid(): Pid {
        throw new Error('nasty')
      },
    }
    const sup = await start()
    await expect(
      Supervisor.startChild(sup, { id: 'a', start: () => Promise.resolve(nasty) }),
    ).rejects.toMatchObject({ code: 'ERR_CHILD_START' })
    await expect(
      Supervisor.startChild(sup, { id: 'a', start: (() => 5) as never }),
    ).rejects.toMatchObject({ code: 'ERR_CHILD_START' })
    await expect(
      Supervisor.startChild(sup, { id: 'a', start: () => Promise.resolve({ id: 7 } as never) }),
    ).rejects.toThrow(
      "child 'a' did not start: TypeError: the start function gave { id: 7 }, which",
    )
    await expect(
      Supervisor.startChild(sup, { id: 'a', start: () => Promise.resolve(sup) }),
    ).rejects.toThrow('gave its own supervisor')
  })
})

describe('a child that unlinked itself', () => {
  it('and ended is not missed, and terminateChild of it does not hang', async () => {
    const sup = await start({ children: [childSpecOf('a')] })
    const pid = (await pidOf(sup, 'a'))!
    system.unlink(pid, sup.pid)
    system.exit(pid, 'kill')
    await w.clock.settle()
    expect(await pidOf(sup, 'a')).toEqual(pid)
    await Supervisor.terminateChild(sup, 'a')
    expect(await pidOf(sup, 'a')).toBeUndefined()
    await Supervisor.stop(sup)
  })
})

describe('a supervisor that is killed', () => {
  it.each(['one_for_one', 'one_for_all', 'rest_for_one'] as const)(
    'while it restarts under %s leaves nobody behind',
    async (strategy) => {
      let come: (() => void) | undefined
      const slow = changing('a', async () => {
        await new Promise<void>((resolve) => (come = resolve))
        return scripted().start(undefined, { system })
      })
      const sup = await start({ strategy, children: [slow, childSpecOf('b')] })
      system.exit((await pidOf(sup, 'a'))!, 'kill')
      await w.clock.settle()
      system.exit(sup.pid, 'kill')
      come!()
      await w.clock.settle()
      expect(system.stats()).toMatchObject({ processes: 0, timers: 0, monitors: 0 })
    },
  )
})

describe('requests at the wrong time', () => {
  it('terminateChild, deleteChild and restartChild of a child that is being restarted', async () => {
    const spec = changing('a', () => Promise.reject(new Error('not now')))
    const sup = await start({ intensity: 1_000_000, children: [spec] })
    system.exit((await pidOf(sup, 'a'))!, 'kill')
    const code = 'ERR_CHILD_RESTARTING'
    await expect(Supervisor.deleteChild(sup, 'a')).rejects.toMatchObject({ code })
    await expect(Supervisor.restartChild(sup, 'a')).rejects.toMatchObject({ code })
    expect(await Supervisor.whichChildren(sup)).toMatchObject([{ restarting: true }])
    await Supervisor.terminateChild(sup, 'a')
    await Supervisor.deleteChild(sup, 'a')
    await w.clock.settle()
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 0 })
  })

  it('ML4 a child that asks its own supervisor while it starts fails by its initTimeoutMs, nobody hangs', async () => {
    const sup = await start({ name: 'top' })
    const server = scripted({
      init: async () => {
        await Supervisor.startChild('top', childSpecOf('b'), { system })
        return 0
      },
    })
    const started = outcome(Supervisor.startChild(sup, server.child(undefined, { id: 'a' })))
    await w.clock.advance(5000)
    expect(started.error).toMatchObject({ code: 'ERR_CHILD_START', childId: 'a' })
    // What it had asked for is done all the same, as for any caller that ended.
    expect((await Supervisor.whichChildren(sup)).map(({ id }) => id)).toEqual(['b'])
  })

  it('ML28 outlives the process that started it without a link, with its children', async () => {
    let sup: SupervisorRef | undefined
    const starter = system.spawn(async () => {
      sup = await start({ children: [childSpecOf('a')] })
      throw new Error('the shell is gone')
    })
    await w.clock.settle()
    expect([system.isAlive(starter), system.isAlive(sup!.pid)]).toEqual([false, true])
    expect(system.isAlive((await pidOf(sup!, 'a'))!)).toBe(true)
  })

  it('a child that has itself stopped and waits for it ends by its shutdown, as a crash of nobody', async () => {
    const sup = await start({ name: 'top', children: [{ ...childSpecOf('a'), shutdown: 100 }] })
    const pid = (await pidOf(sup, 'a'))!
    const seen = ending(system, pid)
    const asked = outcome(
      ScriptContract.at(pid).call.run(async (n) => {
        await Supervisor.terminateChild('top', 'a', { system })
        return reply('never', n)
      }),
    )
    await w.clock.advance(100)
    expect(seen.reason).toBe('killed')
    expect(asked.error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'killed' })
    expect(await pidOf(sup, 'a')).toBeUndefined()
  })

  it('a start function that asks its own supervisor is a call to itself, and fails at once', async () => {
    const sup = await start({ name: 'top' })
    const spec: ChildSpec = {
      id: 'a',
      start: () => Supervisor.startChild('top', childSpecOf('b'), { system }) as never,
    }
    await expect(Supervisor.startChild(sup, spec)).rejects.toMatchObject({
      code: 'ERR_CHILD_START',
      reason: { code: 'ERR_CALL_EXIT', reason: 'calling_self' },
    })
  })

  it('a start function that stops its own supervisor fails at once', async () => {
    const sup = await start()
    const stopping = (): Promise<never> => stopProcess(sup) as Promise<never>
    await expect(Supervisor.startChild(sup, { id: 'a', start: stopping })).rejects.toMatchObject({
      reason: { code: 'ERR_STOP_EXIT', reason: 'calling_self' },
    })
    expect(system.isAlive(sup.pid)).toBe(true)
  })

  it('a request that is aborted or out of time rejects; what was begun is finished', async () => {
    let come: (() => void) | undefined
    const sup = await start()
    const slow: ChildSpec = {
      id: 'slow',
      start: async (context) => {
        await new Promise<void>((resolve) => (come = resolve))
        return childSpecOf('slow').start(context)
      },
    }
    const started = outcome(Supervisor.startChild(sup, slow, { timeoutMs: 100 }))
    const abort = new AbortController()
    const listed = outcome(Supervisor.whichChildren(sup, { signal: abort.signal }))
    await w.clock.advance(100)
    abort.abort()
    await w.clock.settle()
    expect(started.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    expect(listed.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    come!()
    await w.clock.settle()
    expect(await pidOf(sup, 'slow')).toBeDefined()
  })

  it.each([
    ['intensity', -1],
    ['intensity', 1.5],
    ['intensity', Number.NaN],
    ['periodMs', -5],
    ['childrenMax', -1],
    ['children', 'x'],
    ['autoShutdown', 'sometimes'],
    ['init', {}],
  ])('refuses %s: %o', async (option, value) => {
    await expect(start({ [option]: value })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
      option,
    })
  })

  it.each([
    ['maxRestarts', 'ERR_OPTION_RENAMED', "'intensity'"],
    ['withinMs', 'ERR_OPTION_RENAMED', "'periodMs'"],
    ['maxSeconds', 'ERR_OPTION_UNKNOWN', 'known are strategy, intensity'],
  ])('refuses the option %s with a hint', async (option, code, hint) => {
    const refused = start({ [option]: 1 } as never)
    await expect(refused).rejects.toMatchObject({ code })
    await expect(refused).rejects.toThrow(hint)
  })
})

describe('a supervisor as a process', () => {
  it('is linked to its parent, monitored and named', async () => {
    const parent = watcher(system)
    const sup = await Supervisor.startLink({ system, parent: parent.pid, name: 'top' })
    expect(system.whereis('top')).toEqual(sup.pid)
    const ref = system.monitor(parent.pid, sup.pid)
    await Supervisor.stop('top', 'normal', { system })
    await w.clock.settle()
    expect(parent.got).toMatchObject([
      { type: 'exit', from: sup.pid, reason: 'normal' },
      { type: 'down', ref, pid: sup.pid, reason: 'normal' },
    ])
    expect(system.whereis('top')).toBeUndefined()
  })

  it('a linked start inside a process has that process as parent; the parent’s end ends the tree', async () => {
    const kids: Pid[] = []
    let finish: (() => void) | undefined
    const done = within(system, async (ctx) => {
      const place = { system, parent: ctx.self }
      const sup = await Supervisor.startLink({ ...place, children: [childSpecOf('a')] })
      kids.push(sup.pid, (await pidOf(sup, 'a'))!)
      await new Promise<void>((resolve) => (finish = resolve))
    })
    await w.clock.settle()
    expect(kids.map((pid) => system.isAlive(pid))).toEqual([true, true])
    finish!()
    await done
    await w.clock.settle()
    expect(system.stats().processes).toBe(0)
  })

  it('a name that is taken refuses the start before any child is started', async () => {
    let ran = false
    await start({ name: 'top' })
    const spec: ChildSpec = {
      id: 'a',
      start: (context) => {
        ran = true
        return childSpecOf('a').start(context)
      },
    }
    await expect(start({ name: 'top', children: [spec] })).rejects.toMatchObject({
      code: 'ERR_ALREADY_STARTED',
    })
    expect(ran).toBe(false)
  })

  it('an aborted start stops what it had started', async () => {
    const abort = new AbortController()
    const hung: ChildSpec = { id: 'hung', start: never }
    const started = outcome(start({ children: [childSpecOf('a'), hung], signal: abort.signal }))
    await w.clock.settle()
    abort.abort()
    await w.clock.settle()
    expect(started.error).toMatchObject({ code: 'ERR_START_ABORTED' })
    expect(system.stats().processes).toBe(0)
  })

  it('trees of all three kinds stop from the top, and nothing is left', async () => {
    const reasons: ExitReason[] = []
    const leaf = (context: ChildContext): Promise<{ readonly pid: Pid }> =>
      scripted({ terminate: (reason) => void reasons.push(reason) }).start(undefined, {
        ...context,
        link: true,
        trapExit: true,
      })
    const top = await start({
      name: 'top',
      children: [
        DynamicSupervisor.child({ name: 'rooms' }, { id: 'rooms' }),
        PartitionSupervisor.child(
          { name: 'shards', child: { id: 'shard', start: leaf }, partitions: 3 },
          { id: 'shards' },
        ),
        Supervisor.child(
          { strategy: 'rest_for_one', children: [{ id: 'leaf', start: leaf }] },
          { id: 'inner' },
        ),
      ],
    })
    for (let i = 0; i < 4; i++) {
      await DynamicSupervisor.startChild('rooms', { start: leaf }, { system })
    }
    expect(await Supervisor.countChildren(top)).toMatchObject({ supervisors: 3, active: 3 })
    expect(system.stats().processes).toBe(12)
    await Supervisor.stop(top)
    expect(reasons).toEqual(Array(8).fill('shutdown'))
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0, monitors: 0 })
  })

  it('a restart loop is bounded by intensity and leaves the program free', async () => {
    const crashing: ChildSpec = {
      id: 'a',
      start: async (context) => {
        const ref = await childSpecOf('a').start(context)
        ScriptContract.at((ref as { pid: Pid }).pid).cast.run((_n, ctx) => ctx.exit('boom'))
        return ref
      },
    }
    const sup = await start({ intensity: 100, children: [crashing] })
    const seen = ending(system, sup.pid)
    await w.clock.settle()
    expect(seen.reason).toBe('shutdown')
    expect(w.texts('warn').filter((text) => text === 'child terminated').length).toBe(101)
    expect(system.stats().processes).toBe(0)
  })
})

describe('significant children', () => {
  it('one that is being restarted still counts when another one ends', async () => {
    const significant = { restart: 'transient', significant: true } as const
    let fails = 0
    const flaky: ChildSpec = {
      ...childSpecOf('c'),
      ...significant,
      start: (context) =>
        fails-- > 0 ? Promise.reject(new Error('not now')) : childSpecOf('c').start(context),
    }
    const sup = await start({
      strategy: 'rest_for_one',
      autoShutdown: 'all_significant',
      children: [{ ...childSpecOf('s'), ...significant }, childSpecOf('a'), flaky],
    })
    fails = 1
    const [s, a] = [(await pidOf(sup, 's'))!, (await pidOf(sup, 'a'))!]
    // The end of a stops c, whose restart fails; then the end of s is dealt with; then c is tried again.
    system.exit(a, 'kill')
    system.process(s)!.exit('normal')
    await w.clock.settle()
    expect(system.isAlive(sup.pid)).toBe(true)
    expect(await pidOf(sup, 'c')).toBeDefined()
  })
})

describe('many children', () => {
  it('one end among many looks at one child, with significant ones too', async () => {
    const spec = (i: number): ChildSpec => ({
      ...childSpecOf(`c${i}`),
      restart: 'transient',
      significant: true,
    })
    const sup = await start({
      autoShutdown: 'all_significant',
      children: Array.from({ length: 1000 }, (_, i) => spec(i)),
    })
    const seen = ending(system, sup.pid)
    const infos = await Supervisor.whichChildren(sup)
    for (const { pid } of infos.slice(1)) system.process(pid!)!.exit('normal')
    await w.clock.settle()
    expect(seen.reason).toBeUndefined()
    system.process(infos[0]!.pid!)!.exit('normal')
    await w.clock.settle()
    expect(seen.reason).toBe('shutdown')
  })
})

describe('noex', () => {
  /** A child whose asynchronous init takes `ms`; counts its starts. */
  const slowStarts = new Map<string, number>()
  beforeEach(() => slowStarts.clear())
  const slow = (id: string, ms: number): ChildSpec => ({
    id,
    start: async (context) => {
      slowStarts.set(id, (slowStarts.get(id) ?? 0) + 1)
      await new Promise<void>((resolve) => void w.clock.setTimer(ms, resolve))
      return childSpecOf(id).start(context)
    },
  })
  const slowStart = async (options: SupervisorOptions): Promise<SupervisorRef> => {
    const started = start(options)
    await w.clock.advance(10_000)
    return started
  }

  it('NX-L4 one_for_all with a slow init: one start each, no leaked process', async () => {
    const ids = ['a', 'b', 'c']
    const sup = await slowStart({
      strategy: 'one_for_all',
      children: ids.map((id) => slow(id, 120)),
    })
    system.exit((await pidOf(sup, 'a'))!, 'kill')
    await w.clock.advance(10_000)
    expect([...slowStarts.values()]).toEqual([2, 2, 2])
    expect(system.stats().processes).toBe(4)
  })

  it('NX-L4 two siblings that end together under one_for_all: one restart of the group', async () => {
    const ids = ['a', 'b', 'c']
    const sup = await slowStart({
      strategy: 'one_for_all',
      children: ids.map((id) => slow(id, 5)),
    })
    const infos = await Supervisor.whichChildren(sup)
    for (const { pid } of infos.slice(0, 2)) system.exit(pid!, 'kill')
    await w.clock.advance(10_000)
    expect([...slowStarts.values()]).toEqual([2, 2, 2])
    expect(system.stats().processes).toBe(4)
  })

  it('NX-L4 five crashes in a row under every strategy: five restarts, nothing adds up', async () => {
    for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one'] as const) {
      slowStarts.clear()
      const children = [slow('a', 5), slow('b', 5)]
      const sup = await slowStart({ strategy, intensity: 5, periodMs: 1e9, children })
      for (let i = 0; i < 5; i++) {
        system.exit((await pidOf(sup, 'b'))!, 'kill')
        await w.clock.advance(100)
      }
      expect(slowStarts.get('b')).toBe(6)
      expect(system.stats().processes).toBe(3)
      await Supervisor.stop(sup)
    }
  })

  it('NX-L4 a permanent child that is stopped from outside never runs twice', async () => {
    let running = 0
    let most = 0
    const single: ChildSpec = {
      id: 'single',
      start: (context) => {
        most = Math.max(most, ++running)
        return scripted({
          terminate: async () => {
            await new Promise<void>((resolve) => void w.clock.setTimer(1000, resolve))
            running--
          },
        }).start(undefined, { ...context, link: true, trapExit: true })
      },
    }
    const sup = await start({ children: [single] })
    const stopped = outcome(stopProcess((await pidOf(sup, 'single'))!))
    await w.clock.advance(1000)
    expect(stopped.settled).toBe(true)
    expect(await pidOf(sup, 'single')).toBeDefined()
    expect([running, most]).toEqual([1, 1])
  })

  it.each([100, 1000])(
    'NX-L13 %i children: as many messages each, started and stopped',
    async (n) => {
      const sup = await start()
      const before = system.stats().messagesDelivered
      for (let i = 0; i < n; i++) await Supervisor.startChild(sup, childSpecOf(`c${i}`))
      expect(system.stats().messagesDelivered - before).toBe(2 * n) // a request and an init
      await Supervisor.stop(sup)
      expect(system.stats().messagesDelivered - before).toBe(3 * n + 1) // an EXIT each, a stop
    },
  )
})
