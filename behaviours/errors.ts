/**
 * Expected failures of the behaviours layer and their catalogue. A test holds that every class here
 * has a code of the catalogue and that `README.md` lists each code.
 *
 * noex's class names and fields are kept where it has them (`InitializationError.cause`,
 * `ChildNotFoundError.childId`, `AlreadyRegisteredKeyError.key`, ...); `code` is what to branch on.
 */
import {
  FoveaError,
  formatPid,
  formatReason,
  type ErrorCatalogue,
  type ExitReason,
  type Pid,
} from '../runtime/index.ts'
import { requestErrors } from './server/request-errors.ts'
import { sysErrors } from './sys/sys-errors.ts'
import { agentErrors } from './agent/agent-errors.ts'
import { applicationErrors } from './application/application-errors.ts'
import { genEventErrors } from './event/gen-event-errors.ts'
import { poolErrors } from './pool/pool-errors.ts'
import { statemErrors } from './statem/gen-statem-errors.ts'
import { machineErrors } from './machine/machine-errors.ts'
import { supervisorErrors } from './supervisor/supervisor-errors.ts'
import { taskErrors } from './task/task-errors.ts'

/** A server has no handler of that name and kind. The server goes on. */
export class CallUnknownError extends FoveaError {
  override readonly name = 'CallUnknownError'
  /** The server's contract or label. */
  readonly contract: string
  readonly request: string
  constructor(contract: string, request: string, isCast: boolean) {
    const kind = isCast ? 'is a cast, not a call, of' : 'is not a call of'
    super('ERR_CALL_UNKNOWN', `'${request}' ${kind} '${contract}'`)
    this.contract = contract
    this.request = request
  }
}

/** The input of a call did not pass the contract's schema. The server goes on. */
export class CallInputError extends FoveaError {
  override readonly name = 'CallInputError'
  readonly contract: string
  readonly request: string
  /** What the schema said, one line each, with the path in front. */
  readonly issues: readonly string[]
  constructor(contract: string, request: string, issues: readonly string[]) {
    super('ERR_CALL_INPUT', `input of '${request}' of '${contract}': ${issues.join('; ')}`)
    this.contract = contract
    this.request = request
    this.issues = issues
  }
}

/** A contract was declared with a name or slot that cannot be one. */
export class ContractError extends FoveaError {
  override readonly name = 'ContractError'
  readonly contract: string
  constructor(contract: string, message: string) {
    super('ERR_CONTRACT_INVALID', `contract '${contract}': ${message}`)
    this.contract = contract
  }
}

/** A process did not come up: its `init` stopped, threw, died or was too slow. */
export class InitializationError extends FoveaError {
  override readonly name: string = 'InitializationError'
  readonly server: string
  /** The exit reason of the process. */
  readonly reason: ExitReason
  constructor(
    server: string,
    reason: ExitReason,
    code = 'ERR_INIT_FAILED',
    why = `: ${formatReason(reason)}`,
  ) {
    super(code, `${server} did not start${why}`, { cause: reason })
    this.server = server
    this.reason = reason
  }
}

/** `init` took longer than `initTimeoutMs`; the process was killed (G-17). */
export class InitTimeoutError extends InitializationError {
  override readonly name = 'InitTimeoutError'
  readonly timeoutMs: number
  constructor(server: string, timeoutMs: number) {
    super(server, 'timeout', 'ERR_INIT_TIMEOUT', ` within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

/** `init` chose not to run (G-11). */
export class StartIgnoredError extends FoveaError {
  override readonly name = 'StartIgnoredError'
  readonly server: string
  constructor(server: string) {
    super('ERR_START_IGNORED', `${server} was not started: its init returned ignore()`)
    this.server = server
  }
}

/** The `signal` given to `start` was aborted before `init` was done; the process was killed. */
export class StartAbortedError extends FoveaError {
  override readonly name = 'StartAbortedError'
  readonly server: string
  constructor(server: string, cause: unknown) {
    super('ERR_START_ABORTED', `start of ${server} was aborted`, { cause })
    this.server = server
  }
}

/** A linked or monitored start without a process to link or to tell. */
export class NoParentError extends FoveaError {
  override readonly name = 'NoParentError'
  constructor(where: string, option: string = 'parent') {
    super(
      'ERR_START_NO_PARENT',
      `${where}: pass { ${option} }, or call it synchronously inside a process`,
    )
  }
}

/** `stop` was given up; the process goes on stopping. */
export class StopTimeoutError extends FoveaError {
  override readonly name = 'StopTimeoutError'
  readonly timeoutMs: number
  constructor(server: string, timeoutMs: number) {
    super('ERR_STOP_TIMEOUT', `${server} did not stop within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

/** The `signal` given to `stop` was aborted; the process goes on stopping. */
export class StopAbortedError extends FoveaError {
  override readonly name = 'StopAbortedError'
  constructor(server: string, cause: unknown) {
    super('ERR_STOP_ABORTED', `waiting for ${server} to stop was aborted`, { cause })
  }
}

/** The process ended for another reason than the one `stop` gave (G-45), or was not there (G-44). */
export class StopExitError extends FoveaError {
  override readonly name = 'StopExitError'
  readonly reason: ExitReason
  constructor(server: string, reason: ExitReason) {
    super('ERR_STOP_EXIT', stopText(server, reason), { cause: reason })
    this.reason = reason
  }
}

function stopText(server: string, reason: ExitReason): string {
  if (reason === 'noproc') return `stop of ${server}: there is no such process`
  if (reason === 'calling_self') {
    return `stop of ${server} by itself would wait for itself: let a handler return stop(reason)`
  }
  return `${server} ended with ${formatReason(reason)}`
}

/** Exit reason of a process whose handler returned something that is no result (G-31). */
export class BadReturnError extends FoveaError {
  override readonly name = 'BadReturnError'
  readonly value: unknown
  constructor(handler: string, value: unknown) {
    super('ERR_BAD_RETURN', `${handler} returned ${formatReason(value)}, which is not a result`)
    this.value = value
  }
}

/** Exit reason of a process that lacks the handler a message needs (G-40). */
export class HandlerMissingError extends FoveaError {
  override readonly name = 'HandlerMissingError'
  readonly handler: string
  constructor(server: string, handler: string) {
    super('ERR_HANDLER_MISSING', `${server} has no ${handler}`)
    this.handler = handler
  }
}

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

/** A unique key is taken, or a process registered it already. */
export class AlreadyRegisteredKeyError extends FoveaError {
  override readonly name = 'AlreadyRegisteredKeyError'
  readonly registryName: string
  readonly key: unknown
  /** Who holds the key. */
  readonly pid: Pid
  constructor(registryName: string, key: unknown, pid: Pid) {
    super(
      'ERR_REGISTRY_KEY_TAKEN',
      `${registryName}: key ${formatReason(key)} is held by ${formatPid(pid)}`,
    )
    this.registryName = registryName
    this.key = key
    this.pid = pid
  }
}

/** The operation has no meaning for this kind of registry. */
export class RegistryKindError extends FoveaError {
  override readonly name = 'RegistryKindError'
  readonly registryName: string
  constructor(registryName: string, operation: string, needs: 'unique' | 'duplicate') {
    super('ERR_REGISTRY_KIND', `${registryName}: ${operation} needs a registry of ${needs} keys`)
    this.registryName = registryName
  }
}

/** The process to be registered is dead, or is not one of this system. */
export class RegistryOwnerError extends FoveaError {
  override readonly name = 'RegistryOwnerError'
  readonly registryName: string
  readonly pid: Pid
  constructor(registryName: string, pid: Pid) {
    super('ERR_REGISTRY_OWNER', `${registryName}: ${formatPid(pid)} is not a live local process`)
    this.registryName = registryName
    this.pid = pid
  }
}

/** The registry process has ended. */
export class RegistryStoppedError extends FoveaError {
  override readonly name = 'RegistryStoppedError'
  readonly registryName: string
  constructor(registryName: string) {
    super('ERR_REGISTRY_STOPPED', `${registryName} is not running`)
    this.registryName = registryName
  }
}

/** A registry holds as many entries as it may. */
export class RegistryFullError extends FoveaError {
  override readonly name = 'RegistryFullError'
  readonly registryName: string
  readonly entriesMax: number
  constructor(registryName: string, entriesMax: number) {
    super('ERR_REGISTRY_FULL', `${registryName} holds ${entriesMax} entries already`)
    this.registryName = registryName
    this.entriesMax = entriesMax
  }
}

/** The `signal` given to `lock` was aborted before the lock was free. */
export class LockAbortedError extends FoveaError {
  override readonly name = 'LockAbortedError'
  readonly key: unknown
  constructor(key: unknown, cause: unknown) {
    super('ERR_REGISTRY_LOCK_ABORTED', `waiting for lock ${formatReason(key)} was aborted`, {
      cause,
    })
    this.key = key
  }
}

/**
 * Every code of this layer.
 *
 * @example
 * const Broken = defineServer({ init: () => stop('no_disk'), call: {}, cast: {} })
 * try {
 *   await Broken.start()
 * } catch (error) {
 *   assert.ok(error instanceof InitializationError)
 *   assert.equal(error.reason, 'no_disk')
 *   assert.ok(behavioursErrors.ERR_INIT_FAILED?.action) // what to do about it
 * }
 */
export const behavioursErrors: ErrorCatalogue = Object.freeze({
  ...genEventErrors,
  ...machineErrors,
  ...poolErrors,
  ...applicationErrors,
  ...statemErrors,
  ...requestErrors,
  ...sysErrors,
  ...supervisorErrors,
  ...taskErrors,
  ...agentErrors,
  ERR_CALL_UNKNOWN: {
    when: 'a server got a call of a name or kind that its contract does not have',
    stateChanged: 'no',
    retry: 'no, unless the server is replaced by a newer version',
    action: 'compare the versions of the contract on both sides',
  },
  ERR_CALL_INPUT: {
    when: "a call's input did not pass the schema in the server's contract",
    stateChanged: 'no',
    retry: 'no',
    action: 'read `issues`',
  },
  ERR_CONTRACT_INVALID: {
    when: 'contract() got an empty name, a reserved slot name, or a slot that is no schema',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the declaration',
  },
  ERR_INIT_FAILED: {
    when: 'init returned stop(), threw, or the process died before init was done',
    stateChanged: 'no: the process and its name are gone when start rejects',
    retry: 'if `reason` is a passing one',
    action: 'read `reason`',
  },
  ERR_INIT_TIMEOUT: {
    when: 'init took longer than initTimeoutMs',
    stateChanged: 'the process was killed; side effects of init may remain',
    retry: 'yes',
    action: 'move slow work to continue(), or raise initTimeoutMs',
  },
  ERR_START_IGNORED: {
    when: 'init returned ignore()',
    stateChanged: 'no',
    retry: 'no',
    action: 'the server chose not to run; a supervisor keeps the spec without a pid',
  },
  ERR_START_ABORTED: {
    when: "start's signal was aborted before init was done",
    stateChanged: 'the process was killed',
    retry: 'yes',
    action: 'none',
  },
  ERR_START_NO_PARENT: {
    when: 'startLink or startMonitor was called outside a process and without { parent }',
    stateChanged: 'no',
    retry: 'no',
    action: 'pass { parent: ctx.self.pid }; self() is known only synchronously',
  },
  ERR_STOP_TIMEOUT: {
    when: "stop's timeoutMs passed before the process was dead",
    stateChanged: 'yes: the process goes on stopping',
    retry: 'yes, or exit(pid, "kill")',
    action: 'look at terminate and at what is queued before the stop request',
  },
  ERR_STOP_ABORTED: {
    when: "stop's signal was aborted before the process was dead",
    stateChanged: 'yes: the process goes on stopping',
    retry: 'yes',
    action: 'none',
  },
  ERR_STOP_EXIT: {
    when: 'the process was dead already (noproc) or ended for another reason than the given one',
    stateChanged: 'yes: it is dead',
    retry: 'no',
    action: 'read `reason`; usually terminate threw',
  },
  ERR_BAD_RETURN: {
    when: 'a handler returned something that is neither reply, noreply nor stop',
    stateChanged: 'the process ended',
    retry: 'no',
    action: 'correct the handler',
  },
  ERR_HANDLER_MISSING: {
    when: 'a message came for which the behaviour has no handler function',
    stateChanged: 'the process ended',
    retry: 'no',
    action: 'add the handler, or find out who sends such messages',
  },
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
  ERR_REGISTRY_KEY_TAKEN: {
    when: 'a unique key is registered already, by anybody',
    stateChanged: 'no',
    retry: 'when the holder has gone',
    action: 'use the holder in `pid`',
  },
  ERR_REGISTRY_KIND: {
    when: 'via, updateValue or whereis on duplicate keys',
    stateChanged: 'no',
    retry: 'no',
    action: 'use a registry of the other kind',
  },
  ERR_REGISTRY_OWNER: {
    when: 'registering a process that is dead or lives in another system',
    stateChanged: 'no',
    retry: 'no',
    action: 'register where the process lives',
  },
  ERR_REGISTRY_STOPPED: {
    when: 'the registry process has ended',
    stateChanged: 'no',
    retry: 'when its supervisor has restarted it; look it up again by name',
    action: 'supervise the registry before its users',
  },
  ERR_REGISTRY_LOCK_ABORTED: {
    when: "lock's signal was aborted before the lock was free",
    stateChanged: 'no',
    retry: 'yes',
    action: 'none',
  },
  ERR_REGISTRY_FULL: {
    when: 'registering when entriesMax entries are held',
    stateChanged: 'no',
    retry: 'when entries have gone',
    action: 'raise entriesMax',
  },
})
