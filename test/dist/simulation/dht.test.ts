import { describe, expect, it } from 'vitest'
import { simulate, type SimulateOptions, type Simulation } from '../../../dist/simulation/index.ts'

const dhtOf = (sim: Simulation, node: string) => sim.node(node).node.mesh.dht
const value = Uint8Array.of(1, 2, 3)

/** Stores something on one node, gives its key. */
async function stored(sim: Simulation) {
  await Promise.all(['n1', 'n2', 'n3'].map((name) => dhtOf(sim, name).joined()))
  const { key } = await dhtOf(sim, 'n1').put({ name: 'colour', value }, { quorum: 3 })
  return key
}

const world: SimulateOptions<void> = { nodes: 3, network: { latencyMs: 5, jitterMs: 5 } }

describe('simulate with the DHT', () => {
  it('a value outlives the crash of its publisher, who goes on when it is back', async () => {
    const run = async (sim: Simulation) => {
      const key = await stored(sim)
      sim.node('n1').crash()
      const without = (await dhtOf(sim, 'n3').get(key)).value
      await sim.node('n1').start()
      await dhtOf(sim, 'n1').joined()
      const { records } = dhtOf(sim, 'n1').stats()
      const address = await dhtOf(sim, 'n3').findNode(sim.node('n1').node.id)
      return { without, published: records?.published, host: address?.address.host }
    }
    const { value: result } = await simulate({ ...world, seed: 5, run })
    expect(result).toEqual({ without: value, published: 3, host: '10.0.0.1' })
  })

  it('K47 one seed repeats a run to the last message', async () => {
    const run = async (sim: Simulation) => (await dhtOf(sim, 'n3').get(await stored(sim))).value
    const first = await simulate({ ...world, seed: 6, run })
    expect(first.value).toEqual(value)
    expect((await simulate({ ...world, seed: 6, run })).traceHash).toBe(first.traceHash)
  })
})
