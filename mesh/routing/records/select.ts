/**
 * Which of two records wins, the same everywhere and whatever comes first: a total order over everything
 * that is in a record, so taking the greatest is commutative, associative and idempotent (K32).
 *
 *     1. the higher sequence
 *     2. the later expiry: a publisher that repeats a record signs it again with a later one
 *     3. the greater signature; two of one key for one sequence and one expiry differ in it
 *     4. the membership that ends later, then whatever else differs, bytewise
 *
 * Only records that were checked are compared, and only those of one key (and of one publisher, for
 * provider and address records). What a higher sequence can do to others is bounded by the checks: under one
 * key of a mutable record there is one owner, and all immutable records have the same sequence.
 */
import { membershipBytes } from '../../identity/membership.ts'
import { KIND_NUMBER } from './canonical.ts'
import { isRecordProof } from './proof.ts'
import type { RecordProof } from './proof.ts'
import type { DhtRecord } from './record.ts'

/** Above 0 when `a` wins, below 0 when `b` does, 0 when they are the same to the last bit. */
export function compareRecords(a: DhtRecord, b: DhtRecord): number {
  if (a === b) return 0
  return (
    a.sequence - b.sequence ||
    a.expiresAtMs - b.expiresAtMs ||
    compareProofs(a.proof, b.proof) ||
    compareFields(a, b)
  )
}

/** The one that wins; of two that are the same, the first. */
export function selectRecord(a: DhtRecord, b: DhtRecord): DhtRecord {
  return compareRecords(a, b) >= 0 ? a : b
}

/** True when both are the same to the last bit. */
export function isSameRecord(a: DhtRecord, b: DhtRecord): boolean {
  return compareRecords(a, b) === 0
}

function compareFields(a: DhtRecord, b: DhtRecord): number {
  return (
    KIND_NUMBER[a.kind] - KIND_NUMBER[b.kind] ||
    compareTexts(a.key.hex, b.key.hex) ||
    compareTexts(a.publisher, b.publisher) ||
    compareTexts(a.name, b.name) ||
    compareTexts(a.host, b.host) ||
    a.port - b.port ||
    Buffer.compare(a.value, b.value)
  )
}

/** Proofs of simulations are numbers or texts. */
function compareProofs(a: unknown, b: unknown): number {
  if (a === b) return 0
  if (!isRecordProof(a) || !isRecordProof(b)) {
    return Number(isRecordProof(a)) - Number(isRecordProof(b)) || compareTexts(String(a), String(b))
  }
  return (
    Buffer.compare(a.signature, b.signature) ||
    compareMemberships(a, b) ||
    Buffer.compare(a.publicKey, b.publicKey) ||
    Buffer.compare(a.realmId, b.realmId)
  )
}

function compareMemberships(
  { membership: a }: RecordProof,
  { membership: b }: RecordProof,
): number {
  if (a === b) return 0
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1
  return (
    a.notAfterMs - b.notAfterMs ||
    Buffer.compare(membershipBytes(a), membershipBytes(b)) ||
    Buffer.compare(a.signature, b.signature)
  )
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
