import { describe, expect, it } from 'vitest'
import { FoveaError } from '../../../runtime/index.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { CodecError, UnsendableError } from '../../../mesh/wire/errors.ts'
import type { Extension } from '../../../mesh/wire/extension.ts'
import { VALUE_LIMITS } from '../../../mesh/wire/limits.ts'
import { checkTravels } from '../../../mesh/wire/travels.ts'
import { codeOf, thrownBy } from './bytes.ts'

class Point {
  readonly x: number
  readonly y: number
  constructor(x: number, y: number) {
    this.x = x
    this.y = y
  }
}

class Box {
  readonly content: unknown
  constructor(content: unknown) {
    this.content = content
  }
}

interface Here {
  readonly node: string
}

/** Bytes on the wire; needs the context. */
const pointBytes: Extension<Point, Here> = {
  type: 0x28,
  matches: (value) => value instanceof Point,
  encode: (point, { node }) => Uint8Array.of(point.x, point.y, node.length),
  decode: (payload, { node }) => {
    if (!(payload instanceof Uint8Array) || payload.length !== 3) throw new Error('not a point')
    return { point: [payload[0], payload[1]], from: payload[2], at: node }
  },
}

/** Any value on the wire. */
const box: Extension<Box, Here> = {
  type: 0x29,
  matches: (value) => value instanceof Box,
  encode: (value) => value.content,
  decode: (payload) => new Box(payload),
}

/** The same type as `pointBytes`, another class and another form. */
const errorValue: Extension<Error> = {
  type: 0x28,
  matches: (value) => value instanceof Error,
  encode: ({ name, message, cause }) => ({ name, message, cause }),
  decode: (payload) => {
    const { name, message, cause } = payload as { name: string; message: string; cause: unknown }
    return Object.assign(new Error(message, { cause }), { name })
  },
}

const codec = new Codec<Here>({ limits: VALUE_LIMITS, extensions: [pointBytes, box] })
const a: Here = { node: 'a' }
const bb: Here = { node: 'bb' }

describe('extensions', () => {
  it('encode to bytes and decode with the context of each call', () => {
    const bytes = codec.encode({ p: new Point(1, 2) }, a)
    expect(codec.decode(bytes, bb)).toEqual({ p: { point: [1, 2], from: 1, at: 'bb' } })
  })

  it('encode to values, which may hold other extensions, Maps and themselves', () => {
    const value = new Box({
      list: [new Box(null), new Point(3, 4)],
      map: new Map([['k', new Box(-0)]]),
    })
    expect(codec.decode(codec.encode(value, a), a)).toEqual(
      new Box({
        list: [new Box(null), { point: [3, 4], from: 1, at: 'a' }],
        map: new Map([['k', new Box(-0)]]),
      }),
    )
  })

  it('an array that begins with an extension of bytes is an array', () => {
    const decoded = codec.decode(codec.encode([new Point(1, 2), 5, new Box(1)], a), a)
    expect(decoded).toEqual([{ point: [1, 2], from: 1, at: 'a' }, 5, new Box(1)])
  })

  it('may stand for Map keys and Set values', () => {
    const value = new Map([[new Box(1), new Set([new Box(2)])]])
    expect(codec.decode(codec.encode(value, a), a)).toEqual(value)
  })

  it('two codecs with different extensions of one type do not disturb each other', () => {
    const errors = new Codec({ extensions: [errorValue] })
    for (let round = 0; round < 3; round++) {
      const failed = errors.decode(errors.encode(new RangeError('far', { cause: [1] })))
      expect(failed).toMatchObject({ name: 'RangeError', message: 'far', cause: [1] })
      const bytes = codec.encode(new Point(1, 2), a)
      expect(codec.decode(bytes, a)).toEqual({ point: [1, 2], from: 1, at: 'a' })
    }
    expect(codeOf(() => errors.encode(new Point(1, 2)))).toBe('ERR_VALUE_UNSENDABLE')
    expect(codeOf(() => codec.encode(new Error('x'), a))).toBe('ERR_VALUE_UNSENDABLE')
    expect(codeOf(() => errors.decode(codec.encode(new Box(1), a)))).toBe('ERR_CODEC_EXTENSION')
  })

  it('are not asked for plain objects, arrays and built-in values', () => {
    const greedy: Extension = {
      type: 0x28,
      matches: () => true,
      encode: () => 'taken',
      decode: () => 'taken',
    }
    const all = new Codec({ extensions: [greedy] })
    const value = [{}, [], new Map(), new Set(), new Date(0), new Uint8Array(1), new Int8Array(1)]
    expect(all.decode(all.encode(value))).toEqual(value)
    expect(all.decode(all.encode([/x/]))).toEqual(['taken'])
  })

  it('of two that match, the first encodes', () => {
    const later: Extension<Point, Here> = { ...pointBytes, type: 0x30, encode: () => 'later' }
    const both = new Codec({ extensions: [pointBytes, later] })
    expect(both.decode(both.encode(new Point(1, 2), a), a)).toEqual({
      point: [1, 2],
      from: 1,
      at: 'a',
    })
  })

  it('that refuse a payload give a CodecError with the cause', () => {
    const longer = new Codec<Here>({
      extensions: [{ ...pointBytes, encode: () => new Uint8Array(4) }],
    })
    const bytes = longer.encode(new Point(1, 2), a)
    const error = thrownBy(() => codec.decode(bytes, a))
    expect(error).toBeInstanceOf(CodecError)
    expect(error).toMatchObject({ code: 'ERR_CODEC_EXTENSION', cause: { message: 'not a point' } })
  })

  it('may throw an error of their own layer', () => {
    const strict: Extension<Box> = {
      ...(box as unknown as Extension<Box>),
      decode: () => {
        throw new FoveaError('ERR_TEST', 'mine')
      },
    }
    const strictCodec = new Codec({ extensions: [strict] })
    expect(codeOf(() => strictCodec.decode(strictCodec.encode(new Box(1))))).toBe('ERR_TEST')
  })

  it('may use the same codec while they encode and decode', () => {
    const nested: Extension<Box> = {
      type: 0x28,
      matches: (value) => value instanceof Box,
      encode: (value) => inner.encode(value.content),
      decode: (payload) => new Box(inner.decode(payload as Uint8Array)),
    }
    const inner: Codec = new Codec({ extensions: [nested] })
    const value = [new Box([new Box({ a: 1 }), 2]), { b: [new Box('x')] }]
    expect(inner.decode(inner.encode(value))).toEqual(value)
    const bad = { list: [new Box(1), { callback: () => 1 }] }
    expect(thrownBy(() => inner.encode(bad))).toMatchObject({ path: 'list[1].callback' })
  })

  it('count against depth and elements on both sides alike', () => {
    const shallow = new Codec({ limits: { ...VALUE_LIMITS, depthMax: 4 }, extensions: [box] })
    const deep = new Box(new Box(new Box(new Box(1))))
    expect(shallow.decode(shallow.encode(deep, a), a)).toEqual(deep)
    expect(codeOf(() => shallow.encode(new Box(deep), a))).toBe('ERR_VALUE_UNSENDABLE')
    expect(codeOf(() => shallow.decode(codec.encode(new Box(deep), a), a))).toBe('ERR_CODEC_DEPTH')
    // A Box is an array, its mark and its payload.
    const tight = new Codec({ limits: { ...VALUE_LIMITS, elementsMax: 9 }, extensions: [box] })
    const wide = new Box([1, 2, 3, 4, 5, 6])
    expect(tight.decode(tight.encode(wide, a), a)).toEqual(wide)
    const wider = new Box([1, 2, 3, 4, 5, 6, 7])
    expect(codeOf(() => tight.encode(wider, a))).toBe('ERR_VALUE_UNSENDABLE')
    expect(codeOf(() => tight.decode(codec.encode(wider, a), a))).toBe('ERR_CODEC_ELEMENTS')
  })

  it('what they stand for is checked, with the path through them', () => {
    const value = { items: [new Box({ callback: () => 1 })] }
    const error = thrownBy(() => codec.encode(value, a))
    expect(error).toMatchObject({ reason: 'function', path: 'items[0].callback' })
    const checked = thrownBy(() =>
      checkTravels(value, { extensions: [pointBytes, box], context: a, root: 'input' }),
    )
    expect(checked).toMatchObject({ reason: 'function', path: 'input.items[0].callback' })
    expect(() => checkTravels(new Box(1), { extensions: [box], context: a })).not.toThrow()
  })

  it('that refuse to encode say where', () => {
    const refusing: Extension<Box> = {
      type: 0x28,
      matches: (value) => value instanceof Box,
      encode: () => {
        throw new UnsendableError('class_instance', '.inside', 'Secret', VALUE_LIMITS)
      },
      decode: () => undefined,
    }
    const refusingCodec = new Codec({ extensions: [refusing] })
    expect(thrownBy(() => refusingCodec.encode({ a: [new Box(1)] }))).toMatchObject({
      reason: 'class_instance',
      path: 'a[0].inside',
      detail: 'Secret',
    })
  })

  it.each([0x27, 0x40, 0x72, 0xff])('cannot have the type %i', (type) => {
    expect(codeOf(() => new Codec({ extensions: [{ ...errorValue, type }] }))).toBe(
      'ERR_INVARIANT_CODEC_EXTENSION',
    )
  })

  it('cannot share a type within one codec', () => {
    expect(codeOf(() => new Codec({ extensions: [errorValue, errorValue] }))).toBe(
      'ERR_INVARIANT_CODEC_EXTENSION',
    )
  })
})
