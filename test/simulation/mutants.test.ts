/**
 * The checkers checked: the core with one rule less is noticed by a property that is named beforehand,
 * and the sound core passes every scenario (S48). The mutants are compiled into a temporary folder,
 * since the version of Node that all must run on does not run TypeScript.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SwimCore } from '../../mesh/membership/swim/core.ts'
import { KILLERS, type MakeCore } from './killers.ts'
import { MUTANTS, type Killer } from './mutants.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CORE = join(ROOT, 'mesh/membership/swim')

let folder = ''

/** Writes every mutant and compiles them all at once, without type checks. */
function compileMutants(): void {
  folder = mkdtempSync(join(tmpdir(), 'fovea-mutants-'))
  for (const [index, { file, from, to }] of MUTANTS.entries()) {
    const place = join(folder, 'source', String(index))
    cpSync(CORE, place, { recursive: true })
    const text = readFileSync(join(place, file), 'utf8')
    writeFileSync(
      join(place, file),
      text.replace(from, () => to),
    )
  }
  const compilerOptions = {
    noEmit: false,
    noCheck: true,
    rootDir: join(folder, 'source'),
    outDir: join(folder, 'build'),
    typeRoots: [join(ROOT, 'node_modules/@types')],
  }
  const config = join(folder, 'tsconfig.json')
  const options = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['source'] }
  writeFileSync(config, JSON.stringify(options))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', config], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`tsc failed: ${stdout}`)
}

/** The core with one rule less. */
async function load(index: number): Promise<MakeCore> {
  const entry = pathToFileURL(join(folder, 'build', String(index), 'core.js')).href
  const loaded = (await import(/* @vite-ignore */ entry)) as { SwimCore: typeof SwimCore }
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
  beforeAll(compileMutants, 60_000)
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('while the sound core passes every scenario', () => {
    const makeCore: MakeCore = (options) => new SwimCore(options)
    for (const killer of Object.keys(KILLERS) as Killer[]) {
      expect(`${killer}: ${verdict(killer, makeCore)}`).toBe(`${killer}: no property`)
    }
  }, 60_000)

  it('and every rule stands once where it is said to stand', () => {
    const places = MUTANTS.map(({ rule, file, from }) => {
      const times = readFileSync(join(CORE, file), 'utf8').split(from).length - 1
      return `${rule}: ${times}`
    })
    expect(places).toEqual(MUTANTS.map(({ rule }) => `${rule}: 1`))
  })

  it.each(MUTANTS.map((mutant, index) => ({ ...mutant, index })))(
    'when this rule is broken: $rule',
    async ({ index, killer, ids }) => {
      expect(ids).toContain(verdict(killer, await load(index)))
    },
    60_000,
  )
})
