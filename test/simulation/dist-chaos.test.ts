/**
 * Whole nodes under cuts and kills: one seed in `npm test`, an eighth of `--seeds` in `npm run test:sim`, at most ten
 * thousand (`--seeds 80000`); and seeds that once failed.
 */
import { describe, expect, it } from 'vitest'
import { distChaos } from './dist-chaos.ts'
import pastFailures from './seeds.json' with { type: 'json' }
import { simulationSize } from './size.ts'

const { full, seeds, firstSeed } = simulationSize()
/** Of the full run every other one has kills, so there are two at least. */
const RUNS = full ? Math.min(Math.max(2, Math.ceil(seeds / 8)), 10_000) : 1
/** Odd, so that a cut is the last. */
const PHASES_FULL = 9
const PHASES = full ? PHASES_FULL : 3
/** All speak with all in the end, sixty times. */
const TALK_MIN = 60 * 4 * 3
/** Enough to see what they have in common. */
const FAILURES_MAX = 10

describe('messages, monitors, links and calls of whole nodes', () => {
  it.each([
    { kills: false, what: 'cuts' },
    { kills: true, what: 'cuts and kills' },
  ])(
    'X-01 X-04 X-20 keep order, come once at most, end once, and all nodes speak again, under $what',
    async ({ kills }) => {
      const failures: unknown[] = []
      let relayed = 0
      let killed = 0
      const step = full ? 2 : 1
      for (let seed = firstSeed + (kills ? step : 1); seed <= firstSeed + RUNS; seed += step) {
        const report = await distChaos(seed, { phases: PHASES, kills })
        if (report.faults.length > 0) failures.push({ seed, faults: report.faults })
        if (failures.length >= FAILURES_MAX) break
        expect(report.received).toBeGreaterThan(TALK_MIN)
        relayed += report.relayed
        killed += report.killed
      }
      expect(failures).toEqual([])
      expect(relayed).toBeGreaterThan(0)
      expect(killed > 0).toBe(kills)
    },
    36_000_000,
  )

  it.each(full ? pastFailures.distChaos : pastFailures.distChaos.slice(0, 1))(
    'seed %i, which once failed, holds now',
    async (seed) => {
      const report = await distChaos(seed, { phases: PHASES_FULL, kills: seed % 2 === 0 })
      expect(report.faults).toEqual([])
      expect(report.received).toBeGreaterThan(TALK_MIN)
    },
    60_000,
  )
})
