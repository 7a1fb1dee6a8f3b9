/**
 * The books of the services checked: with one rule less a property that is named beforehand breaks. The whole tree is
 * compiled once, each mutant beside it with the one file that differs, since services are wired through all of it.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { timesFound } from './compile-mutants.ts'
import type * as Chaos from './services-chaos.ts'
import { SERVICES_MUTANTS } from './services-mutants.ts'
import { simulationSize } from './size.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HERE = 'test/simulation'
/** In `npm run test:sim` only: each is a tree of its own. */
const ALL = SERVICES_MUTANTS.map((mutant, index) => ({ ...mutant, index }))
const TESTED = simulationSize().full ? ALL : []

let folder = ''

/** Copies what a run needs, puts mutants beside their files, and compiles all of it without type checks. */
function compile(): void {
  folder = mkdtempSync(join(tmpdir(), 'fovea-services-'))
  const source = join(folder, 'source')
  for (const layer of ['runtime', 'behaviours', 'mesh', 'dist']) {
    cpSync(join(ROOT, layer), join(source, layer), { recursive: true })
  }
  for (const name of readdirSync(join(ROOT, HERE))) {
    if (name.startsWith('services-') && !name.includes('mutants')) {
      cpSync(join(ROOT, HERE, name), join(source, HERE, name), { recursive: true })
    }
  }
  for (const { file, from, to, index } of TESTED) {
    const text = readFileSync(join(ROOT, file), 'utf8').replace(from, () => to)
    writeFileSync(join(source, nameOf(file, index, '.ts')), text)
  }
  const compilerOptions = {
    ...{ noEmit: false, noCheck: true, rootDir: source, outDir: join(folder, 'build') },
    typeRoots: [join(ROOT, 'node_modules/@types')],
  }
  const config = join(folder, 'tsconfig.json')
  const options = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['source'] }
  writeFileSync(config, JSON.stringify(options))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', config], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`tsc failed: ${stdout}`)
}

function nameOf(file: string, index: number, ending: '.ts' | '.js'): string {
  return join(dirname(file), `mutant-${index}${ending}`)
}

/** The runs of a mutant. */
async function load(file: string, index: number): Promise<typeof Chaos> {
  const tree = join(folder, `build-${index}`)
  cpSync(join(folder, 'build'), tree, { recursive: true })
  renameSync(join(tree, nameOf(file, index, '.js')), join(tree, file.replace(/\.ts$/, '.js')))
  const entry = pathToFileURL(join(tree, HERE, 'services-chaos.js')).href
  return (await import(/* @vite-ignore */ entry)) as typeof Chaos
}

describe('services with one rule less are noticed', () => {
  beforeAll(() => {
    if (TESTED.length > 0) compile()
  }, 120_000)
  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true })
  }, 120_000)

  it('and every rule stands once where it is said to stand', () => {
    const places = SERVICES_MUTANTS.map(({ rule, ...patch }) => {
      return `${rule}: ${timesFound({ core: '.', ...patch })}`
    })
    expect(places).toEqual(SERVICES_MUTANTS.map(({ rule }) => `${rule}: 1`))
  })

  it.each(TESTED)(
    'when this rule is broken: $rule',
    async ({ file, index, seeds, ids, isWide }) => {
      const { runServices, servicesScheduleOf } = await load(file, index)
      const noticed: string[] = []
      for (const seed of seeds) {
        if (noticed.length > 0) break
        try {
          await runServices(seed, servicesScheduleOf(seed, { isWide }), { isWide })
        } catch (error) {
          noticed.push(String(((error as Error).cause as { code?: unknown }).code))
        }
      }
      expect(ids).toEqual(expect.arrayContaining(noticed))
      expect(noticed).toHaveLength(1)
    },
    240_000,
  )
})
