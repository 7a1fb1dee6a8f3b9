import { describe, expect, it } from 'vitest'
import { chooseNeighbours } from '../../../mesh/topology/neighbours.ts'

const none = new Set<string>()
const first = () => 0

describe('chooseNeighbours', () => {
  it('takes the next and the one before on the ring, and two by chance', () => {
    const living = ['a', 'b', 'c', 'e', 'f', 'g', 'h']
    const { ring, random } = chooseNeighbours({
      ...{ own: 'd', living, chosen: none, k: 4, chance: first },
    })
    expect(ring).toEqual(['e', 'c'])
    expect(random).toHaveLength(2)
    for (const key of random) expect(['a', 'b', 'f', 'g', 'h']).toContain(key)
  })

  it.each([
    ['the first key of all', 'a', ['b', 'h']],
    ['the last key of all', 'h', ['a', 'g']],
  ])('wraps around for %s', (_, own, expected) => {
    const living = Array.from('abcdefgh').filter((key) => key !== own)
    const { ring } = chooseNeighbours({ own, living, chosen: none, k: 4, chance: first })
    expect(ring).toEqual(expected)
  })

  it('keeps who was chosen as long as it lives, and nobody else', () => {
    const living = Array.from('abcefghij')
    const chosen = new Set(['a', 'h', 'gone'])
    const { ring, random } = chooseNeighbours({ own: 'd', living, chosen, k: 4, chance: first })
    expect(ring).toEqual(['e', 'c'])
    expect([...random].sort()).toEqual(['a', 'h'])
  })

  it.each([0, 1, 2, 3, 4])('takes all of %i others', (count) => {
    const living = Array.from('abce').slice(0, count)
    const { ring, random } = chooseNeighbours({
      ...{ own: 'd', living, chosen: none, k: 4, chance: first },
    })
    expect([...ring, ...random].sort()).toEqual(living)
  })

  it.each([
    [1, 1, 0],
    [2, 1, 1],
    [3, 2, 1],
    [5, 3, 2],
    [8, 4, 4],
  ])('of k = %i takes %i by the ring and %i by chance', (k, ringSize, randomSize) => {
    const living = Array.from({ length: 40 }, (_, i) => String(i).padStart(2, '0'))
    const { ring, random } = chooseNeighbours({
      ...{ own: '19x', living, chosen: none, k, chance: () => 0.99 },
    })
    expect([ring.length, random.length]).toEqual([ringSize, randomSize])
    const after = Math.ceil(ringSize / 2)
    const expected = living.slice(20, 20 + after)
    const before = living.slice(20 - (ringSize - after), 20).reverse()
    expect(ring).toEqual([...expected, ...before])
  })
})
