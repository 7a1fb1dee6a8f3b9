/**
 * Who has failed lately or is held for down, in the table or not. Others name such nodes for a while; a lookup
 * asks them last. Forgotten after a time, when there are too many, and when they answer.
 */
import { setNewest } from '../../machine/newest.ts'

/** How many are remembered; the one that fell first gives way. */
const FALLEN_MAX = 256

/** The memory of one node. */
export class Fallen {
  readonly #untilMs = new Map<string, number>()

  get size(): number {
    return this.#untilMs.size
  }

  add(id: string, untilMs: number): void {
    setNewest(this.#untilMs, id, untilMs, FALLEN_MAX)
  }

  forget(id: string): void {
    this.#untilMs.delete(id)
  }

  has(id: string, nowMs: number): boolean {
    if (this.#untilMs.size === 0) return false
    const untilMs = this.#untilMs.get(id)
    if (untilMs === undefined) return false
    if (nowMs < untilMs) return true
    this.#untilMs.delete(id)
    return false
  }
}
