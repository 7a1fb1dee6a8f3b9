/**
 * Which numbers of a peer were used: each once, in any order near the newest one (R7). As the window against replays of
 * IPsec (RFC 4303, 3.4.3): what is older than the window counts as used.
 */

/** Numbers behind the newest that may still come. */
export const ID_WINDOW = 1_024

/** The numbers of one peer. */
export class IdWindow {
  readonly #used = new Set<number>()
  #newest = 0

  /** Uses `id`; false when it was used already, or is too old to know. */
  use(id: number): boolean {
    if (id <= this.#newest - ID_WINDOW || this.#used.has(id)) return false
    this.#used.add(id)
    this.#newest = Math.max(this.#newest, id)
    if (this.#used.size > 2 * ID_WINDOW) {
      const oldest = this.#newest - ID_WINDOW
      for (const used of this.#used) if (used <= oldest) this.#used.delete(used)
    }
    return true
  }

  /** Numbers that are remembered. */
  get size(): number {
    return this.#used.size
  }
}
