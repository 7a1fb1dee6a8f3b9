import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { checkRecord } from '../../../../mesh/routing/records/checks.ts'
import { StoredEntryCodec } from '../../../../mesh/routing/records/codec.ts'
import { immutableKey, mutableKey, nodeIdKey } from '../../../../mesh/routing/records/keys.ts'
import {
  addressRecord,
  immutableRecord,
  mutableRecord,
  providerRecord,
} from '../../../../mesh/routing/records/makers.ts'
import type { RecordMaking } from '../../../../mesh/routing/records/makers.ts'
import type { RecordSigner } from '../../../../mesh/routing/records/record.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { Codec } from '../../../../mesh/wire/codec.ts'
import { codeOf } from '../../wire/bytes.ts'
import { DAY_MS, NOW_MS, Publisher, realm, realmOf } from './publishers.ts'

const clock = { nowMs: NOW_MS }
const a = new Publisher(1, clock)
const b = new Publisher(2)
const { making } = a
const value = Uint8Array.of(1, 2, 3)
const key = keyFromHex('ab'.repeat(32))
const where = { host: '10.0.0.1', port: 4433, sequence: 5 }
const INVALID = 'ERR_DHT_RECORD_INVALID'

describe('what is made', () => {
  it('an immutable record lies where its value says', () => {
    const record = immutableRecord(making, { value })
    const { publisher } = a.authority
    expect(record).toMatchObject({ kind: 'immutable', publisher, sequence: 1, name: '', port: 0 })
    expect(record.key.hex).toBe(immutableKey(realm.id, value).hex)
    expect(record.expiresAtMs).toBe(NOW_MS + 2 * DAY_MS)
  })

  it('a mutable record lies where owner and name say', () => {
    const record = mutableRecord(making, { value, name: 'prices', sequence: 7 })
    expect(record).toMatchObject({ kind: 'mutable', sequence: 7, name: 'prices', host: '' })
    expect(record.key.hex).toBe(mutableKey(realm.id, a.authority.publisher, 'prices').hex)
  })

  it('a provider record lies anywhere and says where the node is', () => {
    const record = providerRecord(making, { ...where, key })
    expect(record).toMatchObject({ kind: 'provider', host: '10.0.0.1', port: 4433, sequence: 5 })
    expect(record.key).toBe(key)
    expect(record.value).toHaveLength(0)
    expect(record.expiresAtMs).toBe(NOW_MS + DAY_MS)
  })

  it('an address record lies at the node, or where its node id says', () => {
    const content = { ...where, nodeId: 'Db@[0::1]:80' }
    const own = addressRecord(making, { ...content, under: 'node_key' })
    const named = addressRecord(making, { ...content, under: 'node_id' })
    expect([own.name, named.name]).toEqual(['Db@[::1]:80', 'Db@[::1]:80'])
    expect(own.key.hex).toBe(a.keys.nodeKey.hex)
    expect(named.key.hex).toBe(nodeIdKey(realm.id, 'Db@[::1]:80').hex)
  })

  it('ML2 is believed by others and comes back from the store', () => {
    const codec = new StoredEntryCodec(new Codec(), realm.id)
    for (const record of [
      immutableRecord(making, { value: new Uint8Array(65_536) }),
      immutableRecord(making, { value: Buffer.from('a buffer') }),
      mutableRecord(making, { value, name: 'Größe \u{1f600}', sequence: Number.MAX_SAFE_INTEGER }),
      providerRecord(making, { ...where, key, metadata: new Uint8Array(1_024) }),
      addressRecord(making, { ...where, nodeId: 'db@h:1', under: 'node_key' }),
    ]) {
      expect(checkRecord(record, b.authority, recordsSettings(), NOW_MS)).toBeUndefined()
      const kept = { keepUntilMs: NOW_MS, own: true, cached: false, storedAtMs: NOW_MS }
      expect(codec.decode(codec.encode({ ...kept, record }))).toEqual({ ...kept, record })
    }
  })

  it('does not change when the caller writes into what it gave', () => {
    const given = Uint8Array.of(1)
    const record = immutableRecord(making, { value: given })
    given[0] = 2
    expect(record.value).toEqual(Uint8Array.of(1))
    expect(b.authority.check(record)).toBeUndefined()
  })
})

describe('ML2 what cannot be kept anywhere is refused at the sender', () => {
  const expiresAtMs = NOW_MS + 2 * DAY_MS
  it.each<[string, string, () => unknown]>([
    ['text for a value', INVALID, () => immutableRecord(making, { value: 'abc' as never })],
    [
      'a value that is too large',
      'ERR_DHT_RECORD_TOO_LARGE',
      () => immutableRecord(making, { value: new Uint8Array(65_537) }),
    ],
    [
      'metadata that is too large',
      'ERR_DHT_RECORD_TOO_LARGE',
      () => providerRecord(making, { ...where, key, metadata: new Uint8Array(1_025) }),
    ],
    [
      'an expiry that is now',
      'ERR_DHT_RECORD_EXPIRED',
      () => immutableRecord(making, { value, expiresAtMs: NOW_MS }),
    ],
    [
      'an expiry too far away, without the allowance of a receiver',
      'ERR_DHT_RECORD_EXPIRY',
      () => immutableRecord(making, { value, expiresAtMs: expiresAtMs + 1 }),
    ],
    [
      'half a millisecond',
      INVALID,
      () => immutableRecord(making, { value, expiresAtMs: NOW_MS + 0.5 }),
    ],
    ['sequence 0', INVALID, () => mutableRecord(making, { value, name: 'n', sequence: 0 })],
    [
      'sequence 2^53',
      INVALID,
      () => mutableRecord(making, { value, name: 'n', sequence: 2 ** 53 }),
    ],
    ['a broken name', INVALID, () => mutableRecord(making, { value, name: '\ud800', sequence: 1 })],
    [
      'no name',
      INVALID,
      () => mutableRecord(making, { value, name: undefined as never, sequence: 1 }),
    ],
    ['no host', INVALID, () => providerRecord(making, { ...where, host: '', key })],
    ['every host', INVALID, () => providerRecord(making, { ...where, host: '0.0.0.0', key })],
    ['port 0', INVALID, () => providerRecord(making, { ...where, port: 0, key })],
    [
      'an address tuple for a host, as the reference stored it',
      INVALID,
      () => providerRecord(making, { ...where, host: [[127, 0, 0, 1], 9443] as never, key }),
    ],
    [
      'a key written in hexadecimal',
      INVALID,
      () => providerRecord(making, { ...where, key: key.hex as never }),
    ],
    [
      'a node id that is none',
      INVALID,
      () => addressRecord(making, { ...where, nodeId: 'db', under: 'node_id' }),
    ],
  ])('%s: %s', (_claim, code, make) => {
    expect(codeOf(make)).toBe(code)
  })

  it('the last moment that is allowed is allowed', () => {
    expect(immutableRecord(making, { value, expiresAtMs }).expiresAtMs).toBe(expiresAtMs)
    expect(immutableRecord(making, { value, expiresAtMs: NOW_MS + 1 }).sequence).toBe(1)
  })

  it('a node whose membership has ended publishes nothing, but its owners may', () => {
    const late = { ...making }
    clock.nowMs = NOW_MS + 31 * DAY_MS
    expect(codeOf(() => providerRecord(late, { ...where, key }))).toBe('ERR_DHT_RECORD_MEMBERSHIP')
    expect(codeOf(() => immutableRecord(late, { value }))).toBe('nothing')
    clock.nowMs = NOW_MS
  })

  it('a signer that does not hold the key, or works for another realm', () => {
    const owner = a.authority.owner(b.keys)
    const impostor: RecordSigner = {
      publisher: a.authority.publisher,
      sign: (fields) => ({
        ...owner.sign({ ...fields, publisher: owner.publisher }),
        publisher: a.authority.publisher,
      }),
    }
    const content = { value, name: 'n', sequence: 1 }
    expect(codeOf(() => mutableRecord(making, { ...content, signer: impostor }))).toBe(
      'ERR_DHT_RECORD_SIGNATURE',
    )
    const stranger = new Publisher(1, undefined, realmOf(2)).authority
    expect(codeOf(() => mutableRecord(making, { ...content, signer: stranger }))).toBe(
      'ERR_DHT_RECORD_REALM',
    )
    const elsewhere: RecordMaking = { ...making, realmId: realmOf(2).id }
    expect(codeOf(() => mutableRecord(elsewhere, content))).toBe('ERR_DHT_RECORD_KEY')
  })
})
