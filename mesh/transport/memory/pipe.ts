/**
 * One direction of a simulated connection. Frames arrive after the latency; those of one stream in
 * order, those of different streams in any. While the direction is cut nothing arrives: datagrams
 * and closes are lost, stream frames are held and come after the cut heals, as if they had been sent
 * again and again; those of a sender that is gone are lost, for nobody sends them again. A cut works at arrival, so it also stops what was already on its way. While the
 * receiver is paused everything waits at its door, as in the buffers of its machine.
 */
import { asNobody } from '../../../runtime/index.ts'
import type { Clock, ClockTimer } from '../../../runtime/index.ts'
import type { LinkConditions } from './conditions.ts'
import { travelMs } from './conditions.ts'
import type { Frame } from './frame.ts'
import { Decision } from './link-chance.ts'
import type { LinkChance } from './link-chance.ts'

/** Losses of one frame in a row that are simulated. */
const RESENDS_MAX = 8

/** Datagrams that wait for a paused receiver; more are lost. */
const PAUSED_DATAGRAMS_MAX = 1_024

/** Keeps the frames of one stream in order. */
export interface Order {
  arrivesAtMs: number
}

/** What a pipe is made of. */
export interface PipeParts {
  readonly clock: Clock
  readonly chance: LinkChance
  readonly conditions: LinkConditions
  readonly deliver: (frame: Frame) => void
}

/** See the file header. */
export class Pipe {
  /** Called when the receiver is gone. */
  onStop: () => void = () => {}
  /** May change while frames are on their way; counts for those sent from now on. */
  conditions: LinkConditions
  /** The sender does nothing, not even keep the connection alive. */
  senderPaused = false
  readonly #clock: Clock
  readonly #chance: LinkChance
  readonly #deliver: (frame: Frame) => void
  readonly #inFlight = new Set<ClockTimer>()
  #held: Frame[] = []
  #waiting: Frame[] = []
  #waitingDatagrams = 0
  #cut = false
  #receiverPaused = false
  #senderGone = false
  /** Of a stream nothing comes after a gap. */
  #gap = false
  #stopped = false
  /** Nothing may arrive before the end of the handshake, and no close before other frames. */
  #firstMs = 0
  #lastMs = 0
  /** Until when the bytes of datagrams, and all bytes, keep the line busy. */
  #datagramsBusyMs = 0
  #busyMs = 0

  constructor(parts: PipeParts) {
    this.#clock = parts.clock
    this.#chance = parts.chance
    this.conditions = parts.conditions
    this.#deliver = parts.deliver
  }

  get cut(): boolean {
    return this.#cut
  }

  /** Whether the receiver hears nothing of a sender that keeps the connection alive. */
  get silent(): boolean {
    return this.#cut || this.senderPaused
  }

  /** Heals (false) or cuts (true) this direction. */
  setCut(cut: boolean): void {
    if (this.#cut === cut) return
    this.#cut = cut
    if (!cut && this.#held.length > 0) this.#schedule(0, () => this.#release())
  }

  /** Stops the receiver, or lets it go on with what waits at its door. */
  setReceiverPaused(paused: boolean): void {
    if (this.#receiverPaused === paused) return
    this.#receiverPaused = paused
    if (!paused && this.#waiting.length > 0) this.#schedule(0, () => this.#open())
  }

  /** Sends a frame that is repeated until it arrives. */
  send(frame: Frame, order: Order): void {
    const nowMs = this.#clock.now()
    const n = this.#chance.next('stream')
    let delayMs = this.#travelMs('stream', n, Decision.latency)
    const { lossRatio } = this.conditions
    for (let resends = 0; resends < RESENDS_MAX && lossRatio > 0; resends++) {
      const decision = Decision.resend + 2 * resends
      if (this.#chance.at('stream', n, decision) >= lossRatio) break
      delayMs += 2 * this.#travelMs('stream', n, decision + 1) + 1
    }
    order.arrivesAtMs = Math.max(order.arrivesAtMs, this.#firstMs, nowMs + delayMs)
    this.#lastMs = Math.max(this.#lastMs, order.arrivesAtMs)
    this.#schedule(order.arrivesAtMs - nowMs, () => this.#afterLine(frame))
  }

  /** Sends the frame before which no other may arrive. */
  sendFirst(frame: Frame): void {
    const order: Order = { arrivesAtMs: 0 }
    this.send(frame, order)
    this.#firstMs = order.arrivesAtMs
  }

  /** Sends a datagram: the network may lose it, bring it twice, or late. */
  sendOnce(frame: Frame & { readonly type: 'datagram' }): void {
    const { lossRatio, duplicateRatio, reorderRatio, reorderMs } = this.conditions
    const n = this.#chance.next('datagram')
    const happens = (share: number, decision: number): boolean =>
      share > 0 && this.#chance.at('datagram', n, decision) < share
    const queuedMs = this.#queueMs(frame.bytes.length)
    if (queuedMs === undefined || happens(lossRatio, Decision.loss)) return
    const lateMs = happens(reorderRatio, Decision.reorder) ? reorderMs : 0
    const delayMs = queuedMs + lateMs + this.#travelMs('datagram', n, Decision.latency)
    this.#schedule(delayMs, () => this.#arriveOnce(frame))
    if (!happens(duplicateRatio, Decision.duplicate)) return
    const copy: Frame = { type: 'datagram', bytes: Uint8Array.from(frame.bytes) }
    const copyMs = queuedMs + this.#travelMs('datagram', n, Decision.duplicateLatency)
    this.#schedule(copyMs, () => this.#arriveOnce(copy))
  }

  /** Sends the last frame: after all others, and only once. */
  sendLast(frame: Frame): void {
    const nowMs = this.#clock.now()
    const delayMs = this.#travelMs('stream', this.#chance.next('stream'), Decision.latency)
    const afterMs = Math.max(this.#lastMs, this.#busyMs) - nowMs
    this.#schedule(Math.max(afterMs, delayMs), () => this.#arriveOnce(frame))
  }

  /** The sender is gone; what is on its way without a cut arrives. */
  abandon(): void {
    this.#senderGone = true
    if (this.#cut && this.#held.length > 0) this.#gap = true
    if (this.#cut) this.#held = []
  }

  /** The receiver is gone. */
  stop(): void {
    this.#stopped = true
    this.#held = []
    this.#waiting = []
    for (const timer of this.#inFlight) timer.cancel()
    this.#inFlight.clear()
    this.onStop()
  }

  /** A frame of a stream has travelled; its bytes, known only now, may have to wait for the line. */
  #afterLine(frame: Frame): void {
    const { bytesPerSecond } = this.conditions
    if (bytesPerSecond === Infinity || frame.type !== 'data') return this.#arrive(frame)
    let bytes = 0
    for (const chunk of frame.chunks) bytes += chunk.length
    frame.arrived = true // what is written from now on is another frame
    const nowMs = this.#clock.now()
    this.#busyMs = Math.max(this.#busyMs, nowMs) + (bytes * 1_000) / bytesPerSecond
    this.#schedule(this.#busyMs - nowMs, () => this.#arrive(frame))
  }

  /** How long a datagram waits for the line; undefined if the queue is full. */
  #queueMs(bytes: number): number | undefined {
    const { bytesPerSecond, queueBytesMax } = this.conditions
    if (bytesPerSecond === Infinity) return 0
    const nowMs = this.#clock.now()
    const waitMs = Math.max(0, this.#datagramsBusyMs - nowMs)
    if ((waitMs * bytesPerSecond) / 1_000 + bytes > queueBytesMax) return undefined
    const lineMs = (bytes * 1_000) / bytesPerSecond
    this.#datagramsBusyMs = nowMs + waitMs + lineMs
    this.#busyMs = Math.max(this.#busyMs, nowMs) + lineMs
    return waitMs + lineMs
  }

  #arrive(frame: Frame): void {
    if (this.#cut && this.#senderGone) this.#gap = true
    if (this.#gap) return
    if (this.#cut || this.#held.length > 0) this.#held.push(frame)
    else this.#hand(frame)
  }

  #arriveOnce(frame: Frame): void {
    if (!this.#cut) this.#hand(frame)
  }

  #hand(frame: Frame): void {
    if (!this.#receiverPaused && this.#waiting.length === 0) return this.#deliver(frame)
    if (frame.type === 'datagram' && ++this.#waitingDatagrams > PAUSED_DATAGRAMS_MAX) return
    this.#waiting.push(frame)
  }

  /** The receiver goes on. */
  #open(): void {
    while (!this.#receiverPaused && !this.#stopped) {
      const frame = this.#waiting.shift()
      if (frame === undefined) break
      this.#deliver(frame)
    }
    if (this.#waiting.length === 0) this.#waitingDatagrams = 0
  }

  #schedule(delayMs: number, fn: () => void): void {
    if (this.#stopped) return
    // On whole milliseconds, as timers are: packets of one millisecond are read in one turn, and a big
    // simulation does not stop for each of them.
    const nowMs = this.#clock.now()
    const waitMs = Math.ceil(nowMs + delayMs) - nowMs
    // In nobody's name: what arrives is not the work of the process that sent it.
    const timer = asNobody(() =>
      this.#clock.setTimer(waitMs, () => {
        this.#inFlight.delete(timer)
        fn()
      }),
    )
    this.#inFlight.add(timer)
  }

  #release(): void {
    while (!this.#cut && !this.#stopped) {
      const frame = this.#held.shift()
      if (frame === undefined) return
      this.#hand(frame)
    }
  }

  #travelMs(kind: 'stream' | 'datagram', n: number, decision: number): number {
    const { conditions } = this
    if (conditions.jitterMs === 0) return conditions.latencyMs
    return travelMs(conditions, this.#chance.at(kind, n, decision))
  }
}
