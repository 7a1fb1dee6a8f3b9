/**
 * What is known of the peers that open streams here: which life they speak for, which numbers they used, how fast they
 * open, and what they have open. Those without streams are forgotten when there are too many.
 */
import type { Clock } from '../../../runtime/index.ts'
import { Rates } from '../../exchange/rates.ts'
import { streamFault } from './frames.ts'
import { IdWindow } from './id-window.ts'
import type { StreamTrack } from './track.ts'

/** One of them. */
export interface StreamPeer {
  incarnation: number
  ids: IdWindow
  readonly inbound: Map<number, StreamTrack>
  /** Streams whose handlers run, also when they are over. */
  slots: number
}

/** Peers without streams that are remembered, for the numbers they used. */
const REMEMBERED_MAX = 4_096

/** See the head of this file. */
export class StreamPeers {
  readonly #peers = new Map<string, StreamPeer>()
  readonly #rates: Rates

  constructor(clock: Clock, opensPerSecondMax: number) {
    this.#rates = new Rates(clock, opensPerSecondMax)
  }

  get(node: string): StreamPeer | undefined {
    return this.#peers.get(node)
  }

  /** Whether it may open one more now, by how many it has opened lately. */
  allows(node: string): boolean {
    return this.#rates.allow(node)
  }

  /** The one that opens a stream in that life; undefined when it had a later one. Streams of an earlier one end. */
  opens(node: string, incarnation: number): StreamPeer | undefined {
    const known = this.#peers.get(node)
    if (known === undefined) {
      const peer = { incarnation, ids: new IdWindow(), inbound: new Map(), slots: 0 }
      if (this.#peers.size >= REMEMBERED_MAX) this.#forgetOne()
      this.#peers.set(node, peer)
      return peer
    }
    if (incarnation < known.incarnation) return undefined
    if (incarnation > known.incarnation) {
      const fault = streamFault('unreachable', 'the caller was restarted')
      for (const track of Array.from(known.inbound.values())) track.core.lose(fault)
      known.incarnation = incarnation
      known.ids = new IdWindow()
    }
    return known
  }

  /** It is gone; what its handlers hold stays until they have ended. */
  gone(node: string): void {
    if (this.#peers.get(node)?.slots === 0) this.#peers.delete(node)
    this.#rates.forget(node)
  }

  /** The one without streams that has been known longest. */
  #forgetOne(): void {
    for (const [node, { inbound, slots }] of this.#peers) {
      if (inbound.size > 0 || slots > 0) continue
      this.#peers.delete(node)
      this.#rates.forget(node)
      return
    }
  }
}
