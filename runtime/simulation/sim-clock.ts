/**
 * A clock that stands still until it is moved. Between two instants it lets everything that can run,
 * run: it waits until no turn is pending and the loop stayed quiet, then fires all timers of the next
 * instant in (time, sequence) order.
 *
 * `nextTurn` is a real macrotask, so that code not driven by this clock (promises, streams of the same
 * program) still makes progress; only time is virtual.
 */
import { createRealClock } from '../clock.ts'
import { inThisContext } from '../context.ts'
import { ArgumentError, LimitError } from '../errors.ts'
import type { Clock, ClockTimer } from '../clock.ts'

/** Where virtual time begins. */
export interface SimClockOptions {
  /** Both `now` and `wallNow` start here; default 0. */
  readonly startMs?: number
  /**
   * Turns of the event loop that one instant may take, however many systems run in each; default
   * 100,000; so often may timers be due in it, too. A program that never comes to rest, such as a server that
   * casts to itself or a timer that arms itself anew for now, would hold the clock for ever: the move rejects
   * with `ERR_SETTLE_TURNS_MAX`.
   */
  readonly settleTurnsMax?: number
}

const SETTLE_TURNS_DEFAULT_MAX = 100_000

/** Macrotasks without a pending turn before the program counts as settled. */
const QUIET_HOPS = 2

class SimTimer implements ClockTimer {
  readonly atMs: number
  readonly sequence: number
  readonly fn: () => void
  /** Place in the heap; -1 outside. */
  index = -1
  readonly #heap: TimerHeap
  constructor(heap: TimerHeap, atMs: number, sequence: number, fn: () => void) {
    this.#heap = heap
    this.atMs = atMs
    this.sequence = sequence
    this.fn = fn
  }
  cancel(): void {
    this.#heap.remove(this)
  }
  ref(): void {}
  unref(): void {}
}

/** A binary heap by (time, sequence) that can remove from the middle. */
class TimerHeap {
  readonly #items: SimTimer[] = []

  get size(): number {
    return this.#items.length
  }
  get first(): SimTimer | undefined {
    return this.#items[0]
  }
  add(timer: SimTimer): void {
    timer.index = this.#items.length
    this.#items.push(timer)
    this.#up(timer.index)
  }
  remove(timer: SimTimer): void {
    const index = timer.index
    if (index < 0) return
    timer.index = -1
    const last = this.#items.pop()!
    if (last === timer) return
    this.#put(last, index)
    this.#up(index)
    this.#down(last.index)
  }

  #put(timer: SimTimer, index: number): void {
    this.#items[index] = timer
    timer.index = index
  }
  #before(a: SimTimer, b: SimTimer): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
  }
  #up(start: number): void {
    const timer = this.#items[start]!
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#before(timer, this.#items[parent]!)) break
      this.#put(this.#items[parent]!, index)
      index = parent
    }
    this.#put(timer, index)
  }
  #down(start: number): void {
    const timer = this.#items[start]!
    let index = start
    for (;;) {
      let child = 2 * index + 1
      if (child >= this.#items.length) break
      const right = this.#items[child + 1]
      if (right !== undefined && this.#before(right, this.#items[child]!)) child++
      if (!this.#before(this.#items[child]!, timer)) break
      this.#put(this.#items[child]!, index)
      index = child
    }
    this.#put(timer, index)
  }
}

/** Virtual time, moved by {@link SimClock.advance}. */
export class SimClock implements Clock {
  readonly virtual = true
  readonly #real: Clock = createRealClock()
  readonly #timers = new TimerHeap()
  readonly #settleTurnsMax: number
  #nowMs: number
  #sequence = 0
  #turnsPending = 0
  #turnsRun = 0
  #moving: Promise<void> = Promise.resolve()

  constructor(options: SimClockOptions = {}) {
    this.#nowMs = options.startMs ?? 0
    this.#settleTurnsMax = options.settleTurnsMax ?? SETTLE_TURNS_DEFAULT_MAX
  }

  /** Armed timers. */
  get timerCount(): number {
    return this.#timers.size
  }
  /** When the next timer is due; Infinity if there is none. */
  get nextTimerMs(): number {
    return this.#timers.first?.atMs ?? Infinity
  }
  now(): number {
    return this.#nowMs
  }
  wallNow(): number {
    return this.#nowMs
  }
  setTimer(delayMs: number, fn: () => void): ClockTimer {
    const atMs = this.#nowMs + Math.max(0, delayMs)
    const timer = new SimTimer(this.#timers, atMs, this.#sequence++, inThisContext(fn))
    this.#timers.add(timer)
    return timer
  }
  nextTurn(fn: () => void): void {
    this.#turnsPending++
    this.#real.nextTurn(() => {
      this.#turnsPending--
      this.#turnsRun++
      fn()
    })
  }
  microtask(fn: () => void): void {
    this.#real.microtask(fn)
  }

  /**
   * Lets everything run that can run without time passing.
   *
   * @example
   * await clock.settle() // every message sent so far is handled
   */
  settle(): Promise<void> {
    return this.#inOrder(() => this.#settle())
  }

  /**
   * Moves time forward by `ms`, firing every timer on the way at its own instant.
   *
   * @example
   * await clock.advance(5000) // a call without a reply has timed out
   */
  advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) {
      throw new ArgumentError('ms', 'a number of at least 0', ms)
    }
    return this.#inOrder(() => this.#advance(ms))
  }

  /** Overlapping moves follow one another. */
  #inOrder(move: () => Promise<void>): Promise<void> {
    const done = this.#moving.then(move)
    this.#moving = done.catch(() => {})
    return done
  }

  async #settle(): Promise<void> {
    let quiet = 0
    let busy = 0
    while (quiet < QUIET_HOPS) {
      const before = this.#turnsRun
      await new Promise<void>((resolve) => this.#real.nextTurn(resolve))
      quiet = this.#turnsPending === 0 && this.#turnsRun === before ? quiet + 1 : 0
      if (quiet === 0 && ++busy > this.#settleTurnsMax) {
        throw this.#restless()
      }
    }
  }

  #restless(): LimitError {
    return new LimitError('ERR_SETTLE_TURNS_MAX', 'settleTurnsMax', this.#settleTurnsMax)
  }

  async #advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    let standing = 0
    await this.#settle()
    for (let first = this.#timers.first; first !== undefined; first = this.#timers.first) {
      if (first.atMs > endMs) break
      standing = first.atMs > this.#nowMs ? 0 : standing + 1
      if (standing > this.#settleTurnsMax) throw this.#restless()
      this.#nowMs = Math.max(this.#nowMs, first.atMs)
      this.#fireInstant()
      await this.#settle()
    }
    this.#nowMs = endMs
    await this.#settle()
  }

  /** Fires what is due now; what is armed meanwhile for now waits until the program has settled. */
  #fireInstant(): void {
    const sequenceMax = this.#sequence
    for (let next = this.#timers.first; next !== undefined; next = this.#timers.first) {
      if (next.atMs > this.#nowMs || next.sequence >= sequenceMax) break
      this.#timers.remove(next)
      next.fn()
    }
  }
}

/**
 * A virtual clock for tests and simulation.
 *
 * @example
 * const clock = createSimClock()
 * const system = createSystem({ clock })
 * await clock.advance(100)
 */
export function createSimClock(options?: SimClockOptions): SimClock {
  return new SimClock(options)
}
