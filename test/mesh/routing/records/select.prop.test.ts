import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DhtRecord } from '../../../../mesh/routing/records/record.ts'
import { recordProofOf } from '../../../../mesh/routing/records/proof.ts'
import {
  compareRecords,
  isSameRecord,
  selectRecord,
} from '../../../../mesh/routing/records/select.ts'
import { anyRecord } from '../dht-messages.ts'

const [sample, other] = fc.sample(
  anyRecord.filter(({ kind }) => kind === 'provider'),
  {
    numRuns: 2,
    seed: 631,
  },
) as [DhtRecord, DhtRecord]
const proof = recordProofOf(sample)
const membership = proof.membership!

/** Records of one publisher under one key that differ in little, so that every rule gets its turn. */
const near: fc.Arbitrary<DhtRecord> = fc
  .record({
    sequence: fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER),
    expiresAtMs: fc.constantFrom(1, 2),
    kind: fc.constantFrom('mutable' as const, 'provider' as const),
    value: fc.constantFrom(
      new Uint8Array(0),
      Uint8Array.of(1),
      Uint8Array.of(1, 0),
      Uint8Array.of(2),
    ),
    name: fc.constantFrom('', 'a'),
    host: fc.constantFrom('h', 'i'),
    port: fc.constantFrom(1, 2),
    proof: fc.oneof(
      fc.constantFrom<unknown>(3, 20, 'x', undefined),
      fc
        .record({
          signature: fc.constantFrom(proof.signature, new Uint8Array(64)),
          publicKey: fc.constantFrom(proof.publicKey, new Uint8Array(32)),
          realmId: fc.constantFrom(proof.realmId, new Uint8Array(32)),
          membership: fc.constantFrom(
            undefined,
            membership,
            { ...membership, notAfterMs: membership.notAfterMs - 1 },
            { ...membership, notBeforeMs: membership.notBeforeMs + 1 },
            { ...membership, signature: new Uint8Array(64) },
          ),
        })
        .map((parts) => ({ ...parts })),
    ),
  })
  .map((parts) => ({ ...sample, ...parts }))
const any = fc.oneof(near, near, near, anyRecord)
const text = (record: DhtRecord) =>
  JSON.stringify(record, (_name, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  )
const runs = (seed: number) => ({ numRuns: 1_000, seed })

describe('K32 the selector', () => {
  it('is commutative', () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(text(selectRecord(a, b))).toBe(text(selectRecord(b, a)))
        expect(Math.sign(compareRecords(a, b)) + Math.sign(compareRecords(b, a))).toBe(0)
      }),
      runs(632),
    )
  })

  it('is associative', () => {
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        const left = selectRecord(selectRecord(a, b), c)
        expect(text(left)).toBe(text(selectRecord(a, selectRecord(b, c))))
      }),
      runs(633),
    )
  })

  it('is idempotent, and knows the same record in another copy', () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(selectRecord(a, { ...a })).toBe(a)
        expect(isSameRecord(a, { ...a, value: Uint8Array.from(a.value) })).toBe(true)
        expect(isSameRecord(a, b)).toBe(text(a) === text(b))
        expect(selectRecord(selectRecord(a, b), b)).toBe(selectRecord(a, b))
      }),
      runs(634),
    )
  })

  it('gives one winner whatever the order in which records come, and often', () => {
    const order = fc
      .array(any, { minLength: 1, maxLength: 6 })
      .chain((list) =>
        fc.tuple(
          fc.constant(list),
          fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 }),
        ),
      )
    fc.assert(
      fc.property(order, ([list, shuffled]) => {
        const winner = (records: readonly DhtRecord[]) => text(records.reduce(selectRecord))
        expect(winner(shuffled)).toBe(winner(list))
      }),
      runs(635),
    )
  })

  it('K32 never goes to a lower sequence, whatever else the record says', () => {
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 8 }), (list) => {
        let kept = list[0]!
        for (const record of list) {
          const next = selectRecord(kept, record)
          expect(next.sequence).toBeGreaterThanOrEqual(kept.sequence)
          kept = next
        }
        expect(kept.sequence).toBe(Math.max(...list.map(({ sequence }) => sequence)))
      }),
      runs(636),
    )
  })

  it.each<[string, Partial<DhtRecord>, Partial<DhtRecord>]>([
    ['a higher sequence', { sequence: 3, expiresAtMs: 1 }, { sequence: 2, expiresAtMs: 9 }],
    ['then a later expiry', { expiresAtMs: 9, value: Uint8Array.of(1) }, { expiresAtMs: 8 }],
    [
      'then the greater signature',
      { proof: { ...proof, signature: new Uint8Array(64).fill(2) }, value: Uint8Array.of(1) },
      { proof: { ...proof, signature: new Uint8Array(64).fill(1) }, value: Uint8Array.of(2) },
    ],
    [
      'then the membership that ends later',
      { proof: { ...proof, membership: { ...membership, notAfterMs: 10, notBeforeMs: 1 } } },
      { proof: { ...proof, membership: { ...membership, notAfterMs: 9, notBeforeMs: 2 } } },
    ],
    ['then the greater value', { value: Uint8Array.of(2) }, { value: Uint8Array.of(1, 9) }],
  ])('wins: %s', (_claim, winner, loser) => {
    const [a, b] = [
      { ...sample, sequence: 2, expiresAtMs: 5, ...winner },
      { ...sample, sequence: 2, expiresAtMs: 5, ...loser },
    ]
    expect(selectRecord(a, b)).toBe(a)
    expect(selectRecord(b, a)).toBe(a)
    expect(compareRecords(other, other)).toBe(0)
  })
})
