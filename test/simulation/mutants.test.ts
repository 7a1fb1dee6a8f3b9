/**
 * The checkers checked: the core with one rule less is noticed by a property that is named beforehand,
 * and the sound core passes every scenario (S48). The mutants are compiled into a temporary folder,
 * since the version of Node that all must run on does not run TypeScript.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { transformWithOxc } from 'vite'
import { SwimCore } from '../../mesh/membership/swim/core.ts'
import { KILLERS, type MakeCore } from './killers.ts'
import { MUTANTS, type Killer, type Mutant } from './mutants.ts'

const CORE = fileURLToPath(new URL('../../mesh/membership/swim', import.meta.url))

let folder = ''
/** Compiled text of each file of the core. */
const compiled = new Map<string, string>()

async function compile(file: string, text: string): Promise<string> {
  const { code } = await transformWithOxc(text, file)
  return code.replaceAll(/(from\s*["']\.[^"']*)\.ts(["'])/g, '$1.js$2')
}

/** The core with one rule less. */
async function mutate(mutant: Mutant, index: number): Promise<MakeCore> {
  const text = readFileSync(join(CORE, mutant.file), 'utf8')
  expect(text.split(mutant.from)).toHaveLength(2)
  const place = join(folder, String(index))
  mkdirSync(place)
  const changed = await compile(
    mutant.file,
    text.replace(mutant.from, () => mutant.to),
  )
  for (const [file, code] of compiled) {
    const output = file === mutant.file ? changed : code
    writeFileSync(join(place, file.replace(/\.ts$/, '.js')), output)
  }
  const entry = pathToFileURL(join(place, 'core.js')).href
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
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-mutants-'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    for (const file of readdirSync(CORE).filter((name) => name.endsWith('.ts'))) {
      compiled.set(file, await compile(file, readFileSync(join(CORE, file), 'utf8')))
    }
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('while the sound core passes every scenario', () => {
    const makeCore: MakeCore = (options) => new SwimCore(options)
    for (const killer of Object.keys(KILLERS) as Killer[]) {
      expect(`${killer}: ${verdict(killer, makeCore)}`).toBe(`${killer}: no property`)
    }
  }, 60_000)

  it.each(MUTANTS.map((mutant, index) => ({ ...mutant, index })))(
    'when this rule is broken: $rule',
    async ({ index, ...mutant }) => {
      const makeCore = await mutate(mutant, index)
      expect(mutant.ids).toContain(verdict(mutant.killer, makeCore))
    },
    60_000,
  )
})
