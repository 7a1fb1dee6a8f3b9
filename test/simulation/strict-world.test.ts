/**
 * Strictness of whole nodes (G11, G12): singletons, names, children and shards are held once at most, whatever happens to
 * nodes and network. `npm test` runs one seed and voters that vote for everybody, `npm run test:sim` a quarter of
 * `--seeds` and all mutants.
 */
import { rmSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Voter, type GrantRequest } from '../../dist/leases/voter.ts'
import { compileMutants, timesFound, type Patch } from './compile-mutants.ts'
import { simulationSize } from './size.ts'
import { STRICT_MUTANTS } from './strict-mutants.ts'
import { strictWorld, type StrictModules } from './strict-world.ts'

const { full, seeds, firstSeed } = simulationSize()
const RUNS = full ? Math.ceil(seeds / 4) : 1
const MUTANT_SEEDS = 40
const FAILURES_MAX = 10

afterEach(() => vi.restoreAllMocks())

/** What went wrong in the first run in which something did. */
async function firstFailure(modules?: StrictModules): Promise<string | undefined> {
  for (let seed = 0; seed < MUTANT_SEEDS; seed++) {
    try {
      await strictWorld(seed, modules)
    } catch (error) {
      return (error as Error).message
    }
  }
  return undefined
}

describe('strictness of whole nodes', () => {
  it('G11 G12 nothing strict is held twice under crashes, pauses, partitions and loss, and all is held in the end', async () => {
    const failures: string[] = []
    let accepted = 0
    let begun = 0
    for (let seed = firstSeed; seed < firstSeed + RUNS; seed++) {
      try {
        const report = await strictWorld(seed)
        accepted += report.accepted
        begun += Object.values(report.begun).reduce((sum, count) => sum + count, 0)
      } catch (error) {
        failures.push((error as Error).message)
        if (failures.length >= FAILURES_MAX) break
      }
    }
    expect(failures).toEqual([])
    // On an average each of the seven things moves in a run.
    expect(begun).toBeGreaterThan(RUNS * 14)
    expect(accepted).toBeGreaterThan(begun)
  }, 36_000_000)

  it('G11 voters that vote for everybody are noticed', async () => {
    const { ask } = Voter.prototype
    vi.spyOn(Voter.prototype, 'ask').mockImplementation(function (this: Voter, name, nowMs) {
      return { ...ask.call(this, name, nowMs), remainingMs: 0 }
    })
    vi.spyOn(Voter.prototype, 'grant').mockImplementation(({ token, ttlMs }: GrantRequest) => {
      return { answer: { granted: true, token, remainingMs: ttlMs }, writes: [] }
    })
    expect(await firstFailure()).toContain('G11 two holders')
  }, 60_000)
})

describe('a cluster with one rule of strictness less', () => {
  it('G11 is noticed, whichever rule it is; each of them stands in the code', async () => {
    const patches: readonly Patch[] = STRICT_MUTANTS.map((mutant) => ({ core: 'dist', ...mutant }))
    expect(patches.filter((patch) => timesFound(patch) !== 1)).toEqual([])
    // Every mutant is a copy of all layers, which takes the compiler a while.
    if (!full) return
    const compiled = compileMutants(patches)
    try {
      const missed: string[] = []
      for (const [index, { rule }] of STRICT_MUTANTS.entries()) {
        const dist = await compiled.load(index, 'simulation/index.ts')
        const behaviours = await compiled.load(index, '../behaviours/index.ts')
        const modules = { ...(behaviours as object), ...(dist as object) } as StrictModules
        const failure = await firstFailure(modules)
        if (failure?.includes('G11 two holders') !== true) missed.push(`${rule}: ${failure}`)
      }
      expect(missed).toEqual([])
    } finally {
      rmSync(compiled.folder, { recursive: true, force: true })
    }
  }, 3_600_000)
})
