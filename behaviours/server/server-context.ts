/**
 * What a handler gets besides state and input: itself, who asks, and the operations of its process.
 * One small object per message, so that `ctx.from` read later, in a timer or another process, still
 * means the caller it was made for.
 */
import type { ExitReason, MonitorRef, Pid, Process, TimerRef } from '../../runtime/index.ts'
import type { Ref } from './contract.ts'
import { ProcessOperator, type ProcessOperations } from './process-operations.ts'
import { selfRef, type RefMaker } from './server-cell.ts'

/** Who waits for a reply. May be kept in the state, or given to another process (G-19, G-20). */
export interface From<R> {
  /** Answers; false if it was answered, timed out or nobody waits. A second reply is dropped (G-23b). */
  reply(value: R): boolean
  /** Makes the call reject with `error`; the server goes on. For failures that callers should expect. */
  fail(error: unknown): boolean
}

/** A message that is neither call nor cast. */
export type Info =
  | { readonly type: 'message'; readonly message: unknown }
  | { readonly type: 'exit'; readonly from: Pid; readonly reason: ExitReason }
  | {
      readonly type: 'down'
      readonly ref: MonitorRef
      /** The monitored process; undefined if it was monitored by a name that nobody had. */
      readonly pid: Pid | undefined
      readonly name: string | undefined
      readonly reason: ExitReason
      /** As given to `monitor`. */
      readonly tag?: unknown
    }
  | { readonly type: 'timeout' }
  /** A timer of `system.startTimer`; `ref` tells it from older ones (TM-02). */
  | { readonly type: 'timer'; readonly ref: TimerRef; readonly message: unknown }

/** What a handler can do. `R` is the reply of the call in hand, `P` the server's own protocol. */
export interface Ctx<R = unknown, P = unknown> extends ProcessOperations {
  /** Who waits for a reply; a dead end in everything but calls. */
  readonly from: From<R>
  /** The process that called, where it is known. */
  readonly caller: Pid | undefined
  readonly self: Ref<P>
}

/** `from` where nobody waits. */
export const NOBODY: From<never> & { readonly from: undefined } = Object.freeze({
  from: undefined,
  reply: () => false,
  fail: () => false,
})

class Context {
  readonly process: Process
  readonly from: Waiter
  readonly #maker: RefMaker

  constructor(process: Process, from: Waiter, maker: RefMaker) {
    this.process = process
    this.from = from
    this.#maker = maker
  }

  get caller(): Pid | undefined {
    return this.from.from
  }
  get self(): Ref<unknown> {
    return selfRef(this.process, this.#maker)
  }
}

// Not by `extends`: a call of `super` for every message costs a tenth of a call (bench/README.md).
Object.setPrototypeOf(Context.prototype, ProcessOperator.prototype)

type Waiter = From<unknown> & { readonly from: Pid | undefined }

/** The only implementation of {@link Ctx}: a {@link ProcessOperator} with what servers have besides. */
export type ServerContext = Context & ProcessOperator
export const ServerContext: new (process: Process, from: Waiter, maker: RefMaker) => ServerContext =
  Context as never

/** The process behind a context, for behaviours that are built on servers. */
export function processOf(ctx: Ctx<never, never> | Ctx): Process {
  return (ctx as ServerContext).process
}
