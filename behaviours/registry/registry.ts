/**
 * Registries, as Elixir's: processes found by key, with a value each. Unique keys are names (`via`),
 * duplicate keys are topics (`dispatch`).
 *
 * A registry is a supervised process that owns a table; reading and writing the table is a function
 * call, not a message. The process is linked to every owner: an owner's end removes its entries, a
 * crash of the registry ends the owners that do not trap exits, because their registrations are
 * gone. A read never shows a dead owner, also before its EXIT was handled.
 *
 * Owners are local processes; for names of a cluster see dist. Differs from Elixir: the owner is an
 * argument, because "the running process" is known only synchronously.
 */
import {
  homeOf,
  isPid,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  pidEquals,
  resolveOptions,
  type ExitReason,
  type OptionCheck,
  type Pid,
  type Process,
  type System,
  type Via,
} from '../../runtime/index.ts'
import type { ChildSpec } from '../supervisor/child-spec.ts'
import { contract, type Contract, type Ref } from '../server/contract.ts'
import {
  AlreadyRegisteredKeyError,
  RegistryFullError,
  RegistryKindError,
  RegistryOwnerError,
  RegistryStoppedError,
} from './registry-errors.ts'
import { pickSystem, stopProcess, type Filled, type StopOptions } from '../server/gen.ts'
import { childSpec, implementAs, type ChildOptions, type Server } from '../server/gen-server.ts'
import { KeyLocks } from './registry-locks.ts'
import { RegistryTable, type KeyedEntry, type RegistryEntry } from './registry-table.ts'
import { noreply } from '../server/results.ts'
import { serverState } from '../server/server-cell.ts'
import type { Peer } from '../server/process-operations.ts'
import { processOf } from '../server/server-context.ts'

/** How a registry is started. */
export interface RegistryOptions {
  /** Found by `Registry.named(name)`, also after a restart. */
  readonly name?: string | undefined
  /** `unique` (default): one owner per key. `duplicate`: any number. */
  readonly keys?: 'unique' | 'duplicate' | undefined
  /** Processes that get a {@link RegistryEvent} for each registration; names are looked up each time. */
  readonly listeners?: readonly (Pid | string)[] | undefined
  /** Entries at most; beyond it `register` throws. Default 1,000,000, about 200 bytes each. */
  readonly entriesMax?: number | undefined
  /** See `ServerOptions`. */
  readonly system?: System | undefined
  /** See `ServerOptions`. */
  readonly parent?: Pid | undefined
  /** See `ServerOptions`. */
  readonly link?: boolean | undefined
}

/** What listeners get. The end of an owner is no event: monitor it. */
export interface RegistryEvent<K = unknown, V = unknown> {
  readonly type: 'register' | 'unregister'
  /** The registry's name, or its pid in words. */
  readonly registry: string
  readonly key: K
  readonly pid: Pid
  /** Only with `register`. */
  readonly value?: V
}

/** A registry in use. */
export interface RegistryHandle<K = unknown, V = unknown> {
  /** The registry process. Throws `ERR_REGISTRY_STOPPED` when it is not there. */
  readonly pid: Pid
  /** Registers `owner` under `key`; throws if a unique key is taken, also by `owner` itself. */
  register(key: K, owner: Peer, ...value: undefined extends V ? [value?: V] : [value: V]): void
  /** Removes `owner`'s entries of `key`; false, and nothing happens, if it has none (R-06). */
  unregister(key: K, owner: Peer): boolean
  /** Entries of `key`: none, one, or for duplicate keys many. */
  lookup(key: K): readonly RegistryEntry<V>[]
  /** The owner of a unique key. */
  whereis(key: K): Pid | undefined
  /** Keys of `owner`. */
  keys(owner: Peer): readonly K[]
  /** `owner`'s values under `key`. */
  values(key: K, owner: Peer): readonly V[]
  /** Changes the value of a unique key; undefined if `owner` does not hold it. */
  updateValue(
    key: K,
    owner: Peer,
    update: (value: V) => V,
  ): { readonly value: V; readonly previous: V } | undefined
  /** Calls `fn` with all entries of `key`, or not at all if there are none. */
  dispatch(key: K, fn: (entries: readonly RegistryEntry<V>[]) => void): void
  /** Entries that `predicate` accepts. */
  select(predicate: (entry: KeyedEntry<K, V>) => boolean): readonly KeyedEntry<K, V>[]
  /** Entries of live owners. */
  count(): number
  /** Keeps a value beside the entries, for the registry's users to agree on. */
  putMeta(key: string, value: unknown): void
  meta(key: string): unknown
  deleteMeta(key: string): void
  /** The name `key` for `start({ name })`, `call` and `cast`; unique keys only. */
  via(key: K, ...value: undefined extends V ? [value?: V] : [value: V]): Via
  /**
   * Runs `fn` while no other `lock` of the same key runs. The lock is free again when `fn` is done or
   * throws, or when `owner` dies; an owner that dies waiting is passed over. `signal` ends the
   * waiting, not a running `fn`.
   */
  lock<T>(
    key: unknown,
    owner: Peer,
    fn: () => T | Promise<T>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<T>
  /** Ends the registry process; its owners that do not trap exits survive a `normal` end only. */
  stop(reason?: ExitReason, options?: StopOptions): Promise<void>
}

/** Registries have no messages: the handle works on the table. */
export interface RegistryApi {
  call: {}
  cast: {}
}

const RegistryContract: Contract<RegistryApi> = contract('fovea.registry/1', { call: {}, cast: {} })

type Checked = Filled<RegistryOptions, 'keys' | 'listeners' | 'entriesMax'>

const anything: OptionCheck = { expected: 'a value', test: () => true }

const defaults: RegistryOptions = Object.freeze({
  keys: 'unique',
  listeners: [],
  entriesMax: 1_000_000,
})

const checks: { readonly [K in keyof RegistryOptions]-?: OptionCheck } = {
  name: optional(anything),
  keys: oneOfOption('unique', 'duplicate'),
  listeners: { expected: 'a list of pids or names', test: Array.isArray },
  entriesMax: numberOption(0, Number.MAX_SAFE_INTEGER),
  system: optional(objectOption),
  parent: optional(anything),
  link: optional(anything),
}

/** State of a registry process. */
class RegistryState {
  readonly process: Process
  readonly table: RegistryTable
  readonly options: Checked
  readonly meta = new Map<string, unknown>()
  readonly locks: KeyLocks

  constructor(process: Process, options: Checked) {
    this.process = process
    this.options = options
    this.table = new RegistryTable(options.keys === 'unique')
    this.locks = new KeyLocks(process.system)
  }

  get label(): string {
    return this.options.name ?? `registry ${String(this.process.pid)}`
  }

  tell(event: RegistryEvent): void {
    const { system } = this.process
    for (const listener of this.options.listeners) {
      if (typeof listener !== 'string' || system.whereis(listener) !== undefined) {
        system.send(listener, event)
      }
    }
  }
}

const server: Server<RegistryApi, Checked> = implementAs<RegistryApi, Checked, RegistryState>(
  RegistryContract,
  {
    init: (options, ctx) => new RegistryState(processOf(ctx), options),
    call: {},
    cast: {},
    info: (state, info, ctx) => {
      if (info.type === 'exit') state.table.removeOwner(info.from)
      else ctx.system.logger.warn({ registry: state.label, type: info.type }, 'message ignored')
      return noreply(state)
    },
  },
  {
    behaviour: 'registry',
    sealed: true,
    view: ({ table }: RegistryState) => [...table.all()],
    status: ({ options, table }: RegistryState) => ({ keys: options.keys, entries: table.size }),
  },
)

const pidOf = (peer: Peer): Pid => (isPid(peer) ? peer : peer.pid)

class Handle implements RegistryHandle {
  readonly #find: () => Pid | undefined
  readonly #label: string

  constructor(find: () => Pid | undefined, label: string) {
    this.#find = find
    this.#label = label
  }

  get #state(): RegistryState {
    const pid = this.#find()
    const process = pid === undefined ? undefined : homeOf(pid).process(pid)
    const state = process === undefined ? undefined : serverState(process)
    if (!(state instanceof RegistryState)) throw new RegistryStoppedError(this.#label)
    return state
  }
  get pid(): Pid {
    return this.#state.process.pid
  }
  register(key: unknown, peer: Peer, value?: unknown): void {
    const state = this.#state
    const { process, table, options, label } = state
    const { system } = process
    const pid = pidOf(peer)
    if (!system.isAlive(pid)) throw new RegistryOwnerError(label, pid)
    if (table.unique) {
      const [holder] = table.entries(key)
      if (holder !== undefined && system.isAlive(holder.pid)) {
        throw new AlreadyRegisteredKeyError(label, key, holder.pid)
      }
      if (holder !== undefined) table.remove(key, holder.pid)
    }
    if (table.size >= options.entriesMax) throw new RegistryFullError(label, options.entriesMax)
    if (!table.owns(pid)) system.link(process.pid, pid)
    table.add(key, { pid, value })
    state.tell({ type: 'register', registry: label, key, pid, value })
  }
  unregister(key: unknown, peer: Peer): boolean {
    const state = this.#state
    const { process, table, label } = state
    const pid = pidOf(peer)
    const count = table.remove(key, pid)
    const { parent } = process
    if (count > 0 && !table.owns(pid) && !(parent !== undefined && pidEquals(parent, pid))) {
      process.system.unlink(process.pid, pid)
    }
    for (let i = 0; i < count; i++) state.tell({ type: 'unregister', registry: label, key, pid })
    return count > 0
  }
  lookup(key: unknown): readonly RegistryEntry[] {
    const { process, table } = this.#state
    return table.entries(key).filter(({ pid }) => process.system.isAlive(pid))
  }
  whereis(key: unknown): Pid | undefined {
    const { table, label } = this.#state
    if (!table.unique) throw new RegistryKindError(label, 'whereis', 'unique')
    return this.lookup(key)[0]?.pid
  }
  keys(owner: Peer): readonly unknown[] {
    const { process, table } = this.#state
    return process.system.isAlive(pidOf(owner)) ? table.keysOf(pidOf(owner)) : []
  }
  values(key: unknown, owner: Peer): readonly unknown[] {
    const pid = pidOf(owner)
    return this.lookup(key)
      .filter((entry) => pidEquals(entry.pid, pid))
      .map(({ value }) => value)
  }
  updateValue(
    key: unknown,
    owner: Peer,
    update: (value: unknown) => unknown,
  ): { readonly value: unknown; readonly previous: unknown } | undefined {
    const { table, label } = this.#state
    if (!table.unique) throw new RegistryKindError(label, 'updateValue', 'unique')
    const [holder] = this.lookup(key)
    if (holder === undefined || !pidEquals(holder.pid, pidOf(owner))) return undefined
    const value = update(holder.value)
    table.replace(key, { pid: holder.pid, value })
    return { value, previous: holder.value }
  }
  dispatch(key: unknown, fn: (entries: readonly RegistryEntry[]) => void): void {
    const entries = this.lookup(key)
    if (entries.length > 0) fn(entries)
  }
  select(predicate: (entry: KeyedEntry) => boolean): readonly KeyedEntry[] {
    const { process, table } = this.#state
    return [...table.all()].filter((entry) => process.system.isAlive(entry.pid) && predicate(entry))
  }
  count(): number {
    return this.select(() => true).length
  }
  putMeta(key: string, value: unknown): void {
    this.#state.meta.set(key, value)
  }
  meta(key: string): unknown {
    return this.#state.meta.get(key)
  }
  deleteMeta(key: string): void {
    this.#state.meta.delete(key)
  }
  /** A name can be given in a specification before the registry, another child of the same tree, runs. */
  via(key: unknown, value?: unknown): Via {
    if (this.#find() !== undefined) this.checkNames()
    return new RegistryVia(this, key, value)
  }
  checkNames(): void {
    const { table, label } = this.#state
    if (!table.unique) throw new RegistryKindError(label, 'via', 'unique')
  }
  lock<T>(
    key: unknown,
    owner: Peer,
    fn: () => T | Promise<T>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    return this.#state.locks.run(key, pidOf(owner), fn, options.signal)
  }
  stop(reason?: ExitReason, options?: StopOptions): Promise<void> {
    return stopProcess(this.pid, reason, options)
  }
}

/** One key of a registry as a name. */
class RegistryVia implements Via {
  readonly #registry: Handle
  readonly #key: unknown
  readonly #value: unknown

  constructor(registry: Handle, key: unknown, value: unknown) {
    this.#registry = registry
    this.#key = key
    this.#value = value
  }
  get label(): string {
    return String(this.#key)
  }
  /** Nobody while the registry does not run, as for a name that nobody has. */
  whereisName(): Pid | undefined {
    try {
      return this.#registry.whereis(this.#key)
    } catch (error) {
      if (error instanceof RegistryStoppedError) return undefined
      throw error
    }
  }
  registerName(pid: Pid): boolean {
    this.#registry.checkNames()
    try {
      this.#registry.register(this.#key, pid, this.#value)
      return true
    } catch (error) {
      if (error instanceof AlreadyRegisteredKeyError) return false
      throw error
    }
  }
  unregisterName(): void {
    const holder = this.#registry.whereis(this.#key)
    if (holder !== undefined) this.#registry.unregister(this.#key, holder)
  }
}

/** The functions of {@link Registry}. */
export interface RegistryFunctions {
  /** Starts a registry. */
  start<K = unknown, V = unknown>(options?: RegistryOptions): Promise<RegistryHandle<K, V>>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink<K = unknown, V = unknown>(options?: RegistryOptions): Promise<RegistryHandle<K, V>>
  /** A child specification; use `named` to find the registry again after a restart. */
  child(
    options: Omit<RegistryOptions, 'system' | 'parent' | 'link'>,
    child?: Omit<ChildOptions, 'options'>,
  ): ChildSpec<Ref<RegistryApi>>
  /** The registry of that name, looked up at each use. */
  named<K = unknown, V = unknown>(
    name: string,
    options?: { readonly system?: System },
  ): RegistryHandle<K, V>
}

/**
 * Registries.
 *
 * @example
 * const Room = defineServer({ init: (title: string) => title, call: {}, cast: {} })
 * const rooms = await Registry.start<string>({ name: 'rooms' })
 * const lobby = await Room.start('lobby', { name: rooms.via('lobby') })
 * assert.equal(rooms.whereis('lobby'), lobby.pid)
 * await GenServer.stop(lobby)
 * await GenServer.stop(rooms)
 */
export const Registry: RegistryFunctions = Object.freeze<RegistryFunctions>({
  start: async (options) => handleOf(await startRegistry(options)),
  startLink: async (options) => handleOf(await startRegistry({ ...options, link: true })),
  child: (options, { id = options.name ?? 'registry', ...rest } = {}) =>
    childSpec(id, rest, async ({ system, parent }) => {
      const { ref } = await startRegistry({ ...options, system, parent, link: true })
      return ref
    }),
  named: (name, options = {}) => {
    const system = pickSystem(options)
    return new Handle(() => system.whereis(name), name) as never
  },
})

interface Started {
  readonly ref: Ref<RegistryApi>
  readonly name: string | undefined
}

async function startRegistry(given: RegistryOptions = {}): Promise<Started> {
  const options = resolveOptions('Registry.start', defaults, checks, given) as Checked
  const { name, system, parent, link } = options
  const ref = await server.start(options, { name, system, parent, link, trapExit: true })
  return { ref, name }
}

function handleOf({ ref, name }: Started): never {
  const { pid } = ref
  const system = homeOf(pid)
  if (name === undefined) return new Handle(() => pid, String(pid)) as never
  return new Handle(() => system.whereis(name), name) as never
}
