/** Expected failures of calls of registered functions, and their catalogue. */
import {
  FoveaError,
  formatReason,
  type ErrorCatalogue,
  type FoveaErrorOptions,
} from '../../runtime/index.ts'

/**
 * How a call failed, in OTP's words: `error`, `throw` and `exit` are what the function did, `signal` that its
 * process was ended, `erpc` that the call did not get so far, or that nobody knows.
 */
export type ErpcClass = 'error' | 'throw' | 'exit' | 'signal' | 'erpc'

/** Which function was called where. */
export interface ErpcCallNames {
  readonly functionName: string
  /** The node id if it is known, else what the caller named. */
  readonly nodeId: string
}

/** A function was registered that cannot be, or a request was one too many. */
export class ErpcFunctionError extends FoveaError {
  override readonly name: string = 'ErpcFunctionError'
  readonly functionName: string
  constructor(code: string, functionName: string, what: string) {
    super(code, `function '${functionName}' ${what}`)
    this.functionName = functionName
  }
}

/** A call of a function on a node failed; branch on `code` or on `class`. */
export class ErpcError extends FoveaError {
  override readonly name: string = 'ErpcError'
  readonly class: ErpcClass
  readonly functionName: string
  readonly nodeId: string
  /** What was thrown, the exit reason, or undefined with class `error` (see `cause`) and `erpc`. */
  readonly reason: unknown
  constructor(
    code: string,
    failed: ErpcCallNames & { readonly class: ErpcClass; readonly reason?: unknown },
    what: string,
    options: FoveaErrorOptions = {},
  ) {
    super(code, `'${failed.functionName}' on ${failed.nodeId} ${what}`, options)
    this.class = failed.class
    this.functionName = failed.functionName
    this.nodeId = failed.nodeId
    this.reason = failed.reason
  }
}

/** What the node of the function answers when it has no value to give. */
export type ErpcFailure =
  | { readonly class: 'error'; readonly error: unknown }
  | { readonly class: 'throw' | 'exit' | 'signal'; readonly reason: unknown }
  | { readonly class: 'erpc'; readonly code: string }

/** The error of a call that its node answered with `failure`. */
export function failureOf(names: ErpcCallNames, failure: ErpcFailure): ErpcError {
  switch (failure.class) {
    case 'error': {
      const { error } = failure
      const text = error instanceof Error ? error.message : formatReason(error)
      const failed = { ...names, class: failure.class }
      return new ErpcError('ERR_ERPC_ERROR', failed, `failed: ${text}`, { cause: error })
    }
    case 'throw':
      return thrown('ERR_ERPC_THROW', names, failure, 'threw')
    case 'exit':
      return thrown('ERR_ERPC_EXIT', names, failure, 'exited with')
    case 'signal':
      return thrown('ERR_ERPC_SIGNAL', names, failure, 'was ended by a signal:')
    case 'erpc': {
      const { code } = failure
      const known = Object.entries(ERPC_ERRORS).find(([name]) => name === code)
      const failed = { ...names, class: failure.class }
      const what = `was refused: ${known?.[1].when ?? code}`
      return new ErpcError(known?.[0] ?? 'ERR_ERPC_REFUSED', failed, what)
    }
  }
}

function thrown(
  code: string,
  names: ErpcCallNames,
  failure: Extract<ErpcFailure, { readonly reason: unknown }>,
  what: string,
): ErpcError {
  return new ErpcError(code, { ...names, ...failure }, `${what} ${formatReason(failure.reason)}`)
}

/** The codes of this folder. */
export const ERPC_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_ERPC_ERROR: {
    when: 'the function threw an Error; it is the cause, as a RemoteError if it came from another node',
    stateChanged: 'what the function did before',
    retry: 'depends on the cause',
    action: 'branch on cause.code or cause.name',
  },
  ERR_ERPC_THROW: {
    when: 'the function threw a value that is no Error; reason holds it',
    stateChanged: 'what the function did before',
    retry: 'depends on reason',
    action: 'branch on reason',
  },
  ERR_ERPC_EXIT: {
    when: 'the function ended its process with exit(reason)',
    stateChanged: 'what the function did before',
    retry: 'depends on reason',
    action: 'branch on reason',
  },
  ERR_ERPC_SIGNAL: {
    when: 'the process of the function was ended by a signal, for example because its node stops',
    stateChanged: 'what the function did before',
    retry: 'depends',
    action: 'look who sent the signal',
  },
  ERR_ERPC_TIMEOUT: {
    when: 'no answer within timeoutMs; the function goes on, its result is dropped',
    stateChanged: 'perhaps',
    retry: 'only if the function may run twice',
    action: 'raise timeoutMs, or look why the function is slow',
  },
  ERR_ERPC_NOCONNECTION: {
    when: 'the node is unknown or cannot be reached, or was lost before the answer came',
    stateChanged: 'perhaps, if the node was lost meanwhile',
    retry: 'only if the function may run twice',
    action: 'look whether the node runs',
  },
  ERR_ERPC_NOTSUP: {
    when: 'the node was reached and has no functions to call: it is none of fovea/dist, or is on its way out',
    stateChanged: 'no',
    retry: 'no',
    action: 'call nodes that were started with startNode',
  },
  ERR_ERPC_UNKNOWN: {
    when: 'the node has registered no function of that name',
    stateChanged: 'no',
    retry: 'after it was registered',
    action: 'register it there with erpc.register',
  },
  ERR_ERPC_DENIED: {
    when: 'the policy of the realm does not grant erpc to this node',
    stateChanged: 'no',
    retry: 'no',
    action: 'change the policy in the realm file of the other node',
  },
  ERR_ERPC_REFUSED: {
    when: 'the node answered with a refusal that this program does not know, or with no answer of erpc',
    stateChanged: 'depends',
    retry: 'depends',
    action: 'give both nodes the same version',
  },
  ERR_ERPC_CALLS_MAX: {
    when: 'callsMax functions run or wait on the node',
    stateChanged: 'no',
    retry: 'after a pause',
    action: 'look for functions that never end',
  },
  ERR_ERPC_QUEUE_FULL: {
    when: 'concurrency runs of the function are under way and queueMax wait',
    stateChanged: 'no',
    retry: 'after a pause',
    action: 'call less often, or raise concurrency',
  },
  ERR_ERPC_RESTARTING: {
    when: 'the process that runs functions is being restarted, or the node stops',
    stateChanged: 'no',
    retry: 'yes',
    action: 'try again',
  },
  ERR_ERPC_FUNCTION_INVALID: {
    when: 'a function was registered with no name, one of more than 256 characters, or is no function',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the name',
  },
  ERR_ERPC_FUNCTION_TAKEN: {
    when: 'another function is registered under that name on this node',
    stateChanged: 'no',
    retry: 'after unregister',
    action: 'choose another name',
  },
  ERR_ERPC_FUNCTIONS_MAX: {
    when: 'functionsMax functions are registered on this node',
    stateChanged: 'no',
    retry: 'after unregister',
    action: 'register kinds of work, not single pieces of it',
  },
})
