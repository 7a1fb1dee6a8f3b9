import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import { Candidates } from '../../../mesh/discovery/candidates.ts'

const a = { host: '10.0.0.1', port: 4433 }
const b = { host: '10.0.0.2', port: 4433 }
const make = (candidatesMax = 8) =>
  new Candidates({ candidatesMax, reconnectBaseMs: 500, reconnectMaxMs: 8_000 }, () => 0)

describe('Candidates', () => {
  it('NX-D14 an address that does not answer is tried for ever, with growing pauses', () => {
    const book = make()
    book.add(a, 0)
    const at: number[] = []
    for (let i = 0; i < 40; i++) {
      const now = book.nextDueMs()
      at.push(now)
      expect(book.take(now - 0.001)).toEqual([])
      expect(book.take(now)).toEqual([a])
      expect(book.take(now)).toEqual([])
      book.failed(a, 'retry', now)
    }
    expect(at.slice(0, 7)).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 11_750])
    expect(book.wanting).toBe(1)
  })

  it('rests once answered, is tried again when the link is lost, and rests when it is back', () => {
    const book = make()
    book.add(a, 0)
    book.take(0)
    book.answered(a, 'k1')
    expect(book.nextDueMs()).toBe(Infinity)
    expect(book.wanting).toBe(0)
    book.linkDown('other', 'connection_closed', 10)
    expect(book.nextDueMs()).toBe(Infinity)
    book.linkDown('k1', 'connection_closed', 10)
    expect(book.nextDueMs()).toBe(260)
    book.linkUp('k1')
    expect(book.nextDueMs()).toBe(Infinity)
  })

  it('tries a seed that said goodbye at the longest pause', () => {
    const book = make()
    book.add(a, 0)
    book.take(0)
    book.answered(a, 'k1')
    book.linkDown('k1', 'graceful_shutdown', 0)
    expect(book.nextDueMs()).toBe(4_000)
  })

  it('D14 another realm waits 30 s and more; D7 this node itself is never tried again', () => {
    const book = make()
    book.add(a, 0)
    book.add(b, 0)
    book.take(0)
    book.failed(a, 'lasting', 0)
    book.failed(b, 'self', 0)
    expect(book.take(29_999)).toEqual([])
    expect(book.take(30_000)).toEqual([a])
    expect(book.take(1_000_000)).toEqual([])
  })

  it('D7 the same address twice is one candidate, in any case of its letters', () => {
    const book = make()
    book.add({ host: 'Seed.Example', port: 1 }, 0)
    book.add({ host: 'seed.example', port: 1 }, 0)
    expect(book.take(0)).toHaveLength(1)
  })

  it('D15 an address at which only one node may answer stands beside the same without that', () => {
    const book = make()
    const key = nodeKeyFromBytes(new Uint8Array(32))
    book.add({ ...a, key }, 0)
    book.add(a, 0)
    expect(book.take(0)).toEqual([{ ...a, key }, a])
    book.failed({ ...a, key }, 'lasting', 0)
    book.failed(a, 'retry', 0)
    expect(book.take(1_000)).toEqual([a])
  })

  it('holds candidatesMax addresses and not one more', () => {
    const book = make(2)
    expect(book.add(a, 0)).toBe(true)
    expect(book.add(b, 0)).toBe(true)
    expect(book.add({ host: '10.0.0.3', port: 1 }, 0)).toBe(false)
    expect(book.add(a, 0)).toBe(true)
    book.remove(a)
    expect(book.add({ host: '10.0.0.3', port: 1 }, 0)).toBe(true)
    expect(book.size).toBe(2)
  })

  it('a late report about a removed candidate changes nothing', () => {
    const book = make()
    book.add(a, 0)
    book.take(0)
    book.remove(a)
    book.failed(a, 'retry', 0)
    book.answered(a, 'k')
    expect(book.nextDueMs()).toBe(Infinity)
  })

  it('D2 an address that several name is tried until none names it; a seed stays whatever a source says', () => {
    const book = make()
    const [dns, gossip] = [{}, {}]
    for (const source of [undefined, dns, gossip]) book.add(a, 0, source)
    book.add(b, 0, dns)
    book.add(b, 0, gossip)
    for (const candidate of [a, b]) book.remove(candidate, dns)
    book.remove(b, dns)
    expect(book.size).toBe(2)
    for (const candidate of [a, b]) book.remove(candidate, gossip)
    expect(book.take(0)).toEqual([a])
  })
})
