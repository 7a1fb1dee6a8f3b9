/**
 * Cores with a rule less, compiled into a temporary folder, since the version of Node that all must run on
 * does not run TypeScript. Each mutant is a copy of the folder of its core beside the original, so that what
 * it imports from elsewhere is where it was.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** One replacement in one file of a core. */
export interface Patch {
  /** Folder of the core, from the root of the repository. */
  readonly core: string
  /** Within it. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/** Mutants, ready to be imported. */
export interface CompiledMutants {
  /** To be removed in the end. */
  readonly folder: string
  /** What a file of the mutant with that place in the list exports. */
  load(index: number, file: string): Promise<unknown>
}

/** How often the text that is to be replaced stands there; once, if the list follows the core. */
export function timesFound({ core, file, from }: Patch): number {
  return readFileSync(join(ROOT, core, file), 'utf8').split(from).length - 1
}

/** Writes every mutant and compiles them all at once, without type checks. */
export function compileMutants(patches: readonly Patch[]): CompiledMutants {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-mutants-'))
  const source = join(folder, 'source')
  for (const layer of ['runtime', 'behaviours', 'mesh']) {
    cpSync(join(ROOT, layer), join(source, layer), { recursive: true })
  }
  const places = patches.map(({ core }, index) => join(dirname(core), `mutant-${index}`))
  for (const [index, { core, file, from, to }] of patches.entries()) {
    const place = join(source, places[index]!)
    cpSync(join(ROOT, core), place, { recursive: true })
    const text = readFileSync(join(place, file), 'utf8')
    const replaced = text.replace(from, () => to)
    writeFileSync(join(place, file), replaced)
  }
  const compilerOptions = {
    noEmit: false,
    noCheck: true,
    rootDir: source,
    outDir: join(folder, 'build'),
    typeRoots: [join(ROOT, 'node_modules/@types')],
  }
  const config = join(folder, 'tsconfig.json')
  const include = places.map((place) => join('source', place))
  const options = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include }
  writeFileSync(config, JSON.stringify(options))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', config], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`tsc failed: ${stdout}`)
  return {
    folder,
    load: async (index, file) => {
      const entry = join(folder, 'build', places[index]!, file.replace(/\.ts$/, '.js'))
      return (await import(/* @vite-ignore */ pathToFileURL(entry).href)) as unknown
    },
  }
}
