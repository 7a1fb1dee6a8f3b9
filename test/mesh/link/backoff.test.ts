import { describe, expect, it } from 'vitest'
import { Backoff } from '../../../mesh/link/backoff.ts'

const options = { baseMs: 500, maxMs: 30_000 }

describe('Backoff', () => {
  it.each([
    [0, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]],
    [0.5, [375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500]],
  ])('ML18 doubles from base to max with chance %s', (chance, expected) => {
    const backoff = new Backoff(options)
    expect(expected.map(() => backoff.nextMs(chance))).toEqual(expected)
  })

  it('stays below the step whatever chance says', () => {
    const backoff = new Backoff(options)
    for (let i = 0; i < 5_000; i++) {
      const waitMs = backoff.nextMs(0.999_999)
      expect(waitMs).toBeLessThan(30_000)
      expect(waitMs).toBeGreaterThan(250)
    }
    expect(backoff.attempts).toBe(5_000)
  })

  it('starts again at base after a success', () => {
    const backoff = new Backoff(options)
    backoff.nextMs(0)
    backoff.nextMs(0)
    backoff.reset()
    expect(backoff.nextMs(0)).toBe(250)
  })

  it('D14 waits longest for a failure that lasts, and counts it', () => {
    const backoff = new Backoff(options)
    expect(backoff.longestMs(0)).toBe(15_000)
    expect(backoff.nextMs(0)).toBe(500)
  })

  it('never waits less than half of base when max is below base', () => {
    expect(new Backoff({ baseMs: 500, maxMs: 10 }).nextMs(0)).toBe(250)
  })
})
