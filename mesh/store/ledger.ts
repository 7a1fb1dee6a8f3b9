/**
 * Which keys a store has and how large they are, writes that wait included: limits are decided at the call,
 * not when the disk gets to it. A failed batch is taken back unless a later write of the same key is under way.
 */
import { StoreError } from './errors.ts'
import { ENTRY_BYTES } from './store.ts'
import type { StoreLimits, StoreWrite } from './store.ts'

interface Line {
  /** Bytes the entry counts; 0 when it is being deleted. */
  bytes: number
  /** The batch that wrote last. */
  batch: number
}

/** See the file header. */
export class Ledger {
  readonly #limits: StoreLimits
  readonly #lines = new Map<string, Line>()
  #entries = 0
  #bytes = 0

  constructor(limits: StoreLimits) {
    this.#limits = limits
  }

  /** Entries, waiting writes included. */
  get entries(): number {
    return this.#entries
  }

  /** Bytes, waiting writes included. */
  get bytes(): number {
    return this.#bytes
  }

  /** What the disk held at the start: taken even beyond the limits. */
  found(key: string, valueBytes: number): void {
    this.#set(key, bytesOf(key, valueBytes), 0)
  }

  /** Counts a batch in; the error says why it does not fit, and then nothing has changed. */
  reserve(batch: number, writes: readonly StoreWrite[]): StoreError | undefined {
    const after = new Map<string, number>()
    for (const { key, value } of writes) {
      after.set(key, value === undefined ? 0 : bytesOf(key, value.length))
    }
    let entries = this.#entries
    let bytes = this.#bytes
    for (const [key, size] of after) {
      const before = this.#lines.get(key)?.bytes ?? 0
      entries += Number(size > 0) - Number(before > 0)
      bytes += size - before
    }
    const { entriesMax, bytesMax } = this.#limits
    if (entries > entriesMax && entries > this.#entries) {
      return new StoreError('ERR_STORE_FULL', `there is room for ${entriesMax} entries`)
    }
    if (bytes > bytesMax && bytes > this.#bytes) {
      return new StoreError('ERR_STORE_FULL', `there is room for ${bytesMax} bytes`)
    }
    for (const [key, size] of after) this.#set(key, size, batch)
    return undefined
  }

  /** The batch is on disk: keys it deleted are forgotten. */
  settle(batch: number, writes: readonly StoreWrite[]): void {
    for (const { key } of writes) {
      const line = this.#lines.get(key)
      if (line?.batch === batch && line.bytes === 0) this.#lines.delete(key)
    }
  }

  /** The batch did not happen: what is there instead counts. */
  restore(
    batch: number,
    writes: readonly StoreWrite[],
    valueBytes: (key: string) => number | undefined,
  ): void {
    for (const { key } of writes) {
      if (this.#lines.get(key)?.batch !== batch) continue
      const length = valueBytes(key)
      this.#set(key, length === undefined ? 0 : bytesOf(key, length), batch)
    }
    this.settle(batch, writes)
  }

  /** Keys with that prefix, in order. */
  keys(prefix: string): readonly string[] {
    const keys: string[] = []
    for (const key of this.#lines.keys()) if (key.startsWith(prefix)) keys.push(key)
    return keys.sort()
  }

  #set(key: string, bytes: number, batch: number): void {
    const line = this.#lines.get(key)
    const before = line?.bytes ?? 0
    this.#entries += Number(bytes > 0) - Number(before > 0)
    this.#bytes += bytes - before
    if (line === undefined) this.#lines.set(key, { bytes, batch })
    else {
      line.bytes = bytes
      line.batch = batch
    }
  }
}

function bytesOf(key: string, valueBytes: number): number {
  return ENTRY_BYTES + key.length + valueBytes
}
