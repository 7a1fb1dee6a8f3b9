import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CatalogKind } from '../../../mesh/catalog/catalog.ts'
import { answersOf } from '../../../mesh/catalog/answers.ts'
import { Learned } from '../../../mesh/catalog/learned.ts'
import type { AnswerGroup } from '../../../mesh/catalog/message.ts'
import { catalogSettings } from '../../../mesh/catalog/settings.ts'

type Act =
  | {
      readonly type: 'answer'
      readonly kind: CatalogKind
      readonly name: string
      readonly groups: readonly AnswerGroup[]
    }
  | { readonly type: 'drop'; readonly kind: CatalogKind; readonly name: string }
  | { readonly type: 'forget'; readonly node: string }

const kind = fc.constantFrom('topic' as const, 'procedure' as const)
const name = fc.constantFrom('a', 'a.b', 'a.*', '**')
const node = fc.constantFrom('n1', 'n2', 'n3')
const group: fc.Arbitrary<AnswerGroup> = fc.record({
  node,
  via: fc.constantFrom(undefined, 'g1'),
  items: fc.array(
    fc.record({
      pattern: fc.constantFrom('a', 'a.*', '**'),
      detail: fc.constantFrom({}, { plain: 1 }),
    }),
    { maxLength: 3 },
  ),
})
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    ...{ type: fc.constant('answer' as const), kind, name },
    groups: fc.uniqueArray(group, { maxLength: 3, selector: (each) => each.node }),
  }),
  fc.record({ type: fc.constant('drop' as const), kind, name }),
  fc.record({ type: fc.constant('forget' as const), node }),
)

describe('what an edge peer has learned', () => {
  it('is what the last answers for names that are sought say, and every change of it is told once', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const learned = new Learned()
        const told = new Map<string, string>()
        learned.changed = ({ type, entry }) => {
          const id = `${entry.kind} ${entry.node} ${entry.pattern}`
          expect(told.has(id)).toBe(type !== 'added')
          if (type === 'removed') told.delete(id)
          else told.set(id, `${entry.via} ${JSON.stringify(entry.detail)}`)
        }
        const answers = new Map<string, Set<string>>()
        for (const one of acts) {
          if (one.type === 'forget') {
            learned.forget(one.node)
            for (const ids of answers.values()) {
              for (const id of ids) if (id.split(' ')[1] === one.node) ids.delete(id)
            }
            continue
          }
          const key = `${one.kind} ${one.name}`
          answers.delete(key)
          if (one.type === 'drop') {
            learned.drop(one.kind, one.name)
            continue
          }
          learned.answer(1, one.kind, one.name, one.groups)
          const ids = one.groups.flatMap((each) =>
            each.items.map(({ pattern }) => `${one.kind} ${each.node} ${pattern}`),
          )
          answers.set(key, new Set(ids))
        }
        const expected = new Set(Array.from(answers.values()).flatMap((ids) => [...ids]))
        expect(new Set(told.keys())).toEqual(expected)
        expect(learned.size).toBe(expected.size)
        // Looked up is only what an answer for a name has.
        const named = Array.from(answers).flatMap(([of, ids]) => (of.includes('*') ? [] : [...ids]))
        const found: string[] = []
        for (const each of ['topic', 'procedure'] as const) {
          learned.match(each, 'a', (entry) => found.push(`${each} ${entry.node} ${entry.pattern}`))
        }
        const matching = new Set(named.filter((id) => id.endsWith(' a') || id.endsWith(' **')))
        expect(found.toSorted()).toEqual([...matching].toSorted())
        expect([...learned.entries('topic'), ...learned.entries('procedure')]).toHaveLength(
          expected.size,
        )
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('of a node that has no use for a name is only what does not match it', () => {
    const learned = new Learned()
    const items = ['a', 'a.*', '**'].map((pattern) => ({ pattern, detail: {} }))
    learned.answer(1, 'topic', 'a', [{ node: 'n1', via: undefined, items }])
    learned.forget('n1', 'topic', 'a.b')
    expect([...learned.entries('topic')].map(({ pattern }) => pattern)).toEqual(['a'])
  })
})

describe('a name of an edge peer', () => {
  const learnedOf = (names: Readonly<Record<string, readonly string[]>>): Learned => {
    const learned = new Learned()
    for (const [topic, nodes] of Object.entries(names)) {
      const items = [{ pattern: topic, detail: {} }]
      const groups = nodes.map((each) => ({ node: each, via: undefined, items }))
      learned.answer(1, 'topic', topic, groups)
    }
    return learned
  }

  it('PS6 is doubtful from when a node that it had was lost until the next answer', () => {
    const learned = learnedOf({ a: ['n1', 'n2'], b: ['n2'] })
    learned.lose('n1')
    expect(learned.isDoubtful('topic', 'a')).toBe(true)
    expect(learned.isDoubtful('procedure', 'a')).toBe(false)
    expect(learned.isDoubtful('topic', 'b')).toBe(false)
    expect([...learned.entries('topic')].map((entry) => entry.node)).toEqual(['n2', 'n2'])
    learned.answer(2, 'topic', 'a', [])
    expect(learned.isDoubtful('topic', 'a')).toBe(false)
  })

  it('PS6 is doubtful when there may be more than an answer says, until one that says all', () => {
    const learned = learnedOf({ a: ['n1'] })
    for (const isPartial of [true, true, false]) {
      learned.answer(2, 'topic', 'a', [], isPartial)
      expect(learned.isDoubtful('topic', 'a')).toBe(isPartial)
    }
  })

  it('is not when that node said itself that it has no use for it, or nobody seeks it any more', () => {
    const learned = learnedOf({ a: ['n1', 'n2'] })
    learned.forget('n1', 'topic', 'a')
    expect(learned.isDoubtful('topic', 'a')).toBe(false)
    learned.lose('n2')
    expect(learned.isDoubtful('topic', 'a')).toBe(true)
    learned.drop('topic', 'a')
    expect(learned.isDoubtful('topic', 'a')).toBe(false)
  })
})

describe('the answer of a gateway', () => {
  const entry = (at: number): Parameters<typeof answersOf>[1][number] => ({
    ...{
      kind: 'topic',
      pattern: `some.topic.${at}`,
      node: `n${at % 7}`,
      via: undefined,
      detail: {},
    },
    sinceMs: 1,
  })
  const entries = Array.from({ length: 500 }, (_, at) => entry(at))

  it('is cut into messages of bounded size, the last one marked; one says that there is nothing', () => {
    const settings = catalogSettings({ frameBytesMax: 2_048 })
    const parts = answersOf(5, entries, settings)
    expect(parts.length).toBeGreaterThan(10)
    expect(parts.map(({ last }) => last)).toEqual(parts.map((_, at) => at === parts.length - 1))
    const items = parts.flatMap(({ groups }) => groups.flatMap((each) => each.items))
    expect(new Set(items.map(({ pattern }) => pattern)).size).toBe(500)
    expect(answersOf(6, [], settings)).toEqual([
      { type: 'answer', number: 6, last: true, groups: [] },
    ])
  })

  it('has answerEntriesMax entries, not one more', () => {
    const count = (max: number): number => {
      const parts = answersOf(1, entries, catalogSettings({ answerEntriesMax: max }))
      return parts.flatMap(({ groups }) => groups.flatMap(({ items }) => items)).length
    }
    expect([count(499), count(500), count(501)]).toEqual([499, 500, 500])
  })
})
