/**
 * Leaves a copy with the nearest node on the way that had none (Kademlia, section 2.3), so that what is asked
 * for often is found before its holders are reached. The copy lives the shorter the more nodes are between
 * it and the holders (K36); a holder that had none gets the record in full.
 */
import { compareDistance } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import { Delivery } from './delivery.ts'
import { ttlBeyond } from './expiry.ts'
import type { GetFindings } from './get.ts'
import type { Upkeep } from './upkeep.ts'

/** Copies that would be gone sooner are not worth their put. */
export const COPY_TTL_MIN_MS = 60_000

/** Leaves that copy, if somebody had none and it would live long enough. */
export function cacheOnPath(context: RecordsContext, upkeep: Upkeep, findings: GetFindings): void {
  const { settings, routing, wallNowMs, counters } = context
  if (!settings.cachePath) return
  const { record, surroundings } = findings
  const nearest = nearestWithout(findings)
  if (nearest === undefined) return
  const leftMs = record.expiresAtMs - wallNowMs
  const rank = surroundings.rank(nearest.key, routing.networkSize())
  const ttlMs = ttlBeyond(settings.k, rank, leftMs)
  if (ttlMs < Math.min(leftMs, COPY_TTL_MIN_MS)) return
  counters.pathCopies += 1
  const bound = rank < settings.k ? undefined : ttlMs
  upkeep.add(new Delivery(context, { record, targets: [nearest], ttlMs: bound }))
}

function nearestWithout({ record, answers }: GetFindings): Contact | undefined {
  let nearest: Contact | undefined
  for (const { contact, record: shown } of answers) {
    if (shown !== undefined) continue
    const nearer =
      nearest === undefined || compareDistance(record.key, contact.key, nearest.key) < 0
    if (nearer) nearest = contact
  }
  return nearest
}
