/** What the DHT keeps: holders, crashes, newer records, newcomers, hours of churn, repeated puts. */
import { describe, expect, it } from 'vitest'
import type { KadKey } from '../../mesh/routing/kademlia/id.ts'
import { routingSettings } from '../../mesh/routing/kademlia/settings.ts'
import { recordsSettings } from '../../mesh/routing/records/settings.ts'
import { watchDht } from '../../mesh/simulation/dht-checkers/index.ts'
import { DhtWorld, type DhtWorldOptions } from '../../mesh/simulation/dht-world.ts'
import { availability } from '../../mesh/simulation/scenarios/dht-records.ts'
import { simulationSize } from './size.ts'

const { full } = simulationSize()
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
/** Holders that only keep. */
const ALONE = { replicate: false, handoff: false, cachePath: false } as const
const LONG = { timeout: 1_200_000 }
/** A day of a thousand nodes takes an hour on a busy core. */
const DAY_LONG = { timeout: full ? 7_200_000 : LONG.timeout }

function worldOf(options: Partial<DhtWorldOptions> & { readonly nodes: number }): DhtWorld {
  return new DhtWorld({ seed: 1, links: false, ...options })
}

/** Seats of running nodes that keep something under a key. */
function holdersOf(world: DhtWorld, key: KadKey): number[] {
  return world
    .living()
    .filter(({ node }) =>
      [...node.records.entries()].some(
        ({ record, own, cached }) => record.key.hex === key.hex && !own && !cached,
      ),
    )
    .map(({ index }) => index)
}

function idsOf(world: DhtWorld, seats: readonly number[]): string[] {
  return seats.map((index) => world.contactOf(index).id).sort()
}

describe('records at rest', LONG, () => {
  it('K28 what is put is found from every node, and its holders are the k nearest', () => {
    const world = worldOf({ nodes: 100, records: recordsSettings({ putRadius: false }) })
    watchDht(world)
    for (let round = 0; round < 4; round++) {
      const publisher = world.randomNode()
      const record = world.mutable(publisher, `k28 ${round}`)
      const put = world.put(publisher, record)
      expect(put.code).toBeUndefined()
      const own = world.contactOf(publisher).id
      const nearest = world.nearest(record.key).map(({ id }) => id)
      const truth = nearest.filter((id) => id !== own)
      expect(put.outcome!.holders.map(({ id }) => id).sort()).toEqual(truth.toSorted())
      const seats = holdersOf(world, record.key).filter((index) => index !== publisher)
      expect(idsOf(world, seats)).toEqual(truth.toSorted())
      for (const { index } of world.living().filter((_, i) => i % 7 === round)) {
        const { outcome, code } = world.get(index, record.key)
        expect(code).toBeUndefined()
        expect(outcome!.records[0]!.sequence).toBe(1)
      }
    }
  })

  it('K29 any k - 1 of the holders crash, and it is found; an interval later there are k again', () => {
    const world = worldOf({
      nodes: 120,
      records: recordsSettings({ putRadius: false, cachePath: false }),
    })
    const publisher = world.randomNode()
    const record = world.mutable(publisher, 'k29')
    const { outcome } = world.put(publisher, record)
    const holders = outcome!.holders.map(({ id }) => world.core.nodeOf(id)!.index)
    expect(holders.length).toBeGreaterThanOrEqual(19)
    const kept = holders[world.luck.below(holders.length)]!
    world.core.stop(publisher)
    for (const holder of holders) {
      if (holder === kept) continue
      world.core.stop(holder)
      world.tellDown(holder)
    }
    for (const { index } of world.living().filter((_, i) => i % 9 === 0)) {
      expect(world.get(index, record.key).outcome!.records).toHaveLength(1)
    }
    world.run(2.6 * HOUR)
    const truth = world.nearest(record.key).map(({ id }) => id)
    const now = idsOf(world, holdersOf(world, record.key))
    expect(truth.filter((id) => !now.includes(id))).toEqual([])
  })

  it('K33 a get with a quorum brings all holders that it asked to the newest', () => {
    const world = worldOf({
      nodes: 80,
      records: recordsSettings({ putRadius: false, replicate: false, cachePath: false }),
    })
    const publisher = world.randomNode()
    const first = world.mutable(publisher, 'k33')
    world.put(publisher, first)
    const holders = holdersOf(world, first.key).filter((index) => index !== publisher)
    // Some holders do not hear of the second version.
    const deaf = holders.filter((_, i) => i % 4 === 0)
    world.core.network.add({ type: 'partition', groups: [deaf] })
    const second = world.mutable(publisher, 'k33', { sequence: 2 })
    world.put(publisher, second)
    world.core.network.clear()
    world.core.stop(publisher)
    const reader = world.living().find(({ index }) => !holders.includes(index))!.index
    const got = world.get(reader, first.key, { quorum: 20 })
    expect(got.outcome!.records[0]!.sequence).toBe(2)
    world.run(5 * SECOND)
    const old = holders.filter((index) =>
      [...world.dhtNode(index).records.entries()].some(
        ({ record }) => record.key.hex === first.key.hex && record.sequence === 1,
      ),
    )
    expect(old).toEqual([])
  })

  it('K35 a newcomer among the nearest is given the record at once, and not by all', () => {
    const world = worldOf({ nodes: 121, warm: 120, records: recordsSettings({ putRadius: false }) })
    const newcomer = 120
    const key = world.contactOf(newcomer).key
    // Provider records can stand under any key: under the newcomer's own it is the nearest.
    const publisher = world.randomNode()
    const provided = world.start(publisher, {
      type: 'provide',
      record: world.provider(publisher, key),
      options: {},
    })
    world.settle([provided])
    expect(provided.code).toBeUndefined()
    const before = world.messages['add_provider'] ?? 0
    world.startJoining(newcomer, [3])
    const within = world.runUntil(
      () => holdersOf(world, key).includes(newcomer),
      5 * MINUTE,
      SECOND,
    )
    expect(within).toBeDefined()
    world.run(MINUTE)
    const sent = (world.messages['add_provider'] ?? 0) - before
    expect(sent).toBeLessThanOrEqual(6)
  })
})

describe('records over time', LONG, () => {
  it('K30 records outlive their nodes by what holders do, and not without', DAY_LONG, () => {
    const base = full
      ? { seed: 1, nodes: 1_000, hours: 24, records: 200, getsPerHour: 200 }
      : { seed: 1, nodes: 60, hours: 4, records: 20, getsPerHour: 30 }
    const settings = full ? {} : { settings: routingSettings({ k: 8 }) }
    const kept = availability({ ...base, ...settings, recordsSettings: full ? {} : { k: 8 } })
    const lost = availability({
      ...base,
      ...settings,
      hours: full ? 8 : base.hours,
      recordsSettings: { ...(full ? {} : { k: 8 }), ...ALONE },
    })
    if (full) console.log('K30', JSON.stringify({ kept, lost }))
    expect(kept.deaths).toBeGreaterThan(base.nodes * base.hours * 0.5)
    expect(kept.found / kept.gets).toBeGreaterThanOrEqual(0.999)
    expect(lost.found / lost.gets).toBeLessThan(0.9)
  })

  it('K39 publishers repeat each record once per interval, and not all at once', () => {
    const nodes = 40
    const repeatMs = HOUR
    const world = worldOf({
      nodes,
      records: recordsSettings({ republishIntervalMs: repeatMs, replicate: false }),
    })
    for (let index = 0; index < nodes; index++) {
      const record = world.mutable(index, 'k39', { ttlMs: 47 * HOUR })
      world.start(index, { type: 'put', record, options: {}, publish: true })
    }
    world.run(MINUTE)
    const perMs = new Map<number, number>()
    let puts = 0
    world.core.observe({
      requested: (_, __, ___, { type }) => {
        if (type !== 'store') return
        puts++
        perMs.set(world.nowMs, (perMs.get(world.nowMs) ?? 0) + 1)
      },
    })
    const hours = full ? 24 : 6
    world.run(hours * HOUR)
    const perOwner = puts / nodes / hours
    expect(perOwner).toBeGreaterThan(10)
    expect(perOwner).toBeLessThanOrEqual((20 + 5) / (1 - 0.25))
    // One publisher's puts leave in one instant; those of many owners must not.
    expect(Math.max(...perMs.values())).toBeLessThanOrEqual(3 * 20)
  })

  it('K36 a farther holder never hides what a nearer one knows better', () => {
    const world = worldOf({ nodes: 100, records: recordsSettings({ putRadius: false }) })
    watchDht(world)
    const publisher = world.randomNode()
    const first = world.mutable(publisher, 'k36')
    world.put(publisher, first)
    const readers = world.living().filter((_, i) => i % 5 === 0)
    const cached = () =>
      world
        .living()
        .flatMap(({ node }) => [...node.records.entries()].filter((entry) => entry.cached))
    for (const { index } of readers) world.get(index, first.key)
    expect(cached().length).toBeGreaterThan(0)
    for (const { keepUntilMs, record } of cached()) {
      expect(keepUntilMs).toBeLessThan(record.expiresAtMs)
    }
    world.put(publisher, world.mutable(publisher, 'k36', { sequence: 2 }))
    // Copies of the old one are about, and hide nothing.
    expect(cached().some(({ record }) => record.sequence === 1)).toBe(true)
    for (const { index } of readers) {
      const { outcome } = world.get(index, first.key, { quorum: 3 })
      expect(outcome!.records[0]!.sequence).toBe(2)
    }
  })
})

describe('a record that fails', LONG, () => {
  it('K31 MG4 is not served at its expiry, nor after, and is gone everywhere', () => {
    const world = worldOf({ nodes: 60, settings: routingSettings({ k: 8 }) })
    watchDht(world)
    const publisher = world.randomNode()
    const record = world.mutable(publisher, 'k31', { ttlMs: 10 * MINUTE })
    world.put(publisher, record)
    const reader = world.randomNodeBut(publisher)
    world.run(record.expiresAtMs - world.wallMs - 3 * SECOND)
    expect(world.get(reader, record.key).outcome!.records).toHaveLength(1)
    world.run(record.expiresAtMs - world.wallMs)
    expect(world.get(reader, record.key).code).toBe('ERR_DHT_NOT_FOUND')
    world.run(10 * MINUTE)
    expect(holdersOf(world, record.key)).toEqual([])
    const left = world.disks.filter((disk) => disk.size > 0)
    expect(left).toEqual([])
  })
})
