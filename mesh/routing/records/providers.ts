/**
 * Provider and address records: many per key, one per key and publisher. The set of a key is bounded by a
 * rule nobody can use against those who are in it: who is there stays until it expires, newcomers are
 * refused; what this node provides itself has its place always (K37, 6.2 #12). Answers that cannot carry all
 * draw by lot, so that nobody is hidden for ever.
 */
import type { RecordKind } from './record.ts'
import { isForeign } from './shelf-item.ts'
import type { ShelfItem } from './shelf-item.ts'

/** A whole number from 0 to below `limit`. */
export type Draw = (limit: number) => number

interface ProviderSet {
  readonly items: Map<string, ShelfItem>
  foreign: number
}

/** True for the kinds of which a key has many. */
export function isProviderKind(kind: RecordKind): boolean {
  return kind === 'provider' || kind === 'address'
}

/** The sets of all keys. */
export class ProviderSets {
  readonly #sets = new Map<string, ProviderSet>()
  readonly #foreignMax: number

  constructor(foreignMax: number) {
    this.#foreignMax = foreignMax
  }

  /** Keys that have providers. */
  get size(): number {
    return this.#sets.size
  }

  /** True when a provider that is not there yet may join those of that key. */
  hasRoom(keyHex: string): boolean {
    return (this.#sets.get(keyHex)?.foreign ?? 0) < this.#foreignMax
  }

  add(item: ShelfItem): void {
    const { key, publisher } = item.entry.record
    let set = this.#sets.get(key.hex)
    if (set === undefined) this.#sets.set(key.hex, (set = { items: new Map(), foreign: 0 }))
    set.items.set(publisher, item)
    if (isForeign(item)) set.foreign += 1
  }

  delete(item: ShelfItem): void {
    const { key, publisher } = item.entry.record
    const set = this.#sets.get(key.hex)
    if (set === undefined || !set.items.delete(publisher)) return
    if (isForeign(item)) set.foreign -= 1
    if (set.items.size === 0) this.#sets.delete(key.hex)
  }

  /** At most `count` of those that `wanted` lets through: own ones, then others by lot. */
  choose(
    keyHex: string,
    count: number,
    draw: Draw,
    wanted: (item: ShelfItem) => boolean,
  ): ShelfItem[] {
    const own: ShelfItem[] = []
    const others: ShelfItem[] = []
    for (const item of this.#sets.get(keyHex)?.items.values() ?? []) {
      if (wanted(item)) (isForeign(item) ? others : own).push(item)
    }
    const room = Math.max(0, count - own.length)
    if (others.length > room) shuffleFirst(others, room, draw)
    return [...own, ...others].slice(0, count)
  }
}

/** Fisher and Yates, as far as it is needed. */
function shuffleFirst(items: ShelfItem[], count: number, draw: Draw): void {
  for (let i = 0; i < count; i++) {
    const other = i + draw(items.length - i)
    const item = items[i]!
    items[i] = items[other]!
    items[other] = item
  }
}
