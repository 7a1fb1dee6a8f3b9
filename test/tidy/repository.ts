/** Rules about the files around the code: package.json, lock files, ignore lists, dependency list. */
import { posix } from 'node:path'
import type { Adapter } from './imports.ts'
import type { Violation } from './source.ts'

/** A tracked file. */
export interface TrackedFile {
  readonly path: string
  readonly text: string
}

/** The parts of a package.json that are checked. */
export interface Manifest {
  readonly exports?: Readonly<
    Record<string, string | { readonly types: string; readonly default: string }>
  >
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

// Written in pieces so that this file does not find itself.
const MACHINE_PATH = new RegExp(
  `(?<![\\w.~$}*@-])/(?:${['root', 'tmp', 'work', 'home/\\w+', 'Users/\\w+'].join('|')})/[\\w.-]`,
  'g',
)

/** Paths of one machine in files meant for all. */
export function checkMachinePaths(files: readonly TrackedFile[]): Violation[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(MACHINE_PATH)].map(
      (match) =>
        `${path}:${text.slice(0, match.index).split('\n').length} a machine's path: ${match[0]}...`,
    ),
  )
}

/**
 * A lock file that names where packages were fetched from works only there, and one that leaves out an
 * optional package of another platform is refused by `npm ci` everywhere.
 */
export function checkLock(path: string, text: string): Violation[] {
  const registries = [...text.matchAll(/"resolved"\s*:\s*"([a-z+]+:\/\/[^"]*)"/g)].map(
    (match) => `${path}: names a registry, ${match[1] ?? ''}`,
  )
  const { packages = {} } = JSON.parse(text) as LockFile
  const locked = Object.keys(packages)
  const missing = Object.values(packages)
    .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
    .filter((name) => !locked.some((entry) => entry.endsWith(`node_modules/${name}`)))
    .map((name) => `${path}: ${name} is missing, run: node .ci/complete-lock.mjs`)
  return [...registries, ...missing]
}

interface LockFile {
  readonly packages?: Readonly<
    Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >
}

/** `dist/` is source: it may not be ignored, and tools must not take it for output. */
export function checkIgnores(gitignore: string, gitattributes: string): Violation[] {
  const ignored = gitignore.split('\n').some((line) => /^[/*]*dist[/*]*\s*$/.test(line))
  const marked = gitattributes
    .split('\n')
    .includes('dist/** -linguist-vendored -linguist-generated')
  return [
    ...(ignored ? ['.gitignore: dist/ is source, not output'] : []),
    ...(marked
      ? []
      : [".gitattributes: the line 'dist/** -linguist-vendored -linguist-generated' is missing"]),
  ]
}

/** Source files of the package's entries: exports and binaries. */
export function entriesOf({ exports = {}, bin = {} }: Manifest): string[] {
  const outputs = [
    ...Object.values(exports).flatMap((entry) =>
      typeof entry === 'string' ? [] : [entry.default],
    ),
    ...Object.values(bin),
  ]
  return outputs.map((path) => path.replace(/^(?:\.\/)?build\//, '').replace(/\.js$/, '.ts'))
}

/**
 * The rows of the tables in `docs/dependencies.md` that say what is used: first column the package in
 * backticks, third column its adapter files in backticks.
 */
export function readAdapters(markdown: string): Adapter[] {
  const used = markdown
    .split(/^## /m)
    .filter((part) => /^(?:Run time|Development)\b/.test(part))
    .join('\n')
  return [...used.matchAll(/^\|\s*`([^`]+)`[^|]*\|[^|]*\|([^|]*)\|/gm)].map((row) => ({
    name: row[1] ?? '',
    files: [...(row[2] ?? '').matchAll(/`([^`]+\.ts)`/g)].map((file) => file[1] ?? ''),
  }))
}

/** Dependencies without a reason, and reasons without a dependency. */
export function checkDependencyList(manifest: Manifest, adapters: readonly Adapter[]): Violation[] {
  const declared = [
    manifest.dependencies,
    manifest.optionalDependencies,
    manifest.peerDependencies,
    manifest.devDependencies,
  ].flatMap((group) => Object.keys(group ?? {}))
  const listed = adapters.map(({ name }) => name)
  return [
    ...declared
      .filter((name) => !listed.includes(name))
      .map((name) => `docs/dependencies.md does not say why ${name} is used`),
    ...listed
      .filter((name) => !declared.includes(name))
      .map((name) => `docs/dependencies.md lists ${name}, package.json does not`),
  ]
}

/** Run-time packages that no library file imports, and adapter files that are not there. */
export function checkUnused(
  manifest: Manifest,
  adapters: readonly Adapter[],
  imported: ReadonlyMap<string, ReadonlySet<string>>,
): Violation[] {
  const runtime = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
  return runtime.flatMap((name) => {
    const files = imported.get(name) ?? new Set()
    const adapter = adapters.find((a) => a.name === name)
    if (files.size === 0) return [`package.json: ${name} is imported by no library file`]
    return (adapter?.files ?? [])
      .filter((file) => !files.has(file))
      .map((file) => `docs/dependencies.md: ${file} does not import ${name}`)
  })
}

/** Run-time packages that are declared only for development. */
export function checkDevOnly(
  manifest: Manifest,
  imported: ReadonlyMap<string, ReadonlySet<string>>,
): Violation[] {
  const shipped = {
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  }
  return [...imported]
    .filter(([name]) => !Object.hasOwn(shipped, name))
    .map(
      ([name, files]) =>
        `${[...files].join(', ')}: ${name} is not among the package's dependencies`,
    )
}

/** Adapter files that the lint configuration lets import third-party packages, against the list. */
export function checkAdapterLint(config: string, adapters: readonly Adapter[]): Violation[] {
  const { overrides } = JSON.parse(config) as {
    readonly overrides: readonly { readonly files: readonly string[] }[]
  }
  const named = overrides
    .flatMap(({ files }) => files)
    .filter((file) => /^(?:behaviours|mesh|dist)\/[^*]+\.ts$/.test(file))
  const listed = new Set(adapters.flatMap(({ files }) => files))
  return [
    ...[...listed]
      .filter((file) => !named.includes(file))
      .map((file) => `.oxlintrc.json: ${file} is missing among the adapter files`),
    ...named
      .filter((file) => !listed.has(file))
      .map((file) => `.oxlintrc.json: ${file} is no adapter file of docs/dependencies.md`),
  ]
}

/** Links between our papers that lead nowhere. Code blocks are not read. */
export function checkLinks(files: readonly TrackedFile[], paths: ReadonlySet<string>): Violation[] {
  return files.flatMap(({ path, text }) =>
    [...text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/\]\(([^)#\s]+)(?:#[^)\s]*)?\)/g)]
      .map((match) => match[1] ?? '')
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const target = posix.join(posix.dirname(path), link).replace(/\/$/, '')
        return !paths.has(target) && ![...paths].some((known) => known.startsWith(`${target}/`))
      })
      .map((link) => `${path}: links to ${link}, which is not there`),
  )
}
