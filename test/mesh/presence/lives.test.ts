import { describe, expect, it } from 'vitest'
import { Lives } from '../../../mesh/presence/lives.ts'

describe('lives of nodes', () => {
  it('PS14 a later life is new, an earlier one is over', () => {
    const lives = new Lives(100)
    expect(lives.hear('a', 5, 0)).toBe('same')
    expect(lives.hear('a', 5, 0)).toBe('same')
    expect(lives.hear('a', 7, 0)).toBe('new')
    expect(lives.hear('a', 5, 0)).toBe('over')
    expect(lives.of('a')).toBe(7)
    expect(lives.of('b')).toBe(0)
  })

  it('PS14 a life that is gone is not believed, unless it is back or another begins', () => {
    const lives = new Lives(100)
    lives.hear('a', 5, 0)
    expect(lives.gone('a', false, 10)).toBe(true)
    expect(lives.hear('a', 5, 20)).toBe('over')
    lives.back('a')
    expect(lives.hear('a', 5, 30)).toBe('same')
    lives.gone('a', false, 40)
    expect(lives.hear('a', 6, 50)).toBe('new')
  })

  it('PS14 nor is one that was never heard of, whichever it is', () => {
    const lives = new Lives(100)
    lives.gone('a', false, 0)
    expect(lives.hear('a', 99, 10)).toBe('over')
    lives.back('a')
    expect(lives.hear('a', 99, 20)).toBe('same')
    expect(lives.gone('b', true, 0)).toBe(true)
    expect(lives.hear('b', 1, 10)).toBe('same')
  })

  it('PS14 that a former life is over is no news after the first word of the next', () => {
    const lives = new Lives(100)
    lives.hear('a', 1, 0)
    lives.hear('a', 2, 10)
    expect(lives.gone('a', true, 20)).toBe(false)
    expect(lives.hear('a', 2, 30)).toBe('same')
    expect(lives.gone('a', true, 40)).toBe(true)
    expect(lives.hear('a', 2, 50)).toBe('over')
    expect(lives.hear('a', 3, 60)).toBe('new')
    expect(lives.gone('a', false, 70)).toBe(true)
    expect(lives.hear('a', 3, 80)).toBe('over')
  })

  it('ML6 who is gone is forgotten when nothing of it can be under way any more', () => {
    const lives = new Lives(100)
    lives.hear('a', 1, 0)
    lives.gone('a', false, 0)
    lives.gone('b', false, 50)
    expect(lives.nextDueMs).toBe(100)
    expect(lives.expire(99)).toEqual([])
    expect(lives.expire(100)).toEqual(['a'])
    expect(lives.nextDueMs).toBe(150)
    expect(lives.expire(200)).toEqual(['b'])
    expect([lives.size, lives.nextDueMs]).toEqual([0, Infinity])
    expect(lives.hear('a', 1, 200)).toBe('same')
  })
})
