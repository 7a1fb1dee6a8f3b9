/**
 * Whether the other thread still lives: pings after silence of ours, gives up after silence of theirs. After a turn
 * that took too long the words of the peer wait behind the timer; so silence counts only when one more turn has
 * passed, or a thread that computed for ten seconds would blame everybody else.
 */
import type { Clock, ClockTimer } from '../../../runtime/index.ts'

/** What a pulse is made of. */
export interface PulseParts {
  readonly clock: Clock
  readonly idleTimeoutMs: number
  readonly keepaliveIntervalMs: number
  /** What the handshake took. */
  readonly rttMs: number
  readonly ping: (stamp: number) => void
  /** Nothing was heard for `idleTimeoutMs`; called once. */
  readonly silent: () => void
}

/** See the file header. */
export class Pulse {
  rttMs: number
  readonly #parts: PulseParts
  #heardAtMs: number
  #spokeAtMs: number
  #stamp = 0
  #pingedAtMs: number | undefined
  #timer: ClockTimer | undefined
  #stopped = false

  constructor(parts: PulseParts) {
    this.#parts = parts
    this.rttMs = parts.rttMs
    this.#heardAtMs = parts.clock.now()
    this.#spokeAtMs = this.#heardAtMs
    this.#wait()
  }

  /** The peer said something. */
  heard(): void {
    this.#heardAtMs = this.#parts.clock.now()
  }

  /** We said something. */
  spoke(): void {
    this.#spokeAtMs = this.#parts.clock.now()
  }

  /** The peer answers a ping. */
  pong(stamp: number): void {
    if (this.#pingedAtMs === undefined || stamp !== this.#stamp) return
    this.rttMs = this.#parts.clock.now() - this.#pingedAtMs
    this.#pingedAtMs = undefined
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #wait(): void {
    const { clock, keepaliveIntervalMs } = this.#parts
    const dueMs = Math.min(this.#silentAtMs, this.#spokeAtMs + keepaliveIntervalMs)
    const delayMs = Math.max(1, Math.ceil(dueMs - clock.now()))
    this.#timer = clock.setTimer(delayMs, () => this.#tick())
  }

  #tick(): void {
    const { clock, keepaliveIntervalMs } = this.#parts
    const nowMs = clock.now()
    if (nowMs >= this.#silentAtMs) return clock.nextTurn(() => this.#judge())
    if (nowMs >= this.#spokeAtMs + keepaliveIntervalMs) {
      this.#stamp = (this.#stamp + 1) >>> 0
      this.#pingedAtMs = nowMs
      this.#spokeAtMs = nowMs
      this.#parts.ping(this.#stamp)
    }
    this.#wait()
  }

  #judge(): void {
    if (this.#stopped) return
    if (this.#parts.clock.now() < this.#silentAtMs) return this.#wait()
    this.#stopped = true
    this.#parts.silent()
  }

  get #silentAtMs(): number {
    return this.#heardAtMs + this.#parts.idleTimeoutMs
  }
}
