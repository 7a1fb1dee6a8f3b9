/**
 * Error codes and options against their papers: each code has one catalogue, each catalogue entry is
 * raised somewhere, and both codes and options are in words that a user can find.
 */
import { LAYERS, layerOf } from './imports.ts'
import { closing, lineAt, type Source, type Violation } from './source.ts'

/** Where a code is used as a string. */
export interface CodeUse {
  readonly code: string
  readonly path: string
  readonly line: number
}

/** Codes that a layer promises: code -> catalogue file. */
export type Catalogues = ReadonlyMap<string, readonly string[]>

/** Codes of others, which our code only compares with. */
const FOREIGN =
  /^ERR_(?:INVARIANT_|SOCKET_|INVALID_ARG_|MODULE_NOT_FOUND|STREAM_|USE_AFTER_CLOSE|PACKAGE_PATH_|UNKNOWN_FILE_EXTENSION|UNSUPPORTED_)/

/** Every `'ERR_...'` string of the library. */
export function codeUses(sources: readonly Source[]): CodeUse[] {
  return sources
    .filter(({ path }) => (LAYERS as readonly string[]).includes(layerOf(path)))
    .flatMap((source) =>
      [...source.plain.matchAll(/(['"`])(ERR_[A-Z0-9_]+)\1/g)].map((match) => ({
        code: match[2] ?? '',
        path: source.path,
        line: lineAt(source, match.index),
      })),
    )
}

/** Catalogues as written: each `ERR_X: {` in an `errors.ts` or `...-errors.ts` of a layer. */
export function cataloguesOf(sources: readonly Source[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const source of sources) {
    if (!/(?:^|\/|-)errors\.ts$/.test(source.path)) continue
    for (const match of source.code.matchAll(/^\s+(ERR_[A-Z0-9_]+)\s*:/gm)) {
      const code = match[1] ?? ''
      found.set(code, [...(found.get(code) ?? []), source.path])
    }
  }
  return found
}

/** Codes in no catalogue or in several, catalogue entries that nothing raises, and unwritten ones. */
export function checkCodes(
  uses: readonly CodeUse[],
  catalogues: Catalogues,
  readmes: ReadonlyMap<string, string>,
): Violation[] {
  const used = new Set(uses.map(({ code }) => code))
  const unlisted = uses
    .filter(({ code }) => !catalogues.has(code) && !FOREIGN.test(code))
    .map(
      ({ code, path, line }) =>
        `${path}:${line} ${code} is in no catalogue (an errors.ts of its layer)`,
    )
  const listed = [...catalogues].flatMap(([code, files]) => {
    const layer = layerOf(files[0] ?? '')
    const documented = new RegExp(`\\b${code}\\b`).test(readmes.get(layer) ?? '')
    return [
      ...(files.length > 1 ? [`${code} is in several catalogues: ${files.join(', ')}`] : []),
      ...(used.has(code) ? [] : [`${files.join(', ')}: ${code} is raised nowhere`]),
      ...(documented ? [] : [`${layer}/README.md does not explain ${code}`]),
    ]
  })
  return [...unlisted, ...listed]
}

/** One option of an `...Options` interface. */
export interface OptionField {
  readonly owner: string
  readonly name: string
  readonly path: string
  readonly line: number
  readonly documented: boolean
}

/** The fields of the `...Options` interfaces among `owners`, the names that a user can reach. */
export function optionFields(
  sources: readonly Source[],
  owners: ReadonlySet<string>,
): OptionField[] {
  return sources.flatMap((source) =>
    [...source.code.matchAll(/\bexport\s+interface\s+([\w$]*Options)\b[^{]*\{/g)]
      .filter((match) => owners.has(match[1] ?? '') && match[1]?.endsWith('ErrorOptions') === false)
      .flatMap((match) => fieldsOf(source, match[1] ?? '', match.index + match[0].length - 1)),
  )
}

function fieldsOf(source: Source, owner: string, open: number): OptionField[] {
  const end = closing(source.code, open)
  const fields: OptionField[] = []
  for (let at = open + 1; at < end;) {
    const lineEnd = Math.min(indexOr(source.code, '\n', at), end)
    const field = /^\s*(?:readonly\s+)?([\w$]+)\??\s*[:(]/.exec(source.code.slice(at, lineEnd))
    if (field !== null) {
      fields.push({
        owner,
        name: field[1] ?? '',
        path: source.path,
        line: lineAt(source, at),
        documented: source.text.slice(open, at).trimEnd().endsWith('*/'),
      })
    }
    at = skipNested(source.code, at, lineEnd, end) + 1
  }
  return fields
}

/** The end of the line on which whatever this line opens is closed again. */
function skipNested(code: string, from: number, lineEnd: number, end: number): number {
  for (let i = from; i < lineEnd; i++) {
    if (!'([{'.includes(code.charAt(i))) continue
    i = closing(code, i)
    if (i > lineEnd) lineEnd = Math.min(indexOr(code, '\n', i), end)
  }
  return lineEnd
}

function indexOr(text: string, mark: string, from: number): number {
  const index = text.indexOf(mark, from)
  return index === -1 ? text.length : index
}

/** Options explained neither by a comment nor in their layer's README. */
export function checkOptions(
  fields: readonly OptionField[],
  readmes: ReadonlyMap<string, string>,
): Violation[] {
  return fields
    .filter(({ name, path, documented }) => {
      const readme = readmes.get(layerOf(path)) ?? ''
      return !documented && !readme.includes(`\`${name}\``)
    })
    .map(({ owner, name, path, line }) => `${path}:${line} ${owner}.${name} is not explained`)
}
