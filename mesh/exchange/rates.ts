/**
 * How much one peer may ask, or be asked, within a second. Frames are handled where they arrive, before
 * anything else, so a flood of them must end at the door.
 */
import type { Clock } from '../../runtime/index.ts'

const WINDOW_MS = 1_000

interface Window {
  startMs: number
  count: number
}

/** Counts what each peer sends in the running second. Forget a peer when its link is gone. */
export class Rates {
  readonly #clock: Clock
  readonly #perSecondMax: number
  readonly #windows = new Map<string, Window>()

  constructor(clock: Clock, perSecondMax: number) {
    this.#clock = clock
    this.#perSecondMax = perSecondMax
  }

  /** One more of `peer`; false when it was one too many. */
  allow(peer: string): boolean {
    if (this.#perSecondMax === Infinity) return true
    const nowMs = this.#clock.now()
    let window = this.#windows.get(peer)
    if (window === undefined) this.#windows.set(peer, (window = { startMs: nowMs, count: 0 }))
    if (nowMs - window.startMs >= WINDOW_MS) {
      window.startMs = nowMs
      window.count = 0
    }
    window.count += 1
    return window.count <= this.#perSecondMax
  }

  /** When the running second of `peer` is over. */
  renewedMs(peer: string): number {
    const window = this.#windows.get(peer)
    return window === undefined ? -Infinity : window.startMs + WINDOW_MS
  }

  forget(peer: string): void {
    this.#windows.delete(peer)
  }
}
