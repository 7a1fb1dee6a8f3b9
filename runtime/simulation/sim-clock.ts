/**
 * A clock that stands still until it is moved, and the one run queue of everything that lives on it. Between
 * two instants it lets everything that can run, run: rounds until the queue is empty and still is after
 * one turn of the event loop; then it fires all timers of the next instant in (time, sequence) order.
 *
 *     round                       | event loop     | round
 *     microtasks, else all turns  | promises go on | ...
 *
 * So the order in which systems run does not depend on what else is in the event loop, nor on how many
 * hops a promise takes. Nobody moves it: then turns and microtasks run by themselves, as on a real clock.
 */
import { createRealClock } from '../clock.ts'
import { inThisContext } from '../context.ts'
import { ArgumentError, LimitError } from '../errors.ts'
import { Hops } from './hops.ts'
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

/** A first-in, first-out list of functions that does not move its elements. */
class Fifo {
  #items: (() => void)[] = []
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }
  push(fn: () => void): void {
    this.#items.push(fn)
  }
  shift(): (() => void) | undefined {
    if (this.#first === this.#items.length) return undefined
    const fn = this.#items[this.#first]!
    this.#items[this.#first++] = nothing
    if (this.#first === this.#items.length) {
      this.#items.length = 0
      this.#first = 0
    } else if (this.#first >= FIFO_WASTE_MAX) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return fn
  }
}

const FIFO_WASTE_MAX = 4_096
const nothing = (): void => {}

/** Virtual time, moved by {@link SimClock.advance} or {@link SimClock.step}. */
export class SimClock implements Clock {
  readonly virtual = true
  /** Called after every timer, turn and microtask that this clock ran; for checkers. */
  onStep: (() => void) | undefined = undefined
  readonly #real: Clock = createRealClock()
  readonly #hops = new Hops(this.#real)
  readonly #timers = new TimerHeap()
  readonly #settleTurnsMax: number
  /** What runs in the present round, and what runs in the next one. */
  readonly #soon = new Fifo()
  readonly #turns = new Fifo()
  #driven = 0
  #nowMs: number
  #sequence = 0
  #moving: Promise<void> = Promise.resolve()

  constructor(options: SimClockOptions = {}) {
    this.#nowMs = options.startMs ?? 0
    this.#settleTurnsMax = options.settleTurnsMax ?? SETTLE_TURNS_DEFAULT_MAX
  }

  /** Called whenever all promises had their turn, before anything else can happen; for checkers. */
  set onQuiet(fn: (() => void) | undefined) {
    this.#hops.onQuiet = fn
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
    this.#turns.push(fn)
    if (this.#driven === 0) this.#real.nextTurn(() => this.#runOne(this.#turns))
  }
  microtask(fn: () => void): void {
    this.#soon.push(fn)
    if (this.#driven === 0) this.#real.microtask(() => this.#runOne(this.#soon))
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

  /**
   * Moves time to the next instant that has timers, fires them and lets everything run; false, and time
   * stands, if there is none up to `untilMs`. Settle before, if promises may have to go on.
   *
   * @example
   * while (await clock.step()) console.log(clock.now())
   */
  async step(untilMs: number = Infinity): Promise<boolean> {
    let moved = false
    await this.#inOrder(async () => {
      if (this.#soon.length + this.#turns.length > 0) await this.#settle()
      moved = this.nextTimerMs <= untilMs && this.nextTimerMs < Infinity
      if (moved) await this.#nextInstant()
    })
    return moved
  }

  /**
   * From now on nothing runs but by {@link settle}, {@link advance} and {@link step}, whose caller
   * alone decides when: one queue for all systems of this clock, whatever else the program does. Without
   * it, what is asked for between two moves runs by itself. Gives the way back.
   */
  drive(): () => void {
    this.#driven++
    let over = false
    return () => {
      if (!over) this.#release()
      over = true
    }
  }

  /** Overlapping moves follow one another. */
  #inOrder(move: () => Promise<void>): Promise<void> {
    const done = this.#moving.then(async () => {
      this.#driven++
      try {
        await move()
      } finally {
        this.#release()
      }
    })
    this.#moving = done.catch(() => {})
    return done
  }

  /** What is left goes on by itself when nobody drives any more. */
  #release(): void {
    if (--this.#driven > 0) return
    for (let left = this.#soon.length; left > 0; left--) {
      this.#real.microtask(() => this.#runOne(this.#soon))
    }
    for (let left = this.#turns.length; left > 0; left--) {
      this.#real.nextTurn(() => this.#runOne(this.#turns))
    }
  }

  #runOne(queue: Fifo): void {
    if (this.#driven > 0) return // the driver will
    queue.shift()?.()
    this.onStep?.()
  }

  /**
   * The fixpoint: rounds until the queue is empty, and still is after one turn of the event loop, in
   * which all promises had their continuations.
   */
  #settle(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      let rounds = 0
      const hop = (): void => {
        if (this.#soon.length + this.#turns.length === 0) return resolve()
        if (++rounds > this.#settleTurnsMax) return reject(this.#restless())
        try {
          this.#round()
        } catch (error) {
          return reject(error as Error)
        }
        this.#hops.next(hop)
      }
      // First the continuations of whoever asked for this.
      this.#hops.next(hop)
    })
  }

  /**
   * Microtasks, if there are any; turns only when all microtasks and the promises behind them are done,
   * and only those that were asked for before this round.
   */
  #round(): void {
    let turns = this.#soon.length > 0 ? 0 : this.#turns.length
    for (;;) {
      const fn = this.#soon.shift() ?? (turns-- > 0 ? this.#turns.shift() : undefined)
      if (fn === undefined) return
      fn()
      this.onStep?.()
    }
  }

  #restless(): LimitError {
    return new LimitError('ERR_SETTLE_TURNS_MAX', 'settleTurnsMax', this.#settleTurnsMax)
  }

  async #advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    let standing = 0
    await this.#settle()
    while (this.nextTimerMs <= endMs) {
      standing = this.nextTimerMs > this.#nowMs ? 0 : standing + 1
      if (standing > this.#settleTurnsMax) throw this.#restless()
      await this.#nextInstant()
    }
    this.#nowMs = endMs
  }

  async #nextInstant(): Promise<void> {
    this.#nowMs = Math.max(this.#nowMs, this.nextTimerMs)
    this.#fireInstant()
    await this.#settle()
  }

  /** Fires what is due now; what is armed meanwhile for now waits until the program has settled. */
  #fireInstant(): void {
    const sequenceMax = this.#sequence
    for (let next = this.#timers.first; next !== undefined; next = this.#timers.first) {
      if (next.atMs > this.#nowMs || next.sequence >= sequenceMax) break
      this.#timers.remove(next)
      next.fn()
      this.onStep?.()
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
