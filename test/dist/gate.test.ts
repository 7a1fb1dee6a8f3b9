/** Nodes that are known and have no link: dialled on demand, in order, bounded, or noconnection. */
import { describe, expect, it } from 'vitest'
import type { Ref } from '../../behaviours/index.ts'
import type { FoveaNode, NodeOptions } from '../../dist/index.ts'
import { DIST_DEFAULTS } from '../../dist/options.ts'
import { createSimClock } from '../../runtime/index.ts'
import { Gates, type Side } from './support/gates.ts'
import {
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type CounterApi,
  type LoggedWorld,
} from './support/world.ts'

interface Parted extends AsyncDisposable {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  /** A counter on `b`, whose link to `a` is gone while both live. */
  readonly ref: Ref<CounterApi>
}

/** Two nodes that lost each other; nobody dials by itself for a long time. */
async function parted(node: NodeOptions = {}): Promise<Parted> {
  const world = await startWorld(2, {
    node: {
      keepaliveIntervalMs: 100,
      reconnectBaseMs: 30_000,
      membership: { probeIntervalMs: 600_000 },
      ...node,
    },
  })
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 0 }))
  world.partition(a, b)
  // Until the keepalive has noticed and dialHoldOffMs has passed.
  await world.clock.advance(2_500)
  expect([a.cluster.getConnectedNodeCount(), b.cluster.getConnectedNodeCount()]).toEqual([0, 0])
  return { world, a, b, ref, [Symbol.asyncDispose]: () => world.stop() }
}

describe('a known node without a link', () => {
  it('is dialled by the first message; all of them go out in order', async () => {
    await using t = await parted()
    t.world.heal()
    for (let i = 0; i < 100; i++) expect(t.ref.cast.add(1)).toBe(true)
    t.a.system.send(t.ref.pid, 'ignored')
    expect(await during(t.world, t.ref.call.get())).toBe(100)
    expect(t.a.cluster.isNodeConnected(t.b.id)).toBe(true)
  })

  it('is dialled by spawn, monitor, link and exit as well', async () => {
    await using t = await parted()
    t.world.heal()
    const owner = probe(t.a)
    t.a.system.monitor(owner.pid, t.ref.pid)
    t.a.system.link(owner.pid, t.ref.pid)
    const spawned = await during(
      t.world,
      t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 7 }),
    )
    expect(await during(t.world, spawned.call.get())).toBe(7)
    expect(owner.signals()).toEqual([])
    t.a.system.exit(t.ref.pid, 'kill')
    await t.world.clock.advance(10)
    expect(owner.signals().sort()).toEqual(['down killed', 'exit killed'])
  })

  it('is noconnection for everything when the dial fails, once', async () => {
    await using t = await parted({ dialTimeoutMs: 300 })
    const owner = probe(t.a)
    t.a.system.monitor(owner.pid, t.ref.pid)
    t.a.system.link(owner.pid, t.ref.pid)
    const call = failing(t.world, t.ref.call.get())
    const spawn = failing(t.world, t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 7 }))
    expect(t.ref.cast.add(1)).toBe(true)
    expect(await call).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noconnection' })
    expect(await spawn).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noconnection' })
    await t.world.clock.advance(10)
    expect(owner.signals().sort()).toEqual(['down noconnection', 'exit noconnection'])
    t.world.heal()
    await during(t.world, t.a.cluster.waitFor(t.b.id, { timeoutMs: 120_000 }))
    await t.world.clock.advance(1_000)
    // Nothing of before comes after the reconnection.
    expect(await during(t.world, t.ref.call.get())).toBe(0)
    expect(owner.signals()).toHaveLength(2)
  })

  it('is noconnection at once for dialHoldOffMs after a loss, twice as long after each dial in vain', async () => {
    // A dial that the mesh makes by itself would be shared, and be as old as it is.
    const never = { reconnectBaseMs: 600_000, reconnectMaxMs: 600_000 }
    await using t = await parted({ dialTimeoutMs: 300, dialHoldOffMs: 1_000, ...never })
    const waitedMs = async (): Promise<number> => {
      const atMs = t.world.clock.now()
      expect(await failing(t.world, t.ref.call.get())).toMatchObject({ reason: 'noconnection' })
      return t.world.clock.now() - atMs
    }
    for (const pauseMs of [2_000, 4_000, 8_000]) {
      expect(await waitedMs()).toBeGreaterThan(250)
      expect(await waitedMs()).toBe(0)
      expect(t.ref.cast.add(1)).toBe(false)
      await t.world.clock.advance(pauseMs - 20)
      expect(await waitedMs()).toBe(0)
      await t.world.clock.advance(20)
    }
    t.world.heal()
    expect(await during(t.world, t.ref.call.get())).toBe(0)
    t.world.partition(t.a, t.b)
    await t.world.clock.advance(1_000)
    expect(await waitedMs()).toBe(0)
    await t.world.clock.advance(1_000)
    expect(await waitedMs()).toBeGreaterThan(250)
  })

  it('is reached again when the link that was dialled ended the moment it came up', async () => {
    await using t = await parted({ reconnectBaseMs: 500 })
    let ended = 0
    const stop = t.a.mesh.onLink(({ type, link }) => {
      if (type !== 'up') return
      stop()
      link.fail('ERR_TEST', 'ended at once')
      ended++
    })
    t.world.heal()
    expect(await failing(t.world, t.ref.call.get())).toMatchObject({ reason: 'noconnection' })
    expect(ended).toBe(1)
    await t.world.connected()
    expect(await during(t.world, t.ref.call.add(1, { timeoutMs: 1_000 }))).toBe(1)
    expect(Object.keys(t.a.stats().peers)).toEqual([t.b.key.hex])
  })

  it('is not given up when an older dial to it fails late', async () => {
    await using t = await parted({ dialTimeoutMs: 10_000, dialHoldOffMs: 100 })
    const dials: { reject: (error: Error) => void }[] = []
    const mesh = t.a.mesh as { connect: unknown }
    const connect = t.a.mesh.connect.bind(t.a.mesh)
    mesh.connect = (...args: Parameters<typeof connect>) =>
      dials.length === 0
        ? new Promise<never>((_resolve, reject) => dials.push({ reject }))
        : connect(...args)
    // The first dial hangs; the link comes from the other side and is lost again.
    expect(t.ref.cast.add(1)).toBe(true)
    t.world.heal()
    await during(
      t.world,
      t.b.mesh.connect({ ...t.a.mesh.address, key: t.a.key }, { timeoutMs: 5_000 }),
    )
    expect(await during(t.world, t.ref.call.get())).toBe(1)
    t.a.mesh.linkTo(t.b.key.hex)?.fail('ERR_TEST', 'lost again')
    await t.world.clock.advance(150)
    dials.push({ reject: () => {} })
    const call = during(t.world, t.ref.call.get())
    dials[0]?.reject(new Error('too late'))
    expect(await call).toBe(1)
  })

  it('keeps dialMessagesMax messages and refuses the next', async () => {
    await using t = await parted({ dialMessagesMax: 10 })
    for (let i = 0; i < 10; i++) expect(t.ref.cast.add(1)).toBe(true)
    expect(t.ref.cast.add(1)).toBe(false)
    const refused = await t.ref.call.get().catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ERR_PEER_BACKLOG' })
    expect(t.a.stats().refused).toMatchObject({ ERR_PEER_BACKLOG: 2 })
    t.world.heal()
    await t.world.connected()
    expect(await during(t.world, t.ref.call.get())).toBe(10)
  })

  it('does not hold a call beyond its deadline', async () => {
    await using t = await parted({ dialTimeoutMs: 5_000 })
    const atMs = t.world.clock.now()
    expect(await failing(t.world, t.ref.call.add(1, { timeoutMs: 50 }))).toMatchObject({
      code: 'ERR_CALL_TIMEOUT',
    })
    expect(t.world.clock.now() - atMs).toBeLessThan(100)
    t.world.heal()
    await t.world.clock.advance(6_000)
    expect(await during(t.world, t.ref.call.get())).toBe(0)
  })

  it('that has said goodbye is noconnection at once', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 0 }))
    await during(world, b.stop())
    await world.clock.advance(10_000)
    const atMs = world.clock.now()
    const error = await ref.call.get().catch((caught: unknown) => caught)
    expect(error).toMatchObject({ reason: 'noconnection' })
    expect(world.clock.now()).toBe(atMs)
  })
})

describe('two nodes that talk at once', () => {
  it('NX-D4 do not lose a message when both dial', async () => {
    await using t = await parted()
    const back = await during(
      t.world,
      t.b.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 0, name: 'local' }),
    )
    const onA = probe(t.a)
    t.world.heal()
    const toA = t.b.system.pidFor(t.a.key.hex, onA.pid.id, onA.pid.incarnation)
    for (let i = 0; i < 50; i++) {
      t.ref.cast.add(1)
      t.b.system.send(toA, i)
    }
    await t.world.clock.advance(2_000)
    expect(await during(t.world, t.ref.call.get())).toBe(50)
    expect(onA.seen).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(await during(t.world, back.call.get())).toBe(0)
    expect(t.a.cluster.getConnectedNodeCount()).toBe(1)
  })
})

/** Two gates, a process at each, and how the one sees the other: as it is, and as one of an earlier start. */
async function scene({ isLinked = true, dialHoldOffMs = 0, seed = 1 } = {}) {
  const clock = createSimClock()
  const gates = new Gates(clock, seed, { dialHoldOffMs })
  const [a, b] = gates.sides
  if (isLinked) gates.up(a)
  await clock.advance(20)
  const probeOf = ({ system }: Side) => probe({ system } as FoveaNode)
  const [here, there] = [probeOf(a), probeOf(b)]
  const { id } = there.pid
  const [far, old] = [a.system.pidFor(b.keyHex, id, 1), a.system.pidFor(b.keyHex, id, 0)]
  return { clock, gates, a, b, here, there, far, old }
}

describe('a process of an earlier start of a node', () => {
  it('X-18 hides nothing from the process that has its number now, and costs no link', async () => {
    const { clock, a, b, here, there, far, old } = await scene()
    a.system.link(here.pid, far)
    a.system.link(here.pid, old)
    a.system.unlink(here.pid, old)
    a.system.monitor(here.pid, old)
    await clock.advance(50)
    expect([here.signals(), there.signals()]).toEqual([['down noconnection'], []])
    b.system.exit(there.pid, 'kill')
    await clock.advance(50)
    expect(here.signals()).toEqual(['down noconnection', 'exit killed'])
  })

  it('is noconnection only once who asks has what it is told by', async () => {
    const { clock, a, here, old } = await scene()
    const told: string[] = []
    const { inbound } = a.system
    const spied = inbound as { -readonly [K in 'down' | 'exit']: (typeof inbound)[K] }
    for (const name of ['down', 'exit'] as const) {
      const tell = inbound[name].bind(inbound) as (...args: unknown[]) => void
      spied[name] = (...args: unknown[]) => {
        told.push(name)
        tell(...args)
      }
    }
    a.system.monitor(here.pid, old)
    a.system.link(here.pid, old)
    expect(told).toEqual([])
    await clock.advance(1)
    expect(told).toEqual(['down', 'exit'])
  })
})

describe('a gate', () => {
  it('that is closed leaves its system to the next one, also when it is closed again', async () => {
    const { a, b } = await scene()
    a.gate.close()
    expect(a.system.hasRemote).toBe(false)
    a.system.setRemote(b.gate)
    a.gate.close()
    expect(a.system.hasRemote).toBe(true)
  })

  it.each(['send', 'cast', 'call'] as const)(
    'does not try again what was tried in vain: %s',
    async (what) => {
      const { clock, a, b, far } = await scene({ isLinked: false })
      b.gate.close()
      const says = {
        send: () => a.system.send(far, 'in vain'),
        cast: () => a.system.cast(far, 'in vain', 1),
        call: () => a.system.call(far, 'in vain', 1).catch((error: unknown) => error),
      }
      const said = says[what]()
      await clock.advance(2_000)
      if (what === 'call') expect(await said).toMatchObject({ reason: 'noconnection' })
      // Refused through others, it is dialled once more.
      expect(a.dials).toBe(2)
    },
  )

  it.each([
    ['ERR_LINK_REJECTED', 'noconnection'],
    ['ERR_LINK_REFUSED', 'noconnection'],
    ['ERR_LINK_REALM_MISMATCH', 'noconnection'],
    ['ERR_LINK_SELF', 'noconnection'],
    ['ERR_TRANSPORT_TIMEOUT', 'through others'],
  ])(
    'asks others about a node that cannot be dialled, not about one that refuses: %s',
    async (code, how) => {
      const { clock, a, there, far } = await scene({ isLinked: false })
      a.dialCode = code
      a.system.send(far, 'through others')
      await clock.advance(500)
      expect(there.seen[0] ?? 'noconnection').toBe(how)
    },
  )

  it('asks nobody for a session when a dial fails for which nothing waits any more', async () => {
    const { clock, gates, a, b, there, far } = await scene({ isLinked: false })
    a.system.send(far, 'over a link')
    gates.up(b)
    await clock.advance(15)
    expect(there.seen).toEqual(['over a link'])
    gates.break(a)
    await clock.advance(300)
    const channels = [a.gate.peer(b.keyHex), b.gate.peer(a.keyHex)]
    expect([a.dials, ...channels]).toEqual([1, undefined, undefined])
  })

  it('dials nobody again when a session is refused because there is a link', async () => {
    const { clock, gates, a, there, far } = await scene({ isLinked: false })
    a.system.send(far, 'over the link')
    await clock.advance(31)
    gates.up(a)
    await clock.advance(200)
    expect([there.seen, a.dials]).toEqual([['over the link'], 1])
  })

  it('that is closed gives its dials up, and takes no link of one that ends later', async () => {
    const { clock, gates, a, far } = await scene({ isLinked: false, dialHoldOffMs: 60_000 })
    a.system.send(far, 'in vain')
    const { timerCount } = clock
    const { signal, timeoutMs } = a.dialled!
    expect([signal.aborted, timeoutMs]).toEqual([false, DIST_DEFAULTS.dialTimeoutMs])
    a.gate.close()
    // Nor is anybody held off any more.
    expect([signal.aborted, clock.timerCount]).toEqual([true, timerCount])
    gates.up(a)
    await clock.advance(100)
    expect([a.dials, Array.from(a.gate.peers())]).toEqual([1, []])
  })

  it.each([
    ['is closed', 0],
    ['has lost it', 1_000],
  ])(
    'that %s dials nobody for what waited for the end of a session',
    async (how, dialHoldOffMs) => {
      const { clock, gates, a, b, far } = await scene({ isLinked: false, dialHoldOffMs })
      a.system.send(far, 'through others')
      await clock.advance(300)
      const session = a.gate.peer(b.keyHex)!.link
      gates.up(b)
      await clock.advance(9)
      expect(a.gate.peer(b.keyHex)).toBeUndefined()
      a.system.send(far, 'waits')
      if (how === 'has lost it') {
        gates.break(a)
        session.fail('ERR_TEST', 'for the test')
      } else a.gate.close()
      expect(a.dials).toBe(1)
    },
  )

  it('that waits for the end of a session hears of it also when the node is none any more by then', async () => {
    const { clock, gates, a, b, far } = await scene({ isLinked: false })
    a.system.send(far, 'through others')
    await clock.advance(300)
    gates.up(b)
    await clock.advance(9)
    const call = a.system.call(far, 'waits', 1).catch((error: unknown) => error)
    b.isKnown = false
    gates.break(a)
    await clock.advance(200)
    expect([await call, a.dials]).toMatchObject([{ reason: 'noconnection' }, 1])
  })

  it.each([
    ['comes up while it leaves', false],
    ['might have ended when it left, and stays', true],
  ])('that leaves takes leave of a channel that %s', async (_when, isLinked) => {
    const { clock, gates, a, b, here, there } = await scene({ isLinked })
    const pid = b.system.pidFor(a.keyHex, here.pid.id, 1)
    if (isLinked) gates.rest(a)
    const left = a.gate.leave()
    if (isLinked) b.system.monitor(there.pid, pid)
    else gates.up(a)
    await clock.advance(50)
    expect(a.gate.peer(b.keyHex)).toBeDefined()
    const call = b.system.call(pid, 'too late', 1).catch((error: unknown) => error)
    await clock.advance(50)
    expect(await call).toMatchObject({ reason: 'noconnection' })
    // Once; and nobody is spoken to through others.
    expect([a.gate.leave() === left, a.gate.leaveRelayed()]).toEqual([true, undefined])
  })

  it('that is closed has no channel left, also none whose link may be about to end', async () => {
    const { clock, gates, a, b } = await scene()
    const peer = a.gate.peer(b.keyHex)!
    gates.rest(a)
    await clock.advance(0)
    expect(a.gate.peer(b.keyHex)).toBeUndefined()
    a.gate.close()
    expect(() => peer.lost()).toThrow(
      expect.objectContaining({ code: 'ERR_INVARIANT_PEER_LOST_TWICE' }),
    )
  })

  it('dials a node first again that had a link, or was lost, behind others', async () => {
    const { clock, gates, a, b, far } = await scene({ isLinked: false })
    const dialsFor = async (text: string) => {
      const before = a.dials
      a.system.send(far, text)
      await clock.advance(200)
      return a.dials - before
    }
    expect(await dialsFor('in vain, then through others')).toBe(1)
    gates.up(b)
    await clock.advance(200)
    gates.rest(a)
    await clock.advance(200)
    expect([a.link, await dialsFor('in vain again')]).toEqual([undefined, 1])
    a.gate.peer(b.keyHex)!.link.fail('ERR_TEST', 'for the test')
    await clock.advance(200)
    expect(await dialsFor('in vain again')).toBe(1)
  })

  it('X-11 holds nobody off that has a link, also one that waits for the session that the peer has asked for', async () => {
    const { clock, gates, a, b, here, there, far } = await scene({
      ...{ isLinked: false, dialHoldOffMs: 1_000, seed: 1 },
    })
    // Its dial is in vain, and it asks for a session.
    b.system.send(b.system.pidFor(a.keyHex, here.pid.id, 1), 'through others')
    await clock.advance(31)
    gates.up(b)
    gates.break(a)
    expect(a.gate.send(far, 'held off')).toBe(false)
    await clock.advance(30)
    gates.up(b)
    // It has accepted, and nobody has spoken in it yet.
    expect([a.link?.isUp, a.gate.peer(b.keyHex)]).toEqual([true, undefined])
    expect(a.gate.send(far, 'while the link waits')).toBe(true)
    await clock.advance(500)
    expect([here.seen, there.seen]).toEqual([['through others'], ['while the link waits']])
  })

  it('X-11 holds a node off as at first when it was lost after a session that it had asked for', async () => {
    const { clock, gates, a, b, here, far } = await scene({ dialHoldOffMs: 1_000 })
    gates.break(a)
    await clock.advance(1_001)
    b.system.send(b.system.pidFor(a.keyHex, here.pid.id, 1), 'through others')
    await clock.advance(300)
    a.gate.peer(b.keyHex)!.link.fail('ERR_TEST', 'for the test')
    expect(a.gate.send(far, 'held off')).toBe(false)
    await clock.advance(1_001)
    expect(a.gate.send(far, 'dialled')).toBe(true)
  })

  it('X-11 holds nobody off whose link has ended because nobody needed it', async () => {
    const { clock, gates, a, far } = await scene({ dialHoldOffMs: 1_000 })
    gates.rest(a)
    await clock.advance(100)
    expect([a.link, a.gate.send(far, 'dialled')]).toEqual([undefined, true])
  })

  it('removes a monitor behind what made it, also when that waits for a large value', async () => {
    const { clock, a, b, here, far } = await scene({ isLinked: false })
    a.system.send(far, new Uint8Array(3 * DIST_DEFAULTS.relayWindowBytes))
    const ref = a.system.monitor(here.pid, far)
    a.system.demonitor(ref)
    await clock.advance(1_000)
    expect(b.gate.peer(a.keyHex)?.stats.monitorsIn).toBe(0)
  })
})
