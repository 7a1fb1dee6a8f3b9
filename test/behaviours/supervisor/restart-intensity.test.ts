import { describe, expect, it } from 'vitest'
import { RestartIntensity } from '../../../behaviours/index.ts'

describe('RestartIntensity', () => {
  it.each([
    { intensity: 0, times: [0], allowed: [false] },
    { intensity: 1, times: [0, 1], allowed: [true, false] },
    { intensity: 2, times: [0, 0, 0], allowed: [true, true, false] },
    { intensity: 1, times: [0, 100], allowed: [true, false] },
    { intensity: 1, times: [0, 100.001], allowed: [true, true] },
    { intensity: 2, times: [0, 60, 101, 102, 161], allowed: [true, true, true, false, true] },
  ])('U-30 U-31 intensity $intensity within 100 ms: $times gives $allowed', (row) => {
    const window = new RestartIntensity({ intensity: row.intensity, periodMs: 100 })
    expect(row.times.map((at) => window.add(at))).toEqual(row.allowed)
  })

  it('counts what still counts', () => {
    const window = new RestartIntensity({ intensity: 3, periodMs: 100 })
    for (const at of [0, 50, 100]) window.add(at)
    expect([100, 101, 151, 201].map((at) => window.recent(at))).toEqual([3, 2, 1, 0])
  })
})
