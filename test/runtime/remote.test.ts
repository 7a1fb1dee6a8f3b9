/** Two systems joined by a gate that hands everything to the other side's inbound, at once and in order. */
import { describe, expect, it } from 'vitest'
import { CallExitError, ItemKind, pidEquals } from '../../runtime/index.ts'
import { createWorld, failure, idle, observe, reasonsOf } from './world.ts'
import type { Call, MonitorRef, Pid, Process, RemoteGate, System } from '../../runtime/index.ts'
import type { World } from './world.ts'

interface Joined {
  readonly a: World
  readonly b: World
  /** Calls that `a`'s gate was told to forget. */
  readonly forgotten: Call[]
  readonly cut: () => void
}

/** `pid` as `system` decodes it. */
const as = (system: System, pid: Pid): Pid => system.pidFor(pid.node, pid.id, pid.incarnation)

function gateTo(other: System, own: System, forgotten: Call[]): RemoteGate {
  const there = (pid: Pid): Pid => as(other, pid)
  return {
    send: (to, message) => {
      other.inbound.send(there(to), message)
      return true
    },
    cast: (to, name, input) => other.inbound.cast(there(to), name, input),
    call: (call, to) =>
      void other.inbound.call(there(to), call.name, call.input, {
        timeoutMs: Infinity,
        from: call.from && there(call.from),
        reply: (value) => void call.reply(value),
        fail: (error) => void call.fail(error),
      }),
    callSettled: (call) => void forgotten.push(call),
    exit: (to, from, reason, viaLink) =>
      other.inbound.exit(from && there(from), there(to), reason, viaLink),
    link: (from, to) => other.inbound.link(there(from), there(to)),
    unlink: (from, to) => other.inbound.unlink(there(from), there(to)),
    monitor: (ref, from, to) =>
      other.inbound.monitor(
        ref,
        there(from ?? own.pidFor(own.node, 0, 0)),
        'id' in to ? there(to) : to.name,
      ),
    demonitor: (ref, from) =>
      other.inbound.demonitor(ref, there(from ?? own.pidFor(own.node, 0, 0))),
    down: (ref, _owner, reason) => other.inbound.down(ref, reason),
  }
}

function join(): Joined {
  const a = createWorld({ node: 'a' })
  const b = createWorld({ node: 'b', clock: a.clock })
  const forgotten: Call[] = []
  a.system.setRemote(gateTo(b.system, a.system, forgotten))
  b.system.setRemote(gateTo(a.system, b.system, []))
  const cut = (): void => {
    a.system.setRemote(undefined)
    b.system.setRemote(undefined)
    a.system.inbound.connectionLost('b')
    b.system.inbound.connectionLost('a')
  }
  return { a, b, forgotten, cut }
}

const echo = (system: System): Process =>
  system.start({
    label: 'echo',
    handle: (_process, item) => {
      if (item.kind === ItemKind.call && item.name === 'echo') item.reply(item.input)
    },
  })

describe('without a gate', () => {
  it('X-05 everything to another node is noconnection', async () => {
    const { clock, system } = createWorld({ node: 'a' })
    const foreign = system.pidFor('b', 1, 0)
    const { pid, seen } = observe(system, { trapExit: true })
    await clock.settle()
    system.send(foreign, 'x')
    expect(system.cast(foreign, 'x', 1)).toBe(false)
    expect(await failure(system.call(foreign, 'x', 1))).toMatchObject({ reason: 'noconnection' })
    const ref = system.monitor(pid, foreign)
    system.link(pid, foreign)
    const named = system.monitor(pid, { name: 'n', node: 'b' })
    system.exit(foreign, 'boom')
    system.unlink(pid, foreign)
    await clock.settle()
    expect(seen).toEqual([
      { type: 'down', ref, pid: foreign, name: undefined, reason: 'noconnection' },
      { type: 'exit', from: foreign, reason: 'noconnection' },
      expect.objectContaining({ ref: named, reason: 'noconnection' }),
    ])
    expect(system.stats().messagesDroppedNoconnection).toBe(2)
    const reasons = reasonsOf(system, foreign)
    await clock.settle()
    expect(reasons).toEqual(['noconnection'])
  })

  it('X-03 a link kills a process that does not trap', async () => {
    const { clock, system } = createWorld({ node: 'a' })
    const pid = idle(system)
    const reasons = reasonsOf(system, pid)
    await clock.settle()
    system.link(pid, system.pidFor('b', 1, 0))
    expect(reasons).toEqual(['noconnection'])
  })
})

describe('pids', () => {
  it('decoding the pid of a live local process gives the very same pid', () => {
    const { system } = createWorld()
    const pid = idle(system)
    expect(as(system, pid)).toBe(pid)
  })

  it('a decoded pid made by another system still reaches its process', async () => {
    const { a, b } = join()
    const { pid, seen } = observe(a.system)
    const decoded = as(b.system, pid)
    expect(decoded).not.toBe(pid)
    a.system.send(decoded, 'hi')
    await a.clock.settle()
    expect(seen).toEqual(['hi'])
  })

  it('X-18 a pid of an older incarnation with the same number is dead', async () => {
    const { clock, system } = createWorld({ node: 'a', incarnation: 2 })
    const { pid, seen } = observe(system)
    const old = system.pidFor('a', pid.id, 1)
    expect(pidEquals(old, pid)).toBe(false)
    expect(system.isAlive(old)).toBe(false)
    system.send(old, 'x')
    expect(await failure(system.call(old, 'x', 1))).toMatchObject({ reason: 'noproc' })
    await clock.settle()
    expect(seen).toEqual([])
  })
})

describe('messages across', () => {
  it('X-01 sends, casts and calls arrive, in the order they were sent', async () => {
    const { a, b } = join()
    const { pid, seen } = observe(b.system)
    const remote = as(a.system, pid)
    a.system.send(remote, 1)
    expect(a.system.cast(remote, 'c', 2)).toBe(true)
    await a.clock.settle()
    expect(seen).toEqual([1, { type: 'cast', name: 'c', input: 2 }])
    expect(await a.system.call(as(a.system, echo(b.system).pid), 'echo', 'hi')).toBe('hi')
  })

  it('a call to a dead remote process fails with noproc', async () => {
    const { a, b } = join()
    const server = echo(b.system)
    server.exit('normal')
    const error = await failure(a.system.call(as(a.system, server.pid), 'echo', 1))
    expect(error).toBeInstanceOf(CallExitError)
    expect(error).toMatchObject({ reason: 'noproc' })
  })

  it('a call whose server dies fails with its reason', async () => {
    const { a, b } = join()
    const server = echo(b.system)
    const error = failure(a.system.call(as(a.system, server.pid), 'never', 1))
    await a.clock.settle()
    server.exit('boom')
    expect(await error).toMatchObject({ reason: 'boom' })
  })

  it('a call that times out or is aborted here is forgotten by the gate', async () => {
    const { a, b, forgotten } = join()
    const remote = as(a.system, echo(b.system).pid)
    const controller = new AbortController()
    const errors = [
      failure(a.system.call(remote, 'never', 1, { timeoutMs: 10 })),
      failure(a.system.call(remote, 'never', 2, { signal: controller.signal })),
    ]
    await a.clock.advance(10)
    controller.abort()
    await Promise.all(errors)
    expect(forgotten.map(({ input }) => input)).toEqual([1, 2])
    expect(a.system.stats().callsPending).toBe(0)
  })
})

describe('links and monitors across', () => {
  it('X-16 exit reaches a remote process, a monitor reports its reason', async () => {
    const { a, b } = join()
    const remote = as(a.system, idle(b.system))
    const { pid, seen } = observe(a.system)
    await a.clock.settle()
    const ref = a.system.monitor(pid, remote)
    a.system.exit(remote, 'boom')
    await a.clock.settle()
    expect(seen).toEqual([{ type: 'down', ref, pid: remote, name: undefined, reason: 'boom' }])
    expect([a.system.stats().monitors, b.system.stats().monitors]).toEqual([0, 0])
  })

  it('X-06 a name on another node can be monitored; a free one is noproc', async () => {
    const { a, b } = join()
    const target = idle(b.system, { name: 'n' })
    const { pid, seen } = observe(a.system)
    await a.clock.settle()
    const ref = a.system.monitor(pid, { name: 'n', node: 'b' })
    const free = a.system.monitor(pid, { name: 'free', node: 'b' })
    b.system.exit(target, 'boom')
    await a.clock.settle()
    expect(seen).toEqual([
      expect.objectContaining({ ref: free, reason: 'noproc' }),
      expect.objectContaining({ ref, reason: 'boom' }),
    ])
  })

  it('a remote link carries the reason both ways, and is gone after unlink', async () => {
    const { a, b } = join()
    const targets = [idle(b.system), idle(b.system)] as const
    const { pid, seen } = observe(a.system, { trapExit: true })
    await a.clock.settle()
    for (const target of targets) a.system.link(pid, as(a.system, target))
    a.system.unlink(pid, as(a.system, targets[1]))
    for (const target of targets) b.system.process(target)!.exit('boom')
    await a.clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: as(a.system, targets[0]), reason: 'boom' }])
  })

  it('X-17 a link to a dead remote process is an EXIT noproc later, never an error', async () => {
    const { a, b } = join()
    const dead = idle(b.system)
    b.system.exit(dead, 'kill')
    const { pid, seen } = observe(a.system, { trapExit: true })
    await a.clock.settle()
    expect(() => a.system.link(pid, as(a.system, dead))).not.toThrow()
    await a.clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: as(a.system, dead), reason: 'noproc' }])
  })

  it('an exit over a link that was removed meanwhile does not arrive', async () => {
    const { a, b } = join()
    const target = idle(b.system)
    const { pid, seen } = observe(a.system, { trapExit: true })
    await a.clock.settle()
    a.system.inbound.exit(as(a.system, target), pid, 'boom', true)
    await a.clock.settle()
    expect(seen).toEqual([])
  })

  it('demonitor reaches the other node; by a stranger it changes nothing', async () => {
    const { a, b } = join()
    const target = idle(b.system)
    const { pid, seen } = observe(a.system)
    await a.clock.settle()
    const kept = a.system.monitor(pid, as(a.system, target))
    const removed = a.system.monitor(pid, as(a.system, target))
    a.system.demonitor(removed)
    b.system.inbound.demonitor(kept, b.system.pidFor('a', 9999, 0))
    b.system.exit(target, 'boom')
    await a.clock.settle()
    expect(seen).toEqual([expect.objectContaining({ ref: kept, reason: 'boom' })])
  })

  it('watch works across nodes', async () => {
    const { a, b } = join()
    const target = idle(b.system)
    const reasons = reasonsOf(a.system, as(a.system, target))
    await a.clock.settle()
    b.system.exit(target, 'boom')
    expect(reasons).toEqual(['boom'])
  })

  it('a remote parent is linked with one half; its node adds the other', async () => {
    const { a, b } = join()
    const { pid, seen } = observe(a.system, { trapExit: true })
    await a.clock.settle()
    const child = b.system.start(
      { label: 'child', handle: () => {} },
      { parent: as(b.system, pid), link: true },
    )
    a.system.inbound.link(as(a.system, child.pid), pid)
    child.exit('boom')
    await a.clock.settle()
    expect(seen).toEqual([expect.objectContaining({ type: 'exit', reason: 'boom' })])
  })

  it('limits hold for signals from other nodes too, and answer system_limit', async () => {
    const a = createWorld({ node: 'a' })
    const b = createWorld({
      node: 'b',
      clock: a.clock,
      linksPerProcessMax: 1,
      monitorsPerProcessMax: 1,
    })
    a.system.setRemote(gateTo(b.system, a.system, []))
    b.system.setRemote(gateTo(a.system, b.system, []))
    const target = as(a.system, idle(b.system))
    const observers = [1, 2].map(() => observe(a.system, { trapExit: true }))
    await a.clock.settle()
    for (const { pid } of observers) {
      a.system.link(pid, target)
      a.system.monitor(pid, target)
    }
    await a.clock.settle()
    expect(observers.map(({ seen }) => seen)).toEqual([
      [],
      [
        expect.objectContaining({ type: 'exit', reason: 'system_limit' }),
        expect.objectContaining({ type: 'down', reason: 'system_limit' }),
      ],
    ])
  })
})

describe('links to another node', () => {
  it('L-22 carry the reason as it is, kill too, and end with both processes', async () => {
    const { a, b } = join()
    const { pid, seen } = observe(a.system, { trapExit: true })
    const target = idle(b.system)
    await a.clock.settle()
    a.system.link(pid, as(a.system, target))
    b.system.process(target)!.exit('kill')
    await a.clock.settle()
    expect(seen).toEqual([{ type: 'exit', from: as(a.system, target), reason: 'kill' }])
  })

  it('count for the limit while they exist, each once', async () => {
    const a = createWorld({ node: 'a', linksPerProcessMax: 2 })
    const b = createWorld({ node: 'b', clock: a.clock })
    a.system.setRemote(gateTo(b.system, a.system, []))
    b.system.setRemote(gateTo(a.system, b.system, []))
    const [first, second, third] = [1, 2, 3].map(() => as(a.system, idle(b.system)))
    const pid = idle(a.system)
    for (const peer of [first!, first!, second!]) a.system.link(pid, peer)
    const refused: unknown = expect.objectContaining({ code: 'ERR_LINKS_MAX' })
    expect(() => a.system.link(pid, third!)).toThrow(refused)
    a.system.unlink(pid, third!)
    expect(() => a.system.link(pid, third!)).toThrow(refused)
    a.system.unlink(pid, first!)
    expect(() => a.system.link(pid, third!)).not.toThrow()
    await a.clock.settle()
    expect(a.system.isAlive(pid)).toBe(true)
  })
})

describe('monitors of one number on two nodes', () => {
  /** Each node monitors a process of the other; the references differ in nothing but the node. */
  async function crossed(): Promise<{
    readonly joined: Joined
    readonly pids: readonly [Pid, Pid]
    readonly refs: readonly [MonitorRef, MonitorRef]
  }> {
    const joined = join()
    const { a, b } = joined
    const pids = [idle(a.system), idle(b.system)] as const
    await a.clock.settle()
    const refs = [
      a.system.monitor(pids[0], as(a.system, pids[1])),
      b.system.monitor(pids[1], as(b.system, pids[0])),
    ] as const
    expect(refs[0].id).toBe(refs[1].id)
    return { joined, pids, refs }
  }

  it('are two: the end of one is nothing to the other', async () => {
    const { joined, refs } = await crossed()
    const { a, b } = joined
    expect(b.system.demonitor(refs[0], { info: true })).toBe(false)
    expect(b.system.demonitor(refs[1], { info: true })).toBe(true)
    expect([a, b].map(({ system }) => system.stats().monitors)).toEqual([1, 0])
    expect(a.system.demonitor(refs[0], { info: true })).toBe(true)
  })

  it('the other node is told once, of a monitor that was active and watched a process there', async () => {
    const { joined, pids, refs } = await crossed()
    const { a, b } = joined
    const told: MonitorRef[] = []
    const gate = gateTo(b.system, a.system, [])
    a.system.setRemote({
      ...gate,
      demonitor: (ref, ...rest) => {
        told.push(ref)
        gate.demonitor(ref, ...rest)
      },
    })
    const local = a.system.monitor(pids[0], idle(a.system))
    const spent = a.system.monitor(pids[0], as(a.system, pids[1]))
    for (const ref of [refs[0], refs[0], local]) a.system.demonitor(ref)
    expect(told).toEqual([refs[0]])
    b.system.process(pids[1])!.exit('boom')
    a.system.demonitor(spent)
    const other = as(a.system, idle(b.system))
    const watching = a.system.watch(other, () => {})
    watching()
    watching()
    expect(told).toHaveLength(2)
  })
})

describe('a gate that is taken away', () => {
  it('leaves ends, demonitor and unlink what they are here', async () => {
    const { a, b } = join()
    const left = observe(a.system, { trapExit: true })
    const right = observe(b.system, { trapExit: true })
    await a.clock.settle()
    const remote = as(a.system, right.pid)
    a.system.link(left.pid, remote)
    const refs = [a.system.monitor(left.pid, remote), a.system.monitor(left.pid, remote)]
    b.system.monitor(right.pid, as(b.system, left.pid))
    a.system.setRemote(undefined)
    b.system.setRemote(undefined)
    expect(a.system.demonitor(refs[0]!, { info: true })).toBe(true)
    b.system.process(right.pid)!.exit('boom')
    a.system.process(left.pid)!.exit('boom')
    await a.clock.settle()
    for (const { system, errors } of [a, b]) {
      expect(system.stats().processes).toBe(0)
      expect(errors.map(({ message }) => message)).toEqual(['process crashed'])
    }
  })
})

describe('a lost connection', () => {
  it('X-04 X-22 is noconnection to both sides, once, and is spent afterwards', async () => {
    const { a, b, cut } = join()
    const left = observe(a.system, { trapExit: true })
    const right = observe(b.system, { trapExit: true })
    await a.clock.settle()
    const remote = as(a.system, right.pid)
    a.system.link(left.pid, remote)
    const ref = a.system.monitor(left.pid, remote)
    const call = failure(a.system.call(remote, 'x', 1))
    await a.clock.settle()
    right.seen.length = 0
    cut()
    cut()
    b.system.process(right.pid)!.exit('later')
    await a.clock.settle()
    expect(left.seen).toEqual([
      { type: 'exit', from: remote, reason: 'noconnection' },
      { type: 'down', ref, pid: remote, name: undefined, reason: 'noconnection' },
    ])
    expect(await call).toMatchObject({ reason: 'noconnection' })
    expect(a.system.stats()).toMatchObject({ monitors: 0, callsPending: 0 })
  })

  it('the other side of a link hears of it too, and its records are gone', async () => {
    const { a, b, cut } = join()
    const left = observe(a.system, { trapExit: true })
    const right = observe(b.system, { trapExit: true })
    await a.clock.settle()
    a.system.link(left.pid, as(a.system, right.pid))
    cut()
    await a.clock.settle()
    expect(right.seen).toEqual([
      { type: 'exit', from: as(b.system, left.pid), reason: 'noconnection' },
    ])
    a.system.setRemote(gateTo(b.system, a.system, []))
    b.system.process(right.pid)!.exit('later')
    await a.clock.settle()
    expect(left.seen).toHaveLength(1)
  })

  it('monitors from there are forgotten here', async () => {
    const { a, b, cut } = join()
    const target = idle(b.system)
    const { pid, seen } = observe(a.system)
    await a.clock.settle()
    a.system.monitor(pid, as(a.system, target))
    cut()
    b.system.setRemote(gateTo(a.system, b.system, []))
    b.system.exit(target, 'boom')
    await a.clock.settle()
    expect(seen).toEqual([expect.objectContaining({ reason: 'noconnection' })])
  })

  it('concerns only the node that was lost', async () => {
    const { a, b } = join()
    const { pid, seen } = observe(a.system)
    await a.clock.settle()
    a.system.monitor(pid, as(a.system, idle(b.system)))
    a.system.inbound.connectionLost('c')
    await a.clock.settle()
    expect(seen).toEqual([])
  })
})

describe('stopping', () => {
  it('fails the calls to other nodes', async () => {
    const { a, b } = join()
    const error = failure(
      a.system.call(as(a.system, echo(b.system).pid), 'never', 1, { timeoutMs: Infinity }),
    )
    await a.system.stop()
    expect(await error).toMatchObject({ code: 'ERR_CALL_EXIT' })
  })
})
