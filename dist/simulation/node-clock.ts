/**
 * The clock of one simulated node: a view of the clock of the simulation that can stand still with its node
 * (paused), end with it (dead), and jump. Everything that a node does begins here, in a timer, a turn
 * or a microtask of this clock, so a node whose clock holds these back does nothing at all.
 */
import { ownWait, type Clock, type ClockTimer, type SimClock } from '../../runtime/index.ts'

/** Told of every timer of a node that fires. */
export type TimerWatch = () => void

/** See the file header. */
export class NodeClock implements Clock {
  readonly virtual = true
  readonly #clock: SimClock
  readonly #fired: TimerWatch
  readonly #timers = new Set<NodeTimer>()
  #state: 'running' | 'paused' | 'dead' = 'running'
  #held: (() => void)[] = []
  #aheadMs = 0
  #wallAheadMs = 0

  constructor(clock: SimClock, fired: TimerWatch) {
    this.#clock = clock
    this.#fired = fired
  }

  now(): number {
    return this.#clock.now() + this.#aheadMs
  }
  wallNow(): number {
    return this.#clock.wallNow() + this.#wallAheadMs
  }
  setTimer(delayMs: number, fn: () => void): ClockTimer {
    const timer = new NodeTimer(this.#timers, fn)
    if (this.#state === 'dead') return timer
    timer.waitOver = ownWait()
    this.#timers.add(timer)
    this.#arm(timer, delayMs)
    return timer
  }
  nextTurn(fn: () => void): void {
    const over = ownWait()
    this.#clock.nextTurn(() => {
      over?.()
      this.#run(fn)
    })
  }
  microtask(fn: () => void): void {
    const over = ownWait()
    this.#clock.microtask(() => {
      over?.()
      this.#run(fn)
    })
  }

  /** Holds everything back. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** Lets what was held back happen now, in its order. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    const held = this.#held
    this.#held = []
    for (const fn of held) this.microtask(fn)
  }

  /** Nothing happens any more. */
  kill(): void {
    this.#state = 'dead'
    this.#held = []
    for (const timer of [...this.#timers]) timer.cancel()
  }

  /** The wall clock is set; with `monotonic` all time has passed, and what became due is due now. */
  jump(byMs: number, monotonic: boolean): void {
    this.#wallAheadMs += byMs
    if (!monotonic) return
    this.#aheadMs += byMs
    for (const timer of this.#timers) this.#arm(timer, timer.atMs - this.#clock.now() - byMs)
  }

  #arm(timer: NodeTimer, delayMs: number): void {
    timer.handle?.cancel()
    timer.atMs = this.#clock.now() + Math.max(0, delayMs)
    timer.handle = this.#clock.setTimer(delayMs, () => this.#run(() => this.#fire(timer)))
  }

  #fire(timer: NodeTimer): void {
    if (!this.#timers.delete(timer)) return
    timer.waitOver?.()
    this.#fired()
    timer.fn()
  }

  #run(fn: () => void): void {
    if (this.#state === 'running') fn()
    else if (this.#state === 'paused') this.#held.push(fn)
  }
}

class NodeTimer implements ClockTimer {
  readonly fn: () => void
  handle: ClockTimer | undefined = undefined
  atMs = 0
  /** Ends the wait of the process that armed it. */
  waitOver: (() => void) | undefined = undefined
  readonly #armed: Set<NodeTimer>
  constructor(armed: Set<NodeTimer>, fn: () => void) {
    this.#armed = armed
    this.fn = fn
  }
  cancel(): void {
    if (!this.#armed.delete(this)) return
    this.handle?.cancel()
    this.waitOver?.()
  }
  ref(): void {}
  unref(): void {}
}
