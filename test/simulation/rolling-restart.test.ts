/** Rolling restarts of whole nodes: three in `npm test`, a sixteenth of `--seeds` in `npm run test:sim`. */
import { describe, expect, it } from 'vitest'
import { rollingRestart } from './rolling-restart.ts'
import { simulationSize } from './size.ts'

const { full, seeds, firstSeed } = simulationSize()
const RUNS = full ? Math.ceil(seeds / 16) : 0
/** Each of them once left a node with members that had left, or without members that were there, for 15 s. */
const ONCE_FAILED = [0, 7, 10]

describe('a rolling restart in which each node follows as soon as all know the one before', () => {
  it('S34 S35 S36 a restarted node knows all and hears every goodbye within seconds, and nobody dies', async () => {
    const own = Array.from({ length: RUNS }, (_, i) => firstSeed + i)
    const failures: unknown[] = []
    for (const seed of new Set([...ONCE_FAILED, ...own])) {
      const { late, deaf, deaths } = await rollingRestart({ seed, nodes: 6 })
      if (late.length + deaf.length + deaths.length > 0) failures.push({ seed, late, deaf, deaths })
    }
    expect(failures).toEqual([])
  }, 3_600_000)
})
