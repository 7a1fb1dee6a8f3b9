/**
 * Examples in comments and guides, made into programs. An example is what follows `@example` in the
 * comment of an export, or a `ts` block of a guide; it may use every export of the package, and `assert`,
 * without importing them, so that the reader sees what matters.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readText, repositoryFiles, ROOT } from '../tidy/files.ts'

/** One program. */
export interface DocExample {
  /** The export it explains, or the heading it stands under. */
  readonly name: string
  readonly path: string
  readonly line: number
  readonly code: string
}

const COMMENT =
  /\/\*\*([\s\S]*?)\*\/\s*export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|function|class)\s+([\w$]+)/g

/** The examples in the comments of one file, by the export they stand above. */
export function examplesOf(path: string, text: string): DocExample[] {
  return [...text.matchAll(COMMENT)].flatMap((match) => {
    const [whole, , name = ''] = match
    // The last comment before the export: an earlier one may have matched across others' code.
    const start = match.index + whole.lastIndexOf('/**')
    const body = text.slice(start, text.indexOf('*/', start)).replace(/^\s*\/\*\*/, '')
    const lines = body.split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
    return splitExamples(lines).map(({ code, offset }) => ({
      name,
      path,
      line: text.slice(0, start).split('\n').length + offset,
      code,
    }))
  })
}

function splitExamples(lines: readonly string[]): { code: string; offset: number }[] {
  const found: { code: string; offset: number }[] = []
  let current: string[] | undefined
  lines.forEach((line, offset) => {
    if (/^@example\b/.test(line)) {
      current = []
      found.push({ code: '', offset })
    } else if (/^@\w+/.test(line)) current = undefined
    else if (current !== undefined && !line.startsWith('```')) {
      current.push(line)
      found[found.length - 1] = { code: current.join('\n').trimEnd(), offset: found.at(-1)!.offset }
    }
  })
  return found
}

/** The `ts` blocks of a guide, each under its heading. */
export function blocksOf(path: string, text: string): DocExample[] {
  const found: DocExample[] = []
  let name = path
  let block: { readonly line: number; readonly code: string[] } | undefined
  text.split('\n').forEach((line, index) => {
    if (block !== undefined) {
      if (line !== '```') block.code.push(line)
      else {
        found.push({ name, path, line: block.line, code: block.code.join('\n') })
        block = undefined
      }
    } else if (line.startsWith('#')) name = line.replace(/^#+\s*/, '')
    else if (line === '```ts') block = { line: index + 2, code: [] }
  })
  return found
}

/** Names that the package entry exports. */
export interface Surface {
  readonly values: ReadonlySet<string>
  readonly types: ReadonlySet<string>
}

/** Reads the entry as written. */
export function surfaceOf(entry: string): Surface {
  const names = (pattern: RegExp): Set<string> =>
    new Set(
      [...entry.matchAll(pattern)].flatMap(([, list = '']) =>
        list
          .replace(/\/\/.*$/gm, '')
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      ),
    )
  return {
    values: names(/^export \{([^}]*)\} from/gm),
    types: names(/^export type \{([^}]*)\} from/gm),
  }
}

/** `example` as a module: the imports it needs, then its text. */
export function programOf(example: DocExample, surface: Surface, entry: string): string {
  const used = (names: ReadonlySet<string>): string =>
    [...names]
      .filter((name) =>
        new RegExp(`(?<![\\w$'])(?<!(?:^|[^.])\\.)${name}(?![\\w$])`).test(example.code),
      )
      .filter(
        (name) =>
          !new RegExp(`\\b(?:const|class|interface|type|function)\\s+${name}\\b`).test(
            example.code,
          ),
      )
      .join(', ')
  const values = used(surface.values)
  const types = used(surface.types)
  return [
    `// ${example.path}:${example.line} ${example.name}`,
    ...(/\bassert\b/.test(example.code) ? [`import assert from 'node:assert/strict'`] : []),
    ...(values === '' ? [] : [`import { ${values} } from '${entry}'`]),
    ...(types === '' ? [] : [`import type { ${types} } from '${entry}'`]),
    // What has an entry of its own is imported in the text, as users do it.
    example.code.replace(/'fovea\/(simulation|dist|mesh)'/g, (_, name: string) => entryOf(name)),
    'export {}',
    '',
  ].join('\n')
}

/** The source of an entry below the package's own. */
function entryOf(name: string): string {
  return `'../../${name === 'simulation' ? 'dist/simulation' : name}/index.ts'`
}

/** Writes the programs of `examples` into a folder of their own; gives their paths. */
export function writePrograms(folder: string, examples: readonly DocExample[]): string[] {
  const target = join(ROOT, 'build', folder)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const surface = surfaceOf(readText('index.ts'))
  return examples.map((example, index) => {
    const file = join(target, `${index}-${example.name.replace(/[^\w]+/g, '-').toLowerCase()}.ts`)
    writeFileSync(file, programOf(example, surface, '../../index.ts'))
    return file
  })
}

/** Every example of something that the package entry exports. */
export function libraryExamples(): DocExample[] {
  const { values } = surfaceOf(readText('index.ts'))
  return repositoryFiles()
    .filter((path) => /^(?:runtime|behaviours)\/.*\.ts$/.test(path))
    .flatMap((path) => examplesOf(path, readText(path)))
    .filter(({ name }) => values.has(name))
}
