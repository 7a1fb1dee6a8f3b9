/**
 * The properties that a codec must have, run twice: with msgpackr's JavaScript string reader, which
 * is what we import, and with its native one, which any other user of msgpackr in the process turns
 * on (`codec-native.prop.test.ts`).
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FoveaError } from '../../../runtime/index.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { VALUE_LIMITS } from '../../../mesh/wire/limits.ts'
import { WireForm } from '../../../mesh/wire/travels.ts'
import { codeOf } from './bytes.ts'
import { firstDifference } from './same.ts'
import { hostileBytes, travelling } from './values.ts'

export function codecProperties(): void {
  const codec = new Codec({ limits: VALUE_LIMITS })

  it('arbitrary travelling values arrive deep-equal, type for type', () => {
    fc.assert(
      fc.property(travelling, (value) => {
        expect(firstDifference(codec.decode(codec.encode(value)), value)).toBeUndefined()
      }),
      { numRuns: 1000 },
    )
  })

  it('values arrive deep-equal inside a message longer than any short-string path', () => {
    fc.assert(
      fc.property(fc.array(travelling, { minLength: 5, maxLength: 20 }), (values) => {
        const message = { before: 'x'.repeat(300), values, after: 'é'.repeat(300) }
        expect(firstDifference(codec.decode(codec.encode(message)), message)).toBeUndefined()
      }),
      { numRuns: 150 },
    )
  })

  it('the room that is reckoned for a value is enough for it', () => {
    fc.assert(
      fc.property(fc.array(travelling, { maxLength: 20 }), (value) => {
        const form = new WireForm(VALUE_LIMITS, [])
        form.of(value, undefined)
        expect(codec.encode(value).length).toBeLessThanOrEqual(form.roomBytes - 2_048)
      }),
      { numRuns: 300 },
    )
  })

  it('what a sender with tight limits lets out, a receiver with the same limits takes, and no more', () => {
    const limit = fc.integer({ min: 1, max: 12 })
    fc.assert(
      fc.property(travelling, limit, limit, limit, (value, depthMax, elementsMax, mapKeysMax) => {
        const limits = { bytesMax: 1_000_000, depthMax, elementsMax, mapKeysMax }
        const tight = new Codec({ limits })
        const sent = codeOf(() => tight.encode(value))
        const received = codeOf(() => tight.decode(codec.encode(value)))
        expect([sent, received]).toEqual([
          received === 'nothing' ? 'nothing' : 'ERR_VALUE_UNSENDABLE',
          expect.stringMatching(/^nothing$|^ERR_CODEC_(DEPTH|ELEMENTS|MAP_KEYS)$/),
        ])
      }),
      { numRuns: 1000 },
    )
  })

  it('what is decoded does not change when the bytes are overwritten', () => {
    fc.assert(
      fc.property(travelling, (value) => {
        const bytes = new Uint8Array(codec.encode(value))
        const decoded = codec.decode(bytes)
        bytes.fill(0xc1)
        expect(firstDifference(decoded, value)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  it('ML45 H26 H27 arbitrary bytes give a value or a FoveaError, and never touch a prototype', () => {
    const before = prototypeKeys()
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        try {
          const value = codec.decode(bytes)
          expect(firstDifference(codec.decode(codec.encode(value)), value)).toBeUndefined()
        } catch (error) {
          expectRefusal(error)
        }
      }),
      { numRuns: 5000 },
    )
    expect(prototypeKeys()).toEqual(before)
  })

  it('mutations of good messages give a value or a FoveaError', () => {
    const before = prototypeKeys()
    fc.assert(
      fc.property(travelling, fc.nat(), fc.nat(255), fc.nat(), (value, at, byte, cut) => {
        const bytes = new Uint8Array(codec.encode([value]))
        bytes[at % bytes.length] = byte
        const end = cut % 4 === 0 ? cut % bytes.length : bytes.length
        try {
          codec.decode(bytes.subarray(0, end))
        } catch (error) {
          expectRefusal(error)
        }
      }),
      { numRuns: 1500 },
    )
    expect(prototypeKeys()).toEqual(before)
  })
}

/** One of our errors, and none that says that pre-scan and msgpackr disagree. */
function expectRefusal(error: unknown): void {
  expect(error).toBeInstanceOf(FoveaError)
  expect((error as FoveaError).code).not.toMatch(/MALFORMED|TAKEN|INVARIANT/)
}

function prototypeKeys(): PropertyKey[][] {
  return [Object.prototype, Array.prototype, Map.prototype, Uint8Array.prototype].map(
    Reflect.ownKeys,
  )
}
