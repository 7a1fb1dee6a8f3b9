/**
 * One process: identity, flags, mailbox ends, and a pointer to what few processes need.
 *
 * Invariants: `state` and the mailbox are touched only while the process is alive; a dead process
 * keeps `pid`, `parent`, `program` and `startedAtMs`, nothing else. An idle process with one link to its
 * supervisor costs under 400 bytes with its pid: sets, AbortSignal, names and the like live in
 * {@link ProcessExtras}, made on first use.
 */
import { ArgumentError } from './errors.ts'
import { pushItem } from './mailbox.ts'
import { BUSY, DEAD, TRAPPING } from './process-flags.ts'
import type { Call } from './call.ts'
import type { SystemCore } from './core.ts'
import type { ExitReason } from './exit-reason.ts'
import { USER_KIND_MAX } from './item.ts'
import type { ItemKind, Message, StopRequest } from './item.ts'
import type { LinkSet } from './links.ts'
import type { Monitor, MonitorRef } from './monitors.ts'
import type { Observer } from './observe.ts'
import type { Pid, ProcessPid } from './pid.ts'
import type { Process, Program } from './program.ts'
import type { Receiver } from './receive.ts'
import type { Suspension } from './suspension.ts'
import type { System } from './system.ts'
import type { TableCell } from './table/table-cell.ts'
import type { TableKey } from './table/table-key.ts'
import type { Timer } from './timer.ts'

/** Parts that most processes never need. */
export class ProcessExtras {
  names: Set<string> | undefined = undefined
  timers: Set<Timer> | undefined = undefined
  /** Tables this process owns. */
  tables: Set<TableCell<TableKey, unknown>> | undefined = undefined
  /** Monitors this process owns. */
  monitoring: Set<Monitor> | undefined = undefined
  /** Monitors that watch this process. */
  monitoredBy: Set<Monitor> | undefined = undefined
  startRef: MonitorRef | undefined = undefined
  /** The stop request this process is working on. */
  stopping: StopRequest | undefined = undefined
  abort: AbortController | undefined = undefined
  /** Continuations of an async handler; one pair per process because only one can be in flight. */
  resume: (() => void) | undefined = undefined
  crash: ((error: unknown) => void) | undefined = undefined
  /** What a busy process works on: the item of its async handler, or the last call a plain one took. */
  inHand: Message | Call | undefined = undefined
  /** Kind of the item an async handler works on while the process is busy, and since when by the turn. */
  busyKind: ItemKind | undefined = undefined
  busySinceMs = 0
  /** Set while the process is suspended. */
  suspension: Suspension | undefined = undefined
  /** Set while somebody traces or measures the process. */
  observer: Observer | undefined = undefined
  /** Own waits; counted only in a simulation, see watch.ts. */
  waits = 0
  /** The save queue and the waiting receive of a plain process. */
  receiver: Receiver | undefined = undefined
}

/** The runtime's record of a process. */
export class ProcessCell implements Process {
  declare readonly pid: ProcessPid
  declare readonly core: SystemCore
  declare readonly program: Program
  declare readonly parent: Pid | undefined
  declare readonly startedAtMs: number
  /** Instead of the program's label, unless it is empty. */
  declare readonly ownLabel: string | undefined
  declare state: unknown
  declare flags: number
  declare head: Message | Call | undefined
  declare tail: Message | Call | undefined
  /** User messages queued or saved. */
  declare userItems: number
  declare readonly userItemsMax: number
  /** Calls that wait for this process to reply. */
  declare calls: Call | undefined
  /** Nothing, the only linked local process, or a set. */
  declare links: ProcessCell | LinkSet | undefined
  declare extras: ProcessExtras | undefined
  /** Name of the last call or cast, for the crash report. */
  declare lastName: string | undefined

  constructor(
    pid: ProcessPid,
    core: SystemCore,
    program: Program,
    parent: Pid | undefined,
    state: unknown,
    userItemsMax: number,
    ownLabel: string | undefined,
  ) {
    this.ownLabel = ownLabel
    this.pid = pid
    this.core = core
    this.program = program
    this.parent = parent
    this.startedAtMs = core.scheduler.coarseNowMs
    this.state = state
    this.flags = 0
    this.head = undefined
    this.tail = undefined
    this.userItems = 0
    this.userItemsMax = userItemsMax
    this.calls = undefined
    this.links = undefined
    this.extras = undefined
    this.lastName = undefined
  }

  get system(): System {
    return this.core
  }
  get label(): string {
    return this.ownLabel || this.program.label
  }
  get alive(): boolean {
    return (this.flags & DEAD) === 0
  }
  /** In the middle of a handler. */
  get busy(): boolean {
    return (this.flags & BUSY) !== 0
  }
  get mailboxLength(): number {
    return this.userItems
  }
  get monitorRef(): MonitorRef | undefined {
    return this.extras?.startRef
  }
  get trapExit(): boolean {
    return (this.flags & TRAPPING) !== 0
  }
  set trapExit(on: boolean) {
    if (typeof on !== 'boolean') throw new ArgumentError('trapExit', 'true or false', on)
    if (on) this.flags |= TRAPPING
    else this.flags &= ~TRAPPING
  }
  get signal(): AbortSignal {
    if (!this.alive && this.extras?.abort === undefined) return AbortSignal.abort()
    return (this.more().abort ??= new AbortController()).signal
  }
  exit(reason: ExitReason): void {
    this.core.deaths.end(this, reason, true)
  }
  post(message: Message): void {
    if (!this.alive) return
    if (message.kind <= USER_KIND_MAX) this.userItems++
    pushItem(this, message)
  }

  /** The lazily made extras. */
  more(): ProcessExtras {
    return (this.extras ??= new ProcessExtras())
  }
}
