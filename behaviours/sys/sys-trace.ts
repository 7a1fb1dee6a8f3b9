/**
 * Traces: what a process takes, replies and does, as values, while it happens. A trace holds nothing by
 * itself; a {@link TraceBuffer} keeps the newest events and counts what it let go, so that a trace left
 * running costs a bounded amount of memory.
 *
 * Follows sys:trace, sys:log and sys:install of OTP. Differs: it begins at once, not when the process
 * comes to it; it sees every message of every kind, `init` included, and the replies that a server gives
 * later; it ends by itself when its sink fails.
 */
import {
  ArgumentError,
  debugOf,
  ItemKind,
  itemKindName,
  isThenable,
  numberOption,
  observeProcess,
  resolveOptions,
  type Call,
  type ExitReason,
  type ItemKindName,
  type ItemOutcome,
  type Message,
  type OptionCheck,
  type OwnStep,
  type Pid,
  type Process,
  type ProcessTap,
} from '../../runtime/index.ts'
import { sysChecks, type SysOptions } from './sys-target.ts'

interface Traced {
  readonly pid: Pid
  /** By the clock of the system. */
  readonly atMs: number
}

/** Something a traced process did. */
export type TraceEvent =
  /** It takes an item: `from` is the caller of a call, the source of an EXIT or DOWN. */
  | (Traced & {
      readonly type: 'in'
      readonly kind: ItemKindName
      readonly name: string | undefined
      readonly value: unknown
      readonly from: Pid | undefined
    })
  /** It answered a call, now or long after it took it. */
  | (Traced & {
      readonly type: 'out'
      readonly name: string | undefined
      readonly to: Pid | undefined
      readonly value: unknown
    })
  /** It failed a call on purpose. */
  | (Traced & {
      readonly type: 'out_error'
      readonly name: string | undefined
      readonly to: Pid | undefined
      readonly error: unknown
    })
  /** A handler is done; a `thrown` one ends the process. */
  | (Traced & {
      readonly type: 'handled'
      readonly kind: ItemKindName
      readonly name: string | undefined
      /** The synchronous part. */
      readonly tookMs: number
      /** All of an asynchronous handler; 0 for a synchronous one. */
      readonly inFlightMs: number
      readonly state: unknown
      readonly thrown: { readonly error: unknown } | undefined
    })
  /**
   * A state machine takes an event that is not in its mailbox: inserted, postponed and tried again, or a
   * timeout of 0. `kind` is the `type` of a `StatemEvent`.
   */
  | (Traced & {
      readonly type: 'own'
      readonly kind: string
      readonly name: string | undefined
      readonly value: unknown
    })
  /** It ended; the last event. */
  | (Traced & { readonly type: 'exit'; readonly reason: ExitReason })

/** Where events go. A throw or rejection ends the trace with a warning in the log. */
export type TraceSink = ((event: TraceEvent) => unknown) | TraceBuffer

/** How a process is traced. */
export interface TraceOptions extends SysOptions {
  /** The trace ends itself after so many events. Default Infinity: it keeps none of them. */
  readonly eventsMax?: number | undefined
}

/** A running trace. */
export interface Trace {
  /** False after `stop`, the end of the process, a failure of the sink, or `eventsMax` events. */
  readonly active: boolean
  /** Events so far. */
  readonly events: number
  stop(): void
  [Symbol.dispose](): void
}

/** How much a {@link TraceBuffer} keeps. */
export interface TraceBufferOptions {
  /** Events kept; older ones go. Default 1000. More keeps more messages and states alive. */
  readonly eventsMax?: number | undefined
}

const bufferDefaults = Object.freeze({ eventsMax: 1000 })
const countCheck: OptionCheck = numberOption(1, 10_000_000)

/** Options of {@link TraceBuffer}, checked. */
export const bufferChecks: { readonly eventsMax: OptionCheck } = { eventsMax: countCheck }

/**
 * The newest events of one or more traces.
 *
 * @example
 * const Counter = defineServer({
 *   init: (start: number) => start,
 *   call: { add: (n, by: number) => reply(n + by, n + by) },
 *   cast: {},
 * })
 * const counter = await Counter.start(0)
 * const buffer = new TraceBuffer({ eventsMax: 3 })
 * using trace = sys.trace(counter, buffer)
 * await counter.call.add(1)
 * await counter.call.add(2)
 * assert.deepEqual(buffer.toArray().map(({ type }) => type), ['in', 'out', 'handled'])
 * assert.equal(buffer.dropped, 3)
 * await GenServer.stop(counter)
 */
export class TraceBuffer {
  readonly eventsMax: number
  /** Events that were let go for newer ones. */
  dropped = 0
  #events: TraceEvent[] = []
  /** Where the oldest is, once the buffer is full. */
  #first = 0

  constructor(options?: TraceBufferOptions) {
    const { eventsMax } = resolveOptions<Required<{ eventsMax: number }>>(
      'TraceBuffer',
      bufferDefaults,
      bufferChecks,
      options,
    )
    this.eventsMax = eventsMax
  }

  get size(): number {
    return this.#events.length
  }

  push(event: TraceEvent): void {
    if (this.#events.length < this.eventsMax) {
      this.#events.push(event)
      return
    }
    this.dropped++
    this.#events[this.#first] = event
    this.#first = (this.#first + 1) % this.eventsMax
  }

  /** Oldest first. */
  toArray(): readonly TraceEvent[] {
    return [...this.#events.slice(this.#first), ...this.#events.slice(0, this.#first)]
  }

  /** Forgets the events and their number. */
  clear(): void {
    this.#events = []
    this.#first = 0
    this.dropped = 0
  }
}

interface CheckedTraceOptions extends SysOptions {
  readonly eventsMax: number
}

const traceDefaults: CheckedTraceOptions = Object.freeze({ eventsMax: Infinity })
const traceChecks: { readonly [K in keyof CheckedTraceOptions]-?: OptionCheck } = {
  ...sysChecks,
  eventsMax: numberOption(1, Infinity),
}

/** How much a log keeps. */
export interface LogOptions extends TraceBufferOptions, SysOptions {}

/** Checks the options of a log. */
export function logOptions(given: LogOptions | undefined): Readonly<CheckedTraceOptions> {
  const checks = { ...sysChecks, ...bufferChecks }
  return resolveOptions<CheckedTraceOptions>('sys.log', bufferDefaults, checks, given)
}

/** Checks the options of a trace. */
export function traceOptions(given: TraceOptions | undefined): Readonly<CheckedTraceOptions> {
  return resolveOptions('sys.trace', traceDefaults, traceChecks, given)
}

/** One trace of one process. */
export class ProcessTrace implements Trace, ProcessTap {
  events = 0
  readonly #process: Process
  readonly #sink: (event: TraceEvent) => unknown
  readonly #eventsMax: number
  #release: (() => void) | undefined

  constructor(process: Process, sink: TraceSink, eventsMax: number) {
    this.#process = process
    if (typeof sink === 'function') this.#sink = sink
    else if (sink instanceof TraceBuffer) this.#sink = (event) => sink.push(event)
    else throw new ArgumentError('sink', 'a function or a TraceBuffer', sink)
    this.#eventsMax = eventsMax
    this.#release = observeProcess(process, this)
  }

  get active(): boolean {
    return this.#release !== undefined
  }

  stop(): void {
    this.#release?.()
    this.#release = undefined
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  // --- as a tap

  // Literals without spreads: a spread costs ten times the rest of an event.

  taken(item: Message | Call): void {
    this.#tell({
      pid: this.#process.pid,
      atMs: this.#process.system.clock.now(),
      type: 'in',
      kind: itemKindName(item.kind),
      name: item.name,
      value: item.kind === ItemKind.call ? item.input : item.value,
      from: item.from,
    })
  }

  replied({ name, from: to }: Call, value: unknown): void {
    const { pid, system } = this.#process
    this.#tell({ pid, atMs: system.clock.now(), type: 'out', name, to, value })
  }

  refused({ name, from: to }: Call, error: unknown): void {
    const { pid, system } = this.#process
    this.#tell({ pid, atMs: system.clock.now(), type: 'out_error', name, to, error })
  }

  handled(item: Message | Call, { tookMs, inFlightMs, thrown }: ItemOutcome): void {
    const process = this.#process
    this.#tell({
      pid: process.pid,
      atMs: process.system.clock.now(),
      type: 'handled',
      kind: itemKindName(item.kind),
      name: item.name,
      tookMs,
      inFlightMs,
      state: process.alive ? debugOf(process)?.getState(process) : undefined,
      thrown,
    })
  }

  own({ kind, name, value }: OwnStep): void {
    const { pid, system } = this.#process
    this.#tell({ pid, atMs: system.clock.now(), type: 'own', kind, name, value })
  }

  ended(reason: ExitReason): void {
    const { pid, system } = this.#process
    this.#tell({ pid, atMs: system.clock.now(), type: 'exit', reason })
    this.stop()
  }

  #tell(event: TraceEvent): void {
    if (!this.active) return
    this.events++
    if (this.events >= this.#eventsMax) this.stop()
    try {
      const given = this.#sink(event)
      if (isThenable(given)) given.then(undefined, (error: unknown) => this.#failed(error))
    } catch (error) {
      this.#release = undefined
      throw error // the observer takes the tap off and says so in the log
    }
  }

  #failed(error: unknown): void {
    if (!this.active) return
    this.stop()
    const { pid, label, system } = this.#process
    system.logger.warn({ pid: String(pid), label, error }, 'trace ended: its sink failed')
  }
}
