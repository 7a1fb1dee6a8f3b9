/**
 * How long a record is kept. Its expiry is signed, so no holder can stretch it (K31); a holder can only keep
 * it shorter. A record is served before its expiry, exactly at it no more.
 */
import type { DhtRecord } from './record.ts'
import type { RecordsSettings } from './settings.ts'

/** Why a record cannot be kept now; undefined when it can. */
export function lifeProblem(
  record: Pick<DhtRecord, 'expiresAtMs'>,
  wallNowMs: number,
  settings: Pick<RecordsSettings, 'recordTtlMaxMs' | 'clockSkewMs'>,
): 'ERR_DHT_RECORD_EXPIRED' | 'ERR_DHT_RECORD_EXPIRY' | undefined {
  if (record.expiresAtMs <= wallNowMs) return 'ERR_DHT_RECORD_EXPIRED'
  const latestMs = wallNowMs + settings.recordTtlMaxMs + settings.clockSkewMs
  return record.expiresAtMs > latestMs ? 'ERR_DHT_RECORD_EXPIRY' : undefined
}

/** Wall time until which a record that is put now is kept. */
export function keepUntil(
  record: DhtRecord,
  wallNowMs: number,
  life: { readonly ttlMaxMs: number; readonly ttlMs: number | undefined },
): number {
  const longestMs = Math.min(life.ttlMaxMs, life.ttlMs ?? Infinity)
  return Math.min(record.expiresAtMs, wallNowMs + longestMs)
}

/**
 * The part of `ttlMs` that a copy lives at the node with that rank: 0 for the nearest to the key. The k
 * nearest keep it in full, each one beyond halves it, down to 0 for "not at all"; with a shift of integers
 * that overflows beyond 31 (6.2 #5), so powers are of doubles, and infinity divides to 0.
 */
export function ttlBeyond(k: number, rank: number, ttlMs: number): number {
  return rank < k ? ttlMs : Math.floor(ttlMs / 2 ** (rank - k + 1))
}
