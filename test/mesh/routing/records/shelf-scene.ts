/** Records without signatures, and a shelf with the node at key 0: the shelf is given what was checked. */
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { DhtRecord } from '../../../../mesh/routing/records/record.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'
import type { RecordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { RecordShelf } from '../../../../mesh/routing/records/shelf.ts'
import type { OfferOptions, OfferResult } from '../../../../mesh/routing/records/shelf.ts'

export const HOUR_MS = 3_600_000

/** The key at that distance from `OWN`. */
export function at(distance: number): KadKey {
  return keyFromHex(distance.toString(16).padStart(64, '0'))
}

export const OWN: KadKey = at(0)

export function publisher(index: number): string {
  return (0xa000 + index).toString(16).padStart(64, '0')
}

/** A mutable record at distance 1 that lives for a day, unless said otherwise. */
export function record(given: Partial<DhtRecord> = {}): DhtRecord {
  return {
    kind: 'mutable',
    key: at(1),
    publisher: publisher(0),
    sequence: 1,
    expiresAtMs: 24 * HOUR_MS,
    name: '',
    value: new Uint8Array(0),
    host: '',
    port: 0,
    proof: 'proof',
    ...given,
  }
}

export function provider(given: Partial<DhtRecord> = {}): DhtRecord {
  return record({ kind: 'provider', host: '10.0.0.1', port: 4000, ...given })
}

export function valueOf(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(7)
}

export function shelf(given: Partial<RecordsSettings> = {}): RecordShelf {
  return new RecordShelf({ own: OWN, settings: recordsSettings(given) })
}

/** Offers by peer `p` at time 0, unless said otherwise. */
export function offer(
  to: RecordShelf,
  what: DhtRecord,
  given: Partial<OfferOptions> = {},
): OfferResult {
  const from = given.own === true ? undefined : 'p'
  return to.offer(what, { from, nowMs: 0, wallNowMs: 0, ...given })
}

/** Numbers of the keys that are there, nearest first. */
export function distances(of: RecordShelf): number[] {
  return [...of.entries()]
    .map((entry) => Number.parseInt(entry.record.key.hex, 16))
    .sort((left, right) => left - right)
}
