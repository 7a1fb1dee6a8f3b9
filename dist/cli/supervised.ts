/**
 * What `fovea spawn --supervised` starts: a keeper, which holds a supervisor with one child and
 * ends with it. Each child has its own keeper, so that one crash loop cannot use up the restarts of
 * the others. Other nodes start keepers by name, and only for behaviours that they may spawn anyway.
 */
import {
  contract,
  implement,
  noreply,
  Supervisor,
  type Contract,
  type Server,
  type SupervisorRef,
} from '../../behaviours/index.ts'
import { formatPid } from '../../runtime/index.ts'
import type { BehaviorRegistry } from '../behavior-registry.ts'
import { CliError } from './errors.ts'

/** Name under which nodes of the command line offer keepers. */
export const SUPERVISED = 'fovea.supervised'

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

/** A keeper answers nothing: its child is called by its own name. */
export interface SupervisedApi {
  readonly call: {}
  readonly cast: {}
}

const SupervisedContract: Contract<SupervisedApi> = contract('fovea.supervised/1', {
  call: {},
  cast: {},
})

/** How keepers are made. */
export interface SupervisedOptions {
  /** Where behaviours are found. */
  readonly registry: BehaviorRegistry
  /** Only behaviours registered with `{ remote: true }`: for keepers that other nodes may start. */
  readonly remoteOnly: boolean
  /** Called for every start and restart. */
  readonly onStarted: (started: Started) => void
}

/** The server of keepers. */
export function supervisedServer(options: SupervisedOptions): Server<SupervisedApi, SupervisedArg> {
  return implement<SupervisedApi, SupervisedArg, SupervisorRef>(SupervisedContract, {
    init: (arg, ctx) => {
      const wanted = checkArg(arg)
      let starts = 0
      return Supervisor.start({
        system: ctx.system,
        parent: ctx.self.pid,
        link: true,
        children: [
          {
            id: wanted.name,
            start: async ({ system, parent }) => {
              const entry = options.registry.find(wanted.behaviour)
              if (entry === undefined || (options.remoteOnly && !entry.remote)) {
                throw new CliError(
                  'ERR_BEHAVIOR_NOT_FOUND',
                  `behaviour '${wanted.behaviour}' is not registered`,
                )
              }
              const { name } = wanted
              const started = await entry.start(wanted.arg, { system, parent, link: true, name })
              options.onStarted({ name, pid: formatPid(started.pid), restarts: starts++ })
              return started
            },
          },
        ],
      })
    },
    call: {},
    cast: {},
    info: (state) => noreply(state),
  })
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
