/**
 * The parts of DHT messages as arrays, how many bytes they take, and how many of them fit. Records are in
 * `records/record-wire.ts`.
 */
import { isHost } from '../host.ts'
import { binaryBytes, listBytes, numberBytes, textBytes } from '../wire/sizes.ts'
import { Tuple } from '../wire/tuple.ts'
import { KEY_BYTES, keyBytes, keyFromBytes } from './kademlia/id.ts'
import type { Contact, Sender, StoreRefusal } from './kademlia/message.ts'
import type { DhtRecord } from './records/record.ts'
import { recordBytes } from './records/record-wire.ts'

/** Contacts in one answer at most, whatever the settings of its sender: the largest `k` times `answerFactor`. */
export const CONTACTS_MAX = 256

/** Records in one answer at most, if they fit. */
export const RECORDS_MAX = 255

/** Highest port. */
export const PORT_MAX = 65_535

/** Every refusal that will ever be is a byte. */
const REFUSAL_MAX = 255

/** Bytes of a refusal at most. */
export const REFUSAL_BYTES = 2

/** Numbers of refusals on the wire. Never reused. */
export const REFUSAL_NUMBER: Readonly<Record<StoreRefusal, number>> = Object.freeze({
  ERR_DHT_STORE_FAILED: 0,
  ERR_DHT_RECORD_SIGNATURE: 1,
  ERR_DHT_RECORD_MEMBERSHIP: 2,
  ERR_DHT_RECORD_REALM: 3,
  ERR_DHT_RECORD_KEY: 4,
  ERR_DHT_RECORD_EXPIRED: 5,
  ERR_DHT_RECORD_EXPIRY: 6,
  ERR_DHT_RECORD_TOO_LARGE: 7,
  ERR_DHT_RECORD_INVALID: 8,
  ERR_DHT_SEQUENCE_LOW: 9,
  ERR_DHT_SEQUENCE_UNEXPECTED: 10,
  ERR_DHT_STORE_FULL: 11,
  ERR_DHT_PROVIDERS_FULL: 12,
  ERR_DHT_PEER_QUOTA: 13,
  ERR_DHT_CLIENT_MODE: 14,
  ERR_DHT_PEER_SHUNNED: 15,
})

const REFUSAL_OF_NUMBER: readonly (StoreRefusal | undefined)[] = refusalTable()

function refusalTable(): readonly (StoreRefusal | undefined)[] {
  const table = new Array<StoreRefusal | undefined>(REFUSAL_MAX + 1).fill(undefined)
  for (const [code, number] of Object.entries(REFUSAL_NUMBER)) table[number] = code as StoreRefusal
  return Object.freeze(table)
}

/** Bytes of what every message begins with: array, number, key, sender, and the heads of two lists. */
export function headBytes({ host, port }: Sender): number {
  return 1 + 5 + binaryBytes(KEY_BYTES) + textBytes(host) + numberBytes(port) + 1 + 2 * 3
}

/** The record, unless it is larger than that. */
export function recordIfFits(record: DhtRecord | undefined, room: number): DhtRecord | undefined {
  return record !== undefined && recordBytes(record) <= room ? record : undefined
}

/** The first that fit; one that is too large does not keep out the smaller ones after it. */
export function recordsThatFit(records: readonly DhtRecord[], room: number): readonly DhtRecord[] {
  const taken: DhtRecord[] = []
  let left = room
  for (const record of records) {
    const bytes = recordBytes(record)
    if (bytes > left) continue
    taken.push(record)
    left -= bytes
    if (taken.length === RECORDS_MAX) break
  }
  return taken
}

/** The arrays of the nearest that fit. */
export function contactList(
  contacts: readonly Contact[],
  room: number,
): readonly (readonly unknown[])[] {
  const list: (readonly unknown[])[] = []
  let left = room
  for (const contact of contacts) {
    left -= contactBytes(contact)
    if (left < 0 || list.length === CONTACTS_MAX) break
    list.push([keyBytes(contact.key), contact.host, contact.port])
  }
  return list
}

/** Bytes of {@link contactList} at most, its head not counted. */
export function contactListBytes(contacts: readonly Contact[]): number {
  return contacts.reduce((bytes, contact) => bytes + contactBytes(contact), 0)
}

function contactBytes({ host, port }: Contact): number {
  return listBytes(3) + binaryBytes(KEY_BYTES) + textBytes(host) + numberBytes(port)
}

/** Reads contacts. Whether anybody is there is found out by asking. */
export function readContacts(name: string, items: Tuple, index: number): readonly Contact[] {
  return items.list(index, 'contacts', CONTACTS_MAX).map((value, at) => {
    const parts = new Tuple(name, value, `contacts[${at}]`)
    const key = keyFromBytes(parts.bytes(0, 'id', KEY_BYTES))
    const host = parts.text(1, 'host', isHost, 'an address or host name')
    return { id: key.hex, key, host, port: parts.whole(2, 'port', 1, PORT_MAX) }
  })
}

/** Reads why a record is not kept. A reason that only a newer peer knows is still a refusal. */
export function readRefusal(items: Tuple, index: number): StoreRefusal | undefined {
  if (items.get(index) === null) return undefined
  const number = items.whole(index, 'refusal', 0, REFUSAL_MAX)
  return REFUSAL_OF_NUMBER[number] ?? 'ERR_DHT_STORE_FAILED'
}

/** Reads a whole number or null. */
export function optional(
  items: Tuple,
  index: number,
  name: string,
  max: number,
): number | undefined {
  return items.get(index) === null ? undefined : items.whole(index, name, 0, max)
}
