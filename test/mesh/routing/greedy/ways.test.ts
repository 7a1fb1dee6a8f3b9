import { describe, expect, it } from 'vitest'
import { Ways } from '../../../../mesh/routing/greedy/ways.ts'

describe('ways', () => {
  it('are waysMax, the oldest forgotten first; one that is learnt again is the newest', () => {
    const ways = new Ways(2, 1_000)
    ways.learn('a', 'x', 0)
    ways.learn('b', 'x', 0)
    expect(ways.size).toBe(2)
    ways.learn('a', 'y', 0)
    ways.learn('c', 'x', 0)
    expect([ways.size, ways.next('a', 0), ways.next('b', 0)]).toEqual([2, 'y', undefined])
  })

  it('are forgotten when nothing arrived for wayTtlMs', () => {
    const ways = new Ways(2, 1_000)
    ways.learn('a', 'x', 0)
    ways.learn('a', 'x', 500)
    expect(ways.next('a', 1_499)).toBe('x')
    expect([ways.next('a', 1_500), ways.size]).toEqual([undefined, 0])
  })

  it('are forgotten with the neighbour that is none, and no other', () => {
    const ways = new Ways(2, 1_000)
    ways.learn('a', 'x', 0)
    ways.forget('a', 'y')
    expect(ways.next('a', 0)).toBe('x')
    ways.forget('a')
    expect(ways.next('a', 0)).toBeUndefined()
  })
})
