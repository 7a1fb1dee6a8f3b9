/**
 * Nodes without a link that tell each other through others all the same, because neither can dial the other. It begins when
 * a dial failed to somebody who is to be known, or with the first word of such a one; it ends when nothing was heard for
 * long, when the node is gone, and when there is a link after all.
 *
 * When a message got lost, the other may miss something, or believe that all is well: the pair is *broken* then, counts as
 * if the link were gone, and is begun anew, ever later while that does not help. Whatever is heard mends it at once.
 *
 * A link says in which life its peer is; here the first words about its own entries do, so until then it is the one that
 * was known before, or 0.
 */
import type { CatalogSettings } from './settings.ts'

/** Bounds of {@link Pairs}. */
export type PairsLimits = Pick<
  CatalogSettings,
  'relayedPeersMax' | 'leaseMs' | 'askRetryMs' | 'askRetryMaxMs'
>

/** What it wants done; as if there were a link. */
export interface PairsSink {
  linked(nowMs: number, peer: string, life: number): void
  unlinked(nowMs: number, peer: string): void
}

interface Pair {
  life: number
  /** It ends then. */
  endMs: number
  /** It is begun anew then; Infinity while it is not broken. */
  againMs: number
  waitMs: number
  /** How often it was begun: what got lost of an earlier time says nothing about this one. */
  round: number
}

/** See the head of this file. */
export class Pairs {
  readonly #limits: PairsLimits
  readonly #sink: PairsSink
  readonly #pairs = new Map<string, Pair>()
  #dueMs = Infinity
  #rounds = 0

  constructor(limits: PairsLimits, sink: PairsSink) {
    this.#limits = limits
    this.#sink = sink
  }

  get size(): number {
    return this.#pairs.size
  }

  peers(): IterableIterator<string> {
    return this.#pairs.keys()
  }

  /** Which time of that pair this is; undefined when there is none, or it is broken. */
  round(peer: string): number | undefined {
    const pair = this.#pairs.get(peer)
    return pair?.againMs === Infinity ? pair.round : undefined
  }

  /** That node, known in that life, is to be told through others; false when there is no room for one more. */
  meet(nowMs: number, peer: string, life: number): boolean {
    const known = this.#pairs.get(peer)
    if (known !== undefined) {
      if (known.againMs !== Infinity) this.#begin(nowMs, peer, known)
      return true
    }
    if (this.#pairs.size >= this.#limits.relayedPeersMax && !this.#makeRoom()) return false
    const { leaseMs, askRetryMs } = this.#limits
    const endMs = nowMs + leaseMs
    const pair = { life, endMs, againMs: Infinity, waitMs: askRetryMs, round: 0 }
    this.#pairs.set(peer, pair)
    this.#dueMs = Math.min(this.#dueMs, endMs)
    this.#begin(nowMs, peer, pair)
    return true
  }

  /** It said something, of itself in that life; false when it is not listened to. */
  heard(nowMs: number, peer: string, life: number): boolean {
    if (!this.meet(nowMs, peer, life)) return false
    const pair = this.#pairs.get(peer)!
    pair.endMs = nowMs + this.#limits.leaseMs
    pair.waitMs = this.#limits.askRetryMs
    if (life <= pair.life) return true
    pair.life = life
    this.#begin(nowMs, peer, pair)
    return true
  }

  /** A message to it got lost, of that time of the pair. */
  lost(nowMs: number, peer: string, round: number): void {
    const pair = this.#pairs.get(peer)
    if (pair === undefined || this.round(peer) !== round) return
    pair.againMs = nowMs + pair.waitMs
    pair.waitMs = Math.min(2 * pair.waitMs, this.#limits.askRetryMaxMs)
    this.#dueMs = Math.min(this.#dueMs, pair.againMs)
    this.#sink.unlinked(nowMs, peer)
  }

  /** It cannot be told any more. */
  end(nowMs: number, peer: string): void {
    const isOpen = this.round(peer) !== undefined
    this.#pairs.delete(peer)
    if (isOpen) this.#sink.unlinked(nowMs, peer)
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
    for (const [peer, pair] of this.#pairs) {
      if (pair.endMs <= nowMs) {
        this.end(nowMs, peer)
        continue
      }
      if (pair.againMs <= nowMs) this.#begin(nowMs, peer, pair)
      this.#dueMs = Math.min(this.#dueMs, pair.endMs, pair.againMs)
    }
  }

  #begin(nowMs: number, peer: string, pair: Pair): void {
    this.#rounds += 1
    pair.round = this.#rounds
    pair.againMs = Infinity
    this.#sink.linked(nowMs, peer, pair.life)
  }

  /** A broken one goes for one that may work. */
  #makeRoom(): boolean {
    for (const [peer, { againMs }] of this.#pairs) {
      if (againMs !== Infinity) return this.#pairs.delete(peer)
    }
    return false
  }
}
