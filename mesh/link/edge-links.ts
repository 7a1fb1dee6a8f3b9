/**
 * The links of a gateway with peers at the edge, apart from those with members: a pool and frame handlers of their
 * own. What watches, dials or chooses members never sees them, so an edge peer can be taken for a member nowhere,
 * and a frame that only members may send has no handler here.
 */
import type { NodeKey } from '../identity/node-key.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { Connection } from './connection.ts'
import type { DialOffer } from './dial-race.ts'
import { FrameRouter } from './frame-router.ts'
import type { NoRoom, Verdict } from './handshake.ts'
import type { Link } from './link.ts'
import { LinkPool } from './pool.ts'
import type { PoolOptions } from './pool.ts'

/** Decides who may come in; the gateway's, while it runs. Gives the reason why not. */
export type EdgeDoor = (key: NodeKey, remote: TransportAddress) => NoRoom | undefined

/** Decides whether a frame of an edge peer is handed on; `bytes` of its payload. */
export type EdgeGate = (link: Link, type: number, bytes: number) => boolean

/** What {@link EdgeLinks} is made of. */
export interface EdgeLinksParts {
  readonly ownKey: NodeKey
  readonly options: PoolOptions
  /** Bytes that may wait in one lane of services of one of these links. */
  readonly bytesQueuedMax: number
  readonly onHandlerError: (error: unknown) => void
  /** Links with members: nobody is both. */
  readonly members: LinkPool
}

/** See the head of this file. */
export class EdgeLinks {
  readonly pool: LinkPool
  readonly bytesQueuedMax: number
  readonly frames: FrameRouter = new FrameRouter()
  readonly #members: LinkPool
  #door: EdgeDoor | undefined
  #gate: EdgeGate | undefined
  #watcher: ((link: Link) => void) | undefined

  constructor({ ownKey, options, bytesQueuedMax, onHandlerError, members }: EdgeLinksParts) {
    this.bytesQueuedMax = bytesQueuedMax
    this.pool = new LinkPool(ownKey, options, onHandlerError)
    this.#members = members
  }

  /** Lets in whom `door` lets in; gives the way to shut it. Until then everybody is told to come again later. */
  open(door: EdgeDoor): () => void {
    this.#door = door
    return () => {
      if (this.#door === door) this.#door = undefined
    }
  }

  /** Asks `gate` about every frame; gives the way to stop. Without one, all of them pass. */
  guard(gate: EdgeGate): () => void {
    this.#gate = gate
    return () => {
      if (this.#gate === gate) this.#gate = undefined
    }
  }

  /** Whether a frame may go on to its handler. */
  mayPass(link: Link, type: number, bytes: number): boolean {
    return this.#gate === undefined || this.#gate(link, type, bytes)
  }

  /** Tells `watcher` of every link over which something of an edge peer was passed on; gives the way to stop. */
  watch(watcher: (link: Link) => void): () => void {
    this.#watcher = watcher
    return () => {
      if (this.#watcher === watcher) this.#watcher = undefined
    }
  }

  /** Something of an edge peer was passed on over that link. */
  passedOn(link: Link): void {
    this.#watcher?.(link)
  }

  /** Judges a peer's complete `connect`; the connection is one of this pool from now on. */
  judge(connection: Connection, offer: DialOffer): Verdict {
    this.#members.forget(connection)
    this.pool.begin(connection)
    const reason = this.#refusal(connection)
    return reason === undefined ? this.pool.judge(connection, offer) : { type: 'reject', reason }
  }

  /** A link with a member came up: what that node had at the edge, in a life before, is over. */
  memberUp({ hex }: NodeKey): void {
    this.pool.link(hex)?.replace()
  }

  #refusal({ peerKey, remote }: Connection): NoRoom | undefined {
    const door = this.#door
    if (door === undefined || !this.#members.accepting) return 'not_accepting'
    if (this.#members.link(peerKey.hex) !== undefined) return 'key_in_use'
    return door(peerKey, remote)
  }
}
