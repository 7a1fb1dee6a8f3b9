/**
 * Who handles which frame type: one array lookup per frame. Handlers are called directly, in the
 * order of the frames of one lane. A handler that throws ends the link the frame came from, because a
 * frame half handled is worse than a link lost (house style: bytes from a peer raise errors, and a
 * lost link is an event that everybody above handles).
 */
import type { FrameVia, Link } from './link.ts'
import { LinkError } from './errors.ts'

/**
 * Handles a frame; `payload` is a view that is valid during the call only. `via` says how it came: what
 * came by datagram may have been overtaken, and one like it may be lost.
 */
export type LinkFrameHandler = (
  link: Link,
  type: number,
  payload: Uint8Array,
  via: FrameVia,
) => void

/** Types up to this one belong to the link itself. */
const LINK_TYPE_MAX = 0x0f

/** The handlers of all links of a node. */
export class FrameRouter {
  readonly #handlers: (LinkFrameHandler | undefined)[] = new Array<undefined>(256).fill(undefined)

  /** Handles types `from` to `to`; gives the way to stop. Throws when one of them is taken. */
  handle(from: number, to: number, handler: LinkFrameHandler): () => void {
    if (!(from > LINK_TYPE_MAX && from <= to && to <= 0xff)) {
      throw new RangeError(`frame types must lie within 16 to 255, received ${from} to ${to}`)
    }
    for (let type = from; type <= to; type++) {
      if (this.#handlers[type] !== undefined) {
        const text = `frame type 0x${type.toString(16)} has a handler already`
        throw new LinkError('ERR_LINK_HANDLER_TAKEN', text)
      }
    }
    this.#handlers.fill(handler, from, to + 1)
    let mine = true
    return () => {
      if (mine) this.#handlers.fill(undefined, from, to + 1)
      mine = false
    }
  }

  /** Hands a frame to its handler; false when there is none. */
  dispatch(link: Link, type: number, payload: Uint8Array, via: FrameVia): boolean {
    const handler = this.#handlers[type]
    if (handler === undefined) return false
    handler(link, type, payload, via)
    return true
  }
}
