/**
 * Expected failures that only supervisors have. Those that they share with child specifications are in
 * errors.ts, which also carries this catalogue.
 */
import { FoveaError, formatPid, type ErrorCatalogue, type Pid } from '../../runtime/index.ts'

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
