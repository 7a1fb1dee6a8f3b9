/** Which nodes are sent to through others because they could not be dialled, and until when they are left alone. */
import { setNewest } from '../machine/newest.ts'

/** Nodes remembered; beyond it the oldest is dialled once more. */
const PATHS_MAX = 4_096

/** See the file header. */
export class Paths {
  readonly #ttlMs: number
  readonly #untilMs = new Map<string, number>()

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  isRelayed(node: string): boolean {
    return this.#untilMs.has(node)
  }

  /** Whether it is time to dial the node again. */
  isDue(node: string, nowMs: number): boolean {
    return nowMs >= (this.#untilMs.get(node) ?? -Infinity)
  }

  /** It could not be dialled. */
  relay(node: string, nowMs: number): void {
    setNewest(this.#untilMs, node, nowMs + this.#ttlMs, PATHS_MAX)
  }

  /** It has a link, or there is no way through others. */
  forget(node: string): void {
    this.#untilMs.delete(node)
  }
}
