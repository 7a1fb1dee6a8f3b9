/**
 * Who holds the places for envelopes that wait for a link. Each is held by the peer it came from, or by this
 * node; an error or a receipt by the peer whose envelope it is about, or else nonsense would be for free. No
 * peer holds more than its share, in number and in bytes, and some places are for this node alone: whoever
 * floods stops neither others nor this node.
 */
import type { GreedySettings } from './settings.ts'

/** Why there is no place. */
export type PlaceRefusal =
  'ERR_ROUTE_FORWARDS_MAX' | 'ERR_ROUTE_FORWARD_BYTES_MAX' | 'ERR_ROUTE_PEER_SHARE'

/** One place, as long as it is held. */
export interface Place {
  /** Key of a peer; undefined for this node. */
  readonly holder: string | undefined
  readonly bytes: number
}

interface Held {
  count: number
  bytes: number
}

/** The places of one node. Peers are in the map only while they hold one, so it is bounded. */
export class Places {
  readonly #settings: GreedySettings
  readonly #held = new Map<string, Held>()
  #own = 0
  #others = 0
  #bytes = 0

  constructor(settings: GreedySettings) {
    this.#settings = settings
  }

  /** Bytes of payload that are held for others. */
  get bytes(): number {
    return this.#bytes
  }

  /** What stands against one more; undefined when there is room. */
  problem({ holder, bytes }: Place): PlaceRefusal | undefined {
    const { forwardsMax, forwardsReserved } = this.#settings
    if (this.#own + this.#others >= forwardsMax) return 'ERR_ROUTE_FORWARDS_MAX'
    if (holder === undefined) return undefined
    const { forwardsPerPeerMax, forwardBytesPerPeerMax, forwardBytesMax } = this.#settings
    const held = this.#held.get(holder)
    const isOverShare =
      (held?.count ?? 0) >= forwardsPerPeerMax ||
      (held?.bytes ?? 0) + bytes > forwardBytesPerPeerMax
    if (isOverShare) return 'ERR_ROUTE_PEER_SHARE'
    if (this.#others >= forwardsMax - forwardsReserved) return 'ERR_ROUTE_FORWARDS_MAX'
    return this.#bytes + bytes > forwardBytesMax ? 'ERR_ROUTE_FORWARD_BYTES_MAX' : undefined
  }

  take({ holder, bytes }: Place): void {
    if (holder === undefined) {
      this.#own += 1
      return
    }
    const held = this.#held.get(holder) ?? { count: 0, bytes: 0 }
    this.#held.set(holder, held)
    held.count += 1
    held.bytes += bytes
    this.#others += 1
    this.#bytes += bytes
  }

  /** Gives back what was taken. */
  release({ holder, bytes }: Place): void {
    if (holder === undefined) {
      this.#own -= 1
      return
    }
    this.#others -= 1
    this.#bytes -= bytes
    const held = this.#held.get(holder)
    if (held === undefined) return
    held.count -= 1
    held.bytes -= bytes
    if (held.count === 0) this.#held.delete(holder)
  }
}
