/**
 * Which places there are, each as often as somebody says so, and whether they are others than at the last look: a node
 * asks that with each member that comes or goes, so it costs the same however many there are.
 */

/** See the file header. */
export class Places {
  readonly #counts = new Map<string, number>()
  /** Came or went since the last look. */
  readonly #turned = new Set<string>()

  get size(): number {
    return this.#counts.size
  }

  add(place: string): void {
    const count = this.#counts.get(place) ?? 0
    this.#counts.set(place, count + 1)
    if (count === 0) this.#turn(place)
  }

  delete(place: string): void {
    const count = this.#counts.get(place) ?? 0
    if (count > 1) this.#counts.set(place, count - 1)
    else if (this.#counts.delete(place)) this.#turn(place)
  }

  /** Whether they are others than when this was asked last. */
  changed(): boolean {
    const isOther = this.#turned.size > 0
    this.#turned.clear()
    return isOther
  }

  /** What came and went again is as it was. */
  #turn(place: string): void {
    if (!this.#turned.delete(place)) this.#turned.add(place)
  }
}
