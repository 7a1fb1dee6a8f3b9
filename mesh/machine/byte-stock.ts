/**
 * Random bytes in stock: drawn many at a time, because a small draw costs as much as a large one, and given out in order, each
 * once. For ids and nonces, not for keys: what is in stock is in memory before it is used.
 */
import type { Entropy } from '../../runtime/index.ts'

/** Bytes of one draw. */
const STOCK_BYTES = 1_024

/** See the file header. */
export class ByteStock {
  readonly #entropy: Pick<Entropy, 'bytes'>
  #stock: Uint8Array = new Uint8Array(0)
  #at = 0

  constructor(entropy: Pick<Entropy, 'bytes'>) {
    this.#entropy = entropy
  }

  /** `length` bytes, 1,024 at most, that nobody else gets. */
  take(length: number): Uint8Array {
    if (this.#stock.length - this.#at < length) {
      this.#stock = this.#entropy.bytes(STOCK_BYTES)
      this.#at = 0
    }
    this.#at += length
    return this.#stock.subarray(this.#at - length, this.#at)
  }
}
