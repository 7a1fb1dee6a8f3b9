/** What proves a statement on the wire: who signed it, and that the realm's authority vouches for the key. */
import { invariant } from '../../runtime/index.ts'
import type { Membership } from '../identity/membership.ts'
import type { Statement } from './swim/statement.ts'

/** Metadata of one node in bytes at most: with it a statement still fits into one datagram. */
export const META_BYTES_MAX = 512

/** The proof of a statement. */
export interface StatementProof {
  /** 32 raw bytes; the id of the node is their SHA-256. */
  readonly publicKey: Uint8Array
  /** 64 bytes over {@link statementSignedBytes}. */
  readonly signature: Uint8Array
  readonly membership: Membership
}

/** True for what has the parts of a proof; what is in them the authority judges. */
export function isProof(proof: unknown): proof is StatementProof {
  if (typeof proof !== 'object' || proof === null) return false
  const { publicKey, signature, membership } = proof as Partial<StatementProof>
  const isMap = typeof membership === 'object' && membership !== null
  return publicKey instanceof Uint8Array && signature instanceof Uint8Array && isMap
}

/** The proof of a statement that came from the wire or from an authority. */
export function proofOf({ proof }: Statement): StatementProof {
  invariant(isProof(proof), 'ERR_INVARIANT_SWIM_PROOF')
  return proof
}
