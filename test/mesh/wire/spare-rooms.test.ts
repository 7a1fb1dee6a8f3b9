import { describe, expect, it } from 'vitest'
import { VALUE_LIMITS } from '../../../mesh/index.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import {
  SPARE_BYTES_MAX,
  SPARE_BYTES_MIN,
  SpareRooms,
  SPARES_MAX,
} from '../../../mesh/wire/spare-rooms.ts'

const room = (bytes: number): Uint8Array => new Uint8Array(bytes)

describe('SpareRooms', () => {
  it('gives a room to one that needs it, or half of it, once', () => {
    const spares = new SpareRooms()
    const given = room(200_000)
    spares.give(given.subarray(10, 20))
    expect([spares.take(200_001), spares.take(99_999)]).toEqual([undefined, undefined])
    expect(spares.take(100_000)!.buffer === given.buffer).toBe(true)
    expect(spares.take(100_000)).toBeUndefined()
  })

  it('takes rooms of SPARE_BYTES_MIN to SPARE_BYTES_MAX bytes, and not one less or more', () => {
    const spares = new SpareRooms()
    for (const bytes of [SPARE_BYTES_MIN - 1, SPARE_BYTES_MAX + 1]) spares.give(room(bytes))
    expect(spares.size).toBe(0)
    for (const bytes of [SPARE_BYTES_MIN, SPARE_BYTES_MAX]) spares.give(room(bytes))
    expect(spares.take(SPARE_BYTES_MIN)).toHaveLength(SPARE_BYTES_MIN)
    expect(spares.take(SPARE_BYTES_MAX)).toHaveLength(SPARE_BYTES_MAX)
  })

  it('remembers SPARES_MAX rooms, and lets the oldest go for one more', () => {
    const spares = new SpareRooms()
    const rooms = Array.from({ length: SPARES_MAX + 1 }, (_, i) => room(SPARE_BYTES_MIN + i))
    for (const one of rooms) spares.give(one)
    expect(spares.size).toBe(SPARES_MAX)
    const found = rooms.map(() => spares.take(SPARE_BYTES_MIN)?.length)
    expect(new Set(found)).toEqual(new Set([undefined, ...rooms.slice(1).map((r) => r.length)]))
  })
})

describe('what a codec is given back', () => {
  const codec = (): Codec => new Codec({ limits: VALUE_LIMITS })

  it.each([
    ['bytes', (fill: number) => new Uint8Array(1_500_000).fill(fill)],
    ['few bytes', (fill: number) => new Uint8Array(200_000).fill(fill)],
    ['text', (fill: number) => String.fromCharCode(0x60 + fill).repeat(700_000)],
    ['much in little', (fill: number) => [new Uint8Array(70_000).fill(fill), 'ä'.repeat(90_000)]],
  ])('carries the next value of that size: %s', (_what, make) => {
    const one = codec()
    const first = one.encode(make(1))
    const second = one.encode(make(2))
    expect(second.buffer === first.buffer).toBe(false)
    one.recycle(first)
    const third = one.encode(make(3))
    expect(third.buffer === first.buffer).toBe(true)
    const fresh = codec()
    expect(Buffer.compare(second, fresh.encode(make(2)))).toBe(0)
    expect(Buffer.compare(third, fresh.encode(make(3)))).toBe(0)
    expect(one.encode(make(4)).buffer === first.buffer).toBe(false)
  })
})
