import { describe, expect, it } from 'vitest'
import { entryBytes } from '../../../../mesh/routing/records/quotas.ts'
import { entryIdOf } from '../../../../mesh/routing/records/shelf.ts'
import type { StoredEntry } from '../../../../mesh/routing/records/machine.ts'
import {
  at,
  distances,
  HOUR_MS,
  offer,
  provider,
  publisher,
  record,
  shelf,
  valueOf,
} from './shelf-scene.ts'

const DAY_MS = 24 * HOUR_MS

describe('what stands on the shelf', () => {
  it('is named by its key, providers and addresses by key and publisher', () => {
    expect(entryIdOf(record())).toBe(at(1).hex)
    expect(entryIdOf(record({ kind: 'immutable' }))).toBe(at(1).hex)
    expect(entryIdOf(provider())).toBe(`${at(1).hex}/${publisher(0)}`)
    expect(entryIdOf(provider({ kind: 'address' }))).toBe(`${at(1).hex}/${publisher(0)}`)
  })

  it('K32 gives way to a higher sequence only, and says what stands', () => {
    const kept = shelf()
    const second = record({ sequence: 2 })
    expect(offer(kept, second).refusal).toBeUndefined()
    const lower = offer(kept, record({ sequence: 1 }))
    expect(lower).toMatchObject({ refusal: 'ERR_DHT_SEQUENCE_LOW', changed: [] })
    expect(lower.standing).toBe(second)
    const third = record({ sequence: 3 })
    expect(offer(kept, third).changed).toEqual([
      { entryId: at(1).hex, entry: expect.objectContaining({ record: third }) },
    ])
    expect(kept.get(at(1), 0)?.record).toBe(third)
    expect(kept.size).toBe(1)
    expect(kept.stats().refusals).toEqual({ ERR_DHT_SEQUENCE_LOW: 1 })
  })

  it('K32 is the same at the same sequence, whatever came first', () => {
    const rivals = ['a', 'b', 'c'].map((value) => record({ value: Buffer.from(value) }))
    const stood = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ].map((order) => {
      const kept = shelf()
      for (const index of order) offer(kept, rivals[index]!)
      return kept.get(at(1), 0)?.record
    })
    expect(new Set(stood).size).toBe(1)
  })

  it.each([
    ['nothing, and nothing is there', undefined, 0, undefined],
    ['something, and nothing is there', undefined, 4, 'ERR_DHT_SEQUENCE_UNEXPECTED'],
    ['nothing, and something is there', 4, 0, 'ERR_DHT_SEQUENCE_UNEXPECTED'],
    ['what is there', 4, 4, undefined],
    ['what was there before', 4, 3, 'ERR_DHT_SEQUENCE_UNEXPECTED'],
    ['what comes later', 4, 5, 'ERR_DHT_SEQUENCE_UNEXPECTED'],
  ])('K32 compare and swap: expects %s', (_, there, expectedSequence, refusal) => {
    const kept = shelf()
    const standing = there === undefined ? undefined : record({ sequence: there })
    if (standing !== undefined) offer(kept, standing)
    const result = offer(kept, record({ sequence: 9 }), { expectedSequence })
    expect(result.refusal).toBe(refusal)
    expect(result.standing).toBe(refusal === undefined ? undefined : standing)
    const after = refusal === undefined ? 9 : there
    expect(kept.get(at(1), 0)?.record.sequence).toBe(after)
  })

  it('K32 a swap that is sent again because its answer was lost has succeeded', () => {
    const kept = shelf()
    const mine = record({ sequence: 1 })
    expect(offer(kept, mine, { expectedSequence: 0 }).refusal).toBeUndefined()
    expect(offer(kept, { ...mine }, { expectedSequence: 0 }).refusal).toBeUndefined()
    const theirs = record({ value: valueOf(1) })
    expect(offer(kept, theirs, { expectedSequence: 0 }).refusal).toBe('ERR_DHT_SEQUENCE_UNEXPECTED')
  })

  it('K32 what has expired does not stand', () => {
    const kept = shelf()
    offer(kept, record({ sequence: 5, expiresAtMs: 100 }))
    const lower = record({ sequence: 1 })
    expect(offer(kept, lower, { wallNowMs: 99 }).refusal).toBe('ERR_DHT_SEQUENCE_LOW')
    expect(offer(kept, lower, { wallNowMs: 100, expectedSequence: 0 }).refusal).toBeUndefined()
  })
})

describe('time on the shelf', () => {
  it('K31 nothing is served at its expiry, collected or not', () => {
    const kept = shelf()
    offer(kept, record({ expiresAtMs: 1_000 }))
    offer(kept, provider({ key: at(2), expiresAtMs: 1_000 }))
    expect(kept.get(at(1), 999)).toBeDefined()
    expect(kept.providers(at(2), 999, 9, () => 0)).toHaveLength(1)
    expect(kept.get(at(1), 1_000)).toBeUndefined()
    expect(kept.providers(at(2), 1_000, 9, () => 0)).toEqual([])
  })

  it('K31 case 6, rust-libp2p #2247 #5980: values and providers that are over are collected', () => {
    const kept = shelf()
    offer(kept, record({ expiresAtMs: 1_000 }))
    offer(kept, provider({ key: at(2), expiresAtMs: 2_000 }))
    offer(kept, provider({ key: at(2), publisher: publisher(1), expiresAtMs: 3_000 }))
    expect(kept.nextExpiryMs()).toBe(1_000)
    expect(kept.expire(999)).toEqual([])
    expect(kept.expire(1_000)).toEqual([{ entryId: at(1).hex, entry: undefined }])
    expect(kept.nextExpiryMs()).toBe(2_000)
    expect(kept.expire(3_000)).toHaveLength(2)
    expect(kept.nextExpiryMs()).toBe(Infinity)
    expect(kept.stats()).toMatchObject({
      records: 0,
      bytes: 0,
      providerKeys: 0,
      publishers: 0,
      expired: 3,
    })
  })

  it('K31 an offer collects what is over before it is decided', () => {
    const kept = shelf({ recordsMax: 1 })
    offer(kept, record({ key: at(1), expiresAtMs: 1_000 }))
    const result = offer(kept, record({ key: at(9) }), { wallNowMs: 1_000 })
    expect(result.refusal).toBeUndefined()
    expect(result.changed.map(({ entryId, entry }) => [entryId, entry !== undefined])).toEqual([
      [at(1).hex, false],
      [at(9).hex, true],
    ])
  })

  it('K31 a record is refused at its expiry, and beyond the longest life', () => {
    const kept = shelf({ recordTtlMaxMs: 1_000, clockSkewMs: 10 })
    expect(offer(kept, record({ expiresAtMs: 1_011 })).refusal).toBe('ERR_DHT_RECORD_EXPIRY')
    expect(offer(kept, record({ expiresAtMs: 1_010 })).refusal).toBeUndefined()
    expect(kept.get(at(1), 0)?.keepUntilMs).toBe(1_000)
    const late = record({ key: at(2), expiresAtMs: 1_010 })
    expect(offer(kept, late, { wallNowMs: 1_010 }).refusal).toBe('ERR_DHT_RECORD_EXPIRED')
  })

  it.each([0, -1])('K31 a time to live of %d is none', (ttlMs) => {
    const kept = shelf()
    expect(offer(kept, record(), { ttlMs }).refusal).toBe('ERR_DHT_RECORD_EXPIRED')
    expect(kept.size).toBe(0)
  })

  it('K31 case 12, litep2p #162: put again by a holder, a record keeps publisher and expiry', () => {
    const kept = shelf()
    offer(kept, record({ expiresAtMs: DAY_MS }))
    for (let hour = 1; hour < 24; hour++) {
      const again = offer(kept, record({ expiresAtMs: DAY_MS }), { wallNowMs: hour * HOUR_MS })
      expect(again).toMatchObject({ refusal: undefined, changed: [] })
      expect(kept.entry(again.entryId)).toMatchObject({
        keepUntilMs: DAY_MS,
        storedAtMs: hour * HOUR_MS,
        record: { publisher: publisher(0), expiresAtMs: DAY_MS },
      })
    }
    expect(kept.nextExpiryMs()).toBe(DAY_MS)
  })

  it('K31 K36 a copy that is put again with a bound on its time lives no longer', () => {
    const kept = shelf()
    const bounded = { ttlMs: HOUR_MS, cached: true }
    offer(kept, record(), bounded)
    expect(offer(kept, record(), { ...bounded, wallNowMs: 10 }).changed).toEqual([])
    expect(kept.get(at(1), 10)?.keepUntilMs).toBe(HOUR_MS)
    expect(kept.get(at(1), HOUR_MS)).toBeUndefined()
  })

  it('K36 whoever becomes a holder of what it had a copy of keeps it for its whole life', () => {
    const kept = shelf()
    offer(kept, record(), { ttlMs: HOUR_MS, cached: true })
    const promoted = offer(kept, record(), { wallNowMs: 10 })
    expect(promoted.changed).toHaveLength(1)
    expect(kept.get(at(1), 10)).toMatchObject({ cached: false, keepUntilMs: DAY_MS })
    offer(kept, record(), { ttlMs: HOUR_MS, cached: true, wallNowMs: 20 })
    expect(kept.get(at(1), 20)).toMatchObject({
      cached: false,
      keepUntilMs: DAY_MS,
      storedAtMs: 10,
    })
  })

  it('K36 a newer record passed on with a short time ends neither', () => {
    const kept = shelf()
    offer(kept, record({ sequence: 1, expiresAtMs: DAY_MS }))
    offer(kept, record({ sequence: 2, expiresAtMs: DAY_MS + 1 }), { ttlMs: 1, cached: true })
    expect(kept.get(at(1), HOUR_MS)).toMatchObject({
      record: { sequence: 2 },
      cached: false,
      keepUntilMs: DAY_MS,
    })
  })

  it('K36 a copy never stands against a newer record', () => {
    const kept = shelf()
    offer(kept, record({ sequence: 2 }))
    expect(offer(kept, record({ sequence: 1 }), { cached: true }).refusal).toBe(
      'ERR_DHT_SEQUENCE_LOW',
    )
    const copied = shelf()
    offer(copied, record({ sequence: 1 }), { cached: true, ttlMs: HOUR_MS })
    offer(copied, record({ sequence: 2 }))
    expect(copied.get(at(1), 0)).toMatchObject({ record: { sequence: 2 }, cached: false })
  })
})

describe('the time of the last put', () => {
  it('is that of the last offer of the same record, or what is said', () => {
    const kept = shelf()
    offer(kept, record(), { wallNowMs: 10 })
    expect(offer(kept, record(), { wallNowMs: 20 }).changed).toEqual([])
    expect(kept.entry(at(1).hex)?.storedAtMs).toBe(20)
    kept.touch(at(1).hex, 30)
    expect(kept.entry(at(1).hex)?.storedAtMs).toBe(30)
    expect(kept.stats()).toMatchObject({ records: 1 })
  })

  it('a copy that somebody caches does not put off the holder', () => {
    const kept = shelf()
    offer(kept, record(), { wallNowMs: 10 })
    offer(kept, record(), { wallNowMs: 20, cached: true, ttlMs: HOUR_MS })
    expect(kept.entry(at(1).hex)?.storedAtMs).toBe(10)
  })

  it('nothing happens to what is not there', () => {
    const kept = shelf()
    kept.touch(at(1).hex, 5)
    expect([...kept.remove(at(1).hex), ...kept.disown(at(1).hex)]).toEqual([])
    expect(kept.size).toBe(0)
  })
})

describe('coming back from the disk', () => {
  const entry: StoredEntry = {
    record: record({ expiresAtMs: DAY_MS }),
    keepUntilMs: HOUR_MS,
    own: false,
    cached: true,
    storedAtMs: 100,
  }

  it('an entry is what it was', () => {
    const kept = shelf()
    expect(kept.restore(entry, 200)).toMatchObject({
      refusal: undefined,
      changed: [{ entryId: at(1).hex, entry }],
    })
    expect(kept.get(at(1), 200)).toEqual(entry)
    expect(kept.stats().cached).toBe(1)
  })

  it('K31 times from the disk are shortened, never stretched', () => {
    const kept = shelf({ recordTtlMaxMs: DAY_MS })
    kept.restore({ ...entry, keepUntilMs: 99 * DAY_MS, storedAtMs: 99 * DAY_MS }, 200)
    expect(kept.get(at(1), 200)).toMatchObject({ keepUntilMs: DAY_MS, storedAtMs: 200 })
    const damaged = { ...entry, record: record({ key: at(2) }), storedAtMs: NaN }
    kept.restore(damaged, 200)
    expect(kept.get(at(2), 200)).toMatchObject({ keepUntilMs: HOUR_MS, storedAtMs: 200 })
  })

  it.each([
    ['expired', { ...entry, record: record({ expiresAtMs: 200 }) }, 'ERR_DHT_RECORD_EXPIRED'],
    ['kept until no time at all', { ...entry, keepUntilMs: NaN }, 'ERR_DHT_RECORD_EXPIRED'],
    ['not to be kept any more', { ...entry, keepUntilMs: 200 }, 'ERR_DHT_RECORD_EXPIRED'],
    [
      'long-lived',
      { ...entry, record: record({ expiresAtMs: 99 * DAY_MS }) },
      'ERR_DHT_RECORD_EXPIRY',
    ],
  ])('what is %s is refused', (_, given, refusal) => {
    const kept = shelf()
    expect(kept.restore(given, 200)).toMatchObject({ refusal, changed: [] })
    expect(kept.size).toBe(0)
  })

  it('K32 what came meanwhile stands, unless the disk has a newer one', () => {
    const kept = shelf()
    offer(kept, record({ sequence: 2 }))
    expect(kept.restore(entry, 200).refusal).toBe('ERR_DHT_SEQUENCE_LOW')
    const newer = { ...entry, record: record({ sequence: 3 }) }
    expect(kept.restore(newer, 200).refusal).toBeUndefined()
    expect(kept.get(at(1), 200)?.record.sequence).toBe(3)
  })

  it('K38 limits that are lower now hold', () => {
    const kept = shelf({ recordsMax: 2 })
    for (const distance of [5, 1, 3, 2]) {
      const held = { ...entry, cached: false, record: record({ key: at(distance) }) }
      kept.restore(held, 200)
    }
    expect(distances(kept)).toEqual([1, 2])
  })
})

describe('the cost of an entry', () => {
  it('counts value, name and address, and a part that everything has', () => {
    const empty = entryBytes(record())
    expect(empty).toBeGreaterThan(500)
    expect(entryBytes(record({ value: valueOf(10), name: 'ab', host: 'c' }))).toBe(empty + 16)
  })
})
