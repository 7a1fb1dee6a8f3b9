/**
 * Nodes without a link that tell each other through others all the same, because neither can dial the other. It begins when
 * a dial failed to somebody who is to be known, or with the first word of such a one; it ends when nothing was said for
 * long, when a message to it got lost, and when there is a link after all.
 *
 * A link says in which life its peer is; here the first words about its own entries do, so until then the life is 0.
 */

/** Bounds of {@link Pairs}. */
export interface PairsLimits {
  /** Pairs at once; more are refused. */
  readonly relayedPeersMax: number
  /** One in which nothing is said ends after this. */
  readonly leaseMs: number
}

/** What it wants done; as if there were a link. */
export interface PairsSink {
  linked(nowMs: number, peer: string, life: number): void
  unlinked(nowMs: number, peer: string): void
}

interface Pair {
  life: number
  dueMs: number
}

/** See the head of this file. */
export class Pairs {
  readonly #limits: PairsLimits
  readonly #sink: PairsSink
  readonly #pairs = new Map<string, Pair>()
  #dueMs = Infinity

  constructor(limits: PairsLimits, sink: PairsSink) {
    this.#limits = limits
    this.#sink = sink
  }

  get size(): number {
    return this.#pairs.size
  }

  has(peer: string): boolean {
    return this.#pairs.has(peer)
  }

  /** That node is to be told through others; false when there is no room for one more. */
  meet(nowMs: number, peer: string): boolean {
    const { relayedPeersMax, leaseMs } = this.#limits
    if (this.#pairs.has(peer)) return true
    if (this.#pairs.size >= relayedPeersMax) return false
    const dueMs = nowMs + leaseMs
    this.#pairs.set(peer, { life: 0, dueMs })
    this.#dueMs = Math.min(this.#dueMs, dueMs)
    this.#sink.linked(nowMs, peer, 0)
    return true
  }

  /** It said something, of itself in that life; false when it is not listened to. */
  heard(nowMs: number, peer: string, life: number | undefined): boolean {
    if (!this.meet(nowMs, peer)) return false
    const pair = this.#pairs.get(peer)!
    pair.dueMs = nowMs + this.#limits.leaseMs
    if (life === undefined || life <= pair.life) return true
    pair.life = life
    this.#sink.linked(nowMs, peer, life)
    return true
  }

  /** It cannot be told any more. */
  end(nowMs: number, peer: string): void {
    if (this.#pairs.delete(peer)) this.#sink.unlinked(nowMs, peer)
  }

  /** There is a link, which takes over. */
  replaced(peer: string): void {
    this.#pairs.delete(peer)
  }

  nextDeadline(): number {
    return this.#dueMs
  }

  tick(nowMs: number): void {
    if (nowMs < this.#dueMs) return
    this.#dueMs = Infinity
    for (const [peer, { dueMs }] of this.#pairs) {
      if (dueMs <= nowMs) this.end(nowMs, peer)
      else this.#dueMs = Math.min(this.#dueMs, dueMs)
    }
  }
}
