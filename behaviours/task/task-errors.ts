/**
 * Expected failures of tasks and their codes. noex's class names are kept where it has them
 * (`TaskTimeoutError.timeoutMs`, `TaskExecutionError.cause`); `code` is what to branch on.
 */
import {
  FoveaError,
  formatPid,
  formatReason,
  type ErrorCatalogue,
  type ExitReason,
  type Pid,
} from '../../runtime/index.ts'

/** The task ended without a result: it threw, was killed, or called `exit` (T-05, T-06). */
export class TaskExecutionError extends FoveaError {
  override readonly name = 'TaskExecutionError'
  /** The exit reason of the task; what it threw, if it threw an Error. */
  readonly reason: ExitReason
  constructor(task: string, reason: ExitReason) {
    super('ERR_TASK_EXIT', `${task} ended without a result: ${formatReason(reason)}`, {
      cause: reason,
    })
    this.reason = reason
  }
}

/** A task was not done in time (T-02, T-17). */
export class TaskTimeoutError extends FoveaError {
  override readonly name = 'TaskTimeoutError'
  readonly timeoutMs: number
  constructor(task: string, timeoutMs: number) {
    super('ERR_TASK_TIMEOUT', `${task} was not done within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

/** The `signal` given to a wait for tasks was aborted. */
export class TaskAbortedError extends FoveaError {
  override readonly name = 'TaskAbortedError'
  constructor(task: string, cause: unknown) {
    super('ERR_TASK_ABORTED', `waiting for ${task} was aborted`, { cause })
  }
}

/** What became of a task's result before it was asked for again. */
export type TaskUse = 'awaited' | 'waiting' | 'timed_out' | 'aborted' | 'ignored' | 'shut_down'

/** The result of a task is given once, and it is gone (T-18). */
export class TaskTakenError extends FoveaError {
  override readonly name = 'TaskTakenError'
  /** Where it went. */
  readonly use: TaskUse
  constructor(task: string, use: TaskUse) {
    super('ERR_TASK_TAKEN', `the result of ${task} is given once: it was ${use.replace('_', ' ')}`)
    this.use = use
  }
}

/** Only its owner may wait for a task or shut it down (T-07). */
export class TaskOwnerError extends FoveaError {
  override readonly name = 'TaskOwnerError'
  readonly owner: Pid
  constructor(task: string, owner: Pid, asker: Pid) {
    super('ERR_TASK_OWNER', `${task} belongs to ${formatPid(owner)}, not to ${formatPid(asker)}`)
    this.owner = owner
  }
}

/** A function cannot travel: the supervisor or owner of a task must live in this program. */
export class TaskRemoteError extends FoveaError {
  override readonly name = 'TaskRemoteError'
  readonly pid: Pid
  constructor(pid: Pid) {
    super('ERR_TASK_REMOTE', `${formatPid(pid)} lives on another node, and functions do not travel`)
    this.pid = pid
  }
}

/** The codes of tasks; part of `behavioursErrors`. */
export const taskErrors: ErrorCatalogue = {
  ERR_TASK_EXIT: {
    when: 'await: the task ended without a result',
    stateChanged: 'as far as the task came',
    retry: 'start a new task, if `reason` is a passing one',
    action: 'read `reason`',
  },
  ERR_TASK_TIMEOUT: {
    when: 'await, awaitMany: the task was not done within timeoutMs; asyncStream: one item was not',
    stateChanged:
      'a linked task goes on until its owner ends; one without owner, and all of a stream, are shut down',
    retry: 'yield can be repeated; await cannot',
    action: 'raise timeoutMs, or use yield and then shutdown',
  },
  ERR_TASK_ABORTED: {
    when: 'the signal of a wait for tasks was aborted',
    stateChanged: 'as for ERR_TASK_TIMEOUT',
    retry: 'no',
    action: 'none',
  },
  ERR_TASK_TAKEN: {
    when: 'a task was waited for again after its result was given, given up or refused; `use` says which',
    stateChanged: 'no',
    retry: 'no',
    action: 'keep the value that the first await gave',
  },
  ERR_TASK_OWNER: {
    when: 'a process waited for, ignored or shut down a task of another process',
    stateChanged: 'no',
    retry: 'no',
    action: 'let the owner wait and send the result',
  },
  ERR_TASK_REMOTE: {
    when: 'a task was to run under a supervisor, or for an owner, on another node',
    stateChanged: 'no',
    retry: 'no',
    action: 'call a server there',
  },
}
