/**
 * Global names in every order of events, for three nodes, two names and two cuts, as the model of syn (G15). What a node does
 * about one name does not depend on others, which is checked here step by step, so all orders for two names are all
 * orders for one, twice, with the same cuts. `npm test` tries them for registrations; `npm run test:sim` also for
 * processes that end, and for two names and three nodes without that short cut and without cuts.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Registrar } from '../../dist/names/registrar.ts'
import { NamesSearch, type ExhaustiveResult, type SearchBudget } from './names-exhaustive.ts'
import type { Chooser } from './names-model.ts'
import { NameParts } from './names-parts.ts'
import { simulationSize } from './size.ts'

const { full } = simulationSize()

const RESOLVERS: Readonly<Record<string, Chooser>> = {
  'that keeps its own': () => 'own',
  'that gives way': () => 'rival',
  'that goes round in a ring': (own, rival) => ((own + 1) % 3 === rival ? 'rival' : 'own'),
}

const ONE = { nodes: 3, names: ['x'], cuts: 2 }
/** How many processes end. */
const ENDS: readonly Pick<SearchBudget, 'cuts' | 'exits'>[] = full
  ? [
      { cuts: 2, exits: 1 },
      { cuts: 2, exits: 2 },
      { cuts: 3, exits: 1 },
    ]
  : [{ cuts: 1, exits: 1 }]
const RESOLVERS_HERE = Object.entries(RESOLVERS).slice(0, full ? 3 : 2)

function search(budget: SearchBudget, chooser: Chooser, parts = new NameParts()): ExhaustiveResult {
  return new NamesSearch(budget, chooser, parts.listener(budget.names)).run()
}

afterEach(() => vi.restoreAllMocks())

describe.each(RESOLVERS_HERE)('global names with a resolver %s', (_kind, chooser) => {
  it('G15 G2 G4 come to one owner in every order of events of three nodes and two cuts, and no name is nobody’s', () => {
    const parts = new NameParts()
    const result = search(ONE, chooser, parts)
    expect(result).toMatchObject({ faults: [], isComplete: true })
    expect(result.states).toBeGreaterThan(9_000)
    expect(result.atRest).toBeGreaterThan(50)
    // What a node does about one of two names it does about the only one, and about no other.
    const alone = parts.size
    expect(alone).toBeGreaterThan(500)
    const two = { nodes: full ? 3 : 2, names: ['x', 'y'], cuts: full ? 0 : 2 }
    expect(search(two, chooser, parts)).toMatchObject({ faults: [], isComplete: true })
    expect(parts.faults).toEqual([])
    if (full) expect(parts.size).toBe(alone)
  }, 600_000)

  it.each(ENDS)(
    'G15 G3 the same when processes with names end (%j)',
    (budget) => {
      const result = search({ ...ONE, ...budget }, chooser)
      expect(result).toMatchObject({ faults: [], isComplete: true })
    },
    1_800_000,
  )
})

describe('the search of all orders', () => {
  it('G15 notices a node that does not look at claims again, and one that does not wait for others', () => {
    const look = vi.spyOn(Registrar.prototype, 'look').mockImplementation(() => {})
    expect(search(ONE, () => 'own').faults).not.toEqual([])
    look.mockRestore()
    const { claim } = Registrar.prototype
    vi.spyOn(Registrar.prototype, 'claim').mockImplementation(function (
      this: Registrar<unknown>,
      ...given
    ) {
      const own = claim.apply(this, given)
      this.acknowledged(own)
      return own
    })
    // Two who register at once would both have the name, and then nobody.
    expect(search({ ...ONE, cuts: 0 }, () => 'none').faults).not.toEqual([])
  })
})
