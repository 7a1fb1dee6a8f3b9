import { describe, expect, it } from 'vitest'
import { Include } from '../../../../mesh/routing/kademlia/include.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { contactOf, keyOf } from './keys.ts'

const contact = (n: number, port = n): Contact => contactOf(keyOf(BigInt(n)), '10.0.0.1', port)
const anybody = (): boolean => true

describe('Include', () => {
  it('K11 names candidates in the order in which they came, once', () => {
    const include = new Include(8)
    for (const n of [1, 2, 1]) expect(include.offer(contact(n))).toBeUndefined()
    expect([include.size, include.waiting]).toEqual([2, 2])
    expect(include.next(anybody)).toEqual(contact(1))
    expect(include.next(anybody)).toEqual(contact(2))
    expect(include.next(anybody)).toBeUndefined()
    expect([include.size, include.waiting]).toEqual([2, 0])
  })

  it('K11 does not take in whom it is asking, until that is settled', () => {
    const include = new Include(8)
    include.offer(contact(1))
    include.next(anybody)
    include.offer(contact(1))
    expect([include.has(contact(1).id), include.waiting]).toEqual([true, 0])
    include.settled(contact(1).id)
    expect([include.has(contact(1).id), include.size]).toEqual([false, 0])
    include.offer(contact(1))
    expect(include.waiting).toBe(1)
  })

  it('K11 asks at the address that was told last', () => {
    const include = new Include(8)
    include.offer(contact(1, 10))
    include.offer(contact(1, 11))
    expect(include.next(anybody)?.port).toBe(11)
  })

  it('K11 passes over who is not wanted any more', () => {
    const include = new Include(8)
    for (const n of [1, 2, 3]) include.offer(contact(n))
    expect(include.next(({ port }) => port === 3)?.port).toBe(3)
    expect(include.size).toBe(1)
  })

  it('K9 holds the limit; one more, and the oldest gives way', () => {
    const include = new Include(2)
    expect([1, 2].map((n) => include.offer(contact(n)))).toEqual([undefined, undefined])
    expect(include.offer(contact(3))).toEqual(contact(1))
    expect(include.waiting).toBe(2)
    expect(new Include(0).offer(contact(1))).toEqual(contact(1))
  })

  it('K13 asks those of an earlier life when nobody else waits, however many', () => {
    const include = new Include(1, [contact(1), contact(2), contact(3)])
    include.offer(contact(9))
    include.offer(contact(2))
    expect(include.waiting).toBe(4)
    const asked = [1, 2, 3, 4].map(() => include.next(({ port }) => port !== 3)?.port)
    expect(asked).toEqual([2, 1, undefined, undefined])
    expect(include.waiting).toBe(0)
  })
})
