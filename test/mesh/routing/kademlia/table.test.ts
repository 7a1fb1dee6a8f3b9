import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { keyFromWords, type KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import {
  routingSettings,
  type RoutingSettings,
} from '../../../../mesh/routing/kademlia/settings.ts'
import { RoutingTable } from '../../../../mesh/routing/kademlia/table.ts'
import { bucketOf, contactOf, keyOf } from './keys.ts'

const OWN = keyOf(0n)

interface Scene {
  readonly table: RoutingTable
  /** What the listener was told, in order. */
  readonly told: string[]
  /** Buckets in which somebody waits. */
  readonly buckets: number[]
}

function scene(settings: Partial<RoutingSettings> = {}): Scene {
  const told: string[] = []
  const buckets: number[] = []
  const name = ({ key }: Contact): string => `${Number(BigInt(`0x${key.hex}`) & 0xffn)}`
  const table = new RoutingTable(OWN, routingSettings({ k: 2, ...settings }), {
    admitted: (contact) => told.push(`admitted ${name(contact)}`),
    removed: (contact, reason) => told.push(`removed ${name(contact)} ${reason}`),
    crowded: (contact) => told.push(`crowded ${name(contact)}`),
    kept: (bucket) => void buckets.push(bucket),
  })
  return { table, told, buckets }
}

/** The `n`-th contact of the far half. */
function far(n: number, host = '10.0.0.1'): Contact {
  return contactOf(keyOf(2n ** 255n + BigInt(n)), host, 1_000 + n)
}

function randomKey(random: RandomStream): KadKey {
  return keyFromWords(Uint32Array.from({ length: 8 }, () => random.next()))
}

describe('RoutingTable', () => {
  it('K5 never holds its own key', () => {
    const { table } = scene()
    table.answered(contactOf(OWN), 0)
    expect([table.size, table.wants(OWN.hex, '10.0.0.1')]).toEqual([0, false])
  })

  it('K6 takes k entries and the next one as a replacement', () => {
    const { table, told, buckets } = scene()
    for (const n of [1, 2, 3]) table.answered(far(n), n)
    expect(told).toEqual(['admitted 1', 'admitted 2'])
    expect(buckets).toEqual([255])
    expect(table.replacementsOf(255)).toEqual([far(3)])
  })

  it('K8 promotes the newest replacement in the step of the failure', () => {
    const { table, told } = scene()
    for (const n of [1, 2, 3, 4]) table.answered(far(n), n)
    table.failed(far(1).id)
    expect(told.slice(2)).toEqual(['removed 1 failed', 'admitted 4'])
    expect(table.replacementsOf(255)).toEqual([far(3)])
  })

  it('K8 keeps a failed entry while nobody can replace it, and gives it away to who answers', () => {
    const { table, told } = scene()
    for (const n of [1, 2]) table.answered(far(n), n)
    table.failed(far(1).id)
    expect([table.size, table.goodSize, table.state(far(1).id)]).toEqual([2, 1, 'failed'])
    table.answered(far(3), 3)
    expect(told.slice(2)).toEqual(['removed 1 replaced', 'admitted 3'])
  })

  it('K8 an answer makes a failed entry good again', () => {
    const { table } = scene({ failuresMax: 2 })
    table.answered(far(1), 1)
    table.failed(far(1).id)
    expect(table.state(far(1).id)).toBe('good')
    table.failed(far(1).id)
    expect(table.state(far(1).id)).toBe('failed')
    table.answered(far(1), 2)
    expect([table.state(far(1).id), table.failedSize]).toEqual(['good', 0])
  })

  it('K24 answers omit what failed or is held for down, and lookups begin with it only in need', () => {
    const { table } = scene({ k: 4 })
    for (const n of [1, 2, 3]) table.answered(far(n), n)
    table.failed(far(1).id)
    table.down(far(2).id)
    expect(table.closest(OWN, 10)).toEqual([far(3)])
    expect(table.closestForLookup(OWN, 10)).toEqual([far(3)])
    table.down(far(3).id)
    expect(table.closest(OWN, 10)).toEqual([])
    expect(table.closestForLookup(OWN, 2)).toEqual([far(1), far(2)])
  })

  it('K11 a client is taken out, and a replacement in', () => {
    const { table, told } = scene()
    for (const n of [1, 2, 3]) table.answered(far(n), n)
    table.remove(far(2).id, 'client')
    table.remove(far(2).id, 'client')
    expect(told.slice(2)).toEqual(['removed 2 client', 'admitted 3'])
  })

  it('K12 refuses one more than the limit of a network, in a bucket and in the table', () => {
    const { table, told } = scene({ k: 20, networkBucketMax: 2, networkEntriesMax: 3 })
    for (const n of [1, 2, 3]) table.answered(far(n, `8.8.8.${n}`), n)
    expect(told.at(-1)).toBe('crowded 3')
    for (const n of [4, 5]) table.answered(contactOf(keyOf(BigInt(n)), `8.8.8.${n}`), n)
    expect(told.slice(-2)).toEqual(['admitted 4', 'crowded 5'])
    expect(table.networks()).toEqual([['8.8.8', 3]])
    expect(table.wants(keyOf(6n).hex, '8.8.8.6')).toBe(false)
    expect(table.wants(keyOf(6n).hex, '8.8.9.6')).toBe(true)
  })

  it('K12 counts after a change of address, and removes who moved into a crowded network', () => {
    const { table, told } = scene({ k: 20, networkBucketMax: 1 })
    table.answered(far(1, '8.8.8.1'), 1)
    table.answered(far(2, '8.8.4.1'), 2)
    table.answered(far(1, '9.9.9.9'), 3)
    expect(table.networks()).toEqual([
      ['8.8.4', 1],
      ['9.9.9', 1],
    ])
    table.answered(far(1, '8.8.4.2'), 4)
    expect(told.slice(2)).toEqual(['removed 1 address', 'crowded 1'])
    expect(table.networks()).toEqual([['8.8.4', 1]])
  })

  it('K12 a failed entry makes room for another of its network', () => {
    const { table, told } = scene({ k: 1, networkBucketMax: 1 })
    table.answered(far(1, '8.8.8.1'), 1)
    table.failed(far(1).id)
    table.answered(far(2, '8.8.8.2'), 2)
    expect(told).toEqual(['admitted 1', 'removed 1 replaced', 'admitted 2'])
  })

  it('K11 wants strangers for whom there is room, a failed entry, or no replacement', () => {
    const { table } = scene()
    const wants = (n: number): boolean => table.wants(far(n).id, far(n).host)
    expect(wants(1)).toBe(true)
    table.answered(far(1), 1)
    expect([wants(1), wants(2)]).toEqual([false, true])
    table.answered(far(2), 2)
    expect(wants(3)).toBe(true)
    table.answered(far(3), 3)
    expect([wants(3), wants(4)]).toEqual([false, false])
    table.down(far(2).id)
    expect([wants(2), wants(4)]).toEqual([true, true])
  })

  it('K13 comes back from a snapshot with the same answers', () => {
    const { table } = scene({ k: 20 })
    const random = new RandomStream(3, 1)
    for (let n = 0; n < 300; n++) table.answered(contactOf(randomKey(random)), n)
    const again = scene({ k: 20 }).table
    for (const contact of table.snapshot()) again.answered(contact, 0)
    expect(again.size).toBe(table.size)
    for (let n = 0; n < 20; n++) {
      const target = randomKey(random)
      expect(again.closest(target, 20)).toEqual(table.closest(target, 20))
    }
  })

  it('6.2#16 the nearest are the nearest, with targets in every bucket', () => {
    const { table } = scene({ k: 20 })
    const random = new RandomStream(4, 1)
    for (let n = 0; n < 400; n++) table.answered(contactOf(randomKey(random)), n)
    for (let bucket = 0; bucket < 256; bucket++) {
      const target = keyOf(2n ** BigInt(bucket))
      const sorted = table.closest(target, 1_000)
      const distances = sorted.map(({ key }) => BigInt(`0x${key.hex}`) ^ (2n ** BigInt(bucket)))
      expect(distances).toEqual([...distances].sort((a, b) => (a < b ? -1 : 1)))
      expect(table.closest(target, 7)).toEqual(sorted.slice(0, 7))
      expect(sorted).toHaveLength(table.size)
    }
  })

  it('K10 reads the keys of the buckets that the answer comes from, and no others', () => {
    const { table } = scene({ k: 20 })
    const random = new RandomStream(5, 1)
    let touched = new Set<string>()
    for (let n = 0; n < 2_000; n++) {
      const { id, key, host, port } = contactOf(randomKey(random))
      const spy = {
        id,
        host,
        port,
        get key() {
          touched.add(id)
          return key
        },
      }
      table.answered(spy, n)
    }
    const entries = table.entries()
    for (let n = 0; n < 50; n++) {
      const target = randomKey(random)
      touched = new Set()
      const found = table.closest(target, 20).map(({ id }) => id)
      const reads = touched.size
      const buckets = new Set<number>()
      for (const { contact, bucket } of entries) {
        if (found.includes(contact.id)) buckets.add(bucket)
      }
      const inBuckets = entries.filter(({ bucket }) => buckets.has(bucket)).length
      expect(reads).toBeLessThanOrEqual(inBuckets)
      expect(reads).toBeLessThan(entries.length / 2)
    }
  })

  it('K6 names the oldest of a bucket, the nearest bucket and whether one is full', () => {
    const { table } = scene()
    expect([table.nearestBucket(), table.isFull(255)]).toEqual([-1, false])
    table.answered(far(1), 5)
    table.answered(far(2), 3)
    table.answered(contactOf(keyOf(9n)), 4)
    expect(table.oldestOf(255)?.contact).toEqual(far(2))
    expect(bucketOf(OWN, far(1).key)).toBe(255)
    expect([table.nearestBucket(), table.isFull(255), table.isFull(3)]).toEqual([3, true, false])
    table.failed(far(1).id)
    expect(table.isFull(255)).toBe(false)
  })

  it('K42 lacks whom it does not know as long as there is room, or somebody failed', () => {
    const { table } = scene()
    const lacks = (n: number): boolean => table.lacks(far(n).id, far(n).host)
    expect([lacks(1), table.lacks(OWN.hex, '10.0.0.1')]).toEqual([true, false])
    table.answered(far(1), 1)
    expect([lacks(1), lacks(2)]).toEqual([false, true])
    table.answered(far(2), 1)
    // It would be pinged, as there is no replacement; but nobody misses it.
    expect([lacks(3), table.wants(far(3).id, far(3).host)]).toEqual([false, true])
    table.failed(far(1).id)
    expect([lacks(1), lacks(3)]).toEqual([false, true])
  })

  it('K25 smooths the rtt of an entry', () => {
    const { table } = scene()
    table.answered(far(1), 1)
    expect(table.rttMs(far(1).id)).toBeUndefined()
    table.answered(far(1), 2, 100)
    table.answered(far(1), 3, 200)
    expect(table.rttMs(far(1).id)).toBe(125)
  })
})
