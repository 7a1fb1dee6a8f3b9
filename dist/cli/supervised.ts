/**
 * What `fovea spawn --supervised` starts: a keeper, which holds a supervisor with one child and
 * ends with it. Each child has its own keeper, so that one crash loop cannot use up the restarts of
 * the others. Other nodes start keepers by name, and only for behaviours that they may spawn anyway.
 */
import {
  contract,
  implement,
  noreply,
  reply,
  stop,
  Supervisor,
  type ChildContext,
  type Contract,
  type Server,
} from '../../behaviours/index.ts'
import { formatPid, type Pid } from '../../runtime/index.ts'
import type { BehaviorRegistry } from '../behavior-registry.ts'
import { CliError } from './errors.ts'

/** Name under which nodes of the command line offer keepers to others. */
export const SUPERVISED = 'fovea.supervised'

/** The same for the node itself, which may start behaviours that it does not offer to others. */
export const SUPERVISED_HERE = 'fovea.supervised.here'

/** What a keeper starts and keeps. */
export interface SupervisedArg {
  readonly behaviour: string
  readonly name: string
  readonly arg: unknown
}

/** A supervised process is up, for the first time or again. */
export interface Started {
  readonly name: string
  readonly pid: string
  readonly restarts: number
}

/** What a keeper answers; its child is called by its own name. */
export interface SupervisedApi {
  readonly call: {
    /** The child as it runs now, printed. */
    child(): string
  }
  readonly cast: {}
}

/** The contract of keepers. */
export const SupervisedContract: Contract<SupervisedApi> = contract('fovea.supervised/1', {
  call: { child: true },
  cast: {},
})

/** How keepers are made. */
export interface SupervisedOptions {
  /** Where behaviours are found. */
  readonly registry: BehaviorRegistry
  /** Only behaviours registered with `{ remote: true }`: for keepers that other nodes start. */
  readonly remoteOnly: boolean
  /** Called for every start and restart. */
  readonly onStarted: (started: Started) => void
}

/** The server of keepers. */
export function supervisedServer(options: SupervisedOptions): Server<SupervisedApi, SupervisedArg> {
  return implement<SupervisedApi, SupervisedArg, Kept>(SupervisedContract, {
    init: async (arg, ctx) => {
      const kept = new Kept(checkArg(arg), options)
      // Else a supervisor that cannot start its child would end this process before it can say why.
      ctx.trapExit(true)
      const children = [{ id: kept.name, start: (context: ChildContext) => kept.start(context) }]
      try {
        await Supervisor.start({
          system: ctx.system,
          parent: ctx.self.pid,
          link: true,
          children,
        })
      } catch (error) {
        throw kept.failure ?? error
      }
      return kept
    },
    call: { child: (kept) => reply(kept.pid, kept) },
    cast: {},
    info: (kept, info) => (info.type === 'exit' ? stop(info.reason, kept) : noreply(kept)),
  })
}

/** The child of one keeper. */
class Kept {
  readonly name: string
  readonly #wanted: SupervisedArg
  readonly #options: SupervisedOptions
  #starts = 0
  pid = ''
  /** Why the first start failed, without the supervisor's words around it. */
  failure: unknown

  constructor(wanted: SupervisedArg, options: SupervisedOptions) {
    this.name = wanted.name
    this.#wanted = wanted
    this.#options = options
  }

  async start(context: ChildContext): Promise<{ readonly pid: Pid }> {
    try {
      return await this.#start(context)
    } catch (error) {
      this.failure = error
      throw error
    }
  }

  async #start({ system, parent }: ChildContext): Promise<{ readonly pid: Pid }> {
    const { behaviour, name, arg } = this.#wanted
    const { registry, remoteOnly, onStarted } = this.#options
    const entry = registry.find(behaviour, remoteOnly)
    if (entry === undefined) {
      throw new CliError('ERR_BEHAVIOR_NOT_FOUND', `behaviour '${behaviour}' is not registered`)
    }
    const started = await entry.start(arg, { system, parent, link: true, name })
    this.pid = formatPid(started.pid)
    onStarted({ name, pid: this.pid, restarts: this.#starts++ })
    return started
  }
}

/** The argument comes from another node: its shape is not taken on trust. */
function checkArg(value: unknown): SupervisedArg {
  const { behaviour, name, arg } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof behaviour !== 'string' || typeof name !== 'string' || name === '') {
    throw new CliError(
      'ERR_CONTROL_REQUEST_INVALID',
      `'${SUPERVISED}' takes { behaviour, name, arg }`,
    )
  }
  return { behaviour, name, arg }
}
