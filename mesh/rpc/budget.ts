/**
 * How much may be tried beyond what callers asked for (R11, R12): every call earns a part of a token, every extra attempt
 * costs one. So extra attempts are at most `ratio` of the calls, after the first few that the bucket holds at the start:
 * when everything fails, retries do not make it worse.
 */

/** Tokens it starts with and holds at most. */
const TOKENS_MAX = 10

/** One bucket. */
export class AttemptBudget {
  readonly #ratio: number
  #tokens: number

  constructor(ratio: number) {
    this.#ratio = ratio
    this.#tokens = ratio === 0 ? 0 : TOKENS_MAX
  }

  get tokens(): number {
    return this.#tokens
  }

  /** A call was made. */
  earn(): void {
    this.#tokens = Math.min(TOKENS_MAX, this.#tokens + this.#ratio)
  }

  /** Whether one more attempt may be made; takes its token. */
  spend(): boolean {
    // Tenths add up to 0.9999999999999999.
    if (this.#tokens < 1 - 1e-9) return false
    this.#tokens = Math.max(0, this.#tokens - 1)
    return true
  }
}
