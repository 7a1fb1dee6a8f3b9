import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DHT_WIRE_TYPES, DhtProtocol } from '../../../mesh/routing/protocol.ts'
import type { DhtReply } from '../../../mesh/routing/kademlia/message.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { codeOf } from '../wire/bytes.ts'
import { REALM_ID, recordOf, reply, request } from './dht-messages.ts'

const codec = new Codec()
const protocol = new DhtProtocol(codec, REALM_ID)
const CODED = /^ERR_(MESSAGE|CODEC)_[A-Z_]+$/

/** As `toEqual`, which takes a microsecond for every byte of an array. */
function same(actual: unknown, expected: unknown): void {
  const equal = isDeepStrictEqual(actual, expected)
  if (!equal) expect(actual).toEqual(expected)
  expect(equal).toBe(true)
}

/** A frame is a view of a receive buffer: nothing may point into it afterwards. */
function read(frame: Uint8Array) {
  const payload = Uint8Array.from(frame.subarray(HEADER_BYTES))
  const message = protocol.decode(frame[1]!, payload)
  payload.fill(0xff)
  return message
}

/** Reads, as any of the messages; what is thrown has the code of bad bytes. */
function readAll(payload: Uint8Array): void {
  for (const type of DHT_WIRE_TYPES) {
    const code = codeOf(() => protocol.decode(type, payload))
    if (code !== 'nothing') expect(code).toMatch(CODED)
  }
}

describe('ML2 round trip', () => {
  const number = fc.constantFrom(0, 1, 127, 128, 65_536, 2 ** 32 - 1)

  it('requests and their numbers arrive as they were', () => {
    fc.assert(
      fc.property(request, number, (message, n) => {
        same(read(protocol.request(n, message)), { type: 'request', number: n, message })
      }),
      { numRuns: 300, seed: 611 },
    )
  })

  it('replies and their numbers arrive as they were', () => {
    fc.assert(
      fc.property(reply, number, (message, n) => {
        same(read(protocol.reply(n, message)), { type: 'reply', number: n, message })
      }),
      { numRuns: 200, seed: 612 },
    )
  })

  it('what arrived goes on as it was', () => {
    fc.assert(
      fc.property(recordOf('mutable', 'provider'), (record) => {
        const sender = { host: 'h', port: 1, mode: 'server' } as const
        const message = { type: 'add_provider', key: record.key, sender, record } as const
        const first = protocol.request(1, message)
        const frame = read(first)
        if (frame.type !== 'request') throw new Error('not a request')
        same(protocol.request(1, frame.message), first)
      }),
      { numRuns: 100, seed: 613 },
    )
  })
})

describe('a peer that takes less', () => {
  const limit = fc.oneof(
    fc.integer({ min: 1_024, max: 4_096 }),
    fc.integer({ min: 1_024, max: 90_000 }),
  )
  const prefix = (part: readonly unknown[], whole: readonly unknown[]) =>
    same(part, whole.slice(0, part.length))

  it('gets a reply of the same type that it can take, with the first contacts and records', () => {
    fc.assert(
      fc.property(reply, limit, (message, frameBytesMax) => {
        const frame = protocol.reply(5, message, frameBytesMax)
        expect(frame.length - HEADER_BYTES).toBeLessThanOrEqual(frameBytesMax)
        const got = read(frame)
        expect([got.type, got.number, got.message.type]).toEqual(['reply', 5, message.type])
        compare(got.message as DhtReply, message)
      }),
      { numRuns: 200, seed: 614 },
    )
  })

  function compare(got: DhtReply, sent: DhtReply): void {
    same([got.key.hex, got.sender], [sent.key.hex, sent.sender])
    if ('contacts' in got && 'contacts' in sent) prefix(got.contacts, sent.contacts)
    if (got.type === 'store_reply' && sent.type === 'store_reply') {
      expect(got.refusal).toBe(sent.refusal)
    }
    if ('record' in got && 'record' in sent && got.record !== undefined) {
      same(got.record, sent.record)
    }
    if (got.type === 'providers_reply' && sent.type === 'providers_reply') {
      const kept = sent.records.filter((one) =>
        got.records.some((it) => isDeepStrictEqual(it, one)),
      )
      expect(kept.length).toBeGreaterThanOrEqual(got.records.length)
    }
  }

  it('is not sent a request that it cannot take', () => {
    fc.assert(
      fc.property(request, limit, (message, frameBytesMax) => {
        const code = codeOf(() => {
          const frame = protocol.request(5, message, frameBytesMax)
          expect(frame.length - HEADER_BYTES).toBeLessThanOrEqual(frameBytesMax)
        })
        const fits = protocol.request(5, message).length - HEADER_BYTES <= frameBytesMax
        expect(code).toBe(fits ? 'nothing' : 'ERR_DHT_RECORD_TOO_LARGE')
      }),
      { numRuns: 150, seed: 615 },
    )
  })
})

describe('K34 bytes of a peer raise coded errors and nothing else', () => {
  it('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => readAll(payload)),
      { numRuns: 500, seed: 616 },
    )
  })

  it('any values in the place of a message', () => {
    const values = fc.array(
      fc.oneof(
        fc.anything({ withBigInt: false, maxDepth: 2 }),
        fc.constantFrom(
          0,
          1,
          32,
          null,
          true,
          'h',
          new Uint8Array(32),
          new Uint8Array(64),
          [],
          [[]],
        ),
      ),
      { maxLength: 10 },
    )
    fc.assert(
      fc.property(values, (items) => {
        fc.pre(codeOf(() => codec.encode(items)) === 'nothing')
        readAll(codec.encode(items))
      }),
      { numRuns: 1_000, seed: 617 },
    )
  })

  const frames = fc.oneof(
    request.map((message) => protocol.request(1, message)),
    reply.map((message) => protocol.reply(1, message)),
  )

  it('ML10 a good message under the type of another', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const payload = frame.subarray(HEADER_BYTES)
        const { message } = protocol.decode(frame[1]!, payload)
        for (const type of DHT_WIRE_TYPES) {
          const code = codeOf(() => {
            const other = protocol.decode(type, payload).message
            expect(other.type === message.type).toBe(type === frame[1])
          })
          if (code !== 'nothing') expect(code).toMatch(CODED)
        }
      }),
      { numRuns: 100, seed: 618 },
    )
  })

  it('a good message with a bit flipped, a byte changed or the end cut off', () => {
    const damage = fc.record({
      at: fc.nat(),
      byte: fc.nat({ max: 255 }),
      how: fc.constantFrom('flip', 'set', 'cut', 'append'),
    })
    fc.assert(
      fc.property(frames, fc.array(damage, { minLength: 1, maxLength: 3 }), (frame, damages) => {
        let payload = Uint8Array.from(frame.subarray(HEADER_BYTES))
        for (const { at, byte, how } of damages) {
          if (payload.length === 0) break
          const place = at % payload.length
          if (how === 'flip') payload[place]! ^= 1 << (byte & 7)
          if (how === 'set') payload[place] = byte
          if (how === 'cut') payload = payload.subarray(0, place)
          if (how === 'append') payload = Uint8Array.of(...payload.subarray(0, 2_000), byte)
        }
        readAll(payload)
      }),
      { numRuns: 500, seed: 619 },
    )
  })

  it('what is read holds a bounded number of bytes for each byte that came', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const text = JSON.stringify(read(frame), (_name, value: unknown) =>
          value instanceof Uint8Array || value instanceof Uint32Array
            ? '#'.repeat(value.length)
            : value,
        )
        expect(text.length).toBeLessThan(12 * frame.length + 400)
      }),
      { numRuns: 100, seed: 620 },
    )
  })
})
