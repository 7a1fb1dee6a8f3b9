/** Which envelopes a node has had: the latest `max` of them. */

/** See the file header. */
export class SeenEnvelopes {
  readonly #max: number
  readonly #seen = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#seen.size
  }

  /** Remembers it; false when it was known. One id of two sources names two envelopes. */
  add(source: string, id: string): boolean {
    const name = `${source}${id}`
    if (this.#seen.has(name)) return false
    this.#seen.add(name)
    if (this.#seen.size <= this.#max) return true
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest)
      break
    }
    return true
  }
}
