/** Which store a node has: in a file when it has a data directory, else in memory. */
import { join } from 'node:path'
import { STORE_DIR } from '../identity/data-dir.ts'
import { openLmdbStore } from './lmdb.ts'
import type { LmdbStoreOptions } from './lmdb.ts'
import { openMemoryStore } from './memory.ts'
import type { Store } from './store.ts'

/**
 * Opens the store of a node: `<dataDir>/store`, or one in memory when `dataDir` is undefined. Rejects with
 * `StoreError`.
 */
export async function openStore(
  dataDir: string | undefined,
  options: LmdbStoreOptions = {},
): Promise<Store> {
  if (dataDir === undefined) return openMemoryStore(options)
  return openLmdbStore(join(dataDir, STORE_DIR), options)
}
