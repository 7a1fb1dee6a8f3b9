/** A network, a key, and the nodes sorted by their distance to it; for maintenance. */
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { RecordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { randomKey, RecordsNetwork } from './records-network.ts'
import type { NetworkNode } from './records-network.ts'

/** What anybody says about itself. */
export const sender = { host: '10.0.0.1', port: 1, mode: 'server' as const }

/** See the head of this file. */
export interface UpkeepScene {
  readonly network: RecordsNetwork
  readonly key: KadKey
  /** The farthest. */
  readonly node: NetworkNode
  /** The four nearest. */
  readonly holders: readonly NetworkNode[]
  /** All, nearest first. */
  readonly sorted: readonly NetworkNode[]
}

export function upkeepScene(settings: Partial<RecordsSettings> = {}, count = 20): UpkeepScene {
  const network = new RecordsNetwork(count, settings)
  const key = randomKey(network.stream)
  const sorted = network.nearest(key, count)
  return { network, key, node: sorted[count - 1]!, holders: sorted.slice(0, 4), sorted }
}

/** Puts that those sent. */
export function sentBy(nodes: readonly NetworkNode[]): NetworkNode['sent'][number][] {
  return nodes.flatMap(({ sent }) => sent)
}

/** Forgets what was sent so far. */
export function forget(network: RecordsNetwork): void {
  for (const { sent } of network.nodes) sent.length = 0
}
