/**
 * Ids of calls that have arrived, by the node they came from, so that each runs once (R7). Two generations: when the
 * younger is full, or old, it becomes the older, which is forgotten.
 */

/** Ids are remembered that long at least, unless there are too many. */
const GENERATION_MS = 60_000

interface Generations {
  younger: Set<string>
  older: Set<string>
}

/** See the head of this file. */
export class SeenIds {
  readonly #perPeerMax: number
  readonly #nodes = new Map<string, Generations>()
  #rotatedMs = 0

  constructor(perPeerMax: number) {
    this.#perPeerMax = perPeerMax
  }

  /** Ids of all nodes. */
  get size(): number {
    let size = 0
    for (const { younger, older } of this.#nodes.values()) size += younger.size + older.size
    return size
  }

  /** Remembers it; false when it was there. */
  add(node: string, id: string, nowMs: number): boolean {
    if (nowMs - this.#rotatedMs >= GENERATION_MS) this.#rotate(nowMs)
    let ids = this.#nodes.get(node)
    if (ids === undefined) {
      ids = { younger: new Set(), older: new Set() }
      this.#nodes.set(node, ids)
    }
    if (ids.younger.has(id) || ids.older.has(id)) return false
    if (ids.younger.size * 2 >= this.#perPeerMax) {
      ids.older = ids.younger
      ids.younger = new Set()
    }
    ids.younger.add(id)
    return true
  }

  /** The node is gone: its next life has other ids. */
  forget(node: string): void {
    this.#nodes.delete(node)
  }

  #rotate(nowMs: number): void {
    this.#rotatedMs = nowMs
    for (const [node, ids] of this.#nodes) {
      if (ids.younger.size === 0) this.#nodes.delete(node)
      ids.older = ids.younger
      ids.younger = new Set()
    }
  }
}
