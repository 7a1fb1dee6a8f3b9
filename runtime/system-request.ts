/**
 * Requests that the runtime serves for a process, between two of its messages and in the order of its
 * mailbox, whatever its program is: the ground of `sys`. No program sees them, no mailbox bound refuses
 * them, a suspended process serves them too.
 *
 * A request waits as a {@link Call} does: with a deadline, for the end of the process, with a signal of the
 * caller. One that was given up is taken out of the mailbox, so a process that is busy for ever collects
 * nothing.
 */
import { Call } from './call.ts'
import { runningCell } from './context.ts'
import { ArgumentError, CallAbortedError, CallExitError, LimitError } from './errors.ts'
import { ItemKind, Message } from './item.ts'
import { pushItem, takeMatching } from './mailbox.ts'
import { DEAD, SCANNING } from './process-flags.ts'
import { resumeCell, suspendCell } from './suspension.ts'
import { ownPromise } from './watch.ts'
import type { ProcessCell } from './process.ts'
import type { Process } from './program.ts'

/** How long to wait for a process to come to a request. */
export interface SystemRequestOptions {
  /** Default the system's `callTimeoutMs`. Infinity waits for ever. */
  readonly timeoutMs?: number | undefined
  /** Gives it up when aborted. */
  readonly signal?: AbortSignal | undefined
}

/** One request in the mailbox. */
export class SystemRequest {
  readonly #cell: ProcessCell
  readonly #call: Call
  readonly #run: () => unknown
  #queued: Message | undefined

  constructor(cell: ProcessCell, call: Call, run: () => unknown) {
    this.#cell = cell
    this.#call = call
    this.#run = run
  }

  enter(): void {
    this.#call.join(this.#cell)
    this.#queued = new Message(ItemKind.system, undefined, this)
    pushItem(this.#cell, this.#queued)
  }

  /** The scheduler came to it. A failure is the caller's, never the process's. */
  serve(): void {
    this.#queued = undefined
    const call = this.#call
    if (call.settled) return
    try {
      call.reply(this.#run())
    } catch (error) {
      call.fail(error)
    }
  }

  /** Nobody waits any more. */
  leave(): void {
    const item = this.#queued
    const cell = this.#cell
    this.#queued = undefined
    // While a receive looks through the mailbox nothing may be taken out: `serve` skips it then.
    if (item === undefined || (cell.flags & (DEAD | SCANNING)) !== 0) return
    takeMatching(cell, cell, (each) => each === item)
  }
}

/**
 * Runs `run` between two messages of a live local process; the promise has what it gave or threw.
 * `name` is what errors call the request.
 */
export function requestOf<T>(
  process: Process,
  name: string,
  run: () => T,
  { timeoutMs, signal }: SystemRequestOptions = {},
): Promise<T> {
  const cell = process as ProcessCell
  const { core, pid } = cell
  return ownPromise<T>((resolve, reject) => {
    const caller = runningCell()
    const delayMs = timeoutMs ?? core.options.callTimeoutMs
    if (typeof delayMs !== 'number' || !(delayMs >= 0)) {
      throw new ArgumentError('timeoutMs', 'a number of at least 0', delayMs)
    }
    const failed = { server: pid, request: name }
    if (caller === cell) throw new CallExitError(failed, 'calling_self')
    if (!cell.alive) throw new CallExitError(failed, 'noproc')
    if (signal?.aborted === true) throw new CallAbortedError(failed, signal.reason)
    const max = core.options.callsPendingMax
    if (core.callsPending >= max) throw new LimitError('ERR_CALLS_MAX', 'callsPendingMax', max)
    const over = (): void => {
      unwatch?.()
      request.leave()
    }
    const done = (value: unknown): void => {
      over()
      resolve(value as T)
    }
    const failing = (error: unknown): void => {
      over()
      reject(error)
    }
    const call = new Call(name, undefined, caller?.pid, pid, delayMs, done, failing)
    const request = new SystemRequest(cell, call, run)
    const unwatch = signal && core.onAbort(signal, (cause) => call.abort(cause))
    request.enter()
  })
}

/** Suspends a process when it comes to the request; see suspension.ts. */
export function suspendProcess(process: Process, options?: SystemRequestOptions): Promise<void> {
  return requestOf(process, 'sys.suspend', () => suspendCell(process as ProcessCell), options)
}

/** Ends what {@link suspendProcess} began. */
export function resumeProcess(process: Process, options?: SystemRequestOptions): Promise<void> {
  return requestOf(process, 'sys.resume', () => resumeCell(process as ProcessCell), options)
}
