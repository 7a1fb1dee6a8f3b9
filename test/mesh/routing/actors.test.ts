import { describe, expect, it } from 'vitest'
import { MemoryDisk } from '../../../mesh/store/memory.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import { compareDistance, keyFromHex } from '../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../mesh/routing/kademlia/id.ts'
import { codeOf } from '../cluster.ts'
import {
  bytes,
  dhtCluster,
  diskOf,
  killPart,
  namesOf,
  startAll,
  startOne,
  tableOf,
  textOf,
} from './dht-cluster.ts'

/** A key from which all `others` are nearer than `node`. */
function awayFrom(node: Mesh, others: readonly Mesh[]): KadKey {
  for (let i = 0; i < 1_000; i++) {
    const key = node.dht.keyOf(`key ${i}`)
    const far = keyFromHex(node.key.hex)
    if (others.every((other) => compareDistance(key, keyFromHex(other.key.hex), far) < 0))
      return key
  }
  throw new Error('no such key')
}

describe('joining', () => {
  it('ML11 nodes behind one seed see each other in their tables', async () => {
    await using cluster = dhtCluster({ seed: 21 })
    const meshes: Mesh[] = []
    for (let n = 1; n <= 8; n++) meshes.push(await startOne(cluster, n))
    await cluster.clock.advance(5_000)
    for (const [index, mesh] of meshes.entries()) {
      const others = meshes.map((_, n) => `n${n + 1}`).filter((_, n) => n !== index)
      expect(tableOf(meshes, mesh)).toBe(others.join(' '))
    }
  })

  it('K40 a node that starts before its seed joins when the seed comes', async () => {
    await using cluster = dhtCluster({ seed: 22 })
    const b = await startOne(cluster, 2)
    await cluster.clock.advance(60_000)
    expect(b.dht.table()).toEqual([])
    expect(await cluster.during(b.dht.closest('x'))).toEqual([])
    const a = await startOne(cluster, 1)
    await cluster.clock.advance(40_000)
    expect([tableOf([a, b], a), tableOf([a, b], b)]).toEqual(['n2', 'n1'])
  })
})

describe('what membership says', () => {
  it('a node that is down is in no answer, and whoever comes back is asked again', async () => {
    await using cluster = dhtCluster({ seed: 23 })
    const meshes = await startAll(cluster, 5)
    cluster.network.kill('10.0.0.5')
    await cluster.clock.advance(15_000)
    for (const mesh of meshes.slice(0, 4)) {
      const closest = await cluster.during(mesh.dht.closest(meshes[4]!.key))
      expect(namesOf(meshes, closest)).not.toContain('n5')
      const { contact, state } =
        mesh.dht.table().find(({ contact: { key } }) => key === meshes[4]!.key) ?? {}
      expect([contact, state].every((part) => part === undefined) || state === 'failed').toBe(true)
    }
  })

  it('a node that left is in no table and is not dialled any more', async () => {
    await using cluster = dhtCluster({ seed: 24 })
    const meshes = await startAll(cluster, 4)
    const dials = () =>
      meshes.slice(0, 3).map((mesh) => mesh.dht.stats().routing?.links.dialsFailed)
    await cluster.stop(meshes[3]!)
    await cluster.clock.advance(2_000)
    expect(meshes.slice(0, 3).map((mesh) => tableOf(meshes, mesh))).toEqual([
      'n2 n3',
      'n1 n3',
      'n1 n2',
    ])
    const before = dials()
    await cluster.clock.advance(120_000)
    expect(dials()).toEqual(before)
  })
})

describe('a black hole', () => {
  it('ML13 delays nobody else: lookups that do not meet it take no longer', async () => {
    await using cluster = dhtCluster({ seed: 25 })
    // With the usual k of 20 everybody is asked about everything here.
    const meshes = await startAll(cluster, 6, { dht: { k: 3 } })
    // Nobody has noticed yet, and the links are gone: each question dials into nothing.
    cluster.network.cut({ from: '10.0.0.6', to: '10.0.0.1' })
    cluster.network.cut({ from: '10.0.0.1', to: '10.0.0.6' })
    const [a, , , , , hole] = meshes as [Mesh, Mesh, Mesh, Mesh, Mesh, Mesh]
    const away = awayFrom(hole, meshes.slice(1, 5))
    const stuck = a.dht.closest(hole.key, { count: 1 })
    const before = cluster.clock.now()
    const looked = await cluster.during(a.dht.closest(away), 5)
    expect(looked.length).toBe(3)
    expect(cluster.clock.now() - before).toBeLessThan(100)
    // Whoever must ask it waits for its time, and finds the next.
    expect(namesOf(meshes, await cluster.during(stuck))).toMatch(/^n[2345]$/)
    expect(cluster.clock.now() - before).toBeGreaterThanOrEqual(2_000)
    const many = Array.from({ length: 20 }, (_, i) => a.dht.put(bytes(`value ${i}`), { quorum: 2 }))
    await cluster.during(Promise.all(many))
    expect(a.dht.stats().records?.operationsFailed).toBe(0)
  })
})

describe('a process that ends', () => {
  it('routing: begins again with the table it had; a get goes on, a lookup is told', async () => {
    await using cluster = dhtCluster({ seed: 26, latencyMs: 20 })
    const meshes = await startAll(cluster, 5)
    const a = meshes[0]!
    const { key } = await cluster.during(meshes[1]!.dht.put(bytes('kept')))
    const lookup = codeOf(a.dht.closest('somewhere'))
    const get = a.dht.get(key)
    killPart(a, 'routing')
    expect(await cluster.during(lookup)).toBe('ERR_DHT_RESTARTED')
    expect(textOf((await cluster.during(get)).value)).toBe('kept')
    await cluster.clock.advance(2_000)
    expect(tableOf(meshes, a)).toBe('n2 n3 n4 n5')
    expect(namesOf(meshes, await cluster.during(a.dht.closest('somewhere')))).toBe('n2 n3 n4 n5')
    expect(a.membership.members().map(({ state }) => state)).toEqual(Array(4).fill('up'))
    expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
  })

  it('records: what was published and kept is there again; operations under way are told', async () => {
    await using cluster = dhtCluster({ seed: 27, latencyMs: 20 })
    const meshes = await startAll(cluster, 4)
    const [a, b] = meshes as [Mesh, Mesh, Mesh, Mesh]
    const { key } = await cluster.during(a.dht.put({ name: 'n', value: bytes('mine') }))
    await cluster.during(a.dht.provide('api'))
    const kept = b.dht.stats().records?.shelf
    const operation = codeOf(b.dht.put(bytes('half')))
    for (const mesh of meshes) killPart(mesh, 'records')
    expect(await cluster.during(operation)).toBe('ERR_DHT_RESTARTED')
    await cluster.clock.advance(1_000)
    expect(b.dht.stats().records?.shelf.records).toBe(kept?.records)
    expect(a.dht.stats().records?.published).toBe(4)
    expect(textOf((await cluster.during(b.dht.get(key))).value)).toBe('mine')
    expect(namesOf(meshes, await cluster.during(b.dht.providers('api')))).toBe('n1')
    expect(a.dht.table()).toHaveLength(3)
  })

  it('both, again and again: the node gives up only its DHT until the mesh gives up, too', async () => {
    await using cluster = dhtCluster({ seed: 28 })
    const meshes = await startAll(cluster, 3)
    const a = meshes[0]!
    for (let i = 0; i < 4; i++) {
      killPart(a, i % 2 === 0 ? 'routing' : 'records')
      await cluster.clock.advance(100)
    }
    await cluster.clock.advance(5_000)
    expect(tableOf(meshes, a)).toBe('n2 n3')
    expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
  })
})

describe('a node that comes back', () => {
  it('has what it kept and published, and says its new address', async () => {
    await using cluster = dhtCluster({ seed: 29, real: true })
    const disk = new MemoryDisk()
    const dataDir = await cluster.dir()
    const meshes = await startAll(cluster, 3)
    const store = await disk.open()
    const before = await startOne(cluster, 4, { dht: { store }, more: { dataDir } })
    await cluster.clock.advance(10_000)
    const { key } = await cluster.during(before.dht.put({ name: 'n', value: bytes('mine') }))
    await cluster.stop(before)
    await store.close()
    const again = await disk.open()
    const after = await startOne(cluster, 4, {
      dht: { store: again },
      more: { dataDir, host: '10.0.0.40' },
    })
    await cluster.clock.advance(10_000)
    expect(after.key.hex).toBe(before.key.hex)
    expect(after.dht.stats().records?.published).toBe(3)
    expect(textOf((await cluster.during(meshes[0]!.dht.get(key))).value)).toBe('mine')
    const found = await cluster.during(meshes[1]!.dht.findNode(before.key))
    expect(found).toMatchObject({ address: { host: '10.0.0.40', port: 4433 } })
  })
})

describe('modes', () => {
  it('K11 a client asks and puts, but stands in no table and keeps nothing', async () => {
    await using cluster = dhtCluster({ seed: 30 })
    const servers = await startAll(cluster, 3)
    const client = await startOne(cluster, 4, { dht: { mode: 'client' } })
    await cluster.clock.advance(10_000)
    const meshes = [...servers, client]
    expect(servers.map((mesh) => tableOf(meshes, mesh))).toEqual(['n2 n3', 'n1 n3', 'n1 n2'])
    const { key, holders } = await cluster.during(client.dht.put(bytes('x')))
    expect(namesOf(meshes, holders)).toBe('n1 n2 n3')
    expect(textOf((await cluster.during(servers[2]!.dht.get(key))).value)).toBe('x')
    expect(await cluster.during(servers[0]!.dht.findNode(client.key))).toBeUndefined()
    expect(client.dht.mode).toBe('client')
  })

  it('auto is a client until somebody dials it', async () => {
    await using cluster = dhtCluster({ seed: 31 })
    const a = await startOne(cluster, 1, { dht: { mode: 'auto' } })
    expect(a.dht.mode).toBe('client')
    const b = await startOne(cluster, 2, { dht: { mode: 'auto' } })
    await cluster.clock.advance(5_000)
    expect([a.dht.mode, b.dht.mode]).toEqual(['server', 'client'])
    expect(tableOf([a, b], b)).toBe('n1')
  })

  it('without a DHT every function says so, and the others live without this node', async () => {
    await using cluster = dhtCluster({ seed: 32 })
    const servers = await startAll(cluster, 2)
    const none = await startOne(cluster, 3, { more: { dht: false } })
    await cluster.clock.advance(10_000)
    expect(none.dht.mode).toBe('disabled')
    expect(await codeOf(none.dht.get('x'))).toBe('ERR_DHT_DISABLED')
    expect(() => none.dht.table()).toThrow(expect.objectContaining({ code: 'ERR_DHT_DISABLED' }))
    expect(servers.map((mesh) => tableOf([...servers, none], mesh))).toEqual(['n2', 'n1'])
    expect((await cluster.during(servers[0]!.dht.put(bytes('x')))).holders).toHaveLength(1)
  })
})

describe('an idle mesh', () => {
  it('says nothing about the DHT beyond its refresh, and holds no link for it', async () => {
    await using cluster = dhtCluster({ seed: 33 })
    const meshes = await startAll(cluster, 6)
    await cluster.clock.advance(60_000)
    const sent = () =>
      meshes.map(({ dht }) => {
        const { routing, records } = dht.stats()
        return (routing?.requestsSent ?? 0) + (records?.requestsSent ?? 0)
      })
    const before = sent()
    await cluster.clock.advance(240_000)
    expect(sent()).toEqual(before)
    for (const [n, count] of before.entries()) expect(count, `n${n + 1}`).toBeLessThan(60)
  })
})

describe('stopping', () => {
  it('K48 leaves no timer, no process and no open store', async () => {
    const cluster = dhtCluster({ seed: 34 })
    const disk = new MemoryDisk()
    const more = { dataDir: diskOf(() => disk.open()) }
    const meshes = await startAll(cluster, 4)
    meshes.push(await startOne(cluster, 5, { more }))
    await cluster.clock.advance(10_000)
    const [a] = meshes as [Mesh, Mesh, Mesh, Mesh, Mesh]
    expect(await codeOf(disk.open())).toBe('ERR_STORE_LOCKED')
    const open = [a.dht.get('nothing'), a.dht.closest('x'), a.dht.put(bytes('x'))].map(codeOf)
    for (const mesh of meshes) await cluster.stop(mesh)
    for (const end of await cluster.during(Promise.all(open))) {
      expect(['resolved', 'ERR_DHT_RESTARTED', 'ERR_DHT_NOT_FOUND', 'ERR_DHT_QUORUM']).toContain(
        end,
      )
    }
    expect(cluster.clock.timerCount).toBe(0)
    expect(meshes.flatMap(({ system }) => [...system.processes()])).toEqual([])
    expect(await codeOf(a.dht.get('x'))).toBe('ERR_MESH_STOPPED')
    const reopened = await disk.open()
    await reopened.close()
    await cluster[Symbol.asyncDispose]()
  })
})
