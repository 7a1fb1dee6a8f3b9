/**
 * Who belongs to the mesh, as the layers above see it. Any detector (the plain exchange over links
 * in `exchange.ts`, SWIM later) stands behind this interface.
 *
 * A member is `up` only while an accepted link to it exists here: nobody else's word makes a node
 * up, down or gone. What others say about a third node is an address to try, nothing more (H37).
 */
import type { NodeKey } from '../identity/node-key.ts'
import type { LinkDownReason } from '../link/reasons.ts'
import type { TransportAddress } from '../transport/transport.ts'

/**
 * - `connecting`: heard of, never linked.
 * - `up`: linked.
 * - `down`: was linked; dialled again with growing pauses.
 * - `left`: said goodbye; not dialled until it dials us.
 */
export type MemberState = 'connecting' | 'up' | 'down' | 'left'

/** One node. */
export interface Member {
  readonly key: NodeKey
  /** `name@host:port` as it advertises itself, or as somebody told while `connecting`. */
  readonly nodeId: string
  readonly address: TransportAddress
  /** 0 until it has proven one over a link. */
  readonly incarnation: number
  readonly state: MemberState
  /** Monotonic time of the last change of `state`. */
  readonly sinceMs: number
  /** Why it is `down` or `left`. */
  readonly reason?: LinkDownReason
}

/** A member changed its state, or was forgotten. */
export interface MemberEvent {
  readonly type: MemberState | 'forgotten'
  readonly member: Member
}

/** The view of the mesh. */
export interface Membership {
  /** Every known node except this one. */
  members(): Member[]
  /** Calls `handler` for every change until the returned function is called. */
  subscribe(handler: (event: MemberEvent) => void): () => void
}
