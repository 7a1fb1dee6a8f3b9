import { describe, expect, it } from 'vitest'
import {
  Application,
  defineApplication,
  defineServer,
  Pool,
  reply,
  stop,
  Supervisor,
  sys,
  type AnyApplication,
  type ApplicationDefinition,
  type SupervisorRef,
  type TreeNode,
} from '../../../behaviours/index.ts'
import type { Pid, System } from '../../../runtime/index.ts'
import { ending, outcome, world, type World } from '../world.ts'

const Worker = defineServer({
  init: (log: (event: string) => void) => log,
  call: { ping: (log) => reply('pong', log) },
  cast: { end: (_log, reason: unknown) => stop(reason) },
  terminate: (_reason, log) => log('worker ends'),
})

type Extra = Partial<ApplicationDefinition<{ port: number; host: string }, SupervisorRef>>

function open() {
  const made = world()
  const log: string[] = []
  /** An application with one worker that writes down what happens to it. */
  const define = (
    name: string,
    needs: readonly (AnyApplication | string)[] = [],
    extra: Extra = {},
  ) =>
    defineApplication({
      name,
      applications: needs,
      env: { port: 80, host: 'localhost' },
      start: async () => {
        log.push(`${name} start`)
        const worker = Worker.child((event) => log.push(`${name} ${event}`), {
          id: 'worker',
          options: { name: `${name}.worker`, trapExit: true },
        })
        return await Supervisor.startLink({ name, intensity: 0, children: [worker] })
      },
      prepStop: () => void log.push(`${name} prepStop`),
      stop: () => void log.push(`${name} stop`),
      ...extra,
    })
  return { ...made, log, define }
}

const running = async ({ system }: Pick<World, 'system'>): Promise<string[]> =>
  (await Application.which({ system })).map(({ name }) => name)

describe('starting and stopping one application', () => {
  it('start gives what its start gave; stop runs prepStop, ends the tree, runs stop', async () => {
    const { system, log, define, clock } = open()
    const A = define('a')
    const root = await Application.start(A, { system })
    expect((await Supervisor.whichChildren(root)).map(({ id }) => id)).toEqual(['worker'])
    expect(await Application.which({ system })).toMatchObject([
      { name: 'a', type: 'temporary', status: 'running', root: root.pid },
    ])
    await Application.stop(A, { system })
    expect(log).toEqual(['a start', 'a prepStop', 'a worker ends', 'a stop'])
    expect([await running({ system }), system.isAlive(root.pid)]).toEqual([[], false])
    await Application.start(A, { system })
    await system.stop()
    await clock.settle()
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('the root is a child of a process of its own, and linked to it', async () => {
    const { system, define } = open()
    const root = await Application.start(define('a'), { system })
    const [info] = await Application.which({ system })
    expect(system.process(root.pid)?.parent).toBe(info?.pid)
    const ended = ending(system, root.pid)
    system.exit(info?.pid as Pid, 'kill')
    expect(ended.reason).not.toBe('normal')
  })

  it('a root that was started without a link is linked', async () => {
    const { system, define, clock } = open()
    const root = await Application.start(
      define('a', [], { start: ({ system: given }) => Supervisor.start({ system: given }) }),
      { system },
    )
    const [info] = await Application.which({ system })
    system.exit(info?.pid as Pid, 'kill')
    await clock.settle()
    expect(system.isAlive(root.pid)).toBe(false)
  })

  it('a second start is refused, and so is a stop of what does not run', async () => {
    const { system, define } = open()
    const A = define('a')
    await Application.start(A, { system })
    const running = { code: 'ERR_APPLICATION_RUNNING', applicationName: 'a' }
    await expect(Application.start(A, { system })).rejects.toMatchObject(running)
    const missing = { code: 'ERR_APPLICATION_NOT_RUNNING', applicationName: 'b' }
    await expect(Application.stop('b', { system })).rejects.toMatchObject(missing)
  })

  it('two starts at once are one', async () => {
    const { system, define, log } = open()
    const A = define('a')
    const [one, two] = await Promise.all([
      Application.start(A, { system }),
      Application.start(A, { system }),
    ])
    expect([one.pid, log]).toEqual([two.pid, ['a start']])
  })

  it('two stops at once are one', async () => {
    const { system, define, log } = open()
    const A = define('a')
    await Application.start(A, { system })
    await Promise.all([Application.stop(A, { system }), Application.stop('a', { system })])
    expect(log.filter((event) => event === 'a stop')).toEqual(['a stop'])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no port')
      },
      new Error('no port'),
    ],
    ['rejects', () => Promise.reject(new Error('no port')), new Error('no port')],
    ['gives no process', () => 5 as never, expect.objectContaining({ code: 'ERR_ARGUMENT' })],
    ['gives no pid', () => ({}) as never, expect.any(TypeError)],
  ])(
    'a start that %s is refused with the reason and leaves nothing',
    async (_how, start, reason) => {
      const { system, define } = open()
      const A = define('a', [], { start })
      await expect(Application.start(A, { system })).rejects.toMatchObject({
        code: 'ERR_APPLICATION_START',
        applicationName: 'a',
        reason,
      })
      expect([await running({ system }), system.stats().processes]).toEqual([[], 1])
    },
  )

  it('a start that takes longer than startTimeoutMs is given up, its tree is killed', async () => {
    const { system, define, clock } = open()
    let root: SupervisorRef | undefined
    const A = define('a', [], {
      start: async () => {
        root = await Supervisor.startLink()
        return await new Promise<never>(() => {})
      },
    })
    const started = outcome(Application.start(A, { system, startTimeoutMs: 100 }))
    await clock.advance(99)
    expect([started.settled, await running({ system })]).toEqual([false, ['a']])
    await clock.advance(1)
    expect(started.error).toMatchObject({
      code: 'ERR_APPLICATION_START',
      reason: { code: 'ERR_INIT_TIMEOUT' },
    })
    expect(system.isAlive(root?.pid as Pid)).toBe(false)
  })

  it('a start can be given up by its signal, and by a stop', async () => {
    const { system, define, clock } = open()
    const A = define('a', [], { start: () => new Promise<never>(() => {}) })
    const aborter = new AbortController()
    const aborted = outcome(Application.start(A, { system, signal: aborter.signal }))
    await clock.settle()
    aborter.abort('enough')
    await clock.settle()
    expect(aborted.error).toMatchObject({
      code: 'ERR_APPLICATION_START',
      reason: { code: 'ERR_START_ABORTED' },
    })
    const stopped = outcome(Application.start(A, { system }))
    await clock.settle()
    await Application.stop(A, { system })
    expect([stopped.error, await running({ system })]).toMatchObject([
      { code: 'ERR_APPLICATION_START' },
      [],
    ])
  })

  it('what a start gives that was given up is ended, and the next start keeps its own', async () => {
    const { system, define, clock } = open()
    let goOn: () => void = () => {}
    const roots: SupervisorRef[] = []
    const A = define('a', [], {
      start: async () => {
        if (roots.length === 0) await new Promise<void>((resolve) => (goOn = resolve))
        const root = await Supervisor.start({ system })
        roots.push(root)
        return root
      },
    })
    const late = outcome(Application.start(A, { system, startTimeoutMs: 100 }))
    await clock.advance(100)
    expect(late.error).toMatchObject({ code: 'ERR_APPLICATION_START' })
    const again = outcome(Application.start(A, { system }))
    await clock.settle()
    goOn()
    await clock.settle()
    const root = again.value ?? (await Application.ensureAllStarted(A, { system })).root
    expect(roots.map(({ pid }) => system.isAlive(pid))).toEqual(
      roots.map((one) => one.pid === root.pid),
    )
    expect((await Application.which({ system }))[0]?.root).toBe(root.pid)
  })

  it('a start while it stops waits for that', async () => {
    const { system, define, clock, log } = open()
    const A = define('a', [], {
      prepStop: () => new Promise<void>((resolve) => clock.setTimer(100, resolve)),
    })
    await Application.start(A, { system })
    const stopped = outcome(Application.stop(A, { system }))
    await clock.settle()
    const again = outcome(Application.ensureAllStarted(A, { system }))
    await clock.advance(99)
    expect([stopped.settled, again.settled]).toEqual([false, false])
    await clock.advance(1)
    expect([stopped.settled, again.value]).toMatchObject([true, { started: ['a'] }])
    expect(log).toEqual(['a start', 'a worker ends', 'a stop', 'a start'])
    expect(await running({ system })).toEqual(['a'])
  })

  it('a start inside the start of itself is refused', async () => {
    const { system, define } = open()
    const A: AnyApplication = define('a', [], {
      start: (ctx) => Application.start(A, { system: ctx.system }) as never,
    })
    await expect(Application.start(A, { system })).rejects.toMatchObject({
      code: 'ERR_APPLICATION_START',
      reason: { code: 'ERR_APPLICATION_CYCLE', cycle: ['a', 'a'] },
    })
  })

  it.each(['prepStop', 'stop'] as const)(
    'a throw in %s is logged and stopping goes on',
    async (name) => {
      const { system, define, log, texts } = open()
      const failing = {
        [name]: () => {
          throw new Error('no')
        },
      }
      const A = define('a', [], failing)
      await Application.start(A, { system })
      await Application.stop(A, { system })
      expect(log).toContain('a worker ends')
      expect(texts('error')).toEqual([`${name} of the application failed`])
    },
  )

  it('an asynchronous prepStop is waited for before the tree stops', async () => {
    const { system, define, log, clock } = open()
    const A = define('a', [], {
      prepStop: async () => {
        await new Promise<void>((resolve) => clock.setTimer(100, resolve))
        log.push('drained')
      },
    })
    await Application.start(A, { system })
    const stopped = outcome(Application.stop(A, { system }))
    await clock.advance(99)
    expect([stopped.settled, log]).toEqual([false, ['a start']])
    await clock.advance(1)
    expect(log).toEqual(['a start', 'drained', 'a worker ends', 'a stop'])
  })
})

describe('applications that need one another', () => {
  it('ensureAllStarted starts what is needed first, and stopAll stops it last', async () => {
    const { system, define, log } = open()
    const Log = define('log')
    const Db = define('db', [Log])
    const Web = define('web', [Db, Log])
    const { started, root } = await Application.ensureAllStarted(Web, { system })
    expect([started, system.isAlive(root.pid)]).toEqual([['log', 'db', 'web'], true])
    expect(await running({ system })).toEqual(['log', 'db', 'web'])
    expect((await Application.ensureAllStarted(Web, { system })).started).toEqual([])
    await Application.stopAll({ system })
    const steps = (name: string): string[] =>
      ['prepStop', 'worker ends', 'stop'].map((step) => `${name} ${step}`)
    expect(log.slice(3)).toEqual([...steps('web'), ...steps('db'), ...steps('log')])
  })

  it('start alone refuses while something needed does not run', async () => {
    const { system, define } = open()
    const Db = define('db')
    const Web = define('web', [Db])
    await expect(Application.start(Web, { system })).rejects.toMatchObject({
      code: 'ERR_APPLICATION_NOT_RUNNING',
      applicationName: 'db',
      neededBy: 'web',
    })
    await Application.start(Db, { system })
    await Application.start(Web, { system })
    expect(await running({ system })).toEqual(['db', 'web'])
  })

  it('a start that fails stops what it began, in reverse, and nothing else', async () => {
    const { system, define, log } = open()
    const Log = define('log')
    const Db = define('db', [Log])
    const Cache = define('cache', [Log])
    const Web = define('web', [Db, Cache], {
      start: () => {
        throw new Error('no port')
      },
    })
    await Application.start(Log, { system })
    await expect(Application.ensureAllStarted(Web, { system })).rejects.toMatchObject({
      code: 'ERR_APPLICATION_START',
      applicationName: 'web',
      reason: new Error('no port'),
    })
    expect(await running({ system })).toEqual(['log'])
    expect(log.filter((event) => event.endsWith(' stop'))).toEqual(['cache stop', 'db stop'])
  })

  it('a circle is refused with the circle', async () => {
    const { system, define } = open()
    const A = define('a', ['c'])
    const B = define('b', [A])
    const C = define('c', [B])
    await Application.load(A, { system })
    await Application.load(C, { system })
    await expect(Application.ensureAllStarted(C, { system })).rejects.toMatchObject({
      code: 'ERR_APPLICATION_CYCLE',
      cycle: ['c', 'b', 'a', 'c'],
    })
    expect(await running({ system })).toEqual([])
  })

  it('one that needs itself is a circle too', async () => {
    const { system, define } = open()
    await expect(
      Application.ensureAllStarted(define('a', ['a']), { system }),
    ).rejects.toMatchObject({
      cycle: ['a', 'a'],
    })
  })

  it('a name that nobody loaded is refused, a loaded one is found', async () => {
    const { system, define } = open()
    const Web = define('web', ['db'])
    await expect(Application.ensureAllStarted(Web, { system })).rejects.toMatchObject({
      code: 'ERR_APPLICATION_UNKNOWN',
      applicationName: 'db',
      neededBy: 'web',
    })
    await Application.load(define('db'), { system })
    expect((await Application.ensureAllStarted(Web, { system })).started).toEqual(['db', 'web'])
  })

  it('two applications of one name are refused, not taken for one another', async () => {
    const { system, define } = open()
    const taken = { code: 'ERR_APPLICATION_NAME', applicationName: 'a' }
    const A = define('a')
    const Other = define('a')
    const needsBoth = define('b', [define('c', [A]), Other])
    await expect(Application.ensureAllStarted(needsBoth, { system })).rejects.toMatchObject(taken)
    await Application.start(A, { system, env: { port: 81 } })
    await expect(Application.start(Other, { system })).rejects.toMatchObject(taken)
    await expect(Application.setEnv(Other, { port: 82 }, { system })).rejects.toMatchObject(taken)
    expect(Application.getEnv(A, 'port', { system })).toBe(81)
    expect(Application.getEnv(Other, 'port', { system })).toBe(80)
    await Application.stop(A, { system })
    await Application.start(Other, { system })
    expect(await running({ system })).toEqual(['a'])
  })

  it('what runs already stays when something it needs had to be started again', async () => {
    const { system, define } = open()
    const A = define('a')
    const B = define('b', [A])
    await Application.ensureAllStarted(B, { system })
    await Application.stop(A, { system })
    const { started } = await Application.ensureAllStarted(B, { system })
    expect([started, await running({ system })]).toEqual([['a'], ['b', 'a']])
  })

  it('systems know nothing of one another', async () => {
    const one = open()
    const two = open()
    const A = one.define('a')
    await Application.start(A, { system: one.system })
    expect([await running(one), await running(two)]).toEqual([['a'], []])
  })
})

describe('the environment', () => {
  it('is the defaults, what was set, and what start was given', async () => {
    const { system, define } = open()
    const seen: unknown[] = []
    const A = define('a', [], {
      start: ({ env, name, type }) => {
        seen.push(env, name, type)
        return Supervisor.startLink()
      },
    })
    const get = () => [
      Application.getEnv(A, 'port', { system }),
      Application.getEnv(A, 'host', { system }),
    ]
    expect(get()).toEqual([80, 'localhost'])
    await Application.setEnv(A, { host: 'example.org' }, { system })
    expect(get()).toEqual([80, 'example.org'])
    await Application.start(A, { system, type: 'transient', env: { port: 443 } })
    expect(seen).toEqual([{ port: 443, host: 'example.org' }, 'a', 'transient'])
    await Application.setEnv(A, { port: 444 }, { system })
    expect([get(), A.env]).toEqual([[444, 'example.org'], { port: 80, host: 'localhost' }])
  })

  it('takes a setting of undefined as not given, as options are', async () => {
    const { system, define } = open()
    const A = define('a')
    await Application.start(A, { system, env: { port: undefined } as never })
    await Application.setEnv(A, { host: undefined } as never, { system })
    const get = (key: 'port' | 'host') => Application.getEnv(A, key, { system })
    expect([get('port'), get('host')]).toEqual([80, 'localhost'])
  })

  it('knows only the settings of the application', async () => {
    const { system, define } = open()
    const A = define('a')
    const unknown = { code: 'ERR_OPTION_UNKNOWN', option: 'prot' }
    const env = { prot: 1 } as never
    await expect(Application.start(A, { system, env })).rejects.toMatchObject(unknown)
    await expect(Application.setEnv(A, env, { system })).rejects.toMatchObject(unknown)
    expect(() => Application.getEnv(A, 'prot' as never, { system })).toThrow(
      expect.objectContaining(unknown),
    )
    expect(await running({ system })).toEqual([])
  })
})

describe('an application that ends by itself', () => {
  async function endWith(type: 'permanent' | 'transient' | 'temporary', reason: unknown) {
    const made = open()
    const { system, define, clock, log } = made
    const Log = define('log')
    const A = defineApplication({
      name: 'a',
      applications: [Log],
      start: async ({ system: home, parent }) =>
        await Worker.start((event) => log.push(`a ${event}`), { system: home, parent, link: true }),
      prepStop: () => void log.push('a prepStop'),
      stop: () => void log.push('a stop'),
    })
    await Application.start(Log, { system })
    const root = await Application.start(A, { system, type })
    root.cast.end(reason)
    await clock.settle()
    return { ...made, stopped: system.stopping }
  }

  it('runs stop without prepStop', async () => {
    const { log } = await endWith('temporary', 'normal')
    expect(log).toEqual(['log start', 'a worker ends', 'a stop'])
  })

  it.each([
    ['permanent', 'normal', true],
    ['permanent', 'shutdown', true],
    ['permanent', 'crash', true],
    ['transient', 'normal', false],
    ['transient', 'shutdown', true],
    ['transient', 'crash', true],
    ['temporary', 'normal', false],
    ['temporary', 'crash', false],
  ] as const)('%s with %s: all others and the system end: %s', async (type, reason, all) => {
    const { system, log, texts, stopped } = await endWith(type, reason)
    expect(stopped).toBe(all)
    if (all) {
      expect(log.slice(2)).toEqual(['a stop', 'log prepStop', 'log worker ends', 'log stop'])
      expect(texts('error')).toContain('application ended: all others and the system stop')
      await system.stop()
      expect(system.stats().processes).toBe(0)
    } else {
      expect(texts('warn')).toContain('application ended')
      expect(await running({ system })).toEqual(['log'])
    }
  })

  it('a permanent application that is stopped on purpose ends nothing', async () => {
    const { system, define } = open()
    const A = define('a')
    const B = define('b')
    await Application.start(A, { system, type: 'permanent' })
    await Application.start(B, { system })
    await Application.stop(A, { system })
    expect([await running({ system }), system.stopping]).toEqual([['b'], false])
  })

  it('one that ends in the moment of its start has started and ended', async () => {
    const { system, define, clock } = open()
    const A = define('a', [], {
      start: async () => {
        const sup = await Supervisor.startLink()
        system.exit(sup.pid, 'kill')
        return sup
      },
    })
    await Application.start(A, { system }).catch(() => {})
    await clock.settle()
    expect(await running({ system })).toEqual([])
  })
})

describe('the end of the system', () => {
  it('stops all applications in reverse order', async () => {
    const { system, define, log } = open()
    const Log = define('log')
    const Web = define('web', [Log])
    await Application.ensureAllStarted(Web, { system })
    await system.stop()
    expect(log.filter((event) => event.endsWith(' stop'))).toEqual(['web stop', 'log stop'])
  })

  it('also one that is starting', async () => {
    const { system, define, clock } = open()
    const A = define('a', [], { start: () => new Promise<never>(() => {}) })
    const started = outcome(Application.start(A, { system }))
    await clock.settle()
    await system.stop()
    expect(started.error).toMatchObject({ code: 'ERR_APPLICATION_START' })
  })
})

describe('sys', () => {
  it('shows an application with its tree, and the workers of a pool', async () => {
    const { system, define } = open()
    const worker = Worker.child(() => {}, { id: 'lent' })
    const A = define('a', [], {
      start: () =>
        Supervisor.startLink({ children: [Pool.child({ worker, size: 1 }, { id: 'pool' })] }),
    })
    await Application.start(A, { system })
    const path: string[] = []
    const descend = (nodes: readonly TreeNode[]): void => {
      for (const { id, behaviour, children } of nodes) {
        path.push(`${behaviour} ${id ?? '-'}`)
        descend(children)
      }
    }
    descend(sys.tree(system).roots)
    expect(path).toEqual([
      'application_controller -',
      'application a',
      'supervisor a',
      'pool pool',
      'gen_server lent 0',
    ])
    await expect(
      sys.getState((await Application.which({ system }))[0]?.pid as Pid),
    ).resolves.toMatchObject({ name: 'a' })
  })
})

describe('what is no application', () => {
  it('is refused', async () => {
    const { system } = world()
    expect(() => defineApplication({ name: '', start: () => Supervisor.start() })).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
    expect(() => defineApplication({ name: 'a' } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDLER_MISSING' }),
    )
    expect(() =>
      defineApplication({
        name: 'a',
        applications: [{} as never],
        start: () => Supervisor.start(),
      }),
    ).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
    for (const [name, code] of [
      ['prep_stop', 'ERR_OPTION_UNKNOWN'],
      ['prepStop', 'ERR_OPTION_INVALID'],
      ['env', 'ERR_OPTION_INVALID'],
      ['applications', 'ERR_OPTION_INVALID'],
    ] as const) {
      const definition = { name: 'a', start: () => Supervisor.start(), [name]: 'abc' } as never
      expect(() => defineApplication(definition)).toThrow(expect.objectContaining({ code }))
    }
    const fake = { name: 'fake', applications: [], env: {} }
    await expect(Application.start(fake, { system })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    })
    await expect(
      Application.start(fake, { system, types: 'permanent' } as never),
    ).rejects.toMatchObject({ code: 'ERR_OPTION_UNKNOWN' })
  })

  it.each<[string, (system: System) => unknown]>([
    ['start', (system) => Application.start(undefined as never, { system })],
    ['ensureAllStarted', (system) => Application.ensureAllStarted(undefined as never, { system })],
    ['stop', (system) => Application.stop(undefined as never, { system })],
    ['load', (system) => Application.load(undefined as never, { system })],
    ['setEnv', (system) => Application.setEnv(undefined as never, {}, { system })],
    ['getEnv', (system) => Application.getEnv(undefined as never, 'a' as never, { system })],
  ])('nothing at all is refused by %s', async (_name, act) => {
    const { system } = world()
    await expect((async () => await act(system))()).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
  })

  it('settings that are no object are refused', async () => {
    const { system, define } = open()
    await expect(
      Application.setEnv(define('a'), undefined as never, { system }),
    ).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
  })
})
