/**
 * The boundary of the routing core (`core.ts`): routing table, admission, pings, bootstrap, refresh and
 * lookups as one synchronous machine. It never throws for what a peer sent and holds no promise, timer or
 * socket; the routing server process and the simulator drive the same boundary. Records are not its
 * business: it carries their requests and hands up their answers (`records/machine.ts`).
 */
import type { KadKey } from './id.ts'
import type {
  Contact,
  DhtMode,
  FindNode,
  FindNodeReply,
  LookupReply,
  LookupRequest,
  Sender,
} from './message.ts'
import type { Offence } from './scores.ts'

/** What happens to a routing core. */
export type RoutingInput =
  /** `from` is proven by the connection. Answer through `sink.reply(replyId, ...)`, at once. */
  | {
      readonly type: 'request'
      readonly from: string
      readonly replyId: number
      readonly message: FindNode
    }
  /** The answer to `sink.request(requestId, ...)`; once per request, or `request_failed`. */
  | {
      readonly type: 'reply'
      readonly requestId: number
      readonly from: string
      readonly message: LookupReply
    }
  /** No answer came by the deadline, or none will: nobody is there, or the connection was refused. */
  | { readonly type: 'request_failed'; readonly requestId: number }
  | { readonly type: 'tick' }
  /** Join through these; tried for ever with growing pauses, and again whenever the table is empty. */
  | { readonly type: 'bootstrap'; readonly contacts: readonly SeedContact[] }
  /**
   * A node may be there: SWIM holds it for up, a link with it stands, it asked us something. A candidate, no
   * more: it is admitted after it has answered a question of ours (K11).
   */
  | { readonly type: 'candidate'; readonly contact: Contact }
  /** A node asked us something that is not for this core: `sender` is what it says about itself. */
  | { readonly type: 'heard'; readonly from: string; readonly sender: Sender }
  /** SWIM holds it for down or it said goodbye: answers omit it, lookups ask it last, a ping decides. */
  | { readonly type: 'down'; readonly id: string }
  /** A peer did something to another core that no honest node does; see `scores.ts`. */
  | { readonly type: 'offence'; readonly id: string; readonly code: Offence }
  | { readonly type: 'lookup'; readonly lookupId: number; readonly spec: LookupSpec }
  /** Nobody waits for it any more: its requests are cancelled, no event follows. */
  | { readonly type: 'cancel_lookup'; readonly lookupId: number }
  /** Ends a lookup with what it has: a `lookup_done` with `stopped` follows. */
  | { readonly type: 'stop_lookup'; readonly lookupId: number }
  | { readonly type: 'set_mode'; readonly mode: DhtMode }
  | { readonly type: 'set_address'; readonly host: string; readonly port: number }

/** An address to bootstrap by; its id is learnt from who answers there when it is not known. */
export interface SeedContact {
  readonly id: string | undefined
  readonly host: string
  readonly port: number
}

/** One iterative lookup. What is not given is taken from the settings. */
export interface LookupSpec {
  readonly kind: LookupRequest['type']
  readonly target: KadKey
  /** Nearest responders wanted; default `k`. */
  readonly count?: number
  /** Requests in flight per path; default `alpha`. Interactive callers take `alphaInteractive`. */
  readonly alpha?: number
  /**
   * Convergence: with a number, the lookup turns from alpha-wide search to asking all of the k nearest as soon
   * as the `beta` nearest known have answered; 0 never widens. Default `beta`.
   */
  readonly beta?: number
  /** Disjoint paths (S/Kademlia); default 1. What is marked critical takes `disjointPaths` of the settings. */
  readonly paths?: number
  /** Monotonic time at which it ends with what it has; default now + `lookupTimeoutMs`. */
  readonly deadlineMs?: number
  /** Requests it may send; default `lookupRequestsMax`. */
  readonly requestsMax?: number
  /** Emit a `lookup_hop` event per answer and failure; default false. */
  readonly trace?: boolean
}

/** What a core wants done, called synchronously from `step`, in order. Must not call the core back. */
export interface RoutingSink {
  /** A request on a stream; must be answered with `reply` or `request_failed` by the deadline. */
  request(requestId: number, to: SeedContact, message: LookupRequest, deadlineMs: number): void
  /** Nobody waits for that request any more; no input may follow for it. */
  cancel(requestId: number): void
  reply(replyId: number, message: FindNodeReply): void
  event(event: RoutingEvent): void
  /** One more of `code`, caused by `from` if a peer did. */
  refused(code: RoutingRefusal, from: string | undefined): void
}

/** What the layers above see. */
export type RoutingEvent =
  /** Answers to a lookup, as they come; for `find_node` too. */
  | {
      readonly type: 'lookup_reply'
      readonly lookupId: number
      readonly from: Contact
      readonly message: LookupReply
    }
  /** For `trace`: one per answer, failure or soft timeout. */
  | { readonly type: 'lookup_hop'; readonly lookupId: number; readonly hop: LookupHop }
  | { readonly type: 'lookup_done'; readonly lookupId: number; readonly result: LookupResult }
  | { readonly type: 'admitted'; readonly contact: Contact }
  /** Not in the table any more. */
  | {
      readonly type: 'removed'
      readonly contact: Contact
      readonly reason: 'failed' | 'client' | 'replaced' | 'address' | 'shunned'
    }
  /** The join has finished: own neighbourhood looked up, every bucket beyond it refreshed once. */
  | { readonly type: 'bootstrapped' }
  /** The table is empty: bootstrap has begun again. */
  | { readonly type: 'isolated' }

/** One step of a lookup. */
export interface LookupHop {
  readonly contact: Contact
  readonly outcome: 'answered' | 'failed' | 'slow' | 'late'
  /** Hops from this node: 1 for a contact out of its own table. */
  readonly depth: number
  readonly path: number
  readonly rttMs: number
  /** Contacts in the answer that were new to the lookup. */
  readonly learned: number
  /** Bits that the contact's key has in common with the target. */
  readonly prefixBits: number
}

/** How a lookup ended. */
export interface LookupResult {
  /** Who answered, nearest first, at most `count`. Nobody else (K15). */
  readonly closest: readonly Contact[]
  readonly reason:
    | 'converged'
    | 'exhausted'
    | 'deadline'
    | 'requests_max'
    | 'stopped'
    /** Too many lookups run and wait already; nobody was asked. */
    | 'refused'
  readonly requests: number
  readonly failures: number
  /** Hops to the nearest responder. */
  readonly depth: number
  readonly elapsedMs: number
}

/** An entry of the routing table, for people and for tests. */
export interface RoutingEntry {
  readonly contact: Contact
  readonly bucket: number
  /** Monotonic time of its last answer. */
  readonly answeredMs: number
  readonly state: 'good' | 'failed'
  readonly rttMs: number | undefined
}

/** Why something that came in changed nothing; each is a counter. */
export type RoutingRefusal =
  /** A contact of this node itself, of the asker, or twice in one answer. */
  | 'ERR_DHT_CONTACT_REPEATED'
  /** An address nobody can be at: port 0, unspecified, or loopback told by a node that is elsewhere. */
  | 'ERR_DHT_CONTACT_ADDRESS'
  /** More contacts in an answer than are allowed; the rest was dropped. */
  | 'ERR_DHT_CONTACTS_MAX'
  /** So many of one network are in the table, or in the bucket, already (K12). */
  | 'ERR_DHT_DIVERSITY'
  /** An answer that nobody waits for, of another kind or about another key. */
  | 'ERR_DHT_REPLY_UNEXPECTED'
  /** The peer asks more than it may. */
  | 'ERR_DHT_REQUESTS_MAX'
  /** The peer has offended too often: for a while this node has nothing to do with it. */
  | 'ERR_DHT_PEER_SHUNNED'
  | 'ERR_DHT_LOOKUPS_MAX'
  | 'ERR_DHT_CANDIDATES_MAX'

/** Counters since the start, and sizes now. */
export interface RoutingStats {
  readonly entries: number
  readonly replacements: number
  readonly candidates: number
  readonly lookups: number
  readonly lookupsRunning: number
  readonly requestsSent: number
  readonly requestsFailed: number
  readonly requestsRunning: number
  readonly requestsAnswered: number
  readonly pings: number
  readonly refreshes: number
  readonly bootstraps: number
  /** What peers did that no honest node does, as far as it was counted against them. */
  readonly offences: number
  /** Times that a peer came to be shunned for it, and peers that are shunned now. */
  readonly shuns: number
  readonly shunned: number
  /** Estimated nodes of the network, this one included; undefined before the first lookups. */
  readonly networkSize: number | undefined
}
