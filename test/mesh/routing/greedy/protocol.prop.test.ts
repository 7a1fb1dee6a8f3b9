import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Envelope, RouteContent } from '../../../../mesh/routing/greedy/envelope.ts'
import { RouteProtocol } from '../../../../mesh/routing/greedy/protocol.ts'
import {
  HOPS_CEILING,
  PAYLOAD_BYTES_CEILING,
  TTL_CEILING_MS,
} from '../../../../mesh/routing/greedy/settings.ts'
import { keyFromBytes } from '../../../../mesh/routing/kademlia/id.ts'
import { Codec } from '../../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../../mesh/wire/frame.ts'
import { WireType } from '../../../../mesh/wire/messages.ts'

const codec = new Codec()
const protocol = new RouteProtocol(codec)

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hex = (length: number) => bytes(length).map((value) => Buffer.from(value).toString('hex'))
const key = bytes(32).map(keyFromBytes)
const id = hex(16)
const about = fc.option(id, { nil: undefined })
const payload = fc.uint8Array({ maxLength: 300 })

const common = fc
  .record({
    ...{ id, destination: key, source: key, hopsMax: fc.integer({ min: 1, max: HOPS_CEILING }) },
    ttlMs: fc.integer({ min: 1, max: TTL_CEILING_MS }),
    via: fc.option(key, { nil: undefined }),
    sourceVia: fc.option(key, { nil: undefined }),
    path: fc.array(hex(32), { minLength: 1, maxLength: HOPS_CEILING }),
    detour: fc.option(fc.nat(HOPS_CEILING), { nil: undefined }),
  })
  .map(({ path, detour, ...rest }) => ({
    ...{ ...rest, visited: path.slice(0, rest.hopsMax).slice(0, Math.max(1, detour ?? 32)) },
    tried:
      detour === undefined ? undefined : path.slice(0, rest.hopsMax).slice(Math.max(1, detour)),
  }))

const given = (channel: Envelope['channel']): fc.Arbitrary<RouteContent> =>
  fc.record({
    type: channel === 'rpc' ? fc.constantFrom('call', 'reply') : fc.constant('publish'),
    ...{ about, receipt: fc.boolean(), payload },
  })
const returned: fc.Arbitrary<RouteContent> = fc.oneof(
  fc.record({ type: fc.constant('receipt'), about: id }),
  fc.record({
    ...{ type: fc.constant('error'), about: id },
    reason: fc.constantFrom('no_route', 'max_hops_exceeded', 'no_handler'),
  }),
)
const envelope: fc.Arbitrary<Envelope> = fc
  .constantFrom<Envelope['channel']>('rpc', 'pubsub')
  .chain((channel) =>
    fc
      .tuple(common, fc.oneof(given(channel), returned))
      .map(([head, content]) => ({ ...head, channel, content })),
  )

/** The code and field of what decoding raises; `read` when it raises nothing. */
function problemOf(type: number, items: unknown): string {
  try {
    protocol.decode(type, codec.encode(items))
    return 'read'
  } catch (error) {
    const { code, field } = error as { code?: string; field?: string }
    return field === undefined ? `${code}` : `${code} ${field}`
  }
}

const good = (): unknown[] => [
  ...[0, new Uint8Array(16), new Uint8Array(32), new Uint8Array(32).fill(1), 10, 1_000],
  ...[new Uint8Array(64), null, null, null, true, new Uint8Array(3)],
]

describe('the frames of envelopes', () => {
  it('bring what was sent', () => {
    fc.assert(
      fc.property(envelope, (sent) => {
        const frame = protocol.encode(sent)
        expect(frame[1]).toBe(sent.channel === 'rpc' ? 0x23 : 0x13)
        const wire = Uint8Array.from(frame.subarray(HEADER_BYTES))
        const read = protocol.decode(frame[1]!, wire)
        // A frame is a view of a receive buffer: nothing may point into it afterwards.
        wire.fill(0xff)
        expect(read).toEqual(sent)
      }),
      { numRuns: 300, seed: 5_063 },
    )
  })

  it('raise nothing but errors of the wire for bytes that are anything', () => {
    const type = fc.constantFrom(WireType.rpcRoute, WireType.pubsubRoute)
    const items = fc.array(
      fc.oneof(
        ...[fc.integer(), fc.double(), fc.string(), fc.boolean(), fc.constant(null)],
        ...[bytes(16), bytes(32), fc.uint8Array({ maxLength: 70 }), fc.array(fc.integer())],
      ),
      { maxLength: 14 },
    )
    const changed = fc
      .tuple(fc.nat(11), items)
      .map(([at, [value]]) => good().map((old, index) => (index === at ? value : old)))
    const any = fc.oneof(fc.anything(), items, changed, fc.constant(undefined))
    fc.assert(
      fc.property(type, any, fc.uint8Array({ maxLength: 60 }), (of, value, noise) => {
        let wire: Uint8Array = noise
        try {
          wire = codec.encode(value)
        } catch {
          // It does not travel at all: noise does.
        }
        try {
          protocol.decode(of, wire)
        } catch (error) {
          expect((error as Error).name).toMatch(/^(?:MessageError|CodecError)$/)
        }
        expect(wire).toBeInstanceOf(Uint8Array)
      }),
      { numRuns: 1_500, seed: 5_064 },
    )
  })

  it.each<[string, number, unknown, string]>([
    ['a kind that there is not', 0, 5, 'kind'],
    ['a publication in a frame of calls', 0, 2, 'kind'],
    ['an id of 15 bytes', 1, new Uint8Array(15), 'id'],
    ['a destination of 33 bytes', 2, new Uint8Array(33), 'destination'],
    ['a source in hex', 3, '00'.repeat(32), 'source'],
    ['no hops', 4, 0, 'hopsMax'],
    ['33 hops', 4, HOPS_CEILING + 1, 'hopsMax'],
    ['no time', 5, 0, 'ttlMs'],
    ['more time than anybody waits', 5, TTL_CEILING_MS + 1, 'ttlMs'],
    ['no path', 6, new Uint8Array(0), 'visited'],
    ['half a key in its path', 6, new Uint8Array(48), 'visited'],
    ['more hops made than allowed', 6, new Uint8Array(11 * 32), 'visited'],
    ['something that it is about, of 8 bytes', 7, new Uint8Array(8), 'about'],
    ['a gateway of 31 bytes', 8, new Uint8Array(31), 'via'],
    ['a gateway in hex', 9, '00'.repeat(32), 'sourceVia'],
    ['a receipt that is neither true nor false', 10, 1, 'receipt'],
    ['a payload of text', 11, 'payload', 'payload'],
    ['a payload too long', 11, new Uint8Array(PAYLOAD_BYTES_CEILING + 1), 'payload'],
  ])('with %s are refused', (_, at, value, field) => {
    const items = good().map((old, index) => (index === at ? value : old))
    expect(problemOf(WireType.rpcRoute, items)).toBe(`ERR_MESSAGE_INVALID ${field}`)
  })

  it('at each limit are taken', () => {
    const limits: [number, unknown][] = [
      ...[[4, HOPS_CEILING] as [number, unknown], [5, TTL_CEILING_MS] as [number, unknown]],
      ...[[6, new Uint8Array(320)] as [number, unknown]],
      [11, new Uint8Array(PAYLOAD_BYTES_CEILING)],
    ]
    for (const [at, value] of limits) {
      const items = good().map((old, index) => (index === at ? value : old))
      expect(problemOf(WireType.rpcRoute, items)).toBe('read')
    }
    const detour = [...good(), new Uint8Array(8 * 32)]
    expect(problemOf(WireType.rpcRoute, detour)).toBe('read')
    expect(problemOf(WireType.rpcRoute, [...detour, 'of a newer version'])).toBe('read')
  })

  it('of a detour name whole keys, together with the path as many as hops are allowed', () => {
    for (const tried of [new Uint8Array(9 * 32), new Uint8Array(48), 'nobody', null]) {
      expect(problemOf(WireType.rpcRoute, [...good(), tried])).toBe('ERR_MESSAGE_INVALID tried')
    }
  })

  it('of errors and receipts say what they are about and why', () => {
    const error = good()
      .map((old, at) => (at === 0 ? 3 : at === 10 ? 0 : old))
      .slice(0, 11)
    expect(problemOf(WireType.rpcRoute, error)).toBe('ERR_MESSAGE_INVALID about')
    error[7] = new Uint8Array(16)
    expect(problemOf(WireType.pubsubRoute, error)).toBe('read')
    error[10] = 3
    expect(problemOf(WireType.pubsubRoute, error)).toBe('ERR_MESSAGE_INVALID reason')
    const receipt = good()
      .map((old, at) => (at === 0 ? 4 : old))
      .slice(0, 10)
    expect(problemOf(WireType.rpcRoute, receipt)).toBe('ERR_MESSAGE_INVALID about')
  })
})
