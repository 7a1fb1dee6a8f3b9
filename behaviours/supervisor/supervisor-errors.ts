/**
 * Expected failures of supervisors of every kind, and of child specifications.
 *
 * noex's class names and fields are kept where it has them (`ChildNotFoundError.childId`).
 */
import {
  FoveaError,
  formatPid,
  formatReason,
  type ErrorCatalogue,
  type ExitReason,
  type Pid,
} from '../../runtime/index.ts'

/** A child specification is malformed (U-54). */
export class ChildSpecError extends FoveaError {
  override readonly name = 'ChildSpecError'
  readonly childId: string
  /** The field that is wrong. */
  readonly field: string
  constructor(childId: string, field: string, message: string) {
    super('ERR_CHILD_SPEC', `child '${childId}': ${message}`)
    this.childId = childId
    this.field = field
  }
}

/** The id is taken: twice in one list (U-53), running (U-09), or present but stopped. */
export class DuplicateChildError extends FoveaError {
  override readonly name = 'DuplicateChildError'
  readonly supervisorId: string
  readonly childId: string
  /** The running holder of the id, if there is one. */
  readonly pid: Pid | undefined
  constructor(supervisorId: string, childId: string, pid?: Pid) {
    const holder = pid === undefined ? '' : ` and runs as ${formatPid(pid)}`
    super(
      'ERR_CHILD_DUPLICATE',
      `${supervisorId}: child id '${childId}' is taken${holder}; give each child an { id } of its own`,
    )
    this.supervisorId = supervisorId
    this.childId = childId
    this.pid = pid
  }
}

/** There is no child of that id (U-12). */
export class ChildNotFoundError extends FoveaError {
  override readonly name = 'ChildNotFoundError'
  readonly supervisorId: string
  readonly childId: string
  constructor(supervisorId: string, childId: string) {
    super('ERR_CHILD_NOT_FOUND', `${supervisorId} has no child '${childId}'`)
    this.supervisorId = supervisorId
    this.childId = childId
  }
}

/** The child runs, or is about to; stop it first (U-13). */
export class ChildRunningError extends FoveaError {
  override readonly name = 'ChildRunningError'
  readonly supervisorId: string
  readonly childId: string
  constructor(supervisorId: string, childId: string, restarting: boolean) {
    super(
      restarting ? 'ERR_CHILD_RESTARTING' : 'ERR_CHILD_RUNNING',
      `${supervisorId}: child '${childId}' is ${restarting ? 'being restarted' : 'running'}`,
    )
    this.supervisorId = supervisorId
    this.childId = childId
  }
}

/** A child's start function failed (U-67). */
export class ChildStartError extends FoveaError {
  override readonly name = 'ChildStartError'
  readonly supervisorId: string
  readonly childId: string
  /** What the start function threw, or the exit reason of the child's init. */
  readonly reason: ExitReason
  constructor(supervisorId: string, childId: string, reason: ExitReason) {
    super(
      'ERR_CHILD_START',
      `${supervisorId}: child '${childId}' did not start: ${formatReason(reason)}`,
      { cause: reason },
    )
    this.supervisorId = supervisorId
    this.childId = childId
    this.reason = reason
  }
}

/** A supervisor has as many children as it may. */
export class ChildLimitError extends FoveaError {
  override readonly name = 'ChildLimitError'
  readonly supervisorId: string
  readonly childrenMax: number
  constructor(supervisorId: string, childrenMax: number) {
    super('ERR_CHILD_LIMIT', `${supervisorId} has ${childrenMax} children already`)
    this.supervisorId = supervisorId
    this.childrenMax = childrenMax
  }
}

/** Why a child did not start: its start function took longer than `startTimeoutMs`. */
export class ChildStartTimeoutError extends FoveaError {
  override readonly name = 'ChildStartTimeoutError'
  readonly childId: string
  readonly timeoutMs: number
  constructor(childId: string, timeoutMs: number) {
    super(
      'ERR_CHILD_START_TIMEOUT',
      `child '${childId}': its start function took longer than ${timeoutMs} ms`,
    )
    this.childId = childId
    this.timeoutMs = timeoutMs
  }
}

/** Why a child did not start: its start function gave a process that is another child already. */
export class ChildSharedError extends FoveaError {
  override readonly name = 'ChildSharedError'
  readonly childId: string
  readonly pid: Pid
  constructor(childId: string, pid: Pid) {
    super(
      'ERR_CHILD_SHARED',
      `child '${childId}': ${formatPid(pid)} is a child of this supervisor already`,
    )
    this.childId = childId
    this.pid = pid
  }
}

/** Why a child did not start: its start function gave a process of another system of this program. */
export class ChildForeignError extends FoveaError {
  override readonly name = 'ChildForeignError'
  readonly childId: string
  readonly pid: Pid
  constructor(childId: string, pid: Pid) {
    super(
      'ERR_CHILD_FOREIGN',
      `child '${childId}': ${formatPid(pid)} runs in another system than its supervisor; ` +
        'after an await a start must be told: pass it the context, or its `system`',
    )
    this.childId = childId
    this.pid = pid
  }
}

/** The request has no meaning under the supervisor's strategy (U-63). */
export class ChildRequestError extends FoveaError {
  override readonly name = 'ChildRequestError'
  readonly supervisorId: string
  constructor(supervisorId: string, message: string) {
    super('ERR_CHILD_REQUEST', `${supervisorId}: ${message}`)
    this.supervisorId = supervisorId
  }
}

/** Somebody tried to register as a partition. */
export class PartitionNameError extends FoveaError {
  override readonly name = 'PartitionNameError'
  constructor(label: string) {
    super('ERR_PARTITION_NAME', `${label} is a partition: it can be found, not registered`)
  }
}

/** The codes of this file. */
export const supervisorErrors: ErrorCatalogue = {
  ERR_CHILD_SPEC: {
    when: 'a child specification has a wrong field or a forbidden combination',
    stateChanged: 'no',
    retry: 'no',
    action: 'read `field`',
  },
  ERR_CHILD_DUPLICATE: {
    when: 'a child id is used twice, is running, or is present but stopped',
    stateChanged: 'no',
    retry: 'after deleteChild, or use restartChild',
    action: 'choose another id',
  },
  ERR_CHILD_NOT_FOUND: {
    when: 'a supervisor was asked about an id it does not have',
    stateChanged: 'no',
    retry: 'no',
    action: 'temporary children leave no specification behind',
  },
  ERR_CHILD_RUNNING: {
    when: 'restartChild or deleteChild of a running child',
    stateChanged: 'no',
    retry: 'after terminateChild',
    action: 'call terminateChild first',
  },
  ERR_CHILD_RESTARTING: {
    when: 'restartChild or deleteChild of a child whose restart is under way',
    stateChanged: 'no',
    retry: 'yes',
    action: 'call terminateChild first to stop the attempts',
  },
  ERR_CHILD_START: {
    when: 'startChild or restartChild: the start function failed',
    stateChanged: 'no: startChild keeps no specification, restartChild keeps it without a pid',
    retry: 'if `reason` is a passing one',
    action: 'read `reason`',
  },
  ERR_CHILD_LIMIT: {
    when: 'startChild on a supervisor that has childrenMax children',
    stateChanged: 'no',
    retry: 'when a child has gone',
    action: 'raise childrenMax or shed load',
  },
  ERR_CHILD_START_TIMEOUT: {
    when: "reason of ERR_CHILD_START: a child's start function took longer than startTimeoutMs",
    stateChanged: 'no: a process that it gives later is killed',
    retry: 'yes',
    action: 'start the child at once and let it work afterwards, or raise startTimeoutMs',
  },
  ERR_CHILD_SHARED: {
    when: 'reason of ERR_CHILD_START: a start function gave a process that is a child already',
    stateChanged: 'no: the process goes on as the child that it was',
    retry: 'no',
    action: 'start a process of its own for each child',
  },
  ERR_CHILD_FOREIGN: {
    when: 'reason of ERR_CHILD_START: a start function gave a process of another system of this program',
    stateChanged: 'no: the process is killed, because nobody would supervise it',
    retry: 'no',
    action:
      'pass the context of the start function, or its system, to what it starts after an await',
  },
  ERR_CHILD_REQUEST: {
    when: 'children by id under simple_one_for_one, or arguments instead of a specification elsewhere',
    stateChanged: 'no',
    retry: 'no',
    action: 'use pids and arguments under simple_one_for_one, ids and specifications elsewhere',
  },
  ERR_PARTITION_NAME: {
    when: 'a process was started under the name that PartitionSupervisor.via gives',
    stateChanged: 'no: the process was not started',
    retry: 'no',
    action: 'partitions are started by their supervisor; use via as a target',
  },
}
