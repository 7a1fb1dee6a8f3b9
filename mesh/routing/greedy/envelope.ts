/**
 * What is passed on from node to node towards a key, each hop strictly nearer to it than the last (the
 * reference's `rpc_route` and `pubsub_route`, with the progress that it did not check, MG8). Where nobody is nearer, it goes on
 * a detour: to neighbours it was not with yet, and back from where there are none, as one walks a maze.
 *
 * A peer at the edge stands in no table; it is reached through a gateway that it has a link with. An envelope for it
 * names the gateway (`via`) and is passed on towards that; the gateway takes the name off and hands it over. What such a
 * peer sends goes to its gateway first, which writes itself down (`sourceVia`), so that errors and receipts find back.
 */
import type { KadKey } from '../kademlia/id.ts'

/** What applications send. */
export type RouteType = 'call' | 'reply' | 'publish'

/** Why an envelope was given up. */
export type RouteReason =
  /** Nobody that can be reached has a way to it. */
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
  /** The gateway that has a link with the destination; it is the target until it is reached. */
  readonly via: KadKey | undefined
  /** As it says itself; only the first hop knows for sure. */
  readonly source: KadKey
  /** A node that has a link with the source: its gateway, or one that it chose. Errors and receipts go through it. */
  readonly sourceVia: KadKey | undefined
  readonly hopsMax: number
  /** Time that is left; each node takes off what it needed itself. */
  readonly ttlMs: number
  /** Nodes that it came through, source first: as many as hops made. */
  readonly visited: readonly string[]
  /** On a detour the nodes that gave it back, as they had nobody else to give it to; undefined before there is one. */
  readonly tried: readonly string[] | undefined
  readonly content: RouteContent
}
