/**
 * Tables: data that outlives a message and is shared by processes, as Erlang's ETS. A table belongs to a
 * process and ends with it, unless it has an heir.
 *
 * - All processes of a system share one heap: values are passed by reference and never copied. Freeze what you
 *   share. Arrays as keys are copied, and frozen.
 * - Everything is synchronous and therefore atomic: nobody sees half of an `insertAll` or `updateCounter`.
 * - Access guards against mistakes, not against malice: an operation is checked against the process that runs
 *   synchronously. Where none is known (outside processes, or after an `await`) it is allowed.
 *
 * The module follows stdlib's `ets`; the runtime README lists what differs.
 */
import type { CounterStep } from './table-counter.ts'
import type { TableKey } from './table-key.ts'
import type { TableMatch } from './table-match.ts'
import type { TableRange } from './table-store.ts'
import type { Pid } from '../pid.ts'

/** One value per key (`set`, in no order; `ordered_set`, in key order) or several (`bag`, each once). */
export type TableType = 'set' | 'ordered_set' | 'bag' | 'duplicate_bag'

/** Who may do what besides the owner: everything, read, nothing. */
export type TableAccess = 'public' | 'protected' | 'private'

/** Who gets a table when its owner ends, and what it is told. */
export interface TableHeir {
  readonly pid: Pid
  /** Goes into the `table_transfer` message. */
  readonly data?: unknown
}

/** Dials of a table. */
export interface TableOptions {
  /** Default `'set'`. */
  readonly type: TableType
  /** Unique in the system; `system.tables.whereis(name)` finds it. Default none. */
  readonly name: string | undefined
  /** Default `'protected'`: all may read, the owner may write. */
  readonly access: TableAccess
  /** The process it ends with, or `'system'`. Default the process that runs synchronously; without one say it. */
  readonly owner: Pid | 'system' | undefined
  /** Who inherits it; default nobody. A dead heir inherits nothing. */
  readonly heir: TableHeir | undefined
  /**
   * Objects it holds; default the system's `tableEntriesMax`. `ERR_TABLE_ENTRIES_MAX`. Higher: memory, about
   * 100 bytes an entry besides the values.
   */
  readonly entriesMax: number | undefined
}

/** What a process is told that has become a table's owner (`'ETS-TRANSFER'`). It comes as a plain message. */
export interface TableTransfer {
  readonly type: 'table_transfer'
  readonly table: AnyTable
  /** The owner before; it may be dead by now. Undefined if it was the system. */
  readonly from: Pid | undefined
  /** As the heir option or `giveAway` had it. */
  readonly data: unknown
}

/** Facts about a table. */
export interface TableInfo {
  readonly id: number
  readonly name: string | undefined
  readonly type: TableType
  readonly access: TableAccess
  readonly owner: Pid | 'system'
  readonly heir: Pid | undefined
  /** Objects it holds. */
  readonly size: number
  readonly entriesMax: number
}

/** How much is selected, and in `ordered_set` tables where and in which order. */
export interface SelectOptions<K> extends TableRange<K> {
  /** At most so many. Default all. */
  readonly limit?: number | undefined
}

/**
 * A place in a table from which a selection goes on, in steps of any size: what `ets:select/1` does with a
 * continuation. It survives every change of the table (see `Table.cursor`).
 */
export interface TableCursor<K, V> extends IterableIterator<readonly [K, V]> {
  /** The next entries, at most `limit`; none at the end. */
  take(limit: number): (readonly [K, V])[]
}

/** What tables of all types can do. Every operation throws `ERR_TABLE_GONE` once the table has ended. */
export interface Table<K extends TableKey = TableKey, V = unknown> {
  readonly id: number
  readonly name: string | undefined
  readonly type: TableType
  /** Objects it holds: in bags every value of a key counts. */
  readonly size: number
  /** False once it was dropped or has ended with its owner. */
  readonly exists: boolean

  /** Replaces the value of `key`; in bags adds one. */
  insert(key: K, value: V): void
  /** All or, when one of them is refused, none. */
  insertAll(entries: Iterable<readonly [K, V]>): void
  /** False and no change if the key is there. */
  insertNew(key: K, value: V): boolean
  /** False and no change if one of the keys is there. */
  insertAllNew(entries: Iterable<readonly [K, V]>): boolean
  /** The values of `key`: none, one, or in bags several, oldest first. */
  lookup(key: K): V[]
  member(key: K): boolean
  /** As `lookup`, and takes them out. */
  take(key: K): V[]
  /** Takes out what is under `key`; whether anything was. */
  delete(key: K): boolean
  /** Takes out one object, in a `duplicate_bag` all equal ones; whether it was there. */
  deleteObject(key: K, value: V): boolean
  deleteAll(): void

  select(match?: TableMatch<K, V>, options?: SelectOptions<K>): (readonly [K, V])[]
  selectCount(match?: TableMatch<K, V>, options?: SelectOptions<K>): number
  /** Takes out what matches; how many that were. */
  selectDelete(match?: TableMatch<K, V>, options?: SelectOptions<K>): number
  foldl<A>(fn: (accumulator: A, value: V, key: K) => A, initial: A): A
  /**
   * An iterator that survives changes, also deletes of what it stands on: objects that are there from its start
   * to its end come exactly once, deleted ones do not come, later ones neither. The values of one key of a bag
   * are those it had when the cursor came to it.
   */
  cursor(match?: TableMatch<K, V>, options?: SelectOptions<K>): TableCursor<K, V>
  [Symbol.iterator](): TableCursor<K, V>

  info(): TableInfo
  /** Only the owner may; `undefined` for nobody. */
  setHeir(heir: TableHeir | undefined): void
  /** Makes a live local process the owner and tells it, see {@link TableTransfer}. Only the owner may. */
  giveAway(to: Pid, data?: unknown): void
  /** Ends the table. Who may write may. */
  drop(): void
}

/** A `set`: one value per key. */
export interface SetTable<K extends TableKey = TableKey, V = unknown> extends Table<K, V> {
  get(key: K): V | undefined
  get<D>(key: K, otherwise: D): V | D
  /**
   * Adds to a counter and gives its new value; with several steps, of each step. All of them happen, or none.
   * Starts from `initial` if the key is not there; without one that is `ERR_TABLE_COUNTER`.
   */
  updateCounter(key: K, step: number | CounterStep, initial?: V): number
  updateCounter(key: K, step: bigint | CounterStep<bigint>, initial?: V): bigint
  updateCounter(key: K, steps: readonly CounterStep[], initial?: V): number[]
  updateCounter(key: K, steps: readonly CounterStep<bigint>[], initial?: V): bigint[]
}

/** An `ordered_set`: one value per key, keys in order; all of these O(log n). */
export interface OrderedTable<K extends TableKey = TableKey, V = unknown> extends SetTable<K, V> {
  first(): K | undefined
  last(): K | undefined
  /** The next key above `key`, which need not be there itself. */
  next(key: K): K | undefined
  /** The next key below `key`, which need not be there itself. */
  prev(key: K): K | undefined
}

/** A table of a type not known at compile time: check `type`. */
export type AnyTable = Table<TableKey, unknown>

/** The tables of one system, `system.tables`. They are gone when the system has stopped. */
export interface Tables {
  /** Tables there are. */
  readonly size: number
  create<K extends TableKey, V>(
    options: Partial<TableOptions> & { readonly type: 'ordered_set' },
  ): OrderedTable<K, V>
  create<K extends TableKey, V>(
    options: Partial<TableOptions> & { readonly type: 'bag' | 'duplicate_bag' },
  ): Table<K, V>
  /** Throws `ERR_TABLE_NAME_TAKEN`, `ERR_TABLES_MAX`, `ERR_NOPROC` for an owner that is not alive here. */
  create<K extends TableKey, V>(
    options?: Partial<TableOptions> & { readonly type?: 'set' | undefined },
  ): SetTable<K, V>
  /** The table of that name. */
  whereis(name: string): AnyTable | undefined
  all(): AnyTable[]
}
