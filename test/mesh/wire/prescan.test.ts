/** Hostile MessagePack (network-services.md 6.2 and 6.4, H21 to H29): refused before it is decoded. */
import { Unpackr } from 'msgpackr/unpack'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Codec } from '../../../mesh/wire/codec.ts'
import { MESSAGE_LIMITS, VALUE_LIMITS } from '../../../mesh/wire/limits.ts'
import { Prescan } from '../../../mesh/wire/prescan.ts'
import { bytesOf, codeOf, u32 } from './bytes.ts'
import type { Part } from './bytes.ts'

const decode = vi.spyOn(Unpackr.prototype, 'decode')
beforeEach(() => void decode.mockClear())
afterEach(() => void decode.mockClear())

const message = new Codec()
const value = new Codec({ limits: VALUE_LIMITS })

const repeat = (count: number, ...parts: readonly Part[]): Uint8Array => {
  const one = bytesOf(...parts)
  const bytes = new Uint8Array(one.length * count)
  for (let i = 0; i < count; i++) bytes.set(one, i * one.length)
  return bytes
}
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))
const array32 = (length: number) => bytesOf(0xdd, u32(length))
const text = (content: string) => bytesOf(0xa0 | content.length, content)
const MIB = 1_048_576
const peak = 2 ** 32 - 1

/** Distinct keys of four characters. */
function distinctKeys(count: number): Uint8Array {
  const parts: number[] = [0xdf, ...u32(count)]
  for (let i = 0; i < count; i++) {
    parts.push(0xa4, 33 + (i % 90), 33 + (Math.floor(i / 90) % 90))
    parts.push(33 + (Math.floor(i / 8100) % 90), 33 + Math.floor(i / 729_000), 0xc0)
  }
  return Uint8Array.from(parts)
}

/** name, bytes, code with the limits of a message, code with those of a value. */
const hostile: readonly (readonly [string, Uint8Array, string, string])[] = [
  [
    'H21 400 nested arrays of 10^6 and 1 MB of nil',
    join(repeat(400, array32(1_000_000)), new Uint8Array(MIB - 2000).fill(0xc0)),
    'ERR_CODEC_ELEMENTS',
    'ERR_CODEC_DEPTH',
  ],
  [
    'H21 500 nested arrays of 65,000',
    join(repeat(500, array32(65_000)), new Uint8Array(65_000).fill(0xc0)),
    'ERR_CODEC_DEPTH',
    'ERR_CODEC_DEPTH',
  ],
  [
    'H21 1,000 headers of arrays of 10^6',
    repeat(1000, array32(1_000_000)),
    'ERR_CODEC_TRUNCATED',
    'ERR_CODEC_TRUNCATED',
  ],
  [
    'H21 a map bomb',
    repeat(1000, 0xdf, u32(1_000_000), 0xa1, 'k'),
    'ERR_CODEC_TRUNCATED',
    'ERR_CODEC_TRUNCATED',
  ],
  [
    'H22 depth 5,000',
    join(repeat(5000, 0x91), bytesOf(0xc0)),
    'ERR_CODEC_DEPTH',
    'ERR_CODEC_DEPTH',
  ],
  [
    'H22 depth 100,000',
    join(repeat(100_000, 0x91), bytesOf(0xc0)),
    'ERR_CODEC_DEPTH',
    'ERR_CODEC_DEPTH',
  ],
  [
    'H22 depth 100,000 of maps',
    join(repeat(100_000, 0x81, 0xa1, 'k'), bytesOf(0xc0)),
    'ERR_CODEC_DEPTH',
    'ERR_CODEC_DEPTH',
  ],
  ['H23 an array of 2^32-1', array32(peak), 'ERR_CODEC_TRUNCATED', 'ERR_CODEC_TRUNCATED'],
  ['H23 a map of 2^32-1', bytesOf(0xdf, u32(peak)), 'ERR_CODEC_TRUNCATED', 'ERR_CODEC_TRUNCATED'],
  [
    'H23 a string of 2^32-1',
    bytesOf(0xdb, u32(peak)),
    'ERR_CODEC_TRUNCATED',
    'ERR_CODEC_TRUNCATED',
  ],
  [
    'H23 a binary of 2^32-1',
    bytesOf(0xc6, u32(peak)),
    'ERR_CODEC_TRUNCATED',
    'ERR_CODEC_TRUNCATED',
  ],
  [
    'H23 an extension of 2^32-1',
    bytesOf(0xc9, u32(peak), 0x21),
    'ERR_CODEC_TRUNCATED',
    'ERR_CODEC_TRUNCATED',
  ],
  [
    'H23 a key of 2^31',
    bytesOf(0x81, 0xdb, u32(2 ** 31), 'k', 0xc0),
    'ERR_CODEC_TRUNCATED',
    'ERR_CODEC_TRUNCATED',
  ],
  [
    'H23 a string one byte too long',
    bytesOf(0xa4, 'abc'),
    'ERR_CODEC_TRUNCATED',
    'ERR_CODEC_TRUNCATED',
  ],
  ['H23 no bytes at all', bytesOf(), 'ERR_CODEC_TRUNCATED', 'ERR_CODEC_TRUNCATED'],
  ['H23 a byte after the value', bytesOf(0xc0, 0xc0), 'ERR_CODEC_TRAILING', 'ERR_CODEC_TRAILING'],
  ['H24 200,000 distinct keys', distinctKeys(174_000), 'ERR_CODEC_ELEMENTS', 'ERR_CODEC_MAP_KEYS'],
  ['H24 a number as a key', bytesOf(0x81, 0x01, 0xc0), 'ERR_CODEC_KEY', 'ERR_CODEC_KEY'],
  ['H24 an array as a key', bytesOf(0x81, 0x90, 0xc0), 'ERR_CODEC_KEY', 'ERR_CODEC_KEY'],
  ['H24 nil as a key', bytesOf(0x81, 0xc0, 0xc0), 'ERR_CODEC_KEY', 'ERR_CODEC_KEY'],
  [
    'H24 an extension as a key',
    bytesOf(0x81, 0xd4, 0x22, 0, 0xc0),
    'ERR_CODEC_KEY',
    'ERR_CODEC_KEY',
  ],
  [
    'H25 the key __proto__',
    bytesOf(0x81, text('__proto__'), 0x80),
    'ERR_CODEC_KEY',
    'ERR_CODEC_KEY',
  ],
  [
    'H25 the key __proto__ as str 8',
    bytesOf(0x81, 0xd9, 9, '__proto__', 0x80),
    'ERR_CODEC_KEY',
    'ERR_CODEC_KEY',
  ],
  [
    'H25 the key __proto__ as str 32',
    bytesOf(0x81, 0xdb, u32(9), '__proto__', 0x80),
    'ERR_CODEC_KEY',
    'ERR_CODEC_KEY',
  ],
  [
    'H25 the key __proto__ deep inside',
    bytesOf(0x91, 0x82, text('a'), 1, text('__proto__'), 0x80),
    'ERR_CODEC_KEY',
    'ERR_CODEC_KEY',
  ],
  [
    'H26 a RegExp',
    bytesOf(0xd4, 0x78, 0, 0x92, text('(a+)+$'), text('')),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H26 an Error',
    bytesOf(0xd4, 0x65, 0, 0x93, text('E'), text('m'), 0xc0),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H26 a Set of msgpackr',
    bytesOf(0xd4, 0x73, 0, 0x91, 1),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H26 a typed array of msgpackr',
    bytesOf(0xc7, 2, 0x74, 0, 1),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H26 an id of a structured clone',
    bytesOf(0xd6, 0x69, u32(1), 0x90),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H26 a pointer of a structured clone',
    bytesOf(0xd6, 0x70, u32(1)),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H26 bundled strings',
    bytesOf(0xd6, 0x62, u32(4), 0xc1, 1),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H26 an extension type of a layer that is not here',
    bytesOf(0xd4, 0x28, 0),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H27 a BigInt of 64 KB',
    join(bytesOf(0xc8, 0xff, 0xff, 0x42), new Uint8Array(65_535).fill(0x7f)),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  ['H27 0xc1', bytesOf(0xc1), 'ERR_CODEC_TOKEN', 'ERR_CODEC_TOKEN'],
  ['H27 0xc1 inside', bytesOf(0x92, 1, 0xc1), 'ERR_CODEC_TOKEN', 'ERR_CODEC_TOKEN'],
  [
    'H27 a timestamp of 5 bytes',
    bytesOf(0xc7, 5, 0xff, 0, 0, 0, 0, 0),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H27 a timestamp of no bytes',
    bytesOf(0xc7, 0, 0xff),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H27 an undefined with a content',
    bytesOf(0xd4, 0x00, 1),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H27 an undefined of 8 bytes',
    bytesOf(0xd7, 0x00, u32(0), u32(0)),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H29 a record definition',
    bytesOf(0xd4, 0x72, 0x40, 0x91, text('k'), 1),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H29 a record definition of two bytes',
    bytesOf(0xd5, 0x72, 0x40, 0x00, 0x91, text('k'), 1),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'H29 20,000 record definitions',
    join(array32(20_000), repeat(20_000, 0xd4, 0x72, 0x40, 0x91, text('k'), 1)),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
  [
    'a mark without its kind',
    bytesOf(0x91, 0xc7, 0, 0x20),
    'ERR_CODEC_EXTENSION',
    'ERR_CODEC_EXTENSION',
  ],
]

describe('hostile bytes', () => {
  it.each(hostile)('%s: refused before msgpackr sees them', (_, bytes, asMessage, asValue) => {
    expect(codeOf(() => message.decode(bytes))).toBe(asMessage)
    expect(codeOf(() => value.decode(bytes))).toBe(asValue)
    expect(decode).not.toHaveBeenCalled()
  })

  it.each(hostile)('%s: costs no more than its bytes', (_, bytes) => {
    const scan = new Prescan(VALUE_LIMITS, [])
    codeOf(() => scan.run(bytes))
    expect(scan.elements).toBeLessThanOrEqual(bytes.length + 1)
    expect(scan.elements).toBeLessThanOrEqual(VALUE_LIMITS.elementsMax + 1)
  })

  it('H12 H23 every good message is refused at every byte where it is cut', () => {
    const good = message.encode({
      a: [1, 'text', new Uint8Array(5), 2n ** 60n, new Date(), 1.5],
      b: new Map([[1, new Set([2])]]),
    })
    for (let cut = 0; cut < good.length; cut++) {
      expect(codeOf(() => message.decode(good.subarray(0, cut)))).toBe('ERR_CODEC_TRUNCATED')
    }
    expect(codeOf(() => message.decode(good))).toBe('nothing')
  })

  it('H26 of 256 extension types, every form but those of our table is refused', () => {
    const allowed = new Set<number>()
    for (let type = 0; type < 256; type++) {
      const forms = [bytesOf(0xd4, type, 0)]
      forms.push(
        bytesOf(0xd5, type, 0, 0),
        bytesOf(0xd6, type, u32(0)),
        bytesOf(0xd7, type, u32(0), u32(0)),
      )
      forms.push(bytesOf(0xd8, type, new Uint8Array(16)), bytesOf(0xc7, 1, type, 0))
      forms.push(bytesOf(0xc8, 0, 1, type, 0), bytesOf(0xc9, u32(1), type, 0))
      for (const form of forms) {
        const code = codeOf(() => new Prescan(MESSAGE_LIMITS, [0x30]).run(form))
        expect(code).toMatch(/^(nothing|ERR_CODEC_EXTENSION)$/)
        if (code === 'nothing') allowed.add(type)
      }
    }
    expect([...allowed]).toEqual([0x00, 0x20, 0x21, 0x22, 0x23, 0x24, 0x30, 0xff])
  })

  it('H28 there is nothing to unpack: no extension and no frame flag means compression', () => {
    const megabyte = new Uint8Array(900_000)
    expect(message.encode(megabyte).length).toBeGreaterThanOrEqual(900_000)
  })

  it('H29 the numbers 0x40 to 0x7f, which may be record ids to msgpackr, are numbers', () => {
    for (let byte = 0x40; byte < 0x80; byte++) {
      expect(message.decode(bytesOf(0x92, byte, byte))).toEqual([byte, byte])
    }
  })
})

describe('limits', () => {
  const nested = (depth: number) => join(repeat(depth, 0x91), bytesOf(0xc0))
  const list = (length: number) => join(array32(length), new Uint8Array(length).fill(0xc0))

  it.each([
    ['a message', message, MESSAGE_LIMITS],
    ['a value', value, VALUE_LIMITS],
  ] as const)('H22 depthMax of %s holds exactly', (_, codec, { depthMax }) => {
    expect(codeOf(() => codec.decode(nested(depthMax)))).toBe('nothing')
    expect(codeOf(() => codec.decode(nested(depthMax + 1)))).toBe('ERR_CODEC_DEPTH')
  })

  it.each([
    ['a message', message, MESSAGE_LIMITS],
    ['a value', value, VALUE_LIMITS],
  ] as const)('elementsMax of %s holds exactly', (_, codec, { elementsMax }) => {
    // The array counts too.
    expect(codeOf(() => codec.decode(list(elementsMax - 1)))).toBe('nothing')
    expect(codeOf(() => codec.decode(list(elementsMax)))).toBe('ERR_CODEC_ELEMENTS')
  })

  it('elementsMax counts across containers', () => {
    const half = MESSAGE_LIMITS.elementsMax / 2
    const twice = (length: number) => join(bytesOf(0x92), list(length), list(length))
    expect(codeOf(() => message.decode(twice(half - 2)))).toBe('nothing')
    expect(codeOf(() => message.decode(twice(half)))).toBe('ERR_CODEC_ELEMENTS')
  })

  it.each([
    ['a message', message, MESSAGE_LIMITS],
    ['a value', value, VALUE_LIMITS],
  ] as const)('H24 mapKeysMax of %s holds exactly', (_, codec, { mapKeysMax }) => {
    expect(codeOf(() => codec.decode(distinctKeys(mapKeysMax)))).toBe('nothing')
    expect(codeOf(() => codec.decode(distinctKeys(mapKeysMax + 1)))).toBe('ERR_CODEC_MAP_KEYS')
  })

  it('bytesMax holds exactly', () => {
    const small = new Codec({ limits: { ...MESSAGE_LIMITS, bytesMax: 100 } })
    const binary = (length: number) => join(bytesOf(0xc4, length - 2), new Uint8Array(length - 2))
    expect(codeOf(() => small.decode(binary(100)))).toBe('nothing')
    expect(codeOf(() => small.decode(binary(101)))).toBe('ERR_CODEC_TOO_LARGE')
  })

  it('the dearest acceptable mebibytes stay within the counters', () => {
    const scan = new Prescan(VALUE_LIMITS, [])
    scan.run(list(MIB - 5))
    expect(scan.elements).toBe(MIB - 4)
    scan.run(join(array32(16), ...Array.from({ length: 16 }, () => distinctKeys(10_000))))
    expect(scan.elements).toBe(1 + 16 * (1 + 20_000))
  })
})
