/**
 * What is passed on from node to node towards a key, each hop strictly nearer to it than the last (the
 * reference's `rpc_route` and `pubsub_route`, with the progress that it did not check, MG8).
 */
import type { KadKey } from '../kademlia/id.ts'

/** What applications send. */
export type RouteType = 'call' | 'reply' | 'publish'

/** Why an envelope was given up. */
export type RouteReason =
  /** Nobody nearer is known, or none of them can be reached. */
  | 'no_route'
  | 'max_hops_exceeded'
  /** It has arrived, and there is nobody for it. */
  | 'no_handler'

/** What an envelope carries. Errors and receipts are about another envelope and are never answered. */
export type RouteContent =
  | {
      readonly type: RouteType
      /** The call that a reply answers; a reply is a receipt, too. */
      readonly about: string | undefined
      /** Whether the source wants to know that it arrived. */
      readonly receipt: boolean
      readonly payload: Uint8Array
    }
  | { readonly type: 'error'; readonly about: string; readonly reason: RouteReason }
  | { readonly type: 'receipt'; readonly about: string }

/** One envelope on its way. */
export interface Envelope {
  /** 32 hex digits by lot. */
  readonly id: string
  /** `pubsub` for what `publish` sends and what comes back for it, else `rpc`: the frame it travels in. */
  readonly channel: 'rpc' | 'pubsub'
  readonly destination: KadKey
  /** As it says itself; only the first hop knows for sure. */
  readonly source: KadKey
  readonly hopsMax: number
  /** Time that is left; each node takes off what it needed itself. */
  readonly ttlMs: number
  /** Nodes that it came through, source first: as many as hops made. */
  readonly visited: readonly string[]
  readonly content: RouteContent
}
