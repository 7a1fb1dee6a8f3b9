/**
 * Supervisors. A supervisor is a server like any other: it has a pid, links, a mailbox and a parent; it
 * traps exits, and the end of a child reaches it as a message, not by polling (NX-L4, NX-L5).
 *
 *     child ends -> EXIT in the mailbox -> decideExit -> restart (stop siblings, start again)
 *                                                     -> once too often: stop all, exit 'shutdown'
 *
 * Because `'shutdown'` is a clean reason, a transient supervisor that gave up is not restarted by its
 * own supervisor, a permanent one is, with its first children only (U-59, U-60).
 *
 * While a child starts or stops the supervisor is busy: other requests wait (U-69). Differs from OTP:
 * an unknown cast is refused with a warning instead of killing the supervisor (U-42).
 */
import {
  homeOf,
  isPid,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  type CallOptions,
  type ExitReason,
  type OptionCheck,
  type Pid,
  type System,
  type Via,
} from '../runtime/index.ts'
import {
  checkChildSpec,
  checkChildSpecs,
  type CheckedChildSpec,
  type ChildSpec,
  type ChildStarted,
  type Shutdown,
} from './child-spec.ts'
import { contract, type Contract, type Ref } from './contract.ts'
import {
  ChildLimitError,
  ChildNotFoundError,
  ChildRunningError,
  DuplicateChildError,
  StartIgnoredError,
} from './errors.ts'
import {
  pickSystem,
  stopProcess,
  type Filled,
  type ServerOptions,
  type StopOptions,
} from './gen.ts'
import { childSpec, implementAs, type Maybe, type Server } from './gen-server.ts'
import { RestartIntensity } from './restart-intensity.ts'
import type { AutoShutdown, RestartType, Strategy } from './restart-strategy.ts'
import { noreply, reply, stop, type NoReply, type Reply, type Stop } from './results.ts'
import { processOf, type Ctx } from './server-context.ts'
import { Child, Supervised, TryAgain, type Verdict } from './supervised.ts'

/** How a supervisor is started. */
export interface SupervisorOptions {
  /**
   * Who is restarted with a child that ended: it alone (`one_for_one`, default), all (`one_for_all`), or
   * it and those started after it (`rest_for_one`).
   */
  readonly strategy?: Strategy | undefined
  /**
   * Restarts allowed within `periodMs`, over all children together; one more and the supervisor gives
   * up. Default 3. Raise it with the number of children that may fail for a common cause; 0 gives up
   * at the first end that would mean a restart. A high value hides a crash loop.
   */
  readonly intensity?: number | undefined
  /** Length of the sliding window for `intensity`, in milliseconds. Default 5000. */
  readonly periodMs?: number | undefined
  /** Children to start before `start` resolves, in this order. Stopped in reverse. */
  readonly children?: readonly ChildSpec[] | undefined
  /**
   * Whether the supervisor ends itself with `'shutdown'` when significant children have ended for good:
   * `never` (default), with the first of them, or with the last.
   */
  readonly autoShutdown?: AutoShutdown | undefined
  /** Children at most, stopped ones included. Default 1,000,000; `startChild` beyond it is refused. */
  readonly childrenMax?: number | undefined
  /** See `ServerOptions`. */
  readonly name?: string | Via | undefined
  /** See `ServerOptions`. */
  readonly system?: System | undefined
  /** See `ServerOptions`. */
  readonly parent?: Pid | undefined
  /** See `ServerOptions`. */
  readonly link?: boolean | undefined
  /** Gives up the start; what was started by then is stopped. */
  readonly signal?: AbortSignal | undefined
  /** See `ServerOptions`. */
  readonly mailboxMessagesMax?: number | undefined
}

/** A child as `whichChildren` shows it. */
export interface ChildInfo {
  readonly id: string
  /** Undefined while it does not run. */
  readonly pid: Pid | undefined
  /** Its last restart failed and is being tried again. */
  readonly restarting: boolean
  readonly type: 'worker' | 'supervisor'
  readonly restart: RestartType
  readonly significant: boolean
  /** Restarts it caused so far. */
  readonly restarts: number
}

/** Numbers of a supervisor's children. */
export interface ChildCounts {
  /** All specifications, running or not. */
  readonly specs: number
  readonly active: number
  /** Specifications of type supervisor, running or not. */
  readonly supervisors: number
  /** Specifications of type worker, running or not. */
  readonly workers: number
}

/** The protocol of supervisors. */
export interface SupervisorApi {
  call: {
    startChild(spec: ChildSpec): ChildStarted
    terminateChild(id: string): void
    restartChild(id: string): ChildStarted
    deleteChild(id: string): void
    whichChildren(): readonly ChildInfo[]
    countChildren(): ChildCounts
  }
  cast: {}
}

/** A running supervisor. */
export type SupervisorRef = Ref<SupervisorApi>

/**
 * The contract of supervisors, for refs from pids.
 *
 * @example
 * const { pid } = await Supervisor.start()
 * assert.equal((await SupervisorContract.at(pid).call.countChildren()).specs, 0)
 * await Supervisor.stop(pid)
 */
export const SupervisorContract: Contract<SupervisorApi> = contract('fovea.supervisor/1', {
  call: {
    startChild: true,
    terminateChild: true,
    restartChild: true,
    deleteChild: true,
    whichChildren: true,
    countChildren: true,
  },
  cast: {},
})

type Checked = Filled<
  SupervisorOptions,
  'strategy' | 'intensity' | 'periodMs' | 'children' | 'autoShutdown' | 'childrenMax'
>

interface InitArg {
  readonly options: Checked
  readonly specs: readonly CheckedChildSpec[]
}

const anything: OptionCheck = { expected: 'a value', test: () => true }

const defaults: SupervisorOptions = Object.freeze({
  strategy: 'one_for_one',
  intensity: 3,
  periodMs: 5000,
  children: [],
  autoShutdown: 'never',
  childrenMax: 1_000_000,
})

const checks: { readonly [K in keyof SupervisorOptions]-?: OptionCheck } = {
  strategy: oneOfOption('one_for_one', 'one_for_all', 'rest_for_one'),
  intensity: numberOption(0, 1_000_000),
  periodMs: numberOption(1, Infinity, true),
  children: { expected: 'a list of child specifications', test: Array.isArray },
  autoShutdown: oneOfOption('never', 'any_significant', 'all_significant'),
  childrenMax: numberOption(0, Number.MAX_SAFE_INTEGER),
  name: optional(anything),
  system: optional(objectOption),
  parent: optional(anything),
  link: optional(anything),
  signal: optional(objectOption),
  mailboxMessagesMax: optional(anything),
}

const server: Server<SupervisorApi, InitArg> = implementAs<SupervisorApi, InitArg, Supervised>(
  SupervisorContract,
  {
    init: initialize,
    call: {
      startChild,
      terminateChild,
      restartChild,
      deleteChild,
      whichChildren: (state) => reply([...state.children.values()].reverse().map(infoOf), state),
      countChildren: (state) => reply(countsOf(state), state),
    },
    cast: {},
    info: (state, info, ctx) => {
      if (info.type === 'exit') return follow(state, state.ended(info.from, info.reason))
      if (info.type === 'message' && info.message instanceof TryAgain) {
        return follow(state, state.tryAgain(info.message))
      }
      ctx.system.logger.warn({ supervisor: state.label, type: info.type }, 'message ignored')
      return noreply(state)
    },
    terminate: (_reason, state) => state.stopAll(),
  },
  {
    behaviour: 'supervisor',
    sealed: true,
    view: (state: Supervised) => ({ ...countsOf(state), children: childrenOf(state) }),
    children: childrenOf,
    status: (state: Supervised) => ({ strategy: state.rules.strategy, ...countsOf(state) }),
  },
)

/** In start order. */
function childrenOf({ children }: Supervised): readonly ChildInfo[] {
  return [...children.values()].map(infoOf)
}

async function initialize(
  { options, specs }: InitArg,
  ctx: Ctx<never, SupervisorApi>,
): Promise<Supervised | Stop<never>> {
  const { strategy, autoShutdown, childrenMax, intensity, periodMs } = options
  const rules = {
    strategy,
    autoShutdown,
    childrenMax,
    intensity: new RestartIntensity({ intensity, periodMs }),
  }
  const state = new Supervised(processOf(ctx), rules)
  if (specs.length > childrenMax) return stop(new ChildLimitError(state.label, childrenMax))
  const failed = await state.startAll(specs)
  if (failed === undefined) return state
  return stop({ shutdown: { failedToStartChild: failed.childId, reason: failed.reason } })
}

/** Turns a verdict into a result; no promise if the verdict needed none. */
function follow(
  state: Supervised,
  verdict: Verdict | Promise<Verdict>,
): Maybe<NoReply<Supervised> | Stop<Supervised>> {
  if (verdict instanceof Promise) return verdict.then((settled) => follow(state, settled))
  return verdict === 'go_on' ? noreply(state) : stop('shutdown', state)
}

type Answer<R> = Reply<R, Supervised> | NoReply<Supervised>

async function startChild(
  state: Supervised,
  given: ChildSpec,
  ctx: Ctx<ChildStarted>,
): Promise<Answer<ChildStarted>> {
  const { children, label, rules } = state
  let spec: CheckedChildSpec
  try {
    spec = checkChildSpec(given, rules.autoShutdown)
  } catch (error) {
    return refuse(state, ctx, error)
  }
  const holder = children.get(spec.id)
  if (holder !== undefined) {
    return refuse(state, ctx, new DuplicateChildError(label, spec.id, holder.pid))
  }
  if (children.size >= rules.childrenMax) {
    return refuse(state, ctx, new ChildLimitError(label, rules.childrenMax))
  }
  const child = new Child(spec)
  children.set(spec.id, child)
  try {
    return answer(state, ctx, await state.start(child))
  } catch (error) {
    children.delete(spec.id)
    return refuse(state, ctx, error)
  }
}

async function restartChild(
  state: Supervised,
  id: string,
  ctx: Ctx<ChildStarted>,
): Promise<Answer<ChildStarted>> {
  const child = state.children.get(id)
  if (child === undefined) return refuse(state, ctx, new ChildNotFoundError(state.label, id))
  if (child.active) {
    return refuse(state, ctx, new ChildRunningError(state.label, id, child.restarting))
  }
  try {
    return answer(state, ctx, await state.start(child))
  } catch (error) {
    return refuse(state, ctx, error)
  }
}

async function terminateChild(
  state: Supervised,
  id: string,
  ctx: Ctx<void>,
): Promise<Answer<void>> {
  const child = state.children.get(id)
  if (child === undefined) return refuse(state, ctx, new ChildNotFoundError(state.label, id))
  await state.stop(child)
  if (child.restart === 'temporary') state.children.delete(id)
  return reply(undefined, state)
}

function deleteChild(state: Supervised, id: string, ctx: Ctx<void>): Answer<void> {
  const child = state.children.get(id)
  if (child === undefined) return refuse(state, ctx, new ChildNotFoundError(state.label, id))
  if (child.active) {
    return refuse(state, ctx, new ChildRunningError(state.label, id, child.restarting))
  }
  state.children.delete(id)
  return reply(undefined, state)
}

function refuse<R>(state: Supervised, ctx: Ctx<R>, error: unknown): NoReply<Supervised> {
  ctx.from.fail(error)
  return noreply(state)
}

function answer(
  state: Supervised,
  ctx: Ctx<ChildStarted>,
  started: ChildStarted | StartIgnoredError,
): Answer<ChildStarted> {
  return started instanceof StartIgnoredError ? refuse(state, ctx, started) : reply(started, state)
}

function infoOf(child: Child): ChildInfo {
  const { id, pid, restarting, restart, significant, restarts, spec } = child
  return { id, pid, restarting, type: spec.type, restart, significant, restarts }
}

function countsOf({ children }: Supervised): ChildCounts {
  const all = [...children.values()]
  const supervisors = all.filter(({ spec }) => spec.type === 'supervisor').length
  return {
    specs: all.length,
    active: all.filter(({ pid }) => pid !== undefined).length,
    supervisors,
    workers: all.length - supervisors,
  }
}

/** A supervisor as callers name it. */
export type SupervisorTarget = { readonly pid: Pid } | Pid | string | { readonly via: Via }

/** How a supervisor is a child of another one. */
export interface SupervisorChildOptions {
  readonly id: string
  readonly restart?: RestartType | undefined
  /** Default `'infinity'`, so that its own children keep their deadlines. */
  readonly shutdown?: Shutdown | undefined
  readonly significant?: boolean | undefined
}

/** How a request to a supervisor is made. */
export interface SupervisorRequestOptions extends CallOptions {
  /** Where a name is looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/** The functions of {@link Supervisor}. Requests wait as long as it takes, as in OTP (U-68). */
export interface SupervisorFunctions {
  /** Starts a supervisor and its children; rejects if one of them fails, after stopping the others. */
  start(options?: SupervisorOptions): Promise<SupervisorRef>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink(options?: SupervisorOptions): Promise<SupervisorRef>
  /** A child specification of a supervisor, for a supervisor above it. */
  child(
    options: Omit<SupervisorOptions, 'system' | 'parent' | 'link'>,
    child: SupervisorChildOptions,
  ): ChildSpec<SupervisorRef>
  /** Stops the children in reverse order, then the supervisor. */
  stop(target: SupervisorTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /** Adds a child and starts it; gives what its start function gave. */
  startChild<R extends ChildStarted>(
    target: SupervisorTarget,
    spec: ChildSpec<R>,
    options?: SupervisorRequestOptions,
  ): Promise<R>
  /** Stops a child without restart; its specification stays, unless it is temporary (U-11, U-14). */
  terminateChild(
    target: SupervisorTarget,
    id: string,
    options?: SupervisorRequestOptions,
  ): Promise<void>
  /** Starts a stopped child again. */
  restartChild(
    target: SupervisorTarget,
    id: string,
    options?: SupervisorRequestOptions,
  ): Promise<ChildStarted>
  /** Removes the specification of a stopped child. */
  deleteChild(
    target: SupervisorTarget,
    id: string,
    options?: SupervisorRequestOptions,
  ): Promise<void>
  /** All children, newest first (U-03). */
  whichChildren(
    target: SupervisorTarget,
    options?: SupervisorRequestOptions,
  ): Promise<readonly ChildInfo[]>
  countChildren(target: SupervisorTarget, options?: SupervisorRequestOptions): Promise<ChildCounts>
}

/**
 * Supervisors.
 *
 * @example
 * const Database = defineServer({ init: (path: string) => path, call: {}, cast: {} })
 * const Cache = defineServer({ init: () => 0, call: {}, cast: {} })
 * const sup = await Supervisor.start({
 *   strategy: 'rest_for_one',
 *   children: [Database.child('db.sqlite', { id: 'db' }), Cache.child(undefined, { id: 'cache' })],
 * })
 * const ids = (await Supervisor.whichChildren(sup)).map(({ id }) => id)
 * assert.deepEqual(ids, ['cache', 'db'])
 * await Supervisor.stop(sup)
 */
export const Supervisor: SupervisorFunctions = Object.freeze<SupervisorFunctions>({
  start,
  startLink: (options) => start({ ...options, link: true }),
  child: (options, { id, ...rest }) => ({
    ...childSpec<SupervisorRef>(id, rest, ({ system, parent }) =>
      start({ ...options, system, parent, link: true }),
    ),
    type: 'supervisor',
  }),
  stop: (target, reason, options) => stopProcess(target, reason, options),
  startChild: (target, spec, options) => request(target, 'startChild', spec, options),
  terminateChild: (target, id, options) => request(target, 'terminateChild', id, options),
  restartChild: (target, id, options) => request(target, 'restartChild', id, options),
  deleteChild: (target, id, options) => request(target, 'deleteChild', id, options),
  whichChildren: (target, options) => request(target, 'whichChildren', undefined, options),
  countChildren: (target, options) => request(target, 'countChildren', undefined, options),
})

async function start(given: SupervisorOptions = {}): Promise<SupervisorRef> {
  const options = resolveOptions('Supervisor.start', defaults, checks, given) as Checked
  const specs = checkChildSpecs(options.children, options.autoShutdown)
  const { name, system, parent, link, signal, mailboxMessagesMax } = options
  const serverOptions: ServerOptions = {
    name,
    system,
    parent,
    link,
    signal,
    mailboxMessagesMax,
    trapExit: true,
    initTimeoutMs: Infinity,
  }
  return server.start({ options, specs }, serverOptions)
}

function request<R>(
  target: SupervisorTarget,
  name: keyof SupervisorApi['call'],
  input: unknown,
  given: SupervisorRequestOptions = {},
): Promise<R> {
  const options = { timeoutMs: Infinity, ...given }
  if (typeof target === 'object' && 'pid' in target) {
    return homeOf(target.pid).call(target.pid, name, input, options) as Promise<R>
  }
  const system = isPid(target) ? homeOf(target) : pickSystem(given)
  return system.call(target, name, input, options) as Promise<R>
}
