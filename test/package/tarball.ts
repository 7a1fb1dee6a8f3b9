/**
 * The package as a user gets it: packed, unpacked into a project of its own beside a link to the
 * dependencies of this repository. Needs a build; needs no network.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { ROOT } from '../tidy/files.ts'
import type { Manifest } from '../tidy/repository.ts'

/** What a child process said. */
export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A project that has the package installed. */
export interface Consumer {
  /** The project's folder. */
  readonly folder: string
  /** The unpacked package in it. */
  readonly installed: string
  readonly manifest: Manifest & { readonly version: string }
  /** Paths in the tarball, sorted. */
  readonly files: readonly string[]
  read(path: string): string
  /** Writes a file into the project. */
  write(name: string, text: string): void
  /** Runs Node in the project. */
  node(...args: string[]): Ran
  dispose(): void
}

/** Packs and unpacks the package. */
export function installPackage(): Consumer {
  if (!existsSync(join(ROOT, 'build', 'index.js'))) throw new Error('run `npm run build` first')
  const base = mkdtempSync(join(tmpdir(), 'fovea-package-'))
  const folder = join(base, 'consumer')
  const installed = join(folder, 'node_modules', 'fovea')
  mkdirSync(installed, { recursive: true })
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', base], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  const tarball = readdirSync(base).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack made no tarball')
  execFileSync('tar', ['-xzf', join(base, tarball), '-C', installed, '--strip-components=1'])
  symlinkSync(join(ROOT, 'node_modules'), join(base, 'node_modules'), 'junction')
  writeFileSync(
    join(folder, 'package.json'),
    '{ "name": "consumer", "private": true, "type": "module" }',
  )

  return {
    folder,
    installed,
    manifest: JSON.parse(
      readFileSync(join(installed, 'package.json'), 'utf8'),
    ) as Consumer['manifest'],
    files: listFiles(installed),
    read: (path) => readFileSync(join(installed, path), 'utf8'),
    write: (name, text) => {
      writeFileSync(join(folder, name), text)
    },
    node: (...args) =>
      spawnSync(process.execPath, args, {
        cwd: folder,
        encoding: 'utf8',
        timeout: 60_000,
        env: childEnv(),
      }),
    dispose: () => {
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** The environment without what the test runner adds for itself. */
function childEnv(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_ENV: _env, VITEST: _vitest, ...rest } = process.env
  return { ...rest, NO_COLOR: '1', FORCE_COLOR: undefined }
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
}

/** The entries that are code: subpath, JavaScript and declarations. */
export function codeEntries(
  manifest: Manifest,
): readonly { readonly specifier: string; readonly js: string; readonly types: string }[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, entry]) =>
    typeof entry === 'string'
      ? []
      : [
          {
            specifier: `fovea${subpath.slice(1)}`,
            js: entry.default.replace(/^\.\//, ''),
            types: entry.types.replace(/^\.\//, ''),
          },
        ],
  )
}
