import { describe, expect, it } from 'vitest'
import { startSimNodes, type SimNodes } from '../../../dist/simulation/index.ts'
import type { FoveaNode } from '../../../dist/index.ts'
import { Counter, CounterContract, during } from '../support/world.ts'

type Three = [FoveaNode, FoveaNode, FoveaNode]

describe('startSimNodes', () => {
  it('links every node with every other one in virtual time', async () => {
    await using world = await startSimNodes(5, { network: { latencyMs: 10 } })
    expect(world.nodes.map(({ id }) => id)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `n${n}@10.0.0.${n}:4433`),
    )
    for (const node of world.nodes) expect(node.cluster.getConnectedNodeCount()).toBe(4)
  })

  it('refuses what is no number of nodes, and options that it does not know', async () => {
    for (const count of [-1, 1.5, Number.NaN, '2' as unknown as number]) {
      await expect(startSimNodes(count)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
    }
    const unknown = { sed: 1 } as object
    await expect(startSimNodes(1, unknown)).rejects.toMatchObject({ code: 'ERR_OPTION_UNKNOWN' })
  })

  it('says so when nodes cannot find each other', async () => {
    await using world = await startSimNodes(1)
    await world.start('n2', { join: false })
    await expect(world.connected()).rejects.toMatchObject({ code: 'ERR_SIMULATION_NOT_CONNECTED' })
  })

  it('heals what was cut; killed nodes count no more', async () => {
    await using world = await startSimNodes(3, { node: { keepaliveIntervalMs: 100 } })
    const [a, b, c] = world.nodes as Three
    world.partition(a, b)
    await world.clock.advance(2_000)
    expect(a.cluster.isNodeConnected(b.id)).toBe(false)
    world.heal()
    await world.connected()
    expect(a.cluster.isNodeConnected(b.id)).toBe(true)
    world.kill(c)
    await world.clock.advance(2_000)
    await world.connected()
    expect(a.cluster.getConnectedNodeCount()).toBe(1)
  })

  it('repeats a run from its seed, call for call', async () => {
    const run = async (): Promise<unknown[]> => {
      const world: SimNodes = await startSimNodes(3, {
        ...{ seed: 42, network: { latencyMs: 5, jitterMs: 20 } },
      })
      await using _ = world
      const startedAtMs = world.clock.now()
      const trace: unknown[] = []
      for (const node of world.nodes) node.behaviorRegistry.register(Counter, { remote: true })
      const [a, b, c] = world.nodes as Three
      const refs = await during(
        world,
        Promise.all([b, c].map(({ id }) => a.remoteSpawn.spawn(CounterContract, id, { arg: 0 }))),
      )
      for (let i = 0; i < 20; i++) {
        const calls = refs.map(async (ref, which) => {
          const value = await ref.call.add(i)
          trace.push([world.clock.now() - startedAtMs, which, value])
        })
        await during(world, Promise.all(calls))
      }
      return trace
    }
    const first = await run()
    expect(first).toHaveLength(40)
    expect(await run()).toEqual(first)
  })
})
