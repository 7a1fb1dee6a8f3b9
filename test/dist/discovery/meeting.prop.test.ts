/** Two nodes that start in one instant, each with the other as its seed: one cluster, every time (D8). */
import { expect, it } from 'vitest'
import { staticNodes } from '../../../dist/discovery/static.ts'
import { startSimNodes } from '../../../dist/simulation/index.ts'

/** `npm run test:soak` runs all of them. */
const RUNS = Math.min(200, Math.ceil(Number(process.env['FOVEA_MODEL_RUNS'] ?? 200) / 50))

it(`D8 ${RUNS} pairs of nodes that start at once with each other as seed are pairs`, async () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    await using sim = await startSimNodes(0, {
      ...{ seed, network: { latencyMs: seed % 4, jitterMs: seed % 3 } },
      node: { dht: false, services: false, discovery: [staticNodes(['10.0.0.1', '10.0.0.2'])] },
    })
    const started = await Promise.all(
      [1, 2].map((number) => sim.start(`n${number}`, { join: false, host: `10.0.0.${number}` })),
    )
    const downs: string[] = []
    for (const node of started) node.cluster.onNodeDown((id) => downs.push(id))
    await sim.clock.advance(3_000)
    const linked = started.map((node) => node.mesh.links().length)
    expect({ seed, linked, downs }).toEqual({ seed, linked: [1, 1], downs: [] })
  }
})
