/**
 * The libraries from npm that Fovea is compared with. Their versions are in bench/peers/package.json and
 * its lock; the benchmark installs them there itself, so `npm ci` of the project never has to. Without a
 * network they are missing, which is said, and the rest is measured.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const FOLDER = join(process.cwd(), 'bench', 'peers')
const INSTALL_TIMEOUT_MS = 120_000

/** One library. */
export interface Peer {
  readonly name: string
  readonly version: string
  /** Its side; see side.ts. */
  readonly path: string
}

/** What there is, and what could not be had with the reason. */
export interface Peers {
  readonly present: readonly Peer[]
  readonly missing: readonly { readonly name: string; readonly why: string }[]
}

/** Installs what is not there yet; `folder` has a package.json and its lock. */
export function installPeers(folder: string = FOLDER): Peers {
  const wanted = Object.entries(readJson(folder, 'package.json').dependencies ?? {})
  let why = 'not installed'
  if (wanted.some(([name, version]) => installed(folder, name) !== version)) {
    console.log(`installing the peers into ${relative(process.cwd(), folder)}/node_modules ...`)
    try {
      execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: INSTALL_TIMEOUT_MS,
        shell: process.platform === 'win32',
      })
    } catch (error) {
      why = reasonOf(error)
    }
  }
  const present: Peer[] = []
  const missing: { name: string; why: string }[] = []
  for (const [name] of wanted) {
    const version = installed(folder, name)
    if (version === undefined) missing.push({ name, why })
    else present.push({ name, version, path: join(folder, `${name}.mjs`) })
  }
  return { present, missing }
}

function installed(folder: string, name: string): string | undefined {
  const path = join('node_modules', name, 'package.json')
  return existsSync(join(folder, path)) ? readJson(folder, path).version : undefined
}

function readJson(
  folder: string,
  path: string,
): { version?: string; dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(join(folder, path), 'utf8')) as ReturnType<typeof readJson>
}

/** The first line that names an error; hosts in it are of no interest to a reader. */
function reasonOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: Buffer; message?: string }
  const lines = String(stderr ?? message).split('\n')
  const named = lines.find((line) => /\bcode\b|error/i.test(line)) ?? lines[0] ?? ''
  return `npm ci failed: ${named.replace(/^npm (error|ERR!)\s*/, '').trim()}`
}
