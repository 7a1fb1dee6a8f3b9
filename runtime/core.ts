/**
 * The implementation of {@link System}: the process table and the operations, over the parts in the other
 * files. Signals act synchronously: when `exit`, `link` or `monitor` returns, it has happened.
 */
import { Call, promiseOf, requestTag } from './call.ts'
import { AbortGroups, checkSignal } from './abort-groups.ts'
import { CallCycles } from './call-cycles.ts'
import { beginTracking, endTracking, runningCell } from './context.ts'
import { Deaths } from './deaths.ts'
import {
  AlreadyStartedError,
  ArgumentError,
  CallAbortedError,
  CallExitError,
  LimitError,
  MailboxFullError,
  SystemStoppedError,
} from './errors.ts'
import { publishDropped, publishExit, publishStart } from './inspect.ts'
import { ItemKind, Message } from './item.ts'
import { LinkTable } from './link-table.ts'
import { unthrowing } from './log.ts'
import { LongHandlers } from './long-handlers.ts'
import { checkBound, policyFlags, pushItem, pushUserItem } from './mailbox.ts'
import { Counters, statsOf } from './metrics.ts'
import { MonitorRefValue } from './monitors.ts'
import { MonitorTable } from './monitor-table.ts'
import { isVia, Names } from './names.ts'
import { checkOptionNames } from './options.ts'
import { pidEquals, ProcessPid } from './pid.ts'
import { BUSY, DEAD, DROPS_NEWEST, TRAPPING } from './process-flags.ts'
import { ProcessCell } from './process.ts'
import { ProcessTimers } from './process-timers.ts'
import { Rejections } from './rejections.ts'
import { Remote } from './remote.ts'
import { Scheduler } from './scheduler.ts'
import { checkBody, plainProgram } from './spawn.ts'
import { Stopper } from './stopper.ts'
import { TableRegistry } from './table/table-registry.ts'
import type { CallOptions } from './call.ts'
import type { Clock } from './clock.ts'
import type { Entropy } from './entropy.ts'
import type { ExitReason } from './exit-reason.ts'
import type { DropReason } from './inspect.ts'
import type { Logger } from './log.ts'
import type { SystemStats } from './metrics.ts'
import type { MonitorOptions, MonitorRef, RemoteName } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { Process, Program, StartOptions } from './program.ts'
import type { Inbound, RemoteGate } from './remote.ts'
import type { Monitored, ProcessBody } from './spawn.ts'
import type {
  DemonitorOptions,
  MonitorTarget,
  StopOptions,
  System,
  SystemOptions,
  Target,
  TimerOptions,
} from './system.ts'
import type { TimerRef, Timers } from './timer.ts'
import type { Via } from './names.ts'

// V8 folds a constant of the module it is used in, but loads an imported one anew at each use.
const CAST: typeof ItemKind.cast = ItemKind.cast
const ENDED: number = DEAD
const OCCUPIED: number = BUSY

const NO_OPTIONS: StartOptions = Object.freeze({})
const NO_CALL_OPTIONS: CallOptions = Object.freeze({})
/** `system` is for those who look a name up before they come here. */
const CALL_OPTIONS: readonly string[] = Object.freeze(['timeoutMs', 'signal', 'from', 'system'])

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Everything a system owns. */
export class SystemCore implements System {
  readonly node: string
  readonly incarnation: number
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  readonly options: Readonly<SystemOptions>
  readonly scheduler: Scheduler
  readonly longHandlers: LongHandlers
  /** Whether continuations know whose they are. */
  readonly tracksAsync: boolean
  readonly timers: Timers
  readonly deaths: Deaths
  readonly remote: Remote
  readonly names: Names
  readonly links: LinkTable
  readonly monitors: MonitorTable
  readonly tables: TableRegistry
  gate: RemoteGate | undefined = undefined
  callsPending = 0
  callsTimedOut = 0
  readonly #stopper: Stopper
  readonly #processTimers: ProcessTimers
  readonly counters: Counters = new Counters()
  readonly #aborts = new AbortGroups(this)
  readonly #table = new Map<number, ProcessCell>()
  readonly #policyFlags: number
  readonly cycles: CallCycles
  readonly rejections: Rejections
  #lastId = 0

  constructor(options: Readonly<SystemOptions>) {
    this.options = options
    this.clock = options.clock
    this.entropy = options.entropy
    this.logger = unthrowing(options.logger)
    this.node = options.node ?? `local-${hex(options.entropy.bytes(4))}`
    this.incarnation = options.incarnation
    this.longHandlers = new LongHandlers(options.clock, this.logger, options)
    this.rejections = new Rejections(this)
    this.cycles = new CallCycles(options.clock, options.callCycleStepsMax)
    this.#policyFlags = policyFlags(options.mailboxPolicy)
    this.tracksAsync = options.asyncContext
    if (this.tracksAsync) beginTracking()
    this.scheduler = new Scheduler(options.clock, {
      messageBudget: options.messageBudget,
      turnBudgetMs: options.clock.virtual ? Infinity : options.turnBudgetMs,
      longHandlers: this.longHandlers,
      watch: options.watch,
    })
    this.timers = this.scheduler.timers
    this.deaths = new Deaths(this)
    this.remote = new Remote(this)
    this.names = new Names(options.namesMax)
    this.links = new LinkTable(this)
    this.monitors = new MonitorTable(this)
    this.tables = new TableRegistry(this)
    this.#stopper = new Stopper(this, this.#table)
    this.#processTimers = new ProcessTimers(this)
  }

  /** Nothing can start or be armed any more. */
  get stopped(): boolean {
    return this.#stopper.done
  }
  get stopping(): boolean {
    return this.#stopper.started
  }
  get inbound(): Inbound {
    return this.remote
  }

  // --- processes ------------------------------------------------------------------------------

  start(program: Program, options: StartOptions = NO_OPTIONS): ProcessCell {
    return this.#start(program, options, 'initArg' in options, options.initArg)
  }

  #start(
    program: Program,
    options: StartOptions,
    init: boolean,
    initArg: unknown,
    label?: string,
  ): ProcessCell {
    const { name, parent, mailboxMessagesMax, mailboxPolicy } = options
    this.#checkStart(options)
    const flags = mailboxPolicy === undefined ? this.#policyFlags : policyFlags(mailboxPolicy)
    const pid = new ProcessPid(this.node, this.nextId(), this.incarnation, this)
    const cell = new ProcessCell(
      pid,
      this,
      program,
      parent,
      options.state,
      mailboxMessagesMax ?? this.options.mailboxMessagesMax,
      options.label ?? label,
    )
    cell.flags = options.trapExit === true ? flags | TRAPPING : flags
    ProcessPid.attach(pid, cell)
    this.#table.set(pid.id, cell)
    this.counters.started++
    if (name !== undefined) this.#nameNew(cell, name)
    if (init) pushItem(cell, new Message(ItemKind.init, undefined, initArg))
    if (options.monitor !== undefined) cell.more().startRef = this.monitor(options.monitor, pid)
    publishStart(cell)
    if (options.link === true && parent !== undefined) this.links.linkNew(cell, parent)
    return cell
  }

  /** Everything that can refuse a start comes first, so a refused start leaves nothing behind. */
  #checkStart({ name, parent, link, monitor, mailboxMessagesMax }: StartOptions): void {
    if (this.#stopper.done) throw new SystemStoppedError(this.node)
    if (mailboxMessagesMax !== undefined) checkBound(mailboxMessagesMax)
    if (this.#table.size >= this.options.processesMax) {
      throw new LimitError('ERR_PROCESSES_MAX', 'processesMax', this.options.processesMax)
    }
    const linked = link === true && parent !== undefined ? this.live(parent) : undefined
    if (linked !== undefined) this.links.checkRoom(linked)
    if (monitor !== undefined) this.monitors.checkOwner(monitor)
    if (name === undefined) return
    const holder = isVia(name) ? name.whereisName() : this.whereis(name)
    if (holder !== undefined) throw new AlreadyStartedError(isVia(name) ? name.label : name, holder)
    if (!isVia(name)) this.names.checkFree(name)
  }

  #nameNew(cell: ProcessCell, name: string | Via): void {
    if (!isVia(name)) {
      this.names.register(name, cell)
      return
    }
    let holder: Pid | undefined
    try {
      if (name.registerName(cell.pid)) return
      holder = name.whereisName()
    } catch (error) {
      this.deaths.end(cell, 'normal', true)
      throw error
    }
    this.deaths.end(cell, 'normal', true)
    throw new AlreadyStartedError(name.label, holder ?? cell.pid)
  }

  spawn(body: ProcessBody, options: StartOptions = NO_OPTIONS): Pid {
    checkBody(body)
    return this.#start(plainProgram, options, true, body, body.name).pid
  }

  spawnMonitor(body: ProcessBody, options: StartOptions & { readonly owner: Pid }): Monitored {
    const { owner, ...rest } = options
    checkBody(body)
    const cell = this.#start(plainProgram, { ...rest, monitor: owner }, true, body, body.name)
    return { pid: cell.pid, ref: cell.monitorRef! }
  }

  process(pid: Pid): ProcessCell | undefined {
    return this.live(pid)
  }
  isAlive(pid: Pid): boolean {
    return this.live(pid) !== undefined
  }
  processes(): Iterable<Process> {
    return this.#table.values()
  }

  // --- names ----------------------------------------------------------------------------------

  whereis(name: string): Pid | undefined {
    return this.names.get(name)?.pid
  }
  register(name: string, pid: Pid): void {
    this.names.register(name, this.live(pid))
  }
  unregister(name: string): void {
    this.names.unregister(name)
  }
  registered(): string[] {
    return this.names.all()
  }

  // --- messages -------------------------------------------------------------------------------

  /** The live local process a target means. */
  live(to: Target): ProcessCell | undefined {
    if (typeof to === 'object' && to !== null) {
      const cell = ProcessPid.cellOf(to as Pid)
      if (cell !== undefined && cell.core === this) {
        return (cell.flags & ENDED) === 0 ? cell : undefined
      }
    }
    return this.#liveSlow(to)
  }

  #liveSlow(to: Target): ProcessCell | undefined {
    if (typeof to === 'string') return this.names.get(to)
    const pid = this.#pidOf(to)
    if (pid === undefined || this.#isForeign(pid)) return undefined
    return this.#table.get(pid.id)
  }

  /** The pid of a pid or via target; undefined for nonsense. */
  #pidOf(to: Target): Pid | undefined {
    if (ProcessPid.is(to)) return to
    return typeof to === 'object' && to !== null && 'via' in to ? this.#lookUp(to.via) : undefined
  }

  /** A directory that fails knows nobody: a send does not throw because of it (G-36). */
  #lookUp(via: Via): Pid | undefined {
    try {
      return via.whereisName()
    } catch (error) {
      this.reportStray(`look-up of '${via.label}'`, error)
      return undefined
    }
  }

  #isForeign(pid: Pid): boolean {
    return pid.node !== this.node || pid.incarnation !== this.incarnation
  }

  /** The pid a target means, if it lives elsewhere. Throws for what is no target. */
  foreign(to: Target): Pid | undefined {
    if (typeof to === 'string') return undefined
    const pid = this.#pidOf(to)
    if (pid === undefined && !(typeof to === 'object' && to !== null && 'via' in to)) {
      throw new ArgumentError('to', 'a pid, a name or { via }', to)
    }
    return pid !== undefined && pid.node !== this.node ? pid : undefined
  }

  send(to: Target, message: unknown): void {
    const cell = this.live(to)
    if (cell === undefined) {
      const pid = this.foreign(to)
      if (pid === undefined) this.dropped(to, 'info', undefined, 'noproc')
      else if (this.gate?.send(pid, message) !== true) {
        this.dropped(to, 'info', undefined, 'noconnection')
      }
    } else if (!pushUserItem(cell, new Message(ItemKind.info, undefined, message))) {
      this.dropped(to, 'info', undefined, 'mailbox_full')
    }
  }

  cast(to: Target, name: string | undefined, input: unknown): boolean {
    const cell = this.live(to)
    if (cell !== undefined) {
      if (pushUserItem(cell, new Message(CAST, name, input))) return true
      this.dropped(to, 'cast', name, 'mailbox_full')
      return (cell.flags & DROPS_NEWEST) !== 0
    }
    const pid = this.foreign(to)
    if (pid === undefined) return this.dropped(to, 'cast', name, 'noproc')
    if (this.gate?.cast(pid, name, input) === true) return true
    return this.dropped(to, 'cast', name, 'noconnection')
  }

  sendLocal(to: Pid | string, message: unknown): void {
    if (this.live(to) === undefined) this.dropped(to, 'info', undefined, 'noproc')
    else this.send(to, message)
  }

  castLocal(to: Pid | string, name: string | undefined, input: unknown): boolean {
    if (this.live(to) === undefined) return this.dropped(to, 'cast', name, 'noproc')
    return this.cast(to, name, input)
  }

  /** Counts what went nowhere. */
  dropped(to: Target, kind: 'cast' | 'info', name: string | undefined, reason: DropReason): false {
    if (reason === 'noproc') this.counters.droppedNoproc++
    else if (reason === 'mailbox_full') this.counters.droppedMailboxFull++
    else this.counters.droppedNoconnection++
    publishDropped({ to: serverOf(to), kind, name, reason })
    return false
  }

  /** Counts what a full mailbox let go; a caller learns it. */
  evicted(cell: ProcessCell, item: Message | Call): void {
    if (item.kind === ItemKind.call && item.settled) return
    this.counters.evicted++
    const kind =
      item.kind === ItemKind.cast ? 'cast' : item.kind === ItemKind.call ? 'call' : 'info'
    publishDropped({ to: cell.pid, kind, name: item.name, reason: 'evicted' })
    if (item.kind === ItemKind.call) item.fail(new MailboxFullError(item, cell.userItemsMax, true))
  }

  call(
    to: Target,
    name: string | undefined,
    input: unknown,
    options?: CallOptions,
  ): Promise<unknown> {
    const from = options?.from ?? runningCell()?.pid
    const timeoutMs = options?.timeoutMs ?? this.options.callTimeoutMs
    const cell = this.live(to)
    if (cell === undefined) {
      return this.#callElsewhere(to, name, input, from, timeoutMs, options)
    }
    const call = new Call(name, input, from, cell.pid, timeoutMs)
    const promise = promiseOf(call)
    if (from !== undefined && (from === cell.pid || pidEquals(from, cell.pid))) {
      call.failExit('calling_self')
    } else if (options === undefined || this.#mayCall(call, options)) {
      if (this.enterCall(cell, call) && options?.signal !== undefined) {
        this.#aborts.watch(call, options.signal)
      }
    }
    return promise
  }

  /** Refuses nonsense and what is aborted already. */
  #mayCall(call: Call, options: CallOptions): boolean {
    const { signal } = options
    try {
      checkOptionNames('call', CALL_OPTIONS, options)
      if (typeof call.delayMs !== 'number' || !(call.delayMs >= 0)) {
        throw new ArgumentError('timeoutMs', 'a number of at least 0', call.delayMs)
      }
      if (signal !== undefined) checkSignal(signal)
    } catch (error) {
      return !call.fail(error)
    }
    if (signal?.aborted === true) call.fail(new CallAbortedError(call, signal.reason))
    return !call.settled
  }

  /** Queues a call, or fails it and returns false. */
  enterCall(cell: ProcessCell, call: Call): boolean {
    if (this.callsPending >= this.options.callsPendingMax) {
      call.fail(new LimitError('ERR_CALLS_MAX', 'callsPendingMax', this.options.callsPendingMax))
      return false
    }
    if (!pushUserItem(cell, call)) {
      this.counters.callsRefused++
      call.fail(new MailboxFullError(call, cell.userItemsMax))
      return false
    }
    call.join(cell)
    if ((cell.flags & OCCUPIED) !== 0 && call.from !== undefined)
      this.cycles.suspect(call, call.from)
    return true
  }

  #callElsewhere(
    to: Target,
    name: string | undefined,
    input: unknown,
    from: Pid | undefined,
    timeoutMs: number,
    options: CallOptions = NO_CALL_OPTIONS,
  ): Promise<unknown> {
    let pid: Pid | undefined
    try {
      pid = this.foreign(to)
    } catch (error) {
      return Promise.reject(error)
    }
    if (pid === undefined) {
      const server = serverOf(to)
      return Promise.reject(
        new CallExitError({ server, request: requestTag(name, input) }, 'noproc'),
      )
    }
    const call = new Call(name, input, from, pid, timeoutMs)
    const promise = promiseOf(call)
    if (!this.#mayCall(call, options)) return promise
    const { signal } = options
    if (signal !== undefined) this.#aborts.watch(call, signal)
    this.remote.callOut(call, pid)
    return promise
  }

  // --- signals --------------------------------------------------------------------------------

  exit(to: Pid, reason: ExitReason, from: Pid | undefined = runningCell()?.pid): void {
    if (!ProcessPid.is(to)) throw new ArgumentError('to', 'a pid', to)
    const cell = this.live(to)
    if (cell !== undefined) this.deaths.signal(cell, from, reason, false)
    else if (to.node !== this.node) this.gate?.exit(to, from, reason, false)
  }

  link(a: Pid, b: Pid): void {
    this.links.link(a, b)
  }
  unlink(a: Pid, b: Pid): void {
    this.links.unlink(a, b)
  }

  // --- monitors -------------------------------------------------------------------------------

  monitor(owner: Pid, target: MonitorTarget, options?: MonitorOptions): MonitorRef {
    return this.monitors.monitor(owner, target, options)
  }
  demonitor(ref: MonitorRef, options?: DemonitorOptions): boolean {
    return this.monitors.demonitor(ref, options)
  }
  watch(target: Pid, callback: (reason: ExitReason) => void): () => void {
    return this.monitors.watch(target, callback)
  }

  // --- timers ---------------------------------------------------------------------------------

  sendAfter(delayMs: number, to: Target, message: unknown, options?: TimerOptions): TimerRef {
    return this.#processTimers.message(delayMs, to, message, ItemKind.info, options)
  }
  startTimer(delayMs: number, to: Target, message: unknown, options?: TimerOptions): TimerRef {
    return this.#processTimers.message(delayMs, to, message, ItemKind.timer, options)
  }
  setTimer(process: Process, delayMs: number, fn: () => void): TimerRef {
    return this.#processTimers.callback(process, delayMs, fn)
  }
  cancelTimer(ref: TimerRef): number | false {
    return this.#processTimers.cancel(ref)
  }
  readTimer(ref: TimerRef): number | false {
    return this.#processTimers.read(ref)
  }

  // --- the whole ------------------------------------------------------------------------------

  stats(): SystemStats {
    return statsOf(this, this.#table.size)
  }

  onAbort(signal: AbortSignal, callback: (cause: unknown) => void): () => void {
    return this.#aborts.onAbort(signal, callback)
  }

  captureRejections(): Disposable {
    return this.rejections.capture()
  }

  stop(options: StopOptions = {}): Promise<void> {
    return this.#stopper.stop(options.signal)
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  get hasRemote(): boolean {
    return this.gate !== undefined
  }
  setRemote(gate: RemoteGate | undefined): void {
    this.gate = gate
  }

  pidFor(node: string, id: number, incarnation: number): Pid {
    if (node === this.node && incarnation === this.incarnation) {
      const cell = this.#table.get(id)
      if (cell !== undefined) return cell.pid
    }
    return new ProcessPid(node, id, incarnation, this)
  }

  pidNamed({ name, node }: RemoteName): Pid | undefined {
    return node === this.node ? this.whereis(name) : this.gate?.namedPid?.(node, name)
  }

  /** Numbers for processes, monitors and timers. */
  nextId(): number {
    return ++this.#lastId
  }
  cells(): Iterable<ProcessCell> {
    return this.#table.values()
  }

  monitorRefFor(node: string, id: number): MonitorRef {
    return new MonitorRefValue(node, id)
  }

  // --- for the other parts --------------------------------------------------------------------

  /** A process is dead from now on: nothing finds it any more. */
  forgetProcess(cell: ProcessCell): void {
    this.#table.delete(cell.pid.id)
    this.names.release(cell)
  }

  /** The system has stopped: what it shares with the program is given back. */
  closed(): void {
    this.longHandlers.close()
    this.rejections.close()
    if (this.tracksAsync) endTracking()
  }

  /** Nothing starts any more. */
  seal(): void {
    this.#stopper.done = true
  }

  /** A process is buried. */
  processEnded(cell: ProcessCell, reason: ExitReason, crashed: boolean): void {
    publishExit(cell, reason, crashed)
    this.#stopper.ended(cell)
  }

  /** A callback of code outside processes failed. */
  reportStray(what: string, error: unknown): void {
    this.report({ error, what }, 'callback failed')
  }

  report(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.logger.error(fields, message)
  }
}

/** A target as errors show it. */
function serverOf(to: Target): Pid | string {
  if (typeof to === 'object' && 'via' in to) return to.via.label
  return to
}
