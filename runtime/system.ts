/**
 * A system: one isolated world of processes with its own scheduler, names, clock, entropy, logger and
 * limits. Any number of systems live in one program; nothing is shared between them.
 *
 * This is the service interface of the runtime; the behaviours are written against it. Operations that name
 * a target take a {@link Target}; operations on behalf of a process take its pid.
 */
import { createRealClock } from './clock.ts'
import { createSystemEntropy } from './entropy.ts'
import { SystemCore } from './core.ts'
import { silentLogger } from './log.ts'
import {
  booleanOption,
  loggerOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  stringOption,
} from './options.ts'
import { TABLE_ENTRIES_LIMIT } from './table/table-store.ts'
import type { CallOptions } from './call.ts'
import type { Clock } from './clock.ts'
import type { Entropy } from './entropy.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Logger } from './log.ts'
import type { MailboxPolicy } from './mailbox.ts'
import type { SystemStats } from './metrics.ts'
import type { MonitorOptions, MonitorRef, RemoteName } from './monitors.ts'
import type { Via } from './names.ts'
import type { OptionCheck } from './options.ts'
import type { Pid } from './pid.ts'
import type { Process, Program, StartOptions } from './program.ts'
import type { Inbound, RemoteGate } from './remote.ts'
import type { Monitored, ProcessBody } from './spawn.ts'
import type { Tables } from './table/table.ts'
import type { TimerRef } from './timer.ts'
import type { SystemWatch } from './watch.ts'

/** Where a message goes: a process, a name of this system, or a name in another directory. */
export type Target = Pid | string | { readonly via: Via }

/** What can be monitored: a process, a name here, or a name on another node. */
export type MonitorTarget = Pid | string | RemoteName

/** How a monitor is removed. */
export interface DemonitorOptions {
  /** Also remove its DOWN if it is already queued (M-08). */
  readonly flush?: boolean | undefined
  /** Return whether the monitor was still active, instead of true (M-09). */
  readonly info?: boolean | undefined
  /** Who asks; nothing happens if it is not the owner (M-11). Without it the owner is assumed. */
  readonly owner?: Pid | undefined
}

/** Who a timer belongs to. */
export interface TimerOptions {
  /** The timer dies with this process too; it always dies with a local target. */
  readonly owner?: Pid | undefined
}

/** How a system is stopped. */
export interface StopOptions {
  /** Stop waiting and kill what is left when aborted. */
  readonly signal?: AbortSignal | undefined
}

/** Dials of a system; every limit refuses with its own code. */
export interface SystemOptions {
  /** Time. Default the machine's. A virtual clock switches the turn's time budget off. */
  readonly clock: Clock
  /** Chance. Default the operating system's. */
  readonly entropy: Entropy
  /** Where crash reports go. Default nowhere. */
  readonly logger: Logger
  /** Name of the node in pids. Default `local-` and eight random hex digits. */
  readonly node: string | undefined
  /** Which start of that node this is. Default 0. */
  readonly incarnation: number
  /** How long a call waits by default, ms. Default 5000, as OTP (G-24). Infinity waits for ever. */
  readonly callTimeoutMs: number
  /**
   * Messages handled in one turn of the event loop. Default 1000. Higher: more throughput under load;
   * lower: timers and sockets are served sooner.
   */
  readonly messageBudget: number
  /** Milliseconds of handlers in one turn of the event loop; default 10. Off under a virtual clock. */
  readonly turnBudgetMs: number
  /**
   * How long a handler may hold the event loop, or be in flight, before it is reported, ms. Default 50.
   * Handlers are measured while `reportLongHandlers` is set or `fovea:handler:long` has a subscriber.
   */
  readonly longHandlerMs: number
  /**
   * Log and count handlers that take `longHandlerMs` or more (`long_schedule`). Default false; two clock
   * readings per message when set.
   */
  readonly reportLongHandlers: boolean
  /**
   * Continuations know whose they are: `self()`, the caller of a call and the starter of a process are
   * known after an `await` too, and `captureRejections` can work. Default false: a call costs half as much
   * again on Node 24 and 26, twice as much on 20 and 22. A call through `ctx` knows its caller anyway.
   */
  readonly asyncContext: boolean
  /**
   * Told what its processes do, by a simulation. Default: nobody. With it every message is a step of the run
   * queue of its own, and the own waits of processes are counted, which needs `asyncContext`.
   */
  readonly watch: SystemWatch | undefined
  /** How long `stop` lets processes end by themselves before it kills them, ms. Default 5000. */
  readonly stopTimeoutMs: number
  /** User messages one mailbox holds; default 1,000,000. `ERR_MAILBOX_FULL` for calls. */
  readonly mailboxMessagesMax: number
  /**
   * What a full mailbox does, default `'reject'`: the arriving message is refused (a call rejects with
   * `ERR_MAILBOX_FULL`, a cast returns false, a send is dropped). `'drop_oldest'`: the oldest queued one is
   * let go, for readings of which the last counts; if it is a call, that call rejects. `'drop_newest'`: the
   * arriving one is swallowed and a cast returns true, for senders that need not know; a call rejects.
   */
  readonly mailboxPolicy: MailboxPolicy
  /** Live processes; default 4,000,000. `ERR_PROCESSES_MAX`. */
  readonly processesMax: number
  /** Links of one process; default 4,000,000. `ERR_LINKS_MAX`. */
  readonly linksPerProcessMax: number
  /** Monitors one process owns; default 1,000,000. `ERR_MONITORS_MAX`. */
  readonly monitorsPerProcessMax: number
  /** Registered names; default 1,000,000. `ERR_NAMES_MAX`. */
  readonly namesMax: number
  /** Tables; default 100,000. `ERR_TABLES_MAX`. */
  readonly tablesMax: number
  /** Objects one table holds, unless its options say less or more; default 10,000,000. `ERR_TABLE_ENTRIES_MAX`. */
  readonly tableEntriesMax: number
  /** Armed timers, calls not counted; default 4,000,000. `ERR_TIMERS_MAX`. */
  readonly timersMax: number
  /**
   * Queued items that are looked at in one turn to tell whether a call waits for itself; default 10,000.
   * Lower: less work when busy processes with long queues call each other; 0 switches it off. A cycle that
   * is not found ends by the deadlines of its calls.
   */
  readonly callCycleStepsMax: number
  /** Calls waiting for a reply; default 4,000,000. `ERR_CALLS_MAX`. */
  readonly callsPendingMax: number
}

/** A world of processes. */
export interface System extends AsyncDisposable {
  readonly node: string
  readonly incarnation: number
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  readonly options: Readonly<SystemOptions>
  /** True from the first `stop`. */
  readonly stopping: boolean

  // Processes
  /** Starts a process; it handles nothing before this turn of the caller is over. N-08: throws `ERR_ALREADY_STARTED`. */
  start(program: Program, options?: StartOptions): Process
  /** Starts a plain process. */
  spawn(body: ProcessBody, options?: StartOptions): Pid
  /** Starts a plain process and monitors it at once, so that its reason is never lost (M-16). */
  spawnMonitor(body: ProcessBody, options: StartOptions & { readonly owner: Pid }): Monitored
  /** The live local process of `pid`. */
  process(pid: Pid): Process | undefined
  isAlive(pid: Pid): boolean
  processes(): Iterable<Process>

  // Names
  whereis(name: string): Pid | undefined
  /** Throws `ERR_NAME_TAKEN`, `ERR_NAME_INVALID`. */
  register(name: string, pid: Pid): void
  /** Throws `ERR_NAME_UNKNOWN`. */
  unregister(name: string): void
  registered(): string[]

  /** ETS-like tables; see `Tables`. */
  readonly tables: Tables

  // Messages
  /** Never throws for a dead or unknown target: the message is dropped and counted. */
  send(to: Target, message: unknown): void
  /** False if it was not accepted here. */
  cast(to: Target, name: string | undefined, input: unknown): boolean
  /** Rejects with a `CallError`; at once if the target is dead, unknown or full. */
  call(
    to: Target,
    name: string | undefined,
    input: unknown,
    options?: CallOptions,
  ): Promise<unknown>

  // Signals
  /** `erlang:exit/2`. `from` defaults to the process running synchronously. */
  exit(to: Pid, reason: ExitReason, from?: Pid): void
  /** Links `a`, a local process, with `b`. */
  link(a: Pid, b: Pid): void
  unlink(a: Pid, b: Pid): void
  monitor(owner: Pid, target: MonitorTarget, options?: MonitorOptions): MonitorRef
  demonitor(ref: MonitorRef, options?: DemonitorOptions): boolean
  /**
   * A monitor for code that is not a process. The result takes it back. For a dead target `callback`
   * runs in a later microtask with `noproc`.
   */
  watch(target: Pid, callback: (reason: ExitReason) => void): () => void

  // Callers' signals
  /**
   * Runs `callback` when `signal` is aborted, or in a later microtask if it is already. The result takes it
   * back. However many wait for one signal, it has one listener: a shared shutdown signal warns of no leak.
   */
  onAbort(signal: AbortSignal, callback: (cause: unknown) => void): () => void

  // Timers
  /** Sends `message` after `delayMs`. */
  sendAfter(delayMs: number, to: Target, message: unknown, options?: TimerOptions): TimerRef
  /** As `sendAfter`, but the item is of kind `timer` and carries the ref (TM-02). */
  startTimer(delayMs: number, to: Target, message: unknown, options?: TimerOptions): TimerRef
  /** Runs `fn` in the name of `process` after `delayMs`; dies with it. */
  setTimer(process: Process, delayMs: number, fn: () => void): TimerRef
  /** Milliseconds that were left, or false if it fired or was cancelled. */
  cancelTimer(ref: TimerRef): number | false
  readTimer(ref: TimerRef): number | false

  /**
   * From now on a promise that a process's code rejects and nobody awaits ends that process with its reason,
   * not the program. Needs `asyncContext`, else throws `ERR_ASYNC_CONTEXT_OFF`. Dispose of the result, or
   * stop the system, and Node's own behaviour is back.
   */
  captureRejections(): Disposable
  stats(): SystemStats
  /** Ends every process, newest first, then cancels everything. Idempotent. */
  stop(options?: StopOptions): Promise<void>

  // Distribution
  /** Whether a gate is set: the system belongs to a node. */
  readonly hasRemote: boolean
  /** Without a gate everything to another node fails with `noconnection`. */
  setRemote(gate: RemoteGate | undefined): void
  readonly inbound: Inbound
  /** The pid with these parts, decoded; the very pid of the process if it lives here. */
  pidFor(node: string, id: number, incarnation: number): Pid
  /** The process that has a name here, or a pid that stands for it elsewhere; see `RemoteGate.namedPid`. */
  pidNamed(target: RemoteName): Pid | undefined
  /** A monitor ref decoded from its parts. */
  monitorRefFor(node: string, id: number): MonitorRef
}

/**
 * The dials as shipped.
 *
 * @example
 * await using system = createSystem({ callTimeoutMs: 2 * SYSTEM_DEFAULTS.callTimeoutMs })
 * assert.equal(system.options.callTimeoutMs, 10_000)
 */
export const SYSTEM_DEFAULTS: Readonly<Omit<SystemOptions, 'clock' | 'entropy'>> = Object.freeze({
  logger: silentLogger,
  node: undefined,
  incarnation: 0,
  callTimeoutMs: 5000,
  messageBudget: 1000,
  turnBudgetMs: 10,
  longHandlerMs: 50,
  reportLongHandlers: false,
  asyncContext: false,
  watch: undefined,
  stopTimeoutMs: 5000,
  mailboxMessagesMax: 1_000_000,
  mailboxPolicy: 'reject',
  processesMax: 4_000_000,
  linksPerProcessMax: 4_000_000,
  monitorsPerProcessMax: 1_000_000,
  namesMax: 1_000_000,
  tablesMax: 100_000,
  tableEntriesMax: 10_000_000,
  timersMax: 4_000_000,
  callCycleStepsMax: 10_000,
  callsPendingMax: 4_000_000,
})

const count: OptionCheck = numberOption(1, Number.MAX_SAFE_INTEGER)
const durationMs: OptionCheck = numberOption(0, Infinity, true)

const CHECKS: { readonly [K in keyof SystemOptions]-?: OptionCheck } = {
  clock: objectOption,
  entropy: objectOption,
  logger: loggerOption,
  node: optional(stringOption),
  incarnation: numberOption(0, Number.MAX_SAFE_INTEGER),
  callTimeoutMs: durationMs,
  messageBudget: count,
  turnBudgetMs: durationMs,
  longHandlerMs: durationMs,
  reportLongHandlers: booleanOption,
  asyncContext: booleanOption,
  watch: optional(objectOption),
  stopTimeoutMs: durationMs,
  mailboxMessagesMax: count,
  mailboxPolicy: oneOfOption('reject', 'drop_oldest', 'drop_newest'),
  processesMax: count,
  linksPerProcessMax: count,
  monitorsPerProcessMax: count,
  namesMax: count,
  tablesMax: count,
  tableEntriesMax: numberOption(1, TABLE_ENTRIES_LIMIT),
  timersMax: count,
  callCycleStepsMax: numberOption(0, Number.MAX_SAFE_INTEGER),
  callsPendingMax: count,
}

/**
 * Makes a system.
 *
 * @example
 * await using system = createSystem({ callTimeoutMs: 1000 })
 * const pid = system.spawn(async (ctx) => {
 *   await ctx.receive()
 * })
 * assert.equal(system.isAlive(pid), true) // until it got a message, or the system stops
 */
export function createSystem(options?: Partial<SystemOptions>): System {
  const defaults = {
    ...SYSTEM_DEFAULTS,
    clock: createRealClock(),
    entropy: createSystemEntropy(),
  } satisfies SystemOptions
  return new SystemCore(resolveOptions<SystemOptions>('createSystem', defaults, CHECKS, options))
}
