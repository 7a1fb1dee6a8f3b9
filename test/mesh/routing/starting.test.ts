/** What holds before anybody can ask a node: whoever answers is counted on. */
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../mesh/store/store.ts'
import { MemoryDisk } from '../../../mesh/store/memory.ts'
import { codeOf } from '../cluster.ts'
import { dhtCluster, diskOf, startOne, tableOf } from './dht-cluster.ts'

describe('starting with a data directory', () => {
  it('waits for a disk that is slow, and nobody meets the node before', async () => {
    await using cluster = dhtCluster({ seed: 41 })
    const a = await startOne(cluster, 1)
    let open = (): void => {}
    const opened = new Promise<Store>((resolve) => (open = () => resolve(new MemoryDisk().open())))
    let started = false
    const starting = startOne(cluster, 2, { more: { dataDir: diskOf(() => opened) } })
    void starting.then(() => (started = true))
    // Far longer than a process may take to start.
    await cluster.clock.advance(60_000)
    expect(started).toBe(false)
    expect(a.membership.members()).toEqual([])
    open()
    const b = await cluster.during(starting)
    await cluster.clock.advance(5_000)
    expect([tableOf([a, b], a), tableOf([a, b], b)]).toEqual(['n2', 'n1'])
  })

  it('fails with the word of the disk when its store cannot be opened', async () => {
    await using cluster = dhtCluster({ seed: 42 })
    const disk = new MemoryDisk()
    const store = await disk.open()
    const dataDir = diskOf(() => disk.open())
    expect(await codeOf(startOne(cluster, 1, { more: { dataDir } }))).toBe('ERR_STORE_LOCKED')
    await store.close()
  })

  it('keeps records before it answers questions: who answers is given what it should keep', async () => {
    await using cluster = dhtCluster({ seed: 43 })
    const a = await startOne(cluster, 1)
    const labels = [...a.system.processes()].map(({ label }) => label)
    const place = (part: string): number => labels.findIndex((label) => label.includes(part))
    expect(place('fovea.records/')).toBeGreaterThan(-1)
    expect(place('fovea.routing/')).toBeGreaterThan(place('fovea.records/'))
  })
})
