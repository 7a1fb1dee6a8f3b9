import { describe, expect, it } from 'vitest'
import { simulate } from '../../../dist/simulation/index.ts'
import { Counter, CounterContract } from '../support/world.ts'

describe('simulate', () => {
  it('runs whole nodes, and repeats a run from its seed', async () => {
    const once = (seed: number) =>
      simulate({
        seed,
        nodes: 3,
        network: { latencyMs: 5, jitterMs: 20 },
        setup: (node) => {
          node.node.behaviorRegistry.register(Counter, { remote: true })
        },
        run: async (sim) => {
          const [a, b] = [sim.node('n1').node, sim.node('n2').node]
          const ref = await a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 })
          await sim.sleep(1000)
          return ref.call.add(5)
        },
      })
    const first = await once(7)
    expect(first.value).toBe(6)
    expect(await once(7)).toEqual(first)
    expect((await once(8)).traceHash).not.toBe(first.traceHash)
    console.log(first)
  })
})
