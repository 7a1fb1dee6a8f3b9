/**
 * `fromMachine(machine)`: a machine of xstate 5 as a process: supervised, called, monitored, on the system's
 * clock. This is the only file that imports xstate; its types stay in here.
 *
 * The machine is the user's, made with the user's own xstate; only `createActor` is ours. See machine-host.ts for
 * what is done to xstate's actor system, machine-loop.ts for how a machine's end becomes the process's.
 *
 * Differs from gen_statem: no postpone, no state timeouts but xstate's `after`, and a transition costs some
 * microseconds. For a process per connection or order that is nothing; per message it is much.
 */
import { createActor } from 'xstate'
import {
  booleanOption,
  formatPid,
  functionOption,
  numberOption,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
  type Process,
} from '../../runtime/index.ts'
import { contract, type Contract } from '../server/contract.ts'
import { ProgramServer } from '../server/gen-server.ts'
import { MachineInvalidError } from './machine-errors.ts'
import type { Actor, MachineHost, PersistedDelay } from './machine-host.ts'
import { DELAYS_KEY, MachineLoop, type CreatedActor } from './machine-loop.ts'
import { reviveable } from './machine-persisted.ts'
import type {
  MachineApi,
  MachineEvent,
  MachineEventLike,
  MachineLike,
  MachineServer,
} from './machine-types.ts'
import type { Info } from '../server/server-context.ts'

/** Dials of {@link fromMachine}. */
export interface MachineOptions<E = MachineEventLike> {
  /** Name of its contract. Default the machine's id and `/1`. */
  readonly name: string | undefined
  /**
   * Refuse events whose type no state of the machine names: calls fail with `ERR_MACHINE_EVENT_UNKNOWN`, casts
   * are warnings. Default false: they do nothing, as in xstate.
   */
  readonly strict: boolean
  /**
   * Makes events of messages, timers, EXIT (with `trapExit`) and DOWN; undefined for what it does not care
   * about. Without it they are dropped with a warning. A throw ends the process.
   */
  readonly info: ((info: Info) => E | undefined) | undefined
  /**
   * What to resume from: a result of `getPersistedSnapshot`, or a function that gives one at each start, or
   * undefined to start anew. Function: for children, whose restarts resume from the latest.
   */
  readonly snapshot: unknown
  /** xstate's inspection events of the machine and its actors. Slows every step down. */
  readonly inspect: ((event: unknown) => void) | undefined
  /** Actors that run at once, the machine included; default 10,000. Exit reason `ERR_MACHINE_ACTORS_MAX`. */
  readonly actorsMax: number
  /** Callers in `waitFor` and `done`; default 10,000. `ERR_MACHINE_WAITERS_MAX`. */
  readonly waitersMax: number
  /** Subscribed processes; default 10,000. `ERR_MACHINE_SUBSCRIBERS_MAX`. */
  readonly subscribersMax: number
}

const DEFAULTS: MachineOptions = Object.freeze({
  name: undefined,
  strict: false,
  info: undefined,
  snapshot: undefined,
  inspect: undefined,
  actorsMax: 10_000,
  waitersMax: 10_000,
  subscribersMax: 10_000,
})

const count: OptionCheck = numberOption(1, Number.MAX_SAFE_INTEGER)

const CHECKS: { readonly [K in keyof MachineOptions]-?: OptionCheck } = {
  name: optional(stringOption),
  strict: booleanOption,
  info: optional(functionOption),
  snapshot: { expected: 'anything', test: () => true },
  inspect: optional(functionOption),
  actorsMax: count,
  waitersMax: count,
  subscribersMax: count,
}

const NAMES = {
  call: {
    state: true,
    getSnapshot: true,
    send: true,
    can: true,
    matches: true,
    waitFor: true,
    done: true,
    getPersistedSnapshot: true,
    subscribe: true,
    unsubscribe: true,
  },
  cast: { send: true },
} as const

/**
 * Makes a kind of server of a machine of xstate 5. Its events, states, input and output are those of the
 * machine, as types too.
 *
 * @example
 * const { createMachine } = await import('xstate')
 * const Light = fromMachine(
 *   createMachine({
 *     id: 'light',
 *     initial: 'red',
 *     states: {
 *       red: { on: { GO: 'green' } },
 *       green: { after: { 10: 'off' } },
 *       off: { type: 'final' },
 *     },
 *   }),
 * )
 * const light = await Light.start()
 * assert.equal((await light.call.send({ type: 'GO' })).value, 'green')
 * await light.call.done() // after 10 ms; then its process ends
 */
export function fromMachine<
  M extends MachineLike,
  const E extends MachineEvent<M> = MachineEvent<M>,
>(machine: M, options?: Partial<MachineOptions<E>>): MachineServer<M> {
  if (!isMachine(machine)) {
    throw new MachineInvalidError('fromMachine needs a machine of xstate 5')
  }
  const given = resolveOptions<MachineOptions>('fromMachine', DEFAULTS, CHECKS, options)
  const name = given.name ?? `${machine.id === '(machine)' ? 'machine' : machine.id}/1`
  const declared: Contract<MachineApi<M>> = contract<MachineApi<M>>(name, NAMES as never)
  const loop = new MachineLoop({
    contract: declared as Contract<unknown>,
    actorsMax: given.actorsMax,
    waitersMax: given.waitersMax,
    subscribersMax: given.subscribersMax,
    knows: given.strict ? knownTypes(machine) : undefined,
    info: given.info,
    create: (process, host, input) => create(machine, given, process, host, input),
  })
  return new ProgramServer(declared, loop) as MachineServer<M>
}

function isMachine(machine: unknown): machine is MachineLike {
  const { __xstatenode, ...rest } = (machine ?? {}) as Readonly<Record<string, unknown>>
  const functions = ['getInitialSnapshot', 'transition', 'restoreSnapshot']
  return __xstatenode === true && functions.every((key) => typeof rest[key] === 'function')
}

/** A node of the machine's tree, as far as it is looked at here. */
interface StateNodeLike {
  readonly transitions: ReadonlyMap<string, unknown>
  readonly states: Readonly<Record<string, StateNodeLike>>
}

/** Whether some state has a transition for a type, forbidden ones included. */
function knownTypes(machine: unknown): (type: string) => boolean {
  const exact = new Set<string>()
  const prefixes: string[] = []
  const collect = ({ transitions, states }: StateNodeLike): void => {
    for (const type of transitions.keys()) {
      if (type === '*') prefixes.push('')
      else if (type.endsWith('.*')) prefixes.push(type.slice(0, -1))
      else exact.add(type)
    }
    Object.values(states).forEach(collect)
  }
  collect((machine as { readonly root: StateNodeLike }).root)
  return (type) => exact.has(type) || prefixes.some((prefix) => `${type}.`.startsWith(prefix))
}

function create(
  machine: MachineLike,
  given: Readonly<MachineOptions>,
  process: Process,
  host: MachineHost,
  input: unknown,
): CreatedActor {
  const { snapshot: source, inspect } = given
  const persisted: unknown = typeof source === 'function' ? (source as () => unknown)() : source
  const { logger } = process.system
  const fields = { process: formatPid(process.pid), label: process.label }
  let tamed: boolean | undefined
  const look = (event: { readonly actorRef: unknown }): void => {
    // The first event comes while the root actor is made, before the machine's first step.
    tamed ??= host.tame(event.actorRef as Actor, inspect !== undefined)
    try {
      inspect?.(event)
    } catch (error) {
      logger.warn({ ...fields, error }, '`inspect` failed')
    }
  }
  const actor = createActor(
    machine as never,
    {
      id: machine.id,
      input,
      clock: host.clock,
      logger: (...args: unknown[]) => logger.info({ ...fields, args }, 'machine log'),
      inspect: look,
      ...(persisted === undefined ? {} : { snapshot: reviveable(persisted) }),
    } as never,
  ) as unknown as Actor
  if (tamed !== true) {
    throw new MachineInvalidError('this xstate is not built as xstate 5 was')
  }
  return { actor, delays: delaysOf(persisted) }
}

function delaysOf(persisted: unknown): readonly PersistedDelay[] {
  const delays = (persisted as Readonly<Record<string, unknown>> | undefined)?.[DELAYS_KEY]
  return Array.isArray(delays) ? (delays as readonly PersistedDelay[]) : []
}
