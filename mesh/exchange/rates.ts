/**
 * How much one peer may ask, or be asked, within a second. Frames are handled where they arrive, before
 * anything else, so a flood of them must end at the door.
 */
import type { Clock } from '../../runtime/index.ts'

const WINDOW_MS = 1_000
/** With fewer windows nobody looks for those that are over. */
const SWEEP_LEAST = 64

interface Window {
  startMs: number
  count: number
}

/**
 * Counts what each peer sends in the running second. Forget a peer when its link is gone; of one that came through others
 * nobody says so, and its window goes some time after it is over.
 */
export class Rates {
  readonly #clock: Clock
  readonly #perSecondMax: number
  readonly #windows = new Map<string, Window>()
  #sweepAt = SWEEP_LEAST

  constructor(clock: Clock, perSecondMax: number) {
    this.#clock = clock
    this.#perSecondMax = perSecondMax
  }

  /** One more of `peer`; false when it was one too many. */
  allow(peer: string): boolean {
    if (this.#perSecondMax === Infinity) return true
    const nowMs = this.#clock.now()
    let window = this.#windows.get(peer)
    if (window === undefined) {
      if (this.#windows.size >= this.#sweepAt) this.#sweep(nowMs)
      this.#windows.set(peer, (window = { startMs: nowMs, count: 0 }))
    }
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

  /** Peers whose window is kept. */
  get size(): number {
    return this.#windows.size
  }

  /** Windows that are over say nothing. Next time when there are twice as many, so that it costs each peer the same. */
  #sweep(nowMs: number): void {
    for (const [peer, { startMs }] of this.#windows) {
      if (nowMs - startMs >= WINDOW_MS) this.#windows.delete(peer)
    }
    this.#sweepAt = Math.max(SWEEP_LEAST, 2 * this.#windows.size)
  }
}
