import { describe, expect, it } from 'vitest'
import {
  defineApplication,
  defineServer,
  reply,
  runApplication,
  stop,
  Supervisor,
  Application,
  type Ctx,
  type RunApplicationOptions,
  type RunStatus,
  type SignalSource,
} from '../../../behaviours/index.ts'
import {
  exitCodeOf,
  isSignal,
  operatingSystem,
} from '../../../behaviours/application/application-signals.ts'
import { createSimClock, createSystem, type Pid, type SimClock } from '../../../runtime/index.ts'
import { outcome, world } from '../world.ts'

const Worker = defineServer({
  init: (stopMs: number, ctx: Ctx<never>) => {
    ctx.trapExit(true)
    return { stopMs, ctx }
  },
  call: { ping: (state) => reply('pong', state) },
  cast: { end: (_state, reason: unknown) => stop(reason) },
  terminate: (_reason, { stopMs, ctx }) =>
    new Promise<void>((resolve) => {
      if (stopMs === 0) resolve()
      else if (stopMs < Infinity) ctx.system.clock.setTimer(stopMs, resolve)
    }),
})

/** A program without an operating system. */
class Program implements SignalSource {
  readonly listeners = new Map<string, Set<() => void>>()
  exitCode: number | undefined = undefined
  exited: number | undefined = undefined
  readonly reports: string[] = []

  on(signal: string, listener: () => void): void {
    this.listeners.set(signal, (this.listeners.get(signal) ?? new Set()).add(listener))
  }
  off(signal: string, listener: () => void): void {
    const listeners = this.listeners.get(signal)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.listeners.delete(signal)
  }
  setExitCode(code: number): void {
    this.exitCode = code
  }
  exit(code: number): void {
    this.exited = code
  }
  report(text: string): void {
    this.reports.push(text)
  }
  send(signal: string): void {
    for (const listener of this.listeners.get(signal) ?? []) listener()
  }
}

async function open(stopMs = 0, options: Partial<RunApplicationOptions> = {}) {
  const made = world()
  const { system, clock } = made
  const program = new Program()
  const log: string[] = []
  const Base = defineApplication({
    name: 'base',
    start: () => Supervisor.startLink(),
    stop: () => void log.push('base stop'),
  })
  const App = defineApplication({
    name: 'app',
    applications: [Base],
    env: { fail: false },
    start: async ({ env, system: home, parent }) => {
      if (env.fail) throw new Error('no port')
      return await Worker.start(stopMs, { system: home, parent, link: true, name: 'worker' })
    },
    prepStop: () => void log.push('app prepStop'),
    stop: () => void log.push('app stop'),
  })
  const run = outcome(runApplication(App, { system, signalSource: program, ...options }))
  await clock.settle()
  if (options.system !== undefined) await (options.system.clock as SimClock).settle()
  const clean = (): unknown => [
    program.listeners.size,
    system.stats().processes,
    system.stats().timers,
    clock.timerCount,
  ]
  return { ...made, program, log, run, clean, App }
}

describe('runApplication', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s drains: in reverse, with exit code 0', async (signal) => {
    const { program, run, log, clock, clean } = await open()
    expect([run.settled, [...program.listeners.keys()]]).toEqual([false, ['SIGTERM', 'SIGINT']])
    program.send(signal)
    await clock.settle()
    expect(run.value).toEqual({
      exitCode: 0,
      cause: 'signal',
      signal,
      reason: signal,
      forced: false,
    } satisfies RunStatus)
    expect(log).toEqual(['app prepStop', 'app stop', 'base stop'])
    expect([program.exitCode, program.exited]).toEqual([0, undefined])
    expect(clean()).toEqual([0, 0, 0, 0])
  })

  it('waits for what takes time to stop', async () => {
    const { program, run, clock } = await open(1000, { stopTimeoutMs: 1001 })
    program.send('SIGTERM')
    await clock.advance(999)
    expect(run.settled).toBe(false)
    await clock.advance(1)
    expect(run.value).toMatchObject({ exitCode: 0, forced: false })
  })

  it('after stopTimeoutMs everything is killed and the program is ended', async () => {
    const { program, run, clock, clean } = await open(Infinity, { stopTimeoutMs: 1000 })
    program.send('SIGTERM')
    await clock.advance(999)
    expect(run.settled).toBe(false)
    await clock.advance(1)
    expect(run.value).toMatchObject({ exitCode: 1, forced: 'deadline', signal: 'SIGTERM' })
    expect([program.exitCode, program.exited, clean()]).toEqual([1, 1, [0, 0, 0, 0]])
  })

  it('a second signal kills everything at once and ends the program as shells count', async () => {
    const { program, run, clock, clean } = await open(Infinity)
    program.send('SIGTERM')
    await clock.advance(10)
    expect(run.settled).toBe(false)
    program.send('SIGINT')
    await clock.settle()
    expect(run.value).toMatchObject({ exitCode: 130, forced: 'second_signal', signal: 'SIGTERM' })
    expect([program.exited, clean()]).toEqual([130, [0, 0, 0, 0]])
  })

  it.each([
    ['normal', 0],
    ['shutdown', 1],
    [new Error('broken'), 1],
  ])('an application that ends with %s ends the run with %s', async (reason, exitCode) => {
    const { program, run, clock, clean, system, log } = await open()
    system.cast('worker', 'end', reason)
    await clock.settle()
    expect(run.value).toMatchObject({ exitCode, cause: 'ended', reason, signal: undefined })
    expect([program.exitCode, log]).toEqual([exitCode, ['app stop', 'base stop']])
    expect(clean()).toEqual([0, 0, 0, 0])
  })

  it('an application that is stopped on purpose ends the run with 0', async () => {
    const { run, clock, system } = await open()
    await Application.stop('app', { system })
    await clock.settle()
    expect(run.value).toMatchObject({ exitCode: 0, cause: 'ended' })
  })

  it('a start that fails rejects with the reason, exit code 1, and leaves nothing', async () => {
    const seen: RunStatus[] = []
    const { program, run, clean } = await open(0, {
      env: { fail: true } as object,
      onExit: (status) => void seen.push(status),
    })
    expect(run.error).toMatchObject({ code: 'ERR_APPLICATION_START', reason: new Error('no port') })
    expect(seen).toMatchObject([{ exitCode: 1, cause: 'start_failed' }])
    expect([program.exitCode, clean()]).toEqual([1, [0, 0, 0, 0]])
  })

  it('a signal during the start gives it up and ends with 0', async () => {
    const { system, clock } = world()
    const program = new Program()
    const Slow = defineApplication({ name: 'slow', start: () => new Promise<never>(() => {}) })
    const run = outcome(runApplication(Slow, { system, signalSource: program }))
    await clock.advance(10)
    program.send('SIGTERM')
    await clock.settle()
    expect(run.value).toMatchObject({ exitCode: 0, cause: 'signal', signal: 'SIGTERM' })
    expect([program.listeners.size, system.stats().processes]).toEqual([0, 0])
  })

  it.each(['deadline', 'second signal'])(
    'a %s ends it also while what was started for it refuses to stop',
    async (what) => {
      const { system, clock } = world()
      const program = new Program()
      const Base = defineApplication({
        name: 'base',
        start: () => Supervisor.startLink(),
        prepStop: () => new Promise<void>(() => {}),
      })
      const App = defineApplication({
        name: 'app',
        applications: [Base],
        start: () => new Promise<never>(() => {}),
      })
      const options = { system, signalSource: program, stopTimeoutMs: 1000 }
      const run = outcome(runApplication(App, options))
      await clock.settle()
      program.send('SIGTERM')
      await clock.advance(what === 'deadline' ? 1000 : 10)
      if (what !== 'deadline') program.send('SIGTERM')
      await clock.settle()
      expect(run.value).toMatchObject({ cause: 'signal', forced: what.replace(' ', '_') })
      expect([system.stats().processes, clock.timerCount]).toEqual([0, 0])
    },
  )

  it('the first signal while a failed application drains does not cut the drain short', async () => {
    const { system, clock } = world()
    const program = new Program()
    const log: string[] = []
    const Base = defineApplication({
      name: 'base',
      start: () => Supervisor.startLink(),
      prepStop: () => new Promise<void>((resolve) => clock.setTimer(500, resolve)),
      stop: () => void log.push('base stop'),
    })
    const App = defineApplication({
      name: 'app',
      applications: [Base],
      start: (ctx) => Worker.start(0, { system: ctx.system, parent: ctx.parent, name: 'worker' }),
    })
    const run = outcome(runApplication(App, { system, signalSource: program }))
    await clock.settle()
    system.cast('worker', 'end', new Error('broken'))
    await clock.advance(10)
    program.send('SIGTERM')
    await clock.advance(490)
    expect([run.value, log]).toMatchObject([
      { exitCode: 1, cause: 'ended', signal: 'SIGTERM', forced: false },
      ['base stop'],
    ])
  })

  it('ends when the process that knows the applications was killed', async () => {
    const { run, clock, clean, system } = await open()
    system.exit(system.whereis('fovea.application_controller') as Pid, 'kill')
    await clock.settle()
    expect(run.value).toMatchObject({ exitCode: 1, cause: 'ended', reason: 'killed' })
    expect(clean()).toEqual([0, 0, 0, 0])
  })

  it.each([
    ['ends normally', 'normal', {}, []],
    ['fails', new Error('broken'), {}, ["application 'app' ended: Error: broken"]],
    ['fails and onExit is told', new Error('broken'), { onExit: () => {} }, []],
  ])(
    'an application that %s is reported as far as it must be',
    async (_what, reason, options, reports) => {
      const { program, clock, system } = await open(0, options)
      system.cast('worker', 'end', reason)
      await clock.settle()
      expect(program.reports).toEqual(reports)
    },
  )

  it('a drain that was cut short is reported, and where the log is if there is none', async () => {
    const { program, clock } = await open(Infinity, { stopTimeoutMs: 1000 })
    program.send('SIGTERM')
    await clock.advance(1000)
    expect(program.reports).toEqual([
      "application 'app' did not stop within 1000 ms and was killed",
    ])
    const silent = createSystem({ clock: createSimClock() })
    const failing = await open(0, { system: silent })
    silent.cast('worker', 'end', 'broken')
    await (silent.clock as SimClock).settle()
    expect(failing.program.reports[0]).toMatch(/ended: broken\. .*createSystem\(\{ logger/)
  })

  it('ends the program by force although onExit throws', async () => {
    const onExit = (): never => {
      throw new Error('no log')
    }
    const { program, run, clock } = await open(Infinity, { stopTimeoutMs: 1000, onExit })
    program.send('SIGTERM')
    await clock.advance(1000)
    expect([run.error, program.exited]).toEqual([new Error('no log'), 1])
  })

  it('its signal drains, also if it was aborted before', async () => {
    const aborter = new AbortController()
    const { run, clock } = await open(0, { signal: aborter.signal })
    aborter.abort('done')
    await clock.settle()
    expect(run.value).toMatchObject({ exitCode: 0, cause: 'aborted', reason: 'done' })
    const { run: late } = await open(0, { signal: AbortSignal.abort('done') })
    expect(late.value).toMatchObject({ exitCode: 0, cause: 'aborted' })
  })

  it('waits for onExit, when signals do again what they do to every program', async () => {
    const steps: unknown[] = []
    let go: () => void = () => {}
    const { program, run, clock } = await open(0, {
      onExit: async ({ exitCode }) => {
        steps.push(exitCode, program.listeners.size)
        await new Promise<void>((resolve) => {
          go = resolve
        })
      },
    })
    program.send('SIGTERM')
    await clock.settle()
    expect([run.settled, steps]).toEqual([false, [0, 0]])
    go()
    await clock.settle()
    expect(run.settled).toBe(true)
  })

  it('refuses what it does not know', async () => {
    const { system } = world()
    const App = defineApplication({ name: 'app', start: () => Supervisor.startLink() })
    await expect(runApplication(App, { system, signals: ['SIGNAL'] })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
      option: 'signals',
    })
    await expect(runApplication(App, { timeoutMs: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
    })
    await expect(runApplication({} as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
  })

  it('a success does not hide the exit code of a failure', () => {
    const before = process.exitCode
    try {
      process.exitCode = undefined
      for (const code of [0, 3, 0, 1]) operatingSystem.setExitCode(code)
      expect(process.exitCode).toBe(3)
    } finally {
      process.exitCode = before
    }
  })

  it('knows the signals of the operating system', () => {
    const before = process.listenerCount('SIGTERM')
    const listener = (): void => {}
    operatingSystem.on('SIGTERM', listener)
    expect(process.listenerCount('SIGTERM')).toBe(before + 1)
    operatingSystem.off('SIGTERM', listener)
    expect(process.listenerCount('SIGTERM')).toBe(before)
    expect([isSignal('SIGTERM'), isSignal('TERM'), isSignal(15)]).toEqual([true, false, false])
    expect([exitCodeOf('SIGTERM'), exitCodeOf('SIGINT')]).toEqual([143, 130])
  })
})
