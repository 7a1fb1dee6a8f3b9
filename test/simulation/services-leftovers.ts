/** What a participant still keeps when everything was taken back; all of it is a leak. */
import type { Participant } from './services-life.ts'

/** Sizes that are not zero, as `pubsub.outbox 2`. */
export function leftoversOf(node: Participant): readonly string[] {
  const { pubsub, rpc, presence } = node
  const { subscriptions, filters, waiting, queued, outbox, retained, remembered } = pubsub.stats()
  const { requests, sessions } = pubsub.stats()
  const { pending, running, queued: waitingCalls } = rpc.stats()
  const { outbound, inbound, bytesUnacknowledged, bytesWaiting, bytesUnread } = rpc.streamStats()
  const sizes = {
    ...named('pubsub', { subscriptions, filters, waiting, queued, outbox, retained, remembered }),
    ...named('pubsub', { requests, sessions }),
    ...named('rpc', { pending, running, queued: waitingCalls }),
    ...named('streams', { outbound, inbound, bytesUnacknowledged, bytesWaiting, bytesUnread }),
    ...named('presence', { ...presence.stats() }),
    ...('membership' in node ? named('mesh', { handshakes: node.stats().handshakes }) : {}),
    ...named('services', { foreign: foreignOffers(node) }),
  }
  return Object.entries(sizes)
    .filter(([, size]) => size !== 0)
    .map(([name, size]) => `${name} ${size}`)
}

/** Offers known, without those that gateways make of themselves. */
function foreignOffers({ services }: Participant): number {
  return services.list().filter(({ procedure }) => !procedure.includes('diagnostics')).length
}

function named(part: string, sizes: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [`${part}.${name}`, size]))
}
