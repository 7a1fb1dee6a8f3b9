/** One place of the shelf: what its indexes share. */
import type { KadKey } from '../kademlia/id.ts'
import type { StoredEntry } from './machine.ts'

/** An entry with its places in the indexes. */
export interface ShelfItem {
  /** `key`, or `key/publisher`. */
  readonly id: string
  readonly key: KadKey
  /** Order of arrival; the number by which it stands in the heaps of times. Kept when a newer record takes the place. */
  readonly slot: number
  entry: StoredEntry
  /** What the entry costs, see `entryBytes`. */
  bytes: number
  /** Where it is in the heap by distance; -1 while it is in none. */
  place: number
}

/** True for what is kept for others: it counts against the limits, and gives way at them. */
export function isForeign(item: ShelfItem): boolean {
  return !item.entry.own
}
