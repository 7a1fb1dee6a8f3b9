/** Whole mesh nodes on a simulated network: which links stand. */
import { describe, expect, it } from 'vitest'
import { simulatedSignatures } from '../../../mesh/identity/simulated-signatures.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { Cluster, linkTo, peersOf } from '../cluster.ts'
import { allKnowAll } from '../membership/histories.ts'

const seed = (n: number) => `10.0.0.${n}:4433`

/** Only standing links stay. */
const noIdle: MeshOptions = {
  ...{ linksIdleMax: 0, linkIdleMinMs: 3_000, linkIdleMs: 3_000 },
  membership: 'local',
}

async function startAll(cluster: Cluster, count: number, more: MeshOptions = {}): Promise<Mesh[]> {
  const meshes: Mesh[] = []
  for (let n = 1; n <= count; n++) {
    const seeds = n === 1 ? [] : [seed(1)]
    meshes.push(await cluster.start(`n${n}`, n, { seeds, ...more }))
  }
  return meshes
}

/** How many of `meshes` the first one reaches over standing links. */
function reached(meshes: readonly Mesh[]): number {
  const byKey = new Map(meshes.map((mesh) => [mesh.key.hex, mesh]))
  const seen = new Set<Mesh>([meshes[0]!])
  for (const mesh of seen) {
    for (const { peer } of mesh.neighbours()) {
      const next = byKey.get(peer.key.hex)
      if (next !== undefined) seen.add(next)
    }
  }
  return seen.size
}

async function until(cluster: Cluster, done: () => boolean, limitMs: number): Promise<number> {
  const startMs = cluster.clock.now()
  while (!done() && cluster.clock.now() - startMs < limitMs) await cluster.clock.advance(250)
  expect(done()).toBe(true)
  return cluster.clock.now() - startMs
}

describe('standing links', () => {
  it('of five nodes are all links there are', async () => {
    await using cluster = new Cluster(1)
    const meshes = await startAll(cluster, 5)
    await cluster.clock.advance(2_000)
    expect(meshes.map(peersOf)).toEqual([
      'n2 n3 n4 n5',
      'n1 n3 n4 n5',
      'n1 n2 n4 n5',
      'n1 n2 n3 n5',
      'n1 n2 n3 n4',
    ])
  })

  it('are the neighbours of both ends, and links made for another reason are not', async () => {
    const signatures = simulatedSignatures()
    await using cluster = new Cluster(4, { signatures })
    const meshes = await startAll(cluster, 12, { ...noIdle, neighbours: 2 })
    await until(cluster, () => allKnowAll(meshes), 5_000)
    await cluster.clock.advance(10_000)
    const keysOf = (mesh: Mesh) => mesh.neighbours().map(({ peer }) => peer.key.hex)
    for (const mesh of meshes) {
      expect(keysOf(mesh).length).toBeGreaterThanOrEqual(2)
      expect(mesh.stats().linksHeld).toBe(keysOf(mesh).length)
      for (const other of meshes) {
        expect(keysOf(other).includes(mesh.key.hex)).toBe(keysOf(mesh).includes(other.key.hex))
      }
    }
    const [one] = meshes
    const far = meshes.find((mesh) => mesh !== one && !keysOf(one!).includes(mesh.key.hex))
    const made = one!.connect({ ...far!.address, key: far!.key })
    await cluster.clock.advance(500)
    await made
    expect(keysOf(one!)).not.toContain(far!.key.hex)
    const stopping = one!.stop()
    await cluster.clock.advance(10_000)
    await stopping
    expect(one!.neighbours()).toEqual([])
  })

  it('ML20 connect thirty nodes, and again after any third of them is killed at once', async () => {
    const signatures = simulatedSignatures()
    await using cluster = new Cluster(2, { latencyMs: 1, jitterMs: 3, signatures })
    const meshes = await startAll(cluster, 30, noIdle)
    await until(cluster, () => allKnowAll(meshes), 5_000)
    await cluster.clock.advance(4_000)
    expect(reached(meshes)).toBe(30)
    const degrees = meshes.map((mesh) => mesh.neighbours().length)
    // k chosen, up to 2k standing, and those nearest on the ring come on top.
    for (const degree of degrees) {
      expect(degree).toBeGreaterThanOrEqual(4)
      expect(degree).toBeLessThanOrEqual(8 + 2)
    }
    const mean = degrees.reduce((sum, degree) => sum + degree, 0) / degrees.length
    expect(mean).toBeLessThan(8)
    const victims = new Set<Mesh>()
    while (victims.size < 10) victims.add(meshes[Math.floor(cluster.entropy.random() * 30)]!)
    for (const { address } of victims) cluster.network.kill(address.host)
    const rest = meshes.filter((mesh) => !victims.has(mesh))
    await until(cluster, () => allKnowAll(rest), 40_000)
    await cluster.clock.advance(3_000)
    expect(reached(rest)).toBe(20)
  }, 60_000)

  it('heal with the mesh after a partition', async () => {
    const signatures = simulatedSignatures()
    await using cluster = new Cluster(3, { latencyMs: 1, jitterMs: 2, signatures })
    const meshes = await startAll(cluster, 8)
    await until(cluster, () => allKnowAll(meshes), 5_000)
    const hosts = meshes.map(({ address }) => address.host)
    cluster.network.partition(hosts.slice(0, 4), hosts.slice(4))
    await cluster.clock.advance(60_000)
    expect(reached(meshes)).toBe(4)
    cluster.network.heal()
    await until(cluster, () => allKnowAll(meshes), 90_000)
    await cluster.clock.advance(5_000)
    expect(reached(meshes)).toBe(8)
  })

  it('are held on both sides: an idle one stays for ten minutes while others go', async () => {
    await using cluster = new Cluster(4)
    const [a, b] = (await startAll(cluster, 2, noIdle)) as [Mesh, Mesh]
    await cluster.clock.advance(1_000)
    cluster.events.length = 0
    await cluster.clock.advance(600_000)
    expect(cluster.events).toEqual([])
    expect([a, b].map(peersOf)).toEqual(['n2', 'n1'])
  })

  it('come back after a pause when one breaks', async () => {
    await using cluster = new Cluster(5)
    const [a, b] = (await startAll(cluster, 2)) as [Mesh, Mesh]
    await cluster.clock.advance(1_000)
    linkTo(a, 'n2').fail('ERR_TEST', 'broken')
    await cluster.clock.advance(10)
    expect(peersOf(a)).toBe('')
    await until(cluster, () => peersOf(a) === 'n2' && peersOf(b) === 'n1', 2_000)
  })

  it('survive a crash of the process that keeps them', async () => {
    await using cluster = new Cluster(6)
    const meshes = await startAll(cluster, 4, noIdle)
    await cluster.clock.advance(2_000)
    cluster.events.length = 0
    const a = meshes[0]!
    const found = [...a.system.processes()].find(({ label }) => /fovea\.topology/.test(label))
    a.system.exit(found!.pid, 'kill')
    await cluster.clock.advance(120_000)
    expect(
      cluster.events.filter((line) => line.includes('down') && !line.includes('idle')),
    ).toEqual([])
    expect(meshes.map((mesh) => mesh.links().length)).toEqual([3, 3, 3, 3])
  })
})
