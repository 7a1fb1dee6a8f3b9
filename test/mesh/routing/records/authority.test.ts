import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { RealmRecordAuthority } from '../../../../mesh/routing/records/authority.ts'
import { immutableKey, mutableKey, nodeIdKey } from '../../../../mesh/routing/records/keys.ts'
import { immutableRecord, mutableRecord } from '../../../../mesh/routing/records/makers.ts'
import { recordProofOf } from '../../../../mesh/routing/records/proof.ts'
import type { DhtRecord } from '../../../../mesh/routing/records/record.ts'
import { VerifiedSignatures } from '../../../../mesh/routing/records/verified-signatures.ts'
import { codeOf } from '../../wire/bytes.ts'
import { DAY_MS, KINDS, NOW_MS, Publisher, realm, realmOf, withProof } from './publishers.ts'

const a = new Publisher(1)
const b = new Publisher(2)
const [immutable, mutable, provider, address] = KINDS.map((kind) => a.publish(kind)) as [
  DhtRecord,
  DhtRecord,
  DhtRecord,
  DhtRecord,
]
const check = (record: DhtRecord) => b.authority.check(record)

describe('RealmRecordAuthority', () => {
  it.each(KINDS)('believes an %s record', (kind) => {
    const record = a.publish(kind)
    expect(record.publisher).toBe(a.keys.nodeKey.hex)
    expect(check(record)).toBeUndefined()
    expect(Object.isFrozen(record) && Object.isFrozen(record.proof)).toBe(true)
  })

  const SIGNATURE = 'ERR_DHT_RECORD_SIGNATURE'
  const KEY = 'ERR_DHT_RECORD_KEY'
  const elsewhere = keyFromHex('cd'.repeat(32))
  const publisher = b.keys.nodeKey.hex
  it.each<[string, string, DhtRecord, Partial<DhtRecord>]>([
    ['key', KEY, immutable, { key: elsewhere }],
    ['publisher', SIGNATURE, immutable, { publisher }],
    ['expiresAtMs', SIGNATURE, immutable, { expiresAtMs: immutable.expiresAtMs + 1 }],
    ['value', KEY, immutable, { value: Uint8Array.of(1, 2, 4) }],
    ['kind', KEY, immutable, { kind: 'mutable' }],
    [
      'value and key',
      SIGNATURE,
      immutable,
      { value: Uint8Array.of(4), key: immutableKey(realm.id, Uint8Array.of(4)) },
    ],
    ['key', KEY, mutable, { key: elsewhere }],
    ['publisher', SIGNATURE, mutable, { publisher }],
    [
      'publisher and key',
      SIGNATURE,
      mutable,
      { publisher, key: mutableKey(realm.id, publisher, 'prices') },
    ],
    ['sequence', SIGNATURE, mutable, { sequence: 6 }],
    ['expiresAtMs', SIGNATURE, mutable, { expiresAtMs: mutable.expiresAtMs + 1 }],
    ['name', KEY, mutable, { name: 'pricet' }],
    [
      'name and key',
      SIGNATURE,
      mutable,
      { name: 'pricet', key: mutableKey(realm.id, mutable.publisher, 'pricet') },
    ],
    ['value', SIGNATURE, mutable, { value: Uint8Array.of(1, 2) }],
    ['key', SIGNATURE, provider, { key: elsewhere }],
    ['publisher', SIGNATURE, provider, { publisher }],
    ['sequence', SIGNATURE, provider, { sequence: 6 }],
    ['expiresAtMs', SIGNATURE, provider, { expiresAtMs: provider.expiresAtMs - 1 }],
    ['value', SIGNATURE, provider, { value: new Uint8Array(0) }],
    ['host', SIGNATURE, provider, { host: '10.0.0.2' }],
    ['port', SIGNATURE, provider, { port: 4434 }],
    ['key', KEY, address, { key: elsewhere }],
    ['other key of the node', SIGNATURE, address, { key: keyFromHex(address.publisher) }],
    ['name', KEY, address, { name: 'da@10.0.0.1:4433' }],
    [
      'name and key',
      SIGNATURE,
      address,
      { name: 'da@10.0.0.1:4433', key: nodeIdKey(realm.id, 'da@10.0.0.1:4433') },
    ],
    ['sequence', SIGNATURE, address, { sequence: 6 }],
    ['expiresAtMs', SIGNATURE, address, { expiresAtMs: address.expiresAtMs - 1 }],
    ['host', SIGNATURE, address, { host: '10.0.0.2' }],
    ['port', SIGNATURE, address, { port: 4434 }],
  ])('K32 another %s than was signed is refused with %s', (_field, code, record, change) => {
    expect(check({ ...record, ...change })).toBe(code)
  })

  it.each(KINDS)('K32 every bit of the proof of an %s record counts', (kind) => {
    const record = a.publish(kind)
    const { publicKey, signature } = recordProofOf(record)
    for (let bit = 0; bit < 512; bit += 7) {
      const flipped = Uint8Array.from(signature)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(check(withProof(record, { signature: flipped }))).toBe(SIGNATURE)
      if (bit >= 256) continue
      const key = Uint8Array.from(publicKey)
      key[bit >> 3]! ^= 1 << (bit & 7)
      expect(check(withProof(record, { publicKey: key }))).toBe(SIGNATURE)
    }
  })

  it('nobody signs for somebody else', () => {
    for (const kind of KINDS) {
      const mine = b.publish(kind)
      const { publicKey, membership } = recordProofOf(a.publish(kind))
      expect(check(withProof(mine, { publicKey, membership }))).toBe(SIGNATURE)
      const claimed = { ...mine, publisher: a.keys.nodeKey.hex }
      expect(check(withProof(claimed, { publicKey, membership }))).toBe(
        kind === 'mutable' ? KEY : SIGNATURE,
      )
    }
    expect(codeOf(() => a.authority.sign({ ...mutable, publisher }))).toBe(
      'ERR_INVARIANT_DHT_PUBLISHER',
    )
  })

  it('a record for another realm is told from a forged one', () => {
    const stranger = new Publisher(1, undefined, realmOf(2))
    for (const kind of KINDS) {
      const record = stranger.publish(kind)
      expect(check(record)).toBe('ERR_DHT_RECORD_REALM')
      // Relabelled: only the words are not for here, or the key is not.
      const { membership } = recordProofOf(a.publish(kind))
      const here = withProof(record, { realmId: realm.id, membership })
      expect(check(here)).toBe(kind === 'provider' ? SIGNATURE : KEY)
      expect(check({ ...here, key: a.publish(kind).key })).toBe(SIGNATURE)
    }
  })

  it('a record of another cluster of the realm is nothing here', () => {
    const staging = new Publisher(1, undefined, realm, 'staging')
    for (const kind of KINDS) {
      expect(staging.authority.check(staging.publish(kind))).toBeUndefined()
      expect(check(staging.publish(kind))).toBe(SIGNATURE)
    }
  })

  it('a node that says where it is must be a member, an owner need not', () => {
    const stranger = new Publisher(3, undefined, realmOf(2))
    for (const record of [provider, address]) {
      for (const membership of [undefined, b.membership, stranger.membership]) {
        expect(check(withProof(record, { membership }))).toBe('ERR_DHT_RECORD_MEMBERSHIP')
      }
    }
    for (const record of [immutable, mutable]) {
      expect(recordProofOf(record).membership).toBeUndefined()
      // It would not come through the wire.
      const { membership } = a
      expect(check(withProof(record, { membership }))).toBe('ERR_DHT_RECORD_MEMBERSHIP')
    }
  })

  it('a forged membership is not believed, known or not', () => {
    const judge = new Publisher(4)
    const { membership } = a
    expect(judge.authority.check(provider)).toBeUndefined()
    for (const change of [
      { notAfterMs: membership.notAfterMs + 1 },
      { notBeforeMs: membership.notBeforeMs - 1 },
      { roles: ['admin', 'web'] },
      { roles: 'db' as unknown as string[] },
      { nodeKey: b.keys.nodeKey.bytes },
      { realmId: new Uint8Array(32) },
      { signature: b.membership.signature },
      { signature: undefined as unknown as Uint8Array },
    ]) {
      const forged = withProof(provider, { membership: { ...membership, ...change } })
      expect(judge.authority.check(forged)).toBe('ERR_DHT_RECORD_MEMBERSHIP')
    }
    expect(judge.authority.remembered.memberships).toBe(1)
  })

  it('a membership that has ended, or is not of now, ends the record of a known node', () => {
    const clock = { nowMs: NOW_MS }
    const judge = new Publisher(5, clock)
    expect(judge.authority.check(provider)).toBeUndefined()
    clock.nowMs = NOW_MS + 30 * DAY_MS + 300_000
    expect(judge.authority.check(provider)).toBeUndefined() // clocks may differ by five minutes
    clock.nowMs += 1
    expect(judge.authority.check(provider)).toBe('ERR_DHT_RECORD_MEMBERSHIP')
    expect(judge.authority.check(mutable)).toBeUndefined()
    clock.nowMs = NOW_MS - DAY_MS
    expect(judge.authority.check(address)).toBe('ERR_DHT_RECORD_MEMBERSHIP')
  })

  it('an owner signs immutable and mutable records with any key', () => {
    const owner = a.authority.owner(new Publisher(9).keys)
    const value = Uint8Array.of(1)
    const own = mutableRecord(a.making, { value, name: '', sequence: 1, signer: owner })
    const said = immutableRecord(a.making, { value, signer: owner })
    expect([own.publisher, said.publisher]).toEqual([owner.publisher, owner.publisher])
    expect([check(own), check(said)]).toEqual([undefined, undefined])
    expect(codeOf(() => owner.sign({ ...provider, publisher: owner.publisher }))).toBe(
      'ERR_INVARIANT_DHT_OWNER',
    )
  })

  it.each<[string, string, object]>([
    ['no proof', SIGNATURE, { proof: undefined }],
    ['a proof that is a word', SIGNATURE, { proof: 'trust me' }],
    ['a proof of a simulation', SIGNATURE, { proof: 7 }],
    [
      'a short key',
      SIGNATURE,
      { proof: { ...recordProofOf(mutable), publicKey: new Uint8Array(31) } },
    ],
    [
      'a long signature',
      SIGNATURE,
      { proof: { ...recordProofOf(mutable), signature: new Uint8Array(65) } },
    ],
    ['no realm', SIGNATURE, { proof: { ...recordProofOf(mutable), realmId: undefined } }],
    [
      'half a realm',
      'ERR_DHT_RECORD_REALM',
      { proof: { ...recordProofOf(mutable), realmId: new Uint8Array(16) } },
    ],
    ['a sequence that is none', 'ERR_DHT_RECORD_INVALID', { sequence: Number.NaN }],
    ['a kind that is none', 'ERR_DHT_RECORD_INVALID', { kind: 'rumour' }],
    ['no key', 'ERR_DHT_RECORD_INVALID', { key: undefined }],
    ['a value that is text', 'ERR_DHT_RECORD_INVALID', { value: 'abc' }],
  ])('%s is refused with %s', (_claim, code, change) => {
    expect(check({ ...mutable, ...change } as DhtRecord)).toBe(code)
  })

  it('remembers so many memberships and signatures, the newest ones', () => {
    let checks = 0
    const judge = new RealmRecordAuthority({
      realm,
      cluster: 'main',
      keys: a.keys,
      membership: () => a.membership,
      wallNowMs: () => NOW_MS,
      verify: (_key, bytes) => (checks += 1) > 0 && bytes.length > 0,
      membershipsMax: 2,
      signaturesMax: 2,
    })
    const records = [10, 11, 12].map((n) => new Publisher(n).publish('provider'))
    for (const record of records) expect(judge.check(record)).toBeUndefined()
    expect(judge.remembered).toEqual({ memberships: 2, signatures: 2 })
    expect(checks).toBe(3)
    for (const record of records.slice(1)) expect(judge.check(record)).toBeUndefined()
    expect(checks).toBe(3)
    expect(judge.check(records[0]!)).toBeUndefined()
    expect(checks).toBe(4)
  })
})

describe('VerifiedSignatures', () => {
  it('asks again for what was not good, and for anything else than was', () => {
    const asked: string[] = []
    const known = new VerifiedSignatures(8)
    const verify = (key: Uint8Array) => {
      asked.push(`${key[0]}`)
      return key[0] === 1
    }
    const bytes = (n: number, length: number) => new Uint8Array(length).fill(n)
    expect(known.check(bytes(1, 32), bytes(2, 9), bytes(3, 64), verify)).toBe(true)
    expect(known.check(bytes(1, 32), bytes(2, 9), bytes(3, 64), verify)).toBe(true)
    expect(asked).toEqual(['1'])
    expect(known.check(bytes(2, 32), bytes(2, 9), bytes(3, 64), verify)).toBe(false)
    expect(known.check(bytes(2, 32), bytes(2, 9), bytes(3, 64), verify)).toBe(false)
    expect(known.check(bytes(1, 32), bytes(2, 10), bytes(3, 64), verify)).toBe(true)
    expect(known.check(bytes(1, 32), bytes(2, 9), bytes(4, 64), verify)).toBe(true)
    expect(asked).toEqual(['1', '2', '2', '1', '1'])
    expect(known.size).toBe(3)
  })
})
