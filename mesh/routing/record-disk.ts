/**
 * The records of a node in its store, one entry each under `record/<entry id>`. What cannot be read is
 * counted and left where it is: a newer version may have written it. What can be read and stands under
 * another name is counted and deleted: nobody would find it there when its time is over.
 */
import type { Refusals } from '../refusals.ts'
import type { Store } from '../store/store.ts'
import type { StoredEntryCodec } from './records/codec.ts'
import type { StoredEntry } from './records/machine.ts'
import { entryIdOf } from './records/shelf.ts'

const PREFIX = 'record/'

/** What it needs. */
export interface RecordDiskParts {
  readonly store: Store
  readonly codec: StoredEntryCodec
  readonly refusals: Refusals
}

/** Reads and writes the records of one node. */
export class RecordDisk {
  readonly #parts: RecordDiskParts

  constructor(parts: RecordDiskParts) {
    this.#parts = parts
  }

  /** Everything that is there. */
  entries(): StoredEntry[] {
    const { store, codec, refusals } = this.#parts
    const entries: StoredEntry[] = []
    for (const { key, value } of store.entries(PREFIX)) {
      try {
        const entry = codec.decode(value)
        if (key === `${PREFIX}${entryIdOf(entry.record)}`) entries.push(entry)
        else this.#misplaced(key)
      } catch (error) {
        refusals.count('ERR_DHT_RECORD_INVALID', { entry: key, err: error })
      }
    }
    return entries
  }

  #misplaced(key: string): void {
    const entryId = key.slice(PREFIX.length)
    this.#parts.refusals.count('ERR_DHT_RECORD_INVALID', { entry: key })
    // One that could not be deleted is counted, and met again at the next start.
    this.write(entryId, undefined, () => undefined)
  }

  /** Writes an entry, or with `undefined` deletes it; `written` follows, never at once. */
  write(entryId: string, entry: StoredEntry | undefined, written: (ok: boolean) => void): void {
    const { store, codec, refusals } = this.#parts
    const key = `${PREFIX}${entryId}`
    const work = entry === undefined ? store.delete(key) : store.put(key, codec.encode(entry))
    work.then(
      () => written(true),
      (error: unknown) => {
        refusals.count('ERR_DHT_STORE_FAILED', { entry: entryId, err: error }, { level: 'error' })
        written(false)
      },
    )
  }
}
