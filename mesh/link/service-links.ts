/**
 * The links of a node as its services use them: those with members and, at a gateway, those with peers at the edge.
 * What comes from an edge peer passes the gateway's gate first.
 */
import type { EdgeLinks } from './edge-links.ts'
import type { FrameRouter } from './frame-router.ts'
import type { LinkPool } from './pool.ts'

/** What services need of the links; a pool has it. */
export type ServiceLinks = Pick<LinkPool, 'accepting' | 'link' | 'usable' | 'links' | 'onLink'>

/** Who handles which frames. */
export type ServiceFrames = Pick<FrameRouter, 'handle'>

/** The links with members and with peers at the edge. */
export function serviceLinks(pool: LinkPool, edges: EdgeLinks | undefined): ServiceLinks {
  if (edges === undefined) return pool
  return {
    get accepting() {
      return pool.accepting
    },
    link: (keyHex) => pool.link(keyHex) ?? edges.pool.link(keyHex),
    usable: (keyHex) => pool.usable(keyHex) ?? edges.pool.usable(keyHex),
    links: () => [...pool.links(), ...edges.pool.links()],
    onLink: (handler) => {
      const offs = [pool.onLink(handler), edges.pool.onLink(handler)]
      return () => {
        for (const off of offs) off()
      }
    },
  }
}

/** Handlers of frames of members and of peers at the edge. */
export function serviceFrames(frames: FrameRouter, edges: EdgeLinks | undefined): ServiceFrames {
  if (edges === undefined) return frames
  return {
    handle: (from, to, handler) => {
      const off = frames.handle(from, to, handler)
      const offEdges = edges.frames.handle(from, to, (link, type, payload, via) => {
        if (edges.mayPass(link, type, payload.length)) handler(link, type, payload, via)
      })
      return () => {
        off()
        offEdges()
      }
    },
  }
}
