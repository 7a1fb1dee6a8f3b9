/**
 * A map that most of its owners never fill: it takes no room before its first entry. In a simulation of thousands
 * of cores the empty maps of each would lie between what its steps touch.
 */

/** The part of a `Map` that the core needs. */
export class RareMap<Key, Value> implements Iterable<[Key, Value]> {
  #entries: Map<Key, Value> | undefined

  get size(): number {
    return this.#entries?.size ?? 0
  }

  has(key: Key): boolean {
    return this.#entries?.has(key) === true
  }

  get(key: Key): Value | undefined {
    return this.#entries?.get(key)
  }

  set(key: Key, value: Value): void {
    this.#entries ??= new Map()
    this.#entries.set(key, value)
  }

  delete(key: Key): boolean {
    return this.#entries?.delete(key) === true
  }

  clear(): void {
    this.#entries = undefined
  }

  keys(): Iterable<Key> {
    return this.#entries?.keys() ?? []
  }

  values(): Iterable<Value> {
    return this.#entries?.values() ?? []
  }

  [Symbol.iterator](): Iterator<[Key, Value]> {
    const entries: Iterable<[Key, Value]> = this.#entries ?? []
    return entries[Symbol.iterator]()
  }
}
