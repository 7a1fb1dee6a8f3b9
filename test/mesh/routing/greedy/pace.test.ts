import { describe, expect, it } from 'vitest'
import { Pace } from '../../../../mesh/routing/greedy/pace.ts'

/** When `count` envelopes go that are all there at `nowMs`. */
const times = (pace: Pace, count: number, nowMs: number, peer = 'p'): readonly number[] =>
  Array.from({ length: count }, () => pace.reserve(peer, nowMs))

describe('the pace of own envelopes', () => {
  it('lets an eighth go at once and the rest evenly, never more than half of what a peer takes in a second', () => {
    const pace = new Pace(2_048)
    const all = times(pace, 3_000, 5_000)
    expect(all.filter((ms) => ms === 5_000)).toHaveLength(128)
    for (const from of [5_000, 5_500, 6_000, 7_000]) {
      const within = all.filter((ms) => ms >= from && ms < from + 1_000).length
      expect(within).toBeLessThanOrEqual(1_024)
      expect(within).toBeGreaterThan(890)
    }
  })

  it('forgets a rush when time has passed, and is of each peer apart', () => {
    const pace = new Pace(2_048)
    times(pace, 1_000, 0)
    expect(pace.reserve('q', 0)).toBe(0)
    expect(pace.reserve('p', 10_000)).toBe(10_000)
    expect(times(pace, 127, 10_000)).toEqual(new Array(127).fill(10_000))
    expect(pace.reserve('p', 10_000)).toBeGreaterThan(10_000)
  })

  it.each([1, 2, 3])('goes on with peers that take %i in a second', (max) => {
    expect(times(new Pace(max), 3, 0)).toEqual([0, 1_000, 2_000])
  })

  it('remembers 4,096 peers, and of one more the oldest no longer', () => {
    const pace = new Pace(2)
    for (let peer = 0; peer < 4_096; peer++) pace.reserve(`${peer}`, 0)
    expect(pace.reserve('0', 0)).toBe(1_000)
    pace.reserve('new', 0)
    expect(pace.size).toBe(4_096)
    expect(pace.reserve('1', 0)).toBe(0)
  })
})
