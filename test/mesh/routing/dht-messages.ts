/** Arbitrary records and messages of the DHT as they may be on the wire. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { nodeKeyOfPublicKey } from '../../../mesh/identity/node-key.ts'
import { keyFromBytes } from '../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../mesh/routing/kademlia/id.ts'
import { REFUSAL_NUMBER } from '../../../mesh/routing/dht-wire.ts'
import type {
  Contact,
  DhtReply,
  DhtRequest,
  Sender,
  StoreRefusal,
} from '../../../mesh/routing/kademlia/message.ts'
import { immutableKey, mutableKey, nodeIdKey } from '../../../mesh/routing/records/keys.ts'
import { isNodeIdText, isRecordName, normalNodeId } from '../../../mesh/routing/records/names.ts'
import type { RecordProof } from '../../../mesh/routing/records/proof.ts'
import type { DhtRecord, RecordKind } from '../../../mesh/routing/records/record.ts'
import type { StoredEntry } from '../../../mesh/routing/records/machine.ts'

/** The realm of the reader. */
export const REALM_ID: Uint8Array = new Uint8Array(32).fill(7)

/** Bytes from one number: a byte each would take a fast-check value for every one of some 300. */
const bytes = (length: number) =>
  fc.nat().map((n) => new Uint8Array(createHash('sha512').update(`${n}`).digest()).slice(0, length))
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true })

/** Around the lengths that numbers have on the wire. */
const EDGES = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32]
const number = (min: number, max: number) =>
  fc.oneof(
    fc.constantFrom(...EDGES.filter((n) => n > min && n < max), min, max),
    fc.maxSafeNat().map((n) => min + (n % (max - min + 1))),
  )
const time = number(1, Number.MAX_SAFE_INTEGER)
const port = number(1, 65_535)
const host = fc.oneof(
  fc.constantFrom('10.0.0.1', '2001:db8::1234:5678', 'h', 'node-7.example.com'),
  fc.integer({ min: 1, max: 60 }).map((length) => `${'a'.repeat(length)}.${'b.'.repeat(90)}c`),
)
const name = fc.oneof(
  fc.constantFrom('', 'prices', 'n'.repeat(31), 'n'.repeat(32), 'n'.repeat(255), 'f'.repeat(64)),
  fc.string({ unit: 'binary', maxLength: 100 }).filter(isRecordName),
)
const nodeId = fc
  .tuple(fc.constantFrom('n', 'Db-1_x', 'n'.repeat(64)), host, port)
  .map(([who, where, at]) =>
    normalNodeId(`${who}@${where.includes(':') ? `[${where}]` : where}:${at}`),
  )
  .filter(isNodeIdText)
const roles = fc
  .uniqueArray(
    fc.oneof(
      fc.constantFrom('web', 'db', 'a.b-c_d'),
      fc.integer({ min: 31, max: 63 }).map((length) => 'r'.repeat(length)),
    ),
    { maxLength: 16 },
  )
  .map((list) => list.sort())
const value = fc.oneof(
  fc.constantFrom(0, 255, 256, 65_536).map((length) => new Uint8Array(length).fill(5)),
  fc.uint8Array({ maxLength: 40 }),
)

/** A point of the key space. */
export const key: fc.Arbitrary<KadKey> = bytes(32).map(keyFromBytes)

const parts = record({
  publicKey: bytes(32),
  signature: bytes(64),
  realmId: fc.oneof(fc.constant(REALM_ID), bytes(32)),
  key,
  sequence: time,
  expiresAtMs: time,
  name,
  nodeId,
  value,
  host,
  port,
  notBeforeMs: number(0, Number.MAX_SAFE_INTEGER),
  notAfterMs: number(0, Number.MAX_SAFE_INTEGER),
  roles,
  authority: bytes(64),
  byKey: fc.boolean(),
})

/** A record of those kinds that nobody signed, under the key that it belongs to. */
export function recordOf(...kinds: readonly RecordKind[]): fc.Arbitrary<DhtRecord> {
  return fc.tuple(fc.constantFrom(...kinds), parts).map(([kind, given]) => {
    const { publicKey, signature, realmId, sequence, expiresAtMs } = given
    const nodeKey = nodeKeyOfPublicKey(publicKey)
    const publisher = nodeKey.hex
    const ofNode = kind === 'provider' || kind === 'address'
    const { notBeforeMs, notAfterMs, roles: names, authority } = given
    const membership = {
      realmId,
      nodeKey: nodeKey.bytes,
      notBeforeMs,
      notAfterMs,
      roles: names,
      signature: authority,
    }
    const proof: RecordProof = {
      publicKey,
      signature,
      realmId,
      membership: ofNode ? membership : undefined,
    }
    const common = {
      kind,
      publisher,
      sequence: kind === 'immutable' ? 1 : sequence,
      expiresAtMs,
      name: kind === 'mutable' ? given.name : kind === 'address' ? given.nodeId : '',
      value: kind === 'address' ? new Uint8Array(0) : given.value,
      host: ofNode ? given.host : '',
      port: ofNode ? given.port : 0,
      proof,
    }
    return { ...common, key: keyOf(kind, common, given) }
  })
}

function keyOf(
  kind: RecordKind,
  { publisher, name: called, value: said }: Pick<DhtRecord, 'publisher' | 'name' | 'value'>,
  { key: any, byKey }: { key: KadKey; byKey: boolean },
): KadKey {
  switch (kind) {
    case 'immutable':
      return immutableKey(REALM_ID, said)
    case 'mutable':
      return mutableKey(REALM_ID, publisher, called)
    case 'provider':
      return any
    case 'address':
      return byKey ? keyFromBytes(Buffer.from(publisher, 'hex')) : nodeIdKey(REALM_ID, called)
  }
}

/** A record of any kind. */
export const anyRecord: fc.Arbitrary<DhtRecord> = recordOf(
  'immutable',
  'mutable',
  'provider',
  'address',
)

/** A record on a shelf. */
export const storedEntry: fc.Arbitrary<StoredEntry> = fc
  .tuple(anyRecord, fc.boolean(), fc.boolean(), time, time)
  .map(([kept, own, cached, keptMs, storedAtMs]) => ({
    record: kept,
    keepUntilMs: keptMs % (kept.expiresAtMs + 1),
    own,
    cached,
    storedAtMs,
  }))

/** A node. */
export const contact: fc.Arbitrary<Contact> = fc
  .tuple(key, host, port)
  .map(([at, where, through]) => ({ id: at.hex, key: at, host: where, port: through }))

const contacts = fc.oneof(
  fc.array(contact, { maxLength: 3 }),
  fc.array(contact, { minLength: 40, maxLength: 40 }),
)

const sender: fc.Arbitrary<Sender> = record({
  host,
  port,
  mode: fc.constantFrom('server', 'client'),
})

const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })

/** Under one key, as an answer has them. */
const providers = fc
  .tuple(key, fc.array(recordOf('provider'), { maxLength: 8 }))
  .map(([at, list]) => ({ key: at, records: list.map((one) => ({ ...one, key: at })) }))

/** Any request. */
export const request: fc.Arbitrary<DhtRequest> = fc.oneof(
  record({ type: fc.constant('find_node' as const), key, sender, count: number(0, 256) }),
  record({ type: fc.constant('find_value' as const), key, sender }),
  record({ type: fc.constant('get_providers' as const), key, sender }),
  fc
    .tuple(recordOf('immutable', 'mutable'), sender, maybe(time), maybe(number(0, 2 ** 53 - 1)))
    .map(([kept, from, ttlMs, expectedSequence]) => ({
      type: 'store' as const,
      key: kept.key,
      sender: from,
      record: kept,
      ttlMs,
      expectedSequence,
    })),
  fc.tuple(recordOf('provider', 'address'), sender).map(([kept, from]) => ({
    type: 'add_provider' as const,
    key: kept.key,
    sender: from,
    record: kept,
  })),
)

const refusals = Object.keys(REFUSAL_NUMBER) as StoreRefusal[]

/** Any reply. */
export const reply: fc.Arbitrary<DhtReply> = fc.oneof(
  record({ type: fc.constant('find_node_reply' as const), key, sender, contacts }),
  fc
    .tuple(recordOf('immutable', 'mutable'), fc.boolean(), sender, contacts)
    .map(([kept, found, from, near]) => ({
      type: 'find_value_reply' as const,
      key: kept.key,
      sender: from,
      record: found ? kept : undefined,
      contacts: near,
    })),
  fc.tuple(providers, sender, contacts).map(([found, from, near]) => ({
    type: 'providers_reply' as const,
    key: found.key,
    sender: from,
    records: found.records,
    contacts: near,
  })),
  fc
    .tuple(recordOf('mutable'), fc.boolean(), sender, maybe(fc.constantFrom(...refusals)))
    .map(([kept, found, from, refusal]) => ({
      type: 'store_reply' as const,
      key: kept.key,
      sender: from,
      refusal,
      record: found ? kept : undefined,
    })),
)
