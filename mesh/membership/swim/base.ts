/**
 * A frozen table that many cores of one simulation share: each core keeps only what differs. Ten
 * thousand cores that know ten thousand members would else need 10^8 records.
 */
import { mix } from '../../machine/mix.ts'
import { hashStatement, hashText } from './hash.ts'
import { SYNC_BUCKETS, type MemberStatus, type Update } from './message.ts'
import type { MemberId, Statement } from './statement.ts'

/** What a table holds about one member; replaced as a whole at each change. */
export interface MemberRecord {
  readonly statement: Statement
  readonly status: MemberStatus
  readonly sinceMs: number
  readonly accuser: MemberId | undefined
  /** The statement as news, made once. */
  readonly update: Update
}

/** Members that were all alive when the simulation began; made by {@link createSharedBase}. */
export interface SharedBase {
  readonly records: readonly MemberRecord[]
  readonly slots: ReadonlyMap<MemberId, number>
  /** Digest of the table, as SYNC_BUCKETS pairs. */
  readonly digests: Uint32Array
}

/** Bucket of the digest in which a member counts. */
export function bucketOf(id: MemberId): number {
  return hashText(id) % SYNC_BUCKETS
}

/** The base in which everybody said what `statements` say. */
export function createSharedBase(statements: readonly Statement[]): SharedBase {
  const digests = new Uint32Array(SYNC_BUCKETS * 2)
  for (const statement of statements) toggleDigest(digests, statement, false)
  return Object.freeze({
    records: Object.freeze(
      statements.map((statement): MemberRecord =>
        Object.freeze({
          statement,
          status: 'alive',
          sinceMs: 0,
          accuser: undefined,
          update: Object.freeze({ type: 'statement', statement }),
        }),
      ),
    ),
    slots: new Map(statements.map(({ id }, slot) => [id, slot])),
    digests,
  })
}

/** Adds a member to the digest, or takes it out: both are one exclusive or. */
export function toggleDigest(digests: Uint32Array, statement: Statement, suspect: boolean): void {
  const hash = hashStatement(statement)
  const at = bucketOf(statement.id) * 2
  // A suspect counts as another value, so that a comparison carries the suspicion over.
  const high = suspect ? mix(hash.high ^ 0x5bd1_e995) : hash.high
  digests[at] = (digests[at] ?? 0) ^ high
  digests[at + 1] = (digests[at + 1] ?? 0) ^ hash.low
}
