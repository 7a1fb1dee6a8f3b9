/**
 * Tokens of retry packets (RFC 9000, section 8.1.2): under load a dialler must show that it receives
 * at the address it writes from before anything is kept for it. A token is
 * `mac(16) | seconds(4) | original destination id`, so no state is needed to check it; the mac binds
 * it to the address, the time and the connection id the retry packet gave out, so it opens one
 * connection, from there, for ten seconds.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

const MAC_BYTES = 16
const HEADER_BYTES = MAC_BYTES + 4
const LIFETIME_S = 10

/** The address and ids that a token is bound to. */
export interface TokenBinding {
  readonly host: string
  readonly port: number
  /** The id in the retry packet, which the dialler must use from now on. */
  readonly newId: Uint8Array
  readonly nowMs: number
}

/** Makes and checks tokens with one secret. */
export class RetryTokens {
  readonly #secret: Uint8Array
  /** `secret`: 32 random bytes that die with the endpoint. */
  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  /** A token for the dialler that chose `originalId`. */
  make(binding: TokenBinding, originalId: Uint8Array): Buffer {
    const seconds = toSeconds(binding.nowMs)
    const token = Buffer.alloc(HEADER_BYTES + originalId.length)
    token.writeUInt32BE(seconds, MAC_BYTES)
    token.set(originalId, HEADER_BYTES)
    token.set(this.#mac(binding, seconds, originalId))
    return token
  }

  /** The original id inside a valid token, else `undefined`. */
  check(binding: TokenBinding, token: Buffer): Buffer | undefined {
    if (token.length <= HEADER_BYTES) return undefined
    const seconds = token.readUInt32BE(MAC_BYTES)
    const ageS = toSeconds(binding.nowMs) - seconds
    if (ageS < 0 || ageS > LIFETIME_S) return undefined
    const originalId = token.subarray(HEADER_BYTES)
    const mac = this.#mac(binding, seconds, originalId)
    return timingSafeEqual(mac, token.subarray(0, MAC_BYTES)) ? originalId : undefined
  }

  #mac(binding: TokenBinding, seconds: number, originalId: Uint8Array): Buffer {
    // Lengths are fixed or last, so no two bindings give the same text.
    return createHmac('sha256', this.#secret)
      .update(`${binding.host}|${binding.port}|${seconds}|${binding.newId.length}|`)
      .update(binding.newId)
      .update(originalId)
      .digest()
      .subarray(0, MAC_BYTES)
  }
}

function toSeconds(nowMs: number): number {
  return Math.floor(nowMs / 1_000) >>> 0
}
