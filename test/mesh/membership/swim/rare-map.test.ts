import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RareMap } from '../../../../mesh/membership/swim/rare-map.ts'

const change = fc.oneof(
  fc.record({ type: fc.constant('set' as const), key: fc.nat({ max: 5 }), value: fc.nat() }),
  fc.record({ type: fc.constant('delete' as const), key: fc.nat({ max: 5 }) }),
  fc.record({ type: fc.constant('clear' as const) }),
)

describe('RareMap', () => {
  it('is a map, before its first entry and after', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const rare = new RareMap<number, number>()
        const map = new Map<number, number>()
        for (const each of changes) {
          if (each.type === 'set') {
            rare.set(each.key, each.value)
            map.set(each.key, each.value)
          } else if (each.type === 'delete') {
            expect(rare.delete(each.key)).toBe(map.delete(each.key))
          } else {
            rare.clear()
            map.clear()
          }
          expect([rare.size, rare.has(3), rare.get(3)]).toEqual([map.size, map.has(3), map.get(3)])
          expect([[...rare], [...rare.keys()], [...rare.values()]]).toEqual([
            [...map],
            [...map.keys()],
            [...map.values()],
          ])
        }
      }),
      { seed: 7, numRuns: 100 },
    )
  })
})
