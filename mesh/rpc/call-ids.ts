/** Ids of attempts: 16 bytes by lot each, drawn many at once. */
import type { Entropy } from '../../runtime/index.ts'
import { CALL_ID_BYTES, callIdText } from './call-id.ts'

const IDS_PER_DRAW = 256

/** Gives ids that nobody may guess. */
export class CallIds {
  readonly #entropy: Entropy
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0

  constructor(entropy: Entropy) {
    this.#entropy = entropy
  }

  next(): string {
    if (this.#at >= this.#bytes.length) {
      this.#bytes = this.#entropy.bytes(CALL_ID_BYTES * IDS_PER_DRAW)
      this.#at = 0
    }
    const id = callIdText(this.#bytes, this.#at)
    this.#at += CALL_ID_BYTES
    return id
  }
}
