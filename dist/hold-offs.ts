/**
 * Nodes that were lost or dialled in vain, and are not dialled from here for a while: asking again at once would only
 * delay the answer. Each failure doubles the pause; a link that comes up ends it.
 */
import type { Clock, ClockTimer } from '../runtime/index.ts'

/** Longest pause between two dials on demand. The mesh dials lost nodes by itself meanwhile. */
const HOLD_OFF_MS_MAX = 30_000

/** Nodes whose pauses are remembered; more forgets the oldest. */
const HOLD_OFFS_MAX = 4_096

/** A node that is not dialled while `timer` runs. */
interface HoldOff {
  readonly delayMs: number
  timer: ClockTimer | undefined
}

/** See the file header. */
export class HoldOffs {
  readonly #clock: Clock
  readonly #baseMs: number
  readonly #byNode = new Map<string, HoldOff>()

  constructor(clock: Clock, baseMs: number) {
    this.#clock = clock
    this.#baseMs = baseMs
  }

  /** Whether that node is not to be dialled now. */
  has(keyHex: string): boolean {
    return this.#byNode.get(keyHex)?.timer !== undefined
  }

  /** It was lost, or dialled in vain. */
  add(keyHex: string): void {
    if (this.#baseMs === 0) return
    const before = this.#byNode.get(keyHex)
    before?.timer?.cancel()
    this.#byNode.delete(keyHex)
    const doubledMs = before === undefined ? 0 : before.delayMs * 2
    const delayMs = Math.max(this.#baseMs, Math.min(doubledMs, HOLD_OFF_MS_MAX))
    const holdOff: HoldOff = { delayMs, timer: undefined }
    holdOff.timer = this.#clock.setTimer(delayMs, () => (holdOff.timer = undefined))
    holdOff.timer.unref()
    this.#byNode.set(keyHex, holdOff)
    if (this.#byNode.size <= HOLD_OFFS_MAX) return
    for (const oldest of this.#byNode.keys()) return this.forget(oldest)
  }

  /** It is there again. */
  forget(keyHex: string): void {
    this.#byNode.get(keyHex)?.timer?.cancel()
    this.#byNode.delete(keyHex)
  }

  clear(): void {
    for (const { timer } of this.#byNode.values()) timer?.cancel()
    this.#byNode.clear()
  }
}
