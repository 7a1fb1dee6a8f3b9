import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SwimInbox } from '../../../mesh/membership/swim-inbox.ts'
import { SwimProtocol, swimSizes } from '../../../mesh/membership/swim-protocol.ts'
import type { SwimStreamMessage } from '../../../mesh/membership/swim-protocol.ts'
import type { SwimDatagram, SyncEntry } from '../../../mesh/membership/swim/message.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { codeOf } from '../wire/bytes.ts'
import { datagram, entry, REALM_ID, reply, request, statement, update } from './swim-messages.ts'

const codec = new Codec()
const protocol = new SwimProtocol(codec, REALM_ID)

const read = (frame: Uint8Array) => protocol.readDatagram(frame[1]!, frame.subarray(HEADER_BYTES))

/** As `toEqual`, which takes a microsecond for every byte of an array. */
function same(actual: unknown, expected: unknown): void {
  const equal = isDeepStrictEqual(actual, expected)
  if (!equal) expect(actual).toEqual(expected)
  expect(equal).toBe(true)
}

/** Everything that the frames say, as one inbox takes them. */
function received(frames: readonly Uint8Array[], frameBytesMax = Infinity): SwimStreamMessage[] {
  const inbox = new SwimInbox(protocol)
  const messages: SwimStreamMessage[] = []
  for (const frame of frames) {
    expect(frame[1]).toBe(0x35)
    expect(frame.length - HEADER_BYTES).toBeLessThanOrEqual(frameBytesMax)
    // A frame is a view of a receive buffer: nothing may point into it afterwards.
    const payload = Uint8Array.from(frame.subarray(HEADER_BYTES))
    const message = inbox.take(payload)
    payload.fill(0xff)
    if (message !== undefined) messages.push(message)
  }
  expect(inbox.bytesHeld).toBe(0)
  return messages
}

describe('S5 round trip', () => {
  it('a datagram arrives as it was', () => {
    fc.assert(
      fc.property(datagram, (message) => {
        same(read(protocol.datagram(message)), message)
      }),
      { numRuns: 400, seed: 501 },
    )
  })

  it('requests, replies and their numbers arrive as they were, in parts of any size', () => {
    const number = fc.constantFrom(0, 1, 127, 128, 65_536, 2 ** 32 - 1)
    const limit = fc.constantFrom(16_384, 65_536, 1_048_576)
    fc.assert(
      fc.property(request, reply, number, limit, (asked, answered, n, bytesMax) => {
        same(received(protocol.request(n, asked, bytesMax), bytesMax), [
          { type: 'request', number: n, message: asked },
        ])
        same(received(protocol.reply(n, answered, bytesMax), bytesMax), [
          { type: 'reply', number: n, message: answered },
        ])
      }),
      { numRuns: 150, seed: 502 },
    )
  })

  it('holds arrive as they were', () => {
    for (const hold of [true, false]) {
      expect(received([protocol.hold(hold)])).toEqual([{ type: 'hold', hold }])
    }
  })

  it.each([127, 128, 129, 255, 256, 257, 1_024, 1_025])('%i parts of a table arrive', (count) => {
    const [one] = fc.sample(entry, { numRuns: 1, seed: 503 })
    const self = one!.statement
    const entries: SyncEntry[] = Array.from({ length: count }, (_, at) => ({
      statement: { ...self, left: false, counter: at },
      status: 'alive',
    }))
    const push = { type: 'sync_push', entries } as const
    const whole = { type: 'sync_reply', self, entries, wanted: [0, 63], more: true } as const
    same(received(protocol.request(9, push, 65_536)), [
      { type: 'request', number: 9, message: push },
    ])
    same(received(protocol.reply(9, whole, 65_536)), [{ type: 'reply', number: 9, message: whole }])
  })

  it.each([0, 128, 255])('%i updates arrive in one message', (count) => {
    const updates = fc.sample(update, { numRuns: 255, seed: 504 }).slice(0, count)
    const message: SwimDatagram = { type: 'gossip', updates }
    same(read(protocol.datagram(message)), message)
    const probe = { type: 'probe', updates } as const
    same(received(protocol.request(1, probe, 1_048_576)), [
      { type: 'request', number: 1, message: probe },
    ])
  })
})

describe('sizes', () => {
  const slack = (bound: number, bytes: number, most: number) => {
    expect(bytes).toBeLessThanOrEqual(bound)
    expect(bound - bytes).toBeLessThanOrEqual(most)
  }

  it('S27 no update and no entry is larger than its bound, and few bytes smaller', () => {
    fc.assert(
      fc.property(update, entry, (news, line) => {
        const empty = protocol.datagram({ type: 'gossip', updates: [] }).length
        const one = protocol.datagram({ type: 'gossip', updates: [news] }).length
        slack(swimSizes.updateBytes(news), one - empty, 20)
        const push = (entries: SyncEntry[]) =>
          protocol.request(1, { type: 'sync_push', entries }, 1_048_576)[0]!.length
        slack(swimSizes.entryBytes(line), push([line]) - push([]), 20)
      }),
      { numRuns: 500, seed: 505 },
    )
  })

  it('S27 a datagram packed by the bounds is never larger than they say', () => {
    fc.assert(
      fc.property(datagram, (message) => {
        const { type, updates } = message
        const bound = updates.reduce(
          (sum, news) => sum + swimSizes.updateBytes(news),
          swimSizes.headerBytes(type),
        )
        slack(bound, protocol.datagram(message).length, 8 + 20 * updates.length)
      }),
      { numRuns: 500, seed: 506 },
    )
  })

  it('S27 the longest name, host and metadata fit into a datagram of 1,200 bytes', () => {
    const [said] = fc.sample(statement, { numRuns: 1, seed: 507 })
    const proof = said!.proof as { membership: object }
    const longest = {
      ...said!,
      name: 'n'.repeat(64),
      host: `${'h.'.repeat(126)}h`,
      generation: Number.MAX_SAFE_INTEGER,
      counter: 2 ** 31 - 1,
      meta: new Uint8Array(512),
      proof: { ...proof, membership: { ...proof.membership, roles: ['database', 'web'] } },
    }
    expect(longest.host).toHaveLength(253)
    const news = { type: 'statement', statement: longest } as const
    const bound = swimSizes.headerBytes('ping_req') + swimSizes.updateBytes(news)
    expect(bound).toBeLessThanOrEqual(1_200)
  })
})

const FROM_PEER = /^(nothing|ERR_MESSAGE_INVALID|ERR_CODEC_[A-Z_]+)$/
const types = [0x30, 0x31, 0x32, 0x33, 0x34]

/** Reads a payload every way that there is. */
function readAll(payload: Uint8Array): void {
  for (const type of types) {
    expect(codeOf(() => protocol.readDatagram(type, payload))).toMatch(FROM_PEER)
  }
  expect(codeOf(() => new SwimInbox(protocol).take(payload))).toMatch(FROM_PEER)
}

describe('S5 hostile bytes', () => {
  it('arbitrary bytes raise a message or codec error, and nothing else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), readAll), {
      numRuns: 2_000,
      seed: 508,
    })
  })

  it('arbitrary values in the place of a message do no more', () => {
    const value = fc.anything({ maxDepth: 4, withBigInt: false, withDate: true })
    const message = fc.array(fc.oneof(fc.integer({ min: -1, max: 9 }), value), { maxLength: 8 })
    fc.assert(
      fc.property(message, (items) => {
        fc.pre(codeOf(() => codec.encode(items)) === 'nothing')
        readAll(codec.encode(items))
      }),
      { numRuns: 2_000, seed: 509 },
    )
  })

  it('a good message with a byte changed or cut off does no more', () => {
    const frames = fc.oneof(
      datagram.map((message) => [protocol.datagram(message)]),
      request.map((message) => protocol.request(1, message, 4_096)),
      reply.map((message) => protocol.reply(1, message, 4_096)),
    )
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat({ max: 255 }), fc.boolean(), (list, at, byte, cut) => {
        const payload = Uint8Array.from(list[0]!.subarray(HEADER_BYTES))
        const place = at % payload.length
        payload[place] = byte
        readAll(cut ? payload.subarray(0, place) : payload)
      }),
      { numRuns: 600, seed: 510 },
    )
  })

  it('what is read holds a bounded number of bytes for each byte that came', () => {
    // The smallest entries on the wire against what is made of them.
    fc.assert(
      fc.property(fc.array(update, { minLength: 1, maxLength: 40 }), (updates) => {
        const frame = protocol.datagram({ type: 'gossip', updates })
        const message = read(frame)
        expect(JSON.stringify(message).length).toBeLessThan(40 * frame.length)
      }),
      { numRuns: 50, seed: 511 },
    )
  })
})
