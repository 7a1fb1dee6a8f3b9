/** Nodes that cannot reach each other, and others that can reach both. */
import { describe, expect, it } from 'vitest'
import type { Ref } from '../../../behaviours/index.ts'
import type { FoveaNode } from '../../../dist/index.ts'
import {
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type CounterApi,
  type LoggedWorld,
} from '../support/world.ts'

interface Cut {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  readonly c: FoveaNode
  /** On C, from A. */
  readonly counter: Ref<CounterApi>
  readonly downs: string[]
}

/** A-B and B-C, not A-C. */
async function cut(options: Parameters<typeof startWorld>[1] = {}): Promise<Cut> {
  const { node, ...rest } = options
  const quick = { keepaliveIntervalMs: 200, reconnectMaxMs: 500, relayTimeoutMs: 2_000 }
  const world = await startWorld(3, { ...rest, node: { ...quick, ...node } })
  const [a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
  const counter = await during(world, a.remoteSpawn.spawn(CounterContract, c.id, { arg: 0 }))
  const downs: string[] = []
  for (const node of [a, b, c]) {
    node.cluster.onNodeDown((id) => downs.push(`${node.id.split('@')[0]} ${id.split('@')[0]}`))
  }
  world.partition(a, c)
  await world.clock.advance(2_500)
  return { world, a, b, c, counter, downs }
}

describe('an overlapping partition: A-B, B-C, not A-C', () => {
  it('everything between A and C goes through B, in order, and over a link again after healing', async () => {
    const { world, a, b, c, counter, downs } = await cut()
    const { clock } = world
    expect(a.mesh.linkTo(c.key.hex)).toBeUndefined()
    expect(await during(world, counter.call.add(5))).toBe(5)
    expect(a.mesh.linkTo(c.key.hex)).toBeUndefined()
    // No cascade: each lost one node, and has it again.
    expect(downs.toSorted()).toEqual(['n1 n3', 'n3 n1'])
    expect([a, c].map((node) => node.cluster.isNodeConnected(b.id))).toEqual([true, true])
    expect(a.cluster.isNodeConnected(c.id)).toBe(true)

    const here = probe(a)
    const there = probe(c)
    const [toC, toA] = [
      a.system.pidFor(c.key.hex, there.pid.id, there.pid.incarnation),
      c.system.pidFor(a.key.hex, here.pid.id, here.pid.incarnation),
    ]
    for (let i = 0; i < 100; i++) {
      a.system.send(toC, { i, data: new Uint8Array(i % 20 === 0 ? 150_000 : 10) })
      c.system.send(toA, i)
    }
    await clock.advance(500)
    expect((there.seen as { i: number }[]).map(({ i }) => i)).toEqual([...Array(100).keys()])
    expect(here.seen).toEqual([...Array(100).keys()])
    a.system.monitor(here.pid, toC)
    c.system.link(there.pid, toA)
    await clock.advance(100)

    world.heal()
    await clock.advance(4_000)
    expect(a.mesh.linkTo(c.key.hex)).toBeDefined()
    // The monitor and the link made through B stand, whatever carries them now.
    a.system.exit(toC, 'kill')
    await clock.advance(100)
    expect(here.signals().toSorted()).toEqual(['down killed', 'exit killed'])
    await clock.advance(2_000)
    const relayedBefore = a.mesh.courier!.stats()
    expect(await during(world, counter.call.add(1))).toBe(6)
    const { direct, relayed } = a.mesh.courier!.stats()
    expect([direct, relayed]).toEqual([relayedBefore.direct, relayedBefore.relayed])
    expect(downs.length).toBe(2)
    await world.stop()
  })

  it('is noconnection on both sides when B is gone, too, and nothing is left', async () => {
    const { world, a, b, c, counter } = await cut()
    const { clock } = world
    await during(world, counter.call.add(1))
    const here = probe(a)
    const there = probe(c)
    const toC = a.system.pidFor(c.key.hex, there.pid.id, there.pid.incarnation)
    a.system.monitor(here.pid, toC)
    a.system.link(here.pid, toC)
    const hanging = failing(world, counter.call.hang(undefined, { timeoutMs: Infinity }))
    await clock.advance(500)
    world.partition(a, b)
    world.partition(b, c)
    await clock.advance(6_000)
    expect(await hanging).toMatchObject({ reason: 'noconnection' })
    expect(here.signals().toSorted()).toEqual(['down noconnection', 'exit noconnection'])
    expect(there.signals()).toEqual(['exit noconnection'])
    expect(a.stats().peers).toEqual({})
    expect(a.cluster.getConnectedNodeCount()).toBe(0)
    await world.stop()
  })

  it('relaysMax: one more is noconnection with its code; both ends may open at once', async () => {
    const { world, a, c, counter } = await cut({ node: { relaysMax: 1 } })
    const { clock } = world
    const back = probe(a)
    const toA = c.system.pidFor(a.key.hex, back.pid.id, back.pid.incarnation)
    c.system.send(toA, 'from c')
    expect(await during(world, counter.call.add(1))).toBe(1)
    await clock.advance(200)
    expect(back.seen).toEqual(['from c'])
    const d = await world.start('n4')
    await clock.advance(1_000)
    world.partition(a, d)
    await clock.advance(2_500)
    const call = a.remoteCall.call({ name: 'x', node: d.id }, 'get')
    expect(await failing(world, call)).toMatchObject({ reason: 'noconnection' })
    expect(a.stats().refused).toMatchObject({ ERR_DIST_RELAYS_MAX: 1 })
    await world.stop()
  })
})
