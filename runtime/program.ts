/**
 * The two sides of the runtime's service interface: {@link Program}, the code of a process as the
 * behaviours write it, and {@link Process}, what that code sees of its process.
 */
import type { Call } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Message } from './item.ts'
import type { MailboxPolicy } from './mailbox.ts'
import type { MonitorRef } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { System } from './system.ts'
import type { Via } from './names.ts'

/**
 * The code of a process. One program object may serve any number of processes: what belongs to one
 * process lives in `process.state`.
 */
export interface Program {
  /** For logs and inspection: `'gen_server counter/1'`. */
  readonly label: string
  /**
   * Handles one item. A promise means busy until it is settled: the next item waits. A throw or a
   * rejection ends the process with that reason and nothing else.
   */
  handle(process: Process, item: Message | Call): void | Promise<void>
  /** What `sys` may see and change of its processes; without it they show no state. */
  readonly debug?: ProgramDebug
  /** After death, for clean-up of the program's own things. Never user code; must not throw. */
  onExit?(process: Process, reason: ExitReason): void
}

/** A process below another one, as {@link ProgramDebug.children} lists it. */
export interface DebugChild {
  readonly id: string
  /** Undefined while it does not run. */
  readonly pid: Pid | undefined
  readonly type: 'worker' | 'supervisor'
  readonly restarts: number
}

/**
 * A program's door for `sys`. Everything here is synchronous. `replaceState` is called between two messages,
 * the others at any time: `getState` then shows the state of the last handler that has ended.
 */
export interface ProgramDebug {
  /** `'gen_server'`, `'gen_statem'`, `'supervisor'`, ... */
  readonly behaviour: string
  /** What `sys.getState` gives; undefined before `init` is done. */
  getState(process: Process): unknown
  /** Puts a new state in; throws what it cannot be. */
  replaceState(process: Process, state: unknown): void
  /** More for `sys.status`: mode, timers, postponed events. */
  status?(process: Process): Readonly<Record<string, unknown>>
  /**
   * The process whose EXIT ends one that traps exits, also while it is suspended; default
   * `Process.parent`. Undefined: none does.
   */
  parent?(process: Process): Pid | undefined
  /** The children of a supervisor, in start order. */
  readonly children?: ((process: Process) => readonly DebugChild[]) | undefined
}

/** A process as its program sees it. */
export interface Process {
  readonly pid: Pid
  readonly system: System
  readonly parent: Pid | undefined
  readonly label: string
  readonly alive: boolean
  /** Aborted at death, with the exit reason. Made on first use. */
  readonly signal: AbortSignal
  /** The program's slot; emptied at death, after `onExit`. */
  state: unknown
  /** Whether exit signals become messages. */
  trapExit: boolean
  /** Queued user messages, those skipped by a selective receive included. */
  readonly mailboxLength: number
  readonly startedAtMs: number
  /** The monitor made by `StartOptions.monitor`. */
  readonly monitorRef: MonitorRef | undefined
  /** Ends the process now, as if its code had called exit(reason). */
  exit(reason: ExitReason): void
  /** Puts a message at the tail of its mailbox; never refused. */
  post(message: Message): void
}

/** How a process is started. */
export interface StartOptions {
  /**
   * What logs and inspection call it; default the program's label, for a plain process the name of its
   * function.
   */
  readonly label?: string | undefined
  readonly parent?: Pid | undefined
  /** Link to `parent` before the process can run. */
  readonly link?: boolean | undefined
  /** Monitor on behalf of this process before the new one can run; see `Process.monitorRef`. */
  readonly monitor?: Pid | undefined
  readonly trapExit?: boolean | undefined
  readonly name?: string | Via | undefined
  /** Bound of its mailbox; default the system's. */
  readonly mailboxMessagesMax?: number | undefined
  /** What its mailbox does when it is full; default the system's. */
  readonly mailboxPolicy?: MailboxPolicy | undefined
  readonly state?: unknown
  /** When the key is present, an `init` item with this value is first in the mailbox. */
  readonly initArg?: unknown
}
