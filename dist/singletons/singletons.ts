/**
 * The part `singletons` of a node: its candidates, and the process that is the parent of what they run.
 *
 *     cluster
 *     └─ singletons        parent of the processes; killed, it takes them along and begins anew
 *
 * The candidates are in a memory beside it. A new parent starts nothing before what the former one ran has ended.
 */
import {
  contract,
  implement,
  noreply,
  type ChildSpec,
  type Contract,
  type Server,
} from '../../behaviours/index.ts'
import {
  functionOption,
  numberOption,
  OptionError,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
  type Pid,
} from '../../runtime/index.ts'
import { LeaseError } from '../leases/errors.ts'
import type { StrictLeases } from '../leases/leases.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import { SingletonError } from './errors.ts'
import { singletonSettings, type SingletonSettings } from './options.ts'
import { OwnSingleton, type ParentEnd } from './own-singleton.ts'
import type { Singleton, SingletonFunctions, SingletonOptions } from './singleton.ts'

const CHECKS: { readonly [K in keyof SingletonOptions]-?: OptionCheck } = {
  name: stringOption,
  start: functionOption,
  ttlMs: optional(numberOption(1, 3_600_000)),
}

interface ParentApi {
  call: {}
  cast: {}
}

const ParentContract: Contract<ParentApi> = contract('fovea.singletons/1', { call: {}, cast: {} })

/** The parent of all processes of singletons on this node. */
const ParentServer: Server<ParentApi, SingletonCandidates> = implement<
  ParentApi,
  SingletonCandidates,
  SingletonCandidates
>(ParentContract, {
  init: (candidates, { self, signal }) => {
    candidates.opened(self.pid, signal)
    return candidates
  },
  call: {},
  cast: {},
  // Ends of its processes come here, and are seen where they are waited for.
  info: (candidates) => noreply(candidates),
  terminate: (_reason, candidates) => candidates.shutDown(),
})

/** Candidates of one node; outlives its process. */
class SingletonCandidates implements SingletonFunctions {
  readonly #parts: DistParts
  readonly #leases: StrictLeases
  readonly #hasVoters: boolean
  readonly #settings: SingletonSettings
  readonly #all = new Map<string, OwnSingleton>()
  #parent: { readonly pid: Pid; readonly over: AbortController } | undefined
  #stopped = false

  constructor(
    parts: DistParts,
    leases: StrictLeases,
    hasVoters: boolean,
    settings: SingletonSettings,
  ) {
    this.#parts = parts
    this.#leases = leases
    this.#hasVoters = hasVoters
    this.#settings = settings
  }

  start(given: SingletonOptions): Singleton {
    const options = resolveOptions<Partial<SingletonOptions>>('singletons.start', {}, CHECKS, given)
    const { name, start, ttlMs } = options
    if (name === undefined || start === undefined) {
      const text = "singletons.start: 'name' and 'start' are needed"
      throw new OptionError('ERR_OPTION_INVALID', name === undefined ? 'name' : 'start', text)
    }
    this.#check(name)
    const own = new OwnSingleton(
      { name, start, ttlMs },
      {
        ...{ parts: this.#parts, leases: this.#leases, settings: this.#settings },
        stopped: () => {
          if (this.#all.get(name) === own) this.#all.delete(name)
        },
      },
    )
    this.#all.set(name, own)
    const parent = this.#parent
    if (parent !== undefined) own.run(parent.pid, parent.over.signal)
    return own
  }

  get(name: string): Singleton | undefined {
    return this.#all.get(name)
  }

  names(): string[] {
    return [...this.#all.keys()]
  }

  /** A new parent is there; `signal` aborts when it ends, however it does. */
  opened(pid: Pid, signal: AbortSignal): void {
    const over = new AbortController()
    const crashed: ParentEnd = 'crashed'
    signal.addEventListener('abort', () => over.abort(crashed), { once: true })
    this.#parent = { pid, over }
    this.#parts.spawner.openBelow(pid, signal)
    for (const own of this.#all.values()) own.run(pid, over.signal)
  }

  /** The parent is asked to end: so are its processes, in their time. */
  async shutDown(): Promise<void> {
    const how: ParentEnd = 'shutdown'
    this.#parent?.over.abort(how)
    await Promise.all([...this.#all.values()].map(({ ended }) => ended))
  }

  /** Before the goodbye of the node: others can go on at once. */
  async leave(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#all.values()].map((own) => own.stop()))
  }

  close(): void {
    this.#stopped = true
    this.#all.clear()
  }

  #check(name: string): void {
    if (!this.#hasVoters) {
      const text = `singleton '${name}' needs the option 'voters' on all nodes`
      throw new LeaseError('ERR_VOTERS_REQUIRED', text)
    }
    if (this.#stopped) {
      throw new SingletonError('ERR_SINGLETON_STOPPED', `'${name}' was not started: the node stops`)
    }
    if (this.#all.has(name)) {
      throw new SingletonError('ERR_SINGLETON_TAKEN', `this node is a candidate for '${name}'`)
    }
    const { singletonsMax } = this.#settings
    if (this.#all.size >= singletonsMax) {
      this.#parts.refusals.count('ERR_SINGLETONS_MAX', { name })
      const text = `this node is a candidate for ${singletonsMax} singletons`
      throw new SingletonError('ERR_SINGLETONS_MAX', text)
    }
  }
}

/** One per node. Throws an `OptionError`. */
export function createSingletons(
  parts: DistParts,
  leases: StrictLeases,
  hasVoters: boolean,
  options: Partial<SingletonSettings> | undefined,
): DistFeature<SingletonFunctions> {
  const settings = singletonSettings(options)
  const candidates = new SingletonCandidates(parts, leases, hasVoters, settings)
  return {
    functions: Object.freeze<SingletonFunctions>({
      start: (given) => candidates.start(given),
      get: (name) => candidates.get(name),
      names: () => candidates.names(),
    }),
    child: {
      id: 'singletons',
      // Its processes are killed after `shutdownMs`.
      shutdown: settings.shutdownMs + 1_000,
      start: ({ system, parent }) =>
        ParentServer.start(candidates, { system, parent, link: true, trapExit: true }),
    } satisfies ChildSpec,
    leave: () => candidates.leave(),
    close: () => candidates.close(),
  }
}
