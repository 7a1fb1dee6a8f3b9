/**
 * Where the control socket of a data directory is. Usually `control.sock` inside it; Unix socket
 * paths hold only about 100 bytes, so a long data directory gets a socket in a private directory
 * (0700, ours, no link) below the system's temporary directory, named by a hash, and a file
 * `control.path` in the data directory that says so. Windows has named pipes instead.
 *
 * The client trusts `control.path` because only the owner of the data directory can write there.
 */
import { createHash } from 'node:crypto'
import { lstat, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CliError, systemCodeOf } from '../errors.ts'

const SOCKET_PATH_BYTES_MAX = 100
const SOCKET_NAME = 'control.sock'
const NOTE_NAME = 'control.path'

/** What decides the path, for tests. */
export interface SocketPathOptions {
  /** Default: this one. */
  readonly platform?: NodeJS.Platform
  /** Default: the system's. */
  readonly temporaryDir?: string
  /** Longest path used. Default 100: 104 bytes on macOS and 108 on Linux, less their closing zero. */
  readonly pathBytesMax?: number
}

/** The path to listen on; makes the private directory and the note when they are needed. */
export async function prepareSocketPath(
  dataDir: string,
  options: SocketPathOptions = {},
): Promise<string> {
  const platform = options.platform ?? process.platform
  const bytesMax = options.pathBytesMax ?? SOCKET_PATH_BYTES_MAX
  const real = await realpath(dataDir)
  if (platform === 'win32') return pipeName(real)
  const note = join(dataDir, NOTE_NAME)
  const inside = join(dataDir, SOCKET_NAME)
  if (Buffer.byteLength(inside) <= bytesMax) {
    await rm(note, { force: true })
    return inside
  }
  const outside = join(await privateDir(options.temporaryDir, bytesMax), `${hashOf(real)}.sock`)
  await writeFile(note, `${outside}\n`, { mode: 0o600 })
  return outside
}

/** The path to connect to. */
export async function findSocketPath(
  dataDir: string,
  options: SocketPathOptions = {},
): Promise<string> {
  const platform = options.platform ?? process.platform
  if (platform === 'win32') return pipeName(await realpath(dataDir))
  try {
    return (await readFile(join(dataDir, NOTE_NAME), 'utf8')).trim()
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
    return join(dataDir, SOCKET_NAME)
  }
}

function pipeName(realDataDir: string): string {
  return `\\\\.\\pipe\\fovea-${hashOf(realDataDir.toLowerCase())}`
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24)
}

async function privateDir(temporaryDir: string | undefined, bytesMax: number): Promise<string> {
  const user = process.getuid?.() ?? 0
  const parents = temporaryDir === undefined ? [tmpdir(), '/tmp'] : [temporaryDir]
  for (const parent of parents) {
    const dir = join(parent, `fovea-${user}`)
    if (Buffer.byteLength(join(dir, `${hashOf('')}.sock`)) > bytesMax) continue
    await mkdir(dir, { mode: 0o700, recursive: true })
    const stat = await lstat(dir)
    const ours = process.getuid === undefined || stat.uid === user
    if (!stat.isDirectory() || !ours || (stat.mode & 0o077) !== 0) {
      throw new CliError('ERR_CONTROL_SOCKET', `${dir} is not a private directory of this user`, {
        hint: `remove ${dir}, or use a --data-dir with a shorter path`,
      })
    }
    return dir
  }
  throw new CliError('ERR_CONTROL_SOCKET', 'no directory is short enough for a control socket', {
    hint: 'use a --data-dir with a shorter path',
  })
}
