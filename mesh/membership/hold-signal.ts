/**
 * Hands the word "I keep this link as a standing one", which comes among the frames of membership, to
 * whoever keeps the standing links of this node. With nobody there the word is lost, as on a link that
 * breaks; the topology finds out by the link.
 */
import type { Link } from '../link/link.ts'

/** Handles a word of a peer. */
export type HoldHandler = (link: Link, hold: boolean) => void

/** One word, some listeners. */
export class HoldSignal {
  readonly #onHandlerError: (error: unknown) => void
  readonly #handlers = new Set<HoldHandler>()

  constructor(onHandlerError: (error: unknown) => void) {
    this.#onHandlerError = onHandlerError
  }

  /** Calls `handler` for every word; gives the way to stop. */
  subscribe(handler: HoldHandler): () => void {
    const entry: HoldHandler = (link, hold) => handler(link, hold)
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }

  /** A peer said it. */
  tell(link: Link, hold: boolean): void {
    for (const handler of this.#handlers) {
      try {
        handler(link, hold)
      } catch (error) {
        this.#onHandlerError(error)
      }
    }
  }
}
