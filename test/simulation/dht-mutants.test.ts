/**
 * The checkers of the DHT checked: a core with one rule less is noticed by a property that is named
 * beforehand, and sound cores pass every scenario.
 */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RoutingCore } from '../../mesh/routing/kademlia/core.ts'
import type { RecordsCore } from '../../mesh/routing/records/core.ts'
import { compileMutants, timesFound, type CompiledMutants, type Patch } from './compile-mutants.ts'
import { DHT_KILLERS, type DhtKiller, type MakeCores } from './dht-killers.ts'
import { DHT_MUTANTS } from './dht-mutants.ts'
import { shareOf } from './size.ts'

const PATCHES: readonly Patch[] = DHT_MUTANTS.map(({ core, file, from, to }) => ({
  core: `mesh/routing/${core}`,
  file,
  from,
  to,
}))

let compiled: CompiledMutants | undefined

/** The cores, one of them with a rule less. */
async function load(index: number): Promise<MakeCores> {
  const loaded = await compiled!.load(index, 'core.ts')
  if (DHT_MUTANTS[index]!.core === 'kademlia') {
    const { RoutingCore: Mutant } = loaded as { RoutingCore: typeof RoutingCore }
    return { makeRouting: (options) => new Mutant(options) }
  }
  const { RecordsCore: Mutant } = loaded as { RecordsCore: typeof RecordsCore }
  return { makeRecords: (options) => new Mutant(options) }
}

/** What a scenario says about cores. */
function verdict(killer: DhtKiller, make: MakeCores): string {
  try {
    DHT_KILLERS[killer](make)
    return 'no property'
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return /\bK\d+\b/.exec(text)?.[0] ?? text
  }
}

describe('a core of the DHT with one rule less is noticed', () => {
  beforeAll(() => {
    compiled = compileMutants(PATCHES)
  }, 60_000)
  afterAll(() => {
    if (compiled !== undefined) rmSync(compiled.folder, { recursive: true, force: true })
  })

  it('while sound cores pass every scenario', () => {
    for (const killer of Object.keys(DHT_KILLERS) as DhtKiller[]) {
      expect(`${killer}: ${verdict(killer, {})}`).toBe(`${killer}: no property`)
    }
  }, 120_000)

  it('and every rule stands once where it is said to stand', () => {
    const places = DHT_MUTANTS.map(({ rule }, index) => `${rule}: ${timesFound(PATCHES[index]!)}`)
    expect(places).toEqual(DHT_MUTANTS.map(({ rule }) => `${rule}: 1`))
  })

  it.each(shareOf(DHT_MUTANTS.map((mutant, index) => ({ ...mutant, index }))))(
    'when this rule is broken: $rule',
    async ({ index, killer, ids }) => {
      expect(ids).toContain(verdict(killer, await load(index)))
    },
    60_000,
  )
})
