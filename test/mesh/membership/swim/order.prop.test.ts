import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { merge, type Knowledge } from '../../../../mesh/membership/swim/order.ts'
import { Rank, type MemberStatus, type Update } from '../../../../mesh/membership/swim/message.ts'
import { Bench, statementOf } from './fake-world.ts'

const SEED = 4_001

const knowledge = fc
  .record({
    generation: fc.integer({ min: 1, max: 3 }),
    counter: fc.integer({ min: 0, max: 3 }),
    meta: fc.uint8Array({ maxLength: 2 }),
    port: fc.integer({ min: 1, max: 2 }),
    status: fc.constantFrom<MemberStatus>('alive', 'suspect', 'dead', 'left'),
  })
  .map(({ status, ...fields }): Knowledge => ({
    status,
    statement: statementOf('a', { ...fields, left: status === 'left' }),
  }))

describe('merge', () => {
  it('S1 is commutative, associative and idempotent for arbitrary records', () => {
    fc.assert(
      fc.property(knowledge, knowledge, knowledge, (a, b, c) => {
        expect(merge(a, b)).toEqual(merge(b, a))
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)))
        expect(merge(a, a)).toEqual(a)
      }),
      { seed: SEED, numRuns: 10_000 },
    )
  })

  it('S2 any order and repetition of the same records gives the same result', () => {
    const shuffled = fc.array(knowledge, { minLength: 1, maxLength: 12 }).chain((records) =>
      fc.tuple(
        fc.constant(records),
        fc.shuffledSubarray([...records, ...records], {
          minLength: records.length * 2,
          maxLength: records.length * 2,
        }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([records, other]) => {
        const [first, ...rest] = records
        const [otherFirst, ...otherRest] = other
        expect(otherRest.reduce(merge, otherFirst!)).toEqual(rest.reduce(merge, first!))
      }),
      { seed: SEED, numRuns: 2_000 },
    )
  })

  it('S4 is inflationary: nothing known gets older', () => {
    fc.assert(
      fc.property(knowledge, knowledge, (a, b) => {
        const merged = merge(a, b)
        expect(merge(merged, a)).toEqual(merged)
        expect(merge(merged, b)).toEqual(merged)
      }),
      { seed: SEED, numRuns: 5_000 },
    )
  })
})

describe('the table of a core', () => {
  const statements = fc.array(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      counter: fc.integer({ min: 0, max: 3 }),
      port: fc.integer({ min: 1, max: 2 }),
    }),
    { minLength: 1, maxLength: 10 },
  )

  it('S2 does not depend on the order of what came in', () => {
    const both = statements.chain((list) =>
      fc.tuple(
        fc.constant(list),
        fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }),
      ),
    )
    const view = (list: readonly { id: string; counter: number; port: number }[]) => {
      const bench = new Bench('z')
      const updates = list.map(({ id, counter, port }): Update => {
        return { type: 'statement', statement: statementOf(id, { counter, port }) }
      })
      bench.gossip('a', ...updates, ...updates)
      // What is accused is what everybody knows by now; whoever accuses first does not matter.
      const accusations = list.map(({ id }, index): Update => {
        const { generation = 1, counter = 0 } = bench.core.member(id) ?? {}
        return { type: index === 0 ? 'dead' : 'suspect', id, generation, counter, accuser: 'z' }
      })
      bench.gossip('a', ...accusations.slice(1).sort(() => -1))
      return bench.core
        .members()
        .map(({ id, counter, port }) => `${id} ${counter} ${port}`)
        .sort()
    }
    fc.assert(
      fc.property(both, ([list, shuffled]) => {
        expect(view(shuffled)).toEqual(view(list))
      }),
      { seed: SEED, numRuns: 300 },
    )
  })
})

/** What a core holds after news about a member that it holds at counter 5. */
const PRECEDENCE: Record<MemberStatus, Record<'lower' | 'equal' | 'higher', string[]>> = {
  // News:        alive      suspect      dead       left
  alive: {
    lower: ['alive 5', 'alive 5', 'alive 5', 'alive 5'],
    equal: ['alive 5', 'suspect 5', 'dead 5', 'left 5'],
    higher: ['alive 6', 'alive 5', 'alive 5', 'left 6'],
  },
  suspect: {
    lower: ['suspect 5', 'suspect 5', 'suspect 5', 'suspect 5'],
    equal: ['suspect 5', 'suspect 5', 'dead 5', 'left 5'],
    higher: ['alive 6', 'suspect 5', 'suspect 5', 'left 6'],
  },
  dead: {
    lower: ['dead 5', 'dead 5', 'dead 5', 'dead 5'],
    equal: ['dead 5', 'dead 5', 'dead 5', 'left 5'],
    higher: ['alive 6', 'dead 5', 'dead 5', 'left 6'],
  },
  left: {
    lower: ['left 5', 'left 5', 'left 5', 'left 5'],
    equal: ['left 5', 'left 5', 'left 5', 'left 5'],
    higher: ['alive 6', 'left 5', 'left 5', 'left 6'],
  },
}

const STATUSES = Object.keys(Rank) as MemberStatus[]

function news(status: MemberStatus, counter: number): Update {
  if (status === 'alive' || status === 'left') {
    return { type: 'statement', statement: statementOf('x', { counter, left: status === 'left' }) }
  }
  return { type: status, id: 'x', generation: 1, counter, accuser: 'b' }
}

describe('precedence', () => {
  const cases = STATUSES.flatMap((held) =>
    (['lower', 'equal', 'higher'] as const).flatMap((age) =>
      STATUSES.map((incoming, column) => ({
        held,
        age,
        incoming,
        expected: PRECEDENCE[held][age][column],
      })),
    ),
  )
  it.each(cases)('S3 $held, then $incoming at a(n) $age incarnation: $expected', (row) => {
    const bench = new Bench('z')
    bench.gossip('b', { type: 'statement', statement: statementOf('x', { counter: 5 }) })
    if (row.held !== 'alive') bench.gossip('b', news(row.held, 5))
    expect(bench.statusOf('x')).toBe(row.held)
    bench.gossip('c', news(row.incoming, 5 + { lower: -1, equal: 0, higher: 1 }[row.age]))
    const { status, counter } = bench.core.member('x') ?? {}
    expect(`${status} ${counter}`).toBe(row.expected)
  })
})
