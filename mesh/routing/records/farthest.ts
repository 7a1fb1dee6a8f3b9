/**
 * What gives way first when there is no room: the entry whose key is farthest from this node, and of equal
 * keys the one that came last, so that a flood of providers drops before those that were there (K37, K38).
 * A binary heap whose items know their place: first in O(1), a change in O(log n).
 */
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance } from '../kademlia/id.ts'
import type { ShelfItem } from './shelf-item.ts'

/** Items ordered by their distance from one key, farthest first. An item is in one such heap at most. */
export class FarthestFirst {
  readonly #own: KadKey
  readonly #items: ShelfItem[] = []

  constructor(own: KadKey) {
    this.#own = own
  }

  get size(): number {
    return this.#items.length
  }

  first(): ShelfItem | undefined {
    return this.#items[0]
  }

  push(item: ShelfItem): void {
    item.place = this.#items.length
    this.#items.push(item)
    this.#up(item)
  }

  delete(item: ShelfItem): void {
    const place = item.place
    const last = this.#items.pop()
    item.place = -1
    if (last === undefined || last === item) return
    this.#put(last, place)
    this.#up(last)
    this.#down(last)
  }

  #before(left: ShelfItem, right: ShelfItem): boolean {
    const order = compareDistance(this.#own, left.key, right.key)
    return order === 0 ? left.slot > right.slot : order > 0
  }

  #up(item: ShelfItem): void {
    while (item.place > 0) {
      const parent = this.#items[(item.place - 1) >>> 1]!
      if (!this.#before(item, parent)) return
      this.#swap(parent, item)
    }
  }

  #down(item: ShelfItem): void {
    for (;;) {
      const left = this.#items[item.place * 2 + 1]
      if (left === undefined) return
      const right = this.#items[item.place * 2 + 2]
      const child = right !== undefined && this.#before(right, left) ? right : left
      if (!this.#before(child, item)) return
      this.#swap(item, child)
    }
  }

  #swap(left: ShelfItem, right: ShelfItem): void {
    const place = left.place
    this.#put(left, right.place)
    this.#put(right, place)
  }

  #put(item: ShelfItem, place: number): void {
    this.#items[place] = item
    item.place = place
  }
}
