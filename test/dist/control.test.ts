import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ContractTable } from '../../dist/contract-table.ts'
import {
  MessageEncoder,
  NAME_CHARS_MAX,
  parseMessage,
  type DistMessage,
} from '../../dist/control.ts'
import { DistProtocolError, MessageSerializationError } from '../../dist/errors.ts'
import { termExtensions, type TermContext } from '../../dist/term.ts'
import { Codec, FrameDecoder, VALUE_LIMITS, WireType } from '../../mesh/index.ts'
import { createSystem, FoveaError } from '../../runtime/index.ts'

const A = 'a'.repeat(64)
const context = (system = createSystem({ node: A })): TermContext => ({
  system,
  ownKeyHex: A,
  ownIncarnation: 0,
  peerKeyHex: 'b'.repeat(64),
  peerIncarnation: 1,
  contracts: new ContractTable(),
  errorStacks: true,
})

const codec = (bytesMax = VALUE_LIMITS.bytesMax): Codec<TermContext> =>
  new Codec({ limits: { ...VALUE_LIMITS, bytesMax }, extensions: termExtensions })

const T = WireType
const cases: readonly [number, readonly unknown[], DistMessage][] = [
  [T.distSend, [3, 'hi'], { type: 'send', to: 3, message: 'hi' }],
  [T.distSend, ['name', undefined], { type: 'send', to: 'name', message: undefined }],
  [T.distLink, [1, 2], { type: 'link', from: 1, to: 2 }],
  [T.distUnlink, [1, 2, 3], { type: 'unlink', from: 1, to: 2, id: 3 }],
  [T.distUnlinkAck, [1, 2, 3], { type: 'unlink_ack', from: 1, to: 2, id: 3 }],
  [T.distLeave, [], { type: 'leave' }],
  [T.distLeaveAck, [], { type: 'leave_ack' }],
  [T.distTaken, [65_536], { type: 'taken', bytes: 65_536 }],
  [
    T.distExit,
    [0, 2, { shutdown: 'x' }, false],
    { type: 'exit', from: 0, to: 2, reason: { shutdown: 'x' }, viaLink: false },
  ],
  [T.distMonitor, [9, 0, 'name'], { type: 'monitor', ref: 9, owner: 0, to: 'name' }],
  [T.distDemonitor, [9, 4], { type: 'demonitor', ref: 9, owner: 4 }],
  [T.distDown, [9, 'noproc'], { type: 'down', ref: 9, reason: 'noproc' }],
  [
    T.distSpawn,
    [1, 'counter', 10, null, 5000, true],
    {
      ...{ type: 'spawn', id: 1, behavior: 'counter', arg: 10, name: undefined },
      ...{ timeoutMs: 5000, watched: true },
    },
  ],
  [
    T.distSpawnReply,
    [1, 0, 77, 'counter/1'],
    { type: 'spawn_reply', id: 1, status: 0, detail: 77, contract: 'counter/1' },
  ],
  [
    T.distCall,
    [2 ** 40, 5, 'add', 1, Infinity, 8],
    {
      ...{ type: 'call', id: 2 ** 40, to: 5, name: 'add', input: 1 },
      ...{ timeoutMs: Infinity, from: 8 },
    },
  ],
  [
    T.distCall,
    [1, 'hits', null, { type: 'get' }, 0.5, 0],
    {
      ...{ type: 'call', id: 1, to: 'hits', name: undefined, input: { type: 'get' } },
      ...{ timeoutMs: 0.5, from: 0 },
    },
  ],
  [T.distReply, [1, 0, null], { type: 'reply', id: 1, status: 0, value: null }],
  [T.distCast, [5, 'reset', undefined], { type: 'cast', to: 5, name: 'reset', input: undefined }],
  [T.distCancel, [1], { type: 'cancel', id: 1 }],
]

describe('messages', () => {
  it.each(cases)('of type %i come back as they were', (type, array, message) => {
    const ends = context()
    const frame = new MessageEncoder(codec(), ends).encode(type, array)
    const seen: [number, DistMessage][] = []
    new FrameDecoder().push(frame, (frameType, payload) => {
      seen.push([frameType, parseMessage(frameType, codec().decode(payload, ends))])
    })
    expect(seen).toEqual([[type, message]])
  })

  it('may have further elements, which a later version added', () => {
    expect(parseMessage(T.distCancel, [1, 'more'])).toEqual({ type: 'cancel', id: 1 })
  })
})

describe('hostile messages', () => {
  const bad: readonly [string, number, unknown][] = [
    ['no array', T.distCall, { id: 1 }],
    ['nothing', T.distCall, []],
    ['a call without an input', T.distCall, [1, 2, 'x']],
    ['a call numbered by text', T.distCall, ['1', 2, 'x', 0, 0, 0]],
    ['a call to process 0', T.distCall, [1, 0, 'x', 0, 0, 0]],
    ['a call to process -1', T.distCall, [1, -1, 'x', 0, 0, 0]],
    ['a call to process 1.5', T.distCall, [1, 1.5, 'x', 0, 0, 0]],
    ['a call to process 2^53', T.distCall, [1, 2 ** 53, 'x', 0, 0, 0]],
    ['a call to an empty name', T.distCall, [1, '', 'x', 0, 0, 0]],
    ['a call to a long name', T.distCall, [1, 'x'.repeat(NAME_CHARS_MAX + 1), 'x', 0, 0, 0]],
    ['a call with a numeric name', T.distCall, [1, 2, 3, 0, 0, 0]],
    ['a call that waits NaN', T.distCall, [1, 2, 'x', 0, NaN, 0]],
    ['a call that waits -1', T.distCall, [1, 2, 'x', 0, -1, 0]],
    ['H32 a call from a pid', T.distCall, [1, 2, 'x', 0, 0, { node: A, id: 1, incarnation: 0 }]],
    ['a reply without a value', T.distReply, [1, 0]],
    ['a reply without a status', T.distReply, [1]],
    ['a cast to null', T.distCast, [null, 'x', 0]],
    ['a send without a message', T.distSend, [1]],
    ['a link from process 0', T.distLink, [0, 1]],
    ['a link to a name', T.distLink, [1, 'name']],
    ['an exit over an unclear link', T.distExit, [1, 2, 'boom', 1]],
    ['a monitor of null', T.distMonitor, [1, 2, null]],
    ['a demonitor of text', T.distDemonitor, ['1', 2]],
    ['a down without a reason', T.distDown, [1]],
    ['a spawn of nothing', T.distSpawn, [1, null, 0, null, 0, false]],
    ['a spawn with a numeric name', T.distSpawn, [1, 'b', 0, 7, 0, false]],
    ['a spawn reply of process 0', T.distSpawnReply, [1, 0, 0, null]],
    ['a spawn reply of a text', T.distSpawnReply, [1, 0, 'x', null]],
    ['a cancel of nothing', T.distCancel, []],
    ['a type of another layer', T.ping, []],
    ['a chunk inside', T.distChunk, []],
  ]
  it.each(bad)('%s is ERR_DIST_MESSAGE', (_what, type, value) => {
    expect(() => parseMessage(type, value)).toThrow(DistProtocolError)
    expect(() => parseMessage(type, value)).toThrow(
      expect.objectContaining({ code: 'ERR_DIST_MESSAGE' }),
    )
  })

  it('take a name of exactly the limit', () => {
    const name = 'x'.repeat(NAME_CHARS_MAX)
    expect(parseMessage(T.distSend, [name, 0])).toEqual({ type: 'send', to: name, message: 0 })
  })

  it('of any value give a message or a typed error', () => {
    const types = fc.integer({ min: 0xa0, max: 0xb0 })
    const element = fc.oneof(fc.nat(9), fc.string({ maxLength: 3 }), fc.boolean(), fc.anything())
    fc.assert(
      fc.property(types, fc.array(element, { maxLength: 7 }), (type, value) => {
        try {
          expect(typeof parseMessage(type, value).type).toBe('string')
        } catch (error) {
          expect(error).toBeInstanceOf(DistProtocolError)
        }
      }),
      { numRuns: 3_000 },
    )
    expect.hasAssertions()
  })

  it('of any bytes give a message or a typed error, also when a good one is damaged', () => {
    const ends = context()
    const decoder = codec()
    const good = cases.map(([type, array]) => [type, decoder.encode(array, ends)] as const)
    const damage = fc.tuple(fc.nat(200), fc.nat(255), fc.nat(200))
    fc.assert(
      fc.property(fc.nat(good.length - 1), damage, (which, [at, byte, cut]) => {
        const [type, bytes] = good[which]!
        const damaged = bytes.slice(0, cut % 3 === 0 ? cut % (bytes.length + 1) : bytes.length)
        if (damaged.length > 0) damaged[at % damaged.length] = byte
        try {
          expect(typeof parseMessage(type, decoder.decode(damaged, ends)).type).toBe('string')
        } catch (error) {
          expect(error).toBeInstanceOf(FoveaError)
          expect((error as FoveaError).code).toMatch(/^ERR_(DIST|CODEC)_/)
        }
      }),
      { numRuns: 3_000 },
    )
    expect.hasAssertions()
  })
})

describe('values that do not travel', () => {
  const encoder = new MessageEncoder(codec(), context())
  const fn = (): number => 1
  it.each([
    [T.distCall, [1, 2, 'add', { items: [0, fn] }, 5, 0], 'input.items[1]'],
    [T.distCall, [1, 2, 'add', fn, 5, 0], 'input'],
    [T.distCast, [2, 'x', [fn]], 'input[0]'],
    [T.distSend, [2, { fn }], 'message.fn'],
    [T.distReply, [1, 0, new Map([['k', fn]])], 'reply.get("k")'],
    [T.distSpawn, [1, 'b', { deep: { fn } }, null, 5, false], 'arg.deep.fn'],
  ])('are refused with the path from the user’s own value (%i)', (type, message, path) => {
    expect(() => encoder.encode(type, message)).toThrow(MessageSerializationError)
    expect(() => encoder.encode(type, message)).toThrow(
      expect.objectContaining({
        ...{ code: 'ERR_VALUE_UNSENDABLE', path, operation: 'serialize' },
        message: expect.stringContaining(`${path} can not be sent: functions`) as string,
        cause: expect.objectContaining({ name: 'UnsendableError' }) as object,
      }),
    )
  })

  it('are replaced in the reason of a signal, which is never refused', () => {
    const frame = encoder.encodeSignal(T.distDown, [7, { why: fn }])
    const value = codec().decode(frame.subarray(8), context())
    expect(parseMessage(T.distDown, value)).toMatchObject({
      type: 'down',
      reason: { unsendable: expect.stringContaining('why') as string },
    })
  })

  it('above the largest frame keep their bytes, and valueBytesMax bounds them', () => {
    const frameMax = 16_777_216
    const small = new MessageEncoder(codec(frameMax + 100), context())
    const overhead = codec().encode([1, null, new Uint8Array(0x10000)], context()).length - 0x10000
    const fits = small.encode(T.distCast, [1, null, new Uint8Array(frameMax + 100 - overhead)])
    expect(fits.length).toBe(8 + frameMax + 100)
    expect(() =>
      small.encode(T.distCast, [1, null, new Uint8Array(frameMax + 101 - overhead)]),
    ).toThrow(expect.objectContaining({ code: 'ERR_VALUE_UNSENDABLE', path: 'input' }))
  })
})
