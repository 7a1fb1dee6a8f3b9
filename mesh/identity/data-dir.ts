/**
 * The data directory of a node, mode 0700, with files of mode 0600:
 *
 * | file | content |
 * |---|---|
 * | `node.key` | private key, PKCS#8 PEM |
 * | `node.json` | format, node key, realm id, last incarnation |
 * | `membership.json` | signed by the realm's authority; only where the realm file lacks its key |
 * | `store` | a directory: what the node keeps for the mesh; see `store/lmdb.ts` |
 * | `lock.<n>` | who uses the directory, as incarnation n; see `dir-lock.ts` |
 *
 * Invariants: a directory that is not ours is neither changed nor used. Nothing is read for use
 * before the directory is claimed. Files that others can read are refused, because the key may be
 * known to somebody already and the user must decide; a directory that is looser than 0700 is
 * tightened without a word, because what lies in it is protected by itself. (No modes on Windows.)
 */
import { chmod, mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { claimDir, isLockName } from './dir-lock.ts'
import type { DirLock } from './dir-lock.ts'
import { DataDirError } from './errors.ts'
import { nodeKeysFromPem } from './keys.ts'
import type { NodeKeys } from './keys.ts'
import { isTemporaryName, replaceFile } from './private-file.ts'
import type { Store } from '../store/store.ts'

/** Tag of `node.json`. */
const FORMAT = 'fovea-node/1'

const KEY_FILE = 'node.key'
const STATE_FILE = 'node.json'
const MEMBERSHIP_FILE = 'membership.json'
const FILE_BYTES_MAX = 65_536

/** Name of the directory in which the node's store is. */
export const STORE_DIR = 'store'

/** What a volume may hold before we move in. */
const HARMLESS = /^(?:lost\+found|\.gitkeep)$/

/** An open data directory. */
export interface DataDir {
  readonly path: string
  readonly keys: NodeKeys
  readonly incarnation: number
  /** Where `membership.json` is or should be. */
  readonly membershipPath: string
  /** Text of `membership.json`, if there is one. */
  readMembership(): Promise<string | undefined>
  /** Resolves when every later opening has a higher incarnation than this one, whatever happens. */
  raise(incarnation: number): Promise<void>
  /** Of a simulated disk: opens what it has in place of the directory `store`. */
  readonly openStore?: () => Promise<Store>
  /** Lets the next process in. Idempotent. */
  close(): Promise<void>
}

/** What a directory needs to be opened. */
export interface OpenDataDir {
  readonly path: string
  /** Hex; a directory of another realm is refused. */
  readonly realmIdHex: string
  /** Called for a new directory. */
  readonly createKeys: () => NodeKeys
}

/** What can stand for a data directory: the disk of a simulated node. */
export interface NodeDisk {
  open(options: Omit<OpenDataDir, 'path'>): Promise<DataDir>
}

/** Content of `node.json`. */
interface NodeState {
  readonly nodeKey: string
  readonly realmId: string
  readonly incarnation: number
}

/** Claims the directory, and makes it a node's on first use. */
export async function openDataDir(options: OpenDataDir): Promise<DataDir> {
  const { path } = options
  try {
    await prepare(path)
    const before = await readState(path)
    if (before !== undefined) requireRealm(path, before, options.realmIdHex)
    const lock = await claimDir(path, (before?.incarnation ?? 0) + 1)
    try {
      const keys = await underLock(options, lock)
      return openDir(options, keys, lock)
    } catch (error) {
      await lock.release()
      throw error
    }
  } catch (cause) {
    if (cause instanceof DataDirError) throw cause
    const reason = cause instanceof Error ? cause.message : 'unknown reason'
    throw new DataDirError(
      'ERR_DATA_DIR_UNREADABLE',
      path,
      `the data directory ${path} can not be used: ${reason}`,
      { cause },
    )
  }
}

function openDir({ path, realmIdHex }: OpenDataDir, keys: NodeKeys, lock: DirLock): DataDir {
  let highest = lock.incarnation
  // One write after the other, so that a smaller number never replaces a larger one.
  let writing: Promise<void> = Promise.resolve()
  const raise = async (incarnation: number): Promise<void> => {
    if (incarnation <= highest) return
    await writeState(path, { nodeKey: keys.nodeKey.hex, realmId: realmIdHex, incarnation })
    highest = incarnation
  }
  return {
    path,
    keys,
    incarnation: lock.incarnation,
    membershipPath: join(path, MEMBERSHIP_FILE),
    readMembership: () => readPrivate(path, MEMBERSHIP_FILE),
    raise: (incarnation) => {
      const raised = writing.then(() => raise(incarnation))
      // Whoever asked is told of a failure; the next one tries on its own.
      writing = raised.then(
        () => {},
        () => {},
      )
      return raised
    },
    close: () => writing.then(() => lock.release()),
  }
}

function writeState(path: string, state: NodeState): Promise<void> {
  return replaceFile(path, STATE_FILE, `${JSON.stringify({ format: FORMAT, ...state }, null, 2)}\n`)
}

/**
 * As `mkdir -p`. Node's own `recursive` never ends where a directory that is there takes no other, as
 * below `/proc`.
 */
async function makeDir(path: string, hasParent = false): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    const parent = dirname(path)
    if (code !== 'ENOENT' || hasParent || parent === path) throw error
    await makeDir(parent)
    await makeDir(path, true)
  }
}

/** Makes the directory, or makes sure that it is one of ours, before anything in it is touched. */
async function prepare(path: string): Promise<void> {
  await makeDir(path)
  const names = await readdir(path)
  const stranger = names.find((name) => !isOurs(name) && !HARMLESS.test(name))
  if (stranger !== undefined && !names.includes(STATE_FILE)) {
    throw new DataDirError(
      'ERR_DATA_DIR_FOREIGN',
      path,
      `${path} holds other things (${stranger.slice(0, 80)}); choose an empty directory`,
    )
  }
  if (isLoose((await stat(path)).mode)) await chmod(path, 0o700)
}

async function underLock(options: OpenDataDir, lock: DirLock): Promise<NodeKeys> {
  const { path, realmIdHex } = options
  await sweep(path)
  // Again: the one before us may have finished its first start meanwhile.
  const state = await readState(path)
  if (state !== undefined) requireRealm(path, state, realmIdHex)
  const keys = (await readKeys(path)) ?? (await createKeys(options, state))
  if (state !== undefined && state.nodeKey !== keys.nodeKey.hex) {
    throw corrupt(path, `${STATE_FILE} and ${KEY_FILE} belong to different nodes`)
  }
  const { incarnation } = lock
  await writeState(path, { nodeKey: keys.nodeKey.hex, realmId: realmIdHex, incarnation })
  return keys
}

async function createKeys(options: OpenDataDir, state: NodeState | undefined): Promise<NodeKeys> {
  const { path } = options
  if (state !== undefined) {
    throw corrupt(
      path,
      `${KEY_FILE} is missing; restore it, or remove the directory to be a new node`,
    )
  }
  const keys = options.createKeys()
  await replaceFile(path, KEY_FILE, keys.privateKeyPem)
  return keys
}

async function readKeys(path: string): Promise<NodeKeys | undefined> {
  const pem = await readPrivate(path, KEY_FILE)
  if (pem === undefined) return undefined
  try {
    return nodeKeysFromPem(pem)
  } catch {
    throw corrupt(path, `${KEY_FILE} is not the PEM of an Ed25519 private key`)
  }
}

async function readState(path: string): Promise<NodeState | undefined> {
  const text = await readPrivate(path, STATE_FILE)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw corrupt(path, `${STATE_FILE} is not JSON`)
  }
  if (typeof value !== 'object' || value === null) throw corrupt(path, `${STATE_FILE} is no object`)
  const { format, nodeKey, realmId, incarnation } = value as Record<string, unknown>
  if (format !== FORMAT) throw corrupt(path, `'format' in ${STATE_FILE} is not ${FORMAT}`)
  if (!isHex32(nodeKey)) throw corrupt(path, `'nodeKey' in ${STATE_FILE} is no node key`)
  if (!isHex32(realmId)) throw corrupt(path, `'realmId' in ${STATE_FILE} is no realm id`)
  if (!Number.isSafeInteger(incarnation) || (incarnation as number) < 0) {
    throw corrupt(path, `'incarnation' in ${STATE_FILE} is no whole number`)
  }
  return { nodeKey, realmId, incarnation: incarnation as number }
}

/** The text of a file of ours; undefined when there is none. */
async function readPrivate(dir: string, name: string): Promise<string | undefined> {
  const path = join(dir, name)
  let mode: number
  try {
    const info = await stat(path)
    if (!info.isFile() || info.size > FILE_BYTES_MAX) throw corrupt(dir, `${name} is not our file`)
    mode = info.mode
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
  if (isLoose(mode)) {
    throw new DataDirError(
      'ERR_DATA_DIR_MODE',
      path,
      `${path} can be read or written by others (mode ${(mode & 0o777).toString(8)}); ` +
        'if nobody has, run chmod 600 on it',
    )
  }
  return readFile(path, 'utf8')
}

/** Removes what crashes left behind. */
async function sweep(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (!isTemporaryName(name)) continue
    try {
      await unlink(join(path, name))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    }
  }
}

function requireRealm(path: string, state: NodeState, realmIdHex: string): void {
  if (state.realmId === realmIdHex) return
  throw new DataDirError(
    'ERR_DATA_DIR_FOREIGN',
    path,
    `${path} belongs to a node of realm ${state.realmId.slice(0, 16)}, ` +
      `this node is of realm ${realmIdHex.slice(0, 16)}`,
  )
}

function isOurs(name: string): boolean {
  if (name === KEY_FILE || name === STATE_FILE || name === MEMBERSHIP_FILE) return true
  if (name === STORE_DIR) return true
  return isLockName(name) || isTemporaryName(name)
}

function isLoose(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0
}

function isHex32(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function corrupt(path: string, detail: string): DataDirError {
  return new DataDirError('ERR_DATA_DIR_CORRUPT', path, `the data directory ${path}: ${detail}`)
}
