/**
 * What is under one key, per type of table: a value, a set of values (`bag`: each once, as `Map` compares keys),
 * or a list (`duplicate_bag`). Pure but for the entry it is given.
 */
import { sameValue } from './table-match.ts'
import type { Entry } from './table-store.ts'
import type { TableType } from './table.ts'

/** How the values of a key are held. */
export interface Holding<V> {
  /** For the first value of a key. */
  hold(value: V): unknown
  /** Objects that `put` would add. */
  grows(held: unknown, value: V): number
  put(entry: Entry<unknown, unknown>, value: V): void
  /** A list of its own, oldest first. */
  values(held: unknown): V[]
  count(held: unknown): number
  /** Takes out all that are `value`; how many. */
  remove(entry: Entry<unknown, unknown>, value: V): number
}

/** The holding of a type; stateless. */
export function holdingOf<V>(type: TableType): Holding<V> {
  const holding = type === 'bag' ? several : type === 'duplicate_bag' ? repeated : single
  return holding as Holding<V>
}

const single: Holding<unknown> = {
  hold: (value) => value,
  grows: () => 0,
  put: (entry, value) => {
    entry.held = value
  },
  values: (held) => [held],
  count: () => 1,
  remove: (entry, value) => (sameValue(entry.held, value) ? 1 : 0),
}

const setOf = (held: unknown): Set<unknown> => held as Set<unknown>

const several: Holding<unknown> = {
  hold: (value) => new Set([value]),
  grows: (held, value) => (setOf(held).has(value) ? 0 : 1),
  put: (entry, value) => void setOf(entry.held).add(value),
  values: (held) => [...setOf(held)],
  count: (held) => setOf(held).size,
  remove: (entry, value) => (setOf(entry.held).delete(value) ? 1 : 0),
}

const listOf = (held: unknown): unknown[] => held as unknown[]

const repeated: Holding<unknown> = {
  hold: (value) => [value],
  grows: () => 1,
  put: (entry, value) => void listOf(entry.held).push(value),
  values: (held) => [...listOf(held)],
  count: (held) => listOf(held).length,
  remove: (entry, value) => {
    const before = listOf(entry.held)
    entry.held = before.filter((other) => !sameValue(other, value))
    return before.length - listOf(entry.held).length
  },
}
