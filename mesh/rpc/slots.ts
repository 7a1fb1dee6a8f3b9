/**
 * Things under way, each in a place whose number is given out again.
 *
 * For what comes and goes with every call. A Map or Set is copied into a new table after so many changes, and the table
 * before goes on naming its successor and all that was in it. Once one of them is old, the collector of young objects
 * takes everything behind it for alive: every call was kept until the next full collection, which cost more than the call.
 * A Map to numbers has nothing behind it.
 */

/** See the head of this file. */
export class Slots<Item extends object> {
  readonly #items: (Item | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#items.length - this.#free.length
  }

  /** Gives the place, which belongs to it until it is taken out. */
  add(item: Item): number {
    const place = this.#free.pop() ?? this.#items.length
    this.#items[place] = item
    return place
  }

  get(place: number): Item | undefined {
    return this.#items[place]
  }

  /** Once for what is there. */
  delete(place: number): void {
    this.#items[place] = undefined
    this.#free.push(place)
  }

  /** As they are now. */
  all(): readonly Item[] {
    return this.#items.filter((item) => item !== undefined)
  }
}
