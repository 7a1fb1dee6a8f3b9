/**
 * The entries of a registry, pure: no process, no time. Keys are compared as `Map` compares them, so
 * `1` and `'1'` differ and objects are keys by identity.
 *
 * Invariant: `owners` lists exactly the keys that the tables hold for each owner, so the end of an owner
 * costs as much as it had entries, however many others share its keys.
 */
import { pidKey, type Pid } from '../../runtime/index.ts'

/** One registration. */
export interface RegistryEntry<V = unknown> {
  readonly pid: Pid
  readonly value: V
}

/** A registration with its key. */
export interface KeyedEntry<K = unknown, V = unknown> extends RegistryEntry<V> {
  readonly key: K
}

/** Entries of one key: one at most if keys are unique. Keyed by owner. */
type Entries = Map<string, RegistryEntry[]>

interface Owner {
  readonly pid: Pid
  /** How many entries it has under each key. */
  readonly keys: Map<unknown, number>
}

/** Keys, their owners and values. */
export class RegistryTable {
  readonly unique: boolean
  /** Entries in all. */
  size = 0
  readonly #unique = new Map<unknown, RegistryEntry>()
  readonly #duplicate = new Map<unknown, Entries>()
  readonly #owners = new Map<string, Owner>()

  constructor(unique: boolean) {
    this.unique = unique
  }

  /** Adds an entry; the caller has made sure that a unique key is free. */
  add(key: unknown, entry: RegistryEntry): void {
    const ownerKey = pidKey(entry.pid)
    if (this.unique) this.#unique.set(key, entry)
    else {
      const entries: Entries = this.#duplicate.get(key) ?? new Map<string, RegistryEntry[]>()
      const own = entries.get(ownerKey)
      if (own === undefined) entries.set(ownerKey, [entry])
      else own.push(entry)
      this.#duplicate.set(key, entries)
    }
    const owner = this.#owners.get(ownerKey) ?? { pid: entry.pid, keys: new Map() }
    owner.keys.set(key, (owner.keys.get(key) ?? 0) + 1)
    this.#owners.set(ownerKey, owner)
    this.size++
  }

  /** Removes all entries of `pid` under `key`; how many there were. */
  remove(key: unknown, pid: Pid): number {
    const ownerKey = pidKey(pid)
    const owner = this.#owners.get(ownerKey)
    const count = owner?.keys.get(key) ?? 0
    if (owner === undefined || count === 0) return 0
    this.#drop(key, ownerKey)
    owner.keys.delete(key)
    if (owner.keys.size === 0) this.#owners.delete(ownerKey)
    this.size -= count
    return count
  }

  /** Removes everything of `pid`. */
  removeOwner(pid: Pid): void {
    const ownerKey = pidKey(pid)
    const owner = this.#owners.get(ownerKey)
    if (owner === undefined) return
    this.#owners.delete(ownerKey)
    for (const [key, count] of owner.keys) {
      this.#drop(key, ownerKey)
      this.size -= count
    }
  }

  /** Entries of `key`, oldest owner first. */
  entries(key: unknown): RegistryEntry[] {
    if (this.unique) {
      const entry = this.#unique.get(key)
      return entry === undefined ? [] : [entry]
    }
    return [...(this.#duplicate.get(key)?.values() ?? [])].flat()
  }

  /** Replaces the entry of a unique key. */
  replace(key: unknown, entry: RegistryEntry): void {
    this.#unique.set(key, entry)
  }

  /** Whether `pid` has any entry. */
  owns(pid: Pid): boolean {
    return this.#owners.has(pidKey(pid))
  }

  /** Keys of `pid`; a duplicate key as often as it was registered. */
  keysOf(pid: Pid): unknown[] {
    const owner = this.#owners.get(pidKey(pid))
    if (owner === undefined) return []
    return [...owner.keys].flatMap(([key, count]) => new Array<unknown>(count).fill(key))
  }

  /** Every entry. */
  *all(): IterableIterator<KeyedEntry> {
    for (const [key, { pid, value }] of this.#unique) yield { key, pid, value }
    for (const [key, entries] of this.#duplicate) {
      for (const own of entries.values()) {
        for (const { pid, value } of own) yield { key, pid, value }
      }
    }
  }

  #drop(key: unknown, ownerKey: string): void {
    if (this.unique) {
      this.#unique.delete(key)
      return
    }
    const entries = this.#duplicate.get(key)
    entries?.delete(ownerKey)
    if (entries?.size === 0) this.#duplicate.delete(key)
  }
}
