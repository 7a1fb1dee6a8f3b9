/**
 * Waiting for tasks: await, yield, their forms for many, ignore and shutdown.
 *
 * Invariants:
 * - The result of a task is given once. Whoever asks again is refused at once with what became of it,
 *   where Elixir waits for a message that cannot come (T-18).
 * - A wait that ends leaves no timer, abort listener or message (T-01, T-03). Its timer belongs to the task's
 *   process, so it ends with the task at the latest.
 * - Nothing leaks: a wait that gives up on a task without owner shuts it down. A task with an owner goes on,
 *   as in Elixir: it is linked and dies with an owner that does not catch the error (T-02), or it has a
 *   supervisor.
 *
 * Follows Elixir's Task; cases T-01 to T-12, T-18 to T-20.
 */
import {
  ArgumentError,
  currentProcess,
  numberOption,
  oneOfOption,
  optional,
  ownPromise,
  pidEquals,
  resolveOptions,
  type OptionCheck,
  type System,
  type TimerRef,
} from '../../runtime/index.ts'
import { shutdownMs, shutdownOption, type Shutdown } from '../supervisor/child-spec.ts'
import { signalOption, timeoutOption } from '../server/gen.ts'
import {
  TaskAbortedError,
  TaskExecutionError,
  TaskOwnerError,
  TaskTakenError,
  TaskTimeoutError,
} from './task-errors.ts'
import { TaskCell, type Task, type TaskListener, type TaskResult } from './task-process.ts'

/** How long to wait for tasks. */
export interface TaskWaitOptions {
  /** Milliseconds; default 5000. Infinity waits for ever. */
  readonly timeoutMs?: number | undefined
  /** Stop waiting: rejects with `ERR_TASK_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

/** How long to wait for several tasks, and what becomes of those that are not done. */
export interface YieldManyOptions extends TaskWaitOptions {
  /** Wait for so many of them only; default all. `onTimeout` does not concern the others then. */
  readonly limit?: number | undefined
  /**
   * What happens to those that are not done when `timeoutMs` passed: `nothing` (default), they can be
   * asked again; `ignore`, as `Task.ignore`; `kill_task`, they are killed.
   */
  readonly onTimeout?: 'nothing' | 'ignore' | 'kill_task' | undefined
}

/** How long to wait for a task to stop. */
export interface TaskShutdownOptions {
  /** Stop waiting: rejects with `ERR_TASK_ABORTED`; the task goes on stopping. */
  readonly signal?: AbortSignal | undefined
}

/** The result types of a list of tasks. */
export type TaskValues<T extends readonly Task<unknown>[]> = {
  -readonly [K in keyof T]: T[K] extends Task<infer R> ? R : never
}

/** What `Task.yieldMany` gives: each task with its result, undefined if it is not done. */
export type TaskYields<T extends readonly Task<unknown>[]> = {
  -readonly [K in keyof T]: readonly [
    task: T[K],
    result: TaskResult<T[K] extends Task<infer R> ? R : never> | undefined,
  ]
}

/** How a wait ended. */
export type Ending = 'ended' | 'timed_out' | 'aborted'

/** {@link TaskWaitOptions} with the defaults filled in. */
export interface Limits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

const WAIT_DEFAULT_MS = 5000
/** What a task may take to end when nobody waits for that. */
export const TASK_SHUTDOWN_DEFAULT_MS = 5000

const waitDefaults: Limits = Object.freeze({ timeoutMs: WAIT_DEFAULT_MS })
const waitChecks: { readonly [K in keyof TaskWaitOptions]-?: OptionCheck } = {
  timeoutMs: timeoutOption,
  signal: optional(signalOption),
}
const manyDefaults: YieldManyOptions & Limits = Object.freeze({
  timeoutMs: WAIT_DEFAULT_MS,
  limit: Infinity,
  onTimeout: 'nothing',
})
const manyChecks: { readonly [K in keyof YieldManyOptions]-?: OptionCheck } = {
  ...waitChecks,
  limit: numberOption(1, Infinity),
  onTimeout: oneOfOption('nothing', 'ignore', 'kill_task'),
}
const shutdownChecks: { readonly [K in keyof TaskShutdownOptions]-?: OptionCheck } = {
  signal: optional(signalOption),
}

/** Waits for the value of a task; see `Task.await`. */
export function awaitTask<R>(task: Task<R>, given?: TaskWaitOptions): Promise<R> {
  return ownPromise<R>((resolve, reject) => {
    const cell = askedFor(task)
    const limits = waitLimits('Task.await', given)
    waitFor(cell, limits, (how) => {
      if (how === 'ended') {
        cell.spend('awaited')
        const outcome = cell.outcome as TaskResult<R>
        if ('ok' in outcome) resolve(outcome.ok)
        else reject(new TaskExecutionError(cell.label, outcome.exit))
      } else {
        giveUp(cell, how)
        reject(failure(cell.label, how, limits))
      }
    })
  })
}

/** Waits for the end of a task, which may be asked for again if it has not come; see `Task.yield`. */
export function yieldTask<R>(
  task: Task<R>,
  given?: TaskWaitOptions,
): Promise<TaskResult<R> | undefined> {
  return ownPromise((resolve, reject) => {
    const cell = askedFor(task)
    const limits = waitLimits('Task.yield', given)
    waitFor(cell, limits, (how) => {
      if (how === 'ended') cell.spend('awaited')
      else cell.release()
      if (how === 'aborted') reject(failure(cell.label, how, limits))
      else resolve(cell.outcome)
    })
  })
}

/** Waits for the values of all tasks; see `Task.awaitMany`. */
export function awaitMany(
  tasks: readonly Task<unknown>[],
  given?: TaskWaitOptions,
): Promise<unknown[]> {
  return ownPromise((resolve, reject) => {
    const limits = waitLimits('Task.awaitMany', given)
    const group = new Group(allAskedFor(tasks), limits)
    group.begin((last, how) => {
      if (how !== 'ended') {
        group.close((cell) => (cell.outcome === undefined ? giveUp(cell, how) : cell.release()))
        reject(failure(`one of ${tasks.length} tasks`, how, limits))
      } else if (last !== undefined && 'exit' in (last.outcome as TaskResult<unknown>)) {
        const { exit } = last.outcome as { readonly exit: unknown }
        group.close((cell) => (cell === last ? cell.spend('awaited') : letGo(cell)))
        reject(new TaskExecutionError(last.label, exit))
      } else if (group.pending === 0) {
        group.close((cell) => cell.spend('awaited'))
        resolve(group.cells.map(({ outcome }) => (outcome as { readonly ok: unknown }).ok))
      }
    })
  })
}

/** Waits for the ends of several tasks; see `Task.yieldMany`. */
export function yieldMany(
  tasks: readonly Task<unknown>[],
  given?: YieldManyOptions,
): Promise<(readonly [Task<unknown>, TaskResult<unknown> | undefined])[]> {
  return ownPromise((resolve, reject) => {
    const options = resolveOptions('Task.yieldMany', manyDefaults, manyChecks, given)
    const limits = options as Limits
    const group = new Group(allAskedFor(tasks), limits)
    const give = (pending: (cell: TaskCell) => void): void => {
      const taken = group.cells.map((cell, i) => [tasks[i] as Task<unknown>, cell.outcome] as const)
      group.close((cell) => (cell.outcome === undefined ? pending(cell) : cell.spend('awaited')))
      resolve(taken)
    }
    group.begin((_last, how) => {
      if (how === 'aborted') {
        group.close((cell) => cell.release())
        reject(failure(`${tasks.length} tasks`, how, limits))
      } else if (how === 'timed_out') {
        give((cell) => {
          if (options.onTimeout === 'nothing') return cell.release()
          cell.spend(options.onTimeout === 'ignore' ? 'ignored' : 'shut_down')
          if (options.onTimeout === 'kill_task') endTask(cell, 'brutal_kill')
        })
      } else if (group.pending === 0 || group.done >= (options.limit as number)) {
        give((cell) => cell.release())
      }
    })
  })
}

/** Gives up a task's result, now or when it comes; see `Task.ignore`. */
export function ignoreTask<R>(task: Task<R>): TaskResult<R> | undefined {
  const cell = askedFor(task)
  if (cell.use === 'waiting') throw new TaskTakenError(cell.label, cell.use)
  if (cell.use !== undefined) return undefined
  cell.spend('ignored')
  return cell.outcome
}

/** Ends a task and waits until it is dead; see `Task.shutdown`. */
export function shutdownTask<R>(
  task: Task<R>,
  how: Shutdown = TASK_SHUTDOWN_DEFAULT_MS,
  given?: TaskShutdownOptions,
): Promise<TaskResult<R> | undefined> {
  return ownPromise((resolve, reject) => {
    const cell = askedFor(task)
    if (!shutdownOption.test(how)) throw new ArgumentError('shutdown', shutdownOption.expected, how)
    const { signal } = resolveOptions<TaskShutdownOptions>(
      'Task.shutdown',
      {},
      shutdownChecks,
      given,
    )
    // One who waits is told that it ended; this call has the result only if nobody else has.
    const mine = cell.use === undefined
    if (mine) cell.spend('shut_down')
    const finish = (): void => resolve(mine ? afterShutdown(cell, how) : undefined)
    const { process } = cell
    endTask(cell, how)
    if (cell.over) return finish()
    let release = (): void => {}
    const unwatch = cell.watch(() => {
      release()
      finish()
    })
    if (signal === undefined || process === undefined) return
    release = process.system.onAbort(signal, (cause) => {
      unwatch()
      reject(new TaskAbortedError(cell.label, cause))
    })
  })
}

/**
 * Ends a task's process: by `shutdown` and, if it traps exits and takes too long, by `kill`. Its owner is
 * not taken along.
 */
export function endTask(cell: TaskCell, how: Shutdown): void {
  const { owner, process } = cell
  if (process === undefined) return
  const { pid, system } = process
  if (owner !== undefined) system.unlink(owner, pid)
  if (how === 'brutal_kill') return system.exit(pid, 'kill', owner)
  system.exit(pid, 'shutdown', owner)
  const limitMs = shutdownMs(how)
  if (process.alive && limitMs !== Infinity) {
    system.setTimer(process, limitMs, () => system.exit(pid, 'kill', owner))
  }
}

/** How it ended, unless that was by this shutdown (T-09). */
function afterShutdown<R>(cell: TaskCell<R>, how: Shutdown): TaskResult<R> | undefined {
  const outcome = cell.outcome as TaskResult<R>
  const own = how === 'brutal_kill' ? 'killed' : 'shutdown'
  return 'exit' in outcome && outcome.exit === own ? undefined : outcome
}

/** The record behind a handle, if the one who asks may ask. */
function askedFor<R>(task: Task<R>): TaskCell<R> {
  if (!(task instanceof TaskCell)) throw new ArgumentError('task', 'a task', task)
  const asker = currentProcess()?.pid
  const { owner } = task
  if (asker !== undefined && owner !== undefined && !pidEquals(asker, owner)) {
    throw new TaskOwnerError(task.label, owner, asker)
  }
  return task
}

function allAskedFor(tasks: readonly Task<unknown>[]): TaskCell[] {
  if (!Array.isArray(tasks)) throw new ArgumentError('tasks', 'a list of tasks', tasks)
  return tasks.map(askedFor)
}

function waitLimits(where: string, given: TaskWaitOptions | undefined): Limits {
  if (given === undefined) return waitDefaults
  return resolveOptions<TaskWaitOptions>(where, waitDefaults, waitChecks, given) as Limits
}

/** Nobody is going to ask for this one again. */
function giveUp(cell: TaskCell, use: 'timed_out' | 'aborted'): void {
  cell.spend(use)
  if (cell.owner === undefined) endTask(cell, TASK_SHUTDOWN_DEFAULT_MS)
}

/** Another one failed: what has no owner has nobody left who would end it. */
function letGo(cell: TaskCell): void {
  cell.release()
  if (cell.owner === undefined) endTask(cell, TASK_SHUTDOWN_DEFAULT_MS)
}

function failure(what: string, how: 'timed_out' | 'aborted', limits: Limits): Error {
  if (how === 'timed_out') return new TaskTimeoutError(what, limits.timeoutMs)
  return new TaskAbortedError(what, limits.signal?.reason)
}

/** Claims a task and waits for it. */
export function waitFor(cell: TaskCell, limits: Limits, end: (how: Ending) => void): void {
  cell.claim()
  try {
    new Wait(cell, limits, end).begin()
  } catch (error) {
    cell.release()
    throw error
  }
}

/** One wait for one claimed task: its end, the deadline or the signal, whichever comes first. */
class Wait implements TaskListener {
  readonly #cell: TaskCell
  readonly #limits: Limits
  readonly #end: (how: Ending) => void
  #release: (() => void) | undefined = undefined
  #system: System | undefined = undefined
  #timer: TimerRef | undefined = undefined

  constructor(cell: TaskCell, limits: Limits, end: (how: Ending) => void) {
    this.#cell = cell
    this.#limits = limits
    this.#end = end
  }

  begin(): void {
    const { process, over } = this.#cell
    const { timeoutMs, signal } = this.#limits
    if (signal?.aborted === true) return this.#finish('aborted')
    if (over) return this.#finish('ended')
    this.#cell.listen(this)
    if (process === undefined) return // it is dying, and will tell in a moment
    this.#system = process.system
    if (timeoutMs !== Infinity) {
      this.#timer = this.#system.setTimer(process, timeoutMs, () => this.#finish('timed_out'))
    }
    if (signal === undefined) return
    this.#release = this.#system.onAbort(signal, () => this.#finish('aborted'))
  }

  taskEnded(): void {
    this.#finish('ended')
  }

  /** Takes back what waits; the task is left as it is. */
  cancel(): void {
    if (this.#timer !== undefined) this.#system?.cancelTimer(this.#timer)
    this.#release?.()
    this.#timer = undefined
    this.#release = undefined
  }

  #finish(how: Ending): void {
    this.cancel()
    this.#end(how)
  }
}

/** Waits for several tasks at once; each has the same deadline, and the first that is missed counts. */
class Group {
  readonly cells: readonly TaskCell[]
  readonly #limits: Limits
  readonly #waits: Wait[] = []
  done = 0
  #closed = false

  constructor(cells: readonly TaskCell[], limits: Limits) {
    this.cells = cells
    this.#limits = limits
  }

  get pending(): number {
    return this.cells.length - this.done
  }

  /** Calls `step` for each end, and once with no task when there is nothing to wait for. */
  begin(step: (cell: TaskCell | undefined, how: Ending) => void): void {
    this.#claimAll()
    if (this.cells.length === 0) return step(undefined, 'ended')
    try {
      for (const cell of this.cells) {
        if (this.#closed) return
        const wait = new Wait(cell, this.#limits, (how) => this.#step(step, cell, how))
        this.#waits.push(wait)
        wait.begin()
      }
    } catch (error) {
      this.close((cell) => cell.release())
      throw error
    }
  }

  #step(step: (cell: TaskCell, how: Ending) => void, cell: TaskCell, how: Ending): void {
    if (this.#closed) return
    if (how === 'ended') this.done++
    step(cell, how)
  }

  /** Ends all waits and decides what becomes of each task. */
  close(decide: (cell: TaskCell) => void): void {
    this.#closed = true
    for (const wait of this.#waits) wait.cancel()
    for (const cell of this.cells) decide(cell)
  }

  #claimAll(): void {
    let claimed = 0
    try {
      for (const cell of this.cells) {
        cell.claim()
        claimed++
      }
    } catch (error) {
      for (const cell of this.cells.slice(0, claimed)) cell.release()
      throw error
    }
  }
}
