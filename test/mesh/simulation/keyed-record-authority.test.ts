import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../mesh/routing/kademlia/id.ts'
import { textKey } from '../../../mesh/routing/records/keys.ts'
import {
  addressRecord,
  immutableRecord,
  mutableRecord,
  providerRecord,
} from '../../../mesh/routing/records/makers.ts'
import { recordsSettings } from '../../../mesh/routing/records/settings.ts'
import {
  immutableKey,
  KeyedRecordAuthority,
  mutableKey,
  simulatedKey,
} from '../../../mesh/simulation/keyed-record-authority.ts'

const publisher = 'ab'.repeat(32)
const owner = 'cd'.repeat(32)
const authority = new KeyedRecordAuthority(7, publisher)
const judge = new KeyedRecordAuthority(7, owner)
const { realmId } = authority
const making = { realmId, authority, settings: recordsSettings(), wallNowMs: () => 1_000 }
const value = Uint8Array.of(1, 2)
const where = { host: '10.0.0.1', port: 1, sequence: 3 }
const records = [
  immutableRecord(making, { value }),
  mutableRecord(making, { value, name: 'n', sequence: 3, signer: authority.owner(owner) }),
  providerRecord(making, { ...where, key: keyFromHex(owner), metadata: value }),
  addressRecord(making, { ...where, nodeId: 'db@h:1', under: 'node_key' }),
]

describe('KeyedRecordAuthority', () => {
  it('believes whoever knows the secret', () => {
    for (const record of records) expect(judge.check(record)).toBeUndefined()
    expect(new KeyedRecordAuthority(8, publisher).check(records[0]!)).toBe(
      'ERR_DHT_RECORD_SIGNATURE',
    )
    expect(records[1]!.publisher).toBe(owner)
  })

  it('sees every change', () => {
    for (const record of records) {
      expect(judge.check({ ...record, expiresAtMs: record.expiresAtMs + 1 })).toBe(
        'ERR_DHT_RECORD_SIGNATURE',
      )
      expect(judge.check({ ...record, proof: 0 })).toBe('ERR_DHT_RECORD_SIGNATURE')
      expect(judge.check({ ...record, publisher: '' })).toBe('ERR_DHT_RECORD_INVALID')
    }
    expect(judge.check({ ...records[2]!, value: Uint8Array.of(1, 3) })).toBe(
      'ERR_DHT_RECORD_SIGNATURE',
    )
    expect(judge.check({ ...records[1]!, name: 'm' })).toBe('ERR_DHT_RECORD_KEY')
  })

  it('derives the keys of its world', () => {
    expect(records[0]!.key.hex).toBe(immutableKey(value).hex)
    expect(records[1]!.key.hex).toBe(mutableKey(owner, 'n').hex)
    expect(simulatedKey('n').hex).toBe(textKey(realmId, 'n').hex)
  })
})
