/**
 * Global names in every order of events (G2, G15), as syn checks its registry: all orders for two nodes, one name and two cuts,
 * and runs by chance of up to five nodes, two names and six cuts. `npm run test:sim` adds all orders for three nodes and one
 * name, and for two nodes, two names and a cut (tens of thousands of states each), and makes a hundred thousand runs.
 */
import { describe, expect, it } from 'vitest'
import { explore, wander } from './names-explore.ts'
import type { Chooser } from './names-model.ts'
import { simulationSize } from './size.ts'

const { full, firstSeed } = simulationSize()
const RUNS = full ? 33_334 : 150

/** Resolvers: the usual one, one that always gives way, and one of whose preferences no order can be made. */
const RESOLVERS: Readonly<Record<string, Chooser>> = {
  'that keeps its own': () => 'own',
  'that gives way': () => 'rival',
  'that goes round in a ring': (own, rival) => ((own + 1) % 3 === rival ? 'rival' : 'own'),
}

describe.each(Object.entries(RESOLVERS))('global names with a resolver %s', (_kind, chooser) => {
  it('G2 G15 come to one owner in every order of events, losers are told once, no name is nobody’s', () => {
    const small = explore({ nodes: 2, names: ['x'], cuts: 2 }, chooser)
    expect(small.faults).toEqual([])
    expect(small.states).toBeGreaterThan(300)
    const over = explore({ nodes: 2, names: ['x'], cuts: 1, over: true }, chooser)
    expect(over.faults).toEqual([])
    if (!full) return
    const wide = explore({ nodes: 3, names: ['x'], cuts: 0 }, chooser)
    expect(wide.faults).toEqual([])
    const deep = explore({ nodes: 2, names: ['x', 'y'], cuts: 1 }, chooser)
    expect(deep.faults).toEqual([])
    expect(Math.min(wide.states, deep.states)).toBeGreaterThan(10_000)
  }, 600_000)

  it('G2 G15 the same in runs by chance of more nodes, names and cuts', () => {
    for (let seed = firstSeed; seed < firstSeed + RUNS; seed++) {
      const nodes = 3 + (seed % 3)
      const budget = { nodes, names: ['x', 'y'], cuts: 6, over: seed % 4 === 0 }
      expect(wander(seed, budget, chooser)).toEqual([])
    }
  }, 600_000)
})
