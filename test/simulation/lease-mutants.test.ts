/**
 * The checkers of leases checked: a machine with one rule less is noticed by a random schedule, and so every rule of the three machines is needed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leaseChaos } from './lease-chaos.ts'
import { LEASE_MUTANTS } from './lease-mutants.ts'
import { LEASE_CORES, type LeaseCores } from './lease-world.ts'

const CORES = fileURLToPath(new URL('../../dist/leases', import.meta.url))
const SEEDS = 3_000

const sourceOf = (file: string): string => readFileSync(join(CORES, file), 'utf8')

/** What the schedules say of machines: the property that failed, and how many seeds it took. */
function verdict(cores: LeaseCores, firstSeed: number): string {
  try {
    for (let seed = firstSeed; seed < firstSeed + SEEDS; seed++) leaseChaos(seed, cores)
    return 'no property'
  } catch (error) {
    return /\bG11\b/.exec(String(error))?.[0] ?? String(error)
  }
}

describe('a machine of leases with one rule less', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-lease-mutants-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(LEASE_MUTANTS)(
    'G11: is noticed: $rule',
    async ({ file, from, to, firstSeed }) => {
      const source = sourceOf(file)
      expect(source.split(from).length).toBe(2)
      const place = join(folder, `${LEASE_MUTANTS.findIndex((other) => other.to === to)}-${file}`)
      // The machines import types only, so that a copy stands by itself.
      writeFileSync(
        place,
        source.replace(from, () => to),
      )
      const mutant = (await import(/* @vite-ignore */ place)) as Partial<LeaseCores>
      expect(verdict({ ...LEASE_CORES, ...mutant }, firstSeed)).toBe('G11')
    },
    120_000,
  )
})
