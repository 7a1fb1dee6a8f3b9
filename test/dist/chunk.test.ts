import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkAssembler, CHUNK_HEADER_BYTES, writeChunkHeader } from '../../dist/chunk.ts'
import { DistProtocolError } from '../../dist/errors.ts'
import { WireType } from '../../mesh/index.ts'

function chunk(type: number, total: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES + data.length)
  writeChunkHeader(bytes, 0, type, total)
  bytes.set(data, CHUNK_HEADER_BYTES)
  return bytes
}

const cast = WireType.distCast

describe('ChunkAssembler', () => {
  it('puts together what was cut anywhere', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const total = lengths.reduce((sum, length) => sum + length, 0)
        const whole = Uint8Array.from({ length: total }, (_, i) => i & 0xff)
        const assembler = new ChunkAssembler(total)
        let at = 0
        let made: ReturnType<ChunkAssembler['push']>
        for (const length of lengths) {
          expect(made).toBeUndefined()
          made = assembler.push(chunk(cast, total, whole.subarray(at, at + length)))
          at += length
          expect(assembler.bytesAllocated).toBeLessThanOrEqual(2 * at)
        }
        expect(made).toEqual({ type: cast, payload: whole })
        expect(assembler.busy).toBe(false)
      }),
    )
    expect.hasAssertions()
  })

  it('takes valueBytesMax bytes and not one more', () => {
    const assembler = new ChunkAssembler(1000)
    expect(assembler.push(chunk(cast, 1000, new Uint8Array(1000)))?.payload.length).toBe(1000)
    expect(() => assembler.push(chunk(cast, 1001, new Uint8Array(1)))).toThrow(/at most 1000/)
  })

  it('allocates for bytes received, not for bytes announced', () => {
    const assembler = new ChunkAssembler(2 ** 31)
    assembler.push(chunk(cast, 2 ** 31, new Uint8Array(10)))
    expect(assembler.bytesAllocated).toBe(20)
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
    const assembler = new ChunkAssembler(1_000_000)
    expect(() => assembler.push(bytes)).toThrow(DistProtocolError)
    expect(() => assembler.push(bytes)).toThrow(expect.objectContaining({ code: 'ERR_DIST_CHUNK' }))
  })

  it.each([
    ['another type', chunk(WireType.distCall, 10, new Uint8Array(2))],
    ['another size', chunk(cast, 11, new Uint8Array(2))],
    ['too much', chunk(cast, 10, new Uint8Array(9))],
  ])('refuses a second chunk with %s', (_what, bytes) => {
    const assembler = new ChunkAssembler(1_000_000)
    assembler.push(chunk(cast, 10, new Uint8Array(2)))
    expect(() => assembler.push(bytes)).toThrow(DistProtocolError)
  })
})
