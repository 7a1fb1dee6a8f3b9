/**
 * A link as the layers above see it: an accepted, authenticated connection with one peer. Calls on it
 * are direct: no mailbox lies between a frame and its handler.
 */
import type { NodeKey } from '../identity/node-key.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { NodeKind } from '../wire/check.ts'
import type { LinkDownReason } from './reasons.ts'

/**
 * Ordered channels of a link, each with its own queue, so that none delays another: `control` for
 * short frames that keep the mesh alive, `sync` for exchanges of tables (membership, routing), `dist`
 * for what processes say to each other, `rpc` for calls and their answers (types 0x20 to 0x2f), `pubsub`
 * for publishes and who wants them (0x10 to 0x1f), `bulk` for the large ones of both.
 *
 * The last three cost nothing until they are used: a side opens its own stream for one with its first frame.
 */
export type LaneName = 'control' | 'sync' | 'dist' | 'rpc' | 'pubsub' | 'bulk'

/** How a frame came: on a lane, in order and for sure, or in a datagram, which may overtake or be lost. */
export type FrameVia = LaneName | 'datagram'

/** Where a link is in its life. After `closing` nothing is delivered and nothing can be sent. */
export type LinkState = 'handshaking' | 'established' | 'closing' | 'closed'

/** The node at the other end, as its own hello and certificate describe it. */
export interface PeerInfo {
  readonly key: NodeKey
  /** `name@host:port` as it advertises itself. */
  readonly nodeId: string
  readonly name: string
  /** What part it takes; see `NodeKind`. */
  readonly kind: NodeKind
  /** What others dial; not necessarily where its packets come from. */
  readonly address: TransportAddress
  /**
   * True when its packets come from `address`, or it answered there: nobody else is at that address
   * now. False also behind NAT, and for a host name.
   */
  readonly addressProven: boolean
  readonly incarnation: number
  /** What both nodes can do. */
  readonly capabilities: readonly string[]
  /** Roles that the authority of the realm gave it, for the realm's policy. */
  readonly roles: readonly string[]
  /** Largest payload in bytes that both take: chunk larger values. */
  readonly frameBytesMax: number
  /** True for one that others do not list; see `MeshOptions.hidden`. */
  readonly hidden?: boolean | undefined
  /** See `HelloMessage.states`. */
  readonly states: readonly number[]
}

/** One accepted connection. */
export interface Link {
  readonly peer: PeerInfo
  /** True when this side dialled. */
  readonly initiator: boolean
  /** Where its packets come from. */
  readonly remote: TransportAddress
  readonly state: LinkState
  /** What this side said as `PeerInfo.states`. */
  readonly states: readonly number[]
  /** Smoothed round trip of keepalives, 0 before the first. */
  readonly rttMs: number
  /** Bytes accepted by `send` and not yet taken by the network, of all lanes. */
  readonly bytesQueued: number
  /** The same of one lane; `bytesQueuedMax` is the limit of each. */
  bytesQueuedOn(lane: LaneName): number
  /**
   * Queues a whole frame (header and payload), which must not be changed afterwards.
   *
   * - `true`: queued, go on.
   * - `false` on a live link: queued, but enough; wait for `onDrain`.
   * - `false` on a link that is not established: dropped; its `down` event tells.
   *
   * Throws `ERR_LINK_QUEUE_FULL` above `bytesQueuedMax` and `ERR_LINK_FRAME_TOO_LARGE` above the
   * peer's limit; nothing is queued then. The type of the frame must be one that the lane may carry. With `rest`
   * the frame comes in two parts, header and what else is new in the first.
   */
  send(lane: LaneName, frame: Uint8Array, rest?: Uint8Array): boolean
  /**
   * Sends a whole frame (header and payload, types 0x30 to 0x34) as one datagram: no order, no
   * repetition, and never behind the lanes. False when it was not sent: longer than
   * `datagramBytesMax`, no room, or no established link; each is counted as
   * `ERR_LINK_DATAGRAM_UNSENT`.
   */
  sendDatagram(frame: Uint8Array): boolean
  /** Longest frame, header included, that `sendDatagram` takes on this path; 0 when it takes none. */
  readonly datagramBytesMax: number
  /**
   * Keeps an idle link open until the release that it gives is called (once counts, more do no harm).
   * It keeps no link alive whose peer is gone, and with `yields` none that the peer asks to end.
   */
  hold(options?: { readonly yields?: boolean | undefined }): () => void
  /** Calls `fn` whenever a lane takes frames again after `send` gave false; gives the way to stop. */
  onDrain(fn: (lane: LaneName) => void): () => void
  /** Ends the link for cause: the peer is told `code`, and both sides see `connection_closed`. */
  fail(code: string, message: string): void
  /**
   * Says goodbye and closes; resolves when the connection is gone. Idempotent. Both sides see
   * `graceful_shutdown`, or `idle` when that is the reason.
   */
  close(reason?: string): Promise<void>
}

/** A link came up or went down. `down` comes once, after `up`, and nothing of that link comes later. */
export type LinkEvent =
  | { readonly type: 'up'; readonly link: Link }
  | { readonly type: 'down'; readonly link: Link; readonly reason: LinkDownReason }
