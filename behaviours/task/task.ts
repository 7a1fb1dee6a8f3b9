/**
 * Tasks: one piece of work each, in a process of its own, with a result. Elixir's Task.
 *
 *     const task = Task.async(() => fetchPrice(item))   // runs at once, linked to the running process
 *     ...                                               // do something else
 *     const price = await Task.await(task)              // once, by the owner
 *
 * The parts: task-process.ts is the process, task-wait.ts the waiting, task-stream.ts many at a time.
 * Differs from Elixir: plain code may own tasks too (no link, the failure is in the await); a second await is
 * refused at once. See the README.
 */
import {
  ArgumentError,
  booleanOption,
  currentProcess,
  functionOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  type OptionCheck,
  type Pid,
  type Process,
  type System,
} from '../../runtime/index.ts'
import type { ChildSpec, Shutdown } from '../supervisor/child-spec.ts'
import { parentPid, pidOption, signalOption, timeoutOption } from '../server/gen.ts'
import { childSpec, type ChildOptions } from '../server/gen-server.ts'
import { ownedBy, ownerOption, type TaskOwner } from './task-owner.ts'
import {
  callersOf,
  callersWith,
  TaskCell,
  type Task as TaskHandle,
  type TaskContext,
  type TaskFunction,
  type TaskResult,
} from './task-process.ts'
import {
  opener,
  StreamCell,
  type StreamPlan,
  type StreamResult,
  type StreamSource,
  type TaskStream,
} from './task-stream.ts'
import {
  awaitMany,
  awaitTask,
  ignoreTask,
  shutdownTask,
  yieldMany,
  yieldTask,
  type TaskShutdownOptions,
  type TaskValues,
  type TaskWaitOptions,
  type TaskYields,
  type YieldManyOptions,
} from './task-wait.ts'

/** See `Task` in task-process.ts. */
export type Task<R> = TaskHandle<R>

/** To whom a task belongs. */
export interface TaskOptions {
  /**
   * The owner: the task is linked to it, and only it may wait for the task. Default: the process running
   * synchronously. After an `await` of your own pass your `ctx`. Plain code has none.
   */
  readonly owner?: TaskOwner | undefined
  /** Where it runs without an owner. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
  /** Exit signals become messages of the task, for `ctx.receive`. Default false. */
  readonly trapExit?: boolean | undefined
}

type CompletedOptions = Pick<TaskOptions, 'owner'>

/** How a task is started whose result nobody asks for. */
export interface TaskStartOptions {
  /** Whom `startLink` links it to. Default: the process running synchronously. */
  readonly parent?: Pid | undefined
  /** Default: the system of the parent, else the default system. */
  readonly system?: System | undefined
  /** Exit signals become messages of the task. Default false. */
  readonly trapExit?: boolean | undefined
}

/** How a stream of tasks is worked off. */
export interface TaskStreamOptions {
  /** See {@link TaskOptions}. */
  readonly owner?: TaskOwner | undefined
  /** See {@link TaskOptions}. */
  readonly system?: System | undefined
  /** Tasks at a time; default 8. Higher finishes sooner what waits, and loads more what it waits for. */
  readonly maxConcurrency?: number | undefined
  /**
   * Results kept while they wait for an earlier one or for the consumer; default `maxConcurrency`. Higher lets
   * the others go on beside a slow one, at the cost of memory; 0 keeps nothing back.
   */
  readonly bufferedMax?: number | undefined
  /** Results come in the order of the source. Default true; false gives each when it is there. */
  readonly ordered?: boolean | undefined
  /** Milliseconds for each task. Default 5000. */
  readonly timeoutMs?: number | undefined
  /** A task that is too slow: `exit` (default) ends the stream, `kill_task` gives `{ exit: 'timeout' }`. */
  readonly onTimeout?: 'exit' | 'kill_task' | undefined
  /** Results without a value carry their element as `input`. Default false. */
  readonly zipInputOnExit?: boolean | undefined
  /** Ends the stream: rejects with `ERR_TASK_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/** A task that was started for its effect. */
export interface StartedTask {
  readonly pid: Pid
}

/** How a task is a child. */
export type TaskChildOptions = Omit<ChildOptions, 'options'>

/** The functions of {@link Task}. */
export interface TaskFunctions {
  /**
   * Runs `fn` in a new process, linked to its owner: if one of them fails, so does the other. The result is
   * to be had by one `await`, or by `yield` and `shutdown`.
   */
  async<R>(fn: TaskFunction<R>, options?: TaskOptions): Task<Awaited<R>>
  /**
   * The value of a task. Rejects with `ERR_TASK_EXIT` if it ended without one, with `ERR_TASK_TIMEOUT` if it
   * is not done in time; then the result is given up.
   */
  await<R>(task: Task<R>, options?: TaskWaitOptions): Promise<R>
  /** The values of all tasks, in their order; one deadline for all, the first failure counts (T-11). */
  awaitMany<const T extends readonly Task<unknown>[]>(
    tasks: T,
    options?: TaskWaitOptions,
  ): Promise<TaskValues<T>>
  /** `{ ok }`, `{ exit }`, or undefined if it is not done in time; then ask again, or shut it down. */
  yield<R>(task: Task<R>, options?: TaskWaitOptions): Promise<TaskResult<R> | undefined>
  /** As `yield`, for several tasks with one deadline. */
  yieldMany<const T extends readonly Task<unknown>[]>(
    tasks: T,
    options?: YieldManyOptions,
  ): Promise<TaskYields<T>>
  /**
   * Ends a task and waits until it is dead: asks it with `shutdown` and kills it after so many milliseconds
   * (default 5000), or kills it at once. Its result, if it had come to one by then (T-09).
   */
  shutdown<R>(
    task: Task<R>,
    how?: Shutdown,
    options?: TaskShutdownOptions,
  ): Promise<TaskResult<R> | undefined>
  /** Nobody is going to ask for this task: gives its result if it is there. It goes on, still linked. */
  ignore<R>(task: Task<R>): TaskResult<R> | undefined
  /** A task that is done, without a process. */
  completed<R>(value: R, options?: CompletedOptions): Task<R>
  /** Runs `fn` in a new process for its effect only; a failure is logged. */
  start(fn: TaskFunction<unknown>, options?: TaskStartOptions): StartedTask
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink(fn: TaskFunction<unknown>, options?: TaskStartOptions): StartedTask
  /** A child specification; temporary by default (T-23). */
  child(fn: TaskFunction<unknown>, options?: TaskChildOptions): ChildSpec<StartedTask>
  /**
   * Runs `fn` over a source, a task per element, and gives the results as they come. The tasks are linked to
   * the owner; without one, the first failure ends the stream and rejects.
   */
  asyncStream<T, R>(
    source: StreamSource<T>,
    fn: (input: T, ctx: TaskContext) => R,
    options: TaskStreamOptions & { readonly zipInputOnExit: true },
  ): TaskStream<StreamResult<Awaited<R>, T>>
  asyncStream<T, R>(
    source: StreamSource<T>,
    fn: (input: T, ctx: TaskContext) => R,
    options?: TaskStreamOptions & { readonly zipInputOnExit?: false | undefined },
  ): TaskStream<StreamResult<Awaited<R>>>
  /** Whom the running process works for, nearest first, if it is a task (T-21). */
  callers(): readonly Pid[]
}

const MAX_CONCURRENCY_DEFAULT = 8
const TASK_MS_DEFAULT = 5000

const asyncChecks: { readonly [K in keyof TaskOptions]-?: OptionCheck } = {
  owner: optional(ownerOption),
  system: optional(objectOption),
  trapExit: optional(booleanOption),
}
const completedChecks: { readonly [K in keyof CompletedOptions]-?: OptionCheck } = {
  owner: optional(ownerOption),
}
const startChecks: { readonly [K in keyof TaskStartOptions]-?: OptionCheck } = {
  parent: optional(pidOption),
  system: optional(objectOption),
  trapExit: optional(booleanOption),
}
const streamDefaults: TaskStreamOptions = Object.freeze<TaskStreamOptions>({
  maxConcurrency: MAX_CONCURRENCY_DEFAULT,
  ordered: true,
  timeoutMs: TASK_MS_DEFAULT,
  onTimeout: 'exit',
  zipInputOnExit: false,
})
const streamChecks: { readonly [K in keyof TaskStreamOptions]-?: OptionCheck } = {
  owner: optional(ownerOption),
  system: optional(objectOption),
  maxConcurrency: numberOption(1, 1_000_000),
  bufferedMax: optional(numberOption(0, 1_000_000)),
  ordered: booleanOption,
  timeoutMs: timeoutOption,
  onTimeout: oneOfOption('exit', 'kill_task'),
  zipInputOnExit: booleanOption,
  signal: optional(signalOption),
}

/**
 * Work in processes of its own.
 *
 * @example
 * const task = Task.async(async () => 20 + 1)
 * assert.equal((await Task.await(task)) * 2, 42)
 *
 * const squares: number[] = []
 * for await (const result of Task.asyncStream([1, 2, 3], (n) => n * n, { maxConcurrency: 2 })) {
 *   if ('ok' in result) squares.push(result.ok)
 * }
 * assert.deepEqual(squares, [1, 4, 9])
 */
export const Task: TaskFunctions = Object.freeze<TaskFunctions>({
  async: startAsync,
  await: awaitTask,
  awaitMany: awaitMany as TaskFunctions['awaitMany'],
  yield: yieldTask,
  yieldMany: yieldMany as TaskFunctions['yieldMany'],
  shutdown: shutdownTask,
  ignore: ignoreTask,
  completed: (value, given) => {
    const options = resolveOptions<CompletedOptions>('Task.completed', {}, completedChecks, given)
    return TaskCell.completed(value, ownedBy(options).owner)
  },
  start: (fn, options) => startAlone('Task.start', fn, options, false),
  startLink: (fn, options) => startAlone('Task.startLink', fn, options, true),
  child: (fn, { id = 'task', restart = 'temporary', ...rest } = {}) =>
    childSpec(id, { ...rest, restart }, async ({ parent, system }) =>
      Task.startLink(fn, { parent, system }),
    ),
  asyncStream: (
    source: StreamSource<unknown>,
    fn: (input: never, ctx: TaskContext) => unknown,
    given?: TaskStreamOptions,
  ) => new StreamCell(streamPlan('Task.asyncStream', source, fn, given, startInStream)) as never,
  callers: () => callersOf(currentProcess()),
})

function startAsync<R>(fn: TaskFunction<R>, given?: TaskOptions): Task<Awaited<R>> {
  checkFunction(fn)
  const options =
    given === undefined
      ? noOptions
      : resolveOptions<TaskOptions>('Task.async', noOptions, asyncChecks, given)
  const { system, owner } = ownedBy(options)
  return TaskCell.start(fn, {
    system,
    owner,
    parent: owner,
    link: owner !== undefined,
    trapExit: options.trapExit,
    callers: callersWith(owner, system),
  })
}

const noOptions: TaskOptions = Object.freeze({})

function startAlone(
  where: string,
  fn: TaskFunction<unknown>,
  given: TaskStartOptions | undefined,
  link: boolean,
): StartedTask {
  checkFunction(fn)
  const options = resolveOptions<TaskStartOptions>(where, {}, startChecks, given)
  const parent = options.parent ?? (link ? parentPid(where) : undefined)
  const { system, owner: caller } = ownedBy({ owner: parent, system: options.system })
  const { pid } = TaskCell.start(fn, {
    system,
    owner: undefined,
    parent,
    link,
    trapExit: options.trapExit,
    callers: callersWith(caller, system),
  })
  return { pid: pid as Pid }
}

function startInStream(
  fn: TaskFunction<unknown>,
  stream: Process,
  made: (cell: TaskCell) => void,
): void {
  const { owner, system, callers } = (stream.state as StreamCell).plan
  made(
    TaskCell.start(fn, {
      system,
      owner,
      parent: stream.pid,
      link: true,
      trapExit: undefined,
      callers,
    }),
  )
}

/** Checks the options of a stream; used for those under a supervisor too. */
export function streamPlan(
  where: string,
  source: StreamSource<unknown>,
  fn: (input: never, ctx: TaskContext) => unknown,
  given: TaskStreamOptions | undefined,
  startTask: StreamPlan['startTask'],
): StreamPlan {
  checkFunction(fn)
  opener(source)
  const options = resolveOptions(where, streamDefaults, streamChecks, given)
  const { maxConcurrency, ordered, timeoutMs, onTimeout, zipInputOnExit } =
    options as Required<TaskStreamOptions>
  const work = fn as (input: unknown, ctx: TaskContext) => unknown
  const { system, owner } = ownedBy(options)
  return {
    system,
    owner,
    callers: callersWith(owner, system),
    source,
    startTask,
    maxConcurrency: maxConcurrency as number,
    bufferedMax: options.bufferedMax ?? (maxConcurrency as number),
    ordered: ordered as boolean,
    timeoutMs: timeoutMs as number,
    onTimeout: onTimeout as 'exit' | 'kill_task',
    zipInputOnExit: zipInputOnExit as boolean,
    signal: options.signal,
    work: (input) => (ctx) => work(input, ctx),
  }
}

/** A task without a function could only fail later, in its own process. */
export function checkFunction(fn: unknown): void {
  if (!functionOption.test(fn)) throw new ArgumentError('fn', functionOption.expected, fn)
}
