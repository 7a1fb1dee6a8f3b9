/**
 * Dynamic and partition supervisors as Elixir's on the real BEAM: one test per case of `otp-conformance.md`
 * sections 9 and 9b.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { exit, pidEquals, type ExitReason, type Pid, type System } from '../../../runtime/index.ts'
import {
  DynamicSupervisor,
  DynamicSupervisorContract,
  IGNORE,
  ignore,
  PartitionSupervisor,
  partitionOf,
  Supervisor,
  SupervisorContract,
  type ChildContext,
  type DynamicChildSpec,
  type DynamicSupervisorOptions,
  type DynamicSupervisorRef,
} from '../../../behaviours/index.ts'
import {
  ending,
  idler,
  outcome,
  ScriptContract,
  scripted,
  world,
  type ScriptRef,
  type World,
} from '../world.ts'

let w: World
let system: System

beforeEach(() => {
  w = world()
  system = w.system
})

const start = (options: DynamicSupervisorOptions = {}): Promise<DynamicSupervisorRef> =>
  DynamicSupervisor.start({ system, intensity: 10, ...options })

const worker = (more: Partial<DynamicChildSpec> = {}): DynamicChildSpec<ScriptRef> => ({
  ...more,
  start: (context) => scripted().start(undefined, { ...context, link: true }),
})

const listed = async (sup: DynamicSupervisorRef): Promise<(Pid | undefined)[]> =>
  (await DynamicSupervisor.whichChildren(sup)).map(({ pid }) => pid)

async function end(ref: { readonly pid: Pid }, reason: ExitReason): Promise<void> {
  ScriptContract.at(ref.pid).cast.run((_n, ctx) => ctx.exit(reason))
  await w.clock.settle()
}

/** A child whose start fails from its second time on. */
const failing = (more: Partial<DynamicChildSpec> = {}): DynamicChildSpec<ScriptRef> => {
  let count = 0
  const good = worker(more)
  return {
    ...good,
    start: (context) =>
      count++ === 0 ? good.start(context) : Promise.reject(new Error('not now')),
  }
}

describe('children', () => {
  it('D-01 one more than childrenMax is refused and its start function does not run', async () => {
    let ran = 0
    const counting: DynamicChildSpec = {
      start: (context) => {
        ran++
        return worker().start(context)
      },
    }
    const none = await start({ childrenMax: 0 })
    const refusal = { code: 'ERR_CHILD_LIMIT', childrenMax: 0 }
    await expect(DynamicSupervisor.startChild(none, counting)).rejects.toMatchObject(refusal)
    expect(ran).toBe(0)
    const two = await start({ childrenMax: 2 })
    await DynamicSupervisor.startChild(two, counting)
    await DynamicSupervisor.startChild(two, counting)
    await expect(DynamicSupervisor.startChild(two, counting)).rejects.toMatchObject({
      code: 'ERR_CHILD_LIMIT',
    })
    expect(ran).toBe(2)
  })

  it('D-02 startChild gives what start gave; ignored and failed starts and garbage keep nothing', async () => {
    const sup = await start()
    const plain = await DynamicSupervisor.startChild(sup, worker())
    expect(await plain.call.ping()).toBe('pong')
    const extra = await DynamicSupervisor.startChild(sup, {
      start: async (context) => ({ ...(await worker().start(context)), info: 'extra' }),
    })
    expect(extra.info).toBe('extra')
    const ignoring = (): Promise<typeof IGNORE> => Promise.resolve(IGNORE)
    expect(await DynamicSupervisor.startChild(sup, { start: ignoring })).toBe(IGNORE)
    const server = scripted({ init: () => ignore() }).child()
    await expect(DynamicSupervisor.startChild(sup, server)).rejects.toMatchObject({
      code: 'ERR_START_IGNORED',
    })
    const found = (): Promise<never> => Promise.reject(new Error('found'))
    await expect(DynamicSupervisor.startChild(sup, { start: found })).rejects.toMatchObject({
      code: 'ERR_CHILD_START',
      reason: { message: 'found' },
    })
    for (const garbage of [undefined, null, 5, 'unknown', {}, { pid: 'x' }, { pid: sup.pid }]) {
      const spec = { start: () => Promise.resolve(garbage as never) }
      await expect(DynamicSupervisor.startChild(sup, spec)).rejects.toMatchObject({
        code: 'ERR_CHILD_START',
      })
    }
    expect(await listed(sup)).toEqual([plain.pid, extra.pid])
  })

  it.each([
    ['throws a value', () => throwing('v'), { nocatch: 'v' }],
    ['throws an error', () => throwing(new Error('e')), { message: 'e' }],
    ['rejects', () => Promise.reject(new Error('e')), { message: 'e' }],
    ['exits', () => exit('oops'), 'oops'],
    ['exits later', async () => exit('oops'), 'oops'],
  ] as const)('D-03 a start that %s: startChild rejects, the supervisor lives', async (...row) => {
    const [, startFn, reason] = row
    const sup = await start()
    await expect(
      DynamicSupervisor.startChild(sup, { start: startFn as () => Promise<never> }),
    ).rejects.toEqual(expect.objectContaining({ code: 'ERR_CHILD_START' }))
    const failed = await outcomeOf(DynamicSupervisor.startChild(sup, { start: startFn as never }))
    if (typeof reason === 'string') expect(failed.reason).toBe(reason)
    else expect(failed.reason).toMatchObject(reason)
    expect(system.isAlive(sup.pid)).toBe(true)
  })

  it.each([
    ['normal', 0],
    ['shutdown', 0],
    [{ shutdown: 'x' }, 0],
    ['boom', 1],
  ] as const)('D-05 a transient child that ends with %o leaves %i', async (reason, left) => {
    const sup = await start()
    const ref = await DynamicSupervisor.startChild(sup, worker({ restart: 'transient' }))
    await end(ref, reason)
    expect(await DynamicSupervisor.countChildren(sup)).toMatchObject({ specs: left, active: left })
  })

  it.each(['normal', 'shutdown', { shutdown: 'x' }, 'boom'])(
    'D-06 a permanent child that ends with %o is restarted, under a new pid',
    async (reason) => {
      const sup = await start()
      const ref = await DynamicSupervisor.startChild(sup, worker())
      await end(ref, reason)
      const pids = await listed(sup)
      expect(pids.length).toBe(1)
      expect(pidEquals(pids[0]!, ref.pid)).toBe(false)
      expect(system.isAlive(pids[0]!)).toBe(true)
    },
  )

  it('a temporary child that ends is gone and counts no restart', async () => {
    const sup = await start({ intensity: 0 })
    const ref = await DynamicSupervisor.startChild(sup, worker({ restart: 'temporary' }))
    await end(ref, 'boom')
    expect(await listed(sup)).toEqual([])
    expect(system.isAlive(sup.pid)).toBe(true)
  })

  it('D-07 a restart that ignores drops the child', async () => {
    let count = 0
    const sup = await start()
    const ref = await DynamicSupervisor.startChild(sup, {
      start: async (context) => (count++ === 0 ? worker().start(context) : IGNORE),
    })
    await end(ref as ScriptRef, 'boom')
    expect(await DynamicSupervisor.countChildren(sup)).toEqual({
      specs: 0,
      active: 0,
      supervisors: 0,
      workers: 0,
    })
  })

  it('D-08 a child whose restart keeps failing is listed as restarting and takes a place', async () => {
    const sup = await start({ intensity: 100_000, childrenMax: 1 })
    const ref = await DynamicSupervisor.startChild(sup, failing())
    system.exit(ref.pid, 'kill')
    const infos = await DynamicSupervisor.whichChildren(sup)
    expect(infos).toMatchObject([
      { id: undefined, pid: undefined, restarting: true, type: 'worker' },
    ])
    expect(await DynamicSupervisor.countChildren(sup)).toEqual({
      specs: 1,
      active: 0,
      supervisors: 0,
      workers: 1,
    })
    await expect(DynamicSupervisor.startChild(sup, worker())).rejects.toMatchObject({
      code: 'ERR_CHILD_LIMIT',
    })
    await DynamicSupervisor.terminateChild(sup, ref)
    await w.clock.settle()
    expect(await listed(sup)).toEqual([])
  })

  it('D-09 a restart that fails too often ends the supervisor with shutdown', async () => {
    const sup = await start({ intensity: 1 })
    const seen = ending(system, sup.pid)
    const other = await DynamicSupervisor.startChild(sup, worker())
    const ref = await DynamicSupervisor.startChild(sup, failing())
    await end(ref, 'boom')
    expect(seen.reason).toBe('shutdown')
    expect(system.isAlive(other.pid)).toBe(false)
    expect(system.stats().processes).toBe(0)
  })

  it('D-11 a malformed spec is refused where it is given, also for a supervisor that is not there', async () => {
    const good = worker()
    for (const [field, spec] of [
      ['start', {}],
      ['start', null],
      ['shutdown', { ...good, shutdown: -1 }],
      ['start', { start: 2 }],
      ['args', { ...good, args: 2 }],
      ['surplus', { ...good, surplus: 1 }],
    ] as const) {
      await expect(
        DynamicSupervisor.startChild('nobody', spec as never, { system }),
      ).rejects.toMatchObject({ code: 'ERR_CHILD_SPEC', field })
    }
    const sup = await start()
    await expect(sup.call.startChild({} as never)).rejects.toMatchObject({ code: 'ERR_CHILD_SPEC' })
  })

  it('D-12 a significant child is refused', async () => {
    const sup = await start()
    const spec = { ...worker({ restart: 'temporary' }), significant: true }
    await expect(DynamicSupervisor.startChild(sup, spec)).rejects.toMatchObject({
      code: 'ERR_CHILD_SPEC',
      field: 'significant',
    })
  })

  it('D-13 extra arguments come before the child’s own, at each start', async () => {
    const given: unknown[][] = []
    const sup = await start({ extraArguments: ['e'] })
    const ref = await DynamicSupervisor.startChild(sup, {
      args: ['a'],
      start: (context: ChildContext, ...args: string[]) => {
        given.push(args)
        return worker().start(context)
      },
    })
    await end(ref, 'boom')
    expect(given).toEqual([
      ['e', 'a'],
      ['e', 'a'],
    ])
  })

  it('D-14 terminateChild stops by pid; an unknown pid, a second time and an id are not found', async () => {
    const sup = await start()
    const ref = await DynamicSupervisor.startChild(sup, worker())
    const stranger = idler(system)
    const code = 'ERR_CHILD_NOT_FOUND'
    await DynamicSupervisor.terminateChild(sup, ref)
    expect(system.isAlive(ref.pid)).toBe(false)
    await expect(DynamicSupervisor.terminateChild(sup, ref.pid)).rejects.toMatchObject({ code })
    await expect(DynamicSupervisor.terminateChild(sup, stranger)).rejects.toMatchObject({ code })
    await expect(sup.call.terminateChild('id' as never)).rejects.toMatchObject({ code })
    expect(system.isAlive(stranger)).toBe(true)
    expect(await DynamicSupervisor.countChildren(sup)).toMatchObject({ specs: 0 })
  })
})

describe('stop', () => {
  const slow = (ms: number, more: Partial<DynamicChildSpec> = {}): DynamicChildSpec => ({
    start: (context) =>
      scripted({
        terminate: () => new Promise<void>((resolve) => void w.clock.setTimer(ms, resolve)),
      }).start(undefined, { ...context, link: true, trapExit: true }),
    ...more,
  })

  it('D-15 five children that need 100 ms each stop in 100 ms', async () => {
    const sup = await start()
    for (let i = 0; i < 5; i++) await DynamicSupervisor.startChild(sup, slow(100))
    const stopped = outcome(DynamicSupervisor.stop(sup))
    await w.clock.advance(99)
    expect(stopped.settled).toBe(false)
    expect(system.stats().processes).toBe(6)
    await w.clock.advance(1)
    expect(stopped).toEqual({ settled: true, value: undefined })
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('D-15 each has the time that its own shutdown gives it', async () => {
    const sup = await start()
    const ends = []
    for (const shutdown of [50, 50, 200, 'infinity'] as const) {
      const child = await DynamicSupervisor.startChild(sup, slow(1000, { shutdown }))
      ends.push(ending(system, (child as ScriptRef).pid))
    }
    const stopped = outcome(DynamicSupervisor.stop(sup))
    await w.clock.advance(50)
    expect(ends.map(({ reason }) => reason)).toEqual(['killed', 'killed', undefined, undefined])
    await w.clock.advance(150)
    expect(ends.map(({ reason }) => reason)).toEqual(['killed', 'killed', 'killed', undefined])
    await w.clock.advance(800)
    expect(ends[3]!.reason).toBe('shutdown')
    expect(stopped.settled).toBe(true)
    expect(w.texts('warn')).toEqual(Array(3).fill('child did not stop in time and is killed'))
  })

  it('only those that are left when their time is over are killed and reported', async () => {
    const sup = await start()
    await DynamicSupervisor.startChild(sup, slow(10, { id: 'quick', shutdown: 100 }))
    await DynamicSupervisor.startChild(sup, slow(1000, { id: 'stuck', shutdown: 100 }))
    const stopped = outcome(DynamicSupervisor.stop(sup))
    await w.clock.advance(100)
    expect(stopped.settled).toBe(true)
    expect(w.lines.map(({ fields }) => fields['child'])).toEqual(['stuck'])
  })

  it('D-17 a brutal_kill child is killed, the others are shut down', async () => {
    const sup = await start()
    const one = await DynamicSupervisor.startChild(sup, worker({ shutdown: 'brutal_kill' }))
    const two = await DynamicSupervisor.startChild(sup, worker())
    const seen = [one, two].map(({ pid }) => ending(system, pid))
    await DynamicSupervisor.stop(sup)
    expect(seen.map(({ reason }) => reason)).toEqual(['killed', 'shutdown'])
  })

  it('D-18 one_for_one is the only strategy', async () => {
    await start({ strategy: 'one_for_one' })
    await expect(start({ strategy: 'one_for_all' as never })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
      option: 'strategy',
    })
  })

  it.each([
    ['intensity', -1, 'ERR_OPTION_INVALID'],
    ['periodMs', 0, 'ERR_OPTION_INVALID'],
    ['childrenMax', -1, 'ERR_OPTION_INVALID'],
    ['extraArguments', 'x', 'ERR_OPTION_INVALID'],
    ['maxRestarts', 1, 'ERR_OPTION_RENAMED'],
    ['maxChildren', 1, 'ERR_OPTION_UNKNOWN'],
  ])('refuses %s: %o', async (option, value, code) => {
    await expect(start({ [option]: value })).rejects.toMatchObject({ code, option })
  })
})

describe('as a process', () => {
  it('is named, a child of a supervisor, and restarted empty by it', async () => {
    const spec = DynamicSupervisor.child({ name: 'rooms', intensity: 0 }, { id: 'rooms' })
    const top = await Supervisor.start({ system, children: [spec] })
    const before = system.whereis('rooms')!
    const room = await DynamicSupervisor.startChild('rooms', worker(), { system })
    expect(await Supervisor.countChildren(top)).toMatchObject({ supervisors: 1, active: 1 })
    await end(room, 'boom')
    const after = system.whereis('rooms')!
    expect(pidEquals(before, after)).toBe(false)
    expect(await DynamicSupervisorContract.at(after).call.countChildren()).toMatchObject({
      specs: 0,
    })
    await Supervisor.stop(top)
    expect(system.stats().processes).toBe(0)
  })

  it('lists the oldest process first; a restarted one is new', async () => {
    const sup = await start()
    const a = await DynamicSupervisor.startChild(sup, worker())
    const b = await DynamicSupervisor.startChild(sup, worker())
    expect(await listed(sup)).toEqual([a.pid, b.pid])
    await end(a, 'boom')
    const pids = await listed(sup)
    expect(pids[0]).toEqual(b.pid)
    expect(pids.length).toBe(2)
  })

  it('ignores strangers and messages, refuses unknown casts', async () => {
    const sup = await start()
    system.exit(sup.pid, 'boom', idler(system))
    system.send(sup.pid, 'hello')
    system.cast(sup.pid, 'nope', 1)
    await expect(system.call(sup.pid, 'restartChild', 'a')).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    expect(system.isAlive(sup.pid)).toBe(true)
  })

  it('a killed one takes its children along', async () => {
    const sup = await start()
    const { pid } = await DynamicSupervisor.startChild(sup, worker())
    system.exit(sup.pid, 'kill')
    expect(system.isAlive(pid)).toBe(false)
  })

  it('a child that comes up after it was killed in a restart does not live on', async () => {
    let come: (() => void) | undefined
    let count = 0
    const late: Pid[] = []
    const sup = await start()
    const ref = await DynamicSupervisor.startChild(sup, {
      start: async () => {
        if (count++ > 0) await new Promise<void>((resolve) => (come = resolve))
        const made = await scripted().start(undefined, { system })
        late.push(made.pid)
        return made
      },
    })
    await end(ref, 'boom')
    system.exit(sup.pid, 'kill')
    come?.()
    await w.clock.settle()
    expect(late.length).toBe(2)
    expect(system.stats().processes).toBe(0)
  })
})

describe('partitions', () => {
  const counter = scripted()

  it('PS-01 whole numbers go by remainder, other keys by hash, the same key to the same pid', async () => {
    const sup = await PartitionSupervisor.start({
      system,
      name: 'n',
      child: counter.child(),
      partitions: 4,
    })
    const whereis = (key: unknown): Pid => PartitionSupervisor.whereis('n', key, { system })!
    const infos = await PartitionSupervisor.whichChildren(sup)
    expect(infos.map(({ partition }) => partition)).toEqual([0, 1, 2, 3])
    expect([0, 1, 2, 3, 4, 7, -7].map((key) => whereis(key))).toEqual(
      [0, 1, 2, 3, 0, 3, 3].map((partition) => infos[partition]!.pid),
    )
    expect(await PartitionSupervisor.partitions(sup)).toBe(4)
    expect(await PartitionSupervisor.countChildren(sup)).toMatchObject({ specs: 4, active: 4 })
    for (const key of ['alice', 1.5, ['a', 1], { a: 1 }, null, sup.pid]) {
      expect(whereis(key)).toBe(whereis(key))
      expect(infos.map(({ pid }) => pid)).toContainEqual(whereis(key))
    }
    const via = PartitionSupervisor.via('n', 'alice', { system })
    await system.call({ via }, 'ping', undefined)
    expect(via.whereisName()).toBe(whereis('alice'))
  })

  it('PS-02 a partition that crashes is restarted alone, with the same number', async () => {
    const sup = await PartitionSupervisor.start({
      system,
      child: counter.child(),
      partitions: 3,
    })
    const before = (await PartitionSupervisor.whichChildren(sup)).map(({ pid }) => pid!)
    await end({ pid: before[1]! }, 'boom')
    const after = (await PartitionSupervisor.whichChildren(sup)).map(({ pid }) => pid!)
    expect(before.map((pid, i) => pidEquals(pid, after[i]!))).toEqual([true, false, true])
    expect(PartitionSupervisor.whereis(sup, 1)).toBe(after[1])
  })

  it('has as many partitions as the machine can run, unless told otherwise', async () => {
    const sup = await PartitionSupervisor.start({ system, child: counter.child() })
    expect(await PartitionSupervisor.partitions(sup)).toBeGreaterThan(0)
    const told = await PartitionSupervisor.start({
      system,
      child: counter.child(),
      partitions: () => 2,
    })
    expect(await PartitionSupervisor.partitions(told)).toBe(2)
  })

  it('gives each partition arguments of its own, by function or by withArguments', async () => {
    const given: unknown[][] = []
    const spec = {
      id: 'x',
      args: ['a'],
      start: (context: ChildContext, ...args: unknown[]) => {
        given.push(args)
        return counter.start(undefined, { ...context, link: true })
      },
    }
    await PartitionSupervisor.start({
      system,
      child: spec,
      partitions: 2,
      withArguments: (args, partition) => [partition, ...args],
    })
    await PartitionSupervisor.start({
      system,
      child: (partition) => ({ ...spec, args: [`p${partition}`] }),
      partitions: 2,
    })
    expect(given).toEqual([[0, 'a'], [1, 'a'], ['p0'], ['p1']])
  })

  it('a partition that is down, or a supervisor that is not there, is noproc', async () => {
    const sup = await PartitionSupervisor.start({
      system,
      name: 'n',
      child: { ...counter.child(), restart: 'temporary' },
      partitions: 2,
    })
    const via = PartitionSupervisor.via('n', 1, { system })
    system.exit(via.whereisName()!, 'kill')
    await w.clock.settle()
    await expect(system.call({ via }, 'ping', undefined)).rejects.toMatchObject({
      reason: 'noproc',
    })
    expect(PartitionSupervisor.whereis('n', 0, { system })).toBeDefined()
    await PartitionSupervisor.stop(sup)
    expect(PartitionSupervisor.whereis('n', 0, { system })).toBeUndefined()
    expect(PartitionSupervisor.whereis(idler(system), 0, { system })).toBeUndefined()
  })

  it('is named by its ref, its pid and a via as well; what is no name is refused at once', async () => {
    const sup = await PartitionSupervisor.start({ system, child: counter.child(), partitions: 2 })
    const via = {
      label: 'mine',
      whereisName: () => sup.pid,
      registerName: () => false,
      unregisterName: () => {},
    }
    const found = PartitionSupervisor.whereis(sup, 1)
    expect(found).toBeDefined()
    expect(PartitionSupervisor.whereis(sup.pid, 1)).toBe(found)
    expect(PartitionSupervisor.whereis({ via }, 1)).toBe(found)
    expect(PartitionSupervisor.via({ via }, 1).label).toBe('partition of mine')
    expect(PartitionSupervisor.via(sup, 1).label).toBe(`partition of ${String(sup.pid)}`)
    for (const target of [undefined, {}, 5]) {
      expect(() => PartitionSupervisor.via(target as never, 1)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', argument: 'target' }),
      )
    }
  })

  it('is a child like any other, its partitions cannot be taken or changed', async () => {
    const spec = PartitionSupervisor.child(
      { name: 'n', child: counter.child(), partitions: 2 },
      { id: 'n' },
    )
    const top = await Supervisor.start({ system, children: [spec] })
    const via = PartitionSupervisor.via('n', 0, { system })
    const before = via.whereisName()
    await expect(counter.start(undefined, { system, name: via })).rejects.toMatchObject({
      code: 'ERR_ALREADY_STARTED',
    })
    expect(() => via.registerName(top.pid)).toThrow(
      expect.objectContaining({ code: 'ERR_PARTITION_NAME' }),
    )
    await expect(
      Supervisor.deleteChild(SupervisorContract.at(system.whereis('n')!), '0'),
    ).rejects.toMatchObject({ code: 'ERR_CALL_UNKNOWN' })
    system.exit(system.whereis('n')!, 'kill')
    await w.clock.settle()
    expect(via.whereisName()).not.toBe(before)
    expect(system.isAlive(via.whereisName()!)).toBe(true)
    await Supervisor.stop(top)
    expect(system.stats().processes).toBe(0)
  })

  it.each([
    ['child', undefined],
    ['child', 5],
    ['partitions', 0],
    ['partitions', () => 1.5],
    ['strategy', 'simple_one_for_one'],
    ['withArguments', 'x'],
  ])('refuses %s: %o', async (option, value) => {
    await expect(
      PartitionSupervisor.start({ system, child: counter.child(), [option]: value } as never),
    ).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', option })
  })
})

describe('partitionOf', () => {
  it('spreads keys evenly', () => {
    const counts = Array<number>(8).fill(0)
    for (let i = 0; i < 8000; i++) counts[partitionOf(`user-${i}`, 8)]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  it('is the same for values that are alike and tells kinds apart', () => {
    const many = 1 << 20
    expect(partitionOf({ a: 1, b: 2 }, many)).toBe(partitionOf({ b: 2, a: 1 }, many))
    const different = ['1', [1], ['1'], { a: 1 }, null, undefined, true, 'null', [[], 1], [[1]]]
    expect(new Set(different.map((key) => partitionOf(key, many))).size).toBe(different.length)
    expect(partitionOf(10n ** 30n + 1n, 10)).toBe(1)
    expect(partitionOf(-3n, 4)).toBe(3)
  })

  it.each([
    ['a function', () => 0],
    ['a symbol', Symbol('x')],
    ['a map', new Map()],
    ['a date', new Date(0)],
    ['a circle', circle],
  ])('refuses %s, which has no value', (name, value) => {
    const key = name === 'a circle' ? circle() : value
    expect(() => partitionOf(key, 4)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
    expect(() => PartitionSupervisor.via('n', key)).toThrow('key')
  })
})

function throwing(value: unknown): never {
  throw value
}

async function outcomeOf(promise: Promise<unknown>): Promise<{ readonly reason?: unknown }> {
  return promise.then(
    () => ({}),
    (error: unknown) => error as { readonly reason?: unknown },
  )
}

function circle(): unknown {
  const key: unknown[] = []
  key.push(key)
  return key
}
