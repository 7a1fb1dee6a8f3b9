/**
 * The local defects of noex (`noex-findings.md` 3.1), each shown to be the opposite here. Those of the
 * runtime alone and of modules that are not in this layer are tested where they live.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { pidEquals, self, type Pid, type System } from '../../runtime/index.ts'
import {
  GenServer,
  noreply,
  Registry,
  reply,
  stopProcess,
  Supervisor,
  SupervisorContract,
  type ChildSpec,
  type Info,
} from '../../behaviours/index.ts'
import {
  ending,
  idler,
  outcome,
  ScriptContract,
  scripted,
  watcher,
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
