import { Packr } from 'msgpackr/pack'
import { describe, expect, it } from 'vitest'
import { Codec } from '../../../mesh/wire/codec.ts'
import { FRAME_BYTES_MAX_LIMIT, FrameDecoder } from '../../../mesh/wire/frame.ts'
import { MESSAGE_LIMITS, VALUE_LIMITS } from '../../../mesh/wire/limits.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { bytesOf, codeOf, u32 } from './bytes.ts'
import { firstDifference } from './same.ts'

const codec = new Codec({ limits: VALUE_LIMITS })
const trip = (value: unknown): unknown => codec.decode(codec.encode(value))

describe('values', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['booleans', [true, false]],
    ['a key without a value', { a: undefined }],
    ['whole numbers', [0, 1, 127, 128, 2 ** 31, 2 ** 32, -1, -32, -33, -(2 ** 31)]],
    ['numbers beyond 32 bit stay numbers', [2 ** 40, Number.MAX_SAFE_INTEGER, -(2 ** 53)]],
    ['H27 NaN and infinities', [Number.NaN, Infinity, -Infinity]],
    ['H27 -0', [-0, 0, { zero: -0 }]],
    ['bigints of 64 bit', [0n, -1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)]],
    ['strings', ['', 'a', 'é', '🔑', 'x'.repeat(70_000)]],
    ['H27 lone surrogates', ['\ud800', `a\udc00${'b'.repeat(100)}`]],
    ['strings that begin with a byte order mark', ['\ufeffa', `\ufeff${'b'.repeat(100)}`]],
    ['dates', [new Date(0), new Date(-1), new Date(1_790_000_000_123), new Date(8.64e15)]],
    ['H27 an invalid date', new Date(Number.NaN)],
    [
      'a Map with keys of any type',
      new Map<unknown, unknown>([
        [1, 'a'],
        ['1', 'b'],
        [null, new Map()],
        [{ k: 1 }, []],
      ]),
    ],
    ['a Set', new Set<unknown>([1, '1', new Set([undefined])])],
    ['an empty Map and an empty Set, beside an empty object', [new Map(), new Set(), {}, []]],
    ['binary', [new Uint8Array(0), new Uint8Array(300), new Uint8Array(70_000).fill(7)]],
    [
      'typed arrays',
      [
        new Int8Array([-1]),
        new Uint8ClampedArray([255]),
        new Int16Array([-2]),
        new Uint16Array([65_535]),
        new Int32Array([-3]),
        new Uint32Array([4_294_967_295]),
        new Float32Array([1.5]),
        new Float64Array([Math.PI]),
        new BigInt64Array([-5n]),
        new BigUint64Array([5n]),
      ],
    ],
    [
      'an ArrayBuffer and a DataView',
      [new Uint8Array([1, 2]).buffer, new DataView(new ArrayBuffer(3))],
    ],
    [
      'H25 keys that are methods elsewhere',
      JSON.parse(
        '{"constructor":1,"toJSON":2,"then":3,"length":4,"hasOwnProperty":5,"valueOf":{"prototype":6}}',
      ),
    ],
    ['H24 keys that look like numbers', { 1: 'a', 4294967295: 'b', '-1': 'c', '01': 'd' }],
    ['nesting', { a: [{ b: new Map([['c', new Set([{ d: [null] }])]]) }] }],
  ])('%s arrive as they left', (_, value) => {
    expect(firstDifference(trip(value), value)).toBeUndefined()
  })

  it('a part of a larger buffer arrives alone', () => {
    const part = new Uint16Array(new ArrayBuffer(100), 10, 2)
    const arrived = trip(part) as Uint16Array
    expect(arrived).toEqual(new Uint16Array(2))
    expect(arrived.buffer.byteLength).toBe(4)
  })

  it('a Buffer arrives as a Uint8Array', () => {
    expect(firstDifference(trip(Buffer.from('abc')), bytesOf('abc'))).toBeUndefined()
  })

  it('an object without prototype arrives as an ordinary one, a hole as undefined', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 })
    expect(firstDifference(trip(bare), { a: 1 })).toBeUndefined()
    // eslint-disable-next-line no-sparse-arrays
    expect(firstDifference(trip([1, , 2]), [1, undefined, 2])).toBeUndefined()
  })

  it('an object that occurs twice is copied twice', () => {
    const shared = { n: 1 }
    const [a, b] = trip([shared, shared]) as [object, object]
    expect(a).toEqual(b)
    expect(a).not.toBe(b)
  })

  it('the value given is not changed', () => {
    const value = { z: -0, m: new Map([['a', -0]]), list: ['\ud800'] }
    trip(value)
    expect(
      firstDifference(value, { z: -0, m: new Map([['a', -0]]), list: ['\ud800'] }),
    ).toBeUndefined()
  })

  it('H27 bytes that are not UTF-8 become U+FFFD', () => {
    expect(codec.decode(bytesOf(0xa3, 0x61, 0xff, 0x62))).toBe('a\ufffdb')
    expect(codec.decode(bytesOf(0xd9, 100, new Uint8Array(100).fill(0xc3)))).toBe(
      '\ufffd'.repeat(100),
    )
    expect(codec.decode(bytesOf(0x82, 0xa1, 0xfe, 1, 0xa1, 0xff, 2))).toEqual({ '\ufffd': 2 })
  })

  it('H27 a NaN with a payload is NaN, an integer from a float a number', () => {
    expect(codec.decode(bytesOf(0xcb, 0x7f, 0xf8, 0xde, 0xad, u32(0xbeef)))).toBeNaN()
    expect(codec.decode(bytesOf(0xca, 0x3f, 0x80, 0, 0))).toBe(1)
  })

  it('H25 data named then, toJSON or constructor does nothing on arrival', async () => {
    const value = trip(
      JSON.parse('{"then":{"apply":1},"toJSON":"x","constructor":{"prototype":{"polluted":1}}}'),
    )
    expect(await Promise.resolve(value)).toBe(value)
    expect(JSON.parse(JSON.stringify(value))).toEqual(value)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it.each([
    ['a mark alone', bytesOf(0xd4, 0x23, 0)],
    ['a mark that is not first', bytesOf(0x92, 1, 0xd4, 0x24, 0)],
    ['a mark after a mark', bytesOf(0x92, 0xd4, 0x24, 0, 0xd4, 0x23, 0)],
    ['a Map with half an entry', bytesOf(0x92, 0xd4, 0x23, 0, 1)],
    ['a mark of a type that none can have', bytesOf(0x92, 0xd4, 0x20, 0x21, 1)],
    ['a mark of an extension that is not here', bytesOf(0x92, 0xd4, 0x20, 0x28, 1)],
    ['a mark under a key', bytesOf(0x81, 0xa1, 'k', 0xd4, 0x20, 0x28)],
    ['a mark of a Map in a longer form', bytesOf(0x91, 0xc7, 1, 0x23, 0)],
    ['a typed array of an unknown kind', bytesOf(0xc7, 2, 0x21, 99, 0)],
    ['a typed array without a kind', bytesOf(0xc7, 0, 0x21)],
    ['a typed array with half an element', bytesOf(0xc7, 4, 0x21, 7, 1, 2, 3)],
    ['UTF-16 with half a unit', bytesOf(0xc7, 3, 0x22, 1, 2, 3)],
  ])('H26 refuses %s', (_, bytes) => {
    expect(codeOf(() => codec.decode(bytes))).toBe('ERR_CODEC_EXTENSION')
  })
})

describe('frames', () => {
  it('encodeFrame writes header and payload into one buffer', () => {
    const frame = codec.encodeFrame(WireType.ping, { sequence: 300 })
    const payload = codec.encode({ sequence: 300 })
    expect([...frame]).toEqual([1, 3, 0, 0, ...u32(payload.length), ...payload])
    const seen: unknown[] = []
    new FrameDecoder().push(frame, (type, bytes) => seen.push(type, codec.decode(bytes)))
    expect(seen).toEqual([WireType.ping, { sequence: 300 }])
  })

  it('works for payloads that make the buffer grow', () => {
    for (const length of [7000, 8180, 8192, 70_000, 1_000_000]) {
      const value = { text: 'x'.repeat(length), bytes: new Uint8Array(length).fill(length) }
      const seen: (typeof value)[] = []
      const decoder = new FrameDecoder({ frameBytesMax: FRAME_BYTES_MAX_LIMIT })
      decoder.push(codec.encodeFrame(WireType.distSend, value), (_, bytes) =>
        seen.push(codec.decode(bytes) as typeof value),
      )
      expect(seen).toHaveLength(1)
      expect(seen[0]?.text === value.text).toBe(true)
      expect(Buffer.compare(seen[0]?.bytes ?? bytesOf(), value.bytes)).toBe(0)
    }
  })

  it('bytes of earlier values stay as they are, also beside other users of msgpackr', () => {
    const other = new Packr({ useRecords: false })
    const kept: [Uint8Array, number][] = []
    for (let i = 0; i < 2000; i++) {
      kept.push([codec.encode({ i, text: 'x'.repeat(i % 400) }), i])
      other.pack({ other: i })
    }
    for (const [bytes, i] of kept) {
      expect(codec.decode(bytes)).toEqual({ i, text: 'x'.repeat(i % 400) })
    }
  })

  it('large values are copied out of the room that is kept for them, and larger ones given theirs', () => {
    const values = [
      'a'.repeat(100_000),
      Buffer.alloc(90_000, 7),
      'é'.repeat(80_000),
      Buffer.alloc(1_500_000, 9),
      'small',
      '€'.repeat(120_000),
    ]
    const encoded = values.map((value) => codec.encode(value))
    expect(new Set(encoded.map(({ buffer }) => buffer)).size).toBe(encoded.length)
    for (const { buffer, length } of encoded.slice(0, 4)) {
      expect(buffer.byteLength).toBeLessThanOrEqual(length + 5_000)
    }
    const arrived = encoded.map((bytes) => codec.decode(bytes) as string | Uint8Array)
    const same = values.map((value, i) => Buffer.from(value).equals(Buffer.from(arrived[i]!)))
    expect(same).toEqual(values.map(() => true))
  })

  it('a large value that is refused leaves nothing behind in what comes after', () => {
    const tight = new Codec({ limits: { ...VALUE_LIMITS, bytesMax: 50_000 } })
    const before = tight.encode('x'.repeat(40_000))
    expect(codeOf(() => tight.encode('€'.repeat(40_000)))).toBe('ERR_VALUE_UNSENDABLE')
    const after = tight.encode('y'.repeat(40_000))
    expect([tight.decode(before), tight.decode(after), tight.decode(tight.encode(1))]).toEqual([
      'x'.repeat(40_000),
      'y'.repeat(40_000),
      1,
    ])
  })

  it('small values do not keep the buffer of a large one alive', () => {
    codec.encode({ text: 'x'.repeat(1_000_000) })
    const small = codec.encode({ a: 1 })
    expect(small.buffer.byteLength).toBeLessThanOrEqual(65_536)
    expect(codec.encode({ b: 1 }).buffer).toBe(small.buffer)
    const half = codec.encode({ text: 'x'.repeat(200_000) })
    expect(half.buffer.byteLength).toBeLessThanOrEqual(2 * half.length)
  })

  it('bytesMax holds for the sender exactly', () => {
    const small = new Codec({ limits: { ...MESSAGE_LIMITS, bytesMax: 100 } })
    expect(small.encode('x'.repeat(98)).length).toBe(100)
    expect(codeOf(() => small.encode('x'.repeat(99)))).toBe('ERR_VALUE_UNSENDABLE')
    expect(small.encodeFrame(WireType.ping, 'x'.repeat(98)).length).toBe(108)
    expect(codeOf(() => small.encodeFrame(WireType.ping, ['x'.repeat(98)]))).toBe(
      'ERR_VALUE_UNSENDABLE',
    )
  })

  it('a frame has at most 16 MiB, whatever a value may have', () => {
    const text = 'x'.repeat(FRAME_BYTES_MAX_LIMIT - 5)
    expect(codec.encodeFrame(WireType.distSend, text).length).toBe(FRAME_BYTES_MAX_LIMIT + 8)
    expect(codeOf(() => codec.encodeFrame(WireType.distSend, `${text}x`))).toBe(
      'ERR_VALUE_UNSENDABLE',
    )
    expect(codec.encode(`${text}x`).length).toBe(FRAME_BYTES_MAX_LIMIT + 1)
  })

  it('works on after an encoding that failed half-way', () => {
    const trap = {
      get a(): number {
        throw new Error('getter')
      },
    }
    expect(() => codec.encode([1, 2, trap])).toThrow('[2].a can not be sent: reading it failed')
    expect(trip({ a: 1 })).toEqual({ a: 1 })
  })
})

describe('beside other users of msgpackr', () => {
  it("leaves msgpackr's own types to them", () => {
    const other = new Packr({ moreTypes: true, structuredClone: true })
    const value = { set: new Set([1]), re: /a+/g, list: new Float32Array([1]), big: 2n ** 100n }
    expect(other.unpack(other.pack(value))).toEqual(value)
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const copy = other.unpack(other.pack(cycle)) as { self: unknown }
    expect(copy.self).toBe(copy)
  })
})
