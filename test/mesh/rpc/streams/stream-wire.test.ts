import { describe, expect, it } from 'vitest'
import type { StreamOpen } from '../../../../mesh/rpc/streams/frames.ts'
import {
  encodeStreamFrame,
  encodeStreamFront,
  encodeStreamOpen,
  readStreamFrame,
  readStreamOpen,
} from '../../../../mesh/rpc/streams/stream-wire.ts'
import { Codec } from '../../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../../mesh/wire/frame.ts'

const codec = new Codec()
const body = Uint8Array.of(1, 2, 3, 4)

/** Reads a payload as a socket gives it, then uses its buffer for something else. */
function received<T>(frame: Uint8Array, read: (payload: Uint8Array, type: number) => T): T {
  const buffer = Buffer.from(frame)
  const value = read(buffer.subarray(HEADER_BYTES), frame[1]!)
  buffer.fill(0xff)
  return value
}

describe('frames of streams keep nothing of the buffer that they came in', () => {
  it.each(['data', 'reply'] as const)('a piece of type %s is a copy', (type) => {
    const part = { type, sequence: 0, more: false, bytes: body }
    const frame = encodeStreamFrame(codec, { streamId: 1, side: 'opener', frame: part })
    const read = received(frame, (payload, of) => readStreamFrame(codec, of, payload))
    expect(JSON.stringify(read)).toContain(JSON.stringify(body))
  })

  it.each([1, 4, 32_768])('a front and %i bytes of data are the frame', (length) => {
    const part = { type: 'data', sequence: 7, more: true, bytes: new Uint8Array(length) } as const
    const front = encodeStreamFront(codec, 9, 'acceptor', part)
    const frame = encodeStreamFrame(codec, { streamId: 9, side: 'acceptor', frame: part })
    expect(Buffer.concat([front, part.bytes]).equals(frame)).toBe(true)
    const read = received(frame, (payload, of) => readStreamFrame(codec, of, payload))
    expect(read).toMatchObject({ streamId: 9, frame: { type: 'data', sequence: 7, more: true } })
  })

  it('the input of an opening is a copy', () => {
    const open: StreamOpen = {
      ...{ streamId: 1, incarnation: 1, procedure: 'a.b', mode: 'bidi' as const, input: body },
      ...{ windowFrames: 64, windowBytes: 65_536, remainingMs: 0 },
    }
    const read = received(encodeStreamOpen(codec, open), (payload) =>
      readStreamOpen(codec, payload),
    )
    expect([...read.input]).toEqual([...body])
  })
})
