/**
 * Plain processes: a function that runs as a process and ends with it. Its return value is discarded and
 * its end is exit reason `normal` (P-01); a throw is a crash (P-02, P-03).
 *
 * Everything in {@link ProcessContext} refuses to work after death: a zombie continuation that uses it is
 * thrown out at that point and changes nothing.
 */
import { callAs, castAs } from './addressee.ts'
import { ExitThrow, reasonOfThrown } from './exit-reason.ts'
import { ArgumentError, NoProcessError } from './errors.ts'
import { ItemKind } from './item.ts'
import { BUSY } from './process-flags.ts'
import { Receiver } from './receive.ts'
import type { Callable, Caller, Castable } from './addressee.ts'
import type { Call, CallOptions } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Message, StopRequest } from './item.ts'
import type { MonitorOptions, MonitorRef } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { Process, Program, StartOptions } from './program.ts'
import type { ProcessCell } from './process.ts'
import type { Match, ReceiveOptions } from './receive.ts'
import type { DemonitorOptions, MonitorTarget, System, Target, TimerOptions } from './system.ts'
import type { TimerRef } from './timer.ts'

/** The code of a plain process. */
export type ProcessBody = (context: ProcessContext) => unknown

/**
 * What a context throws once its process has ended. An error with a stack, not an exit: mostly it ends a continuation that
 * nobody sees any more, but a timer or an emitter that was left behind throws it at the program.
 */
export function contextEnded(pid: Pid): NoProcessError {
  return new NoProcessError(pid, 'a context was used after the end of its process, see its signal')
}

/** A plain process and the monitor that was made with it. */
export interface Monitored {
  readonly pid: Pid
  readonly ref: MonitorRef
}

/** What a plain process can do, as itself. Its members may be taken out of it: `({ receive, self }) => ...`. */
export interface ProcessContext extends Caller {
  readonly self: Pid
  readonly system: System
  /** Aborted when this process ends. */
  readonly signal: AbortSignal
  /** The next value that matches; see `Received` for what signals look like. */
  receive(match?: Match, options?: ReceiveOptions): Promise<unknown>
  send(to: Target, message: unknown): void
  /** Ends this process; may be caught (P-05). */
  exit(reason: ExitReason): never
  /** `erlang:exit/2` from this process; `normal` to itself ends it (L-16), also after an `await`. */
  sendExit(to: Pid, reason: ExitReason): void
  /** Throws `ERR_NOPROC` if the process is dead and this one does not trap exits (L-11). */
  link(pid: Pid): void
  unlink(pid: Pid): void
  monitor(target: MonitorTarget, options?: MonitorOptions): MonitorRef
  demonitor(ref: MonitorRef, options?: DemonitorOptions): boolean
  /** Sets the flag, returns the previous value (L-25). */
  trapExit(flag: boolean): boolean
  spawn(body: ProcessBody, options?: StartOptions): Pid
  spawnLink(body: ProcessBody, options?: StartOptions): Pid
  spawnMonitor(body: ProcessBody, options?: StartOptions): Monitored
  sendAfter(delayMs: number, to: Target, message: unknown, options?: TimerOptions): TimerRef
}

/**
 * Its operations are getters that give a function each, so that they can be taken out of it; that costs
 * nothing before the first use, as methods bound in the constructor would.
 */
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
    if (!this.#cell.alive) throw contextEnded(this.self)
    return this.#cell
  }

  get signal(): AbortSignal {
    return this.#cell.signal
  }
  get receive(): ProcessContext['receive'] {
    return (match, options) => {
      const cell = this.#live()
      return (cell.more().receiver ??= new Receiver(cell)).receive(match, options)
    }
  }
  get send(): ProcessContext['send'] {
    return (to, message) => this.#live().core.send(to, message)
  }
  get cast(): ProcessContext['cast'] {
    return (to: Target | Castable, name: string | undefined, input?: unknown) =>
      castAs(this.#live().core, to, name, input)
  }
  get call(): ProcessContext['call'] {
    const call = (to: Target | Callable, name?: string, input?: unknown, options?: CallOptions) =>
      callAs(this.#live().core, this.self, to, name, input, options)
    return call as ProcessContext['call']
  }
  get exit(): ProcessContext['exit'] {
    return (reason) => {
      throw new ExitThrow(reason)
    }
  }
  get sendExit(): ProcessContext['sendExit'] {
    return (to, reason) => this.#live().core.exit(to, reason, this.self)
  }
  get link(): ProcessContext['link'] {
    return (pid) => this.#live().core.link(this.self, pid)
  }
  get unlink(): ProcessContext['unlink'] {
    return (pid) => this.#live().core.unlink(this.self, pid)
  }
  get monitor(): ProcessContext['monitor'] {
    return (target, options) => this.#live().core.monitor(this.self, target, options)
  }
  get demonitor(): ProcessContext['demonitor'] {
    return (ref, options) => this.#live().core.demonitor(ref, { ...options, owner: this.self })
  }
  get trapExit(): ProcessContext['trapExit'] {
    return (flag) => {
      const cell = this.#live()
      const before = cell.trapExit
      cell.trapExit = flag
      return before
    }
  }
  get spawn(): ProcessContext['spawn'] {
    return (body, options) => this.#live().core.spawn(body, { ...options, parent: this.self })
  }
  get spawnLink(): ProcessContext['spawnLink'] {
    return (body, options) => this.spawn(body, { ...options, link: true })
  }
  get spawnMonitor(): ProcessContext['spawnMonitor'] {
    return (body, options) => {
      const { core } = this.#live()
      return core.spawnMonitor(body, { ...options, parent: this.self, owner: this.self })
    }
  }
  get sendAfter(): ProcessContext['sendAfter'] {
    return (delayMs, to, message, options) =>
      this.#live().core.sendAfter(delayMs, to, message, options)
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

/** Refuses what cannot be run. */
export function checkBody(body: ProcessBody): void {
  if (typeof body !== 'function') throw new ArgumentError('body', 'a function', body)
}

function runBody(cell: ProcessCell, body: ProcessBody): void {
  cell.flags |= BUSY
  const result = body(new PlainContext(cell))
  if (isThenable(result)) {
    cell.core.options.watch?.busy(cell)
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
