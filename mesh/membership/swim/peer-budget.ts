/**
 * How much one peer may cost us within a window of time, whatever is counted: signatures to check, bytes of
 * our table, probes made for it. Whoever can send may send without end.
 */
import { RareMap } from './rare-map.ts'
import type { MemberId } from './statement.ts'

/** Limits of a {@link PeerBudget}. */
export interface PeerBudgetOptions {
  /** What one peer may use per window. */
  readonly max: number
  /** Peers in one window; beyond it a newcomer gets nothing. */
  readonly peersMax: number
  readonly windowMs: number
}

/** Use per peer in the present window. Peers enter the map only by using something, so it is bounded. */
export class PeerBudget {
  readonly #options: PeerBudgetOptions
  readonly #used = new RareMap<MemberId, number>()
  #startMs = -Infinity

  constructor(options: PeerBudgetOptions) {
    this.#options = options
  }

  /** True when that peer has something left. */
  has(peer: MemberId, nowMs: number): boolean {
    const { max, peersMax, windowMs } = this.#options
    if (nowMs - this.#startMs >= windowMs) {
      this.#startMs = nowMs
      this.#used.clear()
    }
    const used = this.#used.get(peer)
    return used === undefined ? max > 0 && this.#used.size < peersMax : used < max
  }

  /** Takes `amount` if there is something left, more than that if need be; false when there is nothing. */
  spend(peer: MemberId, nowMs: number, amount: number = 1): boolean {
    if (!this.has(peer, nowMs)) return false
    if (amount > 0) this.#used.set(peer, (this.#used.get(peer) ?? 0) + amount)
    return true
  }

  state(): PeerBudgetState {
    return { startMs: this.#startMs, used: [...this.#used] }
  }

  restore(state: PeerBudgetState): void {
    this.#startMs = state.startMs
    this.#used.clear()
    for (const [peer, used] of state.used) this.#used.set(peer, used)
  }
}

/** {@link PeerBudget} as plain data. */
export interface PeerBudgetState {
  readonly startMs: number
  readonly used: readonly (readonly [MemberId, number])[]
}
