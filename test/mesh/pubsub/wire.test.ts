import { describe, expect, it } from 'vitest'
import {
  decodeAcknowledgement,
  decodePublish,
  encodeAcknowledgement,
  encodePublish,
  inRuns,
  runsFrom,
  UINT48_MAX,
} from '../../../mesh/pubsub/wire.ts'
import type { Acknowledgement, PublishFrame } from '../../../mesh/pubsub/wire.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'

const codec = new Codec()

const PLAIN: PublishFrame = {
  topic: 'ünï.cödé',
  sequence: UINT48_MAX,
  place: undefined,
  requestId: undefined,
  isReply: false,
  stampMs: undefined,
  isReplay: false,
  headers: undefined,
  groups: undefined,
  payload: new Uint8Array([1, 2, 3]),
}

const PLACE = { session: UINT48_MAX, number: 9, previous: 8 }

describe('PUBLISH', () => {
  it.each<[string, Partial<PublishFrame>]>([
    ['plain', {}],
    ['empty payload', { payload: new Uint8Array(0) }],
    ['acknowledged', { place: PLACE }],
    ['request', { requestId: 5 }],
    ['reply', { topic: '', requestId: 5, isReply: true }],
    ['retain', { stampMs: 1_900_000_000_000 }],
    ['replay', { stampMs: 7, isReplay: true, place: PLACE }],
    ['headers', { headers: { a: 'b', c: 1, d: true } }],
    ['groups', { groups: ['x g', '** h'] }],
    ['drawn again', { groups: ['x g'], isDrawnAgain: true }],
    ['all', { place: PLACE, requestId: 1, stampMs: 2, headers: { a: 1 }, groups: ['x g'] }],
  ])('comes back as it was: %s', (_name, fields) => {
    const message = { ...PLAIN, ...fields }
    const frame = encodePublish(message, codec)
    const { payload, ...rest } = decodePublish(frame.subarray(HEADER_BYTES), codec)
    expect({ ...rest, payload: new Uint8Array(payload) }).toEqual(message)
  })

  it('refuses headers that are not flat, unknown flags, and a place before itself', () => {
    const wrong = [
      { ...PLAIN, headers: { a: [] } as never },
      { ...PLAIN, groups: [7] as never },
      { ...PLAIN, place: { session: 1, number: 3, previous: 3 } },
    ]
    for (const message of wrong) {
      const bytes = encodePublish(message, codec).subarray(HEADER_BYTES)
      expect(() => decodePublish(bytes, codec)).toThrow(/publish/)
    }
    const flagged = encodePublish(PLAIN, codec).subarray(HEADER_BYTES)
    flagged[0] = 64
    expect(() => decodePublish(flagged, codec)).toThrow(/flags/)
  })
})

describe('PUBACK', () => {
  it.each<[Acknowledgement]>([
    [{ type: 'state', session: 1, next: 5, unsettled: [1, 2, 4, 4], held: [7, 9] }],
    [{ type: 'unwanted', topic: 'x', requestId: 3 }],
    [{ type: 'unwanted', topic: 'x', requestId: undefined }],
    [{ type: 'wanted' }],
    [{ type: 'denied', session: 9 }],
    [{ type: 'returned', sequence: 7, groups: ['workers', 'audit'] }],
  ])('comes back as it was: %o', (message) => {
    const frame = encodeAcknowledgement(message, codec)
    expect(decodeAcknowledgement(frame.subarray(HEADER_BYTES), codec)).toEqual(message)
  })
})

describe('runs', () => {
  it('hold the numbers that they are made from, and no others', () => {
    const numbers = [1, 2, 3, 7, 9, 10]
    const runs = runsFrom(numbers)
    expect(runs).toEqual([1, 3, 7, 7, 9, 10])
    const held = Array.from({ length: 12 }, (_, i) => i).filter((each) => inRuns(runs, each))
    expect(held).toEqual(numbers)
    expect(runsFrom([])).toEqual([])
  })
})
