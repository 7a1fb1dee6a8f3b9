import { describe, expect, it } from 'vitest'
import { RestartLedger } from '../../../dist/supervisor/decisions.ts'
import {
  chooseNode,
  loadScore,
  type CandidateNode,
  type NodeSelector,
} from '../../../dist/supervisor/placement.ts'
import { rendezvousNode } from '../../../dist/supervisor/rendezvous.ts'

const node = (keyHex: string, more: Partial<CandidateNode> = {}): CandidateNode => ({
  ...{ id: `${keyHex}@h:1`, keyHex, isLocal: false, children: 0, load: undefined },
  ...more,
})
const facts = { lastKeyHex: undefined, chance: 0 }
const load = (processes: number, lagMs = 0) => ({ processes, runQueue: 0, lagMs })

describe('chooseNode', () => {
  const nodes = [
    node('a', { children: 2, load: load(50) }),
    node('b', { children: 1, isLocal: true, load: load(40, 100) }),
    node('c', { children: 3 }),
  ]
  const cases: readonly [string, NodeSelector, string | undefined][] = [
    ['the local one', 'local_first', 'b'],
    ['the one with the fewest children', 'least_children', 'b'],
    // 40 processes, but a loop that is 100 ms late, count as 120.
    ['NX-D21 the least loaded by what nodes measured', 'least_loaded', 'a'],
    ['a named one by id', { node: 'c@h:1' }, 'c'],
    ['a named one by key', { node: 'c' }, 'c'],
    ['no other than the named one', { node: 'd@h:1' }, undefined],
    ['what a function says', (all) => all[2]?.id, 'c'],
    ['none if a function gives none', () => undefined, undefined],
  ]
  it.each(cases)('takes %s', (_what, selector, expected) => {
    expect(chooseNode(selector, nodes, 'child', facts)?.keyHex).toBe(expected)
  })

  it('round_robin goes on behind the last one, also if that one is gone', () => {
    const after = (lastKeyHex: string | undefined): string | undefined =>
      chooseNode('round_robin', nodes, 'x', { lastKeyHex, chance: 0 })?.keyHex
    expect([undefined, 'a', 'aa', 'b', 'c', 'z'].map(after)).toEqual(['a', 'b', 'b', 'c', 'a', 'a'])
  })

  it('random takes every one by chance, and none without nodes', () => {
    const at = (chance: number): string | undefined =>
      chooseNode('random', nodes, 'x', { lastKeyHex: undefined, chance })?.keyHex
    expect([0, 0.34, 0.67, 0.999_999].map(at)).toEqual(['a', 'b', 'c', 'c'])
    expect(chooseNode('random', [], 'x', facts)).toBeUndefined()
  })

  it('local_first goes to the one with the fewest children when the local one is left out', () => {
    const others = nodes.filter(({ isLocal }) => !isLocal)
    expect(chooseNode('local_first', others, 'x', facts)?.keyHex).toBe('a')
  })

  it('a load counts waiting processes too', () => {
    expect(loadScore({ processes: 10, runQueue: 5, lagMs: 50 })).toBe(30)
  })
})

describe('rendezvous hashing', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `child-${index}`)
  const nodes = (count: number): string[] => Array.from({ length: count }, (_, i) => `node-${i}`)

  it.each([2, 3, 5, 10, 30])(
    'G12 a node that joins %i others takes its share, and moves nothing else',
    (n) => {
      const before = nodes(n)
      const after = nodes(n + 1)
      const places = keys.map((key) => rendezvousNode(key, after))
      const moved = places.filter((place, i) => rendezvousNode(keys[i]!, before) !== place)
      expect(moved.length).toBeLessThanOrEqual((keys.length / (n + 1)) * 1.2)
      expect(moved.length).toBeGreaterThan((keys.length / (n + 1)) * 0.8)
      expect([...new Set(moved)]).toEqual([`node-${n}`])
      const shares = after.map((node) => places.filter((place) => place === node).length)
      expect(Math.max(...shares)).toBeLessThan((keys.length / (n + 1)) * 1.2)
    },
  )

  it('does not depend on the order of nodes', () => {
    const all = nodes(7)
    for (const key of keys.slice(0, 100)) {
      expect(rendezvousNode(key, all.toReversed())).toBe(rendezvousNode(key, all))
    }
    expect(rendezvousNode('x', [])).toBeUndefined()
  })
})

describe('RestartLedger', () => {
  it('G12 counts crashes on all nodes together, and the loss of a node once', () => {
    const ledger = new RestartLedger({ intensity: 2, periodMs: 1_000 })
    expect([1, 2, 3].map(() => ledger.mayRestart('a', 'noconnection', 0))).toEqual([
      ...[true, true, true],
    ])
    expect(ledger.recent(0)).toBe(1)
    expect(ledger.mayRestart('b', new Error('crash'), 10)).toBe(true)
    expect(ledger.mayRestart('c', new Error('crash'), 20)).toBe(false)
    // Lost again only after something ran there again.
    ledger.started('a')
    expect(ledger.mayRestart('a', 'noconnection', 30)).toBe(false)
    expect(ledger.mayRestart('a', 'noconnection', 2_000)).toBe(true)
  })
})
