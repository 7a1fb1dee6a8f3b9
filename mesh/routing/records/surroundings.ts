/**
 * The nodes nearest to a key as far as an operation has heard of them. Whoever has k of them in front of
 * it is no holder: what it keeps is a copy off the path, which may be old (K36).
 */
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance, distanceFraction } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'

/** Nearest nodes that are remembered, as a multiple of k. */
const REMEMBERED_FACTOR = 4

/** See the head of this file. Contacts are hearsay: they say how far to look, never what is true. */
export class Surroundings {
  readonly #key: KadKey
  readonly #k: number
  /** Nearest first, nobody twice. */
  readonly #nearest: Contact[] = []

  constructor(key: KadKey, k: number) {
    this.#key = key
    this.#k = k
  }

  add(contact: Contact): void {
    const nearest = this.#nearest
    const place = this.rank(contact.key)
    if (place >= this.#k * REMEMBERED_FACTOR || nearest[place]?.id === contact.id) return
    nearest.splice(place, 0, contact)
    if (nearest.length > this.#k * REMEMBERED_FACTOR) nearest.pop()
  }

  /**
   * True when fewer than k nearer ones are known, and fewer should be there in a network of that size: whoever
   * answers first may name nobody else, and would be the nearest of all that are known.
   */
  isHolder(key: KadKey, networkSize?: number): boolean {
    return this.rank(key, networkSize) < this.#k
  }

  /** How many are nearer; those known, or those that a network of that size should have. */
  rank(key: KadKey, networkSize: number = 0): number {
    let low = 0
    let high = this.#nearest.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareDistance(this.#key, this.#nearest[middle]!.key, key) < 0) low = middle + 1
      else high = middle
    }
    return Math.max(low, Math.floor(networkSize * distanceFraction(this.#key, key)))
  }
}
