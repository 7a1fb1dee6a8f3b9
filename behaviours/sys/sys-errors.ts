/**
 * Expected failures of `sys` and their codes. A process that is not there, or does not come to a request in
 * time, is a failed call: `ERR_CALL_EXIT`, `ERR_CALL_TIMEOUT`, `ERR_CALL_ABORTED` of the runtime.
 */
import { FoveaError, formatPid, type ErrorCatalogue, type Pid } from '../../runtime/index.ts'

/** The process lives on another node. */
export class SysRemoteError extends FoveaError {
  override readonly name = 'SysRemoteError'
  readonly pid: Pid
  constructor(operation: string, pid: Pid) {
    super('ERR_SYS_REMOTE', `${operation}: ${formatPid(pid)} lives on another node`)
    this.pid = pid
  }
}

/** The program of the process shows nothing of its state. */
export class SysUnsupportedError extends FoveaError {
  override readonly name = 'SysUnsupportedError'
  readonly pid: Pid
  constructor(operation: string, pid: Pid, label: string) {
    super('ERR_SYS_UNSUPPORTED', `${operation}: ${formatPid(pid)} (${label}) shows no state`)
    this.pid = pid
  }
}

/** The function given to `replaceState` failed; `cause` is what it threw. */
export class SysCallbackError extends FoveaError {
  override readonly name = 'SysCallbackError'
  readonly pid: Pid
  constructor(pid: Pid, what: string, cause: unknown) {
    super('ERR_SYS_CALLBACK', `the function given to replaceState of ${formatPid(pid)} ${what}`, {
      cause,
    })
    this.pid = pid
  }
}

/** The process cannot have the new state; `cause` says why. */
export class SysStateError extends FoveaError {
  override readonly name = 'SysStateError'
  readonly pid: Pid
  constructor(pid: Pid, cause: unknown) {
    super('ERR_SYS_STATE', `${formatPid(pid)} refused the new state`, { cause })
    this.pid = pid
  }
}

/** The codes of this file. */
export const sysErrors: ErrorCatalogue = Object.freeze({
  ERR_SYS_REMOTE: {
    when: 'an operation of sys on a process of another node',
    stateChanged: 'no',
    retry: 'no',
    action: 'run it on the node of the process',
  },
  ERR_SYS_UNSUPPORTED: {
    when: 'getState or replaceState of a process whose program shows no state',
    stateChanged: 'no',
    retry: 'no',
    action: 'give the program a `debug`',
  },
  ERR_SYS_CALLBACK: {
    when: 'the function given to replaceState threw, or gave a promise',
    stateChanged: 'no: the process keeps its state',
    retry: 'no',
    action: 'read `cause`',
  },
  ERR_SYS_STATE: {
    when: 'a process refused the state that replaceState was to give it',
    stateChanged: 'no: the process keeps its state',
    retry: 'no',
    action: 'read `cause`; supervisors, registries and plain processes have none to replace',
  },
} satisfies ErrorCatalogue)
