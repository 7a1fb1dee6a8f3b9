/**
 * A store in a file, by LMDB: copy-on-write B+ trees, so that a process may die at any moment and the file is as
 * after some transaction. The package is optional and loaded when the first store is opened.
 *
 *     <dir>/data.mdb   entries: key -> CRC-32 of key and value, 4 bytes, then the value
 *                      and the format under a key that no user can write
 *     <dir>/lock.mdb   LMDB's own
 *     <dir>/lock.<n>   which process has it open; see `identity/dir-lock.ts`
 *
 * A write is acknowledged after it was flushed (`fdatasync`), so it survives a loss of power, too, unless the disk
 * lies about that. What is written meanwhile shares the next flush.
 *
 * LMDB trusts its file and takes the process down where it is wrong, so the file is checked before LMDB sees it
 * (`lmdb-file.ts`), and every value against its checksum when it is read.
 */
import { chmod, mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { claimDir } from '../identity/dir-lock.ts'
import type { DirLock } from '../identity/dir-lock.ts'
import { DataDirError } from '../identity/errors.ts'
import { StoreError } from './errors.ts'
import { checkLmdbFile } from './lmdb-file.ts'
import { QueuedStore } from './queued-store.ts'
import type { StoreBackend } from './queued-store.ts'
import { storeLimits } from './store.ts'
import type { Store, StoreLimits, StoreWrite } from './store.ts'

/** What the format entry holds. A version that reads these files still, writes the same. */
const FORMAT = 'fovea-store/1'

/** Below every key that a user can write. */
const FORMAT_KEY: Buffer = Buffer.from('\0format')

const CHECKSUM_BYTES = 4

/** Options of {@link openLmdbStore}. */
export interface LmdbStoreOptions extends Partial<StoreLimits> {
  /** Replaced in tests only. @internal */
  readonly load?: () => Promise<LmdbModule>
}

/** What is used of the package. */
export interface LmdbModule {
  open(options: Readonly<Record<string, unknown>>): LmdbDatabase
}

/** What is used of one database. */
export interface LmdbDatabase {
  get(key: Uint8Array): Uint8Array | undefined
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>
  remove(key: Uint8Array): Promise<boolean>
  batch(action: () => void): Promise<boolean>
  getRange(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  close(): Promise<void>
}

/**
 * Opens the store in `dir`, making it on first use.
 *
 * Rejects with `StoreError`: `ERR_STORE_UNAVAILABLE`, `_UNREADABLE`, `_LOCKED`, `_CORRUPT` or `_FORMAT`.
 *
 * @example
 * const store = await openLmdbStore(join(dataDir, 'store'))
 * await store.put('greeting', Buffer.from('hello')) // safe from here on
 * await store.close()
 */
export async function openLmdbStore(dir: string, options: LmdbStoreOptions = {}): Promise<Store> {
  const { load = importLmdb, ...limits } = options
  const lmdb = await loadLmdb(load)
  const lock = await claim(dir)
  let database: LmdbDatabase | undefined
  try {
    checkLmdbFile(join(dir, 'data.mdb'))
    database = lmdb.open({
      path: dir,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      maxDbs: 1,
      // A transaction counts only when it was flushed.
      overlappingSync: false,
      // Else each turn has a promise of its own, which nobody could catch when the disk fails.
      eventTurnBatching: false,
    })
    await claimFormat(dir, database)
    return new QueuedStore(new LmdbBackend(dir, database, lock), storeLimits(limits))
  } catch (cause) {
    await database?.close()
    await lock.release()
    throw cause instanceof StoreError ? cause : unreadable(dir, cause)
  }
}

async function loadLmdb(load: () => Promise<LmdbModule>): Promise<LmdbModule> {
  try {
    return await load()
  } catch (cause) {
    throw new StoreError(
      'ERR_STORE_UNAVAILABLE',
      'the optional package lmdb, which keeps what a data directory holds, can not be loaded here ' +
        `(${process.platform}-${process.arch}); install it with npm install lmdb`,
      { cause },
    )
  }
}

async function importLmdb(): Promise<LmdbModule> {
  const { open } = await import('lmdb')
  return { open: open as unknown as LmdbModule['open'] }
}

async function claim(dir: string): Promise<DirLock> {
  try {
    await mkdir(dir, { mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause
    })
    if (process.platform !== 'win32') await chmod(dir, 0o700)
    return await claimDir(dir, 1)
  } catch (cause) {
    if (cause instanceof DataDirError && cause.code === 'ERR_DATA_DIR_LOCKED') {
      throw new StoreError('ERR_STORE_LOCKED', `the store in ${dir} is in use`, { cause })
    }
    throw unreadable(dir, cause)
  }
}

async function claimFormat(dir: string, database: LmdbDatabase): Promise<void> {
  const found = database.get(FORMAT_KEY)
  if (found !== undefined) {
    const format = Buffer.from(found).toString('latin1')
    if (format === FORMAT) return
    throw formatError(dir, `it is ${JSON.stringify(format.slice(0, 40))}, not ${FORMAT}`)
  }
  for (const _ of database.getRange()) throw formatError(dir, 'it is not of a Fovea node')
  await database.put(FORMAT_KEY, Buffer.from(FORMAT, 'latin1'))
}

class LmdbBackend implements StoreBackend {
  readonly #dir: string
  readonly #database: LmdbDatabase
  readonly #lock: DirLock

  constructor(dir: string, database: LmdbDatabase, lock: DirLock) {
    this.#dir = dir
    this.#database = database
    this.#lock = lock
  }

  *sizes(): Iterable<readonly [string, number]> {
    for (const { key, value } of this.#database.getRange()) {
      if (key[0] === 0) continue
      const text = Buffer.from(key).toString('latin1')
      yield [text, this.#checked(text, value).length]
    }
  }

  read(key: string): Uint8Array | undefined {
    const stored = this.#database.get(keyBytes(key))
    return stored && Uint8Array.from(this.#checked(key, stored))
  }

  valueBytes(key: string): number | undefined {
    const stored = this.#database.get(keyBytes(key))
    return stored && stored.length - CHECKSUM_BYTES
  }

  async commit(writes: readonly StoreWrite[]): Promise<void> {
    try {
      // What is written within a batch shares its promise.
      await this.#database.batch(() => {
        for (const { key, value } of writes) {
          const bytes = keyBytes(key)
          if (value === undefined) void this.#database.remove(bytes)
          else void this.#database.put(bytes, withChecksum(bytes, value))
        }
      })
    } catch (cause) {
      throw await writeError(this.#dir, writes, cause)
    }
  }

  async close(): Promise<void> {
    await this.#database.close()
    try {
      await this.#lock.release()
    } catch (cause) {
      const text = `the store in ${this.#dir} is closed, but stays locked until this process ends`
      throw new StoreError('ERR_STORE_WRITE', text, { cause })
    }
  }

  #checked(key: string, stored: Uint8Array): Uint8Array {
    const value = stored.subarray(CHECKSUM_BYTES)
    if (stored.length >= CHECKSUM_BYTES && checksum(keyBytes(key), value) === readSum(stored)) {
      return value
    }
    throw new StoreError('ERR_STORE_CORRUPT', `the record ${key} in ${this.#dir} is damaged`)
  }
}

function keyBytes(key: string): Buffer {
  return Buffer.from(key, 'latin1')
}

function withChecksum(key: Uint8Array, value: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(CHECKSUM_BYTES + value.length)
  bytes.writeUInt32BE(checksum(key, value))
  bytes.set(value, CHECKSUM_BYTES)
  return bytes
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(key))
}

function readSum(stored: Uint8Array): number {
  return new DataView(stored.buffer, stored.byteOffset).getUint32(0)
}

/** LMDB's own word for a full file, and those of operating systems for a full disk. */
const FULL = /MDB_MAP_FULL|No space left|Disk quota|File too large/i

/** Room that a transaction may take beside its values: pages of the trees above them. */
const TREE_BYTES = 65_536

async function writeError(
  dir: string,
  writes: readonly StoreWrite[],
  cause: unknown,
): Promise<StoreError> {
  const reason = await reasonOf(cause)
  const isFull = FULL.test(reason.message) || (await isDiskFull(dir, writes))
  const code = isFull ? 'ERR_STORE_FULL' : 'ERR_STORE_WRITE'
  const text = `the store in ${dir} could not be written: ${reason.message}`
  return new StoreError(code, text, { cause: reason })
}

/** LMDB calls a disk that took half of a page an input/output error. */
async function isDiskFull(dir: string, writes: readonly StoreWrite[]): Promise<boolean> {
  const needed = writes.reduce((sum, { value }) => sum + (value?.length ?? 0), TREE_BYTES)
  try {
    const { bavail, bsize } = await statfs(dir)
    return bavail * bsize < needed
  } catch {
    return false // the disk is gone altogether
  }
}

/** The package puts the reason of a failed commit into a promise that is rejected with it. */
async function reasonOf(cause: unknown): Promise<Error> {
  try {
    await (cause as { commitError?: unknown }).commitError
  } catch (reason) {
    if (reason instanceof Error) return reason
  }
  return cause instanceof Error ? cause : new Error('unknown reason')
}

function unreadable(dir: string, cause: unknown): StoreError {
  const reason = cause instanceof Error ? cause.message : 'unknown reason'
  return new StoreError('ERR_STORE_UNREADABLE', `the store in ${dir} can not be used: ${reason}`, {
    cause,
  })
}

function formatError(dir: string, detail: string): StoreError {
  return new StoreError('ERR_STORE_FORMAT', `the store in ${dir} can not be read: ${detail}`)
}
