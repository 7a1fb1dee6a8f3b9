import { describe, expect, it } from 'vitest'
import { distChaos } from './dist-chaos.ts'
import { simulationSize } from './size.ts'

const { full, seeds, firstSeed } = simulationSize()
const RUNS = full ? Math.min(seeds, 500) : 1
/** Odd, so that a cut is the last. */
const PHASES = full ? 9 : 3

describe('messages, monitors and calls of whole nodes under cuts', () => {
  it('X-01 X-04 X-20 keep order, come once at most, and all nodes speak again, over links and through others', async () => {
    let relayed = 0
    for (let seed = firstSeed + 1; seed <= firstSeed + RUNS; seed++) {
      const report = await distChaos(seed, PHASES)
      expect({ seed, faults: report.faults }).toEqual({ seed, faults: [] })
      expect(report.received).toBeGreaterThan(report.sent / 3)
      relayed += report.relayed
    }
    expect(relayed).toBeGreaterThan(0)
  }, 3_600_000)
})
