/**
 * Where a table keeps its entries: a `Map` (set, bag) or a tree (ordered_set), and the scans over both.
 *
 * A scan survives whatever happens to the table between two of its steps, as under `ets:safe_fixtable`: what is
 * there from its start to its end is visited exactly once, what goes before it is reached is not visited, and
 * what comes after its start is not visited either, so that a loop that inserts comes to an end. That is what
 * `serial` is for: it grows with every new entry.
 */
import { compareKeys, hashKey } from './table-key.ts'
import { OrderedTree } from './table-tree.ts'
import type { TableKey } from './table-key.ts'
import type { Place } from './table-tree.ts'

/** What `tableEntriesMax` can be at most: a JavaScript `Map` holds 2^24 entries. */
export const TABLE_ENTRIES_LIMIT = 16_000_000

/** One key of a table with what is under it. */
export interface Entry<K, T> {
  readonly key: K
  readonly serial: number
  held: T
}

/** Bounds and direction of a scan; only ordered stores know bounds. */
export interface TableRange<K> {
  /** Only keys above this one. */
  readonly gt?: K | undefined
  /** Only keys from this one on; not with `gt`. */
  readonly gte?: K | undefined
  /** Only keys below this one. */
  readonly lt?: K | undefined
  /** Only keys up to this one; not with `lt`. */
  readonly lte?: K | undefined
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean | undefined
}

/** Gives the next entry, or undefined at the end. */
export type Scan<K, T> = () => Entry<K, T> | undefined

/** Entries by key. */
export interface Store<K, T> {
  /** Keys. */
  readonly size: number
  get(key: K): Entry<K, T> | undefined
  /** `key` must not be there. */
  add(key: K, held: T): void
  remove(key: K): Entry<K, T> | undefined
  clear(): void
  scan(range: TableRange<K>): Scan<K, T>
}

/** In order of insertion, found by hash. */
export class HashStore<K extends TableKey, T> implements Store<K, T> {
  readonly #entries = new Map<string | number | bigint | boolean, Entry<K, T>>()
  #serial = 0

  get size(): number {
    return this.#entries.size
  }
  get(key: K): Entry<K, T> | undefined {
    return this.#entries.get(hashKey(key))
  }
  add(key: K, held: T): void {
    this.#entries.set(hashKey(key), { key, serial: ++this.#serial, held })
  }
  remove(key: K): Entry<K, T> | undefined {
    const hash = hashKey(key)
    const entry = this.#entries.get(hash)
    if (entry !== undefined) this.#entries.delete(hash)
    return entry
  }
  clear(): void {
    this.#entries.clear()
  }

  /** A map's own iterator survives changes; serials ascend along it. */
  scan(): Scan<K, T> {
    const entries = this.#entries.values()
    const last = this.#serial
    return () => {
      const { value } = entries.next()
      return value !== undefined && value.serial <= last ? value : undefined
    }
  }
}

/** In key order. */
export class OrderedStore<K extends TableKey, T> implements Store<K, T> {
  readonly #tree: OrderedTree<K, Entry<K, T>>
  #serial = 0

  constructor(compare: (a: K, b: K) => number = compareKeys) {
    this.#tree = new OrderedTree(compare)
  }

  get size(): number {
    return this.#tree.size
  }
  get(key: K): Entry<K, T> | undefined {
    return this.#tree.get(key)
  }
  add(key: K, held: T): void {
    this.#tree.add({ key, serial: ++this.#serial, held })
  }
  remove(key: K): Entry<K, T> | undefined {
    return this.#tree.remove(key)
  }
  clear(): void {
    this.#tree.clear()
  }

  end(side: 'first' | 'last'): Entry<K, T> | undefined {
    return entryAt(this.#tree.end(side))
  }
  above(key: K): Entry<K, T> | undefined {
    return entryAt(this.#tree.above(key, false))
  }
  below(key: K): Entry<K, T> | undefined {
    return entryAt(this.#tree.below(key, false))
  }

  /** Steps along a leaf while the tree does not change, else looks for the neighbour of the last key. */
  scan(range: TableRange<K>): Scan<K, T> {
    const tree = this.#tree
    const last = this.#serial
    const reverse = range.reverse === true
    const step = reverse ? -1 : 1
    let place: Place<Entry<K, T>> | undefined
    let version = -1
    let current: Entry<K, T> | undefined
    let ended = false

    const advance = (): Entry<K, T> | undefined => {
      if (current === undefined) place = this.#start(range)
      else {
        const index = place!.index + step
        const near = version === tree.version ? place!.entries[index] : undefined
        if (near !== undefined) place = { entries: place!.entries, index }
        else place = reverse ? tree.below(current.key, false) : tree.above(current.key, false)
      }
      version = tree.version
      current = entryAt(place)
      return current
    }
    return () => {
      while (!ended) {
        const entry = advance()
        if (entry === undefined || isBeyond(entry.key, range)) break
        if (entry.serial <= last) return entry
      }
      ended = true
      return undefined
    }
  }

  #start({ gt, gte, lt, lte, reverse }: TableRange<K>): Place<Entry<K, T>> | undefined {
    if (reverse === true) {
      if (lt !== undefined) return this.#tree.below(lt, false)
      return lte !== undefined ? this.#tree.below(lte, true) : this.#tree.end('last')
    }
    if (gt !== undefined) return this.#tree.above(gt, false)
    return gte !== undefined ? this.#tree.above(gte, true) : this.#tree.end('first')
  }
}

function entryAt<E>(place: Place<E> | undefined): E | undefined {
  return place?.entries[place.index]
}

/** Past the end of the range, in its direction. */
export function isBeyond<K extends TableKey>(
  key: K,
  { gt, gte, lt, lte, reverse }: TableRange<K>,
): boolean {
  if (reverse === true) {
    if (gt !== undefined) return compareKeys(key, gt) <= 0
    return gte !== undefined && compareKeys(key, gte) < 0
  }
  if (lt !== undefined) return compareKeys(key, lt) >= 0
  return lte !== undefined && compareKeys(key, lte) > 0
}
