/**
 * What is on its way to the disk. Whoever waits for a write hears when the entry is there for good; when it
 * could not be written, the shelf takes back what is on disk, so that memory never promises more than that.
 * Writes of one entry overtake each other: the later one wins, and only the last can be taken back.
 *
 * What is taken back may have been served meanwhile, so a reader can see a newer record and then the older
 * one here. That is meant: nobody was told that this node keeps the newer one, and a crash would bring the
 * older one back anyway. Whoever saw the newer one has it signed, corrects this node by its next `get`, and the
 * other holders put it again within the hour.
 */
import type { RecordsContext } from './context.ts'
import type { StoredEntry } from './machine.ts'
import type { StoredChange } from './shelf.ts'

/** Hears whether an entry is on disk. */
export interface WriteOwner {
  written(ok: boolean): void
}

interface Write {
  readonly entryId: string
  readonly entry: StoredEntry | undefined
  readonly owners: WriteOwner[]
}

/** One entry with writes under way. */
interface Journal {
  /** What is on disk as far as is known, and the number of the write that brought it there. */
  durable: StoredEntry | undefined
  durableId: number
  lastId: number
  pending: number
}

/** All writes under way. */
export class Writes {
  readonly #context: RecordsContext
  readonly #writes = new Map<number, Write>()
  readonly #journals = new Map<string, Journal>()
  #last = 0

  constructor(context: RecordsContext) {
    this.#context = context
  }

  get size(): number {
    return this.#writes.size
  }

  /**
   * Writes changes of the shelf. `owner` hears about the one of `entryId`, which was `before`; when that did
   * not change, at once or as soon as an earlier write of it is done.
   */
  save(
    changes: readonly StoredChange[],
    entryId?: string,
    before?: StoredEntry,
    owner?: WriteOwner,
  ): void {
    let waits = owner === undefined
    for (const change of changes) {
      const mine = change.entryId === entryId && change.entry !== undefined
      this.#write(change, mine ? before : undefined, mine ? owner : undefined)
      if (mine) waits = true
    }
    if (waits || owner === undefined) return
    const journal = entryId === undefined ? undefined : this.#journals.get(entryId)
    const last = journal === undefined ? undefined : this.#writes.get(journal.lastId)
    if (last === undefined) owner.written(true)
    else last.owners.push(owner)
  }

  written(writeId: number, ok: boolean): void {
    const write = this.#writes.get(writeId)
    const journal = write === undefined ? undefined : this.#journals.get(write.entryId)
    if (write === undefined || journal === undefined) return
    this.#writes.delete(writeId)
    journal.pending -= 1
    if (journal.pending === 0) this.#journals.delete(write.entryId)
    if (ok && writeId > journal.durableId) {
      journal.durable = write.entry
      journal.durableId = writeId
    }
    if (!ok) {
      this.#context.counters.writesFailed += 1
      if (writeId === journal.lastId) this.#takeBack(write, journal)
    }
    for (const owner of write.owners) owner.written(ok)
  }

  #write(change: StoredChange, before: StoredEntry | undefined, owner?: WriteOwner): void {
    const { entryId, entry } = change
    const writeId = ++this.#last
    let journal = this.#journals.get(entryId)
    if (journal === undefined) {
      journal = { durable: before, durableId: 0, lastId: writeId, pending: 0 }
      this.#journals.set(entryId, journal)
    }
    journal.lastId = writeId
    journal.pending += 1
    this.#writes.set(writeId, { entryId, entry, owners: owner === undefined ? [] : [owner] })
    this.#context.sink.write(writeId, entryId, entry)
  }

  #takeBack(write: Write, journal: Journal): void {
    const { shelf, wallNowMs } = this.#context
    const { entryId, entry } = write
    if (entry === undefined || shelf.entry(entryId)?.record !== entry.record) return
    shelf.remove(entryId)
    if (journal.durable !== undefined) shelf.restore(journal.durable, wallNowMs)
  }
}
