/**
 * What a node keeps across restarts: a small map of bytes, ordered by key. Injected wherever something must
 * survive; `memory.ts` and `lmdb.ts` implement it, and `test/conformance/store.ts` holds both to the same.
 *
 * - A write is acknowledged by its promise. What was acknowledged survives the death of the process, however it
 *   dies (kill -9); in a file it survives a loss of power, too.
 * - Writes are applied in the order of the calls, each batch as a whole or not at all. Reads see what was
 *   acknowledged, and perhaps what is about to be.
 * - Nothing throws for being full, too large or closed but by a rejected promise; reads of a closed store throw.
 */
import { StoreError } from './errors.ts'

/** One change: to these bytes, or gone. */
export interface StoreWrite {
  readonly key: string
  /** Undefined deletes. */
  readonly value: Uint8Array | undefined
}

/** What is kept under a key. */
export interface StoreEntry {
  readonly key: string
  readonly value: Uint8Array
}

/** Counters since the store was opened, and sizes now. */
export interface StoreStats {
  readonly entries: number
  /** Bytes of all keys and values, and {@link ENTRY_BYTES} for each entry. */
  readonly bytes: number
  /** Writes that wait for the disk. */
  readonly pending: number
  /** Writes acknowledged. */
  readonly written: number
  /** Transactions they took. */
  readonly commits: number
  /** Writes refused for a limit, or failed. */
  readonly failed: number
}

/** An open store. */
export interface Store {
  /** Resolves once the bytes are safe. They may be changed as soon as this returns. */
  put(key: string, value: Uint8Array): Promise<void>
  /** Resolves once the deletion is safe; of a key that is not there, too. */
  delete(key: string): Promise<void>
  /** All of these or none. The later of two writes of one key wins. */
  batch(writes: readonly StoreWrite[]): Promise<void>
  /** A copy of what is kept under `key`. */
  get(key: string): Uint8Array | undefined
  /** Entries whose keys begin with `prefix`, in the order of keys; each as it is when it is reached. */
  entries(prefix?: string): IterableIterator<StoreEntry>
  stats(): StoreStats
  /** Waits for writes under way, then lets the next process in. Idempotent. */
  close(): Promise<void>
}

/** Dials and limits of a store. */
export interface StoreLimits {
  /** Bytes of one key. Default 256, at most 1,024. */
  readonly keyBytesMax: number
  /** Bytes of one value. Default 131,072. */
  readonly valueBytesMax: number
  /** Entries. Default 65,536; each takes about 200 bytes of memory, too. */
  readonly entriesMax: number
  /** Bytes as in {@link StoreStats.bytes}. Default 256 MiB; a file may take twice as many. */
  readonly bytesMax: number
  /** Writes that wait for the disk. Default 16,384. */
  readonly pendingMax: number
}

/** What one entry counts beside its key and its value. */
export const ENTRY_BYTES = 64

/** The defaults. */
export const STORE_DEFAULTS: StoreLimits = Object.freeze({
  keyBytesMax: 256,
  valueBytesMax: 131_072,
  entriesMax: 65_536,
  bytesMax: 268_435_456,
  pendingMax: 16_384,
})

const KEY_PATTERN = /^[\x21-\x7e]+$/
const KEY_BYTES_CEILING = 1_024

/** The defaults with what is given on top. */
export function storeLimits(given: Partial<StoreLimits> = {}): StoreLimits {
  const limits = { ...STORE_DEFAULTS, ...given }
  return Object.freeze({ ...limits, keyBytesMax: Math.min(limits.keyBytesMax, KEY_BYTES_CEILING) })
}

/** Why a write can never be taken, whatever else is kept; undefined when it can. */
export function writeProblem(write: StoreWrite, limits: StoreLimits): StoreError | undefined {
  const { key, value } = write
  if (key.length > limits.keyBytesMax || !KEY_PATTERN.test(key)) {
    const shown = JSON.stringify(key.slice(0, 80))
    return new StoreError(
      'ERR_STORE_KEY',
      `a key has 1 to ${limits.keyBytesMax} printable ASCII characters, not ${shown}`,
    )
  }
  if (value !== undefined && value.length > limits.valueBytesMax) {
    return new StoreError(
      'ERR_STORE_VALUE_BYTES_MAX',
      `the value of ${key} has ${value.length} bytes, at most ${limits.valueBytesMax} are kept`,
    )
  }
  return undefined
}
