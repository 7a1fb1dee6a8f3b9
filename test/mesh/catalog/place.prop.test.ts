import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  otherSide,
  PLACE_BYTES_MAX,
  PLACE_SEGMENTS_MAX,
  placeKey,
  placeOf,
  placesFor,
  sideOf,
} from '../../../mesh/catalog/place.ts'
import { matchesFilter } from '../../../mesh/topics/topic.ts'
import { filterArbitrary, topicArbitrary } from './names.ts'

describe('places in the DHT', () => {
  it('are such that whoever looks for a name meets everybody whose filter matches it', () => {
    fc.assert(
      fc.property(filterArbitrary, topicArbitrary, (filter, topic) => {
        fc.pre(matchesFilter(filter, topic))
        const { prefix, exact } = placeOf(filter)
        const place = placesFor(topic).find((each) => each.prefix === prefix)
        expect(place).toBeDefined()
        // One that has just that name is of use to those only who look for it.
        if (exact) expect(place!.exact).toBe(true)
      }),
      { seed: 1, numRuns: 2_000 },
    )
  })

  it('are the same for long names and their filters', () => {
    const many = Array.from({ length: 40 }, (_, at) => `s${at}`).join('.')
    const wide = `${'w'.repeat(90)}.${'x'.repeat(90)}.${'y'.repeat(90)}.z`
    const one = 'é'.repeat(400)
    for (const name of [many, wide, one, `${one}.b`]) {
      for (const filter of [name, `${name}.**`, `${name.slice(0, name.lastIndexOf('.') + 1)}*`]) {
        const found = placesFor(name).map(({ prefix }) => prefix)
        expect(found).toContain(placeOf(filter).prefix)
      }
      expect(placesFor(name).length).toBeLessThanOrEqual(PLACE_SEGMENTS_MAX + 1)
      for (const { prefix } of placesFor(name)) {
        expect(Buffer.byteLength(prefix)).toBeLessThanOrEqual(PLACE_BYTES_MAX)
        expect(Buffer.byteLength(placeKey('procedure', 'offer', prefix))).toBeLessThanOrEqual(255)
      }
    }
  })

  it('have two sides, also for names with slashes', () => {
    const key = placeKey('topic', 'seek', 'a/offer/b.c/d')
    expect(sideOf(key)).toBe('seek')
    expect(otherSide(key)).toBe(placeKey('topic', 'offer', 'a/offer/b.c/d'))
    expect(otherSide(otherSide(key))).toBe(key)
    expect(placesFor('a.b').map(({ prefix, exact }) => [prefix, exact])).toEqual([
      ['', false],
      ['a', false],
      ['a.b', true],
    ])
    expect(placesFor('$sys.a').map(({ prefix }) => prefix)).toEqual(['$sys', '$sys.a'])
  })
})
