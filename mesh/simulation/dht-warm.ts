/**
 * Fills the table of a node before its world begins: it meets each contact as a candidate, asks it, and has
 * its answer after a usual time, at the pace that its settings allow. The table so is in a state that it
 * can come to by itself, times of answers included; only who answered was chosen (`filledTable`).
 */
import type { RoutingCore } from '../routing/kademlia/core.ts'
import type { RoutingSink, SeedContact } from '../routing/kademlia/machine.ts'
import type { Contact, LookupRequest, Sender } from '../routing/kademlia/message.ts'
import type { Sequence } from './chance.ts'
import type { Latency } from './network-model.ts'

/** How a table is filled. */
export interface WarmUp {
  readonly contacts: readonly Contact[]
  readonly pingsPerSecondMax: number
  readonly latency: Latency
  readonly luck: Sequence
}

/** Longer than it takes to fill any table; the core is to be made so long before its world begins. */
export const WARM_UP_MS = 120_000

/** Lets a new core fill its table in the time before 0. */
export function warmUp(core: RoutingCore, options: WarmUp): void {
  const { contacts, pingsPerSecondMax, latency, luck } = options
  const asked: { requestId: number; to: SeedContact; message: LookupRequest }[] = []
  const sink: RoutingSink = {
    request: (requestId, to, message) => void asked.push({ requestId, to, message }),
    cancel() {},
    reply() {},
    event() {},
    refused() {},
  }
  const paceMs = Math.ceil(1_000 / pingsPerSecondMax)
  let nowMs = -WARM_UP_MS
  for (const contact of contacts) {
    core.step(nowMs, { type: 'candidate', contact }, sink)
    // The first that answers also is asked for others, and knows none: so the join is over at once.
    while (asked.length > 0) {
      const { requestId, to, message } = asked.shift()!
      const rttMs = Math.round(oneWayMs(latency, luck) + oneWayMs(latency, luck))
      const sender: Sender = { host: to.host, port: to.port, mode: 'server' }
      const reply = { type: 'find_node_reply', key: message.key, sender, contacts: [] } as const
      nowMs = Math.min(0, nowMs + Math.max(paceMs, rttMs))
      core.step(nowMs, { type: 'reply', requestId, from: to.id!, message: reply }, sink)
    }
  }
}

function oneWayMs(latency: Latency, luck: Sequence): number {
  switch (latency.type) {
    case 'constant':
      return latency.ms
    case 'uniform':
      return latency.minMs + luck.next() * (latency.maxMs - latency.minMs)
    case 'exponential':
      return latency.minMs - Math.log(1 - luck.next()) * latency.meanMs
  }
}
