import { describe, expect, it } from 'vitest'
import {
  deviation,
  mean,
  meanInterval,
  quantile,
  slopeInterval,
  wilson,
} from '../../../mesh/simulation/statistics.ts'

describe('statistics', () => {
  it('gives the intervals of Wilson for known cases', () => {
    // Values of the usual 95 % tables.
    expect(wilson(0, 10, 1.96).low).toBe(0)
    expect(wilson(0, 10, 1.96).high).toBeCloseTo(0.2775, 3)
    expect(wilson(5, 10, 1.96).low).toBeCloseTo(0.2366, 3)
    expect(wilson(5, 10, 1.96).high).toBeCloseTo(0.7634, 3)
    expect(wilson(10, 10, 1.96).high).toBe(1)
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 })
  })

  it('gives mean, deviation and quantiles', () => {
    expect(mean([1, 2, 3, 4])).toBe(2.5)
    expect(deviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138, 3)
    expect(deviation([3])).toBe(0)
    expect(quantile([5, 1, 3], 0.5)).toBe(3)
    expect(quantile([5, 1, 3], 1)).toBe(5)
    expect(quantile([5, 1, 3], 0)).toBe(1)
    expect(quantile([], 0.5)).toBeNaN()
  })

  it('narrows the interval of a mean with the root of the count', () => {
    const few = meanInterval([1, 2, 3, 4])
    const many = meanInterval(Array.from({ length: 400 }, (_, i) => (i % 4) + 1))
    expect(few.low).toBeLessThan(2.5)
    expect(few.high).toBeGreaterThan(2.5)
    expect((few.high - few.low) / (many.high - many.low)).toBeCloseTo(11.5, 0)
  })

  it('finds a slope where there is one', () => {
    const flat = slopeInterval([1, 2, 3, 4].map((x, i) => ({ x, y: i % 2 })))
    expect(flat.low).toBeLessThan(0)
    expect(flat.high).toBeGreaterThan(0)
    const steep = slopeInterval([1, 2, 3, 4].map((x) => ({ x, y: 3 * x })))
    expect(steep.low).toBeCloseTo(3)
    expect(steep.high).toBeCloseTo(3)
  })
})
