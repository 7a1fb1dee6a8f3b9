import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../mesh/routing/kademlia/id.ts'
import type { Contact, DhtReply, DhtRequest } from '../../../mesh/routing/kademlia/message.ts'
import { DHT_WIRE_TYPES, DhtProtocol } from '../../../mesh/routing/protocol.ts'
import { CONTACTS_MAX, RECORDS_MAX, REFUSAL_NUMBER } from '../../../mesh/routing/dht-wire.ts'
import { VALUE_BYTES_LIMIT } from '../../../mesh/routing/records/checks.ts'
import type { DhtRecord, RecordKind } from '../../../mesh/routing/records/record.ts'
import { recordItems } from '../../../mesh/routing/records/record-wire.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { MessageError } from '../../../mesh/wire/errors.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { MESSAGE_LIMITS } from '../../../mesh/wire/limits.ts'
import { WireType, wireTypeName } from '../../../mesh/wire/messages.ts'
import { codeOf } from '../wire/bytes.ts'
import { KINDS, Publisher, realm, withProof } from './records/publishers.ts'

const codec = new Codec()
const protocol = new DhtProtocol(codec, realm.id)
const publisher = new Publisher(1)
const judge = new Publisher(2)
const records = Object.fromEntries(KINDS.map((kind) => [kind, publisher.publish(kind)])) as Record<
  RecordKind,
  DhtRecord
>
const sender = { host: '10.0.0.9', port: 4433, mode: 'server' } as const
const contactOf = (n: number, host = '10.0.0.1'): Contact => {
  const key = keyFromHex(n.toString(16).padStart(64, '0'))
  return { id: key.hex, key, host, port: 4433 }
}
const key = keyFromHex('cd'.repeat(32))
const contacts = [contactOf(1), contactOf(2)]
const { mutable, provider } = records
const at = (record: DhtRecord, under = key) => ({ ...record, key: under })

const REQUESTS: readonly DhtRequest[] = [
  { type: 'find_node', key, sender, count: 40 },
  { type: 'store', key: mutable.key, sender, record: mutable, ttlMs: 5, expectedSequence: 4 },
  { type: 'find_value', key, sender },
  { type: 'add_provider', key: provider.key, sender, record: provider },
  { type: 'get_providers', key, sender },
]
const REPLIES: readonly DhtReply[] = [
  { type: 'find_node_reply', key, sender, contacts },
  { type: 'find_value_reply', key: mutable.key, sender, record: mutable, contacts },
  {
    type: 'store_reply',
    key: mutable.key,
    sender,
    refusal: 'ERR_DHT_SEQUENCE_LOW',
    record: mutable,
  },
  { type: 'providers_reply', key, sender, records: [at(provider), at(provider)], contacts },
]
const frames = new Map([
  ...REQUESTS.map((message) => [message.type, protocol.request(7, message)] as const),
  ...REPLIES.map((message) => [message.type, protocol.reply(7, message)] as const),
])
const payloadOf = (type: string) => frames.get(type as DhtRequest['type'])!.subarray(HEADER_BYTES)
const typeOf = (type: string) => frames.get(type as DhtRequest['type'])![1]!
const itemsOf = (type: string) => codec.decode(payloadOf(type)) as unknown[]
const replaced = (items: readonly unknown[], index: number, value: unknown) =>
  items.map((item, place) => (place === index ? value : item))

/** The field of the message that is complained about. */
function fieldOf(type: string, items: readonly unknown[]): string {
  try {
    protocol.decode(typeOf(type), codec.encode(items))
  } catch (error) {
    if (error instanceof MessageError) return `${error.messageType} ${error.field}`
    throw error
  }
  return 'none'
}

describe('frames', () => {
  it('ML10 each message has a type of its own and is read as that', () => {
    const types = [...frames].map(([name, frame]) => {
      const { message } = protocol.decode(frame[1]!, frame.subarray(HEADER_BYTES))
      expect(message.type).toBe(name)
      return frame[1]!
    })
    expect(new Set(types)).toEqual(new Set(DHT_WIRE_TYPES))
    expect(types).toHaveLength(DHT_WIRE_TYPES.length)
    expect(wireTypeName(typeOf('find_node_reply'))).toBe('findNodeReply')
  })

  it('MG5 each message carries its number and its key', () => {
    for (const [name, frame] of frames) {
      const { number, message, type } = protocol.decode(frame[1]!, frame.subarray(HEADER_BYTES))
      expect(number).toBe(7)
      expect(message.key.hex).toMatch(/^[0-9a-f]{64}$/)
      expect(type).toBe(name.endsWith('reply') ? 'reply' : 'request')
    }
  })

  it('of other protocols are none', () => {
    const payload = payloadOf('find_node')
    for (const type of [WireType.ping, WireType.swimSync, WireType.natProbe, 0, 255]) {
      expect(codeOf(() => protocol.decode(type, payload))).toBe('ERR_MESSAGE_INVALID')
    }
  })
})

describe('fields', () => {
  const HEAD: [number, string, readonly unknown[]][] = [
    [0, 'number', [-1, 2 ** 32, 1.5, '7', null]],
    [1, 'key', [new Uint8Array(31), new Uint8Array(33), 'cd'.repeat(32), null]],
    [2, 'host', ['', 'a b', `${'h.'.repeat(127)}h`, 7, null]],
    [3, 'port', [0, 65_536, 1.5, '80', null]],
    [4, 'serves', [0, 1, 'server', null]],
  ]
  const OWN: Record<string, [number, string, readonly unknown[]][]> = {
    find_node: [[5, 'count', [-1, CONTACTS_MAX + 1, 0.5, null]]],
    find_node_reply: [[5, 'contacts', [null, 7, {}, new Uint8Array(3)]]],
    store: [
      [5, 'record', [null, 7, {}]],
      [6, 'ttlMs', [-1, 0.5, 'ever']],
      [7, 'expectedSequence', [-1, 2 ** 53, 'any']],
    ],
    find_value: [],
    find_value_reply: [
      [5, 'record', [7, {}, undefined]],
      [6, 'contacts', [null, 'none']],
    ],
    store_reply: [
      [5, 'refusal', [-1, 256, 'ERR_DHT_STORE_FULL']],
      [6, 'record', [7, {}]],
    ],
    add_provider: [[5, 'record', [null, 7]]],
    get_providers: [],
    providers_reply: [
      [5, 'records', [null, 7, {}]],
      [6, 'contacts', [null]],
    ],
  }
  const rows = Object.entries(OWN).flatMap(([type, own]) =>
    [...HEAD, ...own].map(([index, field, bad]) => [type, index, field, bad] as const),
  )

  it.each(rows)('%s: element %i, %s, is checked', (type, index, field, bad) => {
    const items = itemsOf(type)
    expect(fieldOf(type, items)).toBe('none')
    for (const value of bad) {
      expect(fieldOf(type, replaced(items, index, value))).toBe(`${type} ${field}`)
    }
    expect(fieldOf(type, items.slice(0, index))).toBe(`${type} ${field}`)
  })

  it('an element that a newer peer adds is ignored, no array is no message', () => {
    for (const [type] of frames) {
      expect(fieldOf(type, [...itemsOf(type), 'news'])).toBe('none')
      const code = codeOf(() => protocol.decode(typeOf(type), codec.encode({ number: 7 })))
      expect(code).toBe('ERR_MESSAGE_INVALID')
    }
  })

  it.each<[number, string, readonly unknown[]]>([
    [0, 'id', [new Uint8Array(31), 'cd'.repeat(32), null]],
    [1, 'host', ['', 'a b', null]],
    [2, 'port', [0, 65_536, null]],
  ])('element %i of a contact, %s, is checked', (index, field, bad) => {
    const items = itemsOf('find_node_reply')
    const [first] = items[5] as unknown[][]
    for (const value of bad) {
      const list = [first, replaced(first!, index, value)]
      expect(fieldOf('find_node_reply', replaced(items, 5, list))).toBe(
        `find_node_reply contacts[1].${field}`,
      )
    }
  })

  it.each<[RecordKind, number, string, readonly unknown[]]>([
    ['mutable', 0, 'kind', [-1, 4, 'mutable', null]],
    ['mutable', 1, 'sequence', [0, 2 ** 53, 1.5, null]],
    ['mutable', 2, 'expiresAtMs', [0, -1, 2 ** 53, null]],
    ['mutable', 3, 'name', ['\u0000', 'n'.repeat(256), 7, null]],
    ['mutable', 4, 'value', ['abc', new Uint8Array(VALUE_BYTES_LIMIT + 1), null]],
    ['mutable', 5, 'publicKey', [new Uint8Array(31), null]],
    ['mutable', 6, 'signature', [new Uint8Array(63), null]],
    ['mutable', 7, 'realmId', [new Uint8Array(31), null]],
    ['immutable', 1, 'kind', [2]],
    ['immutable', 3, 'name', ['n']],
    ['provider', 3, 'name', ['n']],
    ['provider', 8, 'host', ['', 'a b', null]],
    ['provider', 8, 'kind', ['0.0.0.0', '::']],
    ['provider', 9, 'port', [0, 65_536, null]],
    ['provider', 10, 'notBeforeMs', [-1, null]],
    ['provider', 11, 'notAfterMs', [2 ** 53, null]],
    ['provider', 12, 'roles', [['b', 'a'], ['A'], 'web', null]],
    ['provider', 13, 'membership', [new Uint8Array(65), null]],
    ['address', 3, 'name', ['db', 'db@H:1', null]],
    ['address', 4, 'kind', [Uint8Array.of(1)]],
  ])('%s record: element %i, as told by %s, is checked', (kind, index, field, bad) => {
    const items = itemsOf('add_provider')
    const record = recordItems(records[kind])
    expect(fieldOf('add_provider', replaced(items, 5, record))).toBe('none')
    for (const value of bad) {
      const said = replaced(items, 5, replaced(record, index, value))
      expect(fieldOf('add_provider', said)).toBe(`add_provider record.${field}`)
    }
  })

  it('K38 every refusal arrives, and one that only a newer peer knows is a refusal too', () => {
    const items = itemsOf('store_reply')
    for (const [code, number] of Object.entries(REFUSAL_NUMBER)) {
      const { message } = protocol.decode(
        WireType.storeReply,
        codec.encode(replaced(items, 5, number)),
      )
      expect(message).toMatchObject({ type: 'store_reply', refusal: code })
    }
    expect(new Set(Object.values(REFUSAL_NUMBER)).size).toBe(Object.keys(REFUSAL_NUMBER).length)
    const news = codec.encode(replaced(items, 5, 200))
    expect(protocol.decode(WireType.storeReply, news).message).toMatchObject({
      refusal: 'ERR_DHT_STORE_FAILED',
    })
  })
})

describe('limits', () => {
  it(`${CONTACTS_MAX} contacts are read, one more is refused and never sent`, () => {
    const many = Array.from({ length: CONTACTS_MAX + 1 }, (_, n) => contactOf(n))
    const frame = protocol.reply(1, { type: 'find_node_reply', key, sender, contacts: many })
    const { message } = protocol.decode(frame[1]!, frame.subarray(HEADER_BYTES))
    expect(message).toMatchObject({ contacts: many.slice(0, CONTACTS_MAX) })
    const items = itemsOf('find_node_reply')
    const one = (items[5] as unknown[])[0]
    const list = (length: number) => replaced(items, 5, new Array(length).fill(one))
    expect(fieldOf('find_node_reply', list(CONTACTS_MAX))).toBe('none')
    expect(fieldOf('find_node_reply', list(CONTACTS_MAX + 1))).toBe('find_node_reply contacts')
    const greedy = protocol.request(1, { type: 'find_node', key, sender, count: CONTACTS_MAX + 1 })
    expect(protocol.decode(greedy[1]!, greedy.subarray(HEADER_BYTES)).message).toMatchObject({
      count: CONTACTS_MAX,
    })
  })

  it(`${RECORDS_MAX} records are read, one more is refused and never sent`, () => {
    const many = new Array<DhtRecord>(RECORDS_MAX + 1).fill(at(provider))
    const frame = protocol.reply(1, {
      type: 'providers_reply',
      key,
      sender,
      records: many,
      contacts,
    })
    const { message } = protocol.decode(frame[1]!, frame.subarray(HEADER_BYTES))
    expect(message.type === 'providers_reply' && message.records.length).toBe(RECORDS_MAX)
    const items = itemsOf('providers_reply')
    const list = new Array(RECORDS_MAX + 1).fill((items[5] as unknown[])[0])
    expect(fieldOf('providers_reply', replaced(items, 5, list))).toBe('providers_reply records')
  })

  it('the largest record goes with 2k contacts that have the longest hosts into 1 MiB', () => {
    const value = new Uint8Array(VALUE_BYTES_LIMIT)
    const record = { ...mutable, value }
    const host = `${'h.'.repeat(126)}h`
    const many = Array.from({ length: 40 }, (_, n) => contactOf(n, host))
    const message = {
      type: 'find_value_reply',
      key: mutable.key,
      sender,
      record,
      contacts: many,
    } as const
    const frame = protocol.reply(1, message)
    const back = protocol.decode(frame[1]!, frame.subarray(HEADER_BYTES)).message
    expect(isDeepStrictEqual(back, message)).toBe(true)
    expect(frame.length - HEADER_BYTES).toBeLessThan(MESSAGE_LIMITS.bytesMax)
  })

  it('a record that the peer cannot take is left out of the answer, a smaller one after it is not', () => {
    const large = at({ ...provider, value: new Uint8Array(1_000) })
    const message = {
      type: 'providers_reply',
      key,
      sender,
      records: [large, at(provider)],
      contacts,
    } as const
    const frame = protocol.reply(1, message, 1_024)
    expect(frame.length - HEADER_BYTES).toBeLessThanOrEqual(1_024)
    const back = protocol.decode(frame[1]!, frame.subarray(HEADER_BYTES)).message
    expect(back).toEqual({ ...message, records: [at(provider)] })
  })

  it('a request that the peer cannot take is refused at the sender, with its sizes', () => {
    const message = REQUESTS[1]!
    const bytes = protocol.request(1, message).length - HEADER_BYTES
    expect(protocol.request(1, message, bytes).length).toBe(bytes + HEADER_BYTES)
    expect(() => protocol.request(1, message, bytes - 1)).toThrow(
      `the record does not fit: 3 bytes of value, in a frame of ${bytes}; the peer takes ${bytes - 1}`,
    )
  })

  it('numbers have 32 bits', () => {
    for (const number of [-1, 2 ** 32, Number.NaN]) {
      expect(codeOf(() => protocol.request(number, REQUESTS[0]!))).toBe('ERR_INVARIANT_DHT_NUMBER')
    }
  })
})

describe('records under another key', () => {
  it('are not sent', () => {
    const wrong = { type: 'store_reply', key, sender, refusal: undefined, record: mutable } as const
    expect(codeOf(() => protocol.reply(1, wrong))).toBe('ERR_INVARIANT_DHT_RECORD')
  })

  it('K32 a record that is replayed under another key is refused with its code', () => {
    const codes = KINDS.map((kind) => {
      const items = replaced(itemsOf('store'), 5, recordItems(records[kind]))
      const payload = codec.encode(replaced(items, 1, new Uint8Array(32).fill(9)))
      const { message } = protocol.decode(WireType.store, payload)
      return message.type === 'store' ? judge.authority.check(message.record) : 'no store'
    })
    expect(codes).toEqual([
      'ERR_DHT_RECORD_KEY',
      'ERR_DHT_RECORD_KEY',
      'ERR_DHT_RECORD_SIGNATURE',
      'ERR_DHT_RECORD_KEY',
    ])
  })
})

describe('K32 any byte of a record on the wire', () => {
  it.each(KINDS)('of an %s record: another one is refused, or no record any more', (kind) => {
    const record = records[kind]
    const message = { type: 'add_provider', key: record.key, sender, record } as const
    const good = protocol.request(1, message).subarray(HEADER_BYTES)
    const counts = { refused: 0, unreadable: 0, beside: 0 }
    for (let place = 0; place < good.length; place++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Uint8Array.from(good)
        bytes[place]! ^= flip
        let read: DhtRecord | undefined
        try {
          const back = protocol.decode(WireType.addProvider, bytes).message
          if (back.type === 'add_provider') read = back.record
        } catch {
          // A garbled frame closes the stream.
        }
        if (read === undefined) counts.unreadable += 1
        else if (isDeepStrictEqual(read, record)) counts.beside += 1
        else {
          expect(judge.authority.check(read), `byte ${place} ^ ${flip}`).toBeDefined()
          counts.refused += 1
        }
      }
    }
    // Number and sender are not signed; the connection proves who sends.
    expect(counts.beside).toBeLessThan(40)
    expect(counts.refused).toBeGreaterThan(400)
    expect(counts.unreadable).toBeGreaterThan(20)
  })

  it('a proof of somebody else does not help', () => {
    const { proof } = judge.publish('provider')
    expect(judge.authority.check(withProof(provider, proof as object))).toBe(
      'ERR_DHT_RECORD_SIGNATURE',
    )
  })
})
