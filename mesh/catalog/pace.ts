/** How fast a peer asks: so many within a second, evenly; what was not used for a moment may be made up for at once. */

/** See the head of this file. */
export class Pace {
  readonly #everyMs: number
  readonly #burst: number
  #nextMs = -Infinity

  /** `burst` of them may be made up for. */
  constructor(perSecond: number, burst: number) {
    this.#everyMs = 1_000 / Math.max(1, perSecond)
    this.#burst = burst
  }

  /** When the next one may go. */
  get nextMs(): number {
    return this.#nextMs
  }

  mayGo(nowMs: number): boolean {
    return this.#nextMs <= nowMs
  }

  /** One has gone. */
  gone(nowMs: number): void {
    this.#nextMs = Math.max(this.#nextMs, nowMs - this.#burst * this.#everyMs) + this.#everyMs
  }

  /** None is to go before that. */
  rest(untilMs: number): void {
    this.#nextMs = untilMs
  }

  /** As if none had gone. */
  reset(): void {
    this.#nextMs = -Infinity
  }
}
