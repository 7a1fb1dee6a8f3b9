/**
 * What each file imports, and the rules about it: layers point down and meet only at their index,
 * no cycles, no dead files, third-party packages only in their adapter files.
 */
import { posix } from 'node:path'
import { closing, lineAt, type Source, type Violation } from './source.ts'

/** One import, export-from, dynamic import, require or module URL. */
export interface Import {
  readonly specifier: string
  readonly line: number
  /** True when it vanishes at compile time. */
  readonly typeOnly: boolean
  /** True for `new URL('./x.ts', import.meta.url)`: another thread or process runs it. */
  readonly byUrl: boolean
  /** Path from the root for a relative specifier, else undefined. */
  readonly target: string | undefined
}

const MODULE_URL =
  /\bnew\s+URL\b()\s*\(\s*(['"])(\.{1,2}\/[^'"\n]+\.[jt]s)\2\s*,\s*import\.meta\.url/g

const PATTERNS: readonly RegExp[] = [
  /\b(?:import|export)\b\s*(type\b(?=\s*[\w${*]))?\s*(?:[\w$]+\s*,?\s*)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^{}]*\})?\s*\bfrom\s*(['"])([^'"\n]+)\2/g,
  /\b(?:import)\b()\s*(['"])([^'"\n]+)\2/g,
  /\bimport\b()\s*\(\s*(['"])([^'"\n]+)\2/g,
  /\brequire\b()\s*\(\s*(['"])([^'"\n]+)\2/g,
  MODULE_URL,
]

/** Every import of a file, in order. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = []
  for (const pattern of PATTERNS) {
    for (const match of source.plain.matchAll(pattern)) {
      if (source.code[match.index] !== source.plain[match.index]) continue // inside a string
      const specifier = match[3] ?? ''
      const typeOnly = match[1] !== undefined && match[1] !== ''
      found.push({
        specifier,
        typeOnly,
        byUrl: pattern === MODULE_URL,
        line: lineAt(source, match.index),
        target: specifier.startsWith('.') ? resolve(source.path, specifier) : undefined,
      })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

function resolve(from: string, specifier: string): string {
  const target = posix.normalize(posix.join(posix.dirname(from), specifier))
  return target.replace(/\.js$/, '.ts')
}

/** The layers, lowest first. */
export const LAYERS = ['runtime', 'behaviours', 'mesh', 'dist'] as const

/** Folder that a path belongs to; `root` for the files beside `package.json`. */
export function layerOf(path: string): string {
  const slash = path.indexOf('/')
  return slash === -1 ? 'root' : path.slice(0, slash)
}

function isLayer(folder: string): folder is (typeof LAYERS)[number] {
  return (LAYERS as readonly string[]).includes(folder)
}

/** Wrong-way imports, other layers not through their index, and users' code that reaches inside. */
export function checkLayers(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap((item) => {
      const problem = layerProblem(source.path, item)
      return problem === undefined ? [] : [`${source.path}:${item.line} ${problem}`]
    }),
  )
}

function layerProblem(path: string, { specifier, target }: Import): string | undefined {
  const from = layerOf(path)
  if (from === 'test') return undefined
  if (from === 'examples' || from === 'bench') {
    return target === undefined || layerOf(target) === from
      ? undefined
      : `${from} uses the package as a user does, it may not import '${specifier}'`
  }
  if (/^fovea(?:\/|$)/.test(specifier))
    return `a layer does not import its own package '${specifier}'`
  if (target === undefined) return undefined
  const to = layerOf(target)
  if (to === from) return undefined
  if (!isLayer(to)) return `a layer may not import '${specifier}'`
  if (from === 'root') {
    return to === 'runtime' || to === 'behaviours'
      ? viaIndex(to, target, specifier)
      : `the main entry is runtime and behaviours, not '${specifier}'`
  }
  if (!isLayer(from)) return undefined
  if (LAYERS.indexOf(to) > LAYERS.indexOf(from))
    return `${from} may not import ${to}: '${specifier}'`
  return viaIndex(to, target, specifier)
}

function viaIndex(to: string, target: string, specifier: string): string | undefined {
  return target === `${to}/index.ts`
    ? undefined
    : `${to} is imported through ${to}/index.ts, not '${specifier}'`
}

/** Import cycles, each once, written from its first file in the alphabet. Type-only edges and module URLs do not count. */
export function checkCycles(sources: readonly Source[]): Violation[] {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source).flatMap(({ target, typeOnly, byUrl }) =>
        target === undefined || typeOnly || byUrl ? [] : [target],
      ),
    ]),
  )
  const cycles = new Set<string>()
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at !== -1) {
      cycles.add(cycleText(trail.slice(at)))
      return
    }
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) walk(path, [])
  return [...cycles].sort()
}

function cycleText(cycle: readonly string[]): string {
  const first = [...cycle].sort()[0] ?? ''
  const start = cycle.indexOf(first)
  return [...cycle.slice(start), ...cycle.slice(0, start), first].join(' -> ')
}

/** Imports of files that are not there. A program in `build/` may be named, but not imported. */
export function checkMissing(sources: readonly Source[]): Violation[] {
  const known = new Set(sources.map(({ path }) => path))
  return sources.flatMap((source) =>
    importsOf(source).flatMap(({ target, specifier, line, byUrl }) =>
      target === undefined ||
      !target.endsWith('.ts') ||
      known.has(target) ||
      (byUrl && target.startsWith('build/'))
        ? []
        : [`${source.path}:${line} imports '${specifier}', which is not there`],
    ),
  )
}

/** Library sources that no entry reaches. */
export function checkDeadFiles(
  sources: readonly Source[],
  entries: readonly string[],
): Violation[] {
  const graph = new Map(sources.map((source) => [source.path, importsOf(source)]))
  const reached = new Set<string>()
  const queue = [...entries]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    for (const { target } of graph.get(path) ?? []) if (target !== undefined) queue.push(target)
  }
  const missing = entries
    .filter((entry) => !graph.has(entry))
    .map((e) => `${e} is an entry of package.json, but not there`)
  const dead = [...graph.keys()]
    .filter((path) => isLayer(layerOf(path)) && !reached.has(path))
    .map((path) => `${path} is reached by no entry of package.json`)
  return [...missing, ...dead]
}

/** What `docs/dependencies.md` says of one package. */
export interface Adapter {
  readonly name: string
  /** The only library files that may import it; empty for tools. */
  readonly files: readonly string[]
}

/** The package part of a bare specifier. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Third-party imports outside their adapter files, of undeclared packages, and `node:` left out. */
export function checkThirdParty(
  sources: readonly Source[],
  adapters: readonly Adapter[],
  builtins: ReadonlySet<string>,
): Violation[] {
  const byName = new Map(adapters.map((adapter) => [adapter.name, adapter]))
  return sources.flatMap((source) =>
    importsOf(source).flatMap(({ specifier, target, line }) => {
      if (target !== undefined || specifier.startsWith('node:')) return []
      const name = packageOf(specifier)
      if (name === 'fovea') return []
      const where = `${source.path}:${line}`
      if (builtins.has(name)) return [`${where} write 'node:${specifier}'`]
      const adapter = byName.get(name)
      if (adapter === undefined) return [`${where} '${name}' is not listed in docs/dependencies.md`]
      const free = !isLayer(layerOf(source.path)) && source.path !== 'index.ts'
      return free || adapter.files.includes(source.path)
        ? []
        : [
            `${where} '${name}' is imported only in ${adapter.files.join(', ') || 'tests and tools'}`,
          ]
    }),
  )
}

/** Named exports of an index file: `value name` and `type name`, sorted. */
export function exportedNames(source: Source): string[] {
  const names = new Set<string>()
  for (const match of source.code.matchAll(/\bexport\s+(type\s+)?\{/g)) {
    const open = match.index + match[0].length - 1
    const inside = source.code.slice(open + 1, closing(source.code, open))
    for (const part of inside.split(',')) {
      const word = /^\s*(type\s+)?(?:[\w$]+\s+as\s+)?([\w$]+)\s*$/.exec(part)
      if (word === null) continue
      names.add(`${(match[1] ?? word[1]) ? 'type' : 'value'} ${word[2] ?? ''}`)
    }
  }
  const declared =
    /\bexport\s+(?:declare\s+)?(?:(const|let|function|class|abstract\s+class|async\s+function)|(?:type|interface))\s+([\w$]+)/g
  for (const match of source.code.matchAll(declared)) {
    names.add(`${match[1] === undefined ? 'type' : 'value'} ${match[2] ?? ''}`)
  }
  return [...names].sort()
}
