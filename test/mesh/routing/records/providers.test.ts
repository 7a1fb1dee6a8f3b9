import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import type { RecordShelf } from '../../../../mesh/routing/records/shelf.ts'
import { at, HOUR_MS, offer, provider, publisher, record, shelf } from './shelf-scene.ts'

const KEY = at(7)
const first = (limit: number): number => Math.min(limit, 0)

function publishers(of: RecordShelf, wallNowMs = 0, count = 999, draw = first): string[] {
  return of
    .providers(KEY, wallNowMs, count, draw)
    .map((found) => found.publisher)
    .sort()
}

function provide(to: RecordShelf, index: number, given: Parameters<typeof offer>[2] = {}) {
  return offer(to, provider({ key: KEY, publisher: publisher(index) }), given).refusal
}

describe('providers of a key', () => {
  it('K37 are one per publisher: a newer record takes the place of the older', () => {
    const kept = shelf()
    offer(kept, provider({ key: KEY, port: 1 }))
    offer(kept, provider({ key: KEY, port: 2, sequence: 2 }))
    const lower = offer(kept, provider({ key: KEY, port: 3, sequence: 1 }))
    expect(lower.refusal).toBe('ERR_DHT_SEQUENCE_LOW')
    expect(kept.providers(KEY, 0, 9, first).map(({ port }) => port)).toEqual([2])
  })

  it('K37 are apart from values: both can be under one key', () => {
    const kept = shelf()
    offer(kept, record({ key: KEY }))
    provide(kept, 1)
    expect(kept.get(KEY, 0)?.record.kind).toBe('mutable')
    expect(publishers(kept)).toEqual([publisher(1)])
    expect(kept.size).toBe(2)
    expect(kept.stats().providerKeys).toBe(1)
  })

  it('K37 at the bound those that are there stay, newcomers are refused with an answer', () => {
    const kept = shelf({ providersPerKeyMax: 3 })
    for (const index of [1, 2, 3]) expect(provide(kept, index)).toBeUndefined()
    for (const index of [4, 5, 6]) expect(provide(kept, index)).toBe('ERR_DHT_PROVIDERS_FULL')
    expect(publishers(kept)).toEqual([1, 2, 3].map(publisher))
    const renewed = provider({ key: KEY, publisher: publisher(2), sequence: 2 })
    expect(offer(kept, renewed).refusal).toBeUndefined()
    const elsewhere = provider({ key: at(8), publisher: publisher(4) })
    expect(offer(kept, elsewhere).refusal).toBeUndefined()
    expect(kept.stats().refusals).toEqual({ ERR_DHT_PROVIDERS_FULL: 3 })
  })

  it('K31 K37 one that has expired makes room at exactly its time', () => {
    const kept = shelf({ providersPerKeyMax: 1 })
    offer(kept, provider({ key: KEY, publisher: publisher(1), expiresAtMs: 500 }))
    expect(provide(kept, 2, { wallNowMs: 499 })).toBe('ERR_DHT_PROVIDERS_FULL')
    expect(provide(kept, 2, { wallNowMs: 500 })).toBeUndefined()
    expect(publishers(kept, 500)).toEqual([publisher(2)])
  })

  it('K37 case 12, litep2p #665: the own one is never refused, never evicted, and takes no place', () => {
    const kept = shelf({ providersPerKeyMax: 2, recordsMax: 2 })
    for (const index of [1, 2]) provide(kept, index)
    expect(provide(kept, 9, { own: true })).toBeUndefined()
    expect(publishers(kept)).toEqual([1, 2, 9].map(publisher))
    for (const distance of [1, 2, 3]) offer(kept, record({ key: at(distance) }))
    expect(publishers(kept)).toEqual([publisher(9)])
    const early = shelf({ providersPerKeyMax: 2 })
    provide(early, 9, { own: true })
    for (const index of [1, 2]) expect(provide(early, index)).toBeUndefined()
    expect(provide(early, 3)).toBe('ERR_DHT_PROVIDERS_FULL')
  })
})

describe('an answer about providers', () => {
  it('K37 carries all when there is room, without a draw', () => {
    const kept = shelf()
    for (const index of [1, 2, 3]) provide(kept, index)
    const draws: number[] = []
    const found = publishers(kept, 0, 3, (limit) => draws.push(limit) - 1)
    expect(found).toEqual([1, 2, 3].map(publisher))
    expect(draws).toEqual([])
  })

  it('K37 has the own one and a random part of the others when they are more', () => {
    const kept = shelf()
    for (let index = 1; index <= 20; index++) provide(kept, index)
    provide(kept, 99, { own: true })
    const stream = new RandomStream(37, 1)
    const times = new Map<string, number>()
    for (let i = 0; i < 2_000; i++) {
      const found = publishers(kept, 0, 5, (limit) => stream.below(limit))
      expect(new Set(found).size).toBe(5)
      for (const each of found) times.set(each, (times.get(each) ?? 0) + 1)
    }
    expect(times.get(publisher(99))).toBe(2_000)
    const others = [...times].filter(([each]) => each !== publisher(99)).map(([, count]) => count)
    expect(others).toHaveLength(20)
    // Each of 20 has 4 places in 20: 400 expected, standard deviation 18.
    expect(Math.min(...others)).toBeGreaterThan(320)
    expect(Math.max(...others)).toBeLessThan(480)
  })

  it.each([0, 1])('K37 of at most %d has no more', (count) => {
    const kept = shelf()
    provide(kept, 1)
    provide(kept, 9, { own: true })
    expect(publishers(kept, 0, count)).toEqual(count === 0 ? [] : [publisher(9)])
  })

  it('K31 has nothing that is over, collected or not', () => {
    const kept = shelf()
    provide(kept, 1, { ttlMs: HOUR_MS })
    provide(kept, 2)
    expect(publishers(kept, HOUR_MS - 1)).toHaveLength(2)
    expect(publishers(kept, HOUR_MS)).toEqual([publisher(2)])
    expect(publishers(kept, 24 * HOUR_MS)).toEqual([])
  })
})
