/** The process behind procedures, as the functions of an application see it. */
import type { CallRequest, CallTarget } from './call-request.ts'
import type { OutgoingCall } from './outgoing-call.ts'
import type { Candidate } from './routes.ts'

/** Sizes of what is under way. */
export interface EngineSizes {
  readonly pending: number
  readonly running: number
  readonly queued: number
}

/** The process behind procedures, while it runs. */
export interface RpcEngine {
  /** Makes a call; undefined when the process has just failed, and the call with it. */
  call(request: CallRequest): OutgoingCall | undefined
  /** Gives it up, if it is under way, for that reason. */
  cancel(call: OutgoingCall, reason: unknown): void
  /** False when it was refused. */
  cast(target: CallTarget): boolean
  readonly sizes: EngineSizes
  /** Who offers a procedure, as far as is known: all of the best pattern. */
  candidates(procedure: string): readonly Candidate[]
}
