/**
 * Read repair: who showed an older record than the one that was found is given that one (K33); a copy off
 * the holders stays one, and lives the shorter the more nodes are between it and them (K36).
 */
import { compareDistance } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import { COPY_TTL_MIN_MS } from './cache-path.ts'
import type { RecordsContext } from './context.ts'
import { Delivery } from './delivery.ts'
import { ttlBeyond } from './expiry.ts'
import type { GetFindings } from './get.ts'
import type { Holding } from './holding.ts'
import { compareRecords } from './select.ts'
import { entryIdOf } from './shelf.ts'
import type { Upkeep } from './upkeep.ts'

/** Corrects others, and what this node has itself. */
export function correct(
  context: RecordsContext,
  holding: Holding,
  upkeep: Upkeep,
  findings: GetFindings,
): void {
  const { record } = findings
  const targets = outdated(findings)
  if (targets.length > 0) {
    const { k } = context.settings
    context.counters.corrections += targets.length
    const holders = targets.filter(({ key }) => rankOf(context, findings, key) < k)
    if (holders.length > 0) upkeep.add(new Delivery(context, { record, targets: holders }))
    for (const target of targets.slice(holders.length)) {
      const ttlMs = copyTtlMs(context, findings, target.key)
      upkeep.add(new Delivery(context, { record, targets: [target], ttlMs }))
    }
  }
  const entry = context.shelf.entry(entryIdOf(record))
  if (entry === undefined || compareRecords(entry.record, record) >= 0) return
  const isBounded = !entry.own && entry.keepUntilMs < entry.record.expiresAtMs
  const ttlMs = isBounded ? entry.keepUntilMs - context.wallNowMs : undefined
  holding.keep(record, { from: undefined, ttlMs, cached: entry.cached })
}

function rankOf({ routing }: RecordsContext, { surroundings }: GetFindings, key: KadKey): number {
  return surroundings.rank(key, routing.networkSize())
}

/** For a moment at least, to be rid of the old one: the copy then lives as long as that would have. */
function copyTtlMs(context: RecordsContext, findings: GetFindings, key: KadKey): number {
  const leftMs = findings.record.expiresAtMs - context.wallNowMs
  const ttlMs = ttlBeyond(context.settings.k, rankOf(context, findings, key), leftMs)
  return Math.max(COPY_TTL_MIN_MS, ttlMs)
}

/** Who is to be given the newest record, nearest first. */
function outdated({ record, answers }: GetFindings): readonly Contact[] {
  return answers
    .filter((answer) => answer.record !== undefined && compareRecords(answer.record, record) < 0)
    .map(({ contact }) => contact)
    .sort((a, b) => compareDistance(record.key, a.key, b.key))
}
