/**
 * The process of a task: a plain process whose function has a result. The record of the result is at the
 * same time the handle that the starter holds, so a task costs no message, no monitor and no
 * second object.
 *
 *     startTask -> init item: fn runs -> done: outcome { ok }, exit 'normal' -> onExit: the listener hears
 *                                     -> throws, is killed: onExit: outcome { exit }, the listener hears
 *
 * Invariants:
 * - The outcome is set once, before the listener hears; a listener hears once, when the process is dead,
 *   so who has the result of a task knows that nothing of it is left.
 * - A handle has no `then`: it would be awaited by accident, by every `async` function that returns it.
 *
 * Follows Elixir's Task and Task.Supervised; cases T-01, T-05, T-06, T-14, T-21.
 */
import {
  ArgumentError,
  isThenable,
  plainProgram,
  type ExitReason,
  type Match,
  type Pid,
  type Process,
  type ProcessContext,
  type Program,
  type ReceiveOptions,
  type System,
} from '../../runtime/index.ts'
import { ProcessOperator, type ProcessOperations } from '../server/process-operations.ts'
import { TaskTakenError, type TaskUse } from './task-errors.ts'

/**
 * A piece of work in a process of its own. Not a promise: give it to `Task.await`, `Task.yield` or
 * `Task.shutdown`. Its result is given once.
 */
export interface Task<out R> {
  /** For the compiler only. */
  readonly '~task': R
  /** The process; undefined for `Task.completed`. Dead when the task is done. */
  readonly pid: Pid | undefined
  /** The process that it belongs to and that may wait for it; undefined if plain code started it. */
  readonly owner: Pid | undefined
}

/** How a task ended: with a value, or without. */
export type TaskResult<R> = { readonly ok: R } | { readonly exit: ExitReason }

/** What a task's function can do as its process. */
export interface TaskContext extends ProcessOperations {
  readonly self: Pid
  /** Who wanted this: the owner of the task first, then the owner of that one's task, ... (T-21). */
  readonly callers: readonly Pid[]
  /** The next message of this process that matches; see `Received` for what signals look like. */
  receive(match?: Match, options?: ReceiveOptions): Promise<unknown>
}

/** The function of a task. */
export type TaskFunction<R> = (ctx: TaskContext) => R

/** Hears of the end of one task. */
export interface TaskListener {
  taskEnded(cell: TaskCell): void
}

/** Callers that a task remembers; a chain of tasks that start each other could have any number. */
export const TASK_CALLERS_MAX = 64

/** The only implementation of {@link Task}. */
export class TaskCell<out R = unknown> implements Task<R> {
  declare readonly '~task': R
  readonly pid: Pid | undefined
  readonly owner: Pid | undefined
  #outcome: TaskResult<R> | undefined
  #process: Process | undefined
  #over: boolean
  #listener: TaskListener | undefined
  #use: TaskUse | undefined
  #callers: readonly Pid[]
  /** Those who only want to know that it is dead. */
  #watchers: Set<() => void> | undefined

  private constructor(owner: Pid | undefined, callers: readonly Pid[]) {
    this.owner = owner
    this.pid = undefined
    this.#callers = callers
    this.#outcome = undefined
    this.#process = undefined
    this.#over = false
    this.#listener = undefined
    this.#use = undefined
    this.#watchers = undefined
  }

  static completed<R>(value: R, owner: Pid | undefined): TaskCell<R> {
    const cell = new TaskCell<R>(owner, [])
    cell.#outcome = { ok: value }
    cell.#over = true
    return cell
  }

  static start<R>(fn: TaskFunction<R>, options: TaskStart): TaskCell<Awaited<R>> {
    const { system, owner, parent, link, trapExit, callers } = options
    const cell = new TaskCell<Awaited<R>>(owner, callers)
    const process = system.start(taskProgram, {
      parent,
      link,
      trapExit,
      state: cell,
      initArg: (plain: ProcessContext) => cell.#run(fn, plain),
    })
    ;(cell as { pid: Pid }).pid = process.pid
    cell.#process = process
    return cell
  }

  /** The process while it lives. */
  get process(): Process | undefined {
    return this.#process?.alive === true ? this.#process : undefined
  }
  /** It has ended and {@link ended} told: not yet while a dying process tells others of its death. */
  get over(): boolean {
    return this.#over
  }
  get outcome(): TaskResult<R> | undefined {
    return this.#outcome
  }
  get callers(): readonly Pid[] {
    return this.#callers
  }
  /** Where the result went, or who is to have it. */
  get use(): TaskUse | undefined {
    return this.#use
  }
  /** For errors and logs. */
  get label(): string {
    return this.pid === undefined ? 'a completed task' : `task ${String(this.pid)}`
  }

  /** Reserves the result for one who waits; {@link release} or {@link spend} it afterwards. */
  claim(): void {
    if (this.#use !== undefined) throw new TaskTakenError(this.label, this.#use)
    this.#use = 'waiting'
  }
  /** Nobody waits any more; the result can be asked for again. */
  release(): void {
    this.#use = undefined
    this.#listener = undefined
  }
  /** The result is given, or given up: nobody gets it any more. */
  spend(use: TaskUse): void {
    this.#use = use
    this.#listener = undefined
  }
  listen(listener: TaskListener): void {
    this.#listener = listener
  }

  /** Runs `fn` when the process is dead; the result takes that back. */
  watch(fn: () => void): () => void {
    const watchers = (this.#watchers ??= new Set<() => void>())
    watchers.add(fn)
    return () => watchers.delete(fn)
  }

  /** The process has ended. */
  ended(reason: ExitReason): void {
    this.#process = undefined
    this.#over = true
    this.#outcome ??= { exit: reason }
    const listener = this.#listener
    this.#listener = undefined
    listener?.taskEnded(this)
    const watchers = this.#watchers
    this.#watchers = undefined
    if (watchers !== undefined) for (const watcher of watchers) watcher()
  }

  #run(
    fn: TaskFunction<R | PromiseLike<R>> | TaskFunction<unknown>,
    plain: ProcessContext,
  ): unknown {
    const process = this.#process as Process
    const made = fn(new Context(process, this.#callers, plain))
    if (isThenable(made)) {
      // A thenable of others may know only half of what a promise does.
      return Promise.resolve(made).then((value) => this.#done(process, value as R))
    }
    return this.#done(process, made as R)
  }

  /** What comes after its death is too late (T-03). */
  #done(process: Process, value: R): void {
    if (!process.alive) return
    this.#outcome = { ok: value }
    process.exit('normal')
  }
}

/** How a task is started. */
export interface TaskStart {
  readonly system: System
  readonly owner: Pid | undefined
  readonly parent: Pid | undefined
  /** Link it to the parent. */
  readonly link: boolean
  readonly trapExit: boolean | undefined
  readonly callers: readonly Pid[]
}

/** `pid` and those whom it works for, for a task that it starts. */
export function callersWith(pid: Pid | undefined, system: System): readonly Pid[] {
  if (pid === undefined) return []
  return [pid, ...callersOf(system.process(pid))].slice(0, TASK_CALLERS_MAX)
}

/** Whom a process works for; empty if it is not a task. */
export function callersOf(process: Process | undefined): readonly Pid[] {
  return process?.state instanceof TaskCell ? process.state.callers : []
}

class Context extends ProcessOperator implements TaskContext {
  readonly callers: readonly Pid[]
  readonly #plain: ProcessContext

  constructor(process: Process, callers: readonly Pid[], plain: ProcessContext) {
    super(process)
    this.callers = callers
    this.#plain = plain
  }
  get self(): Pid {
    return this.process.pid
  }
  receive(match?: Match, options?: ReceiveOptions): Promise<unknown> {
    return this.#plain.receive(match, options)
  }
}

const taskProgram: Program = Object.freeze<Program>({
  label: 'task',
  debug: Object.freeze({
    behaviour: 'task',
    // A task keeps its state in the variables of its function.
    getState: () => undefined,
    replaceState: () => {
      throw new ArgumentError('process', 'one that keeps a state', 'a task')
    },
    status: (process: Process) => {
      const cell = process.state as TaskCell
      return { ...plainProgram.debug?.status?.(process), owner: cell.owner, callers: cell.callers }
    },
    parent: () => undefined,
  }),
  handle: plainProgram.handle,
  onExit(process: Process, reason: ExitReason): void {
    if (process.state instanceof TaskCell) process.state.ended(reason)
  },
})
