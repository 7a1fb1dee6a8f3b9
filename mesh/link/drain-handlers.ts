/** Who wants to know that a lane takes frames again. */
import type { LaneName } from './link.ts'

/** Those of one link. */
export class DrainHandlers {
  readonly #handlers = new Set<(lane: LaneName) => void>()

  /** See `Link.onDrain`. */
  add(fn: (lane: LaneName) => void): () => void {
    this.#handlers.add(fn)
    return () => void this.#handlers.delete(fn)
  }

  /** Calls all of them; what one throws goes to `onThrown`. */
  call(lane: LaneName, onThrown: (error: unknown) => void): void {
    for (const fn of this.#handlers) {
      try {
        fn(lane)
      } catch (error) {
        onThrown(error)
      }
    }
  }

  clear(): void {
    this.#handlers.clear()
  }
}
