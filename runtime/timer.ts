/**
 * Timers of one system: the wheel, driven by at most one clock timer.
 *
 * The clock timer is armed at the end of a turn, for the next due entry; it holds the program alive
 * only while entries exist, so a program that is done ends at once (NX-L14).
 *
 * Nothing expires when it is first seen to be due. An entry expires in the turn after the clock was read
 * past its due time, so there is a whole pass of the event loop in between: replies that wait in a
 * mailbox or a socket are delivered before their deadline, also after the loop was blocked.
 */
import { runIn } from './context.ts'
import { ArgumentError } from './errors.ts'
import { reasonOfThrown } from './exit-reason.ts'
import { FRESH, NOT_TIMED, TIMER_DELAY_MS_MAX, TimerWheel } from './timer-wheel.ts'
import type { Branded } from './brand.ts'
import type { Clock, ClockTimer } from './clock.ts'
import type { SystemCore } from './core.ts'
import type { ProcessCell } from './process.ts'
import type { Timed } from './timer-wheel.ts'

/** Names a timer; opaque. */
export interface TimerRef extends Branded<'timer'> {
  readonly node: string
  readonly id: number
}

/** The only implementation of {@link TimerRef}. */
export class TimerRefValue implements TimerRef {
  readonly node: string
  readonly id: number
  readonly #timer: Timer
  constructor(node: string, id: number, timer: Timer) {
    this.node = node
    this.id = id
    this.#timer = timer
  }
  static timerOf(ref: TimerRef): Timer | undefined {
    return #timer in ref ? ref.#timer : undefined
  }
}

/** One armed timer; dies with the processes that hold it. */
export class Timer implements Timed {
  readonly delayMs: number
  at: number
  slot: number
  timedPrev: Timed | undefined
  timedNext: Timed | undefined
  readonly #core: SystemCore
  readonly #run: () => void
  readonly #owner: ProcessCell | undefined
  readonly #target: ProcessCell | undefined

  constructor(
    core: SystemCore,
    delayMs: number,
    run: () => void,
    owner: ProcessCell | undefined,
    target: ProcessCell | undefined,
  ) {
    this.delayMs = delayMs
    this.at = 0
    this.slot = NOT_TIMED
    this.timedPrev = undefined
    this.timedNext = undefined
    this.#core = core
    this.#run = run
    this.#owner = owner
    this.#target = target === owner ? undefined : target
  }

  /** Ties it to its processes, dying with the first of them, and starts it. */
  arm(): void {
    this.#core.timers.count++
    this.#core.timers.add(this)
    if (this.#owner !== undefined) hold(this.#owner, this)
    if (this.#target !== undefined) hold(this.#target, this)
  }

  /** Drops it without running; false if it ran or was cancelled before. */
  cancel(): boolean {
    if (this.slot === NOT_TIMED) return false
    this.#core.timers.remove(this)
    this.release()
    return true
  }

  /** Milliseconds until it runs, by the clock of its own system; undefined if it is not armed. */
  get remainingMs(): number | undefined {
    return this.#core.timers.remainingMs(this)
  }

  /** Forgets the processes that hold it. */
  release(): void {
    this.#core.timers.count--
    this.#owner?.extras?.timers?.delete(this)
    this.#target?.extras?.timers?.delete(this)
  }

  expire(): void {
    this.release()
    try {
      runIn(this.#owner, this.#run)
    } catch (error) {
      if (this.#owner === undefined) this.#core.reportStray('timer', error)
      else this.#core.deaths.end(this.#owner, reasonOfThrown(error), true)
    }
  }
}

function hold(cell: ProcessCell, timer: Timer): void {
  ;(cell.more().timers ??= new Set<Timer>()).add(timer)
}

/** Refuses what is not a delay. */
export function checkDelay(delayMs: number, argument: string = 'delayMs'): void {
  if (typeof delayMs !== 'number' || !(delayMs >= 0 && delayMs <= TIMER_DELAY_MS_MAX)) {
    throw new ArgumentError(argument, `a number from 0 to ${TIMER_DELAY_MS_MAX}`, delayMs)
  }
}

/** The wheel of a system and the one clock timer behind it. */
export class Timers {
  /** `Timer` objects in the wheel, calls not counted. */
  count = 0
  readonly #clock: Clock
  readonly #requestTurn: () => void
  readonly #wheel = new TimerWheel()
  readonly #originMs: number
  #armed: ClockTimer | undefined
  #armedAtMs = Infinity
  /** What is due by then may expire. */
  #observedMs = -Infinity
  #referenced = true

  constructor(clock: Clock, requestTurn: () => void) {
    this.#clock = clock
    this.#requestTurn = requestTurn
    this.#originMs = Math.floor(clock.now())
  }

  add(entry: Timed): void {
    this.#wheel.add(entry)
    this.#requestTurn()
  }

  remove(entry: Timed): void {
    this.#wheel.remove(entry)
    if (this.#wheel.size === 0) this.#reference(false)
  }

  stamp(nowMs: number): void {
    this.#wheel.stamp(nowMs - this.#originMs)
  }

  /** Fires what was observed to be due; true if there was more than allowed. */
  expire(countMax: number): boolean {
    return this.#wheel.expire(this.#observedMs, countMax)
  }

  /** Notes a clock reading; true if something may expire in the next turn. */
  observe(nowMs: number): boolean {
    this.#observedMs = nowMs - this.#originMs
    return this.#wheel.nextDueMs() <= this.#observedMs
  }

  /** Makes the clock call back in time for the next entry. */
  rearm(nowMs: number): void {
    const dueMs = this.#wheel.nextDueMs()
    this.#reference(this.#wheel.size > 0)
    if (dueMs >= this.#armedAtMs || dueMs <= this.#observedMs) return
    this.#armed?.cancel()
    this.#armedAtMs = dueMs
    this.#referenced = true
    const delayMs = Math.max(0, Math.ceil(dueMs + this.#originMs - nowMs))
    this.#armed = this.#clock.setTimer(delayMs, () => {
      this.#armed = undefined
      this.#armedAtMs = Infinity
      this.observe(this.#clock.now())
      this.#requestTurn()
    })
  }

  /** Milliseconds until `timer` fires, or undefined if it is not armed. */
  remainingMs(timer: Timer): number | undefined {
    if (timer.slot === NOT_TIMED) return undefined
    if (timer.slot === FRESH) return timer.delayMs
    return Math.max(0, timer.at + this.#originMs - this.#clock.now())
  }

  /** Empties the wheel and lets the clock timer go. */
  close(drop: (entry: Timed) => void): void {
    this.#wheel.clear(drop)
    this.#armed?.cancel()
    this.#armed = undefined
    this.#armedAtMs = Infinity
  }

  #reference(on: boolean): void {
    if (this.#armed === undefined || this.#referenced === on) return
    this.#referenced = on
    if (on) this.#armed.ref()
    else this.#armed.unref()
  }
}
