/**
 * Comparison of two tables: 64 digests say where they differ, whole buckets travel, as many as fit into
 * one message. The order in which buckets get room rotates, so that no difference waits for ever.
 */
import { bucketOf, type MemberRecord } from './base.ts'
import type { SwimSizes } from './context.ts'
import { SYNC_BUCKETS, type SyncEntry } from './message.ts'
import { compareStatements } from './order.ts'
import type { MemberId, Statement } from './statement.ts'
import type { MemberTable } from './table.ts'

/** Buckets whose digests are not equal. */
export function differing(left: Uint32Array, right: Uint32Array): number[] {
  const buckets: number[] = []
  for (let bucket = 0; bucket < SYNC_BUCKETS; bucket++) {
    const at = bucket * 2
    if (left[at] !== right[at] || left[at + 1] !== right[at + 1]) buckets.push(bucket)
  }
  return buckets
}

/** Those of `buckets` that hold a living member, by their digests. */
export function occupied(digests: Uint32Array, buckets: readonly number[]): number[] {
  return buckets.filter((bucket) => digests[bucket * 2] !== 0 || digests[bucket * 2 + 1] !== 0)
}

/** A record as a line of a table. */
export function entryOf({ statement, status, accuser }: MemberRecord): SyncEntry {
  return accuser === undefined || status === 'alive' || status === 'left'
    ? { statement, status }
    : { statement, status, accuser }
}

/** Lines that travel, and the buckets that they fill completely. */
export interface Selection {
  readonly entries: readonly SyncEntry[]
  readonly buckets: readonly number[]
  /** Size of the entries. */
  readonly bytes: number
  /** True when some bucket found no room. */
  readonly more: boolean
}

/** What to leave out of a {@link Selection}, and where to begin. */
export interface SelectionOptions {
  readonly bytesMax: number
  readonly sizes: SwimSizes
  /** The first bucket that gets room is the first at or after this. */
  readonly start: number
  skips(record: MemberRecord): boolean
}

/** The lines of `buckets`, tombstones too, bucket by bucket while they fit. */
export function select(
  table: MemberTable,
  buckets: readonly number[],
  options: SelectionOptions,
): Selection {
  const { bytesMax, sizes, start, skips } = options
  const byBucket = new Map<number, SyncEntry[]>(rotate(buckets, start).map((at) => [at, []]))
  if (byBucket.size > 0) {
    for (const [, record] of table.entries()) {
      if (!skips(record)) byBucket.get(bucketOf(record.statement.id))?.push(entryOf(record))
    }
  }
  const entries: SyncEntry[] = []
  const complete: number[] = []
  let bytes = 0
  for (const [bucket, lines] of byBucket) {
    for (const line of lines) {
      const size = sizes.entryBytes(line)
      if (bytes + size > bytesMax) return { entries, buckets: complete, bytes, more: true }
      bytes += size
      entries.push(line)
    }
    complete.push(bucket)
  }
  return { entries, buckets: complete, bytes, more: false }
}

/** True when both know the same about a member. */
export function sameEntry(entry: SyncEntry, record: MemberRecord): boolean {
  return entry.status === record.status && sameStatement(entry.statement, record.statement)
}

/** True when both statements say the same about the same node. */
export function sameStatement(left: Statement, right: Statement): boolean {
  return left.id === right.id && compareStatements(left, right) === 0
}

/** Lines by id. */
export function byId(entries: readonly SyncEntry[]): Map<MemberId, SyncEntry> {
  return new Map(entries.map((entry) => [entry.statement.id, entry]))
}

function rotate(buckets: readonly number[], start: number): number[] {
  const at = buckets.findIndex((bucket) => bucket >= start)
  return at <= 0 ? [...buckets] : [...buckets.slice(at), ...buckets.slice(0, at)]
}
