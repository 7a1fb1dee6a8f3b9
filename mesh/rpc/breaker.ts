/**
 * Keeps calls away from a provider that fails (R13).
 *
 *     closed --(at least callsMin calls in the window, ratio of them failed)--> open
 *     open --(openMs)--> half_open: one call may try --(it succeeds)--> closed, --(it fails)--> open
 *
 * Timeouts count as failures, or a provider that hangs would never be left alone. What a handler throws does not, nor does
 * a refusal: the provider answers. A probe of which nothing is heard gives its place up after `openMs`.
 */
import { WindowedCounts } from './windowed-counts.ts'

/** What it does with calls. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/** Limits of {@link Breaker}. */
export interface BreakerLimits {
  readonly breakerCallsMin: number
  readonly breakerRatio: number
  readonly breakerWindowMs: number
  readonly breakerOpenMs: number
}

/** The breaker of one provider. */
export class Breaker {
  readonly #limits: BreakerLimits
  readonly #counts: WindowedCounts
  /** Since when it is not closed. */
  #openedMs: number | undefined
  #probedMs: number | undefined

  constructor(limits: BreakerLimits) {
    this.#limits = limits
    this.#counts = new WindowedCounts(limits.breakerWindowMs)
  }

  state(nowMs: number): BreakerState {
    if (this.#openedMs === undefined) return 'closed'
    return nowMs - this.#openedMs < this.#limits.breakerOpenMs ? 'open' : 'half_open'
  }

  /** Whether a call may go there now; say `began` when it does. */
  admits(nowMs: number): boolean {
    const state = this.state(nowMs)
    if (state !== 'half_open') return state === 'closed'
    return this.#probedMs === undefined || nowMs - this.#probedMs >= this.#limits.breakerOpenMs
  }

  /** A call goes there. */
  began(nowMs: number): void {
    if (this.#openedMs !== undefined) this.#probedMs = nowMs
  }

  /** A call that began at `startedMs` has ended. */
  ended(isFailure: boolean, startedMs: number, nowMs: number): void {
    if (this.#openedMs !== undefined) {
      // One that began before it opened says nothing new.
      if (startedMs <= this.#openedMs) return
      this.#probedMs = undefined
      this.#openedMs = isFailure ? nowMs : undefined
      return
    }
    const { breakerCallsMin, breakerRatio } = this.#limits
    this.#counts.add(isFailure, nowMs)
    const total = this.#counts.total(nowMs)
    if (total < breakerCallsMin || this.#counts.marked(nowMs) < total * breakerRatio) return
    this.#openedMs = nowMs
    this.#probedMs = undefined
    this.#counts.clear()
  }

  /** A call ended without saying anything about the provider: it was given up. */
  abandoned(startedMs: number): void {
    if (startedMs === this.#probedMs) this.#probedMs = undefined
  }
}
