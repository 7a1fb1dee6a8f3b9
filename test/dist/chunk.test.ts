import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ChunkAssembler,
  CHUNK_HEADER_BYTES,
  TRANSFERS_MAX,
  writeChunkHeader,
  type Rooms,
} from '../../dist/chunk.ts'
import { DistProtocolError } from '../../dist/errors.ts'
import { WireType } from '../../mesh/index.ts'

function chunk(type: number, total: number, data: Uint8Array, id = 1): Uint8Array {
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + data.length)
  writeChunkHeader(bytes, 0, { id, type, total })
  bytes.set(data, CHUNK_HEADER_BYTES)
  return bytes
}

const cast = WireType.distCast

const NO_ROOMS: Rooms = { spare: () => undefined, recycle: () => {} }

describe('ChunkAssembler', () => {
  it('puts together what was cut anywhere', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const total = lengths.reduce((sum, length) => sum + length, 0)
        const whole = Uint8Array.from({ length: total }, (_, i) => i & 0xff)
        const assembler = new ChunkAssembler(total, NO_ROOMS)
        let at = 0
        let made: ReturnType<ChunkAssembler['push']>
        for (const length of lengths) {
          expect(made).toBeUndefined()
          made = assembler.push(chunk(cast, total, whole.subarray(at, at + length)))
          at += length
          expect(assembler.bytesAllocated).toBeLessThanOrEqual(4 * at)
        }
        expect(made).toEqual({ type: cast, payload: whole })
        expect(assembler.size).toBe(0)
      }),
    )
    expect.hasAssertions()
  })

  it('takes valueBytesMax bytes and not one more', () => {
    const assembler = new ChunkAssembler(1000, NO_ROOMS)
    expect(assembler.push(chunk(cast, 1000, new Uint8Array(1000)))?.payload.length).toBe(1000)
    expect(() => assembler.push(chunk(cast, 1001, new Uint8Array(1)))).toThrow(/at most 1000/)
  })

  it('puts several messages together, whatever the order of their chunks', () => {
    const assembler = new ChunkAssembler(100, NO_ROOMS)
    const text = (data: string): Uint8Array => Buffer.from(data)
    expect(assembler.push(chunk(cast, 6, text('ab'), 7))).toBeUndefined()
    expect(assembler.push(chunk(WireType.distReply, 4, text('12'), 0xffffffff))).toBeUndefined()
    expect(assembler.push(chunk(cast, 6, text('cd'), 7))).toBeUndefined()
    expect(assembler.push(chunk(WireType.distReply, 4, text('34'), 0xffffffff))).toEqual({
      type: WireType.distReply,
      payload: new Uint8Array(text('1234')),
    })
    expect(assembler.push(chunk(cast, 6, text('ef'), 7))?.payload).toEqual(
      new Uint8Array(text('abcdef')),
    )
    expect(assembler.size).toBe(0)
  })

  it('takes TRANSFERS_MAX transfers at once and not one more', () => {
    const assembler = new ChunkAssembler(1_000, NO_ROOMS)
    const begin = (id: number): unknown => assembler.push(chunk(cast, 2, new Uint8Array(1), id))
    for (let id = 0; id < TRANSFERS_MAX; id++) begin(id)
    expect(() => begin(TRANSFERS_MAX)).toThrow(/one transfer more than 16/)
    expect(begin(0)).toBeDefined()
    expect(begin(TRANSFERS_MAX)).toBeUndefined()
  })

  it('takes transfers of valueBytesMax bytes in sum and not one more', () => {
    const assembler = new ChunkAssembler(100, NO_ROOMS)
    assembler.push(chunk(cast, 60, new Uint8Array(1), 1))
    expect(() => assembler.push(chunk(cast, 41, new Uint8Array(1), 2))).toThrow(/announces 101/)
    expect(assembler.push(chunk(cast, 40, new Uint8Array(1), 3))).toBeUndefined()
  })

  it('allocates for bytes received, not for bytes announced', () => {
    const assembler = new ChunkAssembler(2 ** 31, NO_ROOMS)
    assembler.push(chunk(cast, 2 ** 31, new Uint8Array(10)))
    expect(assembler.bytesAllocated).toBe(40)
  })

  it('puts a message into memory of one that is over, and takes no new one for it', () => {
    const spares: Uint8Array[] = []
    const assembler = new ChunkAssembler(1_000, {
      spare: (bytes) => {
        const at = spares.findIndex(({ length }) => length >= bytes)
        return at < 0 ? undefined : spares.splice(at, 1)[0]
      },
      recycle: (room) => void spares.push(room),
    })
    const whole = (letter: string, length: number): Uint8Array => {
      const half = Buffer.from(letter.repeat(length / 2))
      expect(assembler.push(chunk(cast, length, half))).toBeUndefined()
      const made = assembler.push(chunk(cast, length, half))!
      expect(Buffer.from(made.payload).toString()).toBe(letter.repeat(length))
      assembler.recycle(made)
      return made.payload
    }
    const first = whole('a', 200)
    expect(whole('b', 100).buffer).toBe(first.buffer)
    spares[0] = first
    expect([whole('c', 202).buffer === first.buffer, spares.length]).toEqual([false, 2])
  })

  it.each([
    ['no data', chunk(cast, 10, new Uint8Array(0))],
    ['not even a header', Uint8Array.of(1, 2)],
    ['a chunk inside a chunk', chunk(WireType.distChunk, 10, new Uint8Array(1))],
    ['a type of another layer', chunk(WireType.ping, 10, new Uint8Array(1))],
    ['a cancel', chunk(WireType.distCancel, 10, new Uint8Array(1))],
    ['a length of 0', chunk(cast, 0, new Uint8Array(1))],
    ['more than announced', chunk(cast, 3, new Uint8Array(4))],
    ['2^32-1 bytes', chunk(cast, 2 ** 32 - 1, new Uint8Array(1))],
  ])('refuses %s', (_what, bytes) => {
    const push = (): unknown => new ChunkAssembler(1_000_000, NO_ROOMS).push(bytes)
    expect(push).toThrow(DistProtocolError)
    expect(push).toThrow(expect.objectContaining({ code: 'ERR_DIST_CHUNK' }))
  })

  it.each([
    ['another type', chunk(WireType.distCall, 10, new Uint8Array(2))],
    ['another size', chunk(cast, 11, new Uint8Array(2))],
    ['too much', chunk(cast, 10, new Uint8Array(9))],
  ])('refuses a second chunk with %s', (_what, bytes) => {
    const assembler = new ChunkAssembler(1_000_000, NO_ROOMS)
    assembler.push(chunk(cast, 10, new Uint8Array(2)))
    expect(() => assembler.push(bytes)).toThrow(DistProtocolError)
  })
})
