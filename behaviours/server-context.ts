/**
 * What a handler gets besides state and input: itself, who asks, and the operations of its process.
 * One small object per message, so that `ctx.from` read later, in a timer or another process, still
 * means the caller it was made for.
 */
import {
  exit,
  type ExitReason,
  type MonitorRef,
  type Pid,
  type Process,
  type ProcessContext,
  type StartOptions,
  type System,
  type TimerRef,
} from '../runtime/index.ts'
import type { Ref } from './contract.ts'
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
    }
  | { readonly type: 'timeout' }
  /** A timer of `system.startTimer`; `ref` tells it from older ones (TM-02). */
  | { readonly type: 'timer'; readonly ref: TimerRef; readonly message: unknown }

/** Who can be linked or monitored. */
export type Peer = Pid | { readonly pid: Pid }

/** What a handler can do. `R` is the reply of the call in hand, `P` the server's own protocol. */
export interface Ctx<R = unknown, P = unknown> {
  /** Who waits for a reply; a dead end in everything but calls. */
  readonly from: From<R>
  /** The process that called, where it is known. */
  readonly caller: Pid | undefined
  readonly self: Ref<P>
  readonly system: System
  /** Aborted when the process ends; give it to `fetch` and the like. Made on first use. */
  readonly signal: AbortSignal
  /** DOWN comes to `info`, once, also if the process is dead already (M-03). */
  monitor(target: Peer | string): MonitorRef
  demonitor(
    ref: MonitorRef,
    options?: { readonly flush?: boolean; readonly info?: boolean },
  ): boolean
  link(target: Peer): void
  unlink(target: Peer): void
  /** Sends `message` to this server's `info` later; the timer ends with the process. */
  sendAfter(delayMs: number, message: unknown): TimerRef
  /** Milliseconds that were left, or false if it fired or was cancelled (TM-01). */
  cancelTimer(ref: TimerRef): number | false
  /** Sets whether exit signals become messages; gives the previous value. */
  trapExit(flag: boolean): boolean
  /** Ends this process as `erlang:exit/1`: `terminate` runs, no stack is kept. May be caught (P-05). */
  exit(reason: ExitReason): never
  /** A plain process, with this one as parent; `{ link: true }` links it. */
  spawn(body: (ctx: ProcessContext) => unknown, options?: StartOptions): Pid
}

/** `from` where nobody waits. */
export const NOBODY: From<never> & { readonly from: undefined } = Object.freeze({
  from: undefined,
  reply: () => false,
  fail: () => false,
})

const pidOf = (target: Peer): Pid => ('pid' in target ? target.pid : target)

/** The only implementation of {@link Ctx}. */
export class ServerContext implements Ctx {
  readonly process: Process
  readonly from: From<unknown> & { readonly from: Pid | undefined }
  readonly #maker: RefMaker

  constructor(
    process: Process,
    from: From<unknown> & { readonly from: Pid | undefined },
    maker: RefMaker,
  ) {
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
  get system(): System {
    return this.process.system
  }
  get signal(): AbortSignal {
    return this.process.signal
  }
  monitor(target: Peer | string): MonitorRef {
    const { pid, system } = this.process
    return system.monitor(pid, typeof target === 'string' ? target : pidOf(target))
  }
  demonitor(
    ref: MonitorRef,
    options?: { readonly flush?: boolean; readonly info?: boolean },
  ): boolean {
    const { pid, system } = this.process
    return system.demonitor(ref, { ...options, owner: pid })
  }
  link(target: Peer): void {
    this.process.system.link(this.process.pid, pidOf(target))
  }
  unlink(target: Peer): void {
    this.process.system.unlink(this.process.pid, pidOf(target))
  }
  sendAfter(delayMs: number, message: unknown): TimerRef {
    const { pid, system } = this.process
    return system.sendAfter(delayMs, pid, message, { owner: pid })
  }
  cancelTimer(ref: TimerRef): number | false {
    return this.process.system.cancelTimer(ref)
  }
  trapExit(flag: boolean): boolean {
    const before = this.process.trapExit
    this.process.trapExit = flag
    return before
  }
  exit(reason: ExitReason): never {
    exit(reason)
  }
  spawn(body: (ctx: ProcessContext) => unknown, options: StartOptions = {}): Pid {
    const { alive, pid, system } = this.process
    // A continuation that outlived its process starts nothing.
    if (!alive) exit('noproc')
    return system.spawn(body, { parent: pid, ...options })
  }
}

/** The process behind a context, for behaviours that are built on servers. */
export function processOf(ctx: Ctx<never, never> | Ctx): Process {
  return (ctx as ServerContext).process
}
