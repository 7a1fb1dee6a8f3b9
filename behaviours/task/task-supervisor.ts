/**
 * Supervised tasks: a DynamicSupervisor whose children are tasks, so that they can be seen, counted, limited
 * and stopped together. Elixir's Task.Supervisor; cases T-13 to T-15.
 *
 * `async` links the task to its owner besides; `asyncNolink` does not: its failure is in the result alone, and
 * when its owner ends it goes on, under the supervisor. Functions do not travel, so the supervisor must
 * live in this program.
 */
import {
  ArgumentError,
  booleanOption,
  homeOf,
  isPid,
  NoProcessError,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  type ExitReason,
  type OptionCheck,
  type Pid,
  type System,
} from '../../runtime/index.ts'
import {
  shutdownOption,
  type ChildContext,
  type ChildSpec,
  type Shutdown,
} from '../supervisor/child-spec.ts'
import {
  DynamicSupervisor,
  type DynamicSupervisorApi,
  type DynamicSupervisorOptions,
} from '../supervisor/dynamic-supervisor.ts'
import type { Ref } from '../server/contract.ts'
import {
  pickSystem,
  resolveTarget,
  signalOption,
  timeoutOption,
  type StopOptions,
} from '../server/gen.ts'
import type { RestartType } from '../supervisor/restart-strategy.ts'
import type {
  SupervisorChildOptions,
  SupervisorRequestOptions,
  SupervisorTarget,
} from '../supervisor/supervisor-requests.ts'
import { checkFunction, streamPlan, type StartedTask, type TaskStreamOptions } from './task.ts'
import { TaskRemoteError } from './task-errors.ts'
import { ownedBy, ownerOption, type TaskOwner } from './task-owner.ts'
import {
  callersWith,
  TaskCell,
  type Task,
  type TaskContext,
  type TaskFunction,
} from './task-process.ts'
import {
  StreamCell,
  type StreamPlan,
  type StreamResult,
  type StreamSource,
  type TaskStream,
} from './task-stream.ts'

/** How a task supervisor is started; see `DynamicSupervisorOptions`. */
export type TaskSupervisorOptions = Omit<DynamicSupervisorOptions, 'strategy' | 'extraArguments'>

/** A running task supervisor. */
export type TaskSupervisorRef = Ref<DynamicSupervisorApi>

/** How a supervised task is started. Without `timeoutMs` the supervisor may take as long as it needs. */
export interface SupervisedTaskOptions extends Omit<SupervisorRequestOptions, 'from'> {
  /** See `TaskOptions`. */
  readonly owner?: TaskOwner | undefined
  /** Exit signals become messages of the task. Default false. */
  readonly trapExit?: boolean | undefined
  /** How long it may take to end when the supervisor stops it. Default 5000 ms. */
  readonly shutdown?: Shutdown | undefined
}

/** How a task is started for its effect, and whether it is started again. */
export interface SupervisedChildOptions extends Omit<SupervisedTaskOptions, 'owner'> {
  /** Default `temporary`; `transient` runs the function again after a crash (T-15). */
  readonly restart?: RestartType | undefined
}

/** The functions of {@link TaskSupervisor}. */
export interface TaskSupervisorFunctions {
  start(options?: TaskSupervisorOptions): Promise<TaskSupervisorRef>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink(options?: TaskSupervisorOptions): Promise<TaskSupervisorRef>
  /** A child specification of a task supervisor, for a supervisor above it. */
  child(
    options: Omit<TaskSupervisorOptions, 'system' | 'parent' | 'link'>,
    child: SupervisorChildOptions,
  ): ChildSpec<TaskSupervisorRef>
  /** Stops the tasks, then the supervisor. */
  stop(target: SupervisorTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /** As `Task.async`, under the supervisor: linked to its owner as well. */
  async<R>(
    supervisor: SupervisorTarget,
    fn: TaskFunction<R>,
    options?: SupervisedTaskOptions,
  ): Promise<Task<Awaited<R>>>
  /** As `async`, not linked to its owner: for work that may fail, or may outlive who asked for it. */
  asyncNolink<R>(
    supervisor: SupervisorTarget,
    fn: TaskFunction<R>,
    options?: SupervisedTaskOptions,
  ): Promise<Task<Awaited<R>>>
  /** Runs `fn` for its effect only. */
  startChild(
    supervisor: SupervisorTarget,
    fn: TaskFunction<unknown>,
    options?: SupervisedChildOptions,
  ): Promise<StartedTask>
  /** As `Task.asyncStream`, with the tasks under the supervisor. */
  asyncStream<T, R>(
    supervisor: SupervisorTarget,
    source: StreamSource<T>,
    fn: (input: T, ctx: TaskContext) => R,
    options: TaskStreamOptions & { readonly zipInputOnExit: true },
  ): TaskStream<StreamResult<Awaited<R>, T>>
  asyncStream<T, R>(
    supervisor: SupervisorTarget,
    source: StreamSource<T>,
    fn: (input: T, ctx: TaskContext) => R,
    options?: TaskStreamOptions & { readonly zipInputOnExit?: false | undefined },
  ): TaskStream<StreamResult<Awaited<R>>>
  /** As `asyncStream`, not linked: a task that fails gives `{ exit }` and the stream goes on. */
  asyncStreamNolink<T, R>(
    supervisor: SupervisorTarget,
    source: StreamSource<T>,
    fn: (input: T, ctx: TaskContext) => R,
    options: TaskStreamOptions & { readonly zipInputOnExit: true },
  ): TaskStream<StreamResult<Awaited<R>, T>>
  asyncStreamNolink<T, R>(
    supervisor: SupervisorTarget,
    source: StreamSource<T>,
    fn: (input: T, ctx: TaskContext) => R,
    options?: TaskStreamOptions & { readonly zipInputOnExit?: false | undefined },
  ): TaskStream<StreamResult<Awaited<R>>>
  /** The processes of all tasks, oldest first. */
  children(supervisor: SupervisorTarget, options?: SupervisorRequestOptions): Promise<Pid[]>
  /** Stops one task. */
  terminateChild(
    supervisor: SupervisorTarget,
    child: Pid | { readonly pid: Pid },
    options?: SupervisorRequestOptions,
  ): Promise<void>
}

const requestChecks: {
  readonly [K in keyof Omit<SupervisorRequestOptions, 'from'>]-?: OptionCheck
} = {
  timeoutMs: optional(timeoutOption),
  signal: optional(signalOption),
  system: optional(objectOption),
}
const asyncChecks: { readonly [K in keyof SupervisedTaskOptions]-?: OptionCheck } = {
  ...requestChecks,
  owner: optional(ownerOption),
  trapExit: optional(booleanOption),
  shutdown: optional(shutdownOption),
}
const childChecks: { readonly [K in keyof SupervisedChildOptions]-?: OptionCheck } = {
  ...requestChecks,
  trapExit: optional(booleanOption),
  shutdown: optional(shutdownOption),
  restart: optional(oneOfOption('permanent', 'transient', 'temporary')),
}

/**
 * Supervisors of tasks.
 *
 * @example
 * const tasks = await TaskSupervisor.start()
 * const task = await TaskSupervisor.asyncNolink(tasks, () => JSON.parse('{') as unknown)
 * const result = await Task.yield(task)
 * assert.ok(result !== undefined && 'exit' in result && result.exit instanceof SyntaxError)
 * await TaskSupervisor.stop(tasks)
 */
export const TaskSupervisor: TaskSupervisorFunctions = Object.freeze<TaskSupervisorFunctions>({
  start: (options) => DynamicSupervisor.start(options),
  startLink: (options) => DynamicSupervisor.startLink(options),
  child: (options, child) => DynamicSupervisor.child(options, child),
  stop: (target, reason, options) => DynamicSupervisor.stop(target, reason, options),
  async: (target, fn, options) => startAsync('TaskSupervisor.async', target, fn, options, true),
  asyncNolink: (target, fn, options) =>
    startAsync('TaskSupervisor.asyncNolink', target, fn, options, false),
  startChild,
  asyncStream: (
    target: SupervisorTarget,
    source: StreamSource<unknown>,
    fn: (input: never, ctx: TaskContext) => unknown,
    options?: TaskStreamOptions,
  ) => stream('TaskSupervisor.asyncStream', target, source, fn, options, true) as never,
  asyncStreamNolink: (
    target: SupervisorTarget,
    source: StreamSource<unknown>,
    fn: (input: never, ctx: TaskContext) => unknown,
    options?: TaskStreamOptions,
  ) => stream('TaskSupervisor.asyncStreamNolink', target, source, fn, options, false) as never,
  children: async (target, options) => {
    const children = await DynamicSupervisor.whichChildren(target, options)
    return children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  },
  terminateChild: (target, child, options) =>
    DynamicSupervisor.terminateChild(target, child, options),
})

async function startAsync<R>(
  where: string,
  target: SupervisorTarget,
  fn: TaskFunction<R>,
  given: SupervisedTaskOptions | undefined,
  link: boolean,
): Promise<Task<Awaited<R>>> {
  const {
    owner: whose,
    trapExit,
    shutdown,
    ...request
  } = resolveOptions<SupervisedTaskOptions>(where, {}, asyncChecks, given)
  const { owner, system } = ownedBy({ owner: whose })
  return startUnder(target, fn, {
    owner,
    linkTo: link ? owner : undefined,
    wantedBy: link ? owner : undefined,
    callers: callersWith(owner, system),
    trapExit,
    shutdown,
    request,
  })
}

async function startChild(
  target: SupervisorTarget,
  fn: TaskFunction<unknown>,
  given?: SupervisedChildOptions,
): Promise<StartedTask> {
  const {
    restart = 'temporary',
    trapExit,
    shutdown,
    ...request
  } = resolveOptions<SupervisedChildOptions>('TaskSupervisor.startChild', {}, childChecks, given)
  checkFunction(fn)
  const { owner, system: home } = ownedBy({})
  checkLocal(target, request.system)
  const callers = callersWith(owner, home)
  const start = async ({ system, parent }: ChildContext): Promise<StartedTask> => {
    const cell = TaskCell.start(fn, {
      system,
      owner: undefined,
      parent,
      link: true,
      trapExit,
      callers,
    })
    return { pid: cell.pid as Pid }
  }
  const spec = { id: 'task', restart, start, ...(shutdown === undefined ? {} : { shutdown }) }
  return DynamicSupervisor.startChild(target, spec, request)
}

/** How a task with a result is started under a supervisor. */
interface StartUnder {
  readonly owner: Pid | undefined
  /** Whom it is linked to besides the supervisor. */
  readonly linkTo: Pid | undefined
  /** Not started if this process has ended meanwhile. */
  readonly wantedBy: Pid | undefined
  /** Told of the task before it can run. */
  readonly made?: (cell: TaskCell) => void
  readonly callers: readonly Pid[]
  readonly trapExit?: boolean | undefined
  readonly shutdown?: Shutdown | undefined
  readonly request: SupervisorRequestOptions
}

/** Runs in the supervisor up to the process and its links, which are there before it can run. */
async function startUnder<R>(
  target: SupervisorTarget,
  fn: TaskFunction<R>,
  { owner, linkTo, wantedBy, made: tell, callers, trapExit, shutdown, request }: StartUnder,
): Promise<TaskCell<Awaited<R>>> {
  checkFunction(fn)
  const home = checkLocal(target, request.system)
  if (owner !== undefined && homeOf(owner) !== home) {
    throw new ArgumentError('owner', 'a process of the system of the supervisor', owner)
  }
  let cell: TaskCell<Awaited<R>> | undefined
  let givenUp = false
  const start = async ({ system, parent }: ChildContext): Promise<StartedTask> => {
    if (givenUp) throw new ArgumentError('task', 'one that is still wanted', 'a request given up')
    if (wantedBy !== undefined && !system.isAlive(wantedBy)) {
      throw new NoProcessError(wantedBy, 'TaskSupervisor.async')
    }
    const made = TaskCell.start(fn, { system, owner, parent, link: true, trapExit, callers })
    cell = made
    const pid = made.pid as Pid
    try {
      if (linkTo !== undefined) system.link(linkTo, pid)
    } catch (error) {
      system.exit(pid, 'kill', parent)
      throw error
    }
    tell?.(made)
    return { pid }
  }
  const spec = {
    id: 'task',
    restart: 'temporary' as const,
    start,
    ...(shutdown === undefined ? {} : { shutdown }),
  }
  try {
    await DynamicSupervisor.startChild(target, spec, request)
  } catch (error) {
    givenUp = true
    if (linkTo !== undefined && cell?.pid !== undefined) home.unlink(linkTo, cell.pid)
    if (cell?.pid !== undefined) home.exit(cell.pid, 'kill')
    throw error
  }
  return cell as TaskCell<Awaited<R>>
}

function stream(
  where: string,
  target: SupervisorTarget,
  source: StreamSource<unknown>,
  fn: (input: never, ctx: TaskContext) => unknown,
  options: TaskStreamOptions | undefined,
  link: boolean,
): StreamCell {
  const startTask: StreamPlan['startTask'] = (work, process, made) => {
    const { owner, system, callers } = (process.state as StreamCell).plan
    return startUnder(target, work, {
      owner,
      linkTo: link ? process.pid : undefined,
      wantedBy: process.pid,
      made,
      callers,
      request: { system },
    })
  }
  const system = options?.system ?? checkLocal(target, undefined)
  return new StreamCell(streamPlan(where, source, fn, { ...options, system }, startTask))
}

/** The system of a supervisor in this program. */
function checkLocal(target: SupervisorTarget, given: System | undefined): System {
  const pid = isPid(target) ? target : resolveTarget(target, given ?? pickSystem({ system: given }))
  if (pid === undefined) return pickSystem({ system: given })
  const home = homeOf(pid)
  if (pid.node !== home.node) throw new TaskRemoteError(pid)
  return home
}
