/** Checkers of routing tables, after every step: K5, K6, K11 and K12. */
import { bucketIndex } from '../../routing/kademlia/id.ts'
import type { RoutingEntry } from '../../routing/kademlia/machine.ts'
import type { RoutingSettings } from '../../routing/kademlia/settings.ts'
import type { InputOf } from '../boundary.ts'
import type { DhtProtocol } from '../dht-boundary.ts'
import { DhtNode } from '../dht-node.ts'
import { demand } from '../checkers/checker.ts'
import type { DhtChecker, DhtSeat } from './checker.ts'

/** See the head of this file. */
export class TableRules implements DhtChecker {
  readonly #settings: RoutingSettings
  /** By seat: how each peer presented itself when it answered last, in this life. */
  readonly #answered: Map<string, 'server' | 'client'>[] = []

  constructor(settings: RoutingSettings) {
    this.#settings = settings
  }

  started(seat: DhtSeat): void {
    const answered = new Map<string, 'server' | 'client'>()
    this.#answered[seat.index] = answered
    // What it kept of an earlier life has answered then.
    for (const { contact } of entriesOf(seat)) answered.set(contact.id, 'server')
    if (seat.core instanceof DhtNode) {
      for (const contact of seat.core.routing.snapshot()) answered.set(contact.id, 'server')
    }
  }

  stepping(seat: DhtSeat, input: InputOf<DhtProtocol>): void {
    if (input.type === 'reply') {
      this.#answered[seat.index]!.set(input.from, input.message.sender.mode)
    }
  }

  stepped(seat: DhtSeat): void {
    const entries = entriesOf(seat)
    const seen = new Set<string>()
    const buckets = new Map<number, number>()
    const networks = new Map<string, number>()
    const { k, networkEntriesMax, networkBucketMax } = this.#settings
    for (const { contact, bucket } of entries) {
      const { id, key, host } = contact
      demand(id !== seat.id && !seen.has(id), 'K5', seat, () => `${id} is in the table twice`)
      seen.add(id)
      const own = seat.core instanceof DhtNode ? seat.core.self.key : key
      const text = (): string => `${id} is in bucket ${bucket}`
      demand(bucketIndex(own, key) === bucket, 'K5', seat, text)
      const size = (buckets.get(bucket) ?? 0) + 1
      buckets.set(bucket, size)
      demand(size <= k, 'K6', seat, () => `bucket ${bucket} has ${size} entries`)
      const mode = this.#answered[seat.index]!.get(id)
      demand(mode === 'server', 'K11', seat, () => `${id} (${mode}) is in the table`)
      const network = publicNetwork(host)
      if (network === undefined || networkEntriesMax === 0) continue
      for (const [place, most] of [
        [network, networkEntriesMax],
        [`${network} ${bucket}`, networkBucketMax],
      ] as const) {
        const count = (networks.get(place) ?? 0) + 1
        networks.set(place, count)
        demand(count <= most, 'K12', seat, () => `${count} entries of ${place}`)
      }
    }
  }
}

function entriesOf(seat: DhtSeat): readonly RoutingEntry[] {
  return seat.core instanceof DhtNode ? seat.core.routing.entries() : []
}

/** The first three bytes of a public IPv4 address. */
function publicNetwork(host: string): string | undefined {
  if (/^(?:10|127)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|[^\d.]/.test(host)) return undefined
  return host.slice(0, host.lastIndexOf('.'))
}
