/**
 * The implementation of every type of table. Invariants: `size` is the number of objects under all keys and at
 * most `entriesMax`; an operation that throws has changed nothing.
 */
import { runningCell } from '../context.ts'
import { ArgumentError, LimitError, TableError } from '../errors.ts'
import { booleanOption, numberOption, OptionError, optional, resolveOptions } from '../options.ts'
import { applySteps, isStepPart } from './table-counter.ts'
import { holdingOf } from './table-held.ts'
import { checkKey, isTableKey, KEY_EXPECTED, ownKey } from './table-key.ts'
import { compileMatch } from './table-match.ts'
import { Cursor } from './table-cursor.ts'
import { HashStore, isBeyond, OrderedStore } from './table-store.ts'
import type { ProcessCell } from '../process.ts'
import type { OptionCheck } from '../options.ts'
import type { CounterStep } from './table-counter.ts'
import type { Holding } from './table-held.ts'
import type { TableKey } from './table-key.ts'
import type { Matcher, TableMatch } from './table-match.ts'
import type { TableRegistry } from './table-registry.ts'
import type { Entry, Scan, Store } from './table-store.ts'
import type {
  OrderedTable,
  SelectOptions,
  TableAccess,
  TableCursor,
  TableHeir,
  TableInfo,
  TableType,
} from './table.ts'
import type { Pid } from '../pid.ts'

/** What a table is made of; checked. */
export interface TableParts {
  readonly id: number
  readonly name: string | undefined
  readonly type: TableType
  readonly access: TableAccess
  /** Undefined: the system. */
  readonly owner: ProcessCell | undefined
  readonly heir: TableHeir | undefined
  readonly entriesMax: number
}

type Row<K, V> = readonly [K, V]

type Right = 'read' | 'write' | 'own'

const keyOption: OptionCheck = { expected: KEY_EXPECTED, test: isTableKey }

const SELECT_DEFAULTS = Object.freeze({
  limit: Infinity,
  reverse: false,
  gt: undefined,
  gte: undefined,
  lt: undefined,
  lte: undefined,
}) satisfies SelectOptions<TableKey>

const SELECT_CHECKS = {
  limit: numberOption(0, Infinity),
  reverse: booleanOption,
  gt: optional(keyOption),
  gte: optional(keyOption),
  lt: optional(keyOption),
  lte: optional(keyOption),
}

/** A table. */
export class TableCell<K extends TableKey, V> implements OrderedTable<K, V> {
  readonly id: number
  readonly name: string | undefined
  readonly type: TableType
  owner: ProcessCell | undefined
  heir: TableHeir | undefined
  readonly #access: TableAccess
  readonly #entriesMax: number
  readonly #registry: TableRegistry
  readonly #holding: Holding<V>
  readonly #store: Store<K, unknown>
  #size = 0
  #exists = true

  constructor(registry: TableRegistry, parts: TableParts) {
    this.id = parts.id
    this.name = parts.name
    this.type = parts.type
    this.owner = parts.owner
    this.heir = parts.heir
    this.#access = parts.access
    this.#entriesMax = parts.entriesMax
    this.#registry = registry
    this.#holding = holdingOf<V>(parts.type)
    this.#store = parts.type === 'ordered_set' ? new OrderedStore() : new HashStore()
  }

  get size(): number {
    return this.#size
  }
  get exists(): boolean {
    return this.#exists
  }

  // --- write ----------------------------------------------------------------------------------

  insert(key: K, value: V): void {
    this.#check('write')
    checkKey(key)
    const entry = this.#store.get(key)
    this.#checkRoom(entry === undefined ? 1 : this.#holding.grows(entry.held, value))
    this.#put(key, value, entry)
  }

  insertNew(key: K, value: V): boolean {
    this.#check('write')
    checkKey(key)
    if (this.#store.get(key) !== undefined) return false
    this.#checkRoom(1)
    this.#put(key, value, undefined)
    return true
  }

  insertAll(entries: Iterable<Row<K, V>>): void {
    this.#check('write')
    const rows = checkedRows(entries)
    this.#check('write') // to read the entries may have ended the table
    this.#putAll(rows)
  }

  insertAllNew(entries: Iterable<Row<K, V>>): boolean {
    this.#check('write')
    const rows = checkedRows(entries)
    this.#check('write')
    if (rows.some(([key]) => this.#store.get(key) !== undefined)) return false
    this.#putAll(rows)
    return true
  }

  take(key: K): V[] {
    this.#check('write')
    checkKey(key)
    const entry = this.#store.remove(key)
    if (entry === undefined) return []
    const values = this.#holding.values(entry.held)
    this.#size -= values.length
    return values
  }

  delete(key: K): boolean {
    this.#check('write')
    checkKey(key)
    return this.#remove(key)
  }

  deleteObject(key: K, value: V): boolean {
    this.#check('write')
    checkKey(key)
    return this.#removeObjects(key, (entry) => this.#holding.removeAll(entry, value)) > 0
  }

  deleteAll(): void {
    this.#check('write')
    this.#store.clear()
    this.#size = 0
  }

  updateCounter(key: K, step: number | CounterStep, initial?: V): number
  updateCounter(key: K, step: bigint | CounterStep<bigint>, initial?: V): bigint
  updateCounter(key: K, steps: readonly CounterStep[], initial?: V): number[]
  updateCounter(key: K, steps: readonly CounterStep<bigint>[], initial?: V): bigint[]
  updateCounter(key: K, step: unknown, initial?: V): never {
    this.#check('write')
    checkKey(key)
    if (this.type !== 'set' && this.type !== 'ordered_set') throw this.#notFor('updateCounter')
    const entry = this.#store.get(key)
    const before = entry === undefined ? initial : entry.held
    if (entry === undefined && initial === undefined) {
      throw new TableError(
        'ERR_TABLE_COUNTER',
        `${this.label} has no such key, and no initial value`,
      )
    }
    if (entry === undefined) this.#checkRoom(1)
    const several = Array.isArray(step)
    const { value, results } = applySteps(before, several ? step.map(stepOf) : [stepOf(step)])
    this.#put(key, value as V, entry)
    return (several ? results : results[0]) as never
  }

  // --- read -----------------------------------------------------------------------------------

  get(key: K): V | undefined
  get<D>(key: K, otherwise: D): V | D
  get(key: K, otherwise?: unknown): unknown {
    this.#check('read')
    checkKey(key)
    if (this.type !== 'set' && this.type !== 'ordered_set') throw this.#notFor('get')
    const entry = this.#store.get(key)
    return entry === undefined ? otherwise : entry.held
  }

  lookup(key: K): V[] {
    this.#check('read')
    checkKey(key)
    const entry = this.#store.get(key)
    return entry === undefined ? [] : this.#holding.values(entry.held)
  }

  member(key: K): boolean {
    this.#check('read')
    checkKey(key)
    return this.#store.get(key) !== undefined
  }

  first(): K | undefined {
    return this.#ordered('first').end('first')?.key
  }
  last(): K | undefined {
    return this.#ordered('last').end('last')?.key
  }
  next(key: K): K | undefined {
    checkKey(key)
    return this.#ordered('next').above(key)?.key
  }
  prev(key: K): K | undefined {
    checkKey(key)
    return this.#ordered('prev').below(key)?.key
  }

  select(match?: TableMatch<K, V>, options?: SelectOptions<K>): Row<K, V>[] {
    return this.cursor(match, options).take(Infinity)
  }

  selectCount(match?: TableMatch<K, V>, options?: SelectOptions<K>): number {
    let count = 0
    for (const cursor = this.cursor(match, options); cursor.next().done !== true;) count++
    return count
  }

  selectDelete(match?: TableMatch<K, V>, options?: SelectOptions<K>): number {
    this.#check('write')
    const found = this.#byKey(match, options)
    let removed = 0
    for (const [key, values] of found) {
      removed += this.#removeObjects(key, (entry) => this.#holding.removeEach(entry, values))
    }
    return removed
  }

  foldl<A>(fn: (accumulator: A, value: V, key: K) => A, initial: A): A {
    let accumulator = initial
    for (const [key, value] of this.cursor()) accumulator = fn(accumulator, value, key)
    return accumulator
  }

  cursor(match?: TableMatch<K, V>, options?: SelectOptions<K>): TableCursor<K, V> {
    this.#check('read')
    const matcher = compileMatch(match)
    const range =
      options === undefined
        ? SELECT_DEFAULTS
        : resolveOptions<SelectOptions<TableKey>>('select', SELECT_DEFAULTS, SELECT_CHECKS, options)
    if (range !== SELECT_DEFAULTS && this.type !== 'ordered_set' && isOrderly(range)) {
      throw this.#notFor('order or bounds')
    }
    checkSides(range)
    const scan = this.#scan(matcher, range as SelectOptions<K>)
    const check = (): void => this.#check('read')
    return new Cursor(scan, matcher, this.#holding, range.limit ?? Infinity, check)
  }

  [Symbol.iterator](): TableCursor<K, V> {
    return this.cursor()
  }

  info(): TableInfo {
    if (!this.#exists) throw this.#gone()
    return {
      id: this.id,
      name: this.name,
      type: this.type,
      access: this.#access,
      owner: this.owner?.pid ?? 'system',
      heir: this.heir?.pid,
      size: this.#size,
      entriesMax: this.#entriesMax,
    }
  }

  // --- own ------------------------------------------------------------------------------------

  setHeir(heir: TableHeir | undefined): void {
    this.#check('own')
    this.heir = this.#registry.checkHeir(heir)
  }

  giveAway(to: Pid, data?: unknown): void {
    this.#check('own')
    this.#registry.giveAway(this, to, data)
  }

  drop(): void {
    this.#check('write')
    this.#registry.remove(this)
  }

  /** Ends the table: everything it held is free, every further use fails. For the registry. */
  close(): void {
    this.#exists = false
    this.#store.clear()
    this.#size = 0
    this.owner = undefined
    this.heir = undefined
  }

  get label(): string {
    return this.name === undefined ? `table #${this.id}` : `table '${this.name}'`
  }

  // --- inside ---------------------------------------------------------------------------------

  #check(right: Right): void {
    if (!this.#exists) throw this.#gone()
    const running = runningCell()
    if (running === undefined || running === this.owner) return
    const open =
      right === 'read'
        ? this.#access !== 'private'
        : right === 'write'
          ? this.#access === 'public'
          : false
    if (open) return
    throw new TableError(
      'ERR_TABLE_ACCESS',
      `${running.pid.toString()} may not ${right} ${this.label}, which is ${this.#access} and ` +
        `belongs to ${this.owner?.pid.toString() ?? 'the system'}`,
    )
  }

  #checkRoom(objects: number): void {
    if (this.#size + objects <= this.#entriesMax) return
    this.#registry.insertsRefused++
    throw new LimitError('ERR_TABLE_ENTRIES_MAX', 'tableEntriesMax', this.#entriesMax)
  }

  /** The key is checked and there is room. */
  #put(key: K, value: V, entry: Entry<K, unknown> | undefined): void {
    if (entry === undefined) {
      this.#store.add(ownKey(key), this.#holding.hold(value))
      this.#size++
    } else {
      this.#size += this.#holding.grows(entry.held, value)
      this.#holding.put(entry, value)
    }
  }

  #putAll(rows: readonly Row<K, V>[]): void {
    if (this.#size + rows.length > this.#entriesMax) this.#checkRoom(this.#growth(rows))
    for (const [key, value] of rows) this.#put(key, value, this.#store.get(key))
  }

  /** Objects that `rows` would add, found out by putting them into a table of their own. */
  #growth(rows: readonly Row<K, V>[]): number {
    const holding = this.#holding
    const scratch = new HashStore<K, unknown>()
    let growth = 0
    for (const [key, value] of rows) {
      const here = this.#store.get(key)
      const earlier = scratch.get(key)
      const isNewHere = here === undefined || holding.grows(here.held, value) > 0
      if (earlier === undefined) {
        scratch.add(key, holding.hold(value))
        if (isNewHere) growth++
      } else {
        const isNew = holding.grows(earlier.held, value) > 0
        holding.put(earlier, value)
        if (isNew && isNewHere) growth++
      }
    }
    return growth
  }

  #remove(key: K): boolean {
    const entry = this.#store.remove(key)
    if (entry === undefined) return false
    this.#size -= this.#holding.count(entry.held)
    return true
  }

  #removeObjects(key: K, remove: (entry: Entry<K, unknown>) => number): number {
    const entry = this.#store.get(key)
    if (entry === undefined) return 0
    const count = this.#holding.count(entry.held)
    const removed = remove(entry)
    this.#size -= removed
    if (removed === count) this.#store.remove(key)
    return removed
  }

  /** What matches, found before anything changes: a test may throw, or use the table itself. */
  #byKey(match?: TableMatch<K, V>, options?: SelectOptions<K>): (readonly [K, V[]])[] {
    const found: (readonly [K, V[]])[] = []
    for (const [key, value] of this.cursor(match, options)) {
      const last = found.at(-1)
      if (last?.[0] === key) last[1].push(value)
      else found.push([key, [value]])
    }
    return found
  }

  /** A pattern that names its key needs no walk. */
  #scan(matcher: Matcher<K, V>, range: SelectOptions<K>): Scan<K, unknown> {
    const { only } = matcher
    if (only === undefined) return this.#store.scan(range)
    let done =
      isBeyond(only, { ...range, reverse: false }) || isBeyond(only, { ...range, reverse: true })
    return () => {
      if (done) return undefined
      done = true
      return this.#store.get(only)
    }
  }

  #ordered(what: string): OrderedStore<K, unknown> {
    this.#check('read')
    if (!(this.#store instanceof OrderedStore)) throw this.#notFor(what)
    return this.#store as OrderedStore<K, unknown>
  }

  #gone(): TableError {
    return new TableError(
      'ERR_TABLE_GONE',
      `${this.label} is gone: dropped, or ended with its owner or the system`,
    )
  }

  #notFor(what: string): TableError {
    return new TableError('ERR_TABLE_TYPE', `${this.label} is a ${this.type}: it has no ${what}`)
  }
}

function isOrderly(range: SelectOptions<TableKey>): boolean {
  const { reverse, gt, gte, lt, lte } = range
  return reverse === true || [gt, gte, lt, lte].some((bound) => bound !== undefined)
}

/** Two bounds of one side are a mistake: one of them would say nothing. */
function checkSides({ gt, gte, lt, lte }: SelectOptions<TableKey>): void {
  const both = gt !== undefined && gte !== undefined ? 'g' : 'l'
  if (both === 'l' && (lt === undefined || lte === undefined)) return
  const message = `select: options '${both}t' and '${both}te' exclude each other`
  throw new OptionError('ERR_OPTION_INVALID', `${both}te`, message)
}

/** A list of its own: what `entries` is may change the table while it gives them. */
function checkedRows<K extends TableKey, V>(entries: Iterable<Row<K, V>>): Row<K, V>[] {
  if (typeof (entries as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !== 'function') {
    throw new ArgumentError('entries', 'an iterable of pairs [key, value]', entries)
  }
  return Array.from(entries, (row) => {
    if (!Array.isArray(row) || row.length !== 2) {
      throw new ArgumentError('entries', 'pairs [key, value]', row)
    }
    checkKey(row[0])
    return row
  })
}

function stepOf(step: unknown): CounterStep {
  if (typeof step === 'number' || typeof step === 'bigint') return { increment: step as number }
  if (typeof step !== 'object' || step === null || !Object.keys(step).every(isStepPart)) {
    throw new ArgumentError(
      'step',
      'a number, a bigint, or { increment, field, threshold, setValue }',
      step,
    )
  }
  return step as CounterStep
}
