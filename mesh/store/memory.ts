/**
 * A store in memory: for nodes without a data directory, and for tests. `MemoryDisk` is the disk, which outlives
 * the stores opened on it; it can be slow, full of errors, and lose what it has not acknowledged.
 */
import { StoreError } from './errors.ts'
import { QueuedStore } from './queued-store.ts'
import type { StoreBackend } from './queued-store.ts'
import { storeLimits } from './store.ts'
import type { Store, StoreLimits, StoreWrite } from './store.ts'

/** A transaction that has not been acknowledged. */
interface Held {
  readonly writes: readonly StoreWrite[]
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

/** A store that ends with its process. */
export function openMemoryStore(limits: Partial<StoreLimits> = {}): Store {
  const entries = new Map<string, Uint8Array>()
  return new QueuedStore(new MemoryBackend(entries, new MemoryControl()), storeLimits(limits))
}

/** A disk in memory. One store at a time may be open on it. */
export class MemoryDisk {
  #entries = new Map<string, Uint8Array>()
  #control: MemoryControl | undefined
  #holding = false
  #failure: string | undefined

  /** Entries that a restart would find. */
  get size(): number {
    return this.#entries.size
  }

  /** Opens the store. Rejects with `ERR_STORE_LOCKED` while another one is open. */
  async open(limits: Partial<StoreLimits> = {}): Promise<Store> {
    if (this.#control !== undefined) {
      throw new StoreError('ERR_STORE_LOCKED', 'the disk is in use by another store')
    }
    const control = new MemoryControl(() => {
      if (this.#control === control) this.#control = undefined
    })
    control.holding = this.#holding
    control.failure = this.#failure
    this.#control = control
    return new QueuedStore(new MemoryBackend(this.#entries, control), storeLimits(limits))
  }

  /** Transactions stay unacknowledged until `release`. */
  hold(): void {
    this.#holding = true
    if (this.#control !== undefined) this.#control.holding = true
  }

  /** Acknowledges what `hold` held back. */
  release(): void {
    this.#holding = false
    this.#control?.release()
  }

  /** Every transaction from now on fails, for this reason; undefined for a disk that works again. */
  fail(reason: string | undefined): void {
    this.#failure = reason
    if (this.#control !== undefined) this.#control.failure = reason
  }

  /**
   * The process dies. What it held back is lost, or with `keepsHeld` written although nobody was told: both
   * happen to real disks. The open store is of no use any more.
   */
  crash({ keepsHeld = false }: { readonly keepsHeld?: boolean } = {}): void {
    const control = this.#control
    this.#control = undefined
    if (control === undefined) return
    const held = control.kill()
    if (keepsHeld) for (const { writes } of held) apply(this.#entries, writes)
    // What the dead process still does must not reach the disk.
    this.#entries = new Map(this.#entries)
    for (const { reject } of held) reject(dead())
  }

  /** Everything is gone, as with a new disk. */
  lose(): void {
    this.crash()
    this.#entries.clear()
  }
}

/** What a disk does to the transactions of one open store. */
class MemoryControl {
  holding = false
  failure: string | undefined
  #held: Held[] = []
  #dead = false
  readonly #closed: () => void

  constructor(closed: () => void = () => {}) {
    this.#closed = closed
  }

  async commit(entries: Map<string, Uint8Array>, writes: readonly StoreWrite[]): Promise<void> {
    if (this.#dead) throw dead()
    if (this.holding) {
      await new Promise<void>((resolve, reject) => this.#held.push({ writes, resolve, reject }))
    }
    if (this.failure !== undefined) throw new StoreError('ERR_STORE_WRITE', this.failure)
    apply(entries, writes)
  }

  release(): void {
    this.holding = false
    const held = this.#held
    this.#held = []
    for (const { resolve } of held) resolve()
  }

  kill(): readonly Held[] {
    this.#dead = true
    const held = this.#held
    this.#held = []
    return held
  }

  close(): void {
    if (!this.#dead) this.#closed()
  }
}

class MemoryBackend implements StoreBackend {
  readonly #entries: Map<string, Uint8Array>
  readonly #control: MemoryControl

  constructor(entries: Map<string, Uint8Array>, control: MemoryControl) {
    this.#entries = entries
    this.#control = control
  }

  *sizes(): Iterable<readonly [string, number]> {
    for (const [key, value] of this.#entries) yield [key, value.length]
  }

  read(key: string): Uint8Array | undefined {
    const value = this.#entries.get(key)
    return value && Uint8Array.from(value)
  }

  valueBytes(key: string): number | undefined {
    return this.#entries.get(key)?.length
  }

  commit(writes: readonly StoreWrite[]): Promise<void> {
    return this.#control.commit(this.#entries, writes)
  }

  async close(): Promise<void> {
    this.#control.close()
  }
}

function apply(entries: Map<string, Uint8Array>, writes: readonly StoreWrite[]): void {
  for (const { key, value } of writes) {
    if (value === undefined) entries.delete(key)
    else entries.set(key, value)
  }
}

function dead(): StoreError {
  return new StoreError('ERR_STORE_CLOSED', 'the process of this store has died')
}
