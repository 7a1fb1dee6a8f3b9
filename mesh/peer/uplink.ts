/**
 * Which gateway a peer dials when. Pure: chance and time are handed in, the driver does what it says.
 *
 *     connecting --linked--> connected --down--> reconnecting --linked--> connected ...
 *
 * - One dial at a time. When it fails, the next gateway of the list has its turn after a moment; when none of them took
 *   the peer in, it waits: twice as long each time, with jitter, so that thousands of peers that lost one gateway do
 *   not come back in one instant (ML18).
 * - A link that was lost is looked for at the next gateway first: the one that had it may be gone.
 * - The waits begin anew only after a link that lasted: a gateway that takes peers in and drops them is not hammered.
 */
import { Backoff } from '../link/backoff.ts'

/** Where a peer is in its life. */
export type PeerState = 'connecting' | 'connected' | 'reconnecting' | 'closed'

/** Dials of {@link Uplink}. */
export interface UplinkOptions {
  /** How many gateways there are. */
  readonly targets: number
  readonly reconnectBaseMs: number
  readonly reconnectMaxMs: number
}

/** Longest wait between two gateways of one round. */
export const FAILOVER_MS_MAX = 100

/** A link that stood so long was a good one. */
export const STABLE_MS = 10_000

/** See the file header. */
export class Uplink {
  readonly #targets: number
  readonly #chance: () => number
  readonly #backoff: Backoff
  #state: Exclude<PeerState, 'closed'> = 'connecting'
  #at = 0
  /** Gateways that failed in this round, and how many of them for good. */
  #failed = 0
  #lasting = 0
  #dueMs: number
  #dialling = false
  #upMs = 0

  constructor(
    { targets, reconnectBaseMs, reconnectMaxMs }: UplinkOptions,
    chance: () => number,
    nowMs: number,
  ) {
    this.#targets = targets
    this.#chance = chance
    this.#backoff = new Backoff({ baseMs: reconnectBaseMs, maxMs: reconnectMaxMs })
    this.#dueMs = nowMs
  }

  get state(): Exclude<PeerState, 'closed'> {
    return this.#state
  }

  /** When {@link take} gives a gateway. */
  get nextDueMs(): number {
    return this.#dialling || this.#state === 'connected' ? Infinity : this.#dueMs
  }

  /** The gateway to dial now; undefined when none is due. */
  take(nowMs: number): number | undefined {
    if (nowMs < this.nextDueMs) return undefined
    this.#dialling = true
    return this.#at
  }

  /** There is a link with a gateway. */
  linked(nowMs: number): void {
    this.#dialling = false
    this.#failed = 0
    this.#lasting = 0
    this.#upMs = nowMs
    this.#state = 'connected'
  }

  /** The dial failed; `lasting` when it will fail again. */
  failed(lasting: boolean, nowMs: number): void {
    if (!this.#dialling) return
    this.#dialling = false
    this.#failed += 1
    if (lasting) this.#lasting += 1
    this.#next(nowMs)
  }

  /** The link is gone. */
  down(nowMs: number): void {
    if (this.#state !== 'connected') return
    this.#state = 'reconnecting'
    if (nowMs - this.#upMs >= STABLE_MS) this.#backoff.reset()
    this.#failed = 1
    this.#next(nowMs)
  }

  /** The next gateway, or a rest after all of them. */
  #next(nowMs: number): void {
    this.#at = (this.#at + 1) % this.#targets
    if (this.#failed < this.#targets) {
      this.#dueMs = nowMs + FAILOVER_MS_MAX * this.#chance()
      return
    }
    const hopeless = this.#lasting === this.#targets
    const chance = this.#chance()
    this.#dueMs =
      nowMs + (hopeless ? this.#backoff.longestMs(chance) : this.#backoff.nextMs(chance))
    this.#failed = 0
    this.#lasting = 0
  }
}
