/**
 * The tables of a system: who owns which, their names, and what becomes of them. Invariant: a table is in
 * `extras.tables` of its owner, in the table of tables and under its name, or in none of them and closed.
 *
 * At the death of an owner its tables are gone or with their heirs before anybody sees an EXIT or DOWN for it.
 */
import { runningCell } from '../context.ts'
import {
  ArgumentError,
  LimitError,
  NoProcessError,
  SystemStoppedError,
  TableError,
} from '../errors.ts'
import { ItemKind, Message } from '../item.ts'
import { numberOption, oneOfOption, optional, resolveOptions, stringOption } from '../options.ts'
import { ProcessPid } from '../pid.ts'
import { TableCell } from './table-cell.ts'
import { TABLE_ENTRIES_LIMIT } from './table-store.ts'
import type { SystemCore } from '../core.ts'
import type { OptionCheck } from '../options.ts'
import type { ProcessCell } from '../process.ts'
import type { TableKey } from './table-key.ts'
import type {
  AnyTable,
  OrderedTable,
  TableHeir,
  TableOptions,
  Tables,
  TableTransfer,
} from './table.ts'
import type { Pid } from '../pid.ts'

type AnyCell = TableCell<TableKey, unknown>

const DEFAULTS: TableOptions = Object.freeze({
  type: 'set',
  name: undefined,
  access: 'protected',
  owner: undefined,
  heir: undefined,
  entriesMax: undefined,
})

const CHECKS: { readonly [K in keyof TableOptions]-?: OptionCheck } = {
  type: oneOfOption('set', 'ordered_set', 'bag', 'duplicate_bag'),
  name: optional(stringOption),
  access: oneOfOption('public', 'protected', 'private'),
  owner: {
    expected: "a pid or 'system'",
    test: (value) => value === 'system' || ProcessPid.is(value),
  },
  heir: {
    expected: '{ pid, data } with a pid',
    test: (value) =>
      typeof value === 'object' && value !== null && 'pid' in value && ProcessPid.is(value.pid),
  },
  entriesMax: numberOption(1, TABLE_ENTRIES_LIMIT),
}

/** All tables of one system. */
export class TableRegistry implements Tables {
  /** Inserts that a full table refused. */
  insertsRefused = 0
  readonly #core: SystemCore
  readonly #tables = new Set<AnyCell>()
  readonly #names = new Map<string, AnyCell>()

  constructor(core: SystemCore) {
    this.#core = core
  }

  get size(): number {
    return this.#tables.size
  }

  create<K extends TableKey, V>(options?: Partial<TableOptions>): OrderedTable<K, V> {
    const core = this.#core
    if (core.stopped) throw new SystemStoppedError(core.node)
    const given = resolveOptions<TableOptions>('tables.create', DEFAULTS, CHECKS, options)
    const { name, type, access } = given
    const { tablesMax, tableEntriesMax } = core.options
    const owner = this.#ownerOf(given.owner)
    const heir = this.checkHeir(given.heir)
    if (name !== undefined && this.#names.has(name)) {
      throw new TableError('ERR_TABLE_NAME_TAKEN', `there is a table '${name}' already`)
    }
    if (this.#tables.size >= tablesMax) {
      throw new LimitError('ERR_TABLES_MAX', 'tablesMax', tablesMax)
    }
    const entriesMax = given.entriesMax ?? tableEntriesMax
    const parts = { id: core.nextId(), name, type, access, owner, heir, entriesMax }
    const table = new TableCell<K, V>(this, parts)
    const cell = table as unknown as AnyCell
    this.#tables.add(cell)
    if (name !== undefined) this.#names.set(name, cell)
    if (owner !== undefined) tablesOf(owner).add(cell)
    return table
  }

  whereis(name: string): AnyTable | undefined {
    return this.#names.get(name)
  }

  all(): AnyTable[] {
    return [...this.#tables]
  }

  // --- for tables -----------------------------------------------------------------------------

  /** An heir may be dead, now or later: then it inherits nothing. */
  checkHeir(heir: TableHeir | undefined): TableHeir | undefined {
    if (heir === undefined) return undefined
    if (!ProcessPid.is(heir?.pid) || heir.pid.node !== this.#core.node) {
      throw new ArgumentError(
        'heir',
        '{ pid, data } with the pid of a process of this system',
        heir,
      )
    }
    return { pid: heir.pid, data: heir.data }
  }

  giveAway<K extends TableKey, V>(table: TableCell<K, V>, to: Pid, data: unknown): void {
    const owner = this.#liveOwner(to)
    if (owner === table.owner) {
      throw new ArgumentError('to', 'a process that does not own the table yet', to)
    }
    this.#transfer(table as unknown as AnyCell, owner, data)
  }

  remove<K extends TableKey, V>(table: TableCell<K, V>): void {
    const cell = table as unknown as AnyCell
    this.#tables.delete(cell)
    if (cell.name !== undefined) this.#names.delete(cell.name)
    if (cell.owner !== undefined) cell.owner.extras?.tables?.delete(cell)
    cell.close()
  }

  // --- for the system -------------------------------------------------------------------------

  /** A process ends: its tables go to their heirs, or with it. */
  ownerEnded(tables: ReadonlySet<AnyCell>): void {
    for (const table of [...tables]) {
      const { heir } = table
      const cell = heir === undefined ? undefined : this.#core.live(heir.pid)
      if (cell === undefined) this.remove(table)
      else this.#transfer(table, cell, heir?.data)
    }
  }

  /** The system has stopped. */
  close(): void {
    for (const table of [...this.#tables]) this.remove(table)
  }

  #transfer(table: AnyCell, to: ProcessCell, data: unknown): void {
    const from = table.owner
    from?.extras?.tables?.delete(table)
    table.owner = to
    tablesOf(to).add(table)
    const message: TableTransfer = { type: 'table_transfer', table, from: from?.pid, data }
    to.post(new Message(ItemKind.info, undefined, message)) // never refused: the table is there already
  }

  #ownerOf(owner: Pid | 'system' | undefined): ProcessCell | undefined {
    if (owner === 'system') return undefined
    if (owner !== undefined) return this.#liveOwner(owner)
    const running = runningCell()
    if (running?.core === this.#core) return running
    throw new ArgumentError('owner', "a pid or 'system' where no process runs synchronously", owner)
  }

  #liveOwner(pid: Pid): ProcessCell {
    if (!ProcessPid.is(pid)) throw new ArgumentError('pid', 'a pid', pid)
    const cell = this.#core.live(pid)
    if (cell === undefined) throw new NoProcessError(pid, 'a table needs a live local owner')
    return cell
  }
}

function tablesOf(cell: ProcessCell): Set<AnyCell> {
  return (cell.more().tables ??= new Set())
}
