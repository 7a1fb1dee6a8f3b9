import { describe, expect, it } from 'vitest'
import { Pairs } from '../../../mesh/catalog/pairs.ts'

function scene(relayedPeersMax = 2) {
  const said: string[] = []
  const pairs = new Pairs(
    { relayedPeersMax, leaseMs: 1_000 },
    {
      linked: (_nowMs, peer, life) => void said.push(`linked ${peer} ${life}`),
      unlinked: (_nowMs, peer) => void said.push(`unlinked ${peer}`),
    },
  )
  return { pairs, said }
}

describe('pairs', () => {
  it('begin once, learn the life of the other, and begin anew with a later one', () => {
    const { pairs, said } = scene()
    expect(pairs.meet(0, 'a')).toBe(true)
    expect(pairs.meet(0, 'a')).toBe(true)
    expect(pairs.heard(0, 'a', undefined)).toBe(true)
    expect(pairs.heard(0, 'a', 7)).toBe(true)
    expect(pairs.heard(0, 'a', 7)).toBe(true)
    expect(pairs.heard(0, 'a', 8)).toBe(true)
    expect(said).toEqual(['linked a 0', 'linked a 7', 'linked a 8'])
  })

  it('are relayedPeersMax at most, one more is refused', () => {
    const { pairs } = scene(2)
    expect([pairs.meet(0, 'a'), pairs.heard(0, 'b', 1), pairs.heard(0, 'c', 1)]).toEqual([
      true,
      true,
      false,
    ])
    expect(pairs.size).toBe(2)
    pairs.end(0, 'a')
    expect(pairs.meet(0, 'c')).toBe(true)
  })

  it('end when nothing was said for a lease, and not before', () => {
    const { pairs, said } = scene()
    pairs.meet(0, 'a')
    pairs.heard(900, 'a', 1)
    expect(pairs.nextDeadline()).toBe(1_000)
    pairs.tick(1_000)
    expect(pairs.has('a')).toBe(true)
    expect(pairs.nextDeadline()).toBe(1_900)
    pairs.tick(1_900)
    expect(pairs.has('a')).toBe(false)
    expect(pairs.nextDeadline()).toBe(Infinity)
    expect(said.at(-1)).toBe('unlinked a')
  })

  it('say nothing when a link takes over', () => {
    const { pairs, said } = scene()
    pairs.meet(0, 'a')
    pairs.replaced('a')
    pairs.end(0, 'a')
    expect(said).toEqual(['linked a 0'])
  })
})
