/** Arbitrary values that travel, for the properties of the codec. */
import fc from 'fast-check'

/** Keys that trip careless code, and ordinary ones. `__proto__` does not travel. */
const key = fc
  .oneof(
    fc.constantFrom(
      'constructor',
      'toJSON',
      'then',
      'length',
      'hasOwnProperty',
      '__defineGetter__',
    ),
    fc.constantFrom('0', '1', '42', '4294967294', '4294967295', '-1', '', ' ', 'é', 'ключ', '🔑'),
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 10 }),
  )
  .filter((name) => name !== '__proto__' && isWellFormed(name))

function isWellFormed(text: string): boolean {
  return Buffer.from(text, 'utf8').toString('utf8') === text
}

const text = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 80 }),
  // UTF-16 units one by one: lone surrogates, byte order marks.
  fc
    .array(fc.oneof(fc.constantFrom(0xd800, 0xdc00, 0xfeff, 0xfffe, 0), fc.nat(0xffff)), {
      maxLength: 100,
    })
    .map((units) => String.fromCharCode(...units)),
  fc.string({ minLength: 60, maxLength: 80 }).map((rest) => `\ufeff${rest}`),
)

const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    -0,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53,
  ),
  fc.constantFrom(
    -1,
    -32,
    -33,
    -128,
    -129,
    -32_768,
    -32_769,
    -(2 ** 31),
    -(2 ** 31) - 1,
    -(2 ** 63),
  ),
  fc.constantFrom(Number.NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE),
)

const bigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, -1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)),
)

const date = fc.oneof(
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(0, 1, -1, 999, 1000, 2 ** 32 * 1000, 8.64e15, -8.64e15).map((ms) => new Date(ms)),
  fc.constant(new Date(Number.NaN)),
)

const binary = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.int8Array({ maxLength: 5 }),
  fc.uint8ClampedArray({ maxLength: 5 }),
  fc.int16Array({ maxLength: 5 }),
  fc.uint16Array({ maxLength: 5 }),
  fc.int32Array({ maxLength: 5 }),
  fc.uint32Array({ maxLength: 5 }),
  fc.float32Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 5 }),
  fc.bigInt64Array({ maxLength: 5 }),
  fc.bigUint64Array({ maxLength: 5 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.slice().buffer),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new DataView(bytes.slice().buffer)),
)

/** Any value that travels, as it arrives: a plain prototype everywhere, no Buffer. */
export const travelling: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 4, arbitrary: text },
    { weight: 4, arbitrary: number },
    { weight: 2, arbitrary: fc.constantFrom<unknown>(null, undefined, true, false) },
    { weight: 1, arbitrary: bigint },
    { weight: 1, arbitrary: date },
    { weight: 1, arbitrary: binary },
    { weight: 3, arbitrary: fc.array(tie('value'), { maxLength: 20 }) },
    {
      weight: 4,
      arbitrary: fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
    },
    {
      weight: 2,
      arbitrary: fc.array(fc.tuple(tie('value'), tie('value'))).map((all) => new Map(all)),
    },
    { weight: 2, arbitrary: fc.array(tie('value')).map((all) => new Set(all)) },
  ),
})).value

/** The MessagePack bytes that fuzzing starts from: every token, some lengths, our extensions. */
export const hostileBytes: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.nat(255).map((byte) => [byte]) },
      {
        weight: 2,
        arbitrary: fc.constantFrom([0x81, 0xa1, 0x6b], [0x91], [0x92], [0xc0], [0xa3, 97, 98, 99]),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          [0xdc, 0, 3],
          [0xdd, 0, 0, 0, 2],
          [0xde, 0, 1],
          [0xdf, 0, 0, 0, 1],
        ),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          [0xd4, 0x23, 0],
          [0xd4, 0x24, 0],
          [0xd4, 0x20, 0x28],
          [0xc7, 1, 0x23, 0],
        ),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom(0x21, 0x22, 0x28, 0x72, 0x78, 0xff), fc.nat(255))
          .map(([type, byte]) => [0xc7, 2, type, byte, 0]),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          [0xd4, 0x72, 0x40],
          [0xd4, 0, 0],
          [0xd6, 0xff, 0, 0, 0, 1],
          [0xc1],
        ),
      },
      { weight: 1, arbitrary: fc.constant([0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]) },
    ),
    { maxLength: 60 },
  )
  .map((parts) => Uint8Array.from(parts.flat()))
