/**
 * Defects of noex's distribution that no other test shows the opposite of; the other tests carry the id in their names
 * (`NX-D..`).
 */
import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { startSimNodes } from '../../dist/simulation/index.ts'
import { CounterContract, during, failing, startWorld } from './support/world.ts'

describe('a cluster', () => {
  it('NX-D15 is joined within a second, and the first call goes out at once', async () => {
    await using world = await startSimNodes(1, { network: { latencyMs: 5 } })
    const [a] = world.nodes as [FoveaNode]
    const startedMs = world.clock.now()
    const b = await world.start('n2')
    await during(world, b.cluster.waitFor(a.id))
    const call = failing(world, b.remoteCall.call({ name: 'none', node: a.id }, 'get'))
    expect(await call).toMatchObject({ reason: 'noproc' })
    expect(world.clock.now() - startedMs).toBeLessThan(1_000)
  })

  it('NX-D19 a node that hangs is noconnection in seconds, and nothing is sent to it after', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 0 }))
    const hanging = failing(world, ref.call.hang(undefined, { timeoutMs: Infinity }))
    await world.clock.advance(10)
    world.network.pause(b.mesh.address)
    const startedMs = world.clock.now()
    expect(await hanging).toMatchObject({ reason: 'noconnection' })
    expect(world.clock.now() - startedMs).toBeLessThan(5_000)
    expect(a.cluster.isNodeConnected(b.id)).toBe(false)
    const sentMs = world.clock.now()
    expect(await failing(world, ref.call.add(1))).toMatchObject({ reason: 'noconnection' })
    expect(world.clock.now()).toBe(sentMs)
    world.network.resume(b.mesh.address)
    await world.clock.advance(60_000)
    expect(await during(world, ref.call.get())).toBe(0)
  })

  it('NX-D24 everybody who dials a node that is not there is told, and nothing waits for ever', async () => {
    await using world = await startSimNodes(1)
    const [a] = world.nodes as [FoveaNode]
    const nowhere = 'n9@10.9.9.9:4433'
    const dials = [1, 2, 3].map(() => failing(world, a.cluster.connect(nowhere)))
    for (const error of await Promise.all(dials)) {
      expect(error).toMatchObject({ code: 'ERR_CLUSTER_CONNECT' })
    }
    expect(await failing(world, a.cluster.connect(nowhere))).toMatchObject({
      code: 'ERR_CLUSTER_CONNECT',
    })
    expect(a.mesh.stats().dials).toBe(0)
  })
})
