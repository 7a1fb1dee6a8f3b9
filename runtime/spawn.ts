/**
 * Plain processes: a function that runs as a process and ends with it. Its return value is discarded and
 * its end is exit reason `normal` (P-01); a throw is a crash (P-02, P-03).
 *
 * Everything in {@link ProcessContext} refuses to work after death: a zombie continuation that uses it is
 * thrown out at that point and changes nothing.
 */
import { ExitThrow, reasonOfThrown } from './exit-reason.ts'
import { ArgumentError } from './errors.ts'
import { ItemKind } from './item.ts'
import { BUSY } from './process-flags.ts'
import { Receiver } from './receive.ts'
import type { Call, CallOptions } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Message, StopRequest } from './item.ts'
import type { MonitorRef } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { Process, Program, StartOptions } from './program.ts'
import type { ProcessCell } from './process.ts'
import type { Match, ReceiveOptions } from './receive.ts'
import type { DemonitorOptions, MonitorTarget, System, Target, TimerOptions } from './system.ts'
import type { TimerRef } from './timer.ts'

/** The code of a plain process. */
export type ProcessBody = (context: ProcessContext) => unknown

/** A plain process and the monitor that was made with it. */
export interface Monitored {
  readonly pid: Pid
  readonly ref: MonitorRef
}

/** What a plain process can do, as itself. */
export interface ProcessContext {
  readonly self: Pid
  readonly system: System
  /** Aborted when this process ends. */
  readonly signal: AbortSignal
  /** The next value that matches; see `Received` for what signals look like. */
  receive(match?: Match, options?: ReceiveOptions): Promise<unknown>
  send(to: Target, message: unknown): void
  cast(to: Target, name: string | undefined, input: unknown): boolean
  call(
    to: Target,
    name: string | undefined,
    input: unknown,
    options?: CallOptions,
  ): Promise<unknown>
  /** Ends this process; may be caught (P-05). */
  exit(reason: ExitReason): never
  /** Throws `ERR_NOPROC` if the process is dead and this one does not trap exits (L-11). */
  link(pid: Pid): void
  unlink(pid: Pid): void
  monitor(target: MonitorTarget): MonitorRef
  demonitor(ref: MonitorRef, options?: DemonitorOptions): boolean
  /** Sets the flag, returns the previous value (L-25). */
  trapExit(flag: boolean): boolean
  spawn(body: ProcessBody, options?: StartOptions): Pid
  spawnLink(body: ProcessBody, options?: StartOptions): Pid
  spawnMonitor(body: ProcessBody, options?: StartOptions): Monitored
  sendAfter(delayMs: number, to: Target, message: unknown, options?: TimerOptions): TimerRef
}

class PlainContext implements ProcessContext {
  readonly self: Pid
  readonly system: System
  readonly #cell: ProcessCell

  constructor(cell: ProcessCell) {
    this.self = cell.pid
    this.system = cell.core
    this.#cell = cell
  }

  /** The cell, or the end of a zombie continuation. */
  #live(): ProcessCell {
    if (!this.#cell.alive) throw new ExitThrow('noproc')
    return this.#cell
  }

  get signal(): AbortSignal {
    return this.#cell.signal
  }
  receive(match?: Match, options?: ReceiveOptions): Promise<unknown> {
    const cell = this.#live()
    return (cell.more().receiver ??= new Receiver(cell)).receive(match, options)
  }
  send(to: Target, message: unknown): void {
    this.#live().core.send(to, message)
  }
  cast(to: Target, name: string | undefined, input: unknown): boolean {
    return this.#live().core.cast(to, name, input)
  }
  call(
    to: Target,
    name: string | undefined,
    input: unknown,
    options?: CallOptions,
  ): Promise<unknown> {
    return this.#live().core.call(to, name, input, { ...options, from: this.self })
  }
  exit(reason: ExitReason): never {
    throw new ExitThrow(reason)
  }
  link(pid: Pid): void {
    this.#live().core.link(this.self, pid)
  }
  unlink(pid: Pid): void {
    this.#live().core.unlink(this.self, pid)
  }
  monitor(target: MonitorTarget): MonitorRef {
    return this.#live().core.monitor(this.self, target)
  }
  demonitor(ref: MonitorRef, options?: DemonitorOptions): boolean {
    return this.#live().core.demonitor(ref, { ...options, owner: this.self })
  }
  trapExit(flag: boolean): boolean {
    const cell = this.#live()
    const before = cell.trapExit
    cell.trapExit = flag
    return before
  }
  spawn(body: ProcessBody, options?: StartOptions): Pid {
    return this.#live().core.spawn(body, { ...options, parent: this.self })
  }
  spawnLink(body: ProcessBody, options?: StartOptions): Pid {
    return this.spawn(body, { ...options, link: true })
  }
  spawnMonitor(body: ProcessBody, options?: StartOptions): Monitored {
    const { core } = this.#live()
    return core.spawnMonitor(body, { ...options, parent: this.self, owner: this.self })
  }
  sendAfter(delayMs: number, to: Target, message: unknown, options?: TimerOptions): TimerRef {
    return this.#live().core.sendAfter(delayMs, to, message, options)
  }
}

/**
 * The program of every plain process; its `init` item carries the body. A program that takes its `handle`
 * is one of a plain process with another name: a task.
 */
export const plainProgram: Program = Object.freeze({
  label: 'process',
  debug: Object.freeze({
    behaviour: 'process',
    // A plain process keeps its state in its own variables.
    getState: () => undefined,
    replaceState: () => {
      throw new ArgumentError('process', 'one that keeps a state', 'a plain process')
    },
    status: (process: Process) => {
      const cell = process as ProcessCell
      return { receiving: (cell.flags & BUSY) === 0, saved: cell.extras?.receiver?.saved ?? 0 }
    },
    parent: () => undefined,
  }),
  handle(process: Process, item: Message | Call): void {
    const cell = process as ProcessCell
    if (item.kind === ItemKind.init) runBody(cell, item.value as ProcessBody)
    else if (item.kind === ItemKind.stop) cell.exit((item.value as StopRequest).reason)
    else cell.extras?.receiver?.offer(item)
  },
})

function runBody(cell: ProcessCell, body: ProcessBody): void {
  cell.flags |= BUSY
  const result = body(new PlainContext(cell))
  if (isThenable(result)) {
    result.then(
      () => cell.exit('normal'),
      (error: unknown) => cell.exit(reasonOfThrown(error)),
    )
  } else cell.exit('normal')
}

/** Also the promises of other libraries and of other realms. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value instanceof Promise) return true
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function'
}
