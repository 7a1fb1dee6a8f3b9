/** What the functions of an application ask the process behind procedures for. */
import type { Pid } from '../../runtime/index.ts'
import type { RpcError } from './errors.ts'
import type { CancelMode, RpcPriority, SelectionStrategy } from './rpc.ts'

/** Whom a call or cast goes to. */
export interface CallTarget {
  readonly procedure: string
  /** Encoded once, whatever the number of attempts. */
  readonly input: Uint8Array
  readonly timeoutMs: number
  /** When it must be over, by the clock of this node. */
  readonly dueMs: number
  readonly strategy: SelectionStrategy
  readonly key: string | undefined
  readonly node: string | undefined
  readonly priority: RpcPriority | undefined
}

/** A call with everything decided. */
export interface CallRequest extends CallTarget {
  readonly cancelMode: CancelMode
  readonly isIdempotent: boolean
  readonly attemptsMax: number
  readonly attemptTimeoutMs: number | undefined
  readonly hedge: boolean | { readonly delayMs: number } | undefined
  /** Undefined: handlers report nothing. Must not throw. */
  readonly progress: ((value: unknown) => void) | undefined
  /** The process that calls: the call ends with it. */
  readonly owner: Pid | undefined
  /** Exactly one of these is called, once. */
  readonly done: (value: unknown) => void
  readonly failed: (error: RpcError) => void
}
