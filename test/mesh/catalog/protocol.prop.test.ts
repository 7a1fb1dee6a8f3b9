import { FoveaError } from '../../../runtime/index.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CatalogMessage } from '../../../mesh/catalog/message.ts'
import { CATALOG_WIRE_TYPES, CatalogProtocol, laneOfType } from '../../../mesh/catalog/protocol.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { filterArbitrary, topicArbitrary } from './names.ts'

const codec = new Codec()
const protocol = new CatalogProtocol(codec, 64)

const whole = fc.maxSafeNat()
const key = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const kind = fc.constantFrom('topic' as const, 'procedure' as const)
const detail = fc.oneof(
  fc.constant({}),
  fc.record({ plain: fc.nat(), 'g:x': fc.nat(), secret: fc.boolean() }),
)
const items = fc.array(fc.record({ pattern: filterArbitrary, detail }), { maxLength: 4 })
const owner = { owner: fc.option(key, { nil: undefined }), life: whole, stamp: whole }
const step = fc.record({
  ...{ kind, life: whole, part: fc.nat(9), last: fc.boolean() },
  versions: fc.tuple(whole, fc.integer({ min: 1, max: 2 ** 53 - 1 })),
})
const message: fc.Arbitrary<CatalogMessage> = fc.oneof(
  fc
    .tuple(step, fc.array(fc.record({ ...owner, items }), { maxLength: 3 }))
    .map(([{ versions, ...rest }, groups]) => {
      return { type: 'entries' as const, ...rest, ...ordered(versions), groups }
    }),
  fc
    .tuple(
      step,
      fc.array(fc.record({ ...owner, patterns: fc.array(filterArbitrary) }), { maxLength: 3 }),
    )
    .map(([{ versions, ...rest }, groups]) => {
      return { type: 'removals' as const, ...rest, ...ordered(versions), groups }
    }),
  fc.record({
    type: fc.constant('held' as const),
    mode: fc.constantFrom('hello' as const, 'ask' as const, 'ack' as const),
    ...{ kind, life: whole, version: whole },
  }),
  fc.record({
    type: fc.constant('unwanted' as const),
    ...{ kind, name: topicArbitrary, life: whole, version: whole },
  }),
  fc.record({
    type: fc.constant('question' as const),
    ...{ kind, name: topicArbitrary, number: fc.nat(2 ** 31) },
  }),
  fc.record({
    type: fc.constant('answer' as const),
    ...{ number: fc.nat(2 ** 31), last: fc.boolean() },
    isPartial: fc.constantFrom(true, undefined),
    groups: fc.array(fc.record({ node: key, via: fc.option(key, { nil: undefined }), items }), {
      maxLength: 3,
    }),
  }),
)

function ordered([a, b]: readonly [number, number]): {
  readonly from: number
  readonly to: number
} {
  return { from: Math.min(a, b), to: Math.max(a, b) }
}

function readFrame(frame: Uint8Array): CatalogMessage {
  return protocol.decode(frame[1]!, frame.subarray(HEADER_BYTES), () => {
    throw new Error('nothing is left out')
  })
}

describe('frames of catalogs', () => {
  it('say what was written', () => {
    fc.assert(
      fc.property(message, (given) => {
        expect(readFrame(protocol.encode(given))).toEqual(given)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('use the types of the reference for what they mean, on the lane of their kind', () => {
    const head = { life: 1, from: 0, to: 1, part: 0, last: true, groups: [] }
    const typeOf = (each: CatalogMessage): number => protocol.encode(each)[1]!
    expect(typeOf({ type: 'entries', kind: 'topic', ...head })).toBe(WireType.subscribe)
    expect(typeOf({ type: 'removals', kind: 'topic', ...head })).toBe(WireType.unsubscribe)
    expect(typeOf({ type: 'entries', kind: 'procedure', ...head })).toBe(WireType.register)
    expect(typeOf({ type: 'removals', kind: 'procedure', ...head })).toBe(WireType.unregister)
    expect(CATALOG_WIRE_TYPES.map(laneOfType).join(' ')).toBe('pubsub pubsub pubsub pubsub rpc rpc')
  })

  it('H12 are refused with a code whatever bytes they are, and nothing else is thrown', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CATALOG_WIRE_TYPES),
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc
            .anything({ maxDepth: 3 })
            .filter(isSendable)
            .map((value) => codec.encode(value)),
          fc
            .array(fc.oneof(whole, fc.boolean(), fc.string(), fc.array(fc.anything())))
            .filter(isSendable)
            .map((value) => codec.encode(value)),
        ),
        (type, payload) => {
          try {
            protocol.decode(type, payload, () => {})
          } catch (error) {
            expect((error as { code?: unknown }).code).toMatch(/^ERR_(MESSAGE|CODEC)_/)
          }
        },
      ),
      { seed: 2, numRuns: 1_000 },
    )
  })

  it('H12 are refused when they are cut off anywhere', () => {
    const frame = protocol.encode({
      ...{ type: 'entries', kind: 'topic', life: 1, from: 0, to: 1, part: 0, last: true },
      groups: [
        { owner: undefined, life: 0, stamp: 0, items: [{ pattern: 'a.b', detail: { n: 1 } }] },
      ],
    })
    for (let end = HEADER_BYTES; end < frame.length; end++) {
      expect(() => protocol.decode(frame[1]!, frame.slice(HEADER_BYTES, end), () => {})).toThrow(
        FoveaError,
      )
    }
  })

  it('H30 leave out entries that no catalog takes, and count them; the rest counts', () => {
    const group = [null, 0, 0]
    const bad = [
      'a..b',
      null,
      'x.*y',
      null,
      7,
      null,
      'd',
      { n: [1] },
      'e',
      5,
      'f',
      { text: 'x'.repeat(64) },
    ]
    const payload = codec.encode([1, 0, 1, 0, true, [[...group, ['ok', null, ...bad]]]])
    let refused = 0
    const read = protocol.decode(WireType.subscribe, payload, (times) => (refused += times))
    expect(refused).toBe(6)
    expect(read).toMatchObject({ groups: [{ items: [{ pattern: 'ok', detail: {} }] }] })
  })

  it('take details of detailBytesMax bytes and leave out one byte more', () => {
    const of = (length: number): readonly unknown[] => ['a', { t: 'x'.repeat(length) }]
    const count = (length: number): number => {
      let refused = 0
      const payload = codec.encode([1, 0, 1, 0, true, [[null, 0, 0, of(length)]]])
      protocol.decode(WireType.subscribe, payload, (times) => (refused += times))
      return refused
    }
    expect([count(57), count(58)]).toEqual([0, 1])
  })
})

function isSendable(value: unknown): boolean {
  try {
    codec.encode(value)
    return true
  } catch {
    return false
  }
}
