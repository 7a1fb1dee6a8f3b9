import { describe, expect, it } from 'vitest'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { Probe } from '../../../../mesh/routing/kademlia/probe.ts'
import { contactOf, keyOf } from './keys.ts'

const contact = (n: number): Contact => contactOf(keyOf(BigInt(n)))

describe('Probe', () => {
  it('K9 asks one of a bucket at a time', () => {
    const probe = new Probe(8)
    for (const n of [1, 2, 3]) probe.check(contact(n), n === 3 ? 7 : 5)
    expect([probe.next(), probe.next(), probe.next()]).toEqual([contact(1), contact(3), undefined])
    expect([probe.waiting, probe.asked, probe.isReady()]).toEqual([1, 2, false])
    probe.settled(contact(1).id, 5)
    expect(probe.isReady()).toBe(true)
    expect(probe.next()).toEqual(contact(2))
  })

  it('K9 does not question another of a bucket in which somebody waits or is asked', () => {
    const probe = new Probe(8)
    expect(probe.evict(contact(1), 5)).toBe(true)
    expect(probe.evict(contact(2), 5)).toBe(false)
    probe.next()
    expect(probe.evict(contact(2), 5)).toBe(false)
    expect(probe.evict(contact(2), 6)).toBe(true)
    probe.settled(contact(1).id, 5)
    expect(probe.evict(contact(1), 5)).toBe(true)
  })

  it('K9 asks nobody twice, and settles only who was asked', () => {
    const probe = new Probe(8)
    probe.check(contact(1), 5)
    expect(probe.check(contact(1), 5)).toBe(false)
    probe.next()
    expect(probe.check(contact(1), 5)).toBe(false)
    probe.settled(contact(2).id, 5)
    expect(probe.asked).toBe(1)
    probe.settled(contact(1).id, 5)
    expect([probe.asked, probe.isReady(), probe.next()]).toEqual([0, false, undefined])
  })

  it('K9 holds the limit of its queue', () => {
    const probe = new Probe(2)
    expect([1, 2, 3].map((n) => probe.check(contact(n), n))).toEqual([true, true, false])
    probe.next()
    expect(probe.check(contact(3), 3)).toBe(true)
  })
})
