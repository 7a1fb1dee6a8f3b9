/**
 * The only door to real time. Everything that waits takes a `Clock`; tests and the simulator pass a
 * virtual one and move it by hand. Units are milliseconds everywhere.
 *
 * `microtask` and `nextTurn` are here too because they decide what runs before what: the scheduler
 * must not reach the event loop except through this port.
 */

/** A one-shot timer made by {@link Clock.setTimer}. */
export interface ClockTimer {
  /** Stops the timer; harmless after it fired. */
  cancel(): void
  /** Lets the program stay alive for this timer (the default). */
  ref(): void
  /** Lets the program end although this timer is still armed. */
  unref(): void
}

/** Monotonic time, wall time, timers and turns of the event loop. */
export interface Clock {
  /** True when time moves only by hand; time budgets are off then. */
  readonly virtual: boolean
  /** Monotonic milliseconds since an arbitrary start; may be fractional. Never goes back. */
  now(): number
  /** Milliseconds since the Unix epoch. For certificates and log lines only, never for deadlines. */
  wallNow(): number
  /** Runs `fn` once, `delayMs` or more from now. */
  setTimer(delayMs: number, fn: () => void): ClockTimer
  /** Runs `fn` in the next macrotask turn, after pending I/O had its chance. */
  nextTurn(fn: () => void): void
  /** Runs `fn` before the current macrotask turn ends. */
  microtask(fn: () => void): void
}

/** `setTimeout` overflows above this and would fire at once. */
const TIMER_DELAY_MS_MAX = 2_147_483_647

/** A delay that is too long for one `setTimeout` is waited for in parts. */
class RealTimer implements ClockTimer {
  readonly #fn: () => void
  #handle: NodeJS.Timeout
  #referenced = true
  constructor(delayMs: number, fn: () => void) {
    this.#fn = fn
    this.#handle = this.#wait(Math.max(0, delayMs))
  }
  cancel(): void {
    clearTimeout(this.#handle)
  }
  ref(): void {
    this.#referenced = true
    this.#handle.ref()
  }
  unref(): void {
    this.#referenced = false
    this.#handle.unref()
  }
  #wait(delayMs: number): NodeJS.Timeout {
    if (delayMs <= TIMER_DELAY_MS_MAX) return setTimeout(this.#fn, delayMs)
    return setTimeout(() => {
      this.#handle = this.#wait(delayMs - TIMER_DELAY_MS_MAX)
      if (!this.#referenced) this.#handle.unref()
    }, TIMER_DELAY_MS_MAX)
  }
}

/** Reacting to it is the cheapest microtask there is: queueMicrotask makes an AsyncResource each time. */
const settled: Promise<void> = Promise.resolve()

class RealClock implements Clock {
  readonly virtual = false
  now(): number {
    return performance.now()
  }
  wallNow(): number {
    return Date.now()
  }
  setTimer(delayMs: number, fn: () => void): ClockTimer {
    return new RealTimer(delayMs, fn)
  }
  nextTurn(fn: () => void): void {
    setImmediate(fn)
  }
  microtask(fn: () => void): void {
    void settled.then(fn)
  }
}

/**
 * The clock of the machine.
 *
 * @example
 * const clock = createRealClock()
 * const startedAtMs = clock.now()
 * assert.ok(clock.now() >= startedAtMs)
 */
export function createRealClock(): Clock {
  return new RealClock()
}
