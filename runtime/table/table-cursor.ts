/** The walk over a table that a selection is: entries from a scan, values of a key one by one, a limit. */
import { numberOption, resolveOptions } from '../options.ts'
import type { Holding } from './table-held.ts'
import type { Matcher } from './table-match.ts'
import type { Scan } from './table-store.ts'
import type { TableCursor } from './table.ts'

const TAKE_CHECKS = { limit: numberOption(0, Infinity) }

/** A cursor; `check` throws when the table is gone or closed to who asks. */
export class Cursor<K, V> implements TableCursor<K, V> {
  readonly #scan: Scan<K, unknown>
  readonly #matcher: Matcher<K, V>
  readonly #holding: Holding<V>
  readonly #check: () => void
  #left: number
  /** The values of the key it stands on, and how many of them have come. */
  #key: K | undefined
  #values: readonly V[] = []
  #index = 0

  constructor(
    scan: Scan<K, unknown>,
    matcher: Matcher<K, V>,
    holding: Holding<V>,
    limit: number,
    check: () => void,
  ) {
    this.#scan = scan
    this.#matcher = matcher
    this.#holding = holding
    this.#left = limit
    this.#check = check
  }

  next(): IteratorResult<readonly [K, V], undefined> {
    this.#check()
    const { test } = this.#matcher
    while (this.#left > 0) {
      if (this.#index === this.#values.length && !this.#nextKey()) break
      const key = this.#key as K
      const value = this.#values[this.#index++] as V
      if (test !== undefined && !test(value, key)) continue
      this.#left--
      return { done: false, value: [key, value] }
    }
    this.#left = 0
    return { done: true, value: undefined }
  }

  take(limit: number): (readonly [K, V])[] {
    resolveOptions('cursor.take', { limit: 0 }, TAKE_CHECKS, { limit })
    const rows: (readonly [K, V])[] = []
    while (rows.length < limit) {
      const { done, value } = this.next()
      if (done === true) break
      rows.push(value)
    }
    return rows
  }

  [Symbol.iterator](): this {
    return this
  }

  #nextKey(): boolean {
    const entry = this.#scan()
    if (entry === undefined) return false
    this.#key = entry.key
    this.#values = this.#holding.values(entry.held)
    this.#index = 0
    return true
  }
}
