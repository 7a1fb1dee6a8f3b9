/** One timer of a server that is moved as its next deadline moves. */
import type { Ctx } from '../behaviours/index.ts'
import type { Clock, TimerRef } from '../runtime/index.ts'

/** What the server's `info` gets when the alarm goes off. */
export const ALARM: unique symbol = Symbol('alarm')

/** The alarm of one server; it ends with its process. */
export class Alarm {
  readonly #clock: Clock
  #timer: TimerRef | undefined
  #dueMs = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Goes off at `dueMs`, and at no other time that was set before; `Infinity` for never. */
  set(ctx: Pick<Ctx<never, never>, 'sendAfter' | 'cancelTimer'>, dueMs: number): void {
    if (dueMs === this.#dueMs && this.#timer !== undefined) return
    if (this.#timer !== undefined) ctx.cancelTimer(this.#timer)
    this.#dueMs = dueMs
    const waitMs = Math.max(0, Math.ceil(dueMs - this.#clock.now()))
    this.#timer = dueMs === Infinity ? undefined : ctx.sendAfter(waitMs, ALARM)
  }

  /** The message has come. */
  rang(): void {
    this.#timer = undefined
  }
}
