/**
 * Holds calls back at the caller when providers refuse most of them (R15, client-side throttling of Google's SRE book):
 * with probability `max(0, (requests - 2 x accepted) / (requests + 1))`. Refusing costs a provider time as well; a caller
 * that knows the answer need not ask. Some still go through, so the end of the overload is seen.
 */
import { WindowedCounts } from './windowed-counts.ts'

/** Requests per accepted one that are let through. */
const MULTIPLIER = 2

/** Limits of {@link Throttle}. */
export interface ThrottleLimits {
  readonly throttleWindowMs: number
  readonly throttleCallsMin: number
}

/** The throttle of one procedure. */
export class Throttle {
  readonly #callsMin: number
  /** Marked are those that were accepted. */
  readonly #counts: WindowedCounts

  constructor({ throttleWindowMs, throttleCallsMin }: ThrottleLimits) {
    this.#callsMin = throttleCallsMin
    this.#counts = new WindowedCounts(throttleWindowMs)
  }

  /** Probability that the next call is held back. */
  probability(nowMs: number): number {
    const requests = this.#counts.total(nowMs)
    if (requests < this.#callsMin) return 0
    const accepted = this.#counts.marked(nowMs)
    return Math.max(0, (requests - MULTIPLIER * accepted) / (requests + 1))
  }

  /** Whether a call may be made. One that may not counts as a request at once, others when they have ended. */
  admits(nowMs: number, chance: () => number): boolean {
    const probability = this.probability(nowMs)
    if (probability === 0 || chance() >= probability) return true
    this.#counts.add(false, nowMs)
    return false
  }

  /** A call that was admitted has ended: a provider had accepted it, or all had refused it. */
  ended(isAccepted: boolean, nowMs: number): void {
    this.#counts.add(isAccepted, nowMs)
  }
}
