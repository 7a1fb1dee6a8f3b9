/**
 * Dynamic supervisors, as Elixir's: any number of children that come and go one by one, each with its own
 * specification, known by their pids and restarted one for one. Follows dynamic_supervisor.ex 1.18; cases
 * D-01 to D-18.
 *
 * Starting, stopping and restarting a child costs the same however many there are; the last stop asks all
 * of them at once (D-15), so a hundred thousand children that need a second each stop in about a second.
 *
 * Differs from Elixir: children are listed oldest first, where a restarted one is new; `intensity`,
 * `periodMs`, `childrenMax` are max_restarts, max_seconds, max_children.
 */
import {
  ArgumentError,
  isPid,
  oneOfOption,
  resolveOptions,
  type ExitReason,
  type OptionCheck,
  type Pid,
} from '../../runtime/index.ts'
import {
  checkChildSpec,
  type CheckedChildSpec,
  type ChildSpec,
  type ChildStarted,
} from './child-spec.ts'
import { contract, type Contract, type Ref } from '../server/contract.ts'
import { DynamicChildren } from './dynamic-supervisor-children.ts'
import { ChildNotFoundError } from './supervisor-errors.ts'
import { stopProcess, type Filled, type StopOptions } from '../server/gen.ts'
import { implementAs, type Server } from '../server/gen-server.ts'
import { RestartIntensity } from './restart-intensity.ts'
import { reply } from '../server/results.ts'
import { processOf, type Ctx } from '../server/server-context.ts'
import {
  answer,
  refuse,
  superviseInfo,
  supervisionDoor,
  type Answer,
} from './supervised-messages.ts'
import { childCounts, type ChildCounts, type ChildInfo } from './supervisor-contract.ts'
import {
  limitChecks,
  placeChecks,
  processOptions,
  type SupervisorPlace,
} from './supervisor-options.ts'
import {
  requestSupervisor,
  supervisorChild,
  type SupervisorChildOptions,
  type SupervisorRequestOptions,
  type SupervisorTarget,
} from './supervisor-requests.ts'

/** How a DynamicSupervisor is started. */
export interface DynamicSupervisorOptions extends SupervisorPlace {
  /** The only one there is (D-18). */
  readonly strategy?: 'one_for_one' | undefined
  /** See `SupervisorOptions`. Many independent children need more than the default 3. */
  readonly intensity?: number | undefined
  /** See `SupervisorOptions`. */
  readonly periodMs?: number | undefined
  /** Children at most, those being restarted included. Default 1,000,000; `ERR_CHILD_LIMIT` (D-01). */
  readonly childrenMax?: number | undefined
  /** Given to every start function after the context, before the child's own `args` (D-13). */
  readonly extraArguments?: readonly unknown[] | undefined
}

const defaults: DynamicSupervisorOptions = Object.freeze({
  strategy: 'one_for_one',
  intensity: 3,
  periodMs: 5000,
  childrenMax: 1_000_000,
  extraArguments: Object.freeze([]),
})

const checks: { readonly [K in keyof DynamicSupervisorOptions]-?: OptionCheck } = {
  ...placeChecks,
  strategy: oneOfOption('one_for_one'),
  ...limitChecks,
  extraArguments: { expected: 'a list', test: Array.isArray },
}

/** A child of a DynamicSupervisor; an `id` is only for logs and trees, and need not be unique. */
export type DynamicChildSpec<R extends ChildStarted = ChildStarted> = Omit<
  ChildSpec<R>,
  'id' | 'significant'
> & { readonly id?: string }

/** The protocol of dynamic supervisors. */
export interface DynamicSupervisorApi {
  call: {
    startChild(spec: DynamicChildSpec): ChildStarted
    terminateChild(pid: Pid): void
    whichChildren(): readonly ChildInfo[]
    countChildren(): ChildCounts
  }
  cast: {}
}

/** A running dynamic supervisor. */
export type DynamicSupervisorRef = Ref<DynamicSupervisorApi>

/**
 * The contract of dynamic supervisors, for refs from pids.
 *
 * @example
 * const { pid } = await DynamicSupervisor.start()
 * assert.equal((await DynamicSupervisorContract.at(pid).call.countChildren()).active, 0)
 * await DynamicSupervisor.stop(pid)
 */
export const DynamicSupervisorContract: Contract<DynamicSupervisorApi> = contract(
  'fovea.dynamic-supervisor/1',
  {
    call: { startChild: true, terminateChild: true, whichChildren: true, countChildren: true },
    cast: {},
  },
)

/** The functions of {@link DynamicSupervisor}. Requests wait as long as it takes. */
export interface DynamicSupervisorFunctions {
  start(options?: DynamicSupervisorOptions): Promise<DynamicSupervisorRef>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink(options?: DynamicSupervisorOptions): Promise<DynamicSupervisorRef>
  /** A child specification of a dynamic supervisor, for a supervisor above it. */
  child(
    options: Omit<DynamicSupervisorOptions, 'system' | 'parent' | 'link'>,
    child: SupervisorChildOptions,
  ): ChildSpec<DynamicSupervisorRef>
  /** Stops all children at once, then the supervisor. */
  stop(target: SupervisorTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /**
   * Starts one more child; gives what its start function gave. A malformed specification is refused
   * before the supervisor is asked (D-11).
   */
  startChild<R extends ChildStarted>(
    target: SupervisorTarget,
    spec: DynamicChildSpec<R>,
    options?: SupervisorRequestOptions,
  ): Promise<R>
  /** Stops a child for good; one that is being restarted is named by the pid it had (D-14). */
  terminateChild(
    target: SupervisorTarget,
    child: Pid | { readonly pid: Pid },
    options?: SupervisorRequestOptions,
  ): Promise<void>
  /** All children, oldest process first. */
  whichChildren(
    target: SupervisorTarget,
    options?: SupervisorRequestOptions,
  ): Promise<readonly ChildInfo[]>
  countChildren(target: SupervisorTarget, options?: SupervisorRequestOptions): Promise<ChildCounts>
}

/**
 * Dynamic supervisors.
 *
 * @example
 * const Room = defineServer({ init: (topic: string) => topic, call: {}, cast: {} })
 * const rooms = await DynamicSupervisor.start({ childrenMax: 10_000 })
 * const lobby = await DynamicSupervisor.startChild(rooms, Room.child('lobby', { restart: 'transient' }))
 * assert.equal((await DynamicSupervisor.countChildren(rooms)).active, 1)
 * await DynamicSupervisor.terminateChild(rooms, lobby)
 * await DynamicSupervisor.stop(rooms)
 */
export const DynamicSupervisor: DynamicSupervisorFunctions =
  Object.freeze<DynamicSupervisorFunctions>({
    start,
    startLink: (options) => start({ ...options, link: true }),
    child: (options, child) =>
      supervisorChild(child, (place) => start({ ...options, ...place, link: true })),
    stop: (target, reason, options) => stopProcess(target, reason, options),
    startChild: async (target, spec, options) =>
      requestSupervisor(target, 'startChild', new AdmittedSpec(spec), options),
    terminateChild: async (target, child, options) =>
      requestSupervisor(target, 'terminateChild', childPid(child), options),
    whichChildren: (target, options) =>
      requestSupervisor(target, 'whichChildren', undefined, options),
    countChildren: (target, options) =>
      requestSupervisor(target, 'countChildren', undefined, options),
  })

function childPid(child: Pid | { readonly pid: Pid }): Pid {
  const pid = isPid(child) ? child : (child as Partial<typeof child> | null)?.pid
  if (!isPid(pid)) throw new ArgumentError('child', 'a pid or a ref', child)
  return pid
}

/** A specification that was checked where it was given. */
class AdmittedSpec {
  readonly spec: CheckedChildSpec
  constructor(given: DynamicChildSpec) {
    this.spec = checkChildSpec({ id: 'child', ...given }, 'never')
  }
}

type Checked = Filled<
  DynamicSupervisorOptions,
  'intensity' | 'periodMs' | 'childrenMax' | 'extraArguments'
>

const server: Server<DynamicSupervisorApi, Checked> = implementAs<
  DynamicSupervisorApi,
  Checked,
  DynamicChildren
>(
  DynamicSupervisorContract,
  {
    init: (options, ctx) =>
      new DynamicChildren(processOf(ctx), {
        intensity: new RestartIntensity(options),
        childrenMax: options.childrenMax,
        firstArgs: options.extraArguments,
        autoShutdown: 'never',
      }),
    call: {
      startChild,
      terminateChild,
      whichChildren: (state) => reply(listOf(state), state),
      countChildren: (state) => reply(childCounts(listOf(state)), state),
    },
    cast: {},
    info: superviseInfo,
    terminate: (_reason, state) => state.stopAll(),
  },
  supervisionDoor('dynamic_supervisor'),
)

function listOf(state: DynamicChildren): ChildInfo[] {
  return Array.from(state.values(), ({ info }) => info)
}

async function start(given: DynamicSupervisorOptions = {}): Promise<DynamicSupervisorRef> {
  const options = resolveOptions('DynamicSupervisor.start', defaults, checks, given)
  return server.start(options as Checked, processOptions(options))
}

async function startChild(
  state: DynamicChildren,
  given: DynamicChildSpec,
  ctx: Ctx<ChildStarted>,
): Promise<Answer<ChildStarted, DynamicChildren>> {
  try {
    const { spec } = given instanceof AdmittedSpec ? given : new AdmittedSpec(given)
    return answer(state, ctx, await state.startChild(spec, spec.args))
  } catch (error) {
    return refuse(state, ctx as Ctx<never, never>, error)
  }
}

async function terminateChild(
  state: DynamicChildren,
  pid: Pid,
  ctx: Ctx<void>,
): Promise<Answer<void, DynamicChildren>> {
  if (isPid(pid) && (await state.terminate(pid))) return reply(undefined, state)
  return refuse(state, ctx as Ctx<never, never>, new ChildNotFoundError(state.label, String(pid)))
}
