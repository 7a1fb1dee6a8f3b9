/**
 * Values of any size in a store that bounds them: in parts, under names that have a place for the number of the part.
 * How many parts there are is remembered, for reads do not see what is still being written.
 */
import type { Store, StoreWrite } from '../store/store.ts'

const PART_BYTES = 65_536
const PART_DIGITS = 4

/** See the head of this file. */
export class PartedStore {
  readonly #store: Store
  readonly #prefix: string
  readonly #failed: (error: unknown) => void
  /** Of those that have more than one. */
  readonly #parts = new Map<string, number>()

  /** All names begin with `prefix` in the store; `failed` hears of what it does not take. */
  constructor(store: Store, prefix: string, failed: (error: unknown) => void) {
    this.#store = store
    this.#prefix = prefix
    this.#failed = failed
  }

  /** Keeps bytes under a name instead of what is there. */
  keep(name: string, bytes: Uint8Array): void {
    const count = Math.max(1, Math.ceil(bytes.length / PART_BYTES))
    const writes: StoreWrite[] = []
    for (let part = 0; part < count; part++) {
      const at = part * PART_BYTES
      writes.push({ key: this.#key(name, part), value: bytes.subarray(at, at + PART_BYTES) })
    }
    const before = this.#parts.get(name) ?? 1
    for (let part = count; part < before; part++) {
      writes.push({ key: this.#key(name, part), value: undefined })
    }
    this.#remember(name, count)
    this.#write(writes)
  }

  /** Deletes what is under a name. */
  forget(name: string): void {
    const count = this.#parts.get(name) ?? 1
    const writes: StoreWrite[] = []
    for (let part = 0; part < count; part++) {
      writes.push({ key: this.#key(name, part), value: undefined })
    }
    this.#parts.delete(name)
    this.#write(writes)
  }

  /** What a life before has left, in the order of names. */
  load(): readonly (readonly [string, Uint8Array])[] {
    const found: (readonly [string, Uint8Array])[] = []
    let parts: Uint8Array[] = []
    let of: string | undefined
    const finish = (): void => {
      if (of === undefined) return
      this.#remember(of, parts.length)
      found.push([of, Buffer.concat(parts)])
    }
    for (const { key, value } of this.#store.entries(this.#prefix)) {
      const name = key.slice(this.#prefix.length, -PART_DIGITS - 1)
      if (name !== of) {
        finish()
        of = name
        parts = []
      }
      parts.push(value)
    }
    finish()
    return found
  }

  #remember(name: string, count: number): void {
    if (count > 1) this.#parts.set(name, count)
    else this.#parts.delete(name)
  }

  #key(name: string, part: number): string {
    return `${this.#prefix}${name}/${String(part).padStart(PART_DIGITS, '0')}`
  }

  #write(writes: readonly StoreWrite[]): void {
    this.#store.batch(writes).catch(this.#failed)
  }
}
