import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FrameDecoder } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { bytesOf, codeOf } from './bytes.ts'

const frame = fc.record({
  type: fc.constantFrom(...Object.values(WireType)),
  payload: fc.uint8Array({ maxLength: 1500 }),
})

/** Positions at which a byte stream is cut. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 60 })

function chunksOf(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const positions = [0, ...at.map((part) => Math.floor(part * bytes.length)), bytes.length]
  positions.sort((a, b) => a - b)
  return positions.slice(1).map((end, index) => bytes.slice(positions[index], end))
}

describe('FrameDecoder', () => {
  it('H12 H13 gives the same frames for every chunking of the same bytes', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), cuts, (frames, at) => {
        const bytes = bytesOf(...frames.map(({ type, payload }) => encodeFrame(type, payload)))
        const decoder = new FrameDecoder()
        const seen: { type: number; payload: Uint8Array }[] = []
        for (const chunk of chunksOf(bytes, at)) {
          decoder.push(chunk, (type, payload) => seen.push({ type, payload: payload.slice() }))
          // A view of a chunk must not be needed after the call.
          chunk.fill(0xff)
        }
        expect(seen).toEqual(frames)
        expect(decoder.bytesBuffered).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  it('H12 works byte by byte', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 3 }), (frames) => {
        const bytes = bytesOf(...frames.map(({ type, payload }) => encodeFrame(type, payload)))
        const decoder = new FrameDecoder()
        const seen: { type: number; payload: Uint8Array }[] = []
        for (const byte of bytes) {
          decoder.push(Uint8Array.of(byte), (type, payload) =>
            seen.push({ type, payload: payload.slice() }),
          )
        }
        expect(seen).toEqual(frames)
      }),
      { numRuns: 30 },
    )
  })

  it('H1 answers arbitrary bytes with frames or a frame error, within its memory bound', () => {
    const nearlyFrames = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      frame.map(({ type, payload }) => encodeFrame(type, payload)),
      fc.tuple(frame, fc.nat(), fc.nat(255)).map(([{ type, payload }, at, byte]) => {
        const bytes = encodeFrame(type, payload)
        bytes[at % bytes.length] = byte
        return bytes
      }),
    )
    fc.assert(
      fc.property(fc.array(nearlyFrames, { maxLength: 10 }), (chunks) => {
        const decoder = new FrameDecoder({ frameBytesMax: 1500 })
        let received = 0
        for (const chunk of chunks) {
          received += chunk.length
          const onFrame = (_: number, payload: Uint8Array) =>
            expect(payload.length).toBeLessThanOrEqual(1500)
          expect(codeOf(() => decoder.push(chunk, onFrame))).toMatch(
            /^(nothing|ERR_FRAME_[A-Z_]+)$/,
          )
          expect(decoder.bytesAllocated).toBeLessThanOrEqual(8 + Math.max(512, received * 4))
        }
      }),
      { numRuns: 1000 },
    )
  })
})
