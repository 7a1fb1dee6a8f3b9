import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { KIND_NUMBER, recordSignedBytes } from '../../../../mesh/routing/records/canonical.ts'
import type { RecordFields, RecordKind } from '../../../../mesh/routing/records/record.ts'
import { codeOf } from '../../wire/bytes.ts'

const scope = { realmId: new Uint8Array(32).fill(9), cluster: 'main' }
const fields: RecordFields = {
  kind: 'provider',
  key: keyFromHex('ab'.repeat(32)),
  publisher: 'cd'.repeat(32),
  sequence: 2 ** 40 + 3,
  expiresAtMs: 2 ** 41 + 5,
  name: 'ß',
  value: Uint8Array.of(7, 8),
  host: 'hh',
  port: 258,
}

describe('recordSignedBytes', () => {
  it('have every field at its place', () => {
    expect(Buffer.from(recordSignedBytes(scope, fields)).toString('hex')).toBe(
      Buffer.from('fovea record 1\0').toString('hex') +
        '09'.repeat(32) +
        `04${Buffer.from('main').toString('hex')}` +
        '02' +
        'ab'.repeat(32) +
        'cd'.repeat(32) +
        '0000010000000003' +
        '0000020000000005' +
        '0002c39f' +
        '026868' +
        '0102' +
        '000000020708',
    )
  })

  it('of two records are the same only when the records are', () => {
    const hex = fc.constantFrom('00', 'ab').map((byte) => byte.repeat(32))
    const text = fc.constantFrom('', 'a', 'b', 'ab', '\u0000')
    const some = fc.record({
      cluster: fc.constantFrom('a', 'ab'),
      kind: fc.constantFrom<RecordKind>('immutable', 'mutable', 'provider', 'address'),
      key: hex,
      publisher: hex,
      sequence: fc.constantFrom(1, 256, Number.MAX_SAFE_INTEGER),
      expiresAtMs: fc.constantFrom(1, 256),
      name: text,
      value: text,
      host: text,
      port: fc.constantFrom(0, 0x6162),
    })
    const bytesOf = ({
      cluster,
      key,
      value,
      ...rest
    }: typeof some extends fc.Arbitrary<infer T> ? T : never) =>
      recordSignedBytes(
        { ...scope, cluster },
        { ...rest, key: keyFromHex(key), value: Buffer.from(value) },
      )
    fc.assert(
      fc.property(some, some, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b)
        expect(Buffer.compare(bytesOf(a), bytesOf(b)) === 0).toBe(same)
      }),
      { numRuns: 500, seed: 601 },
    )
  })

  it('kinds have numbers of their own', () => {
    expect(KIND_NUMBER).toEqual({ immutable: 0, mutable: 1, provider: 2, address: 3 })
  })

  it('a realm id has 32 bytes', () => {
    const short = { ...scope, realmId: new Uint8Array(31) }
    expect(codeOf(() => recordSignedBytes(short, fields))).toBe('ERR_INVARIANT_DHT_REALM')
  })
})
