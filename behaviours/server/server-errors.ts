/**
 * Expected failures of servers, and of whatever starts, stops and is called as they are.
 *
 * noex's class names and fields are kept where it has them (`InitializationError.cause`).
 */
import {
  FoveaError,
  formatReason,
  type ErrorCatalogue,
  type ExitReason,
} from '../../runtime/index.ts'

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

/** Codes of servers. */
export const serverErrors: ErrorCatalogue = {
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
}
