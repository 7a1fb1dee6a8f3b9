/**
 * Strict leases in every schedule (G11): `npm test` runs a few hundred seeds and every schedule of three steps,
 * `npm run test:sim` ten thousand and every one of four.
 */
import { describe, expect, it } from 'vitest'
import { everySchedule, leaseChaos } from './lease-chaos.ts'
import { simulationSize } from './size.ts'

const { full, seeds, firstSeed } = simulationSize()
const RUNS = full ? Math.max(10_000, seeds) : 200

describe('strict leases', () => {
  it('G11, G13: never have two holders nor a lower token, whatever clocks, disks and networks do', () => {
    let acquired = 0
    for (let seed = firstSeed; seed < firstSeed + RUNS; seed++) {
      try {
        acquired += leaseChaos(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      }
    }
    expect(acquired).toBeGreaterThan(RUNS)
  }, 600_000)

  it('G11: hold in every schedule of a few steps for two candidates and three voters', () => {
    const length = full ? 4 : 3
    expect(everySchedule(length)).toBe(13 ** length)
  }, 600_000)
})
