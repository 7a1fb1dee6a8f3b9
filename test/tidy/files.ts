/** The repository's files: what git tracks, and what it would track. */
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSource, type Source } from './source.ts'

/** The folder of `package.json`. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const TEXT =
  /(?:\.(?:ts|mts|mjs|js|json|jsonc|md|yml|yaml|html|css|txt|sh)|(?:^|\/)(?:\.[a-z]+(?:rc|ignore|attributes|config)|run|LICENSE))$/

/** Tracked and new files that are not ignored, relative to the root. */
export function repositoryFiles(): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  )
  const exists = (path: string): boolean =>
    statSync(join(ROOT, path), { throwIfNoEntry: false })?.isFile() === true
  return listed
    .split('\0')
    .filter((path) => path !== '' && exists(path))
    .sort()
}

/** Whether a file is text that a person reads. */
export function isText(path: string): boolean {
  return TEXT.test(path)
}

/** The text of one file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The TypeScript files among `paths`, scanned. */
export function readSources(paths: readonly string[]): Source[] {
  return paths
    .filter((path) => path.endsWith('.ts') && !path.startsWith('bench/peers/'))
    .map((path) => readSource(path, readText(path)))
}
