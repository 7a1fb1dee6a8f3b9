/**
 * What every behaviour's handlers can do with their process, and the one implementation of it. Contexts
 * of servers, state machines and event handlers extend it with what is theirs.
 */
import {
  callAs,
  castAs,
  contextEnded,
  exit,
  type ArgumentsOf,
  type Callable,
  type Caller,
  type CallOptions,
  type Castable,
  type ExitReason,
  type MonitorOptions,
  type MonitorRef,
  type Pid,
  type Process,
  type ProcessContext,
  type ReturnOf,
  type StartOptions,
  type System,
  type Target,
  type TimerRef,
} from '../../runtime/index.ts'

/** Who can be linked or monitored. */
export type Peer = Pid | { readonly pid: Pid }

/**
 * The operations of the process that a handler runs in. They are methods: `ctx.call(...)`, not
 * `const { call } = ctx`.
 */
export interface ProcessOperations extends Caller {
  readonly system: System
  /** Aborted when the process ends; give it to `fetch` and the like. Made on first use. */
  readonly signal: AbortSignal
  /** DOWN comes to `info`, once, also if the process is dead already (M-03). */
  monitor(target: Peer | string, options?: MonitorOptions): MonitorRef
  demonitor(
    ref: MonitorRef,
    options?: { readonly flush?: boolean; readonly info?: boolean },
  ): boolean
  link(target: Peer): void
  unlink(target: Peer): void
  /** Sends `message` to this process's `info` later; the timer ends with the process. */
  sendAfter(delayMs: number, message: unknown): TimerRef
  /** Milliseconds that were left, or false if it fired or was cancelled (TM-01). */
  cancelTimer(ref: TimerRef): number | false
  /** Sets whether exit signals become messages; gives the previous value. */
  trapExit(flag: boolean): boolean
  /** Ends this process as `erlang:exit/1`: `terminate` runs, no stack is kept. May be caught (P-05). */
  exit(reason: ExitReason): never
  /** `erlang:exit/2` from this process; `normal` to itself ends it (L-16), also after an `await`. */
  sendExit(to: Peer, reason: ExitReason): void
  /** A plain process, with this one as parent; `{ link: true }` links it. */
  spawn(body: (ctx: ProcessContext) => unknown, options?: StartOptions): Pid
}

const pidOf = (target: Peer): Pid => ('pid' in target ? target.pid : target)

/** The process, or the end of a continuation that outlived it: it starts and sends nothing. */
function live({ process }: ProcessOperator): Process {
  if (!process.alive) throw contextEnded(process.pid)
  return process
}

/**
 * The implementation of {@link ProcessOperations}. Without private members, so that an object which only
 * has its prototype and a `process` is one too (server-context.ts).
 */
export class ProcessOperator implements ProcessOperations {
  readonly process: Process

  constructor(process: Process) {
    this.process = process
  }

  get system(): System {
    return this.process.system
  }
  get signal(): AbortSignal {
    return this.process.signal
  }
  monitor(target: Peer | string, options?: MonitorOptions): MonitorRef {
    const { pid, system } = this.process
    return system.monitor(pid, typeof target === 'string' ? target : pidOf(target), options)
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
  sendExit(to: Peer, reason: ExitReason): void {
    const { pid, system } = live(this)
    system.exit(pidOf(to), reason, pid)
  }
  call(
    to: Target,
    name: string | undefined,
    input?: unknown,
    options?: CallOptions,
  ): Promise<unknown>
  call<R extends Callable, K extends keyof R['call'] & string>(
    ref: R,
    name: K,
    ...args: ArgumentsOf<R['call'][K]>
  ): ReturnOf<R['call'][K]>
  call(
    to: Target | Callable,
    name: string | undefined,
    input?: unknown,
    options?: CallOptions,
  ): unknown {
    const { pid, system } = live(this)
    return callAs(system, pid, to, name, input, options)
  }
  cast(to: Target | Castable, name: string | undefined, input?: unknown): boolean {
    return castAs(live(this).system, to, name, input)
  }
  spawn(body: (ctx: ProcessContext) => unknown, options: StartOptions = {}): Pid {
    const { pid, system } = live(this)
    return system.spawn(body, { parent: pid, ...options })
  }
}
