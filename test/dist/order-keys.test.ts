import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OrderKeys, type OrderKey } from '../../dist/order-keys.ts'

describe('OrderKeys', () => {
  it('conflicts as a list of everything that was added would say, and forgets what was removed', () => {
    const key: fc.Arbitrary<OrderKey> = fc.constantFrom(undefined, 0, 1, 2, 'a', 'b', '$a', '$b')
    const named = (k: OrderKey): boolean => typeof k === 'string' && !k.startsWith('$')
    const mayBeOne = (x: OrderKey, y: OrderKey): boolean =>
      x === y || (named(x) && typeof y === 'number') || (named(y) && typeof x === 'number')
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.boolean())), (steps) => {
        const keys = new OrderKeys()
        const model: OrderKey[] = []
        for (const [at, isAdded] of steps) {
          const place = model.indexOf(at)
          if (isAdded) {
            keys.add(at)
            model.push(at)
          } else if (place >= 0) {
            keys.remove(at)
            model.splice(place, 1)
          }
          for (const asked of [undefined, 0, 1, 2, 'a', 'b', '$a'] as OrderKey[]) {
            const free = asked === undefined || asked === 0
            const inTheWay = model.some((k) => k !== undefined && k !== 0 && mayBeOne(k, asked))
            expect(keys.conflicts(asked)).toBe(!free && inTheWay)
          }
        }
        for (const left of model) keys.remove(left)
        expect(keys.size).toBe(0)
      }),
    )
    expect.hasAssertions()
  })
})
