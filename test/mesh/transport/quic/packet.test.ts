import { describe, expect, it } from 'vitest'
import {
  destinationKey,
  idKey,
  isLong,
  isTooShort,
  readLongHeader,
  splitDatagram,
} from '../../../../mesh/transport/quic/packet.ts'
import { createSeededEntropy } from '../../../../runtime/index.ts'

/** A long header of version 1, padded to a first packet's length. */
function long(parts: {
  first?: number
  version?: number
  destination?: number[]
  source?: number[]
  rest?: number[]
}): Buffer {
  const { first = 0xc0, version = 1, destination = [1, 2, 3, 4, 5, 6, 7, 8] } = parts
  const { source = [9, 9], rest = [0] } = parts
  const head = Buffer.alloc(5)
  head[0] = first
  head.writeUInt32BE(version, 1)
  const ids = [destination.length, ...destination, source.length, ...source]
  return Buffer.concat([head, Buffer.from([...ids, ...rest]), Buffer.alloc(1_200)])
}

describe('isTooShort', () => {
  it('tells what no protected packet can be: 28 bytes are, 29 are not', () => {
    expect([isTooShort(Buffer.alloc(28, 0x40)), isTooShort(Buffer.alloc(29, 0x40))]).toEqual([
      true,
      false,
    ])
  })
})

describe('destinationKey', () => {
  it('finds the id of short and long headers', () => {
    const id = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])
    const short = Buffer.concat([Buffer.from([0x40]), id, Buffer.alloc(20)])
    expect(destinationKey(short)).toBe(idKey(id))
    expect(destinationKey(long({}))).toBe(idKey(id))
    expect([isLong(short), isLong(long({}))]).toEqual([false, true])
  })

  it('tells ids apart by every byte, zeros and high bytes included', () => {
    const ids = Array.from({ length: 256 }, (_, i) => Buffer.from([0, i, 255, 0, 0, 0, 0, 128]))
    expect(new Set(ids.map(idKey)).size).toBe(256)
  })

  it.each([
    [[]],
    [[0x40]],
    [[0x40, 1, 2, 3, 4, 5, 6, 7, 8]], // nothing behind the id
    [[0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]], // no fixed bit
    [[0xc0, 0, 0, 0, 1]],
    [[0xc0, 0, 0, 0, 1, 8, 1, 2, 3]],
    [[0xc0, 0, 0, 0, 1, 21, ...Array.from({ length: 30 }, () => 1)]],
  ])('finds none in %j', (bytes) => {
    expect(destinationKey(Buffer.from(bytes))).toBeUndefined()
  })
})

describe('readLongHeader', () => {
  it('reads a first packet and its token', () => {
    const token = [0x40, 3, 7, 8, 9]
    expect(readLongHeader(long({ rest: token }))).toMatchObject({
      version: 1,
      initial: true,
      destinationId: Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]),
      sourceId: Buffer.from([9, 9]),
      token: Buffer.from([7, 8, 9]),
    })
  })

  it.each([
    ['a Handshake packet', { first: 0xe0 }],
    ['a packet without the fixed bit', { first: 0x80 }],
    ['another version', { version: 2 }],
    ['an id that is too short to be a first one', { destination: [1, 2, 3, 4, 5, 6, 7] }],
  ])('does not take %s for a first packet', (_, parts) => {
    expect(readLongHeader(long(parts))?.initial).toBe(false)
  })

  it('refuses what is too short, and tokens that do not fit', () => {
    expect(readLongHeader(long({}).subarray(0, 1_199))).toBeUndefined()
    expect(readLongHeader(long({ rest: [0x7f, 0xff] }))).toBeUndefined()
    expect(readLongHeader(long({ rest: [0xc0, 0, 0, 0, 0, 0, 0, 1] }))).toBeUndefined()
    expect(readLongHeader(long({ source: Array.from({ length: 21 }, () => 1) }))).toBeUndefined()
  })

  it('reads random bytes without reading past them', () => {
    const entropy = createSeededEntropy(3)
    for (let i = 0; i < 2_000; i++) {
      const packet = Buffer.from(entropy.bytes(1_200))
      packet[0]! |= 0xc0
      if (i % 2 === 0) packet.writeUInt32BE(1, 1)
      expect(() => readLongHeader(packet)).not.toThrow()
    }
  })
})

describe('splitDatagram', () => {
  const handshake = (length: number): Buffer => {
    const body = long({ first: 0xe0, rest: [0x40, length] })
    return body.subarray(0, 5 + 12 + 2 + length)
  }

  it('splits packets by their length fields; a short header takes the rest', () => {
    const first = handshake(30)
    const second = handshake(50)
    const last = Buffer.from([0x40, 1, 2, 3])
    const parts = splitDatagram(Buffer.concat([first, second, last]))
    expect(parts.map(({ length }) => length)).toEqual([first.length, second.length, 4])
  })

  it.each([
    ['a length beyond the end', long({ first: 0xe0, rest: [0x7f, 0xff] }), 1],
    ['a Retry', long({ first: 0xf0 }), 1],
    ['another version', long({ version: 2 }), 1],
  ])('leaves %s whole', (_, datagram, count) => {
    expect(splitDatagram(datagram)).toHaveLength(count)
    expect(splitDatagram(datagram)[0]).toHaveLength(datagram.length)
  })

  it('loses no byte of random datagrams and always ends', () => {
    const entropy = createSeededEntropy(4)
    for (let i = 0; i < 2_000; i++) {
      const datagram = Buffer.from(entropy.bytes(1 + (i % 300)))
      if (i % 3 === 0 && datagram.length > 5) datagram.set([0xe0, 0, 0, 0, 1, 2])
      expect(Buffer.concat(splitDatagram(datagram)).equals(datagram)).toBe(true)
    }
  })
})
