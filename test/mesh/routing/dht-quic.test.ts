/** The DHT over real QUIC on 127.0.0.1: waits for events with a deadline, never for time. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createRealm } from '../../../mesh/identity/realm.ts'
import { startMesh } from '../../../mesh/mesh.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { createRealClock } from '../../../runtime/index.ts'
import { UdpRelay } from '../../support/udp-relay.ts'
import { bytes, namesOf, textOf } from './dht-cluster.ts'

const DEADLINE_MS = 10_000
const clock = createRealClock()
const realm = createRealm('com.example.dht')
const running = new Set<Mesh>()
const dirs: string[] = []

const start = async (name: string, more: MeshOptions = {}): Promise<Mesh> => {
  const options = { realm, name, host: '127.0.0.1', port: 0, membership: 'local' } as const
  const mesh = await startMesh({ ...options, ...more })
  running.add(mesh)
  return mesh
}

afterEach(async () => {
  await Promise.all(Array.from(running, (mesh) => mesh.stop()))
  running.clear()
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true })
})

/** Looks at it again and again until it holds. */
function until(done: () => boolean): Promise<void> {
  const endMs = clock.now() + DEADLINE_MS
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (done()) return resolve()
      if (clock.now() > endMs) return reject(new Error('deadline passed'))
      clock.setTimer(10, look)
    }
    look()
  })
}

describe('the DHT over QUIC', () => {
  it('four nodes behind one seed know each other, and each finds what the others put and provide', async () => {
    const a = await start('n1')
    const seeds = [a.nodeId]
    const meshes = [a, ...(await Promise.all(['n2', 'n3', 'n4'].map((n) => start(n, { seeds }))))]
    await until(() => meshes.every(({ dht }) => dht.table().length === 3))
    const puts = await Promise.all(
      meshes.map(({ dht }, n) => dht.put(bytes(`of ${n}`), { quorum: 3 })),
    )
    const found = await Promise.all(
      meshes.flatMap(({ dht }) => puts.map(async ({ key }) => textOf((await dht.get(key)).value))),
    )
    expect(found).toEqual(meshes.flatMap(() => ['of 0', 'of 1', 'of 2', 'of 3']))
    await Promise.all(meshes.map(({ dht }) => dht.provide('api')))
    expect(namesOf(meshes, await meshes[3]!.dht.providers('api'))).toBe('n1 n2 n3 n4')
    for (const mesh of meshes) {
      const { refused } = mesh.stats()
      const bad = Object.keys(refused).filter((code) => code.startsWith('ERR_DHT'))
      expect(bad).toEqual([])
    }
  })

  it('an address that packets do not come from is proven by a dial to it, a name by the resolver', async () => {
    const behind = { host: '127.0.0.1', port: 0 }
    const relay = await new UdpRelay(behind).start()
    try {
      relay.isLost = () => behind.port === 0
      const a = await start('n1', { advertiseHost: 'localhost' })
      // As behind a router that maps a port: others dial the relay, and see packets from elsewhere.
      a.onLink(({ link }) => (behind.port = link.remote.port))
      const seeds = [`n1@127.0.0.1:${a.address.port}`]
      const b = await start('n2', { advertisePort: relay.address.port, seeds })
      await until(() => [a, b].every(({ dht }) => dht.table().length === 1))
      expect(a.links()[0]!.remote.port).not.toBe(b.address.port)
      expect(a.dht.table()[0]!.contact.address).toEqual(relay.address)
      expect(b.dht.table()[0]!.contact.address).toEqual({ host: 'localhost', port: a.address.port })
    } finally {
      relay.stop()
    }
  })

  it('a node with a data directory has what it kept after a restart', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'fovea-dht-'))
    dirs.push(dataDir)
    const before = await start('n1', { dataDir })
    const { key } = await before.dht.put({ name: 'n', value: bytes('mine') })
    await before.stop()
    const after = await start('n1', { dataDir })
    const b = await start('n2', { seeds: [after.nodeId] })
    await until(() => b.dht.table().length === 1)
    expect(textOf((await b.dht.get(key)).value)).toBe('mine')
  })
})
