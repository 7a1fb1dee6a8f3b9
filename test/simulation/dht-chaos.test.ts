/**
 * Swarms of 2 to 8 nodes of the DHT with everything that can go wrong, then calm; all checkers watch every
 * step. `npm run test:sim -- --seeds 4096` runs more seeds.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dhtChaosArbitrary, runDhtChaos, type DhtChaosReport } from './dht-chaos.ts'
import { simulationSize } from './size.ts'
import pastFailures from './seeds.json' with { type: 'json' }

const { seeds, firstSeed } = simulationSize()
const CHUNK = 16

/** Runs the schedule of one seed, and shrinks it when it fails. */
function runSeed(seed: number): DhtChaosReport {
  let report: DhtChaosReport | undefined
  fc.assert(
    fc.property(dhtChaosArbitrary, (chaos) => {
      report = runDhtChaos(seed, chaos)
    }),
    { seed, numRuns: 1 },
  )
  return report!
}

/** The ids of the checkers after every step, and of what is asked when calm has come. */
const CHECKED =
  'K5 K6 K11 K12 K14 K15 K17 K29 K31 K32 K34 K38 at every step, K29 K42 K48 in the end'

describe(`swarms of 2 to 8 nodes: ${CHECKED}`, () => {
  const total: Record<string, number> = {}
  const firsts = Array.from({ length: Math.ceil(seeds / CHUNK) }, (_, i) => firstSeed + i * CHUNK)

  it.each(firsts)(
    'through chaos and calm, seeds from %i',
    (first) => {
      for (let seed = first; seed < Math.min(first + CHUNK, firstSeed + seeds); seed++) {
        const { counts } = runSeed(seed)
        for (const [what, times] of Object.entries(counts)) total[what] = (total[what] ?? 0) + times
      }
      expect(total).not.toEqual({})
    },
    600_000,
  )

  it('and each kind of trouble did happen', () => {
    const kinds = ['crash', 'pause', 'slow', 'clock_jump', 'partition', 'cut', 'loss', 'leave']
    const wanted = [
      ...kinds.map((kind) => `fault ${kind}`),
      ...['restart', 'admitted', 'removed', 'bootstrapped', 'isolated', 'lookup_done'],
      ...['done', 'failed', 'found', 'acknowledged put', 'acknowledged provide', 'judged'],
    ]
    expect(wanted.filter((what) => !(total[what]! > 0))).toEqual([])
  })
})

describe('seeds that once failed', () => {
  it('hold now', () => {
    for (const seed of pastFailures.dhtChaos) runSeed(seed)
    expect(Array.isArray(pastFailures.dhtChaos)).toBe(true)
  })
})
