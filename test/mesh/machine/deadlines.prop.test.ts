import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../../mesh/machine/deadlines.ts'

describe('the index of deadlines', () => {
  it('S45 its earliest is the minimum of a plain map after each change', () => {
    const change = fc.record({ key: fc.nat(20), at: fc.nat(50), deletes: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const deadlines = new Deadlines()
        const model = new Map<number, number>()
        for (const { key, at, deletes } of changes) {
          if (deletes) {
            deadlines.delete(key)
            model.delete(key)
          } else {
            deadlines.set(key, at)
            model.set(key, at)
          }
          const ordered = [...model].sort(([a, x], [b, y]) => x - y || a - b)
          expect(deadlines.earliest()).toBe(ordered[0]?.[1] ?? Infinity)
          expect(deadlines.first()).toBe(ordered[0]?.[0] ?? -1)
          expect(deadlines.size).toBe(model.size)
          expect(deadlines.entries()).toEqual(ordered)
        }
      }),
      { seed: 4_003, numRuns: 300 },
    )
  })
})
