/**
 * The boundary of the membership core: inputs and time go in, effects come out through a sink. The core
 * (`core.ts`) is synchronous, never throws for what a peer sent, and holds no promise, timer or socket;
 * the detector process and the simulator are two drivers of the same boundary.
 */
import type { SwimDatagram, SwimReply, SwimRequest, MemberStatus } from './message.ts'
import type { Incarnation, MemberId, Statement } from './statement.ts'

/**
 * A node by address, with its id when that is known. `host` is empty and `port` 0 for a node that is
 * known only by its messages: then its connection is used, or the request has failed.
 */
export interface Contact {
  readonly id: MemberId | undefined
  readonly host: string
  readonly port: number
}

/** What happens to a core. */
export type SwimInput =
  /** `from` is proven by the connection, never read from the message. */
  | { readonly type: 'datagram'; readonly from: MemberId; readonly message: SwimDatagram }
  /** A peer's request; answer through `sink.reply(replyId, ...)`, at once. */
  | {
      readonly type: 'request'
      readonly from: MemberId
      readonly replyId: number
      readonly message: SwimRequest
    }
  /** The answer to `sink.request(requestId, ...)`; once per request, or `request_failed`. */
  | {
      readonly type: 'reply'
      readonly requestId: number
      /** Who really answered (a contact may have been an address only). */
      readonly from: MemberId
      readonly message: SwimReply
    }
  /** No answer came, or none will. */
  | { readonly type: 'request_failed'; readonly requestId: number }
  /** `nextDeadline()` has come. */
  | { readonly type: 'tick' }
  /** Join through these; tried for ever, with growing pauses, until one exchange succeeded. */
  | { readonly type: 'join'; readonly contacts: readonly Contact[] }
  /** An authenticated connection with this node exists: exchange tables unless it is a known member. */
  | { readonly type: 'contact'; readonly contact: Contact & { readonly id: MemberId } }
  /** The connection with that node was lost without a goodbye: a reason to probe it next, no more. */
  | { readonly type: 'peer_gone'; readonly id: MemberId }
  /** Say goodbye; `left` follows as an effect within `leaveTimeoutMs`. */
  | { readonly type: 'leave' }
  | { readonly type: 'set_meta'; readonly meta: Uint8Array }
  /** The new address of this node: a new incarnation with it. */
  | { readonly type: 'set_address'; readonly host: string; readonly port: number }
  /** `sink.persist(generation)` is on disk. Nothing is said with a generation before that. */
  | { readonly type: 'persisted'; readonly generation: number }

/** What a core wants done, called synchronously from `step`, in order. Must not call the core back. */
export interface SwimSink {
  /** One datagram; dial if need be. What cannot be sent is lost, as on any network. */
  send(to: MemberId, message: SwimDatagram): void
  /** A request on a stream; must be answered with `reply` or `request_failed`. */
  request(requestId: number, to: Contact, message: SwimRequest, deadlineMs: number): void
  /** Nobody waits for that request any more; no input may follow for it. */
  cancel(requestId: number): void
  reply(replyId: number, message: SwimReply): void
  event(event: SwimEvent): void
  persist(generation: number): void
  /** One more of `code` (ERR_SWIM_...), caused by `from` if a peer did. */
  refused(code: SwimRefusal, from: MemberId | undefined): void
  /** The goodbye has spread, or its time is over. */
  left(): void
}

/** A member as the core knows it. */
export interface SwimMember extends Incarnation {
  readonly id: MemberId
  readonly name: string
  readonly host: string
  readonly port: number
  readonly meta: Uint8Array
  readonly status: MemberStatus
  /** Monotonic time of the last change of `status`. */
  readonly sinceMs: number
  /** Who suspected it or declared it dead. */
  readonly accuser: MemberId | undefined
  readonly statement: Statement
}

/**
 * What the application and the event log see; one per single change of a record (S14):
 * `up (update|suspect|alive)* (down|left)` per life of a member, then `forgotten`.
 */
export interface SwimEvent {
  readonly type:
    /** A member that was unknown, dead or left is alive. */
    | 'up'
    | 'suspect'
    /** A suspect turned out to be alive. */
    | 'alive'
    /** Address, name or metadata changed while alive. */
    | 'update'
    /** Declared dead. */
    | 'down'
    /** Said goodbye. */
    | 'left'
    /** A dead or left member was dropped from the table. */
    | 'forgotten'
    /** Somebody else speaks with a valid signature of `member.id`, which may be this node. */
    | 'conflict'
  readonly member: SwimMember
  /** Peer whose message brought the news; undefined when this node found out itself. */
  readonly from: MemberId | undefined
  /** Who suspected it or declared it dead. */
  readonly accuser: MemberId | undefined
}

/** Why something that came in changed nothing; each is a counter. */
export type SwimRefusal =
  | 'ERR_SWIM_SIGNATURE'
  | 'ERR_SWIM_MEMBERSHIP'
  | 'ERR_SWIM_STATEMENT'
  /** An accusation of an incarnation that its owner never issued, as far as is known here. */
  | 'ERR_SWIM_ACCUSATION_AHEAD'
  | 'ERR_SWIM_ACCUSATION_UNKNOWN'
  | 'ERR_SWIM_COUNTER_CEILING'
  | 'ERR_SWIM_MEMBERS_MAX'
  | 'ERR_SWIM_META_BYTES_MAX'
  /** An ack, nack or reply that nobody waits for. */
  | 'ERR_SWIM_SEQUENCE'
  /** Too many probes for others, of one peer or of all. */
  | 'ERR_SWIM_RELAYS_MAX'
  | 'ERR_SWIM_SYNCS_MAX'
  /** More statements of one peer within a second than are checked. */
  | 'ERR_SWIM_CHECKS_MAX'
  | 'ERR_SWIM_SENDER_UNKNOWN'

/** Counters since the start; plain numbers for a scrape. */
export interface SwimStats {
  readonly members: Readonly<Record<MemberStatus, number>>
  readonly localHealth: number
  readonly updatesQueued: number
  readonly probes: number
  readonly probesFailed: number
  readonly indirectProbes: number
  readonly streamProbes: number
  readonly suspicions: number
  readonly refutations: number
  readonly deaths: number
  readonly syncs: number
  readonly healings: number
  readonly datagramsSent: number
  readonly datagramsReceived: number
}
