import { beforeEach, describe, expect, it } from 'vitest'
import {
  createSystem,
  defaultSystem,
  exit,
  silentLogger,
  TIMER_DELAY_MS_MAX,
  type MonitorRef,
  type Pid,
  type RemoteGate,
  type System,
  type Via,
} from '../../../runtime/index.ts'
import {
  noreply,
  reply,
  StartAbortedError,
  StopAbortedError,
  stopProcess,
  StopTimeoutError,
} from '../../../behaviours/index.ts'
import { ending, idler, outcome, scripted, watcher, within, world, type World } from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

/** Whatever is asked of it throws. */
const nasty: object = new Proxy(
  {},
  {
    getPrototypeOf: () => {
      throw new Error('nasty')
    },
    ownKeys: () => {
      throw new Error('nasty')
    },
  },
)

const never = (): Promise<never> => new Promise<never>(() => {})

describe('start', () => {
  it('refuses unknown, renamed and wrong options by name', async () => {
    const server = scripted()
    await expect(server.start(undefined, { system, nmae: 'x' } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
      option: 'nmae',
    })
    await expect(
      server.start(undefined, { system, initTimeout: 1 } as never),
    ).rejects.toMatchObject({
      code: 'ERR_OPTION_RENAMED',
    })
    await expect(server.start(undefined, { system, initTimeoutMs: -1 })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
      option: 'initTimeoutMs',
    })
    expect(system.stats().processes).toBe(0)
  })

  it('takes the running process’s system when none is given', async () => {
    const server = scripted()
    const ref = await within(system, () => server.start())
    expect(ref.pid.node).toBe('test')
  })

  it('takes the default system outside processes', async () => {
    const ref = await scripted().start()
    expect(ref.pid.node).toBe(defaultSystem().node)
    await defaultSystem().stop()
  })

  it('startLink and startMonitor need to know for whom', async () => {
    const code = 'ERR_START_NO_PARENT'
    await expect(scripted().startLink(undefined, { system })).rejects.toMatchObject({ code })
    await expect(scripted().startMonitor(undefined, { system })).rejects.toMatchObject({ code })
    await expect(scripted().startLink(undefined)).rejects.toThrow('pass { parent }')
    await expect(scripted().startMonitor(undefined)).rejects.toThrow('pass { monitor }')
  })

  it.each([
    ['initTimeoutMs', 0, true],
    ['initTimeoutMs', TIMER_DELAY_MS_MAX, true],
    ['initTimeoutMs', Infinity, true],
    ['initTimeoutMs', TIMER_DELAY_MS_MAX + 1, false],
    ['initTimeoutMs', '5', false],
    ['signal', new AbortController().signal, true],
    ['signal', { aborted: false }, false],
    ['signal', { addEventListener: () => {} }, false],
    ['signal', 5, false],
    ['signal', null, false],
  ])('%s: %o is taken: %o', async (option, value, good) => {
    const started = scripted().start(undefined, { system, [option]: value })
    if (good) expect((await started).pid).toBeDefined()
    else await expect(started).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', option })
  })

  it('a child is linked to its parent by its own start, without a supervisor', async () => {
    const parent = watcher(system)
    const spec = scripted().child(undefined, { id: 'a', restart: undefined } as never)
    expect(spec).not.toHaveProperty('restart')
    const { pid } = (await spec.start({ system, parent: parent.pid })) as { pid: Pid }
    system.exit(pid, 'kill')
    await w.clock.settle()
    expect(parent.got).toEqual([{ type: 'exit', from: pid, reason: 'killed' }])
  })

  it('startLink links to the running process', async () => {
    const server = scripted()
    let child: Pid | undefined
    const parent = system.spawn(async (ctx) => {
      const ref = await server.startLink()
      child = ref.pid
      await ctx.receive()
      ctx.exit('boom')
    })
    await w.clock.settle()
    const end = ending(system, child!)
    system.send(parent, 'go')
    await w.clock.settle()
    expect(end.reason).toBe('boom')
  })

  it('an aborted signal kills the process that starts; a later abort does nothing', async () => {
    const abort = new AbortController()
    let pid: Pid | undefined
    const server = scripted({
      init: (ctx) => {
        pid = ctx.self.pid
        return never()
      },
    })
    const started = outcome(server.start(undefined, { system, signal: abort.signal }))
    await w.clock.settle()
    abort.abort(new Error('enough'))
    await w.clock.settle()
    expect(started.error).toBeInstanceOf(StartAbortedError)
    expect(system.isAlive(pid!)).toBe(false)
    expect(w.texts('error')).toEqual([])
    await expect(
      scripted().start(undefined, { system, signal: abort.signal }),
    ).rejects.toBeInstanceOf(StartAbortedError)
    const late = new AbortController()
    const ref = await scripted().start(undefined, { system, signal: late.signal })
    late.abort()
    expect(await ref.call.ping()).toBe('pong')
  })

  it('an init that was asynchronous leaves no timer behind', async () => {
    await scripted({ init: async () => 0 }).start(undefined, { system })
    await w.clock.settle()
    expect(system.stats().timers).toBe(0)
    expect(w.clock.timerCount).toBeLessThanOrEqual(1)
  })

  it('initTimeoutMs Infinity waits as long as it takes', async () => {
    let done: (n: number) => void = () => {}
    const server = scripted({
      init: () =>
        new Promise<number>((resolve) => {
          done = resolve
        }),
    })
    const started = outcome(server.start(undefined, { system, initTimeoutMs: Infinity }))
    await w.clock.advance(10_000_000)
    expect(started.settled).toBe(false)
    done(1)
    await w.clock.settle()
    expect(started.value).toBeDefined()
  })

  it('a process that dies during its init fails the start with its reason', async () => {
    let pid: Pid | undefined
    const server = scripted({
      init: (ctx) => {
        pid = ctx.self.pid
        return never()
      },
    })
    const started = outcome(server.start(undefined, { system }))
    await w.clock.settle()
    system.exit(pid!, 'boom')
    await w.clock.settle()
    expect(started.error).toMatchObject({ code: 'ERR_INIT_FAILED', reason: 'boom' })
  })

  it('an init that ends its own process by a signal has failed, whatever it returns', async () => {
    const server = scripted({
      init: (ctx) => {
        ctx.system.exit(ctx.self.pid, 'boom')
        return 0
      },
    })
    await expect(server.start(undefined, { system })).rejects.toMatchObject({ reason: 'boom' })
  })

  it('a via that loses the race rejects with the directory’s answer, not with a failed init', async () => {
    const holder = idler(system)
    let asked = 0
    const via: Via = {
      label: 'v',
      whereisName: () => (asked++ === 0 ? undefined : holder),
      registerName: () => false,
      unregisterName: () => {},
    }
    await expect(scripted().start(undefined, { system, name: via })).rejects.toMatchObject({
      code: 'ERR_ALREADY_STARTED',
      pid: holder,
    })
  })

  it('mailboxMessagesMax bounds the mailbox: at the limit accepted, beyond refused', async () => {
    const ref = await scripted().start(undefined, { system, mailboxMessagesMax: 2 })
    expect([ref.cast.add(1), ref.cast.add(1), ref.cast.add(1)]).toEqual([true, true, false])
    await expect(ref.call.get()).rejects.toMatchObject({ code: 'ERR_MAILBOX_FULL' })
    expect(await ref.call.get()).toBe(2)
  })
})

describe('a start linked to a parent that is not there', () => {
  it('L-11 rejects with noproc, and init does not run', async () => {
    const parent = idler(system)
    system.exit(parent, 'kill')
    let ran = false
    const server = scripted({
      init: () => {
        ran = true
        return 0
      },
    })
    await expect(server.startLink(undefined, { system, parent })).rejects.toMatchObject({
      code: 'ERR_INIT_FAILED',
      reason: 'noproc',
    })
    expect(ran).toBe(false)
    expect(system.stats().processes).toBe(0)
  })

  it('X-05 rejects with noconnection if it lives where there is no way to', async () => {
    const parent = idler(createSystem({ clock: w.clock }))
    await expect(scripted().startLink(undefined, { system, parent })).rejects.toMatchObject({
      code: 'ERR_INIT_FAILED',
      reason: 'noconnection',
    })
  })

  it('G-51 a trapping server starts, and its EXIT makes it terminate', async () => {
    const parent = idler(system)
    system.exit(parent, 'kill')
    const log: unknown[] = []
    const ref = await scripted({ log }).startLink(undefined, { system, parent, trapExit: true })
    await w.clock.settle()
    expect(log).toEqual([['terminate', 'noproc', 0]])
    expect(system.isAlive(ref.pid)).toBe(false)
  })
})

describe('stop', () => {
  it('refuses unknown options', async () => {
    const ref = await scripted().start(undefined, { system })
    await expect(stopProcess(ref, 'normal', { timeout: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION_RENAMED',
      message: expect.stringMatching(/^stop: /),
    })
    expect(system.isAlive(ref.pid)).toBe(true)
  })

  it.each([5, null, undefined, {}, { pid: 5 }, { via: 5 }, { type: 'x' }])(
    'refuses %o as a target',
    async (target) => {
      await expect(stopProcess(target as never, 'normal', { system })).rejects.toThrow(
        /target.*a pid, a ref, a name or \{ via \}/,
      )
    },
  )

  it('names in its error what it was asked to stop', async () => {
    const free: Via = {
      label: 'v',
      whereisName: () => undefined,
      registerName: () => true,
      unregisterName: () => {},
    }
    const dead = idler(system)
    system.exit(dead, 'kill')
    const text = (target: Parameters<typeof stopProcess>[0]): Promise<unknown> =>
      stopProcess(target, 'normal', { system }).catch((error: unknown) => (error as Error).message)
    expect(await text('nobody')).toBe('stop of nobody: there is no such process')
    expect(await text({ via: free })).toBe('stop of process: there is no such process')
    expect(await text(dead)).toBe(`stop of ${String(dead)}: there is no such process`)
  })

  it('finds a name in the system of the running process', async () => {
    const { pid } = await scripted().start(undefined, { system, name: 'here' })
    await within(system, () => stopProcess('here'))
    expect(system.isAlive(pid)).toBe(false)
  })

  it('leaves nothing at the signal, and its deadline does not fire later', async () => {
    const abort = new AbortController()
    const listeners = new Set<unknown>()
    const { signal } = abort
    const [add, remove] = [signal.addEventListener, signal.removeEventListener]
    signal.addEventListener = (type: string, ...rest: unknown[]) => {
      listeners.add(rest[0])
      add.call(signal, type, ...(rest as [never]))
    }
    signal.removeEventListener = (type: string, ...rest: unknown[]) => {
      listeners.delete(rest[0])
      remove.call(signal, type, ...(rest as [never]))
    }
    const ref = await scripted().start(undefined, { system })
    const before = w.clock.timerCount
    await stopProcess(ref, 'normal', { timeoutMs: 60_000, signal })
    await w.clock.settle()
    expect([listeners.size, w.clock.timerCount - before]).toEqual([0, 0])
  })

  it.each([
    ['resolves', 'an equal reason', () => ({ shutdown: 'x' })],
    ['rejects', 'another reason', () => ({ shutdown: 'y' })],
    ['rejects', 'a reason that cannot be compared', () => nasty],
  ])('%s if the end has %s', async (how, _what, reason) => {
    const server = scripted({ terminate: () => exit(reason()) })
    const ref = await server.start(undefined, { system })
    const stopped = outcome(stopProcess(ref, { shutdown: 'x' }))
    await w.clock.settle()
    expect(stopped.settled).toBe(true)
    if (how === 'resolves') expect(stopped.error).toBeUndefined()
    else expect(stopped.error).toMatchObject({ code: 'ERR_STOP_EXIT' })
  })

  it('stops by pid, ref, name and via', async () => {
    const targets = ['pid', 'ref', 'name', 'via'] as const
    for (const how of targets) {
      const ref = await scripted().start(undefined, { system, name: how })
      const via: Via = {
        label: 'v',
        whereisName: () => ref.pid,
        registerName: () => true,
        unregisterName: () => {},
      }
      const target = { pid: ref.pid, ref, name: how, via: { via } }[how]
      await stopProcess(target, 'normal', { system })
      expect(system.isAlive(ref.pid)).toBe(false)
    }
  })

  it('an abort ends the waiting; an aborted signal stops nothing', async () => {
    const abort = new AbortController()
    const ref = await scripted({ terminate: never }).start(undefined, { system })
    const stopped = outcome(stopProcess(ref, 'normal', { signal: abort.signal }))
    await w.clock.settle()
    abort.abort()
    await w.clock.settle()
    expect(stopped.error).toBeInstanceOf(StopAbortedError)
    const other = await scripted().start(undefined, { system })
    await expect(stopProcess(other, 'normal', { signal: abort.signal })).rejects.toBeInstanceOf(
      StopAbortedError,
    )
    expect(await other.call.ping()).toBe('pong')
  })

  it('leaves no timer behind', async () => {
    const ref = await scripted().start(undefined, { system })
    await stopProcess(ref, 'normal', { timeoutMs: 60_000 })
    await w.clock.settle()
    expect(w.clock.nextTimerMs).toBeGreaterThanOrEqual(0)
    expect(w.clock.timerCount).toBeLessThanOrEqual(1)
  })

  it('a process that is killed while it stops is reported as killed', async () => {
    const ref = await scripted({ terminate: never }).start(undefined, { system })
    const stopped = outcome(stopProcess(ref))
    await w.clock.settle()
    system.exit(ref.pid, 'kill')
    await w.clock.settle()
    expect(stopped.error).toMatchObject({ code: 'ERR_STOP_EXIT', reason: 'killed' })
  })

  it('a process that dies before its turn to stop is reported with its reason', async () => {
    const ref = await scripted().start(undefined, { system })
    ref.cast.run((_n, ctx) => ctx.exit('boom'))
    await expect(stopProcess(ref)).rejects.toMatchObject({ reason: 'boom' })
  })

  it('X-12 a process on another node: asked by a cast, watched by a monitor', async () => {
    const far = createSystem({ clock: w.clock, logger: silentLogger, node: 'far' })
    const sent: unknown[] = []
    let watched: MonitorRef | undefined
    const gate: Partial<RemoteGate> = {
      cast: (to, name, input) => {
        sent.push([name, input])
        return far.inbound.cast(far.pidFor(to.node, to.id, to.incarnation), name, input)
      },
      monitor: (ref) => {
        watched = ref
      },
    }
    system.setRemote(gate as RemoteGate)
    const ref = await scripted().start(undefined, { system: far })
    const pid = system.pidFor('far', ref.pid.id, ref.pid.incarnation)
    const stopped = outcome(stopProcess(pid, 'shutdown'))
    await w.clock.settle()
    expect(sent).toEqual([['$stop', 'shutdown']])
    expect(far.isAlive(ref.pid)).toBe(false)
    expect(stopped.settled).toBe(false)
    system.inbound.down(watched!, 'shutdown')
    await w.clock.settle()
    expect(stopped).toMatchObject({ settled: true, value: undefined })
    const second = outcome(stopProcess(pid, 'shutdown', { timeoutMs: 100 }))
    await w.clock.advance(100)
    expect(second.error).toBeInstanceOf(StopTimeoutError)
  })

  it('a system that stops runs the terminate of its servers', async () => {
    const log: unknown[] = []
    await scripted({ log }).start(undefined, { system })
    await system.stop()
    expect(log).toEqual([['terminate', 'shutdown', 0]])
  })
})

describe('a return-timeout', () => {
  it.each([-1, Number.NaN, 'x', 2 ** 36])('of %s is a crash, with terminate', async (timeoutMs) => {
    const log: unknown[] = []
    const ref = await scripted({ log }).start(undefined, { system })
    const end = ending(system, ref.pid)
    ref.cast.run((n) => noreply(n + 1, { timeoutMs: timeoutMs as number }))
    await w.clock.settle()
    expect(end.reason).toMatchObject({ code: 'ERR_ARGUMENT' })
    expect(log).toMatchObject([['terminate', { code: 'ERR_ARGUMENT' }, 1]])
  })

  it('is not lost by a message that the door refuses', async () => {
    const log: unknown[] = []
    const ref = await scripted({ log }).start(undefined, { system })
    ref.cast.run((n) => noreply(n, { timeoutMs: 100 }))
    await w.clock.advance(60)
    await expect(system.call(ref.pid, 'nope', 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    system.cast(ref.pid, 'nope', 1)
    await w.clock.advance(99)
    expect(log).toEqual([])
    await w.clock.advance(1)
    expect(log).toEqual([{ type: 'timeout' }])
  })

  it('is not armed by a refused message if the message before it had cancelled it', async () => {
    const log: unknown[] = []
    const ref = await scripted({ log }).start(undefined, { system })
    ref.cast.run((n) => noreply(n, { timeoutMs: 100 }))
    ref.cast.add(1)
    system.cast(ref.pid, 'nope', 1)
    await w.clock.advance(1000)
    expect(log).toEqual([])
  })

  it('G-04 that was overtaken in the queue does not cancel the one armed since', async () => {
    const log: unknown[] = []
    const ref = await scripted({ log }).start(undefined, { system })
    ref.cast.run((n) => noreply(n, { timeoutMs: 0 }))
    ref.cast.run((n) => noreply(n, { timeoutMs: 100 }))
    await w.clock.advance(99)
    expect(log).toEqual([])
    await w.clock.advance(1)
    expect(log).toEqual([{ type: 'timeout' }])
  })

  it('of Infinity is none', async () => {
    const ref = await scripted().start(undefined, { system })
    ref.cast.run((n) => noreply(n, { timeoutMs: Infinity }))
    await w.clock.settle()
    expect(system.stats().timers).toBe(0)
  })
})

describe('the operations of a context', () => {
  it('M-11 demonitor of the monitor of another process changes nothing', async () => {
    const log: unknown[] = []
    const owner = await scripted({ log }).start(undefined, { system })
    const stranger = await scripted().start(undefined, { system })
    const target = idler(system)
    const ref = (await owner.call.run((n, ctx) => reply(ctx.monitor(target), n))) as MonitorRef
    const answer = await stranger.call.run((n, ctx) => reply(ctx.demonitor(ref), n))
    system.exit(target, 'boom')
    await w.clock.settle()
    expect(answer).toBe(true)
    expect(log).toMatchObject([{ type: 'down', ref, reason: 'boom' }])
  })

  it('spawn nothing in a continuation that outlived its process', async () => {
    const ref = await scripted().start(undefined, { system })
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    const run = ref.call.run(async (n, ctx) => {
      await gate
      ctx.spawn(() => {})
      return reply(1, n)
    })
    await w.clock.settle()
    const { processesStarted } = system.stats()
    system.exit(ref.pid, 'boom')
    go()
    await expect(run).rejects.toMatchObject({ reason: 'boom' })
    await w.clock.settle()
    expect(system.stats().processesStarted).toBe(processesStarted)
  })
})

describe('handlers that end their own process', () => {
  it('run nothing afterwards: no continue, no terminate, no reply', async () => {
    const log: unknown[] = []
    const ref = await scripted({
      log,
      continue: (n) => {
        log.push('continue')
        return noreply(n)
      },
    }).start(undefined, { system })
    const call = outcome(
      ref.call.run((n, ctx) => {
        ctx.system.exit(ctx.self.pid, 'boom')
        return noreply(n + 1, { continue: 'c' })
      }),
    )
    await w.clock.settle()
    expect(call.error).toMatchObject({ reason: 'boom' })
    expect(log).toEqual([])
  })

  it('also in the middle of a chain of continues', async () => {
    const log: unknown[] = []
    const server = scripted({
      log,
      continue: (n, token, ctx) => {
        log.push(token)
        ctx.system.exit(ctx.self.pid, 'boom')
        return noreply(n, { continue: 'again' })
      },
    })
    const ref = await server.start(undefined, { system })
    ref.cast.run((n) => noreply(n, { continue: 'once' }))
    await w.clock.settle()
    expect(log).toEqual(['once'])
  })

  it('an asynchronous one that was killed runs nothing when it goes on', async () => {
    const log: unknown[] = []
    let go: () => void = () => {}
    const ref = await scripted({
      log,
      continue: (n) => {
        log.push('continue')
        return noreply(n)
      },
    }).start(undefined, { system })
    ref.cast.run(async (n) => {
      await new Promise<void>((resolve) => {
        go = resolve
      })
      return noreply(n, { continue: 'c', timeoutMs: 1 })
    })
    await w.clock.settle()
    system.exit(ref.pid, 'kill')
    go()
    await w.clock.advance(10)
    expect(log).toEqual([])
  })
})
