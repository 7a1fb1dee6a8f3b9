/**
 * What all stores have in common: limits, order, group commit, and closing. One transaction is under way at a
 * time; what is written meanwhile goes into the next one together, so that a slow disk makes transactions
 * larger instead of a queue longer.
 */
import { StoreError } from './errors.ts'
import { Ledger } from './ledger.ts'
import { writeProblem } from './store.ts'
import type { Store, StoreEntry, StoreLimits, StoreStats, StoreWrite } from './store.ts'

/** Writes in one transaction, unless one batch has more. */
const COMMIT_WRITES_MAX = 1_024

/** The disk below a store. */
export interface StoreBackend {
  /** Sizes of what is there at the start. */
  sizes(): Iterable<readonly [key: string, valueBytes: number]>
  /** What is committed; a copy. Throws `StoreError` when it is damaged. */
  read(key: string): Uint8Array | undefined
  /** Length of what is committed; never throws. */
  valueBytes(key: string): number | undefined
  /** All of them or none, in order; resolves once they are safe. */
  commit(writes: readonly StoreWrite[]): Promise<void>
  close(): Promise<void>
}

interface Batch {
  readonly id: number
  readonly writes: readonly StoreWrite[]
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

/** A store on a backend. */
export class QueuedStore implements Store {
  readonly #backend: StoreBackend
  readonly #limits: StoreLimits
  readonly #ledger: Ledger
  #waiting: Batch[] = []
  #working: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #batches = 0
  #pending = 0
  #written = 0
  #commits = 0
  #failed = 0

  constructor(backend: StoreBackend, limits: StoreLimits) {
    this.#backend = backend
    this.#limits = limits
    this.#ledger = new Ledger(limits)
    for (const [key, valueBytes] of backend.sizes()) this.#ledger.found(key, valueBytes)
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.batch([{ key, value }])
  }

  delete(key: string): Promise<void> {
    return this.batch([{ key, value: undefined }])
  }

  batch(writes: readonly StoreWrite[]): Promise<void> {
    const refusal = this.#refusal(writes)
    if (refusal !== undefined) {
      this.#failed += writes.length
      return Promise.reject(refusal)
    }
    if (writes.length === 0) return Promise.resolve()
    const own = writes.map(({ key, value }) => ({ key, value: value && Uint8Array.from(value) }))
    this.#pending += own.length
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id: this.#batches, writes: own, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  get(key: string): Uint8Array | undefined {
    this.#requireOpen()
    return this.#backend.read(key)
  }

  *entries(prefix = ''): IterableIterator<StoreEntry> {
    this.#requireOpen()
    for (const key of this.#ledger.keys(prefix)) {
      this.#requireOpen()
      const value = this.#backend.read(key)
      if (value !== undefined) yield { key, value }
    }
  }

  stats(): StoreStats {
    return {
      entries: this.#ledger.entries,
      bytes: this.#ledger.bytes,
      pending: this.#pending,
      written: this.#written,
      commits: this.#commits,
      failed: this.#failed,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #refusal(writes: readonly StoreWrite[]): StoreError | undefined {
    if (this.#closing !== undefined) return closed()
    for (const write of writes) {
      const problem = writeProblem(write, this.#limits)
      if (problem !== undefined) return problem
    }
    const { pendingMax } = this.#limits
    if (this.#pending + writes.length > pendingMax) {
      return new StoreError('ERR_STORE_BUSY', `${pendingMax} writes may wait for the disk`)
    }
    return this.#ledger.reserve(++this.#batches, writes)
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw closed()
  }

  /** Until nothing waits. It begins with a turn of its own, so that one turn's writes go together. */
  async #work(): Promise<void> {
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup()
      await this.#commit(group)
    }
    this.#working = undefined
  }

  #nextGroup(): readonly Batch[] {
    let writes = 0
    let count = 0
    for (const batch of this.#waiting) {
      if (count > 0 && writes + batch.writes.length > COMMIT_WRITES_MAX) break
      writes += batch.writes.length
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #commit(group: readonly Batch[]): Promise<void> {
    let error: StoreError | undefined
    try {
      await this.#backend.commit(group.flatMap(({ writes }) => writes))
    } catch (cause) {
      error = asWriteError(cause)
    }
    this.#commits++
    for (const { id, writes, resolve, reject } of group) {
      this.#pending -= writes.length
      if (error === undefined) {
        this.#written += writes.length
        this.#ledger.settle(id, writes)
        resolve()
      } else {
        this.#failed += writes.length
        this.#ledger.restore(id, writes, (key) => this.#backend.valueBytes(key))
        reject(error)
      }
    }
  }

  async #close(): Promise<void> {
    await this.#working
    await this.#backend.close()
  }
}

function closed(): StoreError {
  return new StoreError('ERR_STORE_CLOSED', 'the store is closed')
}

function asWriteError(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  const reason = cause instanceof Error ? cause.message : 'unknown reason'
  return new StoreError('ERR_STORE_WRITE', `the store could not be written: ${reason}`, { cause })
}
