/**
 * Places that handlers of streams hold: one of those of this node, of their peer, and of their procedure. All are held until
 * the handler has ended. One that goes on although its stream is over gives that of its procedure to others after a while,
 * as that of a call does; it still counts for its peer and this node, which a peer that opens and cancels must not exceed.
 */
import type { Clock, ClockTimer } from '../../../runtime/index.ts'
import type { Gate } from '../gate.ts'
import type { StreamPeer } from './peers.ts'

/** What one handler holds. */
export interface StreamPlace {
  /** Its stream is over, and it is not. */
  linger(): void
  /** It has ended. */
  release(): void
}

/** See the file header. */
export class StreamPlaces {
  readonly #clock: Clock
  readonly #graceMs: number
  readonly #timers = new Set<ClockTimer>()
  #size = 0
  #isStopped = false

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock
    this.#graceMs = graceMs
  }

  /** Handlers that have not ended. */
  get size(): number {
    return this.#size
  }

  /** A handler begins; the gate has let it in. */
  take(peer: Pick<StreamPeer, 'slots'>, gate: Pick<Gate, 'done'>): StreamPlace {
    const beganMs = this.#clock.now()
    let isHeld = true
    let isInside = true
    let timer: ClockTimer | undefined
    peer.slots += 1
    this.#size += 1
    const leave = (): void => {
      if (timer !== undefined) this.#timers.delete(timer)
      timer?.cancel()
      if (!isInside) return
      isInside = false
      const nowMs = this.#clock.now()
      gate.done(nowMs - beganMs, nowMs)
    }
    return {
      linger: () => {
        if (!isInside || timer !== undefined) return
        if (this.#isStopped) return leave()
        timer = this.#clock.setTimer(this.#graceMs, leave)
        this.#timers.add(timer)
      },
      release: () => {
        if (!isHeld) return
        isHeld = false
        peer.slots -= 1
        this.#size -= 1
        leave()
      },
    }
  }

  /** Nothing waits any more. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}
