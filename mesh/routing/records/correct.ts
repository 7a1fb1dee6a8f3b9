/** Read repair: who showed an older record than the one that was found is given that one (K33). */
import { compareDistance } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import { Delivery } from './delivery.ts'
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
    context.counters.corrections += targets.length
    upkeep.add(new Delivery(context, { record, targets }))
  }
  const entry = context.shelf.entry(entryIdOf(record))
  if (entry === undefined || compareRecords(entry.record, record) >= 0) return
  const ttlMs = entry.cached ? entry.keepUntilMs - context.wallNowMs : undefined
  holding.keep(record, { from: undefined, ttlMs })
}

/** Who is to be given the newest record, nearest first. */
function outdated({ record, answers }: GetFindings): readonly Contact[] {
  return answers
    .filter((answer) => answer.record !== undefined && compareRecords(answer.record, record) < 0)
    .map(({ contact }) => contact)
    .sort((a, b) => compareDistance(record.key, a.key, b.key))
}
