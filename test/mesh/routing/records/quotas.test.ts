import { describe, expect, it } from 'vitest'
import { entryBytes } from '../../../../mesh/routing/records/quotas.ts'
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

describe('records kept for others', () => {
  it('K38 case 18, telcoin #682: at recordsMax the farthest gives way to a nearer one', () => {
    const kept = shelf({ recordsMax: 3 })
    for (const distance of [30, 10, 20]) offer(kept, record({ key: at(distance) }))
    expect(distances(kept)).toEqual([10, 20, 30])
    const result = offer(kept, record({ key: at(29) }))
    expect(result.changed.map(({ entryId, entry }) => [entryId, entry !== undefined])).toEqual([
      [at(30).hex, false],
      [at(29).hex, true],
    ])
    expect(distances(kept)).toEqual([10, 20, 29])
    expect(kept.stats()).toMatchObject({ records: 3, evicted: 1 })
  })

  it('K38 at the limit a farther one is refused with an answer, and nothing changes', () => {
    const kept = shelf({ recordsMax: 2 })
    for (const distance of [1, 2]) offer(kept, record({ key: at(distance) }))
    const result = offer(kept, record({ key: at(3) }))
    expect(result).toMatchObject({ refusal: 'ERR_DHT_STORE_FULL', changed: [] })
    expect(distances(kept)).toEqual([1, 2])
    expect(kept.stats()).toMatchObject({ evicted: 0, refusals: { ERR_DHT_STORE_FULL: 1 } })
  })

  it('K38 case 7, rust-libp2p #4769: a flood from one peer pushes out nothing nearer', () => {
    const kept = shelf({ recordsMax: 50, peerPutsMax: 10_000, publisherRecordsMax: 10_000 })
    for (let i = 1; i <= 25; i++) offer(kept, record({ key: at(i) }), { from: 'honest' })
    for (let i = 26; i <= 2_000; i++) {
      const flood = record({ key: at(2 * i), publisher: publisher(i) })
      offer(kept, flood, { from: 'flood' })
    }
    const honest = Array.from({ length: 25 }, (_, i) => i + 1)
    expect(distances(kept).slice(0, 25)).toEqual(honest)
    expect(kept.stats()).toMatchObject({ records: 50, evicted: 0 })
    // The flood has what is left, and not for longer than it takes a nearer one to come.
    for (let i = 26; i <= 50; i++) offer(kept, record({ key: at(i) }), { from: 'honest' })
    expect(distances(kept)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
  })

  it('K38 a key of the same distance does not give way', () => {
    const kept = shelf({ recordsMax: 1 })
    offer(kept, provider({ key: at(4), publisher: publisher(1) }))
    const second = provider({ key: at(4), publisher: publisher(2) })
    expect(offer(kept, second).refusal).toBe('ERR_DHT_STORE_FULL')
  })

  it('K37 K38 of the providers of the farthest key the newest gives way', () => {
    const kept = shelf({ recordsMax: 3 })
    for (const index of [1, 2, 3]) {
      offer(kept, provider({ key: at(9), publisher: publisher(index) }))
    }
    offer(kept, provider({ key: at(9), publisher: publisher(1), sequence: 2 }))
    offer(kept, record({ key: at(1) }))
    const left = kept.providers(at(9), 0, 9, () => 0).map((left) => left.publisher)
    expect(left.sort()).toEqual([publisher(1), publisher(2)])
  })

  it('K38 bytes are limited like records: at bytesMax all stay, a byte more and one goes', () => {
    const large = record({ key: at(1), value: valueOf(1_000) })
    const bytesMax = 2 * entryBytes(large)
    const kept = shelf({ bytesMax })
    offer(kept, { ...large, key: at(8) })
    offer(kept, { ...large, key: at(7) })
    expect(kept.stats().bytes).toBe(bytesMax)
    expect(distances(kept)).toEqual([7, 8])
    offer(kept, { ...large, key: at(7), sequence: 2, value: valueOf(1_001) })
    expect(distances(kept)).toEqual([7])
    const filled = shelf({ bytesMax })
    offer(filled, { ...large, key: at(7) })
    offer(filled, { ...large, key: at(8) })
    const grown = { ...large, key: at(8), sequence: 2, value: valueOf(1_001) }
    expect(offer(filled, grown)).toMatchObject({ refusal: 'ERR_DHT_STORE_FULL', changed: [] })
    expect(filled.get(at(8), 0)?.record.sequence).toBe(1)
    expect(filled.stats().bytes).toBe(bytesMax)
  })

  it('K38 what cannot fit even with all farther ones gone pushes out none of them', () => {
    const kept = shelf({ bytesMax: 3 * entryBytes(record()) })
    for (const distance of [1, 8, 9]) offer(kept, record({ key: at(distance) }))
    const big = record({ key: at(5), value: valueOf(2 * entryBytes(record())) })
    expect(offer(kept, big)).toMatchObject({ refusal: 'ERR_DHT_STORE_FULL', changed: [] })
    expect(distances(kept)).toEqual([1, 8, 9])
    const nearest = record({ key: at(2), value: valueOf(entryBytes(record())) })
    expect(offer(kept, nearest).refusal).toBeUndefined()
    expect(distances(kept)).toEqual([1, 2])
  })

  it('K36 K38 copies give way before what is held, near or far, and push out only farther copies', () => {
    const kept = shelf({ recordsMax: 3 })
    const copy = { cached: true, ttlMs: HOUR_MS }
    offer(kept, record({ key: at(1) }), copy)
    offer(kept, record({ key: at(20) }))
    offer(kept, record({ key: at(3) }), copy)
    expect(offer(kept, record({ key: at(2) }), copy).refusal).toBeUndefined()
    expect(distances(kept)).toEqual([1, 2, 20])
    expect(offer(kept, record({ key: at(4) }), copy).refusal).toBe('ERR_DHT_STORE_FULL')
    offer(kept, record({ key: at(21) }))
    offer(kept, record({ key: at(22) }))
    expect(distances(kept)).toEqual([20, 21, 22])
    expect(offer(kept, record({ key: at(1) }), copy).refusal).toBe('ERR_DHT_STORE_FULL')
  })
})

describe('own entries', () => {
  it('K38 case 12: are not counted, never refused for room and never given up', () => {
    const kept = shelf({ recordsMax: 1, bytesMax: 4_000, publisherRecordsMax: 1 })
    for (const distance of [100, 101, 102]) {
      const mine = record({ key: at(distance), value: valueOf(5_000) })
      expect(offer(kept, mine, { own: true }).refusal).toBeUndefined()
    }
    expect(kept.stats()).toMatchObject({ records: 0, bytes: 0, own: 3 })
    for (const distance of [3, 2, 1]) {
      offer(kept, record({ key: at(distance), publisher: publisher(distance) }))
    }
    expect(distances(kept)).toEqual([1, 100, 101, 102])
  })

  it('K38 case 12: stay own when others put them again or newer', () => {
    const kept = shelf({ recordsMax: 1 })
    offer(kept, record({ key: at(9) }), { own: true })
    offer(kept, record({ key: at(9) }), { cached: true, ttlMs: 1 })
    offer(kept, record({ key: at(9), sequence: 2 }))
    expect(kept.get(at(9), 0)).toMatchObject({ own: true, cached: false, record: { sequence: 2 } })
    expect(kept.stats()).toMatchObject({ records: 0, own: 1 })
  })

  it('what was held for others becomes own, and makes room', () => {
    const kept = shelf({ recordsMax: 1 })
    offer(kept, record({ key: at(1) }))
    expect(offer(kept, record({ key: at(1) }), { own: true }).changed).toHaveLength(1)
    expect(kept.stats()).toMatchObject({ records: 0, own: 1 })
    expect(offer(kept, record({ key: at(2) })).refusal).toBeUndefined()
  })

  it('what is not published any more is one of the others, and gives way like them', () => {
    const kept = shelf({ recordsMax: 2 })
    offer(kept, record({ key: at(5) }), { own: true })
    offer(kept, record({ key: at(8) }))
    expect(kept.disown(at(5).hex)).toEqual([
      { entryId: at(5).hex, entry: expect.objectContaining({ own: false }) },
    ])
    expect(kept.stats()).toMatchObject({ records: 2, own: 0 })
    offer(kept, record({ key: at(9) }), { own: true })
    expect(kept.disown(at(9).hex)).toEqual([{ entryId: at(9).hex, entry: undefined }])
    offer(kept, record({ key: at(7) }), { own: true })
    expect(kept.disown(at(7).hex).map(({ entryId }) => entryId)).toEqual([at(8).hex, at(7).hex])
    expect(distances(kept)).toEqual([5, 7])
    expect(kept.stats()).toMatchObject({ records: 2, own: 0 })
  })
})

describe('what one publisher may have', () => {
  it('K38 is publisherRecordsMax and not one more; newer ones of the same keys are', () => {
    const kept = shelf({ publisherRecordsMax: 2 })
    offer(kept, record({ key: at(1) }))
    offer(kept, provider({ key: at(2) }))
    expect(offer(kept, record({ key: at(3) })).refusal).toBe('ERR_DHT_PEER_QUOTA')
    expect(offer(kept, record({ key: at(1), sequence: 2 })).refusal).toBeUndefined()
    const other = record({ key: at(3), publisher: publisher(1) })
    expect(offer(kept, other).refusal).toBeUndefined()
    kept.remove(at(1).hex)
    expect(offer(kept, record({ key: at(4) })).refusal).toBeUndefined()
  })
})

describe('what one peer may offer', () => {
  it('K38 is peerPutsMax within peerWindowMs, refused ones counted, and the next window is new', () => {
    const kept = shelf({ peerPutsMax: 3, peerWindowMs: 1_000 })
    const offers = (count: number, from: string, nowMs: number): (string | undefined)[] =>
      Array.from({ length: count }, () => offer(kept, record(), { from, nowMs }).refusal)
    expect(kept.peerHasQuota('a', 0)).toBe(true)
    expect(offers(1, 'a', 0)).toEqual([undefined])
    const late = record({ expiresAtMs: -1 })
    expect(offer(kept, late, { from: 'a', nowMs: 1 }).refusal).toBe('ERR_DHT_RECORD_EXPIRED')
    expect(offers(2, 'a', 2)).toEqual([undefined, 'ERR_DHT_PEER_QUOTA'])
    expect(kept.peerHasQuota('a', 999)).toBe(false)
    expect(offers(1, 'b', 999)).toEqual([undefined])
    expect(offers(1, 'a', 999)).toEqual(['ERR_DHT_PEER_QUOTA'])
    expect(offers(1, 'a', 1_000)).toEqual([undefined])
  })

  it('K38 this node itself has no such limit', () => {
    const kept = shelf({ peerPutsMax: 1 })
    for (const distance of [1, 2, 3]) {
      expect(offer(kept, record({ key: at(distance) }), { own: true }).refusal).toBeUndefined()
    }
    expect(kept.size).toBe(3)
  })

  it('K38 is remembered of peerWindowsMax peers; one more waits for the next window', () => {
    const kept = shelf({ peerWindowsMax: 2, peerWindowMs: 1_000 })
    for (const from of ['a', 'b']) expect(offer(kept, record(), { from }).refusal).toBeUndefined()
    expect(offer(kept, record(), { from: 'c' }).refusal).toBe('ERR_DHT_PEER_QUOTA')
    expect(offer(kept, record(), { from: 'a' }).refusal).toBeUndefined()
    expect(offer(kept, record(), { from: 'c', nowMs: 1_000 }).refusal).toBeUndefined()
  })
})
