/**
 * How many signatures one peer may make us check per second: a check costs two Ed25519 operations, and
 * whoever can send may send garbage.
 */
import type { MemberId } from './statement.ts'

const WINDOW_MS = 1_000

/** Checks per peer in the present second. Peers enter the map only by a check, so it is bounded. */
export class CheckBudget {
  readonly #max: number
  readonly #peersMax: number
  readonly #used = new Map<MemberId, number>()
  #startMs = -Infinity

  constructor(max: number, peersMax: number) {
    this.#max = max
    this.#peersMax = peersMax
  }

  /** True when that peer has one more check left. */
  spend(peer: MemberId, nowMs: number): boolean {
    if (nowMs - this.#startMs >= WINDOW_MS) {
      this.#startMs = nowMs
      this.#used.clear()
    }
    const used = this.#used.get(peer) ?? 0
    if (used >= this.#max) return false
    if (used === 0 && this.#used.size >= this.#peersMax) return false
    this.#used.set(peer, used + 1)
    return true
  }

  state(): CheckBudgetState {
    return { startMs: this.#startMs, used: [...this.#used] }
  }

  restore(state: CheckBudgetState): void {
    this.#startMs = state.startMs
    this.#used.clear()
    for (const [peer, used] of state.used) this.#used.set(peer, used)
  }
}

/** {@link CheckBudget} as plain data. */
export interface CheckBudgetState {
  readonly startMs: number
  readonly used: readonly (readonly [MemberId, number])[]
}
