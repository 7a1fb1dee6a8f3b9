/**
 * How fast a node sends envelopes of its own to a next hop. That one drops more than `envelopesPerPeerMax` within a second, and
 * what is dropped there is known only when its time is over; so whoever has much to send waits here instead. Half of what a peer
 * takes is for that, the rest for what this node passes on, and for its receipts and errors, which never wait.
 *
 * A leaky bucket by virtual scheduling (ITU-T I.371, GCRA): an eighth may go at once, the rest evenly.
 */
import { setNewest } from '../../machine/newest.ts'

/** Peers that are remembered; beyond it the oldest is, as if nothing had gone to it. */
const PEERS_MAX = 4_096

/** See the file header. */
export class Pace {
  readonly #intervalMs: number
  readonly #toleranceMs: number
  /** When all that went to a peer would have gone evenly, by peer. */
  readonly #dueMs = new Map<string, number>()

  /** `envelopesPerPeerMax`: of the peers, which is taken to be that of this node. */
  constructor(envelopesPerPeerMax: number) {
    const perSecond = Math.max(1, Math.floor(envelopesPerPeerMax / 2))
    const atOnce = Math.max(1, Math.floor(perSecond / 8))
    this.#intervalMs = 1_000 / Math.max(1, perSecond - atOnce)
    this.#toleranceMs = this.#intervalMs * (atOnce - 1)
  }

  /** Peers remembered. */
  get size(): number {
    return this.#dueMs.size
  }

  /** When one more may go to that peer: now or later. It is taken to go then. */
  reserve(peer: string, nowMs: number): number {
    const dueMs = Math.max(nowMs, this.#dueMs.get(peer) ?? nowMs)
    setNewest(this.#dueMs, peer, dueMs + this.#intervalMs, PEERS_MAX)
    // Whole milliseconds, as timers are.
    return Math.max(nowMs, Math.floor(dueMs - this.#toleranceMs))
  }
}
