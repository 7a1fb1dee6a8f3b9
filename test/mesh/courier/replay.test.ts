import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REPLAY_WINDOW, ReplayGuard } from '../../../mesh/courier/replay.ts'

const make = (sendersMax = 3) => new ReplayGuard({ sealAgeMaxMs: 1_000, sendersMax })
const message = (sender: string, counter: number, life = 1, sentAtMs = 0) => ({
  ...{ sender, counter, life, sentAtMs },
})

describe('H31 sealed messages', () => {
  it('are taken once, in whatever order they come within the window', () => {
    const guard = make()
    for (const counter of [5, 3, 4, 0, 9])
      expect(guard.take(message('a', counter), 0)).toBeUndefined()
    for (const counter of [5, 3, 4, 0, 9]) {
      expect(guard.take(message('a', counter), 0)).toBe('ERR_COURIER_REPLAYED')
    }
    expect(guard.take(message('b', 5), 0)).toBeUndefined()
  })

  it('at the end of the window are taken, and below it are not', () => {
    const guard = make()
    guard.take(message('a', 5_000), 0)
    expect(guard.take(message('a', 5_001 - REPLAY_WINDOW), 0)).toBeUndefined()
    expect(guard.take(message('a', 5_000 - REPLAY_WINDOW), 0)).toBe('ERR_COURIER_REPLAYED')
  })

  it('of an earlier life are refused, and a new life begins anew', () => {
    const guard = make()
    guard.take(message('a', 7, 2), 0)
    expect(guard.take(message('a', 8, 1), 0)).toBe('ERR_COURIER_REPLAYED')
    expect(guard.take(message('a', 7, 3), 0)).toBeUndefined()
    expect(guard.take(message('a', 8, 2), 0)).toBe('ERR_COURIER_REPLAYED')
  })

  it('that are too old or too far ahead are refused, at one millisecond more', () => {
    const guard = make()
    expect(guard.take(message('a', 1, 1, 5_000), 6_000)).toBeUndefined()
    expect(guard.take(message('a', 2, 1, 5_000), 6_001)).toBe('ERR_COURIER_STALE')
    expect(guard.take(message('a', 3, 1, 7_000), 6_000)).toBeUndefined()
    expect(guard.take(message('a', 4, 1, 7_001), 6_000)).toBe('ERR_COURIER_STALE')
  })

  it('of one sender more than sendersMax wait until another one is old enough to be forgotten', () => {
    const guard = make(2)
    guard.take(message('a', 1, 1, 0), 0)
    guard.take(message('b', 1, 1, 1_000), 1_000)
    expect(guard.take(message('c', 1, 1, 1_000), 1_000)).toBe('ERR_COURIER_SENDERS_MAX')
    expect(guard.take(message('c', 1, 1, 2_000), 2_000)).toBe('ERR_COURIER_SENDERS_MAX')
    expect(guard.take(message('a', 2, 1, 2_000), 2_000)).toBeUndefined()
    // Every message of b that could still be taken is too old by now.
    expect(guard.take(message('c', 1, 1, 3_001), 3_001)).toBeUndefined()
    expect(guard.size).toBe(2)
    expect(guard.take(message('b', 1, 1, 1_000), 3_001)).toBe('ERR_COURIER_STALE')
  })

  it('ML6 of senders of long ago leave nothing behind, however much room there is', () => {
    const guard = make(100)
    for (let at = 0; at < 50; at++) guard.take(message(`s${at}`, 1, 1, at), at)
    guard.take(message('late', 1, 1, 2_000), 2_000)
    expect(guard.size).toBe(51)
    guard.take(message('later', 1, 1, 2_040), 2_040)
    expect(guard.size).toBe(12)
    expect(guard.take(message('s49', 1, 1, 49), 2_040)).toBe('ERR_COURIER_STALE')
  })

  it('are told from copies as a set of all numbers would tell them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4 * REPLAY_WINDOW), { maxLength: 400 }), (counters) => {
        const guard = make()
        const taken = new Set<number>()
        let highest = -1
        for (const counter of counters) {
          const isFresh = !taken.has(counter) && counter > highest - REPLAY_WINDOW
          expect(guard.take(message('a', counter), 0) === undefined).toBe(isFresh)
          if (isFresh) taken.add(counter)
          highest = Math.max(highest, counter)
        }
      }),
      { numRuns: 60, seed: 6_101 },
    )
  })
})
