/** What proves a record: who signed it, for which realm, and that the realm vouches for the node. */
import { invariant } from '../../../runtime/index.ts'
import type { Membership } from '../../identity/membership.ts'
import type { DhtRecord, RecordKind } from './record.ts'

/** The proof of a record. */
export interface RecordProof {
  /** 32 raw bytes; the publisher is their SHA-256. */
  readonly publicKey: Uint8Array
  /** 64 bytes over what `recordSignedBytes` gives. */
  readonly signature: Uint8Array
  /** 32 bytes: the realm that it was signed for, so that a stranger's record is told from a forged one. */
  readonly realmId: Uint8Array
  /** Of the node that signed a provider or address record. An owner needs none. */
  readonly membership: Membership | undefined
}

/** True for records that only a member of the realm can publish. */
export function needsMembership(kind: RecordKind): boolean {
  return kind === 'provider' || kind === 'address'
}

/** True for what has the parts of a proof; what is in them the authority judges. */
export function isRecordProof(proof: unknown): proof is RecordProof {
  if (typeof proof !== 'object' || proof === null) return false
  const { publicKey, signature, realmId, membership } = proof as Partial<RecordProof>
  const isMap = typeof membership === 'object' && membership !== null
  return (
    publicKey instanceof Uint8Array &&
    signature instanceof Uint8Array &&
    realmId instanceof Uint8Array &&
    (isMap || membership === undefined)
  )
}

/** The proof of a record that came from the wire or from an authority. */
export function recordProofOf({ proof }: DhtRecord): RecordProof {
  invariant(isRecordProof(proof), 'ERR_INVARIANT_DHT_PROOF')
  return proof
}
