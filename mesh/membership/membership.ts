/**
 * Who belongs to the mesh, as the layers above see it. The detector (`driver.ts`) keeps it up to date;
 * it outlives a restart of the detector.
 *
 * Per life of a member the events are `up (update | suspect | alive)* (down | left)`, then, much later,
 * `forgotten`: never `up` twice, never `down` without `up` (S14). A handler is told first who is there
 * and then every change, without a gap.
 */
import type { NodeKey } from '../identity/node-key.ts'
import type { LinkDownReason } from '../link/reasons.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { MembershipLogEntry } from './event-log.ts'
import type { Metadata } from './metadata.ts'
import type { Incarnation } from './swim/statement.ts'

/**
 * - `up`: answers probes, or has said so itself lately.
 * - `suspect`: somebody could not reach it; it has some seconds to answer. Still there for the layers above.
 * - `down`: nobody heard of it while it was suspected.
 * - `left`: said goodbye.
 */
export type MemberState = 'up' | 'suspect' | 'down' | 'left'

/** One node. */
export interface Member {
  readonly key: NodeKey
  /** `name@host:port` as it advertises itself. */
  readonly nodeId: string
  readonly address: TransportAddress
  /** Which life of the node, and how often it spoke up in it. */
  readonly incarnation: Incarnation
  readonly state: MemberState
  /** What the node says about itself with `mesh.setMetadata`. */
  readonly metadata: Metadata
  /** In which spaces of presence it is; for parts of this node (`mesh/presence`). */
  readonly spaces?: string
  /** Monotonic time of the last change of `state`. */
  readonly sinceMs: number
  /** Smoothed round trip to it, if any was measured. */
  readonly rttMs?: number
  /** Key of the node that suspected it or declared it down, hex. */
  readonly accuser?: string
  /** Why it is `down` or `left`. */
  readonly reason?: LinkDownReason
}

/** What happened to a member. */
export interface MemberEvent {
  readonly type:
    /** A member that was unknown, down or had left is there. */
    | 'up'
    | 'suspect'
    /** A suspect is there after all. */
    | 'alive'
    /** Address, name or metadata changed. */
    | 'update'
    | 'down'
    | 'left'
    /** A member that was down or had left is not remembered any more. */
    | 'forgotten'
    /** Somebody else speaks with the key of `member`, which may be this node. */
    | 'conflict'
  readonly member: Member
  /** Key of the node that brought the news, hex; undefined when this node found out itself. */
  readonly from?: string
}

/** The view of the mesh. */
export interface Membership {
  /** Every known node except this one. */
  members(): Member[]
  /** The node with that key, hex. */
  member(keyHex: string): Member | undefined
  /**
   * Calls `handler` at once for every known node (`up`, `suspect`, `down` or `left`), then for every
   * change until the returned function is called.
   */
  subscribe(handler: (event: MemberEvent) => void): () => void
  /** The latest entries of the event log, oldest first: who suspected whom, when, on whose word. */
  log(): MembershipLogEntry[]
}
