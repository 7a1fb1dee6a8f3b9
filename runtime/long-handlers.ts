/**
 * Handlers that take long, as BEAM's `long_schedule`: synchronous ones that held the event loop, told when
 * they are done, and asynchronous ones that are still in flight, told once, while they are.
 *
 * Handlers are measured only while somebody wants to know: the system's `reportLongHandlers`, or a
 * subscriber of `fovea:handler:long`. All limits are the same, so those in flight wait in the order in which
 * they are due, one entry per process, behind one clock timer that does not keep the program alive.
 */
import { longHandlerChannel, publishLongHandler } from './inspect.ts'
import { itemKindName } from './item.ts'
import type { Call } from './call.ts'
import type { Clock, ClockTimer } from './clock.ts'
import type { Message } from './item.ts'
import type { Logger } from './log.ts'
import type { ProcessCell } from './process.ts'

interface InFlight {
  readonly item: Message | Call
  readonly startMs: number
}

/** What it is told once. */
export interface LongHandlerOptions {
  readonly longHandlerMs: number
  readonly reportLongHandlers: boolean
}

/** The watch over the handlers of one system. */
export class LongHandlers {
  /** Reports so far. */
  count = 0
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #options: LongHandlerOptions
  readonly #inFlight = new Map<ProcessCell, InFlight>()
  #timer: ClockTimer | undefined

  constructor(clock: Clock, logger: Logger, options: LongHandlerOptions) {
    this.#clock = clock
    this.#logger = logger
    this.#options = options
  }

  /** Whether handlers are to be measured. */
  get wanted(): boolean {
    const { longHandlerMs, reportLongHandlers } = this.#options
    return (reportLongHandlers || longHandlerChannel.hasSubscribers) && longHandlerMs !== Infinity
  }

  /** The synchronous part of a handler is over. */
  handled(cell: ProcessCell, item: Message | Call, startMs: number): void {
    const tookMs = this.#clock.now() - startMs
    if (tookMs >= this.#options.longHandlerMs) this.#report(cell, item, tookMs, false)
    else if (cell.extras?.inHand === item) this.#watch(cell, { item, startMs })
  }

  /** Forgets everything; the system has stopped. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#inFlight.clear()
  }

  #watch(cell: ProcessCell, entry: InFlight): void {
    this.#inFlight.delete(cell) // or it would keep its place
    this.#inFlight.set(cell, entry)
    if (this.#timer === undefined) this.#arm(entry.startMs)
  }

  #arm(startMs: number): void {
    const { longHandlerMs } = this.#options
    const delayMs = Math.max(0, Math.ceil(startMs + longHandlerMs - this.#clock.now()))
    this.#timer = this.#clock.setTimer(delayMs, () => this.#expire())
    this.#timer.unref()
  }

  #expire(): void {
    this.#timer = undefined
    const nowMs = this.#clock.now()
    for (const [cell, { item, startMs }] of this.#inFlight) {
      const tookMs = nowMs - startMs
      if (tookMs < this.#options.longHandlerMs) {
        this.#arm(startMs)
        return
      }
      this.#inFlight.delete(cell)
      if (cell.alive && cell.extras?.inHand === item) this.#report(cell, item, tookMs, true)
    }
  }

  #report(cell: ProcessCell, item: Message | Call, tookMs: number, inFlight: boolean): void {
    this.count++
    const { name } = item
    const kind = itemKindName(item.kind)
    publishLongHandler({ pid: cell.pid, label: cell.label, kind, name, tookMs, inFlight })
    if (!this.#options.reportLongHandlers) return
    this.#logger.warn(
      { pid: cell.pid.toString(), label: cell.label, kind, message: name, tookMs, inFlight },
      inFlight ? 'handler takes long' : 'handler took long',
    )
  }
}
