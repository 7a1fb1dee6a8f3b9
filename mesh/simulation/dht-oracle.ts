/**
 * What is true about a network of the DHT: which nodes are nearest to a key, and tables as long life would
 * have filled them. Knows all nodes at once, which no node does.
 */
import { KEY_BITS, compareDistance, keyFromWords, type KadKey } from '../routing/kademlia/id.ts'
import type { Contact } from '../routing/kademlia/message.ts'
import { hashText, type Sequence } from './chance.ts'

/** A key for any text, spread evenly. */
export function textKey(text: string): KadKey {
  return keyFromWords(Uint32Array.from({ length: 8 }, (_, word) => hashText(word, text)))
}

/** The `count` contacts nearest to a key, nearest first. */
export function nearest(contacts: readonly Contact[], key: KadKey, count: number): Contact[] {
  const found: Contact[] = []
  for (const contact of contacts) {
    const last = found.at(-1)
    if (found.length >= count) {
      if (last === undefined || compareDistance(key, contact.key, last.key) > 0) continue
      found.pop()
    }
    let at = found.length
    while (at > 0 && compareDistance(key, contact.key, found[at - 1]!.key) < 0) at--
    found.splice(at, 0, contact)
  }
  return found
}

/** Contacts in the order of their keys, for {@link filledTable}. */
export function inKeyOrder(contacts: readonly Contact[]): Contact[] {
  return [...contacts].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
}

/**
 * The table of a node that has lived long in a network at rest: in each bucket `k` members of its part of the
 * key space, chosen by lot, or all of them when there are no more. `ordered` is {@link inKeyOrder}.
 */
export function filledTable(
  own: KadKey,
  ordered: readonly Contact[],
  k: number,
  luck: Sequence,
): Contact[] {
  const table: Contact[] = []
  let low = 0
  let high = ordered.length
  // The nodes that share more and more leading bits with the own key are a shrinking run of the order.
  for (let bucket = KEY_BITS - 1; bucket >= 0 && high > low; bucket--) {
    if (high - low === 1 && ordered[low]!.id === own.hex) break
    const position = KEY_BITS - 1 - bucket
    const split = firstWithBit(ordered, low, high, position)
    const isHigh = bitAt(own, position) === 1
    const [from, to] = isHigh ? [low, split] : [split, high]
    if (to - from <= k) for (let at = from; at < to; at++) table.push(ordered[at]!)
    else for (const at of luck.sample(k, to - from)) table.push(ordered[from + at]!)
    if (isHigh) low = split
    else high = split
  }
  return table
}

function bitAt(key: KadKey, position: number): number {
  return (key.words[position >>> 5]! >>> (31 - (position & 31))) & 1
}

/** Where, among contacts that agree in all bits before `position`, those with that bit set begin. */
function firstWithBit(
  ordered: readonly Contact[],
  low: number,
  high: number,
  position: number,
): number {
  let from = low
  let to = high
  while (from < to) {
    const middle = (from + to) >>> 1
    if (bitAt(ordered[middle]!.key, position) === 1) to = middle
    else from = middle + 1
  }
  return from
}
