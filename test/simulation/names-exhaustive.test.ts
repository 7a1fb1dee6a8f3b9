/**
 * Global names in every order of events, for three nodes, two names and two cuts, as the model of syn (G15). What a node does
 * about one name does not depend on others, which is checked here step by step, so all orders for two names are all
 * orders for one, twice, with the same cuts. `npm test` tries them for registrations; `npm run test:sim` also for names that
 * are taken over and processes that end, and for two names and three nodes without that short cut and without cuts.
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
/** Who takes names over, and how many processes end. */
const TAKING: readonly Omit<SearchBudget, 'nodes' | 'names'>[] = full
  ? [
      { cuts: 2, over: [1] },
      { cuts: 2, over: [0, 1] },
      { cuts: 2, over: [0, 1, 2] },
      { cuts: 2, exits: 1 },
      { cuts: 2, over: [1], exits: 1 },
      { cuts: 3, over: [1] },
    ]
  : [{ cuts: 1, over: [1] }]
const RESOLVERS_HERE = Object.entries(RESOLVERS).slice(0, full ? 3 : 2)

function search(budget: SearchBudget, chooser: Chooser, parts = new NameParts()): ExhaustiveResult {
  return new NamesSearch(budget, chooser, parts.listener(budget.names)).run()
}

/** Orders that left a name to nobody, as they were found: a claim that was ended came back from behind a cut, */
const CAME_BACK = [
  '0 registers x; 0 to 1; 0 to 2; 1 to 0; 2 to 0; 0 to 1; 0 to 2; cut 0 2; 2 registers x; 2 to 1; 1',
  'to 2; 2 to 1; join 0 2; 0 to 2; 2 to 0; 0 to 1; 1 registers x; 1 to 0; 0 to 1; 1 to 2; 0 to 2; 2',
  'to 1; 1 to 2; 2 to 0; cut 0 1; join 0 1; 1 to 0; 0 to 2; 2 to 1; 0 to 1; 0 to 1; 1 to 0; 1 to 0',
  '1 to 2; 1 to 2',
].flatMap((line) => line.split('; '))
/** and three gave way, lost and were replaced in a ring. */
const RING = [
  '0 registers x; 0 to 1; 0 to 2; 1 to 0; 2 to 0; 0 to 1; 0 to 2; cut 0 1; cut 0 2; 2 registers x',
  '2 to 1; 1 to 2; 2 to 1; 1 registers x; 1 to 2; 2 to 1; join 0 1; 0 to 1; 1 to 0; 1 to 0; join 0',
  '2; 0 to 2; 1 to 2; 1 to 2; 2 to 0; 0 to 1; 0 to 2; 2 to 0; 2 to 1',
].flatMap((line) => line.split('; '))

/** What is replaced has won more than somebody who has won more than what replaces it: that takes seven nodes. */
function winners(): string[] {
  const nodes = [0, 1, 2, 3, 4, 5, 6]
  const cuts = nodes.flatMap((a) => nodes.slice(a + 1).map((b) => `cut ${a} ${b}`))
  const wanted = [0, 1, 2, 3, 5, 6].map((node) => `${node} registers x`)
  const meet = (a: number, b: number): string[] => [
    `join ${a} ${b}`,
    ...Array.from({ length: 6 }, () => [`${a} to ${b}`, `${b} to ${a}`]).flat(),
  ]
  const part = (a: number, b: number): string[] => [...meet(a, b), `cut ${a} ${b}`]
  const wins = [...part(5, 6), ...part(0, 1), ...part(0, 5), ...part(2, 3), ...meet(0, 4)]
  const taken = ['4 registers x', '4 to 0', '0 to 4', 'join 0 2', 'join 2 4', '2 to 4', '0 to 2']
  return [...cuts, ...wanted, ...wins, ...taken]
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

  it.each(TAKING)(
    'G15 GL-05 the same when they are taken over and processes end (%j)',
    (budget) => {
      const result = search({ ...ONE, ...budget }, chooser)
      expect(result).toMatchObject({ faults: [], isComplete: true })
    },
    1_800_000,
  )
})

describe('names that are taken over', () => {
  it.each([
    {
      found: 'a claim that comes back',
      steps: CAME_BACK,
      nodes: 3,
      over: [1],
      choice: 'own' as const,
    },
    { found: 'a ring', steps: RING, nodes: 3, over: [1], choice: 'rival' as const },
    { found: 'winners', steps: winners(), nodes: 7, over: [4], choice: 'own' as const },
  ])('GL-05 G4 are somebody’s in the end: $found', ({ steps, nodes, over, choice }) => {
    const world = new NamesSearch({ nodes, names: ['x'], cuts: 60, over }, () => choice)
    expect(world.follow(steps)).toEqual([])
  })
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
