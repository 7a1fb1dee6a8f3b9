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
  removeAll(entry: Entry<unknown, unknown>, value: V): number
  /** Takes out one for each of `values`; how many. */
  removeEach(entry: Entry<unknown, unknown>, values: readonly V[]): number
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
  removeAll: (entry, value) => (sameValue(entry.held, value) ? 1 : 0),
  removeEach: (entry, values) => (values.includes(entry.held) ? 1 : 0),
}

const setOf = (held: unknown): Set<unknown> => held as Set<unknown>

const several: Holding<unknown> = {
  hold: (value) => new Set([value]),
  grows: (held, value) => (setOf(held).has(value) ? 0 : 1),
  put: (entry, value) => void setOf(entry.held).add(value),
  values: (held) => [...setOf(held)],
  count: (held) => setOf(held).size,
  removeAll: (entry, value) => (setOf(entry.held).delete(value) ? 1 : 0),
  removeEach: (entry, values) => values.filter((value) => setOf(entry.held).delete(value)).length,
}

const listOf = (held: unknown): unknown[] => held as unknown[]

const repeated: Holding<unknown> = {
  hold: (value) => [value],
  grows: () => 1,
  put: (entry, value) => void listOf(entry.held).push(value),
  values: (held) => [...listOf(held)],
  count: (held) => listOf(held).length,
  removeAll: (entry, value) => keep(entry, (other) => !sameValue(other, value)),
  // One walk for all: a walk for each would be quadratic in the values of one key.
  removeEach: (entry, values) => {
    const times = new Map<unknown, number>()
    for (const value of values) times.set(value, (times.get(value) ?? 0) + 1)
    return keep(entry, (value) => {
      const left = times.get(value) ?? 0
      if (left > 0) times.set(value, left - 1)
      return left === 0
    })
  },
}

/** Takes out of a list what fails `test`; how many. */
function keep(entry: Entry<unknown, unknown>, test: (value: unknown) => boolean): number {
  const before = listOf(entry.held)
  const after = before.filter(test)
  entry.held = after
  return before.length - after.length
}
