/**
 * When an answer is late. A lookup that waits for a dead peer until the hard timeout loses most of its time
 * there (K25), so a request that takes much longer than is usual for that peer, or for all peers when it is
 * not known, gives its place in flight to another one.
 */
import { setNewest } from '../../machine/newest.ts'
import type { RoutingSettings } from './settings.ts'

/** Samples over all peers that count. */
const SAMPLES = 64
/** The percentile over all peers is computed anew after so many samples. */
const SAMPLES_FRESH = 8
/** Peers whose time is remembered; the one that answered longest ago gives way. */
const PEERS_MAX = 1024
/** Share by which a peer's high mark sinks towards a faster answer. */
const SINK = 0.1

/** Answer times of the peers of one node. */
export class RttTracker {
  readonly #settings: RoutingSettings
  /** High mark per peer: of the few answers of one peer the 95th percentile is the slowest of late. */
  readonly #peers = new Map<string, number>()
  readonly #samples = new Float64Array(SAMPLES)
  #count = 0
  #percentileMs: number | undefined
  #fresh = 0

  constructor(settings: RoutingSettings) {
    this.#settings = settings
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.#peers.size
  }

  /** `id` answered after `rttMs`. */
  record(id: string, rttMs: number): void {
    const rtt = Math.max(0, rttMs)
    const before = this.#peers.get(id)
    const sunk = before === undefined ? rtt : before + (rtt - before) * SINK
    setNewest(this.#peers, id, Math.max(rtt, sunk), PEERS_MAX)
    this.#samples[this.#count % SAMPLES] = rtt
    this.#count++
    this.#fresh++
  }

  /** Its address or connection is another one: what was measured does not hold. */
  forget(id: string): void {
    this.#peers.delete(id)
  }

  /** The usual slow answer of that peer, or of all; undefined before the first answer. */
  slowMs(id: string): number | undefined {
    return this.#peers.get(id) ?? this.#overall()
  }

  /** When an answer of that peer is late. */
  softTimeoutMs(id: string): number {
    const { softTimeoutFactor, softTimeoutMs, softTimeoutMinMs } = this.#settings
    const slow = this.slowMs(id)
    if (slow === undefined) return softTimeoutMs
    return Math.round(Math.min(softTimeoutMs, Math.max(softTimeoutMinMs, softTimeoutFactor * slow)))
  }

  #overall(): number | undefined {
    const due = this.#count < SAMPLES ? 1 : SAMPLES_FRESH
    if (this.#fresh >= due) {
      const sorted = this.#samples.slice(0, Math.min(this.#count, SAMPLES)).sort()
      this.#percentileMs = sorted[Math.ceil(0.95 * sorted.length) - 1]
      this.#fresh = 0
    }
    return this.#percentileMs
  }
}
