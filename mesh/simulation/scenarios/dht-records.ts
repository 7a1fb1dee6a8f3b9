/** Records: whether they are found after hours of nodes that come and go. */
import { routingSettings, type RoutingSettings } from '../../routing/kademlia/settings.ts'
import { recordsSettings, type RecordsSettings } from '../../routing/records/settings.ts'
import { Churn } from '../churn.ts'
import { DhtWorld, type PendingOperation } from '../dht-world.ts'
import { WIDE_AREA } from './dht-lookups.ts'

const HOUR = 3_600_000

/** How a run with churn went. */
export interface Availability {
  readonly gets: number
  readonly found: number
  readonly deaths: number
  /** Living holders per record, at the end. */
  readonly holdersMean: number
  readonly requestsPerNodeAndHour: number
}

/**
 * Records are put by nodes that soon are gone, while nodes come and go; every virtual hour some are asked
 * for from nodes drawn by lot. Nobody publishes a record again: what holders do is measured.
 */
export function availability(options: {
  readonly seed: number
  readonly nodes: number
  readonly hours: number
  readonly records: number
  readonly getsPerHour: number
  readonly medianMs?: number
  readonly settings?: RoutingSettings
  readonly recordsSettings?: Partial<RecordsSettings>
}): Availability {
  const { seed, nodes, hours, records, getsPerHour, medianMs = HOUR } = options
  const world = new DhtWorld({
    seed,
    nodes: 2 * nodes,
    warm: nodes,
    settings: options.settings ?? routingSettings(),
    records: recordsSettings(options.recordsSettings),
    links: false,
    network: WIDE_AREA,
  })
  const keys = Array.from({ length: records }, (_, i) => {
    const publisher = world.randomNode()
    const record = world.mutable(publisher, `record ${i}`, { ttlMs: 47 * HOUR })
    world.put(publisher, record)
    return record.key
  })
  const churn = new Churn(world, { seed: seed + 1, medianMs, pauseMs: 1_000 })
  const begun: PendingOperation[] = []
  for (let hour = 0; hour < hours; hour++) {
    for (let i = 0; i < getsPerHour; i++) {
      world.run(HOUR / getsPerHour)
      const key = keys[world.luck.below(keys.length)]!
      begun.push(world.start(world.randomNode(), { type: 'get', key, options: {} }))
    }
  }
  world.run(60_000)
  churn.stop()
  // A get whose own node died in the middle says nothing.
  const over = begun.filter(({ outcome }) => outcome !== undefined)
  const wanted = new Set(keys.map(({ hex }) => hex))
  let held = 0
  for (const { node } of world.living()) {
    for (const { record } of node.records.entries()) if (wanted.has(record.key.hex)) held++
  }
  const requests = world.core.nodes.reduce((sum, { load }) => sum + load.requestsSent, 0)
  return {
    gets: over.length,
    found: over.filter(({ outcome }) => outcome!.records.length > 0).length,
    deaths: churn.deaths,
    holdersMean: held / records,
    requestsPerNodeAndHour: requests / nodes / hours,
  }
}
