/** The boundary of greedy routing (`core.ts`): one synchronous machine, driven by `router.ts` and by tests. */
import type { KadKey } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import type { Envelope, RouteReason, RouteType } from './envelope.ts'
import type { PlaceRefusal } from './places.ts'
import type { RuleRefusal } from './rules.ts'

/** Whom a node can send to. */
export interface RouteView {
  /** Nodes near `key`, nearest first; what is not nearer than this node is left out here, not there. */
  closest(key: KadKey, count: number): readonly Contact[]
  /** The node with that key when a link with it stands, in the table or not. */
  linked(id: string): Contact | undefined
  /** Nodes with links that pass envelopes on, in any order. */
  neighbours(): readonly Contact[]
  /** Whether that peer is at the edge and has this node as its gateway; nobody is, where this is not given. */
  readonly isClient?: ((id: string) => boolean) | undefined
  /** The gateways of a node at the edge, best first: it sends everything to them. Undefined for any other node. */
  readonly uplinks?: (() => readonly Contact[]) | undefined
}

/** What happens to a core. */
export type GreedyInput =
  | {
      readonly type: 'send'
      readonly sendId: number
      /** 32 hex digits by lot: nobody may guess it. */
      readonly id: string
      readonly routeType: RouteType
      readonly destination: KadKey
      readonly via: KadKey | undefined
      /** A node that this one has a link with, when errors and receipts should come back through that. */
      readonly sourceVia: KadKey | undefined
      /** Not by a dial of the destination, which was tried in vain. */
      readonly isUndialable?: boolean
      readonly payload: Uint8Array
      readonly about: string | undefined
      readonly receipt: boolean
      readonly hopsMax: number
      readonly deadlineMs: number
    }
  /** Nobody waits for it any more; no event follows. */
  | { readonly type: 'cancel'; readonly sendId: number }
  /** `from` is proven by the connection. */
  | { readonly type: 'envelope'; readonly from: string; readonly envelope: Envelope }
  /** The link took what `sink.forward(attemptId, ...)` said; or `forward_failed`. */
  | { readonly type: 'forwarded'; readonly attemptId: number }
  | { readonly type: 'forward_failed'; readonly attemptId: number }
  | { readonly type: 'tick' }

/** How a send ended. */
export type SendOutcome =
  | { readonly type: 'delivered' }
  | { readonly type: 'failed'; readonly reason: RouteReason; readonly at: string }
  | { readonly type: 'refused'; readonly code: 'ERR_ROUTE_SENDS_MAX' | 'ERR_ROUTE_FORWARDS_MAX' }
  | { readonly type: 'timeout' }

/** What a core wants done, called synchronously from `step`, in order. Must not call the core back. */
export interface GreedySink {
  /** Send it over a link to that node; `forwarded` or `forward_failed` must follow, at any time. */
  forward(attemptId: number, to: Contact, envelope: Envelope): void
  /** Nobody waits for that attempt any more; no input may follow for it. */
  cancelForward(attemptId: number): void
  /** It has arrived. False when there is nobody for it. */
  deliver(envelope: Envelope): boolean
  settled(sendId: number, outcome: SendOutcome): void
  refused(code: GreedyRefusal, from: string | undefined): void
}

/** Why something changed nothing; each is a counter. */
export type GreedyRefusal =
  | PlaceRefusal
  | RuleRefusal
  | 'ERR_ROUTE_PEER_RATE'
  | 'ERR_ROUTE_DETOURS_MAX'
  | 'ERR_ROUTE_DUPLICATE'
  | 'ERR_ROUTE_EXPIRED'
  | 'ERR_ROUTE_RETURN_LOST'
  | 'ERR_ROUTE_RETURN_UNEXPECTED'

/** Counters since the start, and sizes now. */
export interface GreedyStats {
  readonly sent: number
  readonly forwarded: number
  readonly delivered: number
  /** Next hops that could not be reached. */
  readonly attemptsFailed: number
  /** Given up here: `no_route` and `max_hops_exceeded`. */
  readonly givenUp: number
  /** Passed on to a neighbour that is not nearer, or given back, for want of a nearer one. */
  readonly detours: number
  readonly sends: number
  readonly forwards: number
  /** Bytes of payload held for others while they wait for a link. */
  readonly forwardBytes: number
  readonly seen: number
  /** Destinations to which a detour has led. */
  readonly ways: number
}
