/**
 * The messages of the membership protocol as plain objects. `swim-protocol.ts` writes and reads them;
 * simulations pass them by reference. Datagrams carry at most `datagramBytesMax` bytes, frame header
 * included; requests and replies travel on a stream.
 */
import type { Incarnation, MemberId, Statement } from './statement.ts'

/** State of a member in the order in which one beats another at the same incarnation. */
export const Rank: Readonly<{ alive: 0; suspect: 1; dead: 2; left: 3 }> = Object.freeze({
  alive: 0,
  suspect: 1,
  dead: 2,
  left: 3,
})

/** Name of a state. */
export type MemberStatus = keyof typeof Rank

/** One piece of news. */
export type Update =
  /** `statement.left` tells whether it is Alive or Left. */
  | { readonly type: 'statement'; readonly statement: Statement }
  /** Valid only for a receiver that knows exactly this incarnation; see `SwimCore`. */
  | ({
      readonly type: 'suspect' | 'dead'
      readonly id: MemberId
      /** Who said it first: confirmations count different accusers. */
      readonly accuser: MemberId
    } & Incarnation)

/** A line of a table as it is exchanged in full. */
export interface SyncEntry {
  readonly statement: Statement
  /** `left` exactly when `statement.left`. */
  readonly status: MemberStatus
  /** Who suspected it or declared it dead; absent for alive and left. */
  readonly accuser?: MemberId
}

/** What fits into one datagram. */
export type SwimDatagram =
  | { readonly type: 'ping'; readonly sequence: number; readonly updates: readonly Update[] }
  | { readonly type: 'ack'; readonly sequence: number; readonly updates: readonly Update[] }
  | {
      readonly type: 'ping_req'
      readonly sequence: number
      readonly target: MemberId
      readonly updates: readonly Update[]
    }
  | { readonly type: 'nack'; readonly sequence: number; readonly updates: readonly Update[] }
  | { readonly type: 'gossip'; readonly updates: readonly Update[] }

/** What opens an exchange on a stream. */
export type SwimRequest =
  /** Probe of last resort when datagrams are lost. */
  | { readonly type: 'probe'; readonly updates: readonly Update[] }
  /** Anti-entropy; `digests` has SYNC_BUCKETS unsigned 64-bit hashes as pairs of 32 bits. */
  | {
      readonly type: 'sync'
      readonly self: Statement
      readonly digests: Uint32Array
      /** True when the sender looks for a mesh to join. */
      readonly join: boolean
    }
  /** The entries that a `sync_reply` wanted. */
  | { readonly type: 'sync_push'; readonly entries: readonly SyncEntry[] }

/** What answers it, with the id of the request. */
export type SwimReply =
  | { readonly type: 'probe_ack'; readonly updates: readonly Update[] }
  | {
      readonly type: 'sync_reply'
      readonly self: Statement
      /**
       * The responder's entries of buckets that differ, `syncBytesMax` bytes at most, and always its
       * entry about the requester when that is not what `self` of the request said.
       */
      readonly entries: readonly SyncEntry[]
      /** Buckets that differ and hold something at the requester. */
      readonly wanted: readonly number[]
      /** True when not all buckets that differ found room; the requester asks again. */
      readonly more: boolean
    }
  | { readonly type: 'sync_done' }
  /** The responder has too many exchanges under way; try another node. */
  | { readonly type: 'busy' }

/** Buckets of the table's digest. */
export const SYNC_BUCKETS = 64
