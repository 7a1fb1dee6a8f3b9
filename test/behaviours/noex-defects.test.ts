/**
 * The local defects of noex (`noex-findings.md` 3.1), each shown to be the opposite here. Those of the
 * runtime alone and of modules that are not in this layer are tested where they live.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { pidEquals, self, type Pid, type System } from '../../runtime/index.ts'
import {
  contract,
  defineServer,
  GenServer,
  implementStatem,
  initialState,
  keepStateAndData,
  noreply,
  ok,
  Registry,
  reply,
  stop,
  stopProcess,
  Task,
  TaskSupervisor,
  Supervisor,
  SupervisorContract,
  type ChildSpec,
  type Ctx,
  type From,
  type Info,
} from '../../behaviours/index.ts'
import {
  ending,
  idler,
  outcome,
  ScriptContract,
  scripted,
  watcher,
  within,
  world,
  type World,
} from './world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

const worker = (id: string, more: Partial<ChildSpec> = {}): ChildSpec => ({
  id,
  start: (context) => scripted().start(undefined, { ...context, link: true }),
  ...more,
})

async function pidOf(sup: { readonly pid: Pid }, id: string): Promise<Pid | undefined> {
  return (await Supervisor.whichChildren(sup)).find((info) => info.id === id)?.pid
}

describe('noex', () => {
  it.each(['call', 'cast', 'info'])(
    'NX-L1 a %s handler that throws ends the process, is reported, and its child is restarted',
    async (kind) => {
      const boom = (): never => {
        throw new Error('boom')
      }
      const server = scripted({ info: boom })
      const sup = await Supervisor.start({
        system,
        children: [server.child(undefined, { id: 'a' })],
      })
      const before = (await pidOf(sup, 'a'))!
      const ref = ScriptContract.at(before)
      if (kind === 'call') await expect(ref.call.run(boom)).rejects.toThrow('boom')
      else if (kind === 'cast') ref.cast.run(boom)
      else system.send(before, 'x')
      await w.clock.settle()
      const after = (await pidOf(sup, 'a'))!
      expect(pidEquals(before, after)).toBe(false)
      expect(w.texts('error')).toEqual(['process crashed'])
      expect(w.texts('warn')).toEqual(['child terminated'])
    },
  )

  it('NX-L2 one restart too many ends the supervisor in order, nothing is rejected unheard', async () => {
    const stray: unknown[] = []
    const listen = (error: unknown): void => void stray.push(error)
    process.on('unhandledRejection', listen)
    let starts = 0
    const flaky: ChildSpec = {
      ...worker('a'),
      start: (context) =>
        ++starts === 1 ? worker('a').start(context) : Promise.reject(new Error('database is down')),
    }
    const sup = await Supervisor.start({ system, intensity: 5, children: [flaky, worker('b')] })
    const end = ending(system, sup.pid)
    system.exit((await pidOf(sup, 'a'))!, 'kill')
    await w.clock.settle()
    expect(end.reason).toBe('shutdown')
    expect(starts).toBe(6)
    expect(system.stats().processes).toBe(0)
    process.off('unhandledRejection', listen)
    expect(stray).toEqual([])
  })

  it('NX-L3 a supervisor is a child like any other', async () => {
    const inner = Supervisor.child({ children: [worker('w')] }, { id: 'inner' })
    const outer = await Supervisor.start({ system, children: [inner] })
    const before = (await pidOf(outer, 'inner'))!
    await w.clock.advance(10_000)
    expect(await pidOf(outer, 'inner')).toEqual(before)
    const w1 = (await pidOf(SupervisorContract.at(before), 'w'))!
    system.exit(w1, 'kill')
    await w.clock.settle()
    expect(await pidOf(outer, 'inner')).toEqual(before)
    expect(await pidOf(SupervisorContract.at(before), 'w')).not.toEqual(w1)
  })

  it('NX-L4 a slow terminate makes no ghosts', async () => {
    const slow: ChildSpec = {
      id: 'a',
      start: (context) =>
        scripted({
          terminate: () =>
            new Promise<void>((resolve) => void w.clock.setTimer(1000, () => resolve())),
        }).start(undefined, { ...context, link: true, trapExit: true }),
    }
    const sup = await Supervisor.start({ system, children: [slow] })
    const stopped = outcome(Supervisor.terminateChild(sup, 'a'))
    await w.clock.advance(999)
    expect(stopped.settled).toBe(false)
    await w.clock.advance(1)
    expect(stopped.settled).toBe(true)
    expect(system.stats().processes).toBe(1)
  })

  it('NX-L4 NX-L13 idle children cost no timer, and nobody polls', async () => {
    const children = Array.from({ length: 200 }, (_, index) => worker(`c${index}`))
    await Supervisor.start({ system, children })
    await w.clock.settle()
    const { turns } = system.stats()
    await w.clock.advance(60_000)
    expect(system.stats().timers).toBe(0)
    expect(system.stats().turns - turns).toBeLessThanOrEqual(1)
  })

  it('NX-L5 a supervisor has a name, links and monitors', async () => {
    const owner = watcher(system)
    const sup = await Supervisor.start({ system, name: 'top' })
    expect(system.whereis('top')).toEqual(sup.pid)
    GenServer.monitor(sup, owner.pid)
    GenServer.link(owner.pid, sup)
    system.exit(sup.pid, 'kill')
    await w.clock.settle()
    expect(owner.got).toMatchObject([
      { type: 'exit', from: sup.pid, reason: 'killed' },
      { type: 'down', pid: sup.pid, reason: 'killed' },
    ])
  })

  it('NX-L6 DOWN comes to the mailbox of its owner, after what the process had sent', async () => {
    const seen: Info[] = []
    const owner = await scripted({
      info: (n, info) => {
        seen.push(info)
        return noreply(n)
      },
    }).start(undefined, { system })
    const other = await scripted().start(undefined, { system })
    const ref = await owner.call.run((n, ctx) => reply(ctx.monitor(other), n))
    other.cast.run((n, ctx) => {
      ctx.system.send(owner.pid, 'last words')
      return noreply(n)
    })
    await stopProcess(other)
    await w.clock.settle()
    expect(seen).toMatchObject([
      { type: 'message', message: 'last words' },
      { type: 'down', ref, reason: 'normal' },
    ])
  })

  it('NX-L7 a linked start has no gap, reasons arrive unchanged, normal too', async () => {
    const parent = watcher(system)
    const reason = new Error('the very one')
    const started = scripted({ init: (ctx) => ctx.exit(reason) }).start(undefined, {
      system,
      parent: parent.pid,
      link: true,
    })
    await expect(started).rejects.toMatchObject({ reason })
    const calm = await scripted().start(undefined, { system, parent: parent.pid, link: true })
    await stopProcess(calm)
    await w.clock.settle()
    expect(parent.got).toMatchObject([
      { type: 'exit', reason },
      { type: 'exit', from: calm.pid, reason: 'normal' },
    ])
  })

  it('NX-L8 a call that timed out in the queue is not executed', async () => {
    let go: () => void = () => {}
    const ref = await scripted().start(undefined, { system })
    const busy = ref.call.run(async (n) => {
      await new Promise<void>((resolve) => {
        go = resolve
      })
      return reply('done', n)
    })
    const late = outcome(ref.call.run((n) => reply('executed', n + 100), { timeoutMs: 10 }))
    await w.clock.advance(10)
    expect(late.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    go()
    await busy
    expect(await ref.call.get()).toBe(0)
  })

  it('NX-L9 self() is right or undefined, ctx.self is always right', async () => {
    const seen: (Pid | undefined)[] = []
    const step = async (n: number, ctx: { readonly self: { readonly pid: Pid } }) => {
      seen.push(self())
      await Promise.resolve()
      seen.push(self(), ctx.self.pid)
      return noreply(n)
    }
    const a = await scripted().start(undefined, { system })
    const b = await scripted().start(undefined, { system })
    a.cast.run(step)
    b.cast.run(step)
    await w.clock.settle()
    const own = (pid: Pid): (Pid | undefined)[] =>
      seen.filter((each) => each !== undefined && pidEquals(each, pid))
    expect(own(a.pid)).toHaveLength(2)
    expect(own(b.pid)).toHaveLength(2)
    expect(seen.filter((each) => each === undefined)).toHaveLength(2)
  })

  it('NX-L10 a killed process’s handler changes nothing any more, and its call has failed', async () => {
    const log: unknown[] = []
    let go: () => void = () => {}
    const ref = await scripted({ log }).start(undefined, { system })
    const call = outcome(
      ref.call.run(async (n) => {
        await new Promise<void>((resolve) => {
          go = resolve
        })
        return reply('success', n)
      }),
    )
    await w.clock.settle()
    system.exit(ref.pid, 'kill')
    go()
    await w.clock.settle()
    expect(call.error).toMatchObject({ reason: 'killed' })
    expect(log).toEqual([])
  })

  it('NX-L14 a start and a stop leave no timer that holds the program', async () => {
    const ref = await scripted({ init: async () => 0 }).start(undefined, { system })
    await ref.call.ping()
    await stopProcess(ref)
    await system.stop()
    expect(w.clock.timerCount).toBe(0)
  })

  it('NX-L11 a server defers and stops, continues and times out, and gets any message', async () => {
    const log: unknown[] = []
    const Full = defineServer({
      init: () => ok(0, { continue: 'begin' }),
      call: {
        later: (n: number, _input: null, ctx: Ctx<string>) => {
          ctx.sendAfter(10, ctx.from)
          return noreply(n) // somebody else answers, or this server later
        },
        soon: (n: number) => reply('soon', n, { timeoutMs: 5 }),
        end: (n: number) => stop('done', n, { reply: 'bye' }),
      },
      cast: {},
      continue: (n: number, token) => {
        log.push(token)
        return noreply(n)
      },
      info: (n: number, info) => {
        log.push(info.type)
        if (info.type === 'message') (info.message as From<string>).reply('late')
        return noreply(n)
      },
    })
    const ref = await Full.start(undefined, { system })
    const late = outcome(ref.call.later(null))
    await w.clock.advance(10)
    expect(late.value).toBe('late')
    expect(await ref.call.soon()).toBe('soon')
    await w.clock.advance(5)
    const end = ending(system, ref.pid)
    expect(await ref.call.end()).toBe('bye')
    expect([log, end.reason]).toEqual([['begin', 'message', 'timeout'], 'done'])
    const picked = await within(system, async (ctx) => {
      ctx.send(ctx.self, 'first')
      ctx.send(ctx.self, 'second')
      return [await ctx.receive((m) => m === 'second'), await ctx.receive()]
    })
    expect(picked).toEqual(['second', 'first'])
  })

  it('NX-L15 a stop has a deadline and a signal, and a second one waits without polling', async () => {
    const hangs = scripted({ terminate: () => new Promise<void>(() => {}) })
    const ref = await hangs.start(undefined, { system })
    const abort = new AbortController()
    const stops = [
      outcome(stopProcess(ref, 'normal', { timeoutMs: 100 })),
      outcome(stopProcess(ref, 'normal', { signal: abort.signal })),
      outcome(stopProcess(ref)),
    ]
    await w.clock.settle()
    expect(w.clock.timerCount).toBe(1) // the deadline
    await w.clock.advance(100)
    expect(stops[0]?.error).toMatchObject({ code: 'ERR_STOP_TIMEOUT' })
    abort.abort()
    await w.clock.settle()
    expect(stops[1]?.error).toMatchObject({ code: 'ERR_STOP_ABORTED' })
    expect([stops[2]?.settled, w.clock.timerCount]).toEqual([false, 0])
    system.exit(ref.pid, 'kill')
    await w.clock.settle()
    expect(stops[2]?.error).toMatchObject({ code: 'ERR_STOP_EXIT', reason: 'killed' })
  })

  it('NX-L16 of two starts under one name only one runs its init', async () => {
    let inits = 0
    const server = scripted({
      init: async () => {
        await Promise.resolve()
        return ++inits
      },
    })
    const both = await Promise.allSettled([
      server.start(undefined, { system, name: 'n' }),
      server.start(undefined, { system, name: 'n' }),
    ])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(inits).toBe(1)
  })

  it('NX-L18 a state machine that stops has ended, and who waits for its reply learns it', async () => {
    interface DoorApi {
      call: { wait(): string }
      cast: { slam(): void }
    }
    const Door = implementStatem<DoorApi, void, 'open', number>(
      contract<DoorApi>('door/1', { call: { wait: true }, cast: { slam: true } }),
      {
        init: () => initialState('open', 0),
        states: {
          open: {
            call: { wait: () => keepStateAndData() },
            cast: { slam: () => stop('slammed') },
          },
        },
      },
    )
    const ref = await Door.start(undefined, { system })
    const end = ending(system, ref.pid)
    const waiting = outcome(ref.call.wait())
    ref.cast.slam()
    await w.clock.settle()
    expect(end.reason).toBe('slammed')
    expect(waiting.error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'slammed' })
    // What it cannot do it does not take: noex accepted `persistence` and ignored it.
    await expect(Door.start(undefined, { system, persistence: {} } as never)).rejects.toMatchObject(
      {
        code: 'ERR_OPTION_UNKNOWN',
      },
    )
  })

  it('NX-L17 a finished task leaves no process behind, alone or supervised', async () => {
    const supervisor = await TaskSupervisor.start({ system })
    const before = system.stats().processes
    const tasks = Array.from({ length: 100 }, (_, n) => Task.async(() => n, { system }))
    expect(await Task.awaitMany(tasks)).toEqual(Array.from({ length: 100 }, (_, n) => n))
    const task = await TaskSupervisor.async(supervisor, () => 'done', { system })
    expect(await Task.await(task)).toBe('done')
    await w.clock.settle()
    expect(system.stats()).toMatchObject({ processes: before, timers: 0, monitors: 0 })
    expect(await TaskSupervisor.children(supervisor)).toEqual([])
  })

  it('NX-L19 every name and key of a process goes with it, and the dead are not registered', async () => {
    const registry = await Registry.start({ system })
    const owner = idler(system)
    system.register('a', owner)
    system.register('b', owner)
    registry.register('x', owner)
    registry.register('y', owner)
    system.exit(owner, 'kill')
    expect([system.whereis('a'), system.whereis('b')]).toEqual([undefined, undefined])
    await w.clock.settle()
    expect(registry.count()).toBe(0)
    expect(() => registry.register('z', owner)).toThrow(
      expect.objectContaining({ code: 'ERR_REGISTRY_OWNER' }),
    )
  })

  it('NX-L20 a value that is missing is made once, however many ask for it', async () => {
    let made = 0
    const Cache = defineServer({
      init: () => new Map<string, number>(),
      call: {
        getOrSet: async (cache: Map<string, number>, key: string) => {
          if (!cache.has(key)) {
            await Promise.resolve()
            cache.set(key, ++made)
          }
          return reply(cache.get(key)!, cache)
        },
      },
      cast: {},
    })
    const cache = await Cache.start(undefined, { system })
    const got = await Promise.all(Array.from({ length: 100 }, () => cache.call.getOrSet('k')))
    expect([new Set(got).size, made]).toEqual([1, 1])
    const table = system.tables.create<string, number>({ owner: 'system' })
    expect([table.insertNew('k', 1), table.insertNew('k', 2), table.get('k')]).toEqual([
      true,
      false,
      1,
    ])
  })

  it('NX-L21 inside a system values are passed, not copied: what is shared must be frozen', async () => {
    const state = Object.freeze({ items: Object.freeze(['a']) })
    const Shelf = defineServer({
      init: () => state as { items: readonly string[] },
      call: {
        all: (shelf: { items: readonly string[] }) => reply(shelf.items, shelf),
        add: (shelf: { items: readonly string[] }, item: string) => {
          const items = Object.freeze([...shelf.items, item])
          return reply(items, Object.freeze({ items }))
        },
      },
      cast: {},
    })
    const shelf = await Shelf.start(undefined, { system })
    const all = (await shelf.call.all()) as string[]
    expect(all).toBe(state.items) // the README says so; other nodes get copies
    expect(() => all.push('intruder')).toThrow(TypeError)
    expect(await shelf.call.add('b')).toEqual(['a', 'b'])
  })

  it('NX-L22 two systems share nothing', async () => {
    const other = world('test')
    const mine = await scripted().start(undefined, { system, name: 'n' })
    const theirs = await scripted().start(undefined, { system: other.system, name: 'n' })
    mine.cast.add(1)
    expect(await theirs.call.get()).toBe(0)
    await system.stop()
    expect(await theirs.call.ping()).toBe('pong')
  })
})
