import { describe, expect, it } from 'vitest'
import { Pairs } from '../../../mesh/catalog/pairs.ts'

function scene(relayedPeersMax = 2) {
  const said: string[] = []
  const pairs = new Pairs(
    { relayedPeersMax, leaseMs: 1_000, askRetryMs: 100, askRetryMaxMs: 200 },
    {
      linked: (_nowMs, peer, life) => void said.push(`linked ${peer} ${life}`),
      unlinked: (_nowMs, peer) => void said.push(`unlinked ${peer}`),
    },
  )
  return { pairs, said }
}

describe('pairs', () => {
  it('begin once, in the life that is known or said, and begin anew with a later one', () => {
    const { pairs, said } = scene()
    expect(pairs.meet(0, 'a', 3)).toBe(true)
    expect(pairs.meet(0, 'a', 3)).toBe(true)
    for (const life of [3, 7, 7, 5, 8]) expect(pairs.heard(0, 'a', life)).toBe(true)
    expect(pairs.heard(0, 'b', 9)).toBe(true)
    expect(said).toEqual(['linked a 3', 'linked a 7', 'linked a 8', 'linked b 9'])
  })

  it('are relayedPeersMax at most, one more is refused unless one of them is broken', () => {
    const { pairs, said } = scene(2)
    const began = [pairs.meet(0, 'a', 0), pairs.heard(0, 'b', 1), pairs.heard(0, 'c', 1)]
    expect(began).toEqual([true, true, false])
    expect(pairs.size).toBe(2)
    pairs.lost(0, 'b', pairs.round('b')!)
    expect(pairs.meet(0, 'c', 1)).toBe(true)
    expect([pairs.size, pairs.round('b')]).toEqual([2, undefined])
    expect(said).toEqual(['linked a 0', 'linked b 1', 'unlinked b', 'linked c 1'])
  })

  it('break once by what got lost of one time, and begin anew ever later until they end', () => {
    const { pairs, said } = scene()
    pairs.meet(0, 'a', 0)
    const first = pairs.round('a')!
    pairs.lost(10, 'a', first)
    pairs.lost(10, 'a', first)
    expect(said).toEqual(['linked a 0', 'unlinked a'])
    const times: number[] = []
    while (pairs.nextDeadline() < Infinity) {
      const nowMs = pairs.nextDeadline()
      pairs.tick(nowMs)
      const round = pairs.round('a')
      if (round === undefined) continue
      times.push(nowMs)
      pairs.lost(nowMs, 'a', first)
      expect(pairs.round('a')).toBe(round)
      pairs.lost(nowMs, 'a', round)
    }
    expect(times).toEqual([110, 310, 510, 710, 910])
    expect(pairs.size).toBe(0)
    expect(said.filter((text) => text.startsWith('linked'))).toHaveLength(6)
    expect(said.filter((text) => text.startsWith('unlinked'))).toHaveLength(6)
  })

  it('are mended at once by a word of the other', () => {
    const { pairs, said } = scene()
    pairs.meet(0, 'a', 1)
    pairs.lost(10, 'a', pairs.round('a')!)
    expect(pairs.heard(20, 'a', 1)).toBe(true)
    expect(pairs.round('a')).toBeDefined()
    expect(said).toEqual(['linked a 1', 'unlinked a', 'linked a 1'])
  })

  it('end when nothing was said for a lease, and not before', () => {
    const { pairs, said } = scene()
    pairs.meet(0, 'a', 1)
    pairs.heard(900, 'a', 1)
    expect(pairs.nextDeadline()).toBe(1_000)
    pairs.tick(1_000)
    expect(pairs.size).toBe(1)
    expect(pairs.nextDeadline()).toBe(1_900)
    pairs.tick(1_900)
    expect(pairs.size).toBe(0)
    expect(pairs.nextDeadline()).toBe(Infinity)
    expect(said.at(-1)).toBe('unlinked a')
  })

  it('say nothing when a link takes over', () => {
    const { pairs, said } = scene()
    pairs.meet(0, 'a', 0)
    const round = pairs.round('a')!
    pairs.replaced('a')
    pairs.end(0, 'a')
    pairs.lost(0, 'a', round)
    expect(said).toEqual(['linked a 0'])
  })
})
