import { describe, expect, it } from 'vitest'
import {
  checkFields,
  checkRecord,
  IMMUTABLE_SEQUENCE,
  isWellFormed,
  SEQUENCE_MAX,
  VALUE_BYTES_LIMIT,
} from '../../../../mesh/routing/records/checks.ts'
import { immutableKey } from '../../../../mesh/routing/records/keys.ts'
import type { DhtRecord, RecordKind } from '../../../../mesh/routing/records/record.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { DAY_MS, KINDS, NOW_MS, Publisher, withProof } from './publishers.ts'

const a = new Publisher(1)
const b = new Publisher(2)
const settings = recordsSettings()
const records = Object.fromEntries(KINDS.map((kind) => [kind, a.publish(kind)])) as Record<
  RecordKind,
  DhtRecord
>
const check = (record: DhtRecord, limits = settings, nowMs = NOW_MS) =>
  checkRecord(record, b.authority, limits, nowMs)

describe('form', () => {
  const ALL: [string, readonly unknown[]][] = [
    ['kind', ['rumour', undefined, 0]],
    ['key', [undefined, 'ab'.repeat(32), { hex: 'AB'.repeat(32) }, { hex: 7 }]],
    ['publisher', ['', 'AB'.repeat(32), 'ab'.repeat(31), new Uint8Array(32), undefined]],
    ['sequence', [0, -1, 1.5, SEQUENCE_MAX + 1, Number.NaN, Infinity, '1', undefined]],
    ['expiresAtMs', [0, -1, 0.5, 2 ** 53, Number.NaN, '1', undefined]],
    ['value', ['abc', undefined, [1, 2], null]],
  ]
  const BY_KIND: Record<RecordKind, [string, readonly unknown[]][]> = {
    immutable: [
      ['sequence', [IMMUTABLE_SEQUENCE + 1, SEQUENCE_MAX]],
      ['name', ['n', undefined]],
      ['host', ['h', undefined]],
      ['port', [1, undefined]],
    ],
    mutable: [
      ['name', ['\u0000', 'n'.repeat(256), '\ud800', undefined, 7]],
      ['host', ['h']],
      ['port', [1]],
    ],
    provider: [
      ['name', ['n']],
      ['host', ['', 'a b', '0.0.0.0', '::', 'fe80::1%eth0', `${'h.'.repeat(127)}h`, undefined]],
      ['port', [0, 65_536, 1.5, '80', undefined]],
    ],
    address: [
      ['name', ['', 'db', 'db@H:1', 'db@[::0:1]:1', 'db@h:0', undefined]],
      ['value', [Uint8Array.of(1)]],
      ['host', ['', '0.0.0.0', '::']],
      ['port', [0, 65_536]],
    ],
  }
  const rows = KINDS.flatMap((kind) =>
    [...ALL, ...BY_KIND[kind]].map(([field, values]) => [kind, field, values] as const),
  )

  it.each(rows)(
    'an %s record with another %s than it may have is refused',
    (kind, field, values) => {
      expect(isWellFormed(records[kind])).toBe(true)
      for (const value of values) {
        const bad = { ...records[kind], [field]: value }
        expect(isWellFormed(bad)).toBe(false)
        expect(check(bad)).toBe('ERR_DHT_RECORD_INVALID')
      }
    },
  )

  it('sequences are from 1 to the largest exact whole number', () => {
    for (const sequence of [1, SEQUENCE_MAX]) {
      expect(isWellFormed({ ...records.mutable, sequence })).toBe(true)
    }
    expect(SEQUENCE_MAX).toBe(2 ** 53 - 1)
  })
})

describe('size', () => {
  const limits = recordsSettings({ valueBytesMax: 100, providerBytesMax: 10 })
  const sized = (kind: RecordKind, bytes: number): DhtRecord => {
    const value = new Uint8Array(bytes)
    return kind === 'immutable'
      ? { ...records[kind], value, key: immutableKey(a.making.realmId, value) }
      : { ...records[kind], value }
  }

  it.each<[RecordKind, number]>([
    ['immutable', 100],
    ['mutable', 100],
    ['provider', 10],
  ])('the value of an %s record has %i bytes at most', (kind, max) => {
    expect(checkFields(sized(kind, max), limits, NOW_MS)).toBeUndefined()
    expect(checkFields(sized(kind, max + 1), limits, NOW_MS)).toBe('ERR_DHT_RECORD_TOO_LARGE')
    expect(check(sized(kind, max + 1), limits)).toBe('ERR_DHT_RECORD_TOO_LARGE')
  })

  it('no setting allows what fits no frame', () => {
    const huge = recordsSettings({ valueBytesMax: 2 ** 30 })
    const record = sized('mutable', VALUE_BYTES_LIMIT)
    expect(checkFields(record, huge, NOW_MS)).toBeUndefined()
    const larger = sized('mutable', VALUE_BYTES_LIMIT + 1)
    expect(checkFields(larger, huge, NOW_MS)).toBe('ERR_DHT_RECORD_TOO_LARGE')
  })
})

describe('time', () => {
  it('K31 a record is valid before its expiry and exactly at it no more', () => {
    const { mutable } = records
    expect(check(mutable, settings, mutable.expiresAtMs - 1)).toBeUndefined()
    expect(check(mutable, settings, mutable.expiresAtMs)).toBe('ERR_DHT_RECORD_EXPIRED')
    expect(check(mutable, settings, mutable.expiresAtMs + 1)).toBe('ERR_DHT_RECORD_EXPIRED')
  })

  it('K31 no record lives longer than records do, give or take the clocks', () => {
    const limits = recordsSettings({ recordTtlMaxMs: DAY_MS, clockSkewMs: 1_000 })
    const { mutable } = records
    const latestMs = mutable.expiresAtMs - DAY_MS - 1_000
    expect(check(mutable, limits, latestMs)).toBeUndefined()
    expect(check(mutable, limits, latestMs - 1)).toBe('ERR_DHT_RECORD_EXPIRY')
  })
})

describe('K34 the authority is asked last', () => {
  it('and its answer counts', () => {
    for (const kind of KINDS) {
      const record = records[kind]
      expect(check(record)).toBeUndefined()
      const forged = withProof(record, { signature: new Uint8Array(64) })
      expect(check(forged)).toBe('ERR_DHT_RECORD_SIGNATURE')
      expect(check({ ...forged, expiresAtMs: NOW_MS })).toBe('ERR_DHT_RECORD_EXPIRED')
    }
  })
})
