import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FilterMap } from '../../../mesh/topics/filter-map.ts'
import { checkFilter, isFilter, matchesFilter } from '../../../mesh/topics/topic.ts'

/** As `toEqual`, without its cost when all is well. */
function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
}

/** As the rule is told, in the time that it takes. */
function matchesNaively(filter: readonly string[], topic: readonly string[]): boolean {
  const [first, ...rest] = filter
  if (first === undefined) return topic.length === 0
  if (first === '**') {
    return (
      matchesNaively(rest, topic) || (topic.length > 0 && matchesNaively(filter, topic.slice(1)))
    )
  }
  return (
    topic.length > 0 &&
    (first === '*' || first === topic[0]) &&
    matchesNaively(rest, topic.slice(1))
  )
}

/** With the rule of `$`. */
function isNaiveMatch(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && filter.startsWith('*')) return false
  return matchesNaively(filter.split('.'), topic.split('.'))
}

const WORDS = ['a', 'b', 'c', '$s', '__proto__']
const topics = fc
  .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 6 })
  .map((words) => words.join('.'))
const filters = fc
  .array(fc.constantFrom(...WORDS, '*', '*', '**', '#'), { minLength: 1, maxLength: 6 })
  .map((words) => checkFilter(words.join('.')))
const values = fc.constantFrom('1', '2', '3')

type Step =
  | { readonly type: 'add' | 'delete'; readonly filter: string; readonly value: string }
  | { readonly type: 'match'; readonly topic: string }
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant('add' as const), filter: filters, value: values }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('delete' as const),
        filter: filters,
        value: values,
      }),
    },
    { weight: 6, arbitrary: fc.record({ type: fc.constant('match' as const), topic: topics }) },
  ),
  { minLength: 20, maxLength: 200 },
)

describe('PS2 equivalence with the naive rule', () => {
  it('PS2 one filter and one topic', () => {
    fc.assert(
      fc.property(filters, topics, (filter, topic) => {
        same(isFilter(filter), true)
        same(matchesFilter(filter, topic), isNaiveMatch(filter, topic))
      }),
      { seed: 6, numRuns: 5_000 },
    )
    expect(matchesFilter('**', 'a')).toBe(true)
  })

  it('PS2 what is added, deleted and matched in any order; afterwards nothing is left', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(0, 2, 1_024), (all, cacheEntriesMax) => {
        const map = new FilterMap<string>({ cacheEntriesMax })
        const model = new Map<string, { readonly filter: string; readonly value: string }>()
        for (const step of all) {
          if (step.type === 'match') {
            const found: string[] = []
            map.match(step.topic, (value, filter) => found.push(`${filter} ${value}`))
            const expected = Array.from(model).filter(([, { filter }]) =>
              isNaiveMatch(filter, step.topic),
            )
            same(found.sort(), expected.map(([key]) => key).sort())
            same(map.isMatched(step.topic), expected.length > 0)
          } else {
            const { type, filter, value } = step
            const key = `${filter} ${value}`
            same(map[type](filter, value), type === 'add' ? !model.has(key) : model.has(key))
            if (type === 'add') model.set(key, step)
            else model.delete(key)
            same(map.size, model.size)
          }
        }
        for (const { filter, value } of model.values()) map.delete(filter, value)
        expect(map.size).toBe(0)
        expect(map.stats()).toMatchObject({ exact: 0, wildcard: 0, nodes: 0 })
      }),
      { seed: 6, numRuns: 1_000 },
    )
    expect(isNaiveMatch('**', '$s')).toBe(false)
  })
})
