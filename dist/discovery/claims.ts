/**
 * Who says that a node is at an address. Several may say it of one address: a node that was started anew with another
 * key, or one that has several names. The address is gone with the last of them (D2). Pure.
 */
import type { Candidate } from '../../mesh/index.ts'
import { addressId, type Sighted } from './sightings.ts'

const NOTHING: readonly Candidate[] = Object.freeze([])

/** See the head of this file. */
export class Claims {
  /** By claimant. */
  readonly #claimed = new Map<string, Candidate>()
  /** Claimants of each address. */
  readonly #counts = new Map<string, number>()

  /** `claimant` says that it is there, and nowhere else. */
  claim(claimant: string, candidate: Candidate): Sighted {
    const known = this.#claimed.get(claimant)
    if (known !== undefined && addressId(known) === addressId(candidate)) {
      return { seen: NOTHING, gone: NOTHING }
    }
    const { gone } = this.release(claimant)
    const id = addressId(candidate)
    const count = this.#counts.get(id) ?? 0
    this.#claimed.set(claimant, candidate)
    this.#counts.set(id, count + 1)
    return { seen: count === 0 ? [candidate] : NOTHING, gone }
  }

  /** It does not say so any more. */
  release(claimant: string): Sighted {
    const known = this.#claimed.get(claimant)
    if (known === undefined) return { seen: NOTHING, gone: NOTHING }
    this.#claimed.delete(claimant)
    const id = addressId(known)
    const left = this.#counts.get(id)! - 1
    if (left > 0) this.#counts.set(id, left)
    else this.#counts.delete(id)
    return { seen: NOTHING, gone: left > 0 ? NOTHING : [known] }
  }
}
