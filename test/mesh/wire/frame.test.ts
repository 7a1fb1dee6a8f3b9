import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../runtime/index.ts'
import {
  encodeFrame,
  FRAME_BYTES_MAX_DEFAULT,
  FRAME_BYTES_MAX_LIMIT,
  FrameDecoder,
  HEADER_BYTES,
  writeHeader,
} from '../../../mesh/wire/frame.ts'
import { isWireType, WireType } from '../../../mesh/wire/messages.ts'
import { bytesOf, codeOf, header } from './bytes.ts'

interface Seen {
  readonly type: number
  readonly payload: number[]
  readonly flags: number
}

function collector(): { seen: Seen[]; onFrame: (t: number, p: Uint8Array, f: number) => void } {
  const seen: Seen[] = []
  return {
    seen,
    onFrame: (type, payload, flags) => seen.push({ type, payload: [...payload], flags }),
  }
}

const { ping, connect } = WireType

describe('encodeFrame', () => {
  it('writes version, type, flags, reserved, length and payload', () => {
    const frame = encodeFrame(connect, bytesOf(1, 2, 3))
    expect([...frame]).toEqual([1, 0x01, 0, 0, 0, 0, 0, 3, 1, 2, 3])
  })

  it('writeHeader writes in place, big-endian', () => {
    const target = new Uint8Array(12).fill(0xee)
    writeHeader(target, 2, ping, 0x010203, 5)
    expect([...target]).toEqual([0xee, 0xee, 1, 3, 5, 0, 0, 1, 2, 3, 0xee, 0xee])
  })

  it('refuses a type that is not in the list: that is our bug', () => {
    expect(() => encodeFrame(0x99, new Uint8Array(0))).toThrow(InvariantError)
    expect(() => writeHeader(new Uint8Array(8), 0, ping, 2 ** 32)).toThrow(InvariantError)
  })
})

describe('FrameDecoder', () => {
  it('MG9 H13 finds 10,000 frames in one chunk and reads no byte twice', () => {
    const frame = encodeFrame(ping, bytesOf(0x80))
    const chunk = bytesOf(...Array.from({ length: 10_000 }, () => frame))
    const reads = countReads(chunk)
    const decoder = new FrameDecoder()
    let frames = 0
    decoder.push(reads.view, () => (frames += 1))
    expect(frames).toBe(10_000)
    expect(reads.count()).toBeLessThanOrEqual(chunk.length)
    expect(decoder.bytesBuffered).toBe(0)
  })

  it('gives a view of the chunk when the whole frame lies in it', () => {
    const chunk = encodeFrame(ping, bytesOf(7, 8))
    let same = false
    new FrameDecoder().push(chunk, (_, payload) => (same = payload.buffer === chunk.buffer))
    expect(same).toBe(true)
  })

  it('gives a payload of which slice is a copy, also when the chunk is a Buffer', () => {
    const chunk = Buffer.from(encodeFrame(ping, bytesOf(1, 2, 3)))
    let kept: Uint8Array | undefined
    new FrameDecoder().push(chunk, (_type, payload) => (kept = payload.slice()))
    chunk.fill(0)
    expect(kept).toEqual(bytesOf(1, 2, 3))
  })

  it('MG9 ML17 ML31 H12 waits at every byte offset of every message type, and delivers when the rest comes', () => {
    for (let type = 0; type < 256; type++) {
      if (!isWireType(type)) continue
      const frame = encodeFrame(type, bytesOf(0x81, 0xa1, 'k', 1))
      for (let cut = 0; cut <= frame.length; cut++) {
        const decoder = new FrameDecoder()
        const { seen, onFrame } = collector()
        decoder.push(frame.subarray(0, cut), onFrame)
        expect(seen).toHaveLength(cut === frame.length ? 1 : 0)
        expect(decoder.bytesBuffered).toBe(cut === frame.length ? 0 : cut)
        decoder.push(frame.subarray(cut), onFrame)
        expect(seen).toEqual([{ type, payload: [0x81, 0xa1, 0x6b, 1], flags: 0 }])
      }
    }
  })

  it.each([0, 1, 16, 63, 64])('H11 takes a payload of %i bytes at a limit of 64', (length) => {
    const { seen, onFrame } = collector()
    new FrameDecoder({ frameBytesMax: 64 }).push(encodeFrame(ping, new Uint8Array(length)), onFrame)
    expect(seen.map((frame) => frame.payload.length)).toEqual([length])
  })

  it.each([65, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])(
    'H11 refuses a length of %i at a limit of 64 from the header alone, allocating nothing',
    (length) => {
      const decoder = new FrameDecoder({ frameBytesMax: 64 })
      expect(codeOf(() => decoder.push(header(1, ping, length), () => {}))).toBe(
        'ERR_FRAME_TOO_LARGE',
      )
      expect(decoder.bytesAllocated).toBe(HEADER_BYTES)
    },
  )

  it('H11 has a default limit of 1 MiB, exactly', () => {
    const take = (length: number) =>
      codeOf(() => new FrameDecoder().push(header(1, ping, length), () => {}))
    expect(take(FRAME_BYTES_MAX_DEFAULT)).toBe('nothing')
    expect(take(FRAME_BYTES_MAX_DEFAULT + 1)).toBe('ERR_FRAME_TOO_LARGE')
  })

  it('cannot be configured above 16 MiB', () => {
    expect(() => new FrameDecoder({ frameBytesMax: FRAME_BYTES_MAX_LIMIT })).not.toThrow()
    expect(() => new FrameDecoder({ frameBytesMax: FRAME_BYTES_MAX_LIMIT + 1 })).toThrow(
      InvariantError,
    )
  })

  it.each([
    ['version 0', header(0, ping, 0), 'ERR_FRAME_VERSION'],
    ['version 2', header(2, ping, 0), 'ERR_FRAME_VERSION'],
    ['type 0', header(1, 0, 0), 'ERR_FRAME_TYPE'],
    ['a free type', header(1, 0x60, 0), 'ERR_FRAME_TYPE'],
    ['type 255', header(1, 255, 0), 'ERR_FRAME_TYPE'],
    ['an unknown flag', header(1, ping, 0, 0x80), 'ERR_FRAME_FLAGS'],
    ['a reserved byte', header(1, ping, 0, 0, 1), 'ERR_FRAME_FLAGS'],
    ['an HTTP request', bytesOf('GET / HTTP/1.1\r\n\r\n'), 'ERR_FRAME_VERSION'],
  ])('H14 refuses %s', (_, bytes, code) => {
    const decoder = new FrameDecoder()
    expect(codeOf(() => decoder.push(bytes, () => {}))).toBe(code)
  })

  it('lets through flags that its user knows', () => {
    const { seen, onFrame } = collector()
    new FrameDecoder({ flagsMask: 0x03 }).push(encodeFrame(ping, bytesOf(), 0x02), onFrame)
    expect(seen).toEqual([{ type: ping, payload: [], flags: 2 }])
  })

  it('delivers the frames before a bad one, then is spent', () => {
    const decoder = new FrameDecoder()
    const { seen, onFrame } = collector()
    const chunk = bytesOf(
      encodeFrame(ping, bytesOf(1)),
      header(1, 0x60, 0),
      encodeFrame(ping, bytesOf(2)),
    )
    expect(codeOf(() => decoder.push(chunk, onFrame))).toBe('ERR_FRAME_TYPE')
    expect(codeOf(() => decoder.push(encodeFrame(ping, bytesOf(3)), onFrame))).toBe(
      'ERR_FRAME_TYPE',
    )
    expect(seen.map((frame) => frame.payload)).toEqual([[1]])
  })

  it('is spent after a handler that threw', () => {
    const decoder = new FrameDecoder()
    const fail = () => {
      throw new Error('handler')
    }
    expect(() => decoder.push(encodeFrame(ping, bytesOf()), fail)).toThrow('handler')
    expect(() => decoder.push(encodeFrame(ping, bytesOf()), () => {})).toThrow('handler')
  })

  it('refuses to be pushed from its own handler', () => {
    const decoder = new FrameDecoder()
    const frame = encodeFrame(ping, bytesOf())
    const again = () => decoder.push(frame, () => {})
    expect(codeOf(() => decoder.push(frame, again))).toBe('ERR_INVARIANT_FRAME_REENTRANT')
  })

  it('H7 holds memory for bytes received, not for bytes promised', () => {
    const decoder = new FrameDecoder()
    decoder.push(header(1, ping, 1_000_000), () => {})
    expect(decoder.bytesAllocated).toBe(HEADER_BYTES)
    for (let received = 1; received <= 4096; received++) {
      decoder.push(bytesOf(0), () => {})
      expect(decoder.bytesAllocated).toBeLessThanOrEqual(HEADER_BYTES + Math.max(512, received * 4))
    }
  })

  it('gives up the buffer of a large frame after it', () => {
    const decoder = new FrameDecoder()
    const frame = encodeFrame(ping, new Uint8Array(200_000))
    let frames = 0
    decoder.push(frame.subarray(0, 150_000), () => {})
    expect(decoder.bytesAllocated).toBeGreaterThanOrEqual(149_000)
    decoder.push(frame.subarray(150_000), () => (frames += 1))
    expect(frames).toBe(1)
    expect(decoder.bytesAllocated).toBe(HEADER_BYTES)
  })
})

/** A view of `bytes` that counts reads of single elements. */
function countReads(bytes: Uint8Array): { view: Uint8Array; count: () => number } {
  let reads = 0
  const view = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
  return { view, count: () => reads }
}
