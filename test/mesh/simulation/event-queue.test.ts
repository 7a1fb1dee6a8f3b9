import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventQueue } from '../../../mesh/simulation/event-queue.ts'

interface Item {
  readonly atMs: number
  readonly name: number
}

describe('EventQueue', () => {
  it('gives items in the order of time and, within a millisecond, of adding', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 }), (times) => {
        const queue = new EventQueue<Item>()
        for (const [name, atMs] of times.entries()) queue.add(atMs, { atMs, name })
        const expected = times
          .map((atMs, name) => ({ atMs, name }))
          .sort((a, b) => a.atMs - b.atMs || a.name - b.name)
        const taken: Item[] = []
        for (let item = queue.take(30_000); item; item = queue.take(30_000)) taken.push(item)
        expect(taken).toEqual(expected)
        expect(queue.nowMs).toBe(30_000)
        expect(queue.size).toBe(0)
      }),
      { seed: 4, numRuns: 200 },
    )
  })

  it('keeps the order when items are added while others are taken, near and far', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9_000 }), { minLength: 1, maxLength: 100 }), (delays) => {
        const queue = new EventQueue<Item>()
        const added: Item[] = []
        const add = (delay: number): void => {
          const item = { atMs: queue.nowMs + delay, name: added.length }
          added.push(item)
          queue.add(item.atMs, item)
        }
        let next = 0
        add(delays[next++]!)
        const taken: Item[] = []
        for (let item = queue.take(1e9); item; item = queue.take(1e9)) {
          expect(item.atMs).toBe(queue.nowMs)
          taken.push(item)
          for (let i = 0; i < 2 && next < delays.length; i++) add(delays[next++]!)
        }
        const expected = [...added].sort((a, b) => a.atMs - b.atMs || a.name - b.name)
        expect(taken).toEqual(expected)
      }),
      { seed: 5, numRuns: 200 },
    )
  })

  it('rounds up to whole milliseconds and never goes back', () => {
    const queue = new EventQueue<string>()
    queue.add(0.2, 'early')
    expect([queue.take(10), queue.nowMs]).toEqual(['early', 1])
    expect(queue.take(10)).toBeUndefined()
    queue.add(3, 'late')
    expect([queue.take(10), queue.nowMs]).toEqual(['late', 10])
  })
})
