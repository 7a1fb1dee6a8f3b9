import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { Cluster } from '../cluster.ts'

const seed = (n: number) => `n${n}@10.0.0.${n}:4433`
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array) => new TextDecoder().decode(value)

async function startAll(cluster: Cluster, count: number, more: MeshOptions = {}) {
  const meshes: Mesh[] = []
  for (let n = 1; n <= count; n++) {
    const seeds = n === 1 ? [] : [seed(1)]
    meshes.push(await cluster.start(`n${n}`, n, { seeds, ...more }))
  }
  await cluster.clock.advance(10_000)
  return meshes
}

describe('mesh.dht', () => {
  it('puts a value at one node and gets it at all others', async () => {
    await using cluster = new Cluster(1, { latencyMs: 1 })
    const meshes = await startAll(cluster, 5)
    const put = await cluster.during(meshes[0]!.dht.put(bytes('hello')))
    expect(put.holders).toHaveLength(4)
    for (const mesh of meshes) {
      const { value } = await cluster.during(mesh.dht.get(put.key))
      expect(text(value)).toBe('hello')
    }
    const found = await cluster.during(meshes[2]!.dht.findNode(meshes[4]!.nodeId))
    expect(found).toMatchObject({ key: meshes[4]!.key, address: meshes[4]!.address })
  })
})
