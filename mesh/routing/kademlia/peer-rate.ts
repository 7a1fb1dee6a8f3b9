/** Questions per peer within a second. Counted in windows of a second, so no peer costs more than a number. */

const SECOND_MS = 1_000

/** Peers counted in one second; further ones are refused, they ask a node that is overrun. */
const PEERS_MAX = 16_384

/** The counts of one node. */
export class PeerRate {
  readonly #requestsMax: number
  readonly #counts = new Map<string, number>()
  #endsMs = -Infinity

  constructor(requestsMax: number) {
    this.#requestsMax = requestsMax
  }

  /** Counts a question; false when it is one too many. */
  allow(id: string, nowMs: number): boolean {
    if (nowMs >= this.#endsMs) {
      this.#counts.clear()
      this.#endsMs = nowMs + SECOND_MS
    }
    const count = this.#counts.get(id) ?? 0
    if (count >= this.#requestsMax || (count === 0 && this.#counts.size >= PEERS_MAX)) return false
    this.#counts.set(id, count + 1)
    return true
  }

  /** True when that peer has asked as much as it may; others may be the reason for a refusal as well. */
  isSpent(id: string): boolean {
    return (this.#counts.get(id) ?? 0) >= this.#requestsMax
  }
}
