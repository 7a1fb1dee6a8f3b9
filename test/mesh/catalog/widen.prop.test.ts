import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_DETAIL } from '../../../mesh/catalog/detail.ts'
import { Projection } from '../../../mesh/catalog/projection.ts'
import { widen, widenTo } from '../../../mesh/catalog/widen.ts'
import { isFilter, matchesFilter } from '../../../mesh/topics/topic.ts'
import { filterArbitrary, topicArbitrary } from './names.ts'

const filters = fc.array(filterArbitrary, { maxLength: 40 })

describe('widening filters', () => {
  it('matches everything that was matched before', () => {
    fc.assert(
      fc.property(
        filters,
        fc.integer({ min: 1, max: 20 }),
        fc.array(topicArbitrary, { maxLength: 20 }),
        (given, max, topics) => {
          const wide = widen(given, max)
          for (const topic of topics) {
            if (!given.some((filter) => matchesFilter(filter, topic))) continue
            expect(wide.some((filter) => matchesFilter(filter, topic))).toBe(true)
          }
        },
      ),
      { seed: 1, numRuns: 500 },
    )
  })

  it('gives filters, at most as many as may be, or one for each first segment with $', () => {
    fc.assert(
      fc.property(filters, fc.integer({ min: 1, max: 20 }), (given, max) => {
        const wide = widen(given, max)
        for (const filter of wide) expect(isFilter(filter)).toBe(true)
        const reserved = new Set(
          given.filter((each) => each.startsWith('$')).map((each) => each.split('.')[0]),
        )
        expect(wide.length).toBeLessThanOrEqual(Math.max(max, reserved.size + 1))
        expect(new Set(wide).size).toBe(wide.length)
      }),
      { seed: 2, numRuns: 500 },
    )
  })

  it('changes nothing that is few enough, and cuts no more than it must', () => {
    expect(widen(['a.b.c', 'a.b.d', 'e'], 3)).toEqual(['a.b.c', 'a.b.d', 'e'])
    expect(widen(['a.b.c', 'a.b.d', 'e'], 2)).toEqual(['a.b.**', 'e'])
    expect(widen(['a.b.c', 'a.d.e', 'f.g'], 2)).toEqual(['a.**', 'f.**'])
    expect(widen(['a', 'b', 'c'], 2)).toEqual(['**'])
    expect(widen(['$sys.a', 'b', 'c'], 2)).toEqual(['$sys.**', '**'])
  })

  it('gives filters of legal length and form for the longest of all', () => {
    const long = `${'x'.repeat(1_022)}.y`
    expect(isFilter(widenTo(long, 1))).toBe(true)
    const deep = `${'a.**.'.repeat(8)}b.c.d`
    expect(isFilter(widenTo(deep, 17))).toBe(true)
  })
})

type Change = { readonly set: boolean; readonly filter: string }

const change: fc.Arbitrary<Change> = fc.record({ set: fc.boolean(), filter: filterArbitrary })

describe('a projection', () => {
  it('keeps up with changes: what it tells matches all that is there, and is never more than may be', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 12 }), (batches) => {
        const touched = new Set<string>()
        const told = new Set<string>()
        const projection = new Projection(8, (form) => void touched.add(form))
        for (const batch of batches) {
          for (const { set, filter } of batch) {
            if (set) projection.set(filter, NO_DETAIL)
            else projection.delete(filter)
          }
          projection.settle()
          for (const form of touched) {
            if (projection.get(form) === undefined) told.delete(form)
            else told.add(form)
          }
          touched.clear()
          expect(told.size).toBe(projection.toldSize)
          const reserved = Array.from(told).filter((each) => each.startsWith('$')).length
          expect(told.size - reserved).toBeLessThanOrEqual(8)
          for (const own of projection.own().keys()) {
            const topic = own.replaceAll('**', 'z.z').replaceAll('*', 'z')
            const isReserved = topic.startsWith('$') && !own.startsWith('$')
            const isMatched = Array.from(told).some((form) => matchesFilter(form, topic))
            expect(isMatched || isReserved).toBe(true)
          }
        }
      }),
      { seed: 3, numRuns: 300 },
    )
  })

  it('adds up the numbers that go with filters that are told as one, and takes them away again', () => {
    const projection = new Projection(2, () => {})
    projection.set('a.b', { plain: 1, 'g:x': 2, name: 'left out' })
    projection.set('a.c', { plain: 3 })
    projection.set('d', { plain: 5 })
    projection.settle()
    expect(projection.get('a.**')).toEqual({ plain: 4, 'g:x': 2, widened: true })
    projection.set('a.b', { plain: 2 })
    expect(projection.get('a.**')).toEqual({ plain: 5, widened: true })
    projection.delete('a.c')
    expect(projection.get('a.**')).toEqual({ plain: 2, widened: true })
    projection.delete('d')
    projection.settle()
    expect(projection.get('a.b')).toEqual({ plain: 2 })
    expect(projection.isWidened).toBe(false)
  })
})
