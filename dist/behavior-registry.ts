/**
 * Behaviours by name. Code never travels: another node can only name what this node registered, and
 * only what was registered with `{ remote: true }`.
 *
 * A behaviour is a contract's server, a behaviour object in noex's message shape, or a function that
 * makes one from the start argument. A server is found under its registered name and under the name
 * of its contract, so `RemoteSpawn.spawn(CounterContract, node)` needs no further agreement.
 *
 * Differs from noex: registering is per node, `remote` must be asked for (noex let anybody spawn
 * anything), a taken name is an error, and start arguments reach the server.
 */
import {
  GenServer,
  type Behaviour,
  type Contract,
  type Server,
  type ServerOptions,
} from '../behaviours/index.ts'
import type { Pid } from '../runtime/index.ts'
import type { ContractTable } from './contract-table.ts'
import { BehaviorRegistryError } from './errors.ts'

/** A behaviour in noex's message shape, whatever its types. */
export type AnyBehaviour = Behaviour<never, never, never>

/** A contract's server, whatever its types. */
export type AnyServer = Server<never, never>

/** What can be registered under a name. */
export type BehaviorSource = AnyServer | AnyBehaviour | ((arg: never) => AnyBehaviour)

/** How a behaviour is registered. */
export interface BehaviorOptions {
  /** Whether other nodes may start it here, if the realm's policy lets them. Default false. */
  readonly remote?: boolean | undefined
  /**
   * Version of the behaviour, a whole number from 1. Several versions of one name may be registered: `'counter@2'` spawns the
   * second, `'counter'` the latest. A contract finds the server that speaks its own major version. Default none.
   */
  readonly version?: number | undefined
}

/** A registered behaviour, ready to be started. */
export interface BehaviorEntry {
  readonly name: string
  readonly remote: boolean
  readonly version: number | undefined
  readonly source: BehaviorSource
  readonly contract: Contract<unknown> | undefined
  start(arg: unknown, options: ServerOptions): Promise<{ readonly pid: Pid }>
}

/** Names and behaviours that one registry holds. */
export const BEHAVIORS_MAX = 4096

/** Longest name of a behaviour, also on the wire. */
export const BEHAVIOR_NAME_CHARS_MAX = 256

/**
 * The behaviours of one node.
 *
 * @example
 * node.behaviorRegistry.register('counter', Counter, { remote: true })
 */
export class BehaviorRegistry {
  readonly #byName = new Map<string, BehaviorEntry>()
  /** @internal The contracts that its node knows. */
  readonly contracts: ContractTable

  /** @internal Made by a node. */
  constructor(contracts: ContractTable) {
    this.contracts = contracts
  }

  /** Registers `source` under `name`, or a server under its contract's name. */
  register(name: string, source: BehaviorSource, options?: BehaviorOptions): void
  register(server: AnyServer, options?: BehaviorOptions): void
  register(
    first: string | AnyServer,
    second?: BehaviorSource | BehaviorOptions,
    third?: BehaviorOptions,
  ): void {
    const isNamed = typeof first === 'string'
    const source = (isNamed ? second : first) as BehaviorSource
    const options = ((isNamed ? third : second) ?? {}) as BehaviorOptions
    const contract = contractOf(source)
    const given = isNamed ? first : (contract?.name ?? '')
    if (given === '' || versioned(given, options.version).length > BEHAVIOR_NAME_CHARS_MAX) {
      const what = `needs a name of 1 to ${BEHAVIOR_NAME_CHARS_MAX} characters`
      throw new BehaviorRegistryError('ERR_BEHAVIOR_INVALID', given.slice(0, 80), what)
    }
    if (contract !== undefined && contract.name.length > BEHAVIOR_NAME_CHARS_MAX) {
      const what = `has a contract whose name is longer than ${BEHAVIOR_NAME_CHARS_MAX} characters`
      throw new BehaviorRegistryError('ERR_BEHAVIOR_INVALID', given, what)
    }
    const name = versioned(given, options.version)
    const known = this.#byName.get(name)
    if (known !== undefined && known.source !== source) {
      throw new BehaviorRegistryError('ERR_BEHAVIOR_TAKEN', name, 'is registered already')
    }
    if (known === undefined && this.#byName.size >= BEHAVIORS_MAX) {
      const what = `is one too many: ${BEHAVIORS_MAX} are registered`
      throw new BehaviorRegistryError('ERR_BEHAVIORS_MAX', name, what)
    }
    const entry: BehaviorEntry = {
      name,
      remote: options.remote === true,
      version: options.version,
      source,
      contract,
      start: starterOf(name, source),
    }
    this.#byName.set(name, entry)
    if (contract !== undefined) this.contracts.learn(contract)
  }

  /** Forgets a name, `'counter@2'` for a version; processes that run stay. False if nobody has it. */
  unregister(name: string): boolean {
    return this.#byName.delete(name)
  }

  /** What is registered under `name`. */
  get(name: string): BehaviorSource | undefined {
    return this.find(name, false)?.source
  }

  /** Whether `name` is registered. */
  has(name: string): boolean {
    return this.#byName.has(name) || this.#latest(name, false) !== undefined
  }

  /** Every registered name, in order of registration. */
  names(): string[] {
    return [...this.#byName.keys()]
  }

  /**
   * @internal The behaviour of that name, else the latest version of it, else the first server of a contract of that
   * name; for other nodes only what is registered for them.
   */
  find(name: string, forOthers: boolean): BehaviorEntry | undefined {
    const named = this.#byName.get(name)
    if (named !== undefined && (named.remote || !forOthers)) return named
    const latest = this.#latest(name, forOthers)
    if (latest !== undefined) return latest
    for (const entry of this.#byName.values()) {
      if (entry.contract?.name === name && (entry.remote || !forOthers)) return entry
    }
    return undefined
  }

  #latest(name: string, forOthers: boolean): BehaviorEntry | undefined {
    let latest: BehaviorEntry | undefined
    for (const entry of this.#byName.values()) {
      const { version = 0, remote } = entry
      const isOne = version > 0 && entry.name === versioned(name, version)
      if (isOne && (remote || !forOthers) && version > (latest?.version ?? 0)) latest = entry
    }
    return latest
  }
}

/** `counter@2`; the bare name without a version. */
function versioned(name: string, version: number | undefined): string {
  if (version === undefined) return name
  if (Number.isSafeInteger(version) && version > 0) return `${name}@${version}`
  const what = 'has a version that is no whole number from 1'
  throw new BehaviorRegistryError('ERR_BEHAVIOR_INVALID', name.slice(0, 80), what)
}

function isServer(source: unknown): source is AnyServer {
  if (typeof source !== 'object' || source === null) return false
  const { start, contract } = source as { readonly start?: unknown; readonly contract?: unknown }
  return typeof start === 'function' && typeof contract === 'object' && contract !== null
}

function contractOf(source: BehaviorSource): Contract<unknown> | undefined {
  return isServer(source) ? (source.contract as Contract<unknown>) : undefined
}

function starterOf(name: string, source: BehaviorSource): BehaviorEntry['start'] {
  if (isServer(source)) return (arg, options) => source.start(arg as never, options)
  if (typeof source === 'function') {
    // Inside a promise, so that a factory that throws is a failed start.
    return async (arg, options) => GenServer.start(source(arg as never), options)
  }
  if (typeof source !== 'object' || source === null || typeof source.init !== 'function') {
    const what = 'must be a server, a behaviour with init, or a function that makes one'
    throw new BehaviorRegistryError('ERR_BEHAVIOR_INVALID', name, what)
  }
  return async (arg, options) => {
    if (arg !== undefined) {
      const what = 'takes no argument: register a function that makes it from one'
      throw new BehaviorRegistryError('ERR_BEHAVIOR_ARG', name, what)
    }
    return GenServer.start(source, options)
  }
}
