import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { swimSettings } from '../../../../mesh/membership/swim/settings.ts'
import {
  Suspicions,
  suspicionBounds,
  suspicionMs,
} from '../../../../mesh/membership/swim/suspicion.ts'

const LAN = swimSettings('lan')

describe('the length of a suspicion', () => {
  it('S17 lies between its bounds and does not grow with confirmations', () => {
    fc.assert(
      fc.property(
        fc.record({
          members: fc.constantFrom(0, 1, 2, 3, 4, 5, 100, 10_000, 1_000_000),
          suspicionMultiplier: fc.integer({ min: 1, max: 8 }),
          suspicionMaxMultiplier: fc.integer({ min: 1, max: 10 }),
          probeIntervalMs: fc.constantFrom(0.1, 1, 1_000, 60_000),
        }),
        ({ members, ...changes }) => {
          const bounds = suspicionBounds(swimSettings('lan', changes), members)
          expect(bounds.shortestMs).toBeGreaterThan(0)
          expect(Number.isFinite(bounds.longestMs)).toBe(true)
          let lastMs = Infinity
          for (let confirmed = 0; confirmed <= 10; confirmed++) {
            const lengthMs = suspicionMs(bounds, confirmed)
            expect(lengthMs).toBeGreaterThanOrEqual(bounds.shortestMs)
            expect(lengthMs).toBeLessThanOrEqual(bounds.longestMs)
            expect(lengthMs).toBeLessThanOrEqual(lastMs)
            lastMs = lengthMs
          }
          const { confirmations } = bounds
          if (confirmations > 0) expect(suspicionMs(bounds, 0)).toBe(bounds.longestMs)
          expect(suspicionMs(bounds, confirmations)).toBe(bounds.shortestMs)
        },
      ),
      { seed: 4_004, numRuns: 1_000 },
    )
  })

  it('S17 is the formula: multiplier x log10 of the members x the interval', () => {
    expect(suspicionBounds(LAN, 100)).toEqual({
      shortestMs: 8_000,
      longestMs: 48_000,
      confirmations: 2,
    })
    expect(suspicionBounds(LAN, 2)).toEqual({
      shortestMs: 4_000,
      longestMs: 24_000,
      confirmations: 0,
    })
  })

  it('S17 case 20, al8n #165: an interval below a millisecond does not make it zero', () => {
    const bounds = suspicionBounds(swimSettings('lan', { probeIntervalMs: 0.01 }), 1)
    expect(suspicionMs(bounds, 0)).toBeGreaterThan(0)
  })
})

describe('confirmations', () => {
  const bounds = suspicionBounds(LAN, 100)
  const begin = (suspicions: Suspicions, startMs: number) => {
    suspicions.begin(3, { startMs, bounds, subject: 'x', accuser: 'a' })
  }

  it('S18 count once per accuser, and never the first one or the subject', () => {
    const suspicions = new Suspicions()
    begin(suspicions, 0)
    expect(suspicions.deadlineOf(3)).toBe(48_000)
    expect(suspicions.confirm(3, 'a')).toBe(false)
    expect(suspicions.confirm(3, 'x')).toBe(false)
    expect(suspicions.confirm(3, 'b')).toBe(true)
    expect(suspicions.confirm(3, 'b')).toBe(false)
    expect(suspicions.deadlineOf(3)).toBeCloseTo(suspicionMs(bounds, 1))
    expect(suspicions.confirm(3, 'c')).toBe(true)
    expect(suspicions.deadlineOf(3)).toBeCloseTo(8_000)
  })

  it('S18 beyond the number that counts are no news', () => {
    const suspicions = new Suspicions()
    begin(suspicions, 0)
    const passedOn = ['b', 'c', 'd', 'e'].filter((accuser) => suspicions.confirm(3, accuser))
    expect(passedOn).toEqual(['b', 'c'])
  })

  it('S16 a new suspicion forgets the accusers of the old one', () => {
    const suspicions = new Suspicions()
    begin(suspicions, 0)
    suspicions.confirm(3, 'b')
    suspicions.confirm(3, 'c')
    suspicions.end(3)
    begin(suspicions, 1_000)
    expect(suspicions.deadlineOf(3)).toBe(49_000)
    expect(suspicions.confirm(3, 'b')).toBe(true)
  })

  it('S39 after a pause none ends before its shortest length has passed anew', () => {
    const suspicions = new Suspicions()
    begin(suspicions, 0)
    suspicions.postpone(30_000, 47_000)
    expect(suspicions.deadlineOf(3)).toBe(78_000)
    suspicions.postpone(60_000, 200_000)
    expect(suspicions.deadlineOf(3)).toBe(208_000)
  })
})
