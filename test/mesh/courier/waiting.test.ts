import { describe, expect, it } from 'vitest'
import type { Parcel } from '../../../mesh/courier/parcel.ts'
import { PARCEL_BYTES, Waiting } from '../../../mesh/courier/waiting.ts'

function parcel(number: number, to: string, bytes: number, expiresMs = 1_000): Parcel {
  const frame = new Uint8Array(bytes)
  return { number, to, lane: 'rpc', frame, via: undefined, expiresMs, lost: undefined }
}

const make = (perNode = 1_000, all = 2_000) =>
  new Waiting({ waitingBytesPerNodeMax: perNode, waitingBytesMax: all })
const numbers = (parcels: Iterable<Parcel>) => Array.from(parcels, ({ number }) => number)

describe('Waiting', () => {
  it('gives what waits for a node in order, and nothing of another one', () => {
    const waiting = make()
    for (const n of [1, 2, 3]) waiting.add(parcel(n, n === 2 ? 'b' : 'a', 10))
    expect(numbers(waiting.fromFirst('a'))).toEqual([1, 3])
    expect(waiting.first('b')?.number).toBe(2)
    expect(waiting.nodes()).toEqual(['a', 'b'])
    expect(numbers(waiting.takeAll('a'))).toEqual([1, 3])
    expect([waiting.has('a'), waiting.has('b')]).toEqual([false, true])
    expect(waiting.bytes).toBe(10 + PARCEL_BYTES)
  })

  it('holds its limit for one node, and not a byte more', () => {
    const waiting = make(1_000, 10_000)
    expect(waiting.add(parcel(1, 'a', 500 - PARCEL_BYTES))).toBe(true)
    expect(waiting.add(parcel(2, 'a', 501 - PARCEL_BYTES))).toBe(false)
    expect(waiting.add(parcel(3, 'a', 500 - PARCEL_BYTES))).toBe(true)
    expect(waiting.bytesOf('a')).toBe(1_000)
    expect(waiting.add(parcel(4, 'b', 10))).toBe(true)
  })

  it('holds its limit for all nodes, and not a byte more', () => {
    const waiting = make(1_000, 2_000)
    for (const [n, to] of ['a', 'b', 'c'].entries()) {
      expect(waiting.add(parcel(n, to, 600 - PARCEL_BYTES))).toBe(true)
    }
    expect(waiting.add(parcel(4, 'd', 201 - PARCEL_BYTES))).toBe(false)
    expect(waiting.add(parcel(5, 'd', 200 - PARCEL_BYTES))).toBe(true)
    expect(waiting.bytes).toBe(2_000)
  })

  it('takes one message that is larger than that, when nothing else waits', () => {
    const waiting = make()
    expect(waiting.add(parcel(1, 'a', 5_000))).toBe(true)
    expect(waiting.add(parcel(2, 'a', 1))).toBe(false)
    expect(waiting.add(parcel(3, 'b', 1))).toBe(false)
    waiting.takeAll('a')
    expect(waiting.add(parcel(4, 'b', 1))).toBe(true)
  })

  it('gives up what has no time left, and keeps the order of the rest', () => {
    const waiting = make()
    waiting.add(parcel(1, 'a', 1, 300))
    waiting.add(parcel(2, 'a', 1, 100))
    waiting.add(parcel(3, 'b', 1, 200))
    expect(waiting.nextDueMs).toBe(100)
    expect(waiting.takeExpired(99)).toEqual([])
    expect(numbers(waiting.takeExpired(200))).toEqual([2, 3])
    expect(numbers(waiting.fromFirst('a'))).toEqual([1])
    expect(waiting.nextDueMs).toBe(300)
    waiting.remove(waiting.first('a')!)
    expect([waiting.bytes, waiting.nextDueMs, waiting.nodes()]).toEqual([0, Infinity, []])
  })

  it('forgets a message once only', () => {
    const waiting = make()
    const one = parcel(1, 'a', 10)
    waiting.add(one)
    waiting.remove(one)
    waiting.remove(one)
    expect(waiting.bytes).toBe(0)
  })
})
