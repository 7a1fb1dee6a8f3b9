import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RestartIntensity } from '../../../behaviours/index.ts'

/** supervisor.erl's add_restart, with a list: every restart is kept, those out of the period go. */
class NaiveWindow {
  readonly #intensity: number
  readonly #periodMs: number
  #restarts: number[] = []
  constructor(intensity: number, periodMs: number) {
    this.#intensity = intensity
    this.#periodMs = periodMs
  }
  add(nowMs: number): boolean {
    this.#restarts = [nowMs, ...this.#restarts].filter((at) => nowMs - at <= this.#periodMs)
    return this.#restarts.length <= this.#intensity
  }
}

const cases = fc.record({
  intensity: fc.integer({ min: 0, max: 6 }),
  periodMs: fc.integer({ min: 1, max: 50 }),
  steps: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 }),
})

describe('RestartIntensity', () => {
  it('U-30 U-33 agrees with the naive window up to and including the first refusal', () => {
    fc.assert(
      fc.property(cases, ({ intensity, periodMs, steps }) => {
        const window = new RestartIntensity({ intensity, periodMs })
        const naive = new NaiveWindow(intensity, periodMs)
        let now = 0
        for (const step of steps) {
          now += step
          const allowed = window.add(now)
          expect(allowed).toBe(naive.add(now))
          if (!allowed) return
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('never allows more than intensity restarts within any period', () => {
    fc.assert(
      fc.property(cases, ({ intensity, periodMs, steps }) => {
        const window = new RestartIntensity({ intensity, periodMs })
        const allowed: number[] = []
        let now = 0
        for (const step of steps) {
          now += step
          if (window.add(now)) allowed.push(now)
        }
        for (const start of allowed) {
          const within = allowed.filter((at) => at >= start && at - start <= periodMs)
          expect(within.length).toBeLessThanOrEqual(intensity)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
