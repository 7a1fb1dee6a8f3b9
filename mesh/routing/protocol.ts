/**
 * Messages of the DHT to frames and back (0x40 to 0x48). Each carries the number that its request has at the
 * asker and the key that it is about, so an answer is never taken for that of another question (MG5), and
 * the type of its frame, so that nothing is ever guessed from its shape (ML10). Parts are in `dht-wire.ts`.
 *
 *     every message     [number, key, host, port, serves, ...]
 *     find_node          count                            find_node_reply   contacts
 *     find_value                                          find_value_reply  record | null, contacts
 *     get_providers                                       providers_reply   records, contacts
 *     store              record, ttlMs | null, expectedSequence | null
 *     add_provider       record                           store_reply       refusal | null, record | null
 *     contact           [id, host, port]                  record            see `records/record-wire.ts`
 *
 * A record stands under the key of its message. An answer takes as many contacts and records as the peer
 * accepts in one frame; a request that is larger than that is refused at the sender. Bytes of a peer raise
 * `MessageError` or `CodecError` here and nothing else.
 */
import { invariant } from '../../runtime/index.ts'
import { isHost } from '../host.ts'
import type { Codec } from '../wire/codec.ts'
import { FRAME_BYTES_MAX_DEFAULT, HEADER_BYTES } from '../wire/frame.ts'
import { MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import type { WireTypeId } from '../wire/messages.ts'
import { Tuple, UINT32_MAX } from '../wire/tuple.ts'
import {
  contactList,
  contactListBytes,
  CONTACTS_MAX,
  headBytes,
  optional,
  PORT_MAX,
  readContacts,
  readRefusal,
  RECORDS_MAX,
  recordIfFits,
  recordsThatFit,
  REFUSAL_BYTES,
  REFUSAL_NUMBER,
} from './dht-wire.ts'
import { DhtError } from './errors.ts'
import { KEY_BYTES, keyBytes, keyFromBytes } from './kademlia/id.ts'
import type { KadKey } from './kademlia/id.ts'
import type { DhtReply, DhtRequest, Sender } from './kademlia/message.ts'
import { SEQUENCE_MAX } from './records/checks.ts'
import type { DhtRecord } from './records/record.ts'
import { readRecord, recordBytes, recordItems } from './records/record-wire.ts'

/** What a frame of the DHT says. */
export type DhtFrame =
  | { readonly type: 'request'; readonly number: number; readonly message: DhtRequest }
  | { readonly type: 'reply'; readonly number: number; readonly message: DhtReply }

/** Frame types of the DHT, for whoever hands frames to {@link DhtProtocol.decode}. */
export const DHT_WIRE_TYPES: readonly WireTypeId[] = Object.freeze([
  WireType.findNode,
  WireType.findNodeReply,
  WireType.store,
  WireType.findValue,
  WireType.findValueReply,
  WireType.storeReply,
  WireType.addProvider,
  WireType.getProviders,
  WireType.providersReply,
])

/** Writes and reads the DHT frames of one realm. */
export class DhtProtocol {
  readonly #codec: Codec
  readonly #realmId: Uint8Array

  constructor(codec: Codec, realmId: Uint8Array) {
    this.#codec = codec
    this.#realmId = realmId
  }

  /**
   * The frame of a request under the asker's `number`. Throws `DhtError` (`ERR_DHT_RECORD_TOO_LARGE`) when a
   * peer that takes `frameBytesMax` would not accept it.
   */
  request(
    number: number,
    message: DhtRequest,
    frameBytesMax: number = FRAME_BYTES_MAX_DEFAULT,
  ): Uint8Array {
    const head = headItems(number, message)
    switch (message.type) {
      case 'find_node': {
        const count = Math.min(message.count, CONTACTS_MAX)
        return this.#codec.encodeFrame(WireType.findNode, [...head, count])
      }
      case 'find_value':
        return this.#codec.encodeFrame(WireType.findValue, head)
      case 'get_providers':
        return this.#codec.encodeFrame(WireType.getProviders, head)
      case 'store': {
        const { key, record, ttlMs, expectedSequence } = message
        const kept = [ttlMs === undefined ? null : Math.floor(ttlMs), expectedSequence ?? null]
        const items = [...head, itemsUnder(key, record), ...kept]
        return this.#bounded(WireType.store, items, frameBytesMax, record)
      }
      case 'add_provider': {
        const items = [...head, itemsUnder(message.key, message.record)]
        return this.#bounded(WireType.addProvider, items, frameBytesMax, message.record)
      }
    }
  }

  /** The frame of the answer to the request with that number; what the peer cannot take is left out. */
  reply(
    number: number,
    message: DhtReply,
    frameBytesMax: number = FRAME_BYTES_MAX_DEFAULT,
  ): Uint8Array {
    const head = headItems(number, message)
    const room = Math.min(frameBytesMax, this.#codec.limits.bytesMax) - headBytes(message.sender)
    switch (message.type) {
      case 'find_node_reply': {
        const items = [...head, contactList(message.contacts, room)]
        return this.#codec.encodeFrame(WireType.findNodeReply, items)
      }
      case 'find_value_reply': {
        const { key, contacts } = message
        const record = recordIfFits(message.record, room)
        const left = room - (record === undefined ? 1 : recordBytes(record))
        const items = [...head, itemsOrNull(key, record), contactList(contacts, left)]
        return this.#codec.encodeFrame(WireType.findValueReply, items)
      }
      case 'providers_reply': {
        const { key } = message
        const contacts = contactList(message.contacts, Math.floor(room / 2))
        const left = room - contactListBytes(message.contacts.slice(0, contacts.length))
        const records = recordsThatFit(message.records, left)
        const items = [...head, records.map((record) => itemsUnder(key, record)), contacts]
        return this.#codec.encodeFrame(WireType.providersReply, items)
      }
      case 'store_reply': {
        const { key, refusal } = message
        const record = recordIfFits(message.record, room - REFUSAL_BYTES)
        const code = refusal === undefined ? null : REFUSAL_NUMBER[refusal]
        return this.#codec.encodeFrame(WireType.storeReply, [
          ...head,
          code,
          itemsOrNull(key, record),
        ])
      }
    }
  }

  /** Reads a frame of one of the {@link DHT_WIRE_TYPES}. */
  decode(type: number, payload: Uint8Array): DhtFrame {
    switch (type) {
      case WireType.findNode:
      case WireType.findValue:
      case WireType.getProviders:
      case WireType.store:
      case WireType.addProvider:
        return this.#request(type, payload)
      case WireType.findNodeReply:
      case WireType.findValueReply:
      case WireType.providersReply:
      case WireType.storeReply:
        return this.#reply(type, payload)
      default:
        throw new MessageError('dht', 'type', 'one of the DHT')
    }
  }

  #request(type: RequestType, payload: Uint8Array): DhtFrame {
    const name = NAME_OF_TYPE[type]
    const { items, number, key, sender } = this.#open(name, payload)
    switch (type) {
      case WireType.findNode: {
        const count = items.whole(5, 'count', 0, CONTACTS_MAX)
        return request(number, { type: 'find_node', key, sender, count })
      }
      case WireType.findValue:
        return request(number, { type: 'find_value', key, sender })
      case WireType.getProviders:
        return request(number, { type: 'get_providers', key, sender })
      case WireType.store:
        return request(number, {
          type: 'store',
          key,
          sender,
          record: this.#record(name, items.get(5), 'record', key),
          ttlMs: optional(items, 6, 'ttlMs', Number.MAX_SAFE_INTEGER),
          expectedSequence: optional(items, 7, 'expectedSequence', SEQUENCE_MAX),
        })
      case WireType.addProvider: {
        const record = this.#record(name, items.get(5), 'record', key)
        return request(number, { type: 'add_provider', key, sender, record })
      }
    }
  }

  #reply(type: ReplyType, payload: Uint8Array): DhtFrame {
    const name = NAME_OF_TYPE[type]
    const { items, number, key, sender } = this.#open(name, payload)
    switch (type) {
      case WireType.findNodeReply: {
        const contacts = readContacts(name, items, 5)
        return reply(number, { type: 'find_node_reply', key, sender, contacts })
      }
      case WireType.findValueReply: {
        const record = this.#recordOrNull(name, items, 5, key)
        const contacts = readContacts(name, items, 6)
        return reply(number, { type: 'find_value_reply', key, sender, record, contacts })
      }
      case WireType.providersReply: {
        const records = items
          .list(5, 'records', RECORDS_MAX)
          .map((value, index) => this.#record(name, value, `records[${index}]`, key))
        const contacts = readContacts(name, items, 6)
        return reply(number, { type: 'providers_reply', key, sender, records, contacts })
      }
      case WireType.storeReply: {
        const refusal = readRefusal(items, 5)
        const record = this.#recordOrNull(name, items, 6, key)
        return reply(number, { type: 'store_reply', key, sender, refusal, record })
      }
    }
  }

  #open(name: string, payload: Uint8Array): Opened {
    const items = new Tuple(name, this.#codec.decode(payload))
    const number = items.whole(0, 'number', 0, UINT32_MAX)
    const key = keyFromBytes(items.bytes(1, 'key', KEY_BYTES))
    const host = items.text(2, 'host', isHost, 'an address or host name')
    const port = items.whole(3, 'port', 1, PORT_MAX)
    const mode = items.flag(4, 'serves') ? 'server' : 'client'
    return { items, number, key, sender: { host, port, mode } }
  }

  #record(name: string, value: unknown, path: string, key: KadKey): DhtRecord {
    return readRecord(name, value, path, { key, ownRealmId: this.#realmId })
  }

  #recordOrNull(name: string, items: Tuple, index: number, key: KadKey): DhtRecord | undefined {
    const value = items.get(index)
    return value === null ? undefined : this.#record(name, value, 'record', key)
  }

  #bounded(
    type: number,
    items: readonly unknown[],
    frameBytesMax: number,
    record: DhtRecord,
  ): Uint8Array {
    const frame = this.#codec.encodeFrame(type, items)
    const bytes = frame.length - HEADER_BYTES
    if (bytes <= frameBytesMax) return frame
    const size = `${record.value.length} bytes of value, in a frame of ${bytes}`
    throw new DhtError(
      'ERR_DHT_RECORD_TOO_LARGE',
      `the record does not fit: ${size}; the peer takes ${frameBytesMax}`,
    )
  }
}

type RequestType =
  | typeof WireType.findNode
  | typeof WireType.findValue
  | typeof WireType.getProviders
  | typeof WireType.store
  | typeof WireType.addProvider

type ReplyType =
  | typeof WireType.findNodeReply
  | typeof WireType.findValueReply
  | typeof WireType.providersReply
  | typeof WireType.storeReply

interface Opened {
  readonly items: Tuple
  readonly number: number
  readonly key: KadKey
  readonly sender: Sender
}

/** Names in complaints. */
const NAME_OF_TYPE: Readonly<Record<RequestType | ReplyType, string>> = Object.freeze({
  [WireType.findNode]: 'find_node',
  [WireType.findNodeReply]: 'find_node_reply',
  [WireType.store]: 'store',
  [WireType.findValue]: 'find_value',
  [WireType.findValueReply]: 'find_value_reply',
  [WireType.storeReply]: 'store_reply',
  [WireType.addProvider]: 'add_provider',
  [WireType.getProviders]: 'get_providers',
  [WireType.providersReply]: 'providers_reply',
})

function request(number: number, message: DhtRequest): DhtFrame {
  return { type: 'request', number, message }
}

function reply(number: number, message: DhtReply): DhtFrame {
  return { type: 'reply', number, message }
}

function headItems(number: number, { key, sender }: DhtRequest | DhtReply): readonly unknown[] {
  const { host, port, mode } = sender
  invariant(number >= 0 && number <= UINT32_MAX, 'ERR_INVARIANT_DHT_NUMBER', `${number}`)
  return [number, keyBytes(key), host, port, mode === 'server']
}

function itemsUnder(key: KadKey, record: DhtRecord): readonly unknown[] {
  invariant(record.key.hex === key.hex, 'ERR_INVARIANT_DHT_RECORD', 'a record of another key')
  return recordItems(record)
}

function itemsOrNull(key: KadKey, record: DhtRecord | undefined): readonly unknown[] | null {
  return record === undefined ? null : itemsUnder(key, record)
}
