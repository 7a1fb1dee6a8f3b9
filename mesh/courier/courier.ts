/**
 * How a message of the services reaches a node, wherever it is: over a link that stands, over one that is dialled
 * for it, hop by hop through other nodes, or through the gateway that the node is connected to. What passes others
 * is sealed for its destination, so they can neither read nor change it.
 *
 * Messages of one lane to one node arrive in order while the way stays the same; a large one travels in pieces on
 * the bulk lane and keeps no order with others. A message is sent at most once: what may get lost is sent again by
 * whoever needs that, and receivers know it by its own numbers.
 */
import type { CourierError } from './errors.ts'

/** The lanes that services speak on. */
export type ServiceLane = 'rpc' | 'pubsub' | 'bulk'

/** Who sent a message: its key is proven, by the link or by the seal. */
export interface Origin {
  /** Node key in hex. */
  readonly node: string
  /** Roles that the authority of the realm gave it. */
  readonly roles: readonly string[]
  readonly path: 'direct' | 'relayed'
  /** The gateway that a relayed message came through, when it says so: answers go back that way. */
  readonly via: string | undefined
}

/** Options of {@link Courier.send}. */
export interface CourierSendOptions {
  /** Gateway that has a link with the node, for one that cannot be dialled. */
  readonly via?: string | undefined
  /** Without a link it goes through others at once: whoever sends has dialled in vain, or will not wait. The node is dialled later. */
  readonly undialable?: boolean | undefined
  /** What follows the frame that is given: the two are one frame, and need not be copied together. */
  readonly rest?: Uint8Array | undefined
  /** How long it may wait for a way to the node. Default, and at most, `waitTimeoutMs` of the settings, 10,000 ms. */
  readonly timeoutMs?: number | undefined
  /**
   * Called once when the message, which had been taken, is lost: no way was found, or a node on the way gave it up. With
   * `mayHaveArrived` it went through others, and nobody said what became of it. That nothing comes is no promise that it
   * arrived.
   */
  readonly lost?: ((error: CourierError) => void) | undefined
}

/**
 * What became of a message at once: on a link (`sent`); on a link that wants no more until `onDrain` (`full`); waits for
 * a way (`waiting`); not taken (`refused`: too large, too much waits for that node, or the courier has ended; counted,
 * `lost` is not called).
 */
export type CourierOutcome = 'sent' | 'full' | 'waiting' | 'refused'

/** Takes a message; `payload` is a view that is valid during the call only. */
export type CourierHandler = (origin: Origin, type: number, payload: Uint8Array) => void

/** Why a node is gone. */
export type GoneReason = 'down' | 'left' | 'unreachable' | 'restarted'

/** Counters since the start. */
export interface CourierStats {
  /** Messages by the way they took. */
  readonly direct: number
  readonly relayed: number
  readonly received: number
  readonly lost: number
  readonly refused: number
  /** Bytes that wait for a way, all nodes together. */
  readonly bytesWaiting: number
}

/** See the head of this file. */
export interface Courier {
  /** Key of this node, hex. */
  readonly self: string
  /**
   * Sends a whole frame (header and payload, as `Codec.encodeFrame` makes it), which must not be changed afterwards; the
   * same frame may go to many. Never to this node itself.
   */
  send(
    to: string,
    lane: ServiceLane,
    frame: Uint8Array,
    options?: CourierSendOptions,
  ): CourierOutcome
  /** Bytes that wait for that node: for a way, or in the queues of its link, and of one before it that is ending. */
  bytesWaiting(to: string): number
  /** Calls `handler` when a node takes messages again after `full`; gives the way to stop. */
  onDrain(handler: (node: string) => void): () => void
  /** Hands messages of types `from` to `to` to `handler`; gives the way to stop. Throws when a type is taken. */
  handle(from: number, to: number, handler: CourierHandler): () => void
  /**
   * Calls `handler` when a node is gone: members say it is down or has left, it came back as another life, or the only way
   * to it broke. An idle link that was closed is none. Gives the way to stop.
   */
  onGone(handler: (node: string, reason: GoneReason) => void): () => void
  /** Keeps the link with that node, if there is one or comes one, until the release that it gives is called. */
  hold(to: string): () => void
  stats(): CourierStats
}
