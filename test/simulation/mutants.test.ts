/**
 * The checkers checked: the core with one rule less is noticed by a property that is named beforehand,
 * and the sound core passes every scenario (S48).
 */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SwimCore } from '../../mesh/membership/swim/core.ts'
import { compileMutants, timesFound, type CompiledMutants, type Patch } from './compile-mutants.ts'
import { KILLERS, type MakeCore } from './killers.ts'
import { MUTANTS, type Killer } from './mutants.ts'
import { shareOf } from './size.ts'

const PATCHES: readonly Patch[] = MUTANTS.map(({ file, from, to }) => ({
  core: 'mesh/membership/swim',
  file,
  from,
  to,
}))

let compiled: CompiledMutants | undefined

/** The core with one rule less. */
async function load(index: number): Promise<MakeCore> {
  const loaded = (await compiled!.load(index, 'core.ts')) as { SwimCore: typeof SwimCore }
  return (options) => new loaded.SwimCore(options)
}

/** What a scenario says about a core. */
function verdict(killer: Killer, makeCore: MakeCore): string {
  try {
    KILLERS[killer](makeCore)
    return 'no property'
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return /\bS\d+\b/.exec(text)?.[0] ?? text
  }
}

describe('S48 a core with one rule less is noticed', () => {
  beforeAll(() => {
    compiled = compileMutants(PATCHES)
  }, 60_000)
  afterAll(() => {
    if (compiled !== undefined) rmSync(compiled.folder, { recursive: true, force: true })
  })

  it('while the sound core passes every scenario', () => {
    const makeCore: MakeCore = (options) => new SwimCore(options)
    for (const killer of Object.keys(KILLERS) as Killer[]) {
      expect(`${killer}: ${verdict(killer, makeCore)}`).toBe(`${killer}: no property`)
    }
  }, 60_000)

  it('and every rule stands once where it is said to stand', () => {
    const places = MUTANTS.map(({ rule }, index) => `${rule}: ${timesFound(PATCHES[index]!)}`)
    expect(places).toEqual(MUTANTS.map(({ rule }) => `${rule}: 1`))
  })

  it.each(shareOf(MUTANTS.map((mutant, index) => ({ ...mutant, index }))))(
    'when this rule is broken: $rule',
    async ({ index, killer, ids }) => {
      expect(ids).toContain(verdict(killer, await load(index)))
    },
    60_000,
  )
})
