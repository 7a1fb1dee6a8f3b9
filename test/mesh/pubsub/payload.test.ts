import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Payload } from '../../../mesh/pubsub/payload.ts'
import { Codec } from '../../../mesh/wire/codec.ts'

const values = new Codec()
const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, at) => at % 251)

describe('a payload', () => {
  it.each<readonly [string, unknown, unknown]>([
    ['no bytes', bytes(0), bytes(0)],
    ['few bytes', bytes(1), bytes(1)],
    ['the most of one head', bytes(255), bytes(255)],
    ['one more', bytes(256), bytes(256)],
    ['the most of the next', bytes(65_535), bytes(65_535)],
    ['one more', bytes(65_536), bytes(65_536)],
    ['a Buffer', Buffer.from('abc'), new Uint8Array([97, 98, 99])],
    ['bytes in something', { bytes: bytes(3) }, { bytes: bytes(3) }],
    ['bytes in a list of one', [bytes(3)], [bytes(3)]],
    ['another typed array', new Float32Array([1, 2]), new Float32Array([1, 2])],
  ])(
    'of %s is read anew by each subscriber, whatever others do to theirs',
    (_name, given, read) => {
      const made = Payload.of(values, given, 1e6)
      for (const payload of [made, Payload.received(values, made.bytes)]) {
        const taken = [payload.take(), payload.take(), payload.take(), payload.take()]
        for (const [at, value] of taken.entries()) {
          same(value, read)
          expect(taken.indexOf(value)).toBe(at)
          scribble(value)
        }
        same(payload.take(), read)
        same(values.decode(payload.bytes), read)
      }
    },
  )

  it('of bytes shares no memory with that of others', () => {
    const payload = Payload.of(values, bytes(100), 1e6)
    const taken = [1, 2, 3].map(() => payload.take() as Uint8Array)
    for (const value of taken) expect([value.byteOffset, value.buffer.byteLength]).toEqual([0, 100])
    expect(new Set([...taken, payload.bytes].map(({ buffer }) => buffer)).size).toBe(4)
  })

  it('of what cannot be changed is the same for all', () => {
    for (const value of ['text', 1, true, null, undefined]) {
      const payload = Payload.of(values, value, 1e6)
      expect([payload.take(), payload.take()]).toEqual([value, value])
    }
  })
})

/** As `toStrictEqual`, without its cost when all is well. */
function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected)
}

/** What a subscriber may do to what is its own. */
function scribble(value: unknown): void {
  if (ArrayBuffer.isView(value)) {
    new Uint8Array(value.buffer, value.byteOffset, value.byteLength).fill(255)
  } else for (const inner of Object.values(value as object)) scribble(inner)
}
