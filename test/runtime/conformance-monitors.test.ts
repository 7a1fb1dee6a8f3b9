/** Monitors: cases M of the conformance list. aliases (M-21) are what calls are made of. */
import { describe, expect, it } from 'vitest'
import { ArgumentError, exit, ItemKind } from '../../runtime/index.ts'
import { createWorld, failure, idle, inProcess, observe } from './world.ts'
import type { MonitorRef, Pid, Received, System } from '../../runtime/index.ts'
import type { Observer, World } from './world.ts'

interface Watched extends Observer {
  readonly target: Pid
  readonly ref: MonitorRef
}

/** A process that monitors another. */
async function watched({ clock, system }: World): Promise<Watched> {
  const target = idle(system)
  const observer = observe(system)
  await clock.settle()
  return { ...observer, target, ref: system.monitor(observer.pid, target) }
}

const down = (ref: MonitorRef, pid: Pid | undefined, reason: unknown, name?: string): unknown => ({
  type: 'down',
  ref,
  pid,
  name,
  reason,
})

const end = (system: System, pid: Pid, reason: unknown): void => system.process(pid)!.exit(reason)

describe('monitors', () => {
  it.each([
    ['M-01', 'normal'],
    ['M-02', 'frop'],
  ])('%s DOWN carries the reason %s, and its owner lives', async (_id, reason) => {
    const world = createWorld()
    const { pid, seen, target, ref } = await watched(world)
    end(world.system, target, reason)
    await world.clock.settle()
    expect(seen).toEqual([down(ref, target, reason)])
    expect(world.system.isAlive(pid)).toBe(true)
  })

  it('M-03 monitoring a dead process gives a ref and DOWN noproc', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    const { pid, seen } = observe(system)
    await clock.settle()
    const ref = system.monitor(pid, dead)
    await clock.settle()
    expect(seen).toEqual([down(ref, dead, 'noproc')])
  })

  it('M-05 monitoring a free name gives DOWN noproc with the name', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    await clock.settle()
    const ref = system.monitor(pid, 'n')
    const other = system.monitor(pid, { name: 'n', node: system.node })
    await clock.settle()
    expect(seen).toEqual([
      down(ref, undefined, 'noproc', 'n'),
      expect.objectContaining({ ref: other, pid: undefined, reason: 'noproc' }),
    ])
  })

  it('M-06 monitors are counted: three of them, three DOWNs', async () => {
    const world = createWorld()
    const { pid, seen, target, ref } = await watched(world)
    const more = [world.system.monitor(pid, target), world.system.monitor(pid, target)]
    end(world.system, target, 'boom')
    await world.clock.settle()
    expect(seen).toEqual([ref, ...more].map((each) => down(each, target, 'boom')))
  })

  it('M-07 no DOWN after demonitor', async () => {
    const world = createWorld()
    const { seen, target, ref } = await watched(world)
    world.system.demonitor(ref)
    end(world.system, target, 'boom')
    await world.clock.settle()
    expect(seen).toEqual([])
    expect(world.system.stats().monitors).toBe(0)
  })

  it('M-08 a queued DOWN stays unless it is flushed', async () => {
    for (const flush of [false, true]) {
      const world = createWorld()
      const { seen, target, ref, pid } = await watched(world)
      end(world.system, target, 'boom')
      world.system.demonitor(ref, { flush, owner: pid })
      await world.clock.settle()
      expect(seen).toHaveLength(flush ? 0 : 1)
    }
  })

  it('M-08 flush also finds a DOWN that a selective receive has skipped', async () => {
    const { clock, system } = createWorld()
    const target = idle(system)
    const rest: unknown[] = []
    const pid = system.spawn(async (context) => {
      const ref = context.monitor(target)
      await context.receive((value) => value === 'go')
      context.demonitor(ref, { flush: true })
      rest.push(await context.receive())
    })
    await clock.settle()
    end(system, target, 'boom')
    await clock.settle()
    system.send(pid, 'go')
    system.send(pid, 'last')
    await clock.settle()
    expect(rest).toEqual(['last'])
  })

  it('M-08 flush takes the DOWN of its own monitor and no other, also of an owner that is not named', async () => {
    for (const named of [true, false]) {
      const world = createWorld()
      const { system, clock } = world
      const bystander = observe(system)
      const { seen, target, ref, pid } = await watched(world)
      const other = system.monitor(pid, target)
      const theirs = system.monitor(bystander.pid, target)
      const mine = { type: 'message', value: 'mine' }
      system.send(pid, mine)
      end(system, target, 'boom')
      system.demonitor(ref, { flush: true, ...(named ? { owner: pid } : {}) })
      await clock.settle()
      expect(seen).toEqual([mine, down(other, target, 'boom')])
      expect(bystander.seen).toEqual([down(theirs, target, 'boom')])
    }
  })

  it('M-08 flush without an owner also finds what a selective receive has skipped', async () => {
    const { clock, system } = createWorld()
    const target = idle(system)
    const rest: unknown[] = []
    idle(system)
    system.start({ label: 'bare', handle: () => {} })
    const pid = system.spawn(async (context) => {
      await context.receive((value) => value === 'go')
      for (;;) rest.push(await context.receive())
    })
    await clock.settle()
    const [ref, other] = [system.monitor(pid, target), system.monitor(pid, target)]
    end(system, target, 'boom')
    await clock.settle()
    expect(system.demonitor(ref, { flush: true, info: true })).toBe(false)
    system.send(pid, 'go')
    await clock.settle()
    expect(rest).toEqual([down(other, target, 'boom')])
  })

  it('M-09 demonitor with info says whether the monitor was active', async () => {
    const world = createWorld()
    const { system } = world
    const { ref, target, pid } = await watched(world)
    expect(system.demonitor(ref, { info: true })).toBe(true)
    expect(system.demonitor(ref, { info: true })).toBe(false)
    expect(system.demonitor(ref)).toBe(true)
    const fired = system.monitor(pid, target)
    end(system, target, 'boom')
    expect(system.demonitor(fired, { info: true })).toBe(false)
  })

  it('M-11 demonitor by a process that is not the owner returns true and does nothing', async () => {
    const world = createWorld()
    const { seen, target, ref } = await watched(world)
    const result = await inProcess(world.system, (context) => context.demonitor(ref))
    expect(result).toBe(true)
    end(world.system, target, 'boom')
    await world.clock.settle()
    expect(seen).toEqual([down(ref, target, 'boom')])
  })

  it('M-11 with info a stranger is told that the monitor is none of its own', async () => {
    const world = createWorld()
    const { system } = world
    const { ref, pid } = await watched(world)
    const stranger = idle(system)
    expect(system.demonitor(ref, { owner: stranger, info: true })).toBe(false)
    expect(system.demonitor(ref, { owner: pid, info: true })).toBe(true)
  })

  it('M-12 a process that monitors itself gets a ref that never fires', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    await clock.settle()
    expect(system.monitor(pid, pid)).toMatchObject({ node: system.node })
    expect(system.stats().monitors).toBe(0)
    await clock.settle()
    expect(seen).toEqual([])
  })

  it('M-13 the end of the owner is nothing to its target', async () => {
    const world = createWorld()
    const observed = observe(world.system)
    const owner = idle(world.system)
    await world.clock.settle()
    world.system.monitor(owner, observed.pid)
    end(world.system, owner, 'boom')
    await world.clock.settle()
    expect(world.system.isAlive(observed.pid)).toBe(true)
    expect(observed.seen).toEqual([])
    expect(world.system.stats().monitors).toBe(0)
  })

  it('M-14 DOWN of a killed process says killed', async () => {
    const world = createWorld()
    const { seen, target, ref } = await watched(world)
    world.system.exit(target, 'kill')
    await world.clock.settle()
    expect(seen).toEqual([down(ref, target, 'killed')])
  })

  it('M-15 DOWN never overtakes an earlier message of the same process', async () => {
    const { clock, system } = createWorld()
    const { seen } = observe(system, {
      first: (context) => {
        context.spawnMonitor((child) => child.send(context.self, 'm'))
      },
    })
    await clock.settle()
    expect(seen).toEqual(['m', expect.objectContaining({ type: 'down', reason: 'normal' })])
  })

  it('M-16 spawnMonitor of a body that returns at once always gives normal', async () => {
    const { clock, system } = createWorld()
    const { seen } = observe(system, {
      first: (context) => {
        for (let i = 0; i < 1000; i++) context.spawnMonitor(() => {})
      },
    })
    await clock.settle()
    const reasons = seen.map((value) => (value as { reason: unknown }).reason)
    expect(reasons).toEqual(new Array(1000).fill('normal'))
  })

  it('M-17 a monitor made after the end has lost the reason: noproc', async () => {
    const { clock, system } = createWorld()
    const { seen } = observe(system, {
      first: async (context) => {
        const child = context.spawn(() => exit('boom'))
        await context.receive((value) => value === 'later')
        context.monitor(child)
      },
      name: 'late',
    })
    await clock.settle()
    system.send('late', 'later')
    await clock.settle()
    expect(seen).toEqual([expect.objectContaining({ type: 'down', reason: 'noproc' })])
  })

  it('M-18 a monitor by name stays with the process when the name moves on', async () => {
    const { clock, system } = createWorld()
    const b = idle(system, { name: 'n' })
    const { pid, seen } = observe(system)
    await clock.settle()
    const ref = system.monitor(pid, 'n')
    system.unregister('n')
    system.register('n', idle(system))
    end(system, b, 'boom')
    await clock.settle()
    expect(seen).toEqual([down(ref, b, 'boom', 'n')])
  })

  it.each([
    1,
    undefined,
    null,
    {},
    { name: 'n' },
    { name: 'n', node: 1 },
    { node: 'x' },
    { node: 'x', id: 1, incarnation: 0 },
    Object.assign(() => {}, { node: 'x' }),
  ])('M-19 %o cannot be monitored', async (nonsense) => {
    const { system } = createWorld()
    const error = await failure(
      inProcess(system, (context) => context.monitor(nonsense as unknown as Pid)),
    )
    expect(error).toBeInstanceOf(ArgumentError)
    expect((error as Error).message).toMatch(/target.*a pid, a name or \{ name, node \}/)
  })

  it('M-20 the tag of a monitor comes back in its DOWN', async () => {
    const { clock, system } = createWorld()
    const target = idle(system)
    const owner = observe(system, {
      first: (context) => {
        context.monitor(target, { tag: 'worker' })
        context.monitor('nobody', { tag: 'server' })
        context.monitor(target)
      },
    })
    await clock.settle()
    system.exit(target, 'boom')
    await clock.settle()
    const tags = owner.seen.map((down) => [
      (down as Received & { type: 'down' }).tag,
      (down as { reason: unknown }).reason,
    ])
    expect(tags).toEqual([
      ['server', 'noproc'],
      ['worker', 'boom'],
      [undefined, 'boom'],
    ])
  })

  it('M-21 a call is an alias and a monitor in one: after the reply there is no DOWN, and no second reply', async () => {
    const { clock, system } = createWorld()
    const second: boolean[] = []
    const server = system.start({
      label: 'twice',
      handle(_process, item) {
        if (item.kind === ItemKind.call) second.push(item.reply(1), item.reply(2))
      },
    })
    const caller = observe(system, {
      first: async (context) => {
        expect(await context.call(server.pid, 'q')).toBe(1)
      },
    })
    await clock.settle()
    system.exit(server.pid, 'boom')
    await clock.settle()
    expect(second).toEqual([true, false])
    expect(caller.seen).toEqual([])
    expect(system.isAlive(caller.pid)).toBe(true)
  })

  it('only a local process can own a monitor', () => {
    const { system } = createWorld()
    const foreign = system.pidFor('b', 1, 0)
    const dead = idle(system)
    system.exit(dead, 'kill')
    expect(() => system.monitor(foreign, idle(system))).toThrow(/owner.*a local process/)
    expect(() => system.monitor(dead, idle(system))).toThrow(/^monitor: .* is not alive$/)
  })
})

describe('watch', () => {
  it('tells code outside processes the reason, once', async () => {
    const { clock, system } = createWorld()
    const target = idle(system)
    const reasons: unknown[] = []
    system.watch(target, (reason) => void reasons.push(reason))
    await clock.settle()
    end(system, target, 'boom')
    await clock.settle()
    expect(reasons).toEqual(['boom'])
    expect(system.stats().monitors).toBe(0)
  })

  it('says noproc for a dead process, but only after the caller has gone on', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    await clock.settle()
    const reasons: unknown[] = []
    system.watch(dead, (reason) => void reasons.push(reason))
    expect(reasons).toEqual([])
    await clock.settle()
    expect(reasons).toEqual(['noproc'])
    expect(system.stats().monitors).toBe(0)
  })

  it('says noconnection for a process of a node without a way to it, not before the caller has gone on', async () => {
    const { clock, system } = createWorld()
    const reasons: unknown[] = []
    system.watch(system.pidFor('b', 1, 0), (reason) => void reasons.push(reason))
    expect(reasons).toEqual([])
    await clock.settle()
    expect(reasons).toEqual(['noconnection'])
  })

  it('is taken back for nothing once it has spoken', async () => {
    const { clock, system } = createWorld()
    const target = idle(system)
    const reasons: unknown[] = []
    const takeBack = system.watch(target, (reason) => void reasons.push(reason))
    await clock.settle()
    end(system, target, 'boom')
    await clock.settle()
    takeBack()
    takeBack()
    expect(reasons).toEqual(['boom'])
  })

  it('says nothing after it was taken back', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    await clock.settle()
    const target = idle(system)
    const reasons: unknown[] = []
    system.watch(target, (reason) => void reasons.push(reason))()
    system.watch(dead, (reason) => void reasons.push(reason))()
    end(system, target, 'boom')
    await clock.settle()
    expect(reasons).toEqual([])
  })

  it('a callback that throws is logged and harms nobody', async () => {
    const { clock, system, errors } = createWorld()
    const target = idle(system)
    const reasons: unknown[] = []
    system.watch(target, () => {
      throw new Error('bad callback')
    })
    system.watch(target, (reason) => void reasons.push(reason))
    await clock.settle()
    end(system, target, 'normal')
    expect(reasons).toEqual(['normal'])
    expect(errors).toEqual([
      {
        fields: { error: new Error('bad callback'), what: 'watch callback' },
        message: 'callback failed',
      },
    ])
  })
})
