/**
 * Signatures that were found good, so that they are not checked again: holders repeat the same record every
 * hour, and every holder that is asked answers with it. What is remembered is a hash of the key, the
 * signature and all that was signed. Bounded: the one that was added first gives way.
 */
import { createHash } from 'node:crypto'

/** A bounded set. */
export class VerifiedSignatures {
  readonly #max: number
  readonly #known = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  /** How many are remembered. */
  get size(): number {
    return this.#known.size
  }

  /** What `verify` says, which is asked only when the answer is not known to be yes. */
  check(
    publicKey: Uint8Array,
    bytes: Uint8Array,
    signature: Uint8Array,
    verify: (publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => boolean,
  ): boolean {
    // Key and signature have fixed lengths, so no two inputs share the bytes that are hashed.
    const hash = createHash('sha256').update(publicKey).update(signature).update(bytes)
    const known = hash.digest('base64url')
    if (this.#known.has(known)) return true
    if (!verify(publicKey, bytes, signature)) return false
    this.#known.add(known)
    if (this.#known.size <= this.#max) return true
    for (const oldest of this.#known) {
      this.#known.delete(oldest)
      break
    }
    return true
  }
}
