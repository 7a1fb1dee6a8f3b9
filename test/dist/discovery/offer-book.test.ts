import { describe, expect, it } from 'vitest'
import { OfferBook } from '../../../dist/discovery/offer-book.ts'
import { nodeKeyFromBytes } from '../../../mesh/index.ts'

const at = (last: number) => ({ host: `10.0.0.${last}`, port: 4433 })
const key = (last: number) => nodeKeyFromBytes(new Uint8Array(32).fill(last))
const make = (given: object = {}) => {
  const options = { addressesMax: 4, requiredContacts: 1, stableMarginMs: 0, ...given }
  return new OfferBook(options, () => 0, 0)
}

describe('OfferBook', () => {
  it('offers an address once, however many strategies propose it, until none does', () => {
    const book = make()
    book.seen('dns', [at(1)], 0)
    book.seen('gossip', [at(1)], 0)
    expect(book.step(0)).toEqual({ seen: [at(1)], gone: [] })
    expect(book.step(0)).toEqual({ seen: [], gone: [] })
    expect(book.gone('dns', [at(1)], 1)).toEqual([])
    expect(book.step(1)).toEqual({ seen: [], gone: [] })
    expect(book.gone('gossip', [at(1)], 2)).toEqual([at(1)])
    expect(book.step(2)).toEqual({ seen: [], gone: [at(1)] })
  })

  it('D7 does not offer this node itself', () => {
    const book = make()
    book.self(at(1), 0)
    book.seen('dns', [at(1), at(2)], 0)
    expect(book.step(0).seen).toEqual([at(2)])
    expect(book.nextDueMs(0)).toBe(Infinity)
  })

  it('D2 does not offer members, but those that are lost, after a pause', () => {
    const book = make()
    book.memberUp(key(1), at(1), 0)
    book.memberUp(key(2), at(2), 0)
    book.seen('dns', [at(1), at(2), at(3)], 0)
    expect(book.step(0).seen).toEqual([at(3)])
    book.memberEnded(key(1), 'down', 1_000)
    book.memberEnded(key(2), 'left', 1_000)
    expect(book.step(1_499).seen).toEqual([])
    expect(book.nextDueMs(1_499)).toBe(1_500)
    expect(book.step(1_500).seen).toEqual([at(1)])
    expect(book.step(15_999).seen).toEqual([])
    expect(book.step(16_000).seen).toEqual([at(2)])
  })

  it('D2 does not offer a member that is back before its pause is over', () => {
    const book = make()
    book.memberUp(key(1), at(1), 0)
    book.seen('dns', [at(1)], 0)
    book.memberEnded(key(1), 'down', 0)
    book.memberUp(key(1), at(1), 100)
    expect(book.step(60_000).seen).toEqual([])
  })

  it('D15 offers an address for one node only beside the same for any', () => {
    const book = make()
    const bound = { ...at(1), key: key(9) }
    book.seen('dht', [bound], 0)
    book.seen('dns', [at(1)], 0)
    expect(book.step(0).seen).toEqual([bound, at(1)])
    book.gone('dht', [bound], 1)
    expect(book.step(1)).toEqual({ seen: [], gone: [bound] })
  })

  it('D9 does not begin the margin anew when a member only says something else about itself', () => {
    const book = make({ requiredContacts: 3, stableMarginMs: 100 })
    book.self(at(9), 0)
    book.memberUp(key(1), at(1), 0)
    book.seen('dns', [at(2)], 0)
    for (const nowMs of [30, 60, 90]) book.memberUp(key(1), at(1), nowMs)
    expect(book.step(100).seen).toEqual([at(2)])
  })

  it('takes addressesMax addresses and not one more', () => {
    const book = make()
    expect(book.seen('dns', [at(1), at(2), at(3), at(4)], 0)).toEqual([])
    expect(book.seen('dns', [at(4), at(5)], 0)).toEqual([at(5)])
    expect(book.size).toBe(4)
    book.gone('dns', [at(1)], 0)
    expect(book.seen('dns', [at(5)], 0)).toEqual([])
  })

  it('proposes what had no room when there is some, the oldest first, without being told again', () => {
    const book = make({ addressesMax: 2 })
    book.seen('dns', [at(1), at(2)], 0)
    expect(book.seen('dns', [at(3), at(4), at(5)], 0)).toEqual([at(3), at(4), at(5)])
    expect(book.seen('gossip', [at(4)], 0)).toEqual([at(4)])
    expect(book.step(0).seen).toEqual([at(1), at(2)])
    expect(book.gone('dns', [at(1)], 1)).toEqual([at(1)])
    expect(book.step(1)).toEqual({ seen: [at(3)], gone: [at(1)] })
    // Who waits for two strategies waits on when one gives it up.
    book.gone('dns', [at(4)], 2)
    book.gone('dns', [at(2), at(3)], 2)
    expect(book.step(2)).toEqual({ seen: [at(4)], gone: [at(2), at(3)] })
    // As many as may be proposed may wait; the fifth did not.
    expect(book.size).toBe(1)
  })

  it('D12 forgets what waits with the strategy that said it', () => {
    const book = make({ addressesMax: 1 })
    book.seen('dns', [at(1), at(2)], 0)
    book.drop('dns', 0)
    expect([book.size, book.step(0).seen]).toEqual([0, []])
  })

  it('D12 forgets all that a strategy said, and nothing that another says', () => {
    const book = make()
    book.seen('dns', [at(1), at(2)], 0)
    book.seen('gossip', [at(2)], 0)
    book.step(0)
    book.drop('dns', 0)
    expect(book.step(0)).toEqual({ seen: [], gone: [at(1)] })
    expect(book.offered).toEqual([at(2)])
    expect([book.countOf('dns'), book.countOf('gossip')]).toEqual([0, 1])
  })

  it('D9 offers nothing before enough places of nodes are known', () => {
    const book = make({ requiredContacts: 4, stableMarginMs: 100 })
    book.self(at(9), 0)
    book.seen('gossip', [at(1), at(2), at(9)], 0)
    expect(book.nextDueMs(1e6)).toBe(Infinity)
    expect(book.step(1e6).seen).toEqual([])
    book.seen('gossip', [at(3)], 1e6)
    expect(book.nextDueMs(1e6)).toBe(1e6 + 100)
    expect(book.step(1e6 + 100).seen).toEqual([at(1), at(2), at(3)])
    expect(book.formed).toBe(false)
  })

  it('D13 takes everything back when the node leaves, and offers nothing again', () => {
    const book = make()
    book.seen('dns', [at(1)], 0)
    book.step(0)
    book.close()
    book.seen('dns', [at(2)], 0)
    expect(book.step(1e9)).toEqual({ seen: [], gone: [at(1)] })
    expect(book.nextDueMs(0)).toBe(Infinity)
  })

  it('D3 knows which member is at an address', () => {
    const book = make()
    book.memberUp(key(1), at(1), 0)
    expect(book.memberAt(at(1))).toBe(key(1).hex)
    expect(book.memberAt(at(2))).toBeUndefined()
  })

  it('D2 offers the address that a member has left for another', () => {
    const book = make()
    book.memberUp(key(1), at(1), 0)
    book.seen('dns', [at(1)], 0)
    book.memberUp(key(1), at(2), 1_000)
    expect(book.step(1_000).seen).toEqual([])
    expect(book.step(1_500).seen).toEqual([at(1)])
  })

  it('D9 counts itself once, also when it learns its address late', () => {
    const book = make({ requiredContacts: 3 })
    book.self(at(9), 0)
    book.seen('dns', [at(1), at(2)], 0)
    book.self(at(1), 0)
    expect(book.step(60_000).seen).toEqual([])
  })
})
