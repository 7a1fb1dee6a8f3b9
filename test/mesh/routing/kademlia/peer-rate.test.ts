import { describe, expect, it } from 'vitest'
import { PeerRate } from '../../../../mesh/routing/kademlia/peer-rate.ts'

describe('PeerRate', () => {
  it('K43 allows each peer so many questions in a second', () => {
    const rate = new PeerRate(2)
    expect([0, 1, 2].map((atMs) => rate.allow('a', atMs))).toEqual([true, true, false])
    expect(rate.allow('b', 2)).toBe(true)
    expect(rate.allow('a', 999)).toBe(false)
    expect(rate.allow('a', 1_000)).toBe(true)
  })

  it('K48 counts no more peers than fit, and forgets them with the second', () => {
    const rate = new PeerRate(2)
    for (let n = 0; n < 16_384; n++) rate.allow(`${n}`, 0)
    expect([rate.allow('one more', 1), rate.allow('7', 1)]).toEqual([false, true])
    // The one is refused for what others did.
    expect([rate.isSpent('one more'), rate.isSpent('7'), rate.isSpent('8')]).toEqual([
      false,
      true,
      false,
    ])
    expect(rate.allow('one more', 1_000)).toBe(true)
  })
})
