/**
 * How many nodes there are, from what lookups find (the idea of pubky/mainline): of n random keys the i-th
 * nearest to a random target is i/(n+1) of the key space away, so what the k nearest of many lookups span
 * tells n. Of keys that are spread evenly, the distance of the farthest result says all there is to know;
 * over lookups the spans are added up, not their inverses, so that one crowd of nodes made up near one key
 * hardly moves the estimate (K45). 95 of 100 estimates are within 14 % after 16 lookups, within 28 % after
 * 4 (K44).
 */
import { setNewest } from '../../machine/newest.ts'
import { distanceFraction, type KadKey } from './id.ts'
import type { LookupResult } from './machine.ts'

/** Lookups in a row that found the whole network to be small before what was known is given up. */
const SMALL_RUN = 4

/** Estimate of one node. */
export class SizeEstimate {
  readonly #samplesMax: number
  /** By target: repeating a lookup adds no knowledge. Oldest first. */
  readonly #samples = new Map<string, { readonly found: number; readonly span: number }>()
  /** Nodes, this one included, when the last lookup found fewer than it wanted. */
  #small: number | undefined
  #smallRun = 0

  constructor(options: { readonly samplesMax: number }) {
    this.#samplesMax = options.samplesMax
  }

  /** Lookups that count at present. */
  get samples(): number {
    return this.#samples.size
  }

  /** Takes in a lookup; `wanted` is how many it should have found. Only complete lookups tell something. */
  add(target: KadKey, result: Pick<LookupResult, 'closest' | 'reason'>, wanted: number): void {
    if (result.reason !== 'converged' && result.reason !== 'exhausted') return
    const found = Math.min(wanted, result.closest.length)
    if (found < wanted) {
      // Everybody there is has answered: no need to estimate.
      this.#small = found + 1
      this.#smallRun++
      if (this.#smallRun >= SMALL_RUN) this.#samples.clear()
      return
    }
    if (found === 0) return
    this.#small = undefined
    this.#smallRun = 0
    const span = distanceFraction(target, result.closest[found - 1]!.key)
    setNewest(this.#samples, target.hex, { found, span }, this.#samplesMax)
  }

  /** Nodes of the network, this one included; undefined before the first complete lookup. */
  size(): number | undefined {
    if (this.#samples.size === 0) return this.#small
    let found = 0
    let span = 0
    for (const sample of this.#samples.values()) {
      found += sample.found
      span += sample.span
    }
    // One less is found than counted: the inverse of a random sum is too large by that on average.
    return span === 0 ? undefined : Math.max(1, (found - 1) / span)
  }

  /**
   * How far the `rank`-th nearest node should be from any key, as a fraction of the key space; everything
   * nearer belongs to a put that is to survive a crowd around its key. 1 for a network that is too small.
   */
  expectedDistance(rank: number): number | undefined {
    const size = this.size()
    return size === undefined ? undefined : Math.min(1, rank / size)
  }
}
