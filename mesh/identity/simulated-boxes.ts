/**
 * Boxes for simulations: a keyed hash in place of X25519 and Poly1305, and a pad of 32 bytes in place of XSalsa20.
 * Whoever changes a byte, or does not have one of both secrets, is refused as with the real ones. A share, decided by
 * the nonce, goes through the real ones, as with signatures (`simulated-signatures.ts`).
 */
import { createHash } from 'node:crypto'
import { BOX_OVERHEAD_BYTES, NONCE_BYTES } from './box.ts'
import type { Boxes } from './box.ts'

/** What they need of the simulation. */
export interface SimulatedBoxesParts {
  /** Secret of this node. */
  readonly own: Uint8Array
  /** Secret of the owner of a public key; undefined for a key of another simulation. */
  readonly secretOf: (publicKey: Uint8Array) => Uint8Array | undefined
  /** Whether what has that hash goes through the real boxes. */
  readonly isReal: (hash: Buffer) => boolean
  readonly real: Boxes
}

/** See the file header. */
export class SimulatedBoxes implements Boxes {
  readonly #parts: SimulatedBoxesParts

  constructor(parts: SimulatedBoxesParts) {
    this.#parts = parts
  }

  seal(publicKey: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
    if (this.#isReal(nonce)) return this.#parts.real.seal(publicKey, nonce, bytes)
    const pair = this.#pairOf(publicKey, nonce)
    if (pair === undefined) return undefined
    const box = new Uint8Array(BOX_OVERHEAD_BYTES + bytes.length)
    box.set(tagOf(pair, bytes))
    padded(pair, bytes, box, BOX_OVERHEAD_BYTES)
    return box
  }

  open(publicKey: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array | undefined {
    if (nonce.length !== NONCE_BYTES || box.length < BOX_OVERHEAD_BYTES) return undefined
    if (this.#isReal(nonce)) return this.#parts.real.open(publicKey, nonce, box)
    const pair = this.#pairOf(publicKey, nonce)
    if (pair === undefined) return undefined
    const bytes = new Uint8Array(box.length - BOX_OVERHEAD_BYTES)
    padded(pair, box.subarray(BOX_OVERHEAD_BYTES), bytes, 0)
    const tag = tagOf(pair, bytes)
    return Buffer.compare(tag, box.subarray(0, BOX_OVERHEAD_BYTES)) === 0 ? bytes : undefined
  }

  #isReal(nonce: Uint8Array): boolean {
    return this.#parts.isReal(createHash('sha256').update(nonce).digest())
  }

  /** The same on both sides. */
  #pairOf(publicKey: Uint8Array, nonce: Uint8Array): Buffer | undefined {
    const { own, secretOf } = this.#parts
    const other = secretOf(publicKey)
    if (other === undefined) return undefined
    const [first, second] = Buffer.compare(own, other) < 0 ? [own, other] : [other, own]
    return createHash('sha256').update(first).update(second).update(nonce).digest()
  }
}

function tagOf(pair: Buffer, bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(pair).update(bytes).digest().subarray(0, BOX_OVERHEAD_BYTES)
}

function padded(pair: Buffer, from: Uint8Array, to: Uint8Array, offset: number): void {
  for (let i = 0; i < from.length; i++) to[offset + i] = from[i]! ^ pair[i & 31]!
}
