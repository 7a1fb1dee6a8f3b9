import { describe, expect, it } from 'vitest'
import { setNewest } from '../../../mesh/machine/newest.ts'

describe('a map of the newest', () => {
  it('forgets the key that was set longest ago, at one more than the limit', () => {
    const map = new Map<string, number>()
    const forgot = ['a', 'b', 'a', 'c', 'd'].map((key, i) => setNewest(map, key, i, 2))
    expect(forgot).toEqual([false, false, false, true, true])
    expect([...map]).toEqual([
      ['c', 3],
      ['d', 4],
    ])
  })

  it('sets a key that is there behind the others, with its new value', () => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ])
    expect(setNewest(map, 'a', 3, 2)).toBe(false)
    expect([...map]).toEqual([
      ['b', 2],
      ['a', 3],
    ])
  })

  it('keeps nothing when nothing may be kept', () => {
    const map = new Map<string, number>()
    expect(setNewest(map, 'a', 1, 0)).toBe(true)
    expect(map.size).toBe(0)
  })
})
