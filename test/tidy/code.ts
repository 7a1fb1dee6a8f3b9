/**
 * Rules about the code of one file: banned calls, size, exports, module state, file names, notes
 * without an issue, sleeping or switched-off tests.
 */
import { posix } from 'node:path'
import { LAYERS, importsOf, layerOf } from './imports.ts'
import { matches, violation, type Source, type Violation } from './source.ts'

/** Code lines of a file at most, by folder. */
export const FILE_CODE_LINES_MAX = 500
/** A conformance suite is a list: long, and read by looking up an id. */
export const TEST_CODE_LINES_MAX = 1000
/** So is an index: the names of a layer, one per line. */
export const INDEX_CODE_LINES_MAX = 1000
/** An example is read from top to bottom. */
export const EXAMPLE_LINES_MAX = 100

const inLayer = (path: string): boolean =>
  layerOf(path) === 'root'
    ? path === 'index.ts'
    : (LAYERS as readonly string[]).includes(layerOf(path))

/** The only files of the library that may touch real time and real chance. */
const DOORS = /^(?:runtime\/clock\.ts|runtime\/entropy\.ts|mesh\/transport\/quic\/.*)$/

const TIME_AND_CHANCE: readonly RegExp[] = [
  /\bDate\s*\.\s*now\b/,
  /\bnew\s+Date\s*(?:\(\s*\)|(?![\s(\w]))/,
  /(?<![.\w$#])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b(?!\s*[:?])/,
  /\bglobalThis\s*\.\s*(?:setTimeout|setInterval|setImmediate|queueMicrotask|performance)\b/,
  /\bAbortSignal\s*\.\s*timeout\b/,
  /\bMath\s*\.\s*random\b/,
  /(?<![.\w$#])performance\s*\./,
  /\bprocess\s*\.\s*(?:hrtime|nextTick)\b/,
  /(?<![\w$#])(?:randomBytes|randomUUID|randomInt|randomFillSync|randomFill|getRandomValues)\s*\(/,
]

const TIME_MODULES: ReadonlySet<string> = new Set([
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
])

/** Real time and real chance outside the two doors and the QUIC loop. */
export function checkBannedCalls(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ path }) => inLayer(path) && !DOORS.test(path))
    .flatMap((source) => [
      ...TIME_AND_CHANCE.flatMap((pattern) =>
        matches(source, pattern, "'$&' is real time or chance: take a Clock or an Entropy"),
      ),
      ...importsOf(source)
        .filter(({ specifier }) => TIME_MODULES.has(specifier))
        .map(
          ({ specifier, line }) =>
            `${source.path}:${line} '${specifier}' is real time: take a Clock`,
        ),
    ])
}

/** Lines that hold code: neither empty nor only a comment. */
export function codeLines(source: Source): number {
  return source.plain.split('\n').filter((line) => line.trim() !== '').length
}

/** Files that carry more than one idea. */
export function checkFileSize(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) => {
    const limit = limitOf(source.path)
    const lines = codeLines(source)
    return lines > limit ? [`${source.path} has ${lines} code lines, ${limit} at most`] : []
  })
}

function limitOf(path: string): number {
  if (layerOf(path) === 'examples') return EXAMPLE_LINES_MAX
  if (posix.basename(path) === 'index.ts') return INDEX_CODE_LINES_MAX
  return path.endsWith('.test.ts') ? TEST_CODE_LINES_MAX : FILE_CODE_LINES_MAX
}

const FORBIDDEN_NAMES = /^(?:types|utils?|common|helpers?|misc|shared)$/

/** File names that say nothing, or are not kebab-case. */
export function checkFileNames(paths: readonly string[]): Violation[] {
  return paths.flatMap((path) => {
    const stem = posix
      .basename(path)
      .replace(/\.ts$/, '')
      .replace(/\.(?:test|prop\.test|test-d|soak)$/, '')
    if (FORBIDDEN_NAMES.test(stem)) return [`${path}: name a file for its idea, not '${stem}'`]
    return /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*$/.test(stem)
      ? []
      : [`${path}: file names are kebab-case`]
  })
}

/** `export default` and `export *`: the public surface is written by hand, with names. */
export function checkExports(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ path }) => inLayer(path) || layerOf(path) === 'test')
    .flatMap((source) => [
      ...(source.path.startsWith('test/')
        ? []
        : matches(source, /\bexport\s+default\b/, 'no default exports')),
      ...(source.path.startsWith('test/')
        ? []
        : matches(source, /\bexport\s+(?:type\s+)?\*/, 'no export *: write the names')),
    ])
}

const STATE_HOLDERS: ReadonlySet<string> = new Set([
  'runtime/context.ts', // which process is running right now, for self(); never outlives a handler call
  'runtime/default-system.ts',
  'dist/default-node.ts',
])

/** Variables at module level: a System or a node owns state, not a module. */
export function checkModuleState(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ path }) => inLayer(path) && !STATE_HOLDERS.has(path))
    .flatMap((source) =>
      matches(source, /^(?:export\s+)?(?:let|var)\s+[\w$]+/m, "'$&': no state at module level"),
    )
}

const NOTE = /\b(?:TODO|FIXME|XXX|HACK)\b(?!\s*\(?#\d+)/g

/** Notes to oneself that no issue will remind anybody of. */
export function checkNotes(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) =>
    [...source.text.matchAll(NOTE)]
      .filter((match) => source.plain[match.index] === ' ')
      .map((match) =>
        violation(source, match.index, `'${match[0]}' needs its issue: ${match[0]}(#12)`),
      ),
  )
}

const OFF =
  /(?<![.\w$])(?:it|test|describe|suite)(?:\s*\.\s*\w+)*\s*\.\s*(?:skip|only|todo|skipIf|runIf|fails)\b|(?<![.\w$])(?:xit|xdescribe|fit|fdescribe)\s*\(/
const SLEEP =
  /(?<![.\w$#])(?:setTimeout|setInterval|sleep)\s*\(|\b(?:vi\s*\.\s*(?:useFakeTimers|waitFor))\b/

/** Tests that are switched off, or wait for time to pass. */
export function checkTests(sources: readonly Source[]): Violation[] {
  return sources
    .filter(({ path }) => path.endsWith('.test.ts'))
    .flatMap((source) => [
      ...matches(source, OFF, "'$&': every test runs, always"),
      ...matches(
        source,
        SLEEP,
        "'$&': tests never sleep: advance a SimClock, or wait for an event",
      ),
      ...importsOf(source)
        .filter(({ specifier }) => specifier.startsWith('node:timers'))
        .map(({ line }) => `${source.path}:${line} tests never sleep`),
    ])
}
