import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StoredEntryCodec } from '../../../../mesh/routing/records/codec.ts'
import type { StoredEntry } from '../../../../mesh/routing/records/machine.ts'
import { recordBytes, recordItems } from '../../../../mesh/routing/records/record-wire.ts'
import { VALUE_BYTES_LIMIT } from '../../../../mesh/routing/records/checks.ts'
import { Codec } from '../../../../mesh/wire/codec.ts'
import { codeOf } from '../../wire/bytes.ts'
import { anyRecord, REALM_ID, recordOf, storedEntry } from '../dht-messages.ts'

const codec = new Codec()
const entries = new StoredEntryCodec(codec, REALM_ID)
const CODED = /^ERR_(MESSAGE|CODEC)_[A-Z_]+$/

const [one] = fc.sample(
  storedEntry.filter(({ record }) => record.kind === 'provider'),
  {
    numRuns: 1,
    seed: 641,
  },
) as [StoredEntry]
const items = codec.decode(entries.encode(one)) as unknown[]
const changed = (at: number, value: unknown) =>
  codec.encode(items.map((item, index) => (index === at ? value : item)))

describe('entries of the store', () => {
  it('ML2 come back as they were', () => {
    fc.assert(
      fc.property(storedEntry, (entry) => {
        const bytes = Uint8Array.from(entries.encode(entry))
        const back = entries.decode(bytes)
        bytes.fill(0xff)
        const equal = isDeepStrictEqual(back, entry)
        if (!equal) expect(back).toEqual(entry)
        expect(equal).toBe(true)
      }),
      { numRuns: 300, seed: 642 },
    )
  })

  it('keep the id of their realm once', () => {
    const { proof } = entries.decode(entries.encode(one)).record as {
      proof: { realmId: Uint8Array }
    }
    const mine = isDeepStrictEqual(proof.realmId, REALM_ID)
    expect(proof.realmId === REALM_ID).toBe(mine)
  })

  it('K31 are never kept longer than the record lives, and fractions are cut off', () => {
    const { record } = one
    const long = { ...one, keepUntilMs: Infinity, storedAtMs: 12.75 }
    expect(entries.decode(entries.encode(long))).toMatchObject({
      keepUntilMs: record.expiresAtMs,
      storedAtMs: 12,
    })
    expect(codeOf(() => entries.decode(changed(2, record.expiresAtMs)))).toBe('nothing')
    expect(codeOf(() => entries.decode(changed(2, record.expiresAtMs + 1)))).toBe(
      'ERR_MESSAGE_INVALID',
    )
  })

  it.each<[number, string, readonly unknown[]]>([
    [0, 'format', [0, 2, '1', null]],
    [1, 'key', [new Uint8Array(31), new Uint8Array(33), 'ab'.repeat(32), null]],
    [2, 'keepUntilMs', [-1, 0.5, '1', null]],
    [3, 'own', [0, 'yes', null]],
    [4, 'cached', [1, null]],
    [5, 'storedAtMs', [-1, 2 ** 53, null]],
    [6, 'record', [7, null, {}, []]],
  ])('element %i, %s, is checked', (at, field, bad) => {
    for (const value of bad) {
      expect(() => entries.decode(changed(at, value))).toThrow(`'${field}`)
    }
  })

  it('that a disk garbled raise coded errors and nothing else', () => {
    fc.assert(
      fc.property(
        storedEntry,
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.boolean(),
        (entry, at, byte, cut) => {
          const bytes = Uint8Array.from(entries.encode(entry))
          const place = at % bytes.length
          bytes[place] = byte
          const code = codeOf(() => entries.decode(cut ? bytes.subarray(0, place) : bytes))
          if (code !== 'nothing') expect(code).toMatch(CODED)
        },
      ),
      { numRuns: 500, seed: 643 },
    )
  })
})

describe('records as arrays', () => {
  it('are never larger than their bound, and few bytes smaller', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const bytes = codec.encode(recordItems(record)).length
        expect(bytes).toBeLessThanOrEqual(recordBytes(record))
        expect(recordBytes(record) - bytes).toBeLessThanOrEqual(2 + 17)
      }),
      { numRuns: 300, seed: 644 },
    )
  })

  it('ML2 that could not be read are not written', () => {
    const refused = 'ERR_INVARIANT_DHT_RECORD'
    const [mutable] = fc.sample(recordOf('mutable'), { numRuns: 1, seed: 645 })
    const { record } = one
    const without = { ...record, proof: { ...(record.proof as object), membership: undefined } }
    expect(codeOf(() => recordItems({ ...record, port: 0 }))).toBe(refused)
    expect(codeOf(() => recordItems(without))).toBe(refused)
    expect(codeOf(() => recordItems({ ...record, proof: 7 }))).toBe('ERR_INVARIANT_DHT_PROOF')
    expect(codeOf(() => recordItems({ ...mutable!, sequence: 0 }))).toBe(refused)
    const huge = { ...mutable!, value: new Uint8Array(VALUE_BYTES_LIMIT + 1) }
    expect(codeOf(() => recordItems(huge))).toBe(refused)
  })
})
