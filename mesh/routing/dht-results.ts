/** What the cores found, as applications see it. */
import { nodeKeyFromHex } from '../identity/node-key.ts'
import type {
  DhtContact,
  DhtHop,
  DhtKey,
  DhtLookupResult,
  DhtNodeAddress,
  DhtProvider,
  DhtPutResult,
  DhtStanding,
  DhtStoreRefusal,
  DhtValue,
} from './dht.ts'
import type { KadKey } from './kademlia/id.ts'
import type { LookupHop, LookupResult } from './kademlia/machine.ts'
import type { Contact } from './kademlia/message.ts'
import type { OperationOutcome } from './records/machine.ts'
import type { DhtRecord } from './records/record.ts'

export function putResult({ key, sequence }: DhtRecord, outcome: OperationOutcome): DhtPutResult {
  const { requests, elapsedMs } = outcome
  return { key, sequence, requests, elapsedMs, ...holdersOf(outcome) }
}

/** Who took a record, and who did not. */
export function holdersOf({ holders, refusals }: OperationOutcome): {
  readonly holders: readonly DhtContact[]
  readonly refusals: readonly DhtStoreRefusal[]
} {
  return {
    holders: holders.map(contactOf),
    refusals: refusals.map(({ contact, code }) => ({ contact: contactOf(contact), code })),
  }
}

export function valueOf(record: DhtRecord, outcome: OperationOutcome): DhtValue {
  const { key, kind, name } = record
  const { agreed, requests, elapsedMs } = outcome
  return {
    ...{ key, name, ...standingOf(record) },
    kind: kind === 'immutable' ? kind : 'mutable',
    ...{ agreed, requests, elapsedMs },
  }
}

export function standingOf(record: DhtRecord): DhtStanding {
  const { value, publisher, sequence, expiresAtMs } = record
  return {
    value: new Uint8Array(value),
    publisher: nodeKeyFromHex(publisher),
    ...{ sequence, expiresAtMs },
  }
}

export function providerOf(record: DhtRecord): DhtProvider {
  const { publisher, host, port, value, sequence, expiresAtMs } = record
  return {
    key: nodeKeyFromHex(publisher),
    address: { host, port },
    metadata: new Uint8Array(value),
    ...{ sequence, expiresAtMs },
  }
}

export function addressOf(record: DhtRecord): DhtNodeAddress {
  const { key, address, sequence, expiresAtMs } = providerOf(record)
  return { key, address, nodeId: record.name, sequence, expiresAtMs }
}

export function contactOf({ id, host, port }: Contact): DhtContact {
  return { key: nodeKeyFromHex(id), address: { host, port } }
}

export function hopOf({ contact, ...hop }: LookupHop): DhtHop {
  return { ...hop, contact: contactOf(contact) }
}

export function lookupResult({ closest, ...result }: LookupResult): DhtLookupResult {
  return { ...result, closest: closest.map(contactOf) }
}

/** A key as it was given, for people: `"config" (0a1b...)`. */
export function askedOf(given: DhtKey, { hex }: KadKey): string {
  return typeof given === 'string' ? `${JSON.stringify(given)} (${hex})` : hex
}
