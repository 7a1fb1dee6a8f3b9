/**
 * A secret that all nodes of a cluster share, beside the realm: who has stolen or been issued a membership is still nobody here
 * without it. It is never sent. Each side proves that it has it by a keyed hash (HMAC, RFC 2104) over what this very
 * connection is: a random number of each side, both node keys, which TLS has proven, the realm, and which side speaks. So
 * a proof is of no use on another connection, to another node, or in the other direction.
 *
 * Whoever has a membership of the realm can get one proof and try secrets against it at home: take a long, random one.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** Bytes of a random number and of a proof. */
export const SECRET_BYTES = 32

/** Shortest and longest secret, in characters. */
export const SECRET_CHARS_MIN = 16
export const SECRET_CHARS_MAX = 1_024

/** What makes one connection different from every other. */
export interface SecretScope {
  readonly realmId: Uint8Array
  readonly dialerKey: Uint8Array
  readonly acceptorKey: Uint8Array
  readonly dialerNonce: Uint8Array
  readonly acceptorNonce: Uint8Array
}

/** See the file header. */
export class ClusterSecret {
  readonly #key: Uint8Array

  constructor(secret: string) {
    this.#key = createHash('sha256').update('fovea cluster secret 1\0').update(secret).digest()
  }

  /** What proves that `role` has the secret. */
  proof(role: 'dialer' | 'acceptor', scope: SecretScope): Uint8Array {
    const { realmId, dialerKey, acceptorKey, dialerNonce, acceptorNonce } = scope
    const hmac = createHmac('sha256', this.#key)
    // Every part has a fixed length, the realm's is that of a hash.
    for (const part of [`fovea ${role}\0`, dialerKey, acceptorKey, dialerNonce, acceptorNonce]) {
      hmac.update(part)
    }
    return new Uint8Array(hmac.update(realmId).digest())
  }

  /** Takes the same time whatever is wrong with it. */
  isProof(proof: Uint8Array, role: 'dialer' | 'acceptor', scope: SecretScope): boolean {
    return proof.length === SECRET_BYTES && timingSafeEqual(proof, this.proof(role, scope))
  }
}
