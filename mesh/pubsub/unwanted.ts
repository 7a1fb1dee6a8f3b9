/**
 * Nodes that said of a topic that nobody there wants it, although the catalog says otherwise: it may be behind, or the
 * node may have widened its filters. They are left out for a while, or until something changes there.
 */

/** Pairs of node and topic that are remembered. */
const ENTRIES_MAX = 65_536

/** See the head of this file. */
export class Unwanted {
  readonly #ttlMs: number
  readonly #nodes = new Map<string, Map<string, number>>()
  #size = 0
  #nextDueMs = Infinity
  /** Rises with every change. */
  version = 0

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
  }

  get nextDueMs(): number {
    return this.#nextDueMs
  }

  has(node: string, topic: string): boolean {
    return this.#nodes.get(node)?.has(topic) === true
  }

  add(node: string, topic: string, nowMs: number): void {
    if (this.#size >= ENTRIES_MAX) return
    let topics = this.#nodes.get(node)
    if (topics === undefined) this.#nodes.set(node, (topics = new Map()))
    if (topics.has(topic)) return
    topics.set(topic, nowMs + this.#ttlMs)
    this.#size += 1
    this.#nextDueMs = Math.min(this.#nextDueMs, nowMs + this.#ttlMs)
    this.version += 1
  }

  /** Something is wanted there that was not. */
  forget(node: string): void {
    const topics = this.#nodes.get(node)
    if (topics === undefined) return
    this.#nodes.delete(node)
    this.#size -= topics.size
    this.version += 1
  }

  tick(nowMs: number): void {
    if (this.#nextDueMs > nowMs) return
    this.#nextDueMs = Infinity
    this.version += 1
    for (const [node, topics] of this.#nodes) {
      for (const [topic, untilMs] of topics) {
        if (untilMs <= nowMs) {
          topics.delete(topic)
          this.#size -= 1
        } else this.#nextDueMs = Math.min(this.#nextDueMs, untilMs)
      }
      if (topics.size === 0) this.#nodes.delete(node)
    }
  }
}
