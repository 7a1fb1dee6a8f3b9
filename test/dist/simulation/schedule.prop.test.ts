import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scheduleFrom, shrinkSchedule } from '../../../dist/simulation/index.ts'
import { checkFault } from '../../../dist/simulation/fault.ts'

const numbers = fc.array(fc.array(fc.nat(9_999), { maxLength: 8 }), { maxLength: 8 })

describe('scheduleFrom', () => {
  it('makes a schedule of any numbers that the simulation accepts', () => {
    const toSchedule = scheduleFrom(5, { commands: { add: ([n = 0]) => n }, withinMs: 1_000 })
    fc.assert(
      fc.property(numbers.map(toSchedule), ({ faults, commands }) => {
        for (const fault of faults) checkFault(fault)
        for (const entry of [...faults, ...commands]) expect(entry.atMs).toBeLessThanOrEqual(1_000)
        expect(JSON.parse(JSON.stringify(faults))).toEqual(faults)
      }),
      { seed: 4, numRuns: 200 },
    )
  })
})

describe('shrinkSchedule', () => {
  it('finds the one entry that matters, and its smallest time', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, fc.nat(3_000), async (entries, leastMs) => {
        const { faults } = scheduleFrom(3, { faults: ['crash', 'pause'] })(entries)
        const culprit = { type: 'cut', from: 0, to: 1, atMs: 7_777, forMs: 4_000 } as const
        const { schedule, runs } = await shrinkSchedule(
          { faults: [...faults, culprit], commands: [] },
          1_000,
          async (smaller) => smaller.faults.some((f) => f.type === 'cut' && f.forMs >= leastMs),
        )
        expect(schedule.faults).toHaveLength(1)
        expect(schedule.faults[0]).toMatchObject({ type: 'cut', atMs: 0 })
        expect(runs).toBeLessThan(60)
      }),
      { seed: 5, numRuns: 100 },
    )
  })

  it('spends no more runs than it may', async () => {
    let runs = 0
    const faults = Array.from(
      { length: 20 },
      (_, atMs) => ({ type: 'restart', node: 0, atMs }) as const,
    )
    const shrunk = await shrinkSchedule({ faults, commands: [] }, 7, async () => ++runs < 0)
    expect([runs, shrunk.runs, shrunk.schedule.faults.length]).toEqual([7, 7, 20])
  })
})
