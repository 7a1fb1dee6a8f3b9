import { describe, expect, it } from 'vitest'
import { at, offer, publisher, record, shelf } from './shelf-scene.ts'

/** Puts sequence 5 that ends at 1,000 and 6 in its place that ends at 100. */
function replaced(settings = {}) {
  const kept = shelf(settings)
  const old = record({ sequence: 5, expiresAtMs: 1_000 })
  offer(kept, old)
  offer(kept, record({ sequence: 6, expiresAtMs: 100 }))
  return { kept, old }
}

describe('sequences of records that are over', () => {
  it('K32 what was replaced by one that ended sooner is not taken again', () => {
    const { kept, old } = replaced()
    const again = offer(kept, old, { wallNowMs: 100 })
    expect(again).toMatchObject({ refusal: 'ERR_DHT_SEQUENCE_LOW', standing: undefined })
    expect(kept.get(at(1), 100)).toBeUndefined()
    const next = record({ sequence: 6, expiresAtMs: 900 })
    expect(offer(kept, next, { wallNowMs: 101 }).refusal).toBeUndefined()
  })

  it('K32 the highest counts, until the last of the lower ones is over', () => {
    const { kept, old } = replaced()
    offer(kept, record({ sequence: 7, expiresAtMs: 200 }), { wallNowMs: 150 })
    const sixth = record({ sequence: 6, expiresAtMs: 5_000 })
    expect(offer(kept, sixth, { wallNowMs: 200 }).refusal).toBe('ERR_DHT_SEQUENCE_LOW')
    expect(offer(kept, old, { wallNowMs: 999 }).refusal).toBe('ERR_DHT_SEQUENCE_LOW')
    expect(kept.stats().floors).toBe(1)
    expect(offer(kept, sixth, { wallNowMs: 1_000 }).refusal).toBeUndefined()
    expect(kept.stats().floors).toBe(0)
  })

  it('nothing is remembered of what lives as long as what it replaces', () => {
    const kept = shelf()
    offer(kept, record({ sequence: 5, expiresAtMs: 1_000 }))
    offer(kept, record({ sequence: 6, expiresAtMs: 1_000 }))
    expect(kept.stats().floors).toBe(0)
    const { kept: other } = replaced()
    expect(other.stats().floors).toBe(1)
    offer(other, record({ sequence: 7, expiresAtMs: 1_000 }))
    expect(other.stats().floors).toBe(0)
  })

  it.each([
    [2, 0],
    [3, 1],
  ])('of %d places %d are forgotten when 2 are remembered, the first of all', (places, dropped) => {
    const kept = shelf({ floorsMax: 2 })
    const put = (index: number, sequence: number, expiresAtMs: number, wallNowMs = 0) =>
      offer(
        kept,
        record({ key: at(1 + index), publisher: publisher(index), sequence, expiresAtMs }),
        { wallNowMs },
      ).refusal
    for (let i = 0; i < places; i++) {
      put(i, 5, 1_000)
      put(i, 6, 100)
    }
    expect(kept.stats()).toMatchObject({ floors: 2, floorsDropped: dropped })
    const refusals = Array.from({ length: places }, (_, i) => put(i, 5, 1_000, 100))
    expect(refusals.filter((refusal) => refusal === undefined).length).toBe(dropped)
    expect(refusals.at(-1)).toBe('ERR_DHT_SEQUENCE_LOW')
  })
})
