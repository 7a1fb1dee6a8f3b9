/** Limits of what one peer may do here, at the limit and one above; and the realm's policy. */
import { describe, expect, it } from 'vitest'
import type { Ref } from '../../behaviours/index.ts'
import type { FoveaNode, NodeOptions } from '../../dist/index.ts'
import type { Pid } from '../../runtime/index.ts'
import {
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type CounterApi,
  type LoggedWorld,
} from './support/world.ts'

interface Two extends AsyncDisposable {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  spawn(): Promise<Ref<CounterApi>>
}

async function two(node: NodeOptions = {}): Promise<Two> {
  const world = await startWorld(2, { node })
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  const spawn = (): Promise<Ref<CounterApi>> =>
    during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 }))
  return { world, a, b, spawn, [Symbol.asyncDispose]: () => world.stop() }
}

describe('limits of one peer', () => {
  it('peerCallsMax: the call above it fails with its code, the others wait on', async () => {
    await using t = await two({ peerCallsMax: 3 })
    const ref = await t.spawn()
    const abort = new AbortController()
    const hang = (): Promise<never> => ref.call.hang({} as never, { signal: abort.signal })
    const waiting = [1, 2, 3].map(() => failing(t.world, hang()))
    await t.world.clock.advance(10)
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ callsIn: 3 })
    expect(await failing(t.world, ref.call.get())).toMatchObject({
      ...{ code: 'ERR_PEER_CALLS_MAX', name: 'DistRefusedError', remoteNode: t.b.key.hex },
    })
    expect(t.b.stats().refused).toMatchObject({ ERR_PEER_CALLS_MAX: 1 })
    abort.abort()
    for (const call of waiting) expect(await call).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    expect(await during(t.world, ref.call.get())).toBe(1)
  })

  it('peerMonitorsMax: the monitor above it fires with its code', async () => {
    await using t = await two({ peerMonitorsMax: 2 })
    const { pid } = await t.spawn()
    const owner = probe(t.a)
    const refs = [1, 2, 3].map(() => t.a.system.monitor(owner.pid, pid))
    await t.world.clock.advance(10)
    expect(owner.seen).toMatchObject([
      { type: 'down', ref: refs[2], reason: { code: 'ERR_PEER_MONITORS_MAX' } },
    ])
    t.a.system.demonitor(refs[0]!)
    t.a.system.monitor(owner.pid, pid)
    await t.world.clock.advance(10)
    expect(owner.seen).toHaveLength(1)
    expect(t.b.stats().refused).toMatchObject({ ERR_PEER_MONITORS_MAX: 1 })
  })

  it('peerLinksMax: the link above it breaks with its code', async () => {
    await using t = await two({ peerLinksMax: 2 })
    const owner = probe(t.a)
    const pids: Pid[] = []
    for (let i = 0; i < 3; i++) pids.push((await t.spawn()).pid)
    for (const pid of pids) t.a.system.link(owner.pid, pid)
    await t.world.clock.advance(10)
    expect(owner.seen).toMatchObject([{ type: 'exit', reason: { code: 'ERR_PEER_LINKS_MAX' } }])
    t.a.system.unlink(owner.pid, pids[0]!)
    t.a.system.link(owner.pid, pids[2]!)
    await t.world.clock.advance(10)
    expect(owner.seen).toHaveLength(1)
    t.b.system.exit(t.b.system.pidFor(t.b.system.node, pids[2]!.id, pids[2]!.incarnation), 'boom')
    await t.world.clock.advance(10)
    expect(owner.signals().at(-1)).toBe('exit boom')
  })

  it('peerSpawnsMax: counts processes that start or live, per node, and is freed by their end', async () => {
    await using t = await two({ peerSpawnsMax: 2 })
    const first = await t.spawn()
    await t.spawn()
    const third = t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1 })
    expect(await failing(t.world, third)).toMatchObject({ code: 'ERR_PEER_SPAWNS_MAX' })
    await during(t.world, first.call.quit('normal'))
    const again = await t.spawn()
    expect(await during(t.world, again.call.get())).toBe(1)
    expect(t.b.stats().refused).toMatchObject({ ERR_PEER_SPAWNS_MAX: 1 })
  })

  it('peerSpawnsMax: is not reset by a new connection', async () => {
    await using t = await two({ peerSpawnsMax: 1, keepaliveIntervalMs: 100 })
    await t.spawn()
    t.world.partition(t.a, t.b)
    await t.world.clock.advance(2_000)
    t.world.heal()
    await t.world.connected()
    const second = t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1 })
    expect(await failing(t.world, second)).toMatchObject({ code: 'ERR_PEER_SPAWNS_MAX' })
  })

  it('peerSpawnsMax: is free again when the spawner was restarted and its processes are gone', async () => {
    await using t = await two({ peerSpawnsMax: 1 })
    const first = await t.spawn()
    const spawner = [...t.b.system.processes()].find(({ label }) => label.includes('spawner'))!
    t.b.system.exit(spawner.pid, 'kill')
    await t.world.clock.advance(10)
    expect(await failing(t.world, first.call.get())).toMatchObject({ reason: 'noproc' })
    const second = await t.spawn()
    expect(await during(t.world, second.call.get())).toBe(1)
    const third = t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1 })
    expect(await failing(t.world, third)).toMatchObject({ code: 'ERR_PEER_SPAWNS_MAX' })
  })

  it('NX-D17 outboxBytesMax: calls fail and casts are false when the peer does not read; then all goes on', async () => {
    await using t = await two({ outboxBytesMax: 200_000, bytesQueuedMax: 300_000 })
    const ref = await t.spawn()
    const payload = new Uint8Array(50_000)
    let taken = 0
    while (ref.cast.add(payload as never) && taken < 1_000) taken++
    expect(taken).toBeGreaterThan(3)
    expect(taken).toBeLessThan(200)
    const waiting = t.a.stats().peers[t.b.key.hex]!.bytesWaiting
    expect(waiting).toBeGreaterThan(150_000)
    expect(waiting).toBeLessThanOrEqual(200_000)
    const refused = await ref.call.echo(payload).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ERR_PEER_BACKLOG', name: 'DistRefusedError' })
    expect(t.a.stats().refused).toMatchObject({ ERR_PEER_BACKLOG: 1 })
    await t.world.clock.advance(1_000)
    expect(t.a.stats().peers[t.b.key.hex]).toMatchObject({ bytesWaiting: 0 })
    expect(await during(t.world, ref.call.echo(1))).toBe(1)
  })

  it('outboxReserveBytesMax: a peer for which signals pile up is given up, on both sides', async () => {
    await using t = await two({
      ...{ outboxBytesMax: 20_000, outboxReserveBytesMax: 20_000, bytesQueuedMax: 100_000 },
    })
    const owner = probe(t.a)
    const { id, incarnation } = probe(t.b).pid
    const far = t.a.system.pidFor(t.b.key.hex, id, incarnation)
    t.a.system.monitor(owner.pid, far)
    await t.world.clock.advance(10)
    const linked = (): boolean => t.b.key.hex in t.a.stats().peers
    for (let i = 0; linked() && i < 2_000; i++) t.a.system.exit(far, 'x'.repeat(10_000))
    expect(linked()).toBe(false)
    expect(owner.signals()).toEqual([])
    await t.world.clock.advance(10)
    expect(owner.signals()).toEqual(['down noconnection'])
    const codes = t.world.lines.map((line) => line.code)
    expect(codes).toContain('ERR_PEER_OVERLOADED')
    await t.world.connected()
    expect(await during(t.world, (await t.spawn()).call.get())).toBe(1)
  })
})

describe('the realm’s policy', () => {
  const nobody: readonly string[] = []
  const policy = (grants: { spawn?: readonly string[]; call?: readonly string[] }) => ({
    grants: {
      ...{ spawn: ['member'], erpc: nobody, call: ['member'], publish: nobody },
      ...grants,
    },
  })

  it('that does not grant spawn refuses it with ERR_SPAWN_DENIED', async () => {
    await using world = await startWorld(2, { policy: policy({ spawn: nobody }) })
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    expect(await failing(world, a.remoteSpawn.spawn('counter', b.id))).toMatchObject({
      code: 'ERR_SPAWN_DENIED',
    })
    expect(b.stats().refused).toMatchObject({ ERR_SPAWN_DENIED: 1 })
    const here = await during(world, a.remoteSpawn.spawn(CounterContract, a.id, { arg: 1 }))
    expect(await during(world, here.call.get())).toBe(1)
  })

  it('that does not grant call refuses calls, casts, sends, exits, links and monitors', async () => {
    await using world = await startWorld(2, { policy: policy({ call: nobody }) })
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 }))
    const local = b.system.pidFor(b.system.node, ref.pid.id, ref.pid.incarnation)
    const owner = probe(a)
    expect(await failing(world, ref.call.get())).toMatchObject({ code: 'ERR_PEER_DENIED' })
    ref.cast.reset()
    a.system.send(ref.pid, 'x')
    a.system.exit(ref.pid, 'kill')
    a.system.monitor(owner.pid, ref.pid)
    a.system.link(owner.pid, ref.pid)
    await world.clock.advance(10)
    expect(owner.seen).toMatchObject([
      { type: 'down', reason: { code: 'ERR_PEER_DENIED' } },
      { type: 'exit', reason: { code: 'ERR_PEER_DENIED' } },
    ])
    expect(b.system.isAlive(local)).toBe(true)
    expect(await during(world, b.system.call(local, 'get', undefined))).toBe(1)
    expect(b.stats().refused).toMatchObject({ ERR_PEER_DENIED: 6 })
  })
})
