/**
 * Codes of procedures: how a call fails, what an advertisement is refused for, and what peers sent that changed
 * nothing (counters only). What a handler throws arrives as `ERR_RPC_REMOTE` with the error in `remote`; a code of
 * this list inside `remote.code` is that of a call which the handler made.
 */
import type { ErrorCatalogue, FoveaErrorOptions } from '../../runtime/index.ts'
import { FoveaError } from '../../runtime/index.ts'

/** How a call fails. */
export type RpcErrorCode =
  | 'ERR_RPC_TIMEOUT'
  | 'ERR_RPC_CANCELLED'
  | 'ERR_RPC_NO_PROVIDER'
  | 'ERR_RPC_UNREACHABLE'
  | 'ERR_RPC_REMOTE'
  | 'ERR_RPC_OVERLOADED'
  | 'ERR_RPC_PAYLOAD_TOO_LARGE'
  | 'ERR_RPC_UNAUTHORIZED'
  | 'ERR_RPC_INPUT'
  | 'ERR_RPC_OUTPUT'
  | 'ERR_RPC_PROCEDURE_INVALID'
  | 'ERR_RPC_PROCEDURE_TAKEN'
  | 'ERR_RPC_ADVERTISED_MAX'
  | 'ERR_RPC_STREAM_CLOSED'

/** What a handler threw, as far as it travels. */
export interface RemoteFailure {
  /** Name of the class. */
  readonly name: string
  readonly message: string
  /** Its own `code`; undefined when it had none. */
  readonly code: string | undefined
  /** Its own `details`; undefined when it had none, or they do not travel. */
  readonly details: unknown
}

/** What is known about a call that failed. */
export interface RpcErrorOptions extends FoveaErrorOptions {
  readonly procedure?: string | undefined
  readonly node?: string | undefined
  readonly timeoutMs?: number | undefined
  readonly attempts?: number | undefined
  readonly remote?: RemoteFailure | undefined
  readonly retryAfterMs?: number | undefined
}

/** A call failed, or was refused; `code` says how, the other fields which call it was. */
export class RpcError extends FoveaError {
  override readonly name: string = 'RpcError'
  declare readonly code: RpcErrorCode
  readonly procedure: string | undefined
  /** The node that was asked last, hex; undefined when none was. */
  readonly node: string | undefined
  readonly timeoutMs: number | undefined
  /** Nodes that were asked. */
  readonly attempts: number
  /** With `ERR_RPC_REMOTE`: what the handler threw. */
  readonly remote: RemoteFailure | undefined
  /** With `ERR_RPC_OVERLOADED`: when to come back, if the provider said so. */
  readonly retryAfterMs: number | undefined

  constructor(code: RpcErrorCode, message: string, options: RpcErrorOptions = {}) {
    super(code, message, options)
    this.procedure = options.procedure
    this.node = options.node
    this.timeoutMs = options.timeoutMs
    this.attempts = options.attempts ?? 0
    this.remote = options.remote
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Whoever made a call does not want it any more, for that reason. */
export function givenUp(procedure: string, cause: unknown): RpcError {
  return new RpcError('ERR_RPC_CANCELLED', `'${procedure}' was given up`, { procedure, cause })
}

const NOT_RUN = 'no; the handler did not run'
const PERHAPS = 'perhaps: the handler may have run, or still runs'
const DROPPED = 'no; the message is dropped'
const HOSTILE = 'the peer is broken or hostile'

/** How calls fail. */
const CALL_ERRORS: ErrorCatalogue = {
  ERR_RPC_TIMEOUT: {
    when: 'a call was not answered within its `timeoutMs`, or what was left of it when it arrived was nothing',
    stateChanged: PERHAPS,
    retry: 'only what may be done twice',
    action: 'raise `timeoutMs`, or find out why the provider is slow',
  },
  ERR_RPC_CANCELLED: {
    when: 'the `signal` of a call was aborted (its reason is the cause), or the process that called has ended',
    stateChanged: PERHAPS,
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_RPC_NO_PROVIDER: {
    when: 'nobody that this node knows or finds offers the procedure, or those who did do not any more',
    stateChanged: NOT_RUN,
    retry: 'when somebody offers it',
    action: 'check the name; look with `providers(procedure)`',
  },
  ERR_RPC_UNREACHABLE: {
    when: 'the provider is gone, nothing reaches it, the process that served the call has ended, or the breakers of all providers are open',
    stateChanged: PERHAPS,
    retry: 'only what may be done twice',
    action: 'look at members and links; say `idempotent` for what may be tried elsewhere',
  },
  ERR_RPC_REMOTE: {
    when: 'the handler threw; `remote` holds name, message, code and details of its error',
    stateChanged: 'the handler says',
    retry: 'the handler says',
    action: 'branch on `remote.code`',
  },
  ERR_RPC_OVERLOADED: {
    when: 'the provider runs `concurrency` calls and its queue is full or too slow, one of the limits of this or that node is reached, or this node held the call back because so many were refused',
    stateChanged: NOT_RUN,
    retry: 'later, after `retryAfterMs` when it is given',
    action: 'add providers, raise their limits, or call less',
  },
  ERR_RPC_PAYLOAD_TOO_LARGE: {
    when: 'an input or a result is above `payloadBytesMax`',
    stateChanged: 'an input: no; a result: the handler has run',
    retry: 'no',
    action: 'stream it, or raise the limit on both sides',
  },
  ERR_RPC_UNAUTHORIZED: {
    when: 'the policy of the realm does not grant `call` to the caller',
    stateChanged: NOT_RUN,
    retry: 'no',
    action: 'grant it in the realm file',
  },
  ERR_RPC_INPUT: {
    when: 'an input does not travel (the message says where), or the schema of the procedure refused it',
    stateChanged: NOT_RUN,
    retry: 'no',
    action: 'correct the input',
  },
  ERR_RPC_OUTPUT: {
    when: 'the `output` schema of a procedure refused what its handler returned; callers see it as `remote.code`',
    stateChanged: 'the handler has run',
    retry: 'no',
    action: 'correct the handler, or its schema',
  },
  ERR_RPC_PROCEDURE_INVALID: {
    when: 'a procedure is no valid name, or an advertised one no valid pattern',
    stateChanged: NOT_RUN,
    retry: 'no',
    action: 'segments of one or more characters joined by dots; wildcards in patterns only',
  },
  ERR_RPC_PROCEDURE_TAKEN: {
    when: 'this node advertises that pattern already',
    stateChanged: 'no; the earlier one stays',
    retry: 'after it was unadvertised',
    action: 'unadvertise the earlier one, or choose another name',
  },
  ERR_RPC_ADVERTISED_MAX: {
    when: 'this node advertises `advertisedMax` patterns',
    stateChanged: 'no; nothing is advertised',
    retry: 'after something was unadvertised',
    action: 'advertise a pattern that covers many names, or raise the limit',
  },
}

/** How using a stream fails. */
const STREAM_ERRORS: ErrorCatalogue = {
  ERR_RPC_STREAM_CLOSED: {
    when: 'an item is written after `end`, or after the stream was over',
    stateChanged: 'no; the item is not sent',
    retry: 'no',
    action: 'look at `result`: the handler may have ended without reading everything',
  },
  ERR_RPC_STREAM_INVALID: {
    when: 'a peer sent more than its window, a credit that cannot be, or a part that is not its to send; a counter, the stream ends as unreachable',
    stateChanged: 'the stream is over',
    retry: 'no',
    action: HOSTILE,
  },
  ERR_RPC_STREAM_LATE: {
    when: 'a part of a stream came that is over, or that never was; a counter',
    stateChanged: DROPPED,
    retry: 'no',
    action: 'nothing: what is on the way when a stream is cancelled ends like this',
  },
  ERR_RPC_STREAM_OPENS_MAX: {
    when: 'a peer opened more than `streamOpensPerSecondMax` streams within a second, has `streamsPerPeerMax` here, or all peers have `streamsInboundMax`; a counter',
    stateChanged: 'no; it is answered with overloaded',
    retry: 'the caller tries another',
    action: 'nothing in a burst; else the peer floods',
  },
}

/** What came from peers, or was given up here, and changed nothing. */
const COUNTERS: ErrorCatalogue = {
  ERR_RPC_FRAME: {
    when: 'a frame of a peer is no message of procedures',
    stateChanged: DROPPED,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_RPC_DUPLICATE: {
    when: 'a call with the id of an earlier one arrived from the same node',
    stateChanged: 'no; the handler runs once',
    retry: 'no',
    action: 'nothing for a few; else the peer replays',
  },
  ERR_RPC_LATE: {
    when: 'an answer came that nobody waits for: after the deadline, after cancelling, or twice',
    stateChanged: DROPPED,
    retry: 'no',
    action: 'nothing for a few; many say that deadlines are short or that a provider makes up ids',
  },
  ERR_RPC_FOREIGN_REPLY: {
    when: 'an answer or a cancellation came from another node than the one it belongs to',
    stateChanged: DROPPED,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_RPC_EXPIRED: {
    when: 'a call arrived, or had its turn, when its time was over',
    stateChanged: 'no; it is answered with a timeout and not run',
    retry: 'no',
    action: 'raise `timeoutMs` of the callers, or the `concurrency` of the procedure',
  },
  ERR_RPC_PEER_CALLS_MAX: {
    when: 'one peer has `inboundPerPeerMax` calls here, or all together `inboundMax`',
    stateChanged: 'no; it is answered with overloaded',
    retry: 'the caller tries another',
    action: 'nothing in a burst; else the peer floods',
  },
  ERR_RPC_CACHE_MAX: {
    when: '`cacheEntriesMax` results or `cacheBytesMax` bytes are kept for calls with `cacheTtlMs`; a counter',
    stateChanged: 'the result that was used longest ago is forgotten',
    retry: 'no',
    action: 'raise the limits if calls for it come often',
  },
  ERR_RPC_CAST_DROPPED: {
    when: 'a cast that had been taken was not delivered: no provider was found, it was refused, or it was lost',
    stateChanged: NOT_RUN,
    retry: 'no',
    action: 'call instead of casting what must arrive',
  },
  ERR_RPC_PROGRESS_DROPPED: {
    when: 'a progressive result was dropped: nobody asked for it, it is too large, or more than `progressHeldMax` wait for an earlier one',
    stateChanged: 'no; the call goes on',
    retry: 'no',
    action: 'report less often, and small values',
  },
  ERR_RPC_RESULT_LOST: {
    when: 'an answer of this node could not be handed over',
    stateChanged: 'the handler has run; the caller times out or hears that this node is gone',
    retry: 'the caller decides',
    action: 'look at the links',
  },
}

/** Codes of `mesh/rpc`. */
export const RPC_ERRORS: ErrorCatalogue = Object.freeze({
  ...CALL_ERRORS,
  ...STREAM_ERRORS,
  ...COUNTERS,
})
