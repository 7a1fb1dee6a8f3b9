import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import type { Pid } from '../../runtime/index.ts'
import {
  CounterContract,
  during,
  probe,
  startWorld,
  type LoggedWorld,
  type Probe,
} from './support/world.ts'

/** The pid of a process of `home` as `node` knows it. */
const seenFrom = (node: FoveaNode, home: FoveaNode, pid: Pid): Pid =>
  node.system.pidFor(home.key.hex, pid.id, home.mesh.identity.incarnation)

interface Two extends AsyncDisposable {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  /** A process on each node, and the one of `b` as seen from `a`. */
  readonly onA: Probe
  readonly onB: Probe
  readonly far: Pid
}

async function two(options: { onATraps?: boolean; onBTraps?: boolean } = {}): Promise<Two> {
  const world = await startWorld(2, { node: { keepaliveIntervalMs: 100 } })
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  const onA = probe(a, options.onATraps ?? true)
  const onB = probe(b, options.onBTraps ?? true)
  await world.clock.settle()
  const far = seenFrom(a, b, onB.pid)
  return { world, a, b, onA, onB, far, [Symbol.asyncDispose]: () => world.stop() }
}

/** Long enough for the keepalive to notice a silent peer, and for a healed link to come back. */
const LOSS_MS = 2_000

describe('monitors', () => {
  it('X-16 exit of a remote process, and a DOWN with its reason', async () => {
    await using t = await two({ onBTraps: false })
    t.a.system.monitor(t.onA.pid, t.far)
    t.a.system.exit(t.far, 'boom')
    await t.world.clock.advance(10)
    expect(t.b.system.isAlive(t.onB.pid)).toBe(false)
    expect(t.onA.signals()).toEqual(['down boom'])
    expect(t.onA.seen).toMatchObject([{ pid: { node: t.b.key.hex, id: t.onB.pid.id } }])
  })

  it('M-20 a tag comes back in the DOWN of a remote process, also when its node is lost', async () => {
    await using t = await two()
    const second = seenFrom(t.a, t.b, probe(t.b, true).pid)
    t.a.system.monitor(t.onA.pid, t.far, { tag: 'first' })
    t.a.system.monitor(t.onA.pid, second, { tag: 'second' })
    t.a.system.exit(t.far, 'kill')
    await t.world.clock.advance(10)
    t.world.partition(t.a, t.b)
    await t.world.clock.advance(LOSS_MS)
    expect(t.onA.seen).toMatchObject([
      { tag: 'first', reason: 'killed' },
      { tag: 'second', reason: 'noconnection' },
    ])
  })

  it('L-19 kill is killed for observers, also across nodes', async () => {
    await using t = await two()
    t.a.system.monitor(t.onA.pid, t.far)
    t.a.system.exit(t.far, 'kill')
    await t.world.clock.advance(10)
    expect(t.onA.signals()).toEqual(['down killed'])
  })

  it('X-20 a message sent before death arrives before DOWN', async () => {
    await using t = await two()
    const toA = seenFrom(t.b, t.a, t.onA.pid)
    const dying = t.b.system.spawn(async (ctx) => {
      await ctx.receive(undefined, { timeoutMs: Infinity })
      ctx.send(toA, 'm')
    })
    t.a.system.monitor(t.onA.pid, seenFrom(t.a, t.b, dying))
    t.a.system.send(seenFrom(t.a, t.b, dying), 'go')
    await t.world.clock.advance(10)
    expect(t.onA.seen[0]).toBe('m')
    expect(t.onA.signals()).toEqual(['down normal'])
  })

  it('M-06 are counted, M-07 can be removed, and leave nothing behind', async () => {
    await using t = await two()
    const refs = [1, 2, 3].map(() => t.a.system.monitor(t.onA.pid, t.far))
    await t.world.clock.advance(10)
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ monitorsIn: 3 })
    expect(t.a.system.demonitor(refs[1]!)).toBe(true)
    await t.world.clock.advance(10)
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ monitorsIn: 2 })
    t.b.system.exit(t.onB.pid, 'kill')
    await t.world.clock.advance(10)
    expect(t.onA.signals()).toEqual(['down killed', 'down killed'])
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ monitorsIn: 0 })
    expect(t.a.stats().peers[t.b.key.hex]).toMatchObject({ monitorsOut: 0 })
  })

  it('M-13 end with their owner', async () => {
    await using t = await two()
    t.a.system.monitor(t.onA.pid, t.far)
    await t.world.clock.advance(10)
    t.a.system.exit(t.onA.pid, 'kill')
    await t.world.clock.advance(10)
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ monitorsIn: 0 })
    expect(t.b.system.isAlive(t.onB.pid)).toBe(true)
  })

  it('X-02 the node of a monitored process dies: noconnection, once', async () => {
    await using t = await two()
    t.a.system.monitor(t.onA.pid, t.far)
    await t.world.clock.advance(10)
    t.world.kill(t.b)
    await t.world.clock.advance(LOSS_MS)
    expect(t.onA.signals()).toEqual(['down noconnection'])
  })

  it('X-04 a cut connection is noconnection; after healing the process lives, the monitor is spent', async () => {
    await using t = await two({ onBTraps: false })
    t.a.system.monitor(t.onA.pid, t.far)
    await t.world.clock.advance(10)
    t.world.partition(t.a, t.b)
    await t.world.clock.advance(LOSS_MS)
    expect(t.onA.signals()).toEqual(['down noconnection'])
    t.world.heal()
    await t.world.connected()
    expect(t.b.system.isAlive(t.onB.pid)).toBe(true)
    t.a.system.send(t.far, 'still there')
    await t.world.clock.advance(10)
    expect(t.onB.seen).toEqual(['still there'])
    t.b.system.exit(t.onB.pid, 'boom')
    await t.world.clock.advance(LOSS_MS)
    expect(t.onA.signals()).toEqual(['down noconnection'])
  })

  it('X-05 of a process on an unreachable node is noconnection; so is a link', async () => {
    await using t = await two()
    const nowhere = t.a.system.pidFor('f'.repeat(64), 5, 1)
    t.a.system.monitor(t.onA.pid, nowhere)
    t.a.system.link(t.onA.pid, nowhere)
    await t.world.clock.settle()
    expect(t.onA.signals().sort()).toEqual(['down noconnection', 'exit noconnection'])
    expect(t.a.system.cast(nowhere, 'x', 1)).toBe(false)
  })

  it('X-06 of a name: noproc where nobody has it, noconnection where nobody is', async () => {
    await using t = await two()
    const { system } = t.a
    t.b.system.register('known', t.onB.pid)
    system.monitor(t.onA.pid, { name: 'none', node: t.b.key.hex })
    system.monitor(t.onA.pid, { name: 'none', node: t.b.id })
    system.monitor(t.onA.pid, { name: 'none', node: 'nobody@10.9.9.9:1' })
    system.monitor(t.onA.pid, { name: 'known', node: t.b.id })
    await t.world.clock.advance(10)
    expect(t.onA.signals().sort()).toEqual(['down noconnection', 'down noproc', 'down noproc'])
    t.world.kill(t.b)
    await t.world.clock.advance(LOSS_MS)
    expect(t.onA.signals().filter((signal) => signal === 'down noconnection')).toHaveLength(2)
  })

  it('X-18 a pid of an earlier start of the node is another process', async () => {
    await using t = await two()
    const old = t.a.system.pidFor(t.b.key.hex, t.onB.pid.id, t.far.incarnation - 1)
    t.a.system.monitor(t.onA.pid, old)
    t.a.system.link(t.onA.pid, old)
    t.a.system.send(old, 'lost')
    t.a.system.exit(old, 'kill')
    expect(t.a.system.cast(old, 'x', 1)).toBe(false)
    await t.world.clock.advance(10)
    expect(t.onA.signals().sort()).toEqual(['down noconnection', 'exit noconnection'])
    expect([t.b.system.isAlive(t.onB.pid), t.onB.seen]).toEqual([true, []])
  })
})

describe('links', () => {
  it('X-03 the node goes down: EXIT noconnection when trapping, else death', async () => {
    await using t = await two()
    const plain = probe(t.a, false)
    t.a.system.link(t.onA.pid, t.far)
    t.a.system.link(plain.pid, t.far)
    const reasons: unknown[] = []
    t.a.system.watch(plain.pid, (reason) => void reasons.push(reason))
    await t.world.clock.advance(10)
    t.world.kill(t.b)
    await t.world.clock.advance(LOSS_MS)
    expect(t.onA.signals()).toEqual(['exit noconnection'])
    expect(reasons).toEqual(['noconnection'])
  })

  it('X-22 NX-D10 a cut connection is EXIT noconnection on both sides; no link remains', async () => {
    await using t = await two()
    t.a.system.link(t.onA.pid, t.far)
    await t.world.clock.advance(10)
    t.world.partition(t.a, t.b)
    await t.world.clock.advance(LOSS_MS)
    expect([t.onA.signals(), t.onB.signals()]).toEqual([
      ['exit noconnection'],
      ['exit noconnection'],
    ])
    t.world.heal()
    await t.world.connected()
    t.b.system.exit(t.onB.pid, 'kill')
    await t.world.clock.advance(LOSS_MS)
    expect(t.onA.signals()).toEqual(['exit noconnection'])
  })

  it('L-02 carry the reason across nodes, in both directions', async () => {
    await using t = await two({ onBTraps: false })
    t.a.system.link(t.onA.pid, t.far)
    await t.world.clock.advance(10)
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ linksIn: 1 })
    t.b.system.exit(t.onB.pid, { shutdown: 'x' })
    await t.world.clock.advance(10)
    expect(t.onA.seen).toMatchObject([{ type: 'exit', reason: { shutdown: 'x' } }])
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ linksIn: 0 })
    const third = probe(t.b)
    const fourth = probe(t.a, false)
    t.a.system.link(fourth.pid, seenFrom(t.a, t.b, third.pid))
    await t.world.clock.advance(10)
    t.a.system.exit(fourth.pid, 'boom')
    await t.world.clock.advance(10)
    expect(third.signals()).toEqual(['exit boom'])
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ linksIn: 0 })
  })

  it('L-08 may be removed by either side; then nothing comes (L-13)', async () => {
    await using t = await two()
    const toA = seenFrom(t.b, t.a, t.onA.pid)
    for (const unlink of [
      () => t.a.system.unlink(t.onA.pid, t.far),
      () => t.b.system.unlink(t.onB.pid, toA),
    ]) {
      t.a.system.link(t.onA.pid, t.far)
      await t.world.clock.advance(10)
      unlink()
      await t.world.clock.advance(10)
      expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ linksIn: 0 })
    }
    t.b.system.exit(t.onB.pid, 'kill')
    await t.world.clock.advance(10)
    expect(t.onA.signals()).toEqual([])
  })

  it('X-17 to a dead remote process: link returns, EXIT noproc comes later, also when not trapping', async () => {
    await using t = await two()
    t.b.system.exit(t.onB.pid, 'kill')
    const plain = probe(t.a, false)
    await t.world.clock.settle()
    const reasons: unknown[] = []
    t.a.system.watch(plain.pid, (reason) => void reasons.push(reason))
    t.a.system.link(t.onA.pid, t.far)
    t.a.system.link(plain.pid, t.far)
    await t.world.clock.advance(10)
    expect(t.onA.signals()).toEqual(['exit noproc'])
    expect(reasons).toEqual(['noproc'])
  })
})

describe('RemoteMonitor', () => {
  it('calls back once with the reason, for a ref, a pid and a name', async () => {
    await using t = await two()
    const spawned = t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1, name: 'hits' })
    const ref = await during(t.world, spawned)
    const calls: unknown[] = []
    const named = { name: 'hits', node: t.b.id }
    for (const target of [ref, ref.pid, named]) {
      const monitoring = t.a.remoteMonitor.monitor(target, (which, reason) => {
        calls.push([which === target, reason])
      })
      expect(monitoring.ref).toBe(target)
    }
    await t.world.clock.advance(10)
    expect(calls).toEqual([])
    await during(t.world, ref.call.quit('shutdown'))
    await t.world.clock.advance(10)
    expect(calls).toEqual([
      [true, 'shutdown'],
      [true, 'shutdown'],
      [true, 'shutdown'],
    ])
  })

  it('says noproc for who is not there and noconnection for a node that is not', async () => {
    await using t = await two()
    const reasons: unknown[] = []
    const note = (_ref: unknown, reason: unknown): void => void reasons.push(reason)
    t.a.remoteMonitor.monitor({ name: 'none', node: t.b.id }, note)
    t.a.remoteMonitor.monitor({ name: 'none', node: t.a.id }, note)
    t.a.remoteMonitor.monitor({ name: 'none', node: 'nobody@10.9.9.9:1' }, note)
    expect(reasons).toEqual([])
    await t.world.clock.advance(10)
    expect(reasons.sort()).toEqual(['noconnection', 'noproc', 'noproc'])
  })

  it('refuses what is no target and no callback, and survives a callback that throws', async () => {
    await using t = await two()
    const wrong = [null, undefined, 5, {}, { pid: 1 }, { name: 1, node: t.b.id }]
    for (const target of wrong as unknown as Pid[]) {
      expect(() => t.a.remoteMonitor.monitor(target, () => {})).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      )
    }
    expect(() => t.a.remoteMonitor.monitor(t.far, undefined as unknown as () => void)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
    const reasons: unknown[] = []
    t.a.remoteMonitor.monitor(t.far, () => {
      throw new Error('thrown by a callback')
    })
    t.a.remoteMonitor.monitor(t.far, (_ref, reason) => reasons.push(reason))
    await t.world.clock.advance(10)
    t.b.system.exit(t.onB.pid, 'kill')
    await t.world.clock.advance(100)
    expect(reasons).toEqual(['killed'])
    expect(t.a.cluster.getConnectedNodeCount()).toBe(1)
  })

  it('fires noconnection once when the node is lost, and nothing after unsubscribe or abort', async () => {
    await using t = await two()
    const reasons: unknown[] = []
    const note = (_ref: unknown, reason: unknown): void => void reasons.push(reason)
    const abort = new AbortController()
    t.a.remoteMonitor.monitor(t.far, note)
    const stopped = t.a.remoteMonitor.monitor(t.far, note)
    t.a.remoteMonitor.monitor(t.far, note, { signal: abort.signal })
    t.a.remoteMonitor.monitor(t.far, note, { signal: AbortSignal.abort() })
    await t.world.clock.advance(10)
    stopped.unsubscribe()
    stopped.unsubscribe()
    abort.abort()
    await t.world.clock.advance(10)
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ monitorsIn: 1 })
    t.world.kill(t.b)
    await t.world.clock.advance(LOSS_MS)
    expect(reasons).toEqual(['noconnection'])
  })

  it('survives a callback that throws; the others are called all the same', async () => {
    await using t = await two()
    const reasons: unknown[] = []
    t.a.remoteMonitor.monitor(t.far, () => {
      throw new Error('a bad callback')
    })
    t.a.remoteMonitor.monitor(t.far, (_ref, reason) => void reasons.push(reason))
    await t.world.clock.advance(10)
    t.world.kill(t.b)
    await t.world.clock.advance(LOSS_MS)
    expect(reasons).toEqual(['noconnection'])
    expect(t.world.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { error: { message: 'a bad callback' } } },
    ])
  })

  it('refuses what cannot be monitored', async () => {
    await using t = await two()
    expect(() => t.a.remoteMonitor.monitor({} as never, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })
})
