import { describe, expect, it } from 'vitest'
import { Sequences } from '../../../mesh/routing/sequences.ts'

const MAX = Number.MAX_SAFE_INTEGER

describe('Sequences', () => {
  it('takes wall time, in whole milliseconds, and more than what was put or is known', () => {
    const sequences = new Sequences()
    expect(sequences.next('a', 100.7)).toBe(100)
    sequences.remember('a', 100)
    expect(sequences.next('a', 100)).toBe(101)
    expect(sequences.next('a', 5)).toBe(101)
    expect(sequences.next('a', 100, undefined, 300, 200)).toBe(301)
    expect(sequences.next('b', 100)).toBe(100)
  })

  it('is not lowered by an old one', () => {
    const sequences = new Sequences()
    sequences.remember('a', 500)
    sequences.remember('a', 7)()
    expect(sequences.next('a', 100)).toBe(501)
  })

  it('forgets what nobody took, unless something newer was put since', () => {
    const sequences = new Sequences()
    sequences.remember('a', 200)
    const forget = sequences.remember('a', MAX)
    forget()
    expect(sequences.next('a', 100)).toBe(201)
    const late = sequences.remember('a', 300)
    sequences.remember('a', 301)
    late()
    expect(sequences.next('a', 100)).toBe(302)
    sequences.remember('b', 9)()
    expect(sequences.next('b', 1)).toBe(1)
  })

  it('says so when there is no higher one', () => {
    const sequences = new Sequences()
    sequences.remember('a', MAX - 1)
    expect(sequences.next('a', 1)).toBe(MAX)
    sequences.remember('a', MAX)
    expect(() => sequences.next('a', 1)).toThrow(
      expect.objectContaining({ code: 'ERR_DHT_SEQUENCE_LOW' }),
    )
  })

  it('remembers so many names, those that were put last', () => {
    const sequences = new Sequences(2)
    for (const name of ['a', 'b', 'a', 'c']) sequences.remember(name, 10)
    const next = (name: string) => sequences.next(name, 1)
    expect([next('a'), next('b'), next('c')]).toEqual([11, 1, 11])
  })
})
