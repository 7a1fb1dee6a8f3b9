/**
 * Supervisors as the real BEAM does them, the cases of `otp-conformance.md` section 8 about `init` and
 * simple_one_for_one; the others are in conformance-supervisor.test.ts.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Pid, System } from '../../../runtime/index.ts'
import {
  IGNORE,
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
/** Ids in the order in which children were asked to stop. */
let stops: string[]

beforeEach(() => {
  w = world()
  system = w.system
  stops = []
})

const start = (options: SupervisorOptions): Promise<SupervisorRef> =>
  Supervisor.start({ system, intensity: 10, ...options })

/** A child that traps exits and notes when it is asked to stop. */
function child(id: string): ChildSpec {
  return {
    id,
    start: (context) => {
      const server = scripted({
        terminate: (reason) => {
          if (reason === 'shutdown') stops.push(id)
        },
      })
      return server.start(undefined, { ...context, link: true, trapExit: true })
    },
  }
}

async function pidOf(sup: SupervisorRef, id: string): Promise<Pid | undefined> {
  return (await Supervisor.whichChildren(sup)).find((info) => info.id === id)?.pid
}

describe('init', () => {
  it('U-05 an init that ignores: start rejects with ERR_START_IGNORED, the process ends normally', async () => {
    const parent = watcher(system)
    const started = start({ init: () => IGNORE, parent: parent.pid, link: true })
    await expect(started).rejects.toMatchObject({ code: 'ERR_START_IGNORED' })
    await w.clock.settle()
    expect(parent.got).toMatchObject([{ type: 'exit', reason: 'normal' }])
    expect(system.stats().processes).toBe(1)
  })

  it('U-05 a supervisor that ignores is a child without a pid', async () => {
    const inner = Supervisor.child({ init: () => IGNORE }, { id: 'inner' })
    const sup = await start({ children: [inner] })
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 1, active: 0 })
  })

  it.each([undefined, 5, 'ok', null, Promise.resolve({})])(
    'U-06 an init that returns %o is a bad return',
    async (value) => {
      await expect(start({ init: () => value as never })).rejects.toMatchObject({
        code: 'ERR_INIT_FAILED',
        reason: { code: 'ERR_BAD_RETURN' },
      })
    },
  )

  it('U-06 an init that gives wrong options or throws does not start', async () => {
    await expect(start({ init: () => ({ intensity: -1 }) })).rejects.toMatchObject({
      reason: { code: 'ERR_OPTION_INVALID', option: 'intensity' },
    })
    await expect(start({ init: () => ({ name: 'x' }) as never })).rejects.toMatchObject({
      reason: { code: 'ERR_OPTION_UNKNOWN' },
    })
    const init = (): never => {
      throw new Error('no disk')
    }
    await expect(start({ init })).rejects.toMatchObject({ reason: { message: 'no disk' } })
  })

  it('init runs again at each restart of the supervisor and wins over what is beside it', async () => {
    let count = 0
    const inner = Supervisor.child(
      {
        intensity: 5,
        init: () => ({ intensity: 0, children: [child(`w${++count}`)] }),
      },
      { id: 'inner' },
    )
    const outer = await start({ children: [inner] })
    const before = SupervisorContract.at((await pidOf(outer, 'inner'))!)
    ScriptContract.at((await pidOf(before, 'w1'))!).cast.run((_n, ctx) => ctx.exit('boom'))
    await w.clock.settle()
    const after = SupervisorContract.at((await pidOf(outer, 'inner'))!)
    expect((await Supervisor.whichChildren(after)).map(({ id }) => id)).toEqual(['w2'])
  })
})

describe('simple_one_for_one', () => {
  const given: unknown[][] = []
  beforeEach(() => void given.splice(0))

  /** A template whose children note their arguments. */
  const template = (more: Partial<ChildSpec> = {}): ChildSpec => ({
    id: 'template',
    args: ['t'],
    start: (context: ChildContext, ...args: unknown[]) => {
      given.push(args)
      return child(String(args.at(-1))).start(context)
    },
    ...more,
  })
  const simple = (more: Partial<ChildSpec> = {}, options: SupervisorOptions = {}) =>
    start({ strategy: 'simple_one_for_one', children: [template(more)], ...options })

  it('U-62 arguments come after the template’s, ids are undefined, init needs exactly one spec', async () => {
    const sup = await simple()
    expect(given).toEqual([])
    const { pid } = (await Supervisor.startChild(sup, ['x'])) as { pid: Pid }
    expect(given).toEqual([['t', 'x']])
    const infos = await Supervisor.whichChildren(sup)
    expect(infos.map((info) => [info.id, info.pid])).toEqual([[undefined, pid]])
    for (const children of [[], [child('a'), child('b')]]) {
      await expect(start({ strategy: 'simple_one_for_one', children })).rejects.toMatchObject({
        code: 'ERR_CHILD_SPEC',
        field: 'children',
      })
    }
    await expect(start({ init: () => ({ strategy: 'simple_one_for_one' }) })).rejects.toMatchObject(
      { reason: { code: 'ERR_CHILD_SPEC' } },
    )
  })

  it('U-63 children are stopped by pid, also dead ones; ids, strangers, restart and delete are refused', async () => {
    const sup = await simple()
    const { pid } = (await Supervisor.startChild(sup, ['x'])) as { pid: Pid }
    await Supervisor.terminateChild(sup, pid)
    expect(stops).toEqual(['x'])
    await Supervisor.terminateChild(sup, pid)
    const code = 'ERR_CHILD_REQUEST'
    await expect(Supervisor.terminateChild(sup, 'template')).rejects.toMatchObject({ code })
    await expect(Supervisor.restartChild(sup, 'template')).rejects.toMatchObject({ code })
    await expect(Supervisor.deleteChild(sup, 'template')).rejects.toMatchObject({ code })
    const stranger = idler(system)
    await expect(Supervisor.terminateChild(sup, stranger)).rejects.toMatchObject({
      code: 'ERR_CHILD_NOT_FOUND',
    })
    expect(system.isAlive(stranger)).toBe(true)
    await expect(Supervisor.startChild(sup, child('a'))).rejects.toMatchObject({ code })
    const ordinary = await start({})
    await expect(Supervisor.startChild(ordinary, ['x'])).rejects.toMatchObject({ code })
  })

  it.each(['permanent', 'transient', 'temporary'] as const)(
    'U-65 a %s child that ignores leaves nothing',
    async (restart) => {
      const sup = await simple({ restart, start: () => Promise.resolve(IGNORE) })
      expect(await Supervisor.startChild(sup, [])).toBe(IGNORE)
      expect(await Supervisor.whichChildren(sup)).toEqual([])
      expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 0, active: 0 })
    },
  )

  it('U-71 a permanent child is restarted with the arguments it was started with', async () => {
    const sup = await simple()
    const { pid } = (await Supervisor.startChild(sup, ['x'])) as { pid: Pid }
    await Supervisor.startChild(sup, ['y'])
    system.exit(pid, 'kill')
    await w.clock.settle()
    expect(given).toEqual([
      ['t', 'x'],
      ['t', 'y'],
      ['t', 'x'],
    ])
    expect(await Supervisor.countChildren(sup)).toMatchObject({ specs: 2, active: 2 })
  })

  it('its children are asked to stop all at once', async () => {
    let asked = 0
    const sup = await simple({
      start: (context) =>
        scripted({
          terminate: () => {
            asked++
            return new Promise<never>(() => {})
          },
        }).start(undefined, { ...context, link: true, trapExit: true }),
      shutdown: 100,
    })
    for (let i = 0; i < 5; i++) await Supervisor.startChild(sup, [])
    const stopped = outcome(Supervisor.stop(sup))
    await w.clock.settle()
    expect(asked).toBe(5)
    await w.clock.advance(100)
    expect(stopped.settled).toBe(true)
  })

  it.each([
    ['any_significant', 1],
    ['all_significant', 2],
  ] as const)('%s ends it with the end of %i of two', async (autoShutdown, ends) => {
    const sup = await simple({ restart: 'temporary', significant: true }, { autoShutdown })
    const seen = ending(system, sup.pid)
    const pids = []
    for (const arg of ['x', 'y']) {
      pids.push(((await Supervisor.startChild(sup, [arg])) as { pid: Pid }).pid)
    }
    for (const [index, pid] of pids.entries()) {
      system.exit(pid, 'kill')
      await w.clock.settle()
      expect(seen.reason).toBe(index + 1 >= ends ? 'shutdown' : undefined)
    }
  })

  it('a child whose restart keeps failing counts, can be stopped by its old pid, and escalates', async () => {
    let fails = false
    const sup = await simple(
      {
        start: (context) =>
          fails ? Promise.reject(new Error('not now')) : child('x').start(context),
      },
      { intensity: 1000, childrenMax: 1 },
    )
    const { pid } = (await Supervisor.startChild(sup, [])) as { pid: Pid }
    fails = true
    system.exit(pid, 'kill')
    const infos = await Supervisor.whichChildren(sup)
    expect(infos).toMatchObject([{ pid: undefined, restarting: true }])
    await expect(Supervisor.startChild(sup, [])).rejects.toMatchObject({ code: 'ERR_CHILD_LIMIT' })
    await Supervisor.terminateChild(sup, pid)
    await w.clock.settle()
    expect(await Supervisor.whichChildren(sup)).toEqual([])
    expect(system.isAlive(sup.pid)).toBe(true)
  })
})
