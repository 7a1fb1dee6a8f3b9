import { describe, expect, it } from 'vitest'
import { decodeMetadata, encodeMetadata } from '../../../mesh/membership/metadata.ts'
import type { Metadata } from '../../../mesh/membership/metadata.ts'
import { Codec } from '../../../mesh/wire/codec.ts'

const codec = new Codec()

describe('metadata', () => {
  it('travels, and equal metadata are equal bytes', () => {
    const metadata = { zone: 'a', weight: 1.5, ready: true }
    const bytes = encodeMetadata(codec, metadata, 512)
    expect(decodeMetadata(codec, bytes)).toEqual(metadata)
    const turned = encodeMetadata(codec, { ready: true, weight: 1.5, zone: 'a' }, 512)
    expect(turned).toEqual(bytes)
    expect(encodeMetadata(codec, {}, 0)).toHaveLength(0)
    expect(decodeMetadata(codec, new Uint8Array(0))).toEqual({})
  })

  it('is refused above metaBytesMax', () => {
    const bytes = encodeMetadata(codec, { note: 'x'.repeat(200) }, 512).length
    const note = (more: number) => ({ note: 'x'.repeat(200 + 512 - bytes + more) })
    expect(encodeMetadata(codec, note(-1), 512)).toHaveLength(512)
    expect(() => encodeMetadata(codec, note(0), 512)).toThrow(
      expect.objectContaining({ code: 'ERR_META_TOO_LARGE' }),
    )
    const huge = { note: 'x'.repeat(1_048_576) }
    expect(() => encodeMetadata(codec, huge, 512)).toThrow(/1048\d+ bytes, at most 512/)
  })

  it.each([
    ['a list', ['a']],
    ['nothing', null],
    ['a nested map', { a: { b: 1 } }],
    ['NaN', { a: Number.NaN }],
    ['a bigint', { a: 1n }],
    ['a date', new Date(0)],
    ['bytes', { a: new Uint8Array(1) }],
  ])('is a flat map: %s is refused', (_, value) => {
    expect(() => encodeMetadata(codec, value as unknown as Metadata, 512)).toThrow(
      expect.objectContaining({ code: 'ERR_META_INVALID' }),
    )
  })

  it.each([
    ['bytes that are no value', Uint8Array.of(0xc1)],
    ['a number', codec.encode(5)],
    ['a nested map', codec.encode({ a: { b: 1 } })],
  ])('of another node shows nothing when it is %s', (_, bytes) => {
    expect(decodeMetadata(codec, bytes)).toBeUndefined()
  })
})
