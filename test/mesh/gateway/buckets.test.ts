import { describe, expect, it } from 'vitest'
import { Buckets } from '../../../mesh/gateway/buckets.ts'

describe('a bucket', () => {
  it('gives its burst at once, and not one more', () => {
    const buckets = new Buckets({ perSecond: 2, burst: 3, keysMax: 10 })
    expect([0, 1, 2, 3].map(() => buckets.take('a', 0))).toEqual([true, true, true, false])
    expect(buckets.take('b', 0)).toBe(true)
  })

  it('fills up again, as much a second as it may and no higher than its burst', () => {
    const buckets = new Buckets({ perSecond: 2, burst: 2, keysMax: 10 })
    buckets.take('a', 0, 2)
    expect(buckets.take('a', 400)).toBe(false)
    expect(buckets.take('a', 500)).toBe(true)
    expect(buckets.take('a', 100_000, 3)).toBe(false)
    expect(buckets.take('a', 100_000, 2)).toBe(true)
  })

  it('is forgotten when it is full again, or when there are too many', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 2, keysMax: 3 })
    for (const key of ['a', 'b', 'c', 'd']) buckets.take(key, 0)
    expect(buckets.size).toBe(3)
    buckets.take('e', 2_000)
    expect(buckets.size).toBe(1)
    buckets.delete('e')
    expect(buckets.size).toBe(0)
  })
})
