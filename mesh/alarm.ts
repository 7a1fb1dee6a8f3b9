/** One timer of a server that is moved as its next deadline moves. */
import type { Ctx } from '../behaviours/index.ts'
import type { Clock, Pid, System, TimerRef } from '../runtime/index.ts'

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

/**
 * An alarm that is moved forward only: every frame changes the next deadline, most of them to later. For work
 * that is done outside the process that owns it, by whoever brings a frame.
 */
export class EarliestAlarm {
  readonly #timers: Parameters<Alarm['set']>[0]
  readonly #alarm: Alarm
  #dueMs = Infinity

  constructor(clock: Clock, system: System, owner: Pid) {
    this.#alarm = new Alarm(clock)
    this.#timers = {
      sendAfter: (delayMs, message) => system.sendAfter(delayMs, owner, message, { owner }),
      cancelTimer: (ref) => system.cancelTimer(ref),
    }
  }

  /** Goes off at `dueMs` at the latest. */
  set(dueMs: number): void {
    if (dueMs >= this.#dueMs) return
    this.#dueMs = dueMs
    this.#alarm.set(this.#timers, dueMs)
  }

  /** The message has come. */
  rang(): void {
    this.#dueMs = Infinity
    this.#alarm.rang()
  }
}
