/**
 * One direction of a simulated connection. Frames arrive after the latency; those of one stream in
 * order, those of different streams in any. While the direction is cut nothing arrives: datagrams
 * and closes are lost, stream frames are held and come after the cut heals, as if they had been sent
 * again and again. A cut works at arrival, so it also stops what was already on its way.
 */
import type { Clock, ClockTimer, Entropy } from '../../../runtime/index.ts'
import type { Frame } from './frame.ts'
import type { LinkConditions } from './options.ts'

/** Losses of one frame in a row that are simulated. */
const RESENDS_MAX = 8

/** Keeps the frames of one stream in order. */
export interface Order {
  arrivesAtMs: number
}

/** What a pipe is made of. */
export interface PipeParts {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly conditions: LinkConditions
  readonly deliver: (frame: Frame) => void
}

/** See the file header. */
export class Pipe {
  /** Called when the receiver is gone. */
  onStop: () => void = () => {}
  readonly #clock: Clock
  readonly #entropy: Entropy
  readonly #deliver: (frame: Frame) => void
  readonly #conditions: LinkConditions
  readonly #inFlight = new Set<ClockTimer>()
  #held: Frame[] = []
  #cut = false
  #stopped = false
  /** Nothing may arrive before the end of the handshake, and no close before other frames. */
  #firstMs = 0
  #lastMs = 0

  constructor(parts: PipeParts) {
    this.#clock = parts.clock
    this.#entropy = parts.entropy
    this.#conditions = parts.conditions
    this.#deliver = parts.deliver
  }

  get cut(): boolean {
    return this.#cut
  }

  /** Heals (false) or cuts (true) this direction. */
  setCut(cut: boolean): void {
    if (this.#cut === cut) return
    this.#cut = cut
    if (!cut && this.#held.length > 0) this.#schedule(0, () => this.#release())
  }

  /** Sends a frame that is repeated until it arrives. */
  send(frame: Frame, order: Order): void {
    const nowMs = this.#clock.now()
    let delayMs = this.#delayMs()
    for (let resends = 0; resends < RESENDS_MAX && this.#isLost(); resends++) {
      delayMs += 2 * this.#delayMs() + 1
    }
    order.arrivesAtMs = Math.max(order.arrivesAtMs, this.#firstMs, nowMs + delayMs)
    this.#lastMs = Math.max(this.#lastMs, order.arrivesAtMs)
    this.#schedule(order.arrivesAtMs - nowMs, () => {
      if (this.#cut || this.#held.length > 0) this.#held.push(frame)
      else this.#deliver(frame)
    })
  }

  /** Sends the frame before which no other may arrive. */
  sendFirst(frame: Frame): void {
    const order: Order = { arrivesAtMs: 0 }
    this.send(frame, order)
    this.#firstMs = order.arrivesAtMs
  }

  /** Sends a frame that is lost if the network loses it. */
  sendOnce(frame: Frame): void {
    if (this.#isLost()) return
    this.#arriveOnce(this.#delayMs(), frame)
  }

  /** Sends the last frame: after all others, and only once. */
  sendLast(frame: Frame): void {
    const nowMs = this.#clock.now()
    this.#arriveOnce(Math.max(this.#lastMs - nowMs, this.#delayMs()), frame)
  }

  /** The receiver is gone. */
  stop(): void {
    this.#stopped = true
    this.#held = []
    for (const timer of this.#inFlight) timer.cancel()
    this.#inFlight.clear()
    this.onStop()
  }

  #arriveOnce(delayMs: number, frame: Frame): void {
    this.#schedule(delayMs, () => {
      if (!this.#cut) this.#deliver(frame)
    })
  }

  #schedule(delayMs: number, fn: () => void): void {
    if (this.#stopped) return
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#inFlight.delete(timer)
      fn()
    })
    this.#inFlight.add(timer)
  }

  #release(): void {
    while (!this.#cut && !this.#stopped) {
      const frame = this.#held.shift()
      if (frame === undefined) return
      this.#deliver(frame)
    }
  }

  #delayMs(): number {
    const { latencyMs, jitterMs } = this.#conditions
    return jitterMs === 0 ? latencyMs : latencyMs + jitterMs * this.#entropy.random()
  }

  #isLost(): boolean {
    const { lossRatio } = this.#conditions
    return lossRatio > 0 && this.#entropy.random() < lossRatio
  }
}
