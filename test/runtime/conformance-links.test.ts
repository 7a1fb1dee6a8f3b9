/** Links, exit signals, trapping: cases L of the conformance list. */
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ArgumentError, exit, ItemKind, NoProcessError } from '../../runtime/index.ts'
import { createWorld, failure, idle, inProcess, observe, reasonsOf } from './world.ts'
import type { Pid, ProcessContext, System } from '../../runtime/index.ts'
import type { World } from './world.ts'

const trapping = (context: ProcessContext): boolean => context.trapExit(true)

/** A and B, linked; A may trap. */
async function linkedPair(
  { clock, system }: World,
  trapExit = false,
): Promise<{ a: Pid; b: Pid; seen: unknown[]; reasons: unknown[] }> {
  const b = idle(system)
  const { pid: a, seen } = observe(system, {
    trapExit,
    first: (context) => context.link(b),
  })
  const reasons = reasonsOf(system, a)
  await clock.settle()
  return { a, b, seen, reasons }
}

/** Ends `pid` as its own code would. */
function endBySelf(system: System, pid: Pid, reason: unknown): void {
  system.process(pid)!.exit(reason)
}

describe('links', () => {
  it('L-01 a normal end of a linked process harms nobody and is not seen', async () => {
    const world = createWorld()
    const { a, b, seen } = await linkedPair(world)
    endBySelf(world.system, b, 'normal')
    await world.clock.settle()
    expect(world.system.isAlive(a)).toBe(true)
    expect(seen).toEqual([])
  })

  it('L-02 any other reason ends the linked process with the same reason', async () => {
    const world = createWorld()
    const { b, reasons } = await linkedPair(world)
    const boom = new Error('boom')
    endBySelf(world.system, b, boom)
    expect(reasons).toEqual([boom])
    expect(reasons[0]).toBe(boom)
  })

  it('L-03 a trapping process gets an EXIT message and lives', async () => {
    const world = createWorld()
    const { a, b, seen } = await linkedPair(world, true)
    endBySelf(world.system, b, 'boom')
    await world.clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: b, reason: 'boom' }])
    expect(world.system.isAlive(a)).toBe(true)
  })

  it('L-05 a chain of links falls as a whole', async () => {
    const world = createWorld()
    const { a, b, reasons } = await linkedPair(world)
    const c = idle(world.system)
    world.system.link(b, c)
    const reasonsOfB = reasonsOf(world.system, b)
    endBySelf(world.system, c, 'boom')
    expect([reasons, reasonsOfB]).toEqual([['boom'], ['boom']])
    expect(world.system.isAlive(a)).toBe(false)
  })

  it.each(['shutdown', { shutdown: 'x' }])(
    'L-06 %s from a linked process ends a process that does not trap',
    async (reason) => {
      const world = createWorld()
      const { b, reasons } = await linkedPair(world)
      endBySelf(world.system, b, reason)
      expect(reasons).toEqual([reason])
    },
  )

  it('L-07 links are a set: linked twice, unlinked once, no link remains', async () => {
    const world = createWorld()
    const { a, b, reasons } = await linkedPair(world)
    world.system.link(a, b)
    world.system.unlink(a, b)
    endBySelf(world.system, b, 'boom')
    expect(reasons).toEqual([])
  })

  it('L-08 either side may unlink', async () => {
    const world = createWorld()
    const { a, b, reasons } = await linkedPair(world)
    world.system.unlink(b, a)
    endBySelf(world.system, b, 'boom')
    expect(reasons).toEqual([])
  })

  it('L-09 a link to itself is nothing', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system, { first: (context) => context.link(context.self) })
    await clock.settle()
    expect(system.isAlive(pid)).toBe(true)
    expect(seen).toEqual([])
  })

  it('L-10 a trapping process that links a dead one gets EXIT noproc', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    await clock.settle()
    const { seen } = observe(system, { trapExit: true, first: (context) => context.link(dead) })
    await clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: dead, reason: 'noproc' }])
  })

  it('L-11 one that does not trap gets a noproc error it can catch', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    await clock.settle()
    const error = await failure(inProcess(system, (context) => context.link(dead)))
    expect(error).toBeInstanceOf(NoProcessError)
    expect(error).toMatchObject({ code: 'ERR_NOPROC', pid: dead })
    expect((error as Error).message).toMatch(/^link: .* is not alive$/)
    expect(() => system.link(dead, dead)).toThrow(/^link: .* is not alive$/)
  })

  it('unlink by a process that is dead, or of one, is nothing', () => {
    const { system } = createWorld()
    const [dead, pid] = [idle(system), idle(system)]
    system.exit(dead, 'kill')
    system.unlink(dead, pid)
    system.unlink(pid, dead)
    expect(system.isAlive(pid)).toBe(true)
  })

  it('a link of what is no process is refused by the name of the argument', () => {
    const { system } = createWorld()
    const pid = idle(system)
    const wrong = 'n' as unknown as Pid
    for (const change of [system.link, system.unlink]) {
      expect(() => change.call(system, wrong, pid)).toThrow(/\ba\b.*a pid/)
      expect(() => change.call(system, pid, wrong)).toThrow(/\bb\b.*a pid/)
    }
  })

  it('L-12 unlink does not remove an EXIT that is queued', async () => {
    const world = createWorld()
    const { clock, system } = world
    const b = idle(system)
    const seen: unknown[] = []
    const a = system.spawn(
      async (context) => {
        context.link(b)
        await context.receive((value) => value === 'go')
        seen.push(await context.receive())
      },
      { trapExit: true },
    )
    await clock.settle()
    system.exit(b, 'boom')
    system.unlink(a, b)
    system.send(a, 'go')
    await clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: b, reason: 'boom' }])
  })

  it('L-13 after unlink returned no EXIT is ever delivered', async () => {
    const world = createWorld()
    const { a, b, seen } = await linkedPair(world, true)
    world.system.unlink(a, b)
    endBySelf(world.system, b, 'boom')
    await world.clock.settle()
    expect(seen).toEqual([])
  })

  it('L-26 a parent that links at spawn always gets the real reason', async () => {
    const { clock, system } = createWorld()
    const { seen } = observe(system, {
      trapExit: true,
      first: (context) => {
        for (let i = 0; i < 1000; i++) context.spawnLink(() => exit('boom'))
      },
    })
    await clock.settle()
    expect(seen).toHaveLength(1000)
    expect(new Set(seen.map((value) => (value as { reason: unknown }).reason))).toEqual(
      new Set(['boom']),
    )
  })

  it('L-27 messages of a process come before its EXIT', async () => {
    const { clock, system } = createWorld()
    const { seen } = observe(system, {
      trapExit: true,
      first: (context) => {
        context.spawnLink((child) => {
          child.send(context.self, 'm')
          exit('boom')
        })
      },
    })
    await clock.settle()
    expect(seen).toEqual(['m', expect.objectContaining({ type: 'exit', reason: 'boom' })])
  })

  it('L-29 a child that does not trap survives a normal end of its parent', async () => {
    const { clock, system } = createWorld()
    let child: Pid | undefined
    system.spawn((context) => {
      child = context.spawnLink(async (self) => {
        await self.receive()
      })
    })
    await clock.settle()
    expect(system.isAlive(child!)).toBe(true)
  })

  it('L-30 trapping is judged when the signal arrives', async () => {
    const world = createWorld()
    const { a, b, reasons } = await linkedPair(world, true)
    world.system.process(a)!.trapExit = false
    endBySelf(world.system, b, 'boom')
    expect(reasons).toEqual(['boom'])
  })

  it('L-31 a signal ends a process that waits in receive, without waiting', async () => {
    const world = createWorld()
    const { clock, system } = world
    const b = idle(system)
    const a = system.spawn(async (context) => {
      context.link(b)
      await context.receive(undefined, { timeoutMs: 60_000 })
    })
    await clock.settle()
    const reasons = reasonsOf(system, a)
    endBySelf(system, b, 'boom')
    expect(reasons).toEqual(['boom'])
    expect(system.stats().timers).toBe(0)
    expect(clock.now()).toBe(0)
  })

  it('L-32 linked and monitored at start, a parent gets both EXIT and DOWN', async () => {
    const { clock, system } = createWorld()
    const { seen } = observe(system, {
      trapExit: true,
      first: (context) => context.spawnMonitor(() => exit('boom'), { link: true }),
    })
    await clock.settle()
    expect(seen).toEqual([
      expect.objectContaining({ type: 'exit', reason: 'boom' }),
      expect.objectContaining({ type: 'down', reason: 'boom' }),
    ])
  })
})

describe('exit signals', () => {
  async function target(
    world: World,
    trapExit = false,
  ): Promise<{ pid: Pid; seen: unknown[]; reasons: unknown[] }> {
    const { pid, seen } = observe(world.system, { trapExit })
    const reasons = reasonsOf(world.system, pid)
    await world.clock.settle()
    return { pid, seen, reasons }
  }

  it('L-14 exit(B, normal) from another process does nothing to a process that does not trap', async () => {
    const world = createWorld()
    const { pid, reasons } = await target(world)
    world.system.exit(pid, 'normal', idle(world.system))
    expect(reasons).toEqual([])
  })

  it('L-15 exit(B, normal) to a trapping process is a message', async () => {
    const world = createWorld()
    const { pid, seen } = await target(world, true)
    const from = idle(world.system)
    world.system.exit(pid, 'normal', from)
    await world.clock.settle()
    expect(seen).toEqual([{ type: 'exit', from, reason: 'normal' }])
  })

  it('L-16 exit(self, normal) does end a process', async () => {
    const { clock, system } = createWorld()
    let alive: boolean | undefined
    const pid = system.spawn((context) => {
      system.exit(context.self, 'normal', context.self)
      alive = system.isAlive(context.self)
    })
    const reasons = reasonsOf(system, pid)
    await clock.settle()
    expect(reasons).toEqual(['normal'])
    expect(alive).toBe(false)
  })

  it('L-17 exit(B, boom) ends a process that is neither linked nor trapping, though messages are queued', async () => {
    const world = createWorld()
    const { pid, seen, reasons } = await target(world)
    world.system.send(pid, 'queued')
    world.system.exit(pid, 'boom')
    await world.clock.settle()
    expect(reasons).toEqual(['boom'])
    expect(seen).toEqual([])
  })

  it('L-18 to a trapping process it is a message, linked or not', async () => {
    const world = createWorld()
    const { pid, seen } = await target(world, true)
    world.system.exit(pid, 'boom')
    await world.clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: undefined, reason: 'boom' }])
  })

  it('L-19 kill cannot be trapped, and observers see killed', async () => {
    const world = createWorld()
    const { pid, seen, reasons } = await target(world, true)
    world.system.exit(pid, 'kill')
    await world.clock.settle()
    expect(reasons).toEqual(['killed'])
    expect(seen).toEqual([])
  })

  it('L-20 a trapping peer of a killed process gets EXIT killed', async () => {
    const world = createWorld()
    const { b, seen } = await linkedPair(world, true)
    world.system.exit(b, 'kill')
    await world.clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: b, reason: 'killed' }])
  })

  it('L-21 a peer that does not trap dies with killed', async () => {
    const world = createWorld()
    const { b, reasons } = await linkedPair(world)
    world.system.exit(b, 'kill')
    expect(reasons).toEqual(['killed'])
  })

  it('L-22 kill raised by a process itself is an ordinary reason that can be trapped', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system, {
      trapExit: true,
      first: (context) => context.spawnLink(() => exit('kill')),
    })
    await clock.settle()
    expect(seen).toEqual([expect.objectContaining({ type: 'exit', reason: 'kill' })])
    expect(system.isAlive(pid)).toBe(true)
  })

  it('L-22 whatever the number of its links', async () => {
    const { clock, system } = createWorld()
    const peers = [1, 2, 3].map(() => observe(system, { trapExit: true }))
    const { pid } = observe(system)
    await clock.settle()
    for (const peer of peers) system.link(pid, peer.pid)
    system.process(pid)!.exit('kill')
    await clock.settle()
    expect(peers.map(({ seen }) => seen)).toEqual(
      peers.map(() => [{ type: 'exit', from: pid, reason: 'kill' }]),
    )
  })

  it('L-23 of two signals the first gives the reason', async () => {
    const world = createWorld()
    const { pid, reasons } = await target(world)
    world.system.exit(pid, 'a')
    world.system.exit(pid, 'b')
    expect(reasons).toEqual(['a'])
  })

  it('L-24 a signal to a dead process has no effect', async () => {
    const world = createWorld()
    const { pid } = await target(world)
    world.system.exit(pid, 'kill')
    const before = world.system.stats().processesEnded
    world.system.exit(pid, 'boom')
    expect(world.system.stats().processesEnded).toBe(before)
  })

  it('L-25 trapExit returns the previous value and refuses what is not a boolean', async () => {
    const { system } = createWorld()
    const values = await inProcess(system, (context) => [trapping(context), trapping(context)])
    expect(values).toEqual([false, true])
    const error = await failure(
      inProcess(system, (context) => context.trapExit('yes' as unknown as boolean)),
    )
    expect(error).toBeInstanceOf(ArgumentError)
  })
})

describe('propagation', () => {
  it('a chain of a hundred thousand links falls without overflowing the stack', async () => {
    const { system } = createWorld()
    const program = { label: 'link of a chain', handle: () => {} }
    const first = system.start(program)
    let last = first
    for (let i = 1; i < 100_000; i++) {
      const next = system.start(program)
      system.link(last.pid, next.pid)
      last = next
    }
    first.exit('boom')
    expect(system.stats().processes).toBe(0)
    expect(last.alive).toBe(false)
  })

  it('a process with a hundred thousand links takes them all along, or tells them all', async () => {
    const { clock, system } = createWorld()
    const told: unknown[] = []
    const program = {
      label: 'peer',
      handle: (_process: unknown, item: { kind: number; value?: unknown }): void => {
        if (item.kind === ItemKind.exit) told.push(item.value)
      },
    }
    const hub = system.start(program)
    for (let i = 0; i < 100_000; i++) {
      system.start(program, { parent: hub.pid, link: true, trapExit: i % 2 === 0 })
    }
    hub.exit('boom')
    expect(system.stats().processes).toBe(50_000)
    await clock.settle()
    expect(told).toHaveLength(50_000)
  })

  it('a crash is logged once, not once per linked process that it takes along', async () => {
    const { clock, system, errors } = createWorld()
    const boom = new Error('boom')
    const server = system.start({
      label: 'gen_server counter/1',
      handle: () => {
        throw boom
      },
    })
    for (let i = 0; i < 10; i++) system.link(server.pid, idle(system))
    system.cast(server.pid, 'explode', 1)
    await clock.settle()
    expect(system.stats()).toMatchObject({ processes: 0, processesCrashed: 1 })
    expect(errors).toEqual([
      {
        message: 'process crashed',
        fields: {
          pid: server.pid.toString(),
          label: 'gen_server counter/1',
          reason: boom,
          message: 'explode',
        },
      },
    ])
  })

  it.each(['normal', 'shutdown', { shutdown: 1 }])(
    'ML30 G-55 ending with %s is not a crash',
    async (reason) => {
      const { clock, system, errors } = createWorld()
      system.spawn(() => exit(reason))
      await clock.settle()
      expect(errors).toEqual([])
      expect(system.stats().processesCrashed).toBe(0)
    },
  )

  it('an onExit that throws is logged under its process, whose end reaches everybody', async () => {
    const { clock, system, errors } = createWorld()
    const bad = system.start({
      label: 'bad',
      handle: () => {},
      onExit: () => {
        throw new Error('nasty')
      },
    })
    const { pid, seen } = observe(system, { trapExit: true })
    await clock.settle()
    system.link(pid, bad.pid)
    system.exit(bad.pid, 'boom')
    await clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: bad.pid, reason: 'boom' }])
    expect(errors).toEqual([
      {
        fields: { error: new Error('nasty'), what: 'onExit of bad' },
        message: 'callback failed',
      },
    ])
    expect(system.stats().processes).toBe(1)
  })

  it('a reason that cannot be printed still reaches everybody: calls, links, monitors, stop', async () => {
    const { clock, system } = createWorld()
    const nasty = {
      [inspect.custom]() {
        throw new Error('no')
      },
    }
    const server = system.start({ label: 'silent', handle: () => {} })
    const linked = idle(system)
    system.link(server.pid, linked)
    const reasons = reasonsOf(system, linked)
    const calls = [system.call(server.pid, 'x', 1), system.call(server.pid, 'x', 2)]
    const failed = Promise.all(calls.map(failure))
    system.exit(server.pid, nasty)
    expect(await failed).toMatchObject([{ reason: nasty }, { reason: nasty }])
    await clock.settle()
    expect(reasons).toEqual([nasty])
    await system.stop()
    expect(system.stats()).toMatchObject({ processes: 0, callsPending: 0 })
  })
})
