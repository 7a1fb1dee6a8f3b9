/** Tables of all types against the reference model, the tree against its invariants and its promise. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareKeys, hashKey } from '../../../runtime/table/table-key.ts'
import { OrderedTree } from '../../../runtime/table/table-tree.ts'
import { createWorld } from '../world.ts'
import { ModelTable } from './table-model.ts'
import type {
  AnyTable,
  OrderedTable,
  TableKey,
  TableRange,
  TableType,
} from '../../../runtime/index.ts'

const TYPES = ['set', 'ordered_set', 'bag', 'duplicate_bag'] as const

const primitive = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-0, 0.5, Infinity, -Infinity, 2 ** 53),
  fc.bigInt({ min: -3n, max: 3n }),
  fc.boolean(),
  fc.constantFrom('', 'a', 'b', 'ab', '\u0000[', '\u0000s', 'n1;', '1'),
)
const key: fc.Arbitrary<TableKey> = fc.oneof(
  { weight: 4, arbitrary: primitive },
  { weight: 1, arbitrary: fc.array(primitive, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(fc.array(primitive, { maxLength: 2 }), { maxLength: 2 }) },
)
const value = fc.integer({ min: 0, max: 3 })
const bound = fc.option(key, { nil: undefined })
const range: fc.Arbitrary<TableRange<TableKey>> = fc.oneof(
  fc.constant({}),
  fc.record({ gte: bound, lt: bound, reverse: fc.boolean() }),
  fc.record({ gt: bound, lte: bound, reverse: fc.boolean() }),
)

type Step =
  | {
      readonly op: 'insert' | 'insertNew' | 'deleteObject'
      readonly key: TableKey
      readonly value: number
    }
  | {
      readonly op: 'insertAll' | 'insertAllNew'
      readonly rows: readonly (readonly [TableKey, number])[]
    }
  | { readonly op: 'delete' | 'take' | 'look'; readonly key: TableKey }
  | { readonly op: 'selectDelete'; readonly value: number }
  | { readonly op: 'select'; readonly range: TableRange<TableKey>; readonly limit: number }
  | { readonly op: 'deleteAll' }

const rows = fc.array(fc.tuple(key, value), { maxLength: 5 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constantFrom('insert', 'insertNew'), key, value }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('deleteObject'), key, value }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('insertAll', 'insertAllNew'), rows }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('delete', 'take', 'look'), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('selectDelete'), value }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('select'), range, limit: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('deleteAll') }) },
) as fc.Arbitrary<Step>

/** What both sides answer to one step. */
function answers(table: AnyTable, model: ModelTable, s: Step): readonly [unknown, unknown] {
  switch (s.op) {
    case 'insert':
      return [table.insert(s.key, s.value), model.insert(s.key, s.value)]
    case 'insertNew':
      return [table.insertNew(s.key, s.value), model.insertNew(s.key, s.value)]
    case 'insertAll':
      for (const [k, v] of s.rows) model.insert(k, v)
      return [table.insertAll(s.rows), undefined]
    case 'insertAllNew': {
      const fresh = !s.rows.some(([k]) => model.member(k))
      if (fresh) for (const [k, v] of s.rows) model.insert(k, v)
      return [table.insertAllNew(s.rows), fresh]
    }
    case 'delete':
      return [table.delete(s.key), model.take(s.key).length > 0]
    case 'take':
      return [table.take(s.key), model.take(s.key)]
    case 'deleteObject':
      return [table.deleteObject(s.key, s.value), model.deleteObject(s.key, s.value)]
    case 'look':
      return [look(table, s.key), lookModel(model, s.key)]
    case 'selectDelete':
      return [
        table.selectDelete({ value: s.value }),
        model.deleteWhere((other) => other === s.value),
      ]
    case 'select': {
      const bounds = table.type === 'ordered_set' ? s.range : {}
      const test = (v: unknown): boolean => v !== 0
      const expected = model.all(bounds).filter(([, v]) => test(v))
      return [
        [table.select(test, { ...bounds, limit: s.limit }), table.selectCount(test, bounds)],
        [expected.slice(0, s.limit), expected.length],
      ]
    }
    case 'deleteAll':
      model.deleteWhere(() => true)
      return [table.deleteAll(), undefined]
  }
}

function look(table: AnyTable, k: TableKey): unknown[] {
  const base = [table.member(k), table.lookup(k)]
  if (table.type !== 'ordered_set') return base
  const ordered = table as OrderedTable
  return [
    ...base,
    ordered.first(),
    ordered.last(),
    ordered.next(k),
    ordered.prev(k),
    ordered.get(k),
  ]
}

function lookModel(model: ModelTable, k: TableKey): unknown[] {
  const base = [model.member(k), model.lookup(k)]
  if (model.type !== 'ordered_set') return base
  const all = model.all()
  return [
    ...base,
    all[0]?.[0],
    all.at(-1)?.[0],
    model.all({ gt: k })[0]?.[0],
    model.all({ lt: k, reverse: true })[0]?.[0],
    model.lookup(k)[0],
  ]
}

function createTable(type: TableType): AnyTable {
  const { system } = createWorld()
  return system.tables.create({ type, owner: 'system' } as { type: 'set'; owner: 'system' })
}

/** `-0` as `0`, as tables keep it. */
const plain = (pairs: unknown): unknown =>
  JSON.parse(
    JSON.stringify(pairs, (_, v: unknown) =>
      typeof v === 'bigint' ? `${v}n` : typeof v === 'number' ? `#${v === 0 ? 0 : v}` : v,
    ),
  )

describe('tables and the model', () => {
  it.each(TYPES)('a %s answers as the model, whatever happens to it', (type) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = createTable(type)
        const model = new ModelTable(type)
        for (const s of steps) {
          const [real, expected] = answers(table, model, s)
          expect(plain([real]), JSON.stringify(plain([s]))).toEqual(plain([expected]))
          expect(table.size).toBe(model.size)
        }
        expect(plain(table.select())).toEqual(plain(model.all()))
      }),
      { numRuns: 300 },
    )
  })

  it.each(TYPES)('a cursor over a changing %s shows what stays exactly once', (type) => {
    const change = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 300 })), {
      maxLength: 4,
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { maxLength: 250, size: 'max' }),
        fc.array(change, { maxLength: 250, size: 'max' }),
        fc.boolean(),
        (start, changes, reverse) => {
          const table = createTable(type)
          table.insertAll(start.map((k) => [k, k]))
          const touched = new Set<number>()
          const seen: TableKey[] = []
          const cursor = table.cursor(undefined, type === 'ordered_set' ? { reverse } : {})
          let i = 0
          for (const [k] of cursor) {
            expect(table.member(k)).toBe(true)
            seen.push(k)
            if (i % 2 === 0) table.delete(k) // what the cursor stands on
            for (const [inserts, other] of changes[i++] ?? []) {
              if (inserts) table.insertNew(other, other)
              else {
                touched.add(other)
                table.delete(other)
              }
            }
          }
          expect(new Set(seen).size).toBe(seen.length)
          for (const k of seen) expect(start).toContain(k)
          for (const k of start) if (!touched.has(k)) expect(seen).toContain(k)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('keys', () => {
  it('are in a total order that agrees with the hash about what is the same', () => {
    fc.assert(
      fc.property(key, key, key, (a, b, c) => {
        expect(Math.sign(compareKeys(a, b))).toBe(-Math.sign(compareKeys(b, a)) + 0)
        expect(compareKeys(a, b) === 0).toBe(hashKey(a) === hashKey(b) || (a === 0 && b === 0))
        if (compareKeys(a, b) <= 0 && compareKeys(b, c) <= 0) {
          expect(compareKeys(a, c)).toBeLessThanOrEqual(0)
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('the tree', () => {
  it('keeps order and neighbours through thousands of changes', () => {
    const entries = fc.array(fc.tuple(fc.integer({ min: 0, max: 700 }), fc.boolean()), {
      minLength: 1500,
      maxLength: 3000,
      size: 'max',
    })
    fc.assert(
      fc.property(entries, fc.boolean(), (changes, drains) => {
        const tree = new OrderedTree<number, { key: number }>((a, b) => a - b)
        const model = new Set<number>()
        for (const [k, adds] of changes) {
          if (adds && !model.has(k)) {
            model.add(k)
            tree.add({ key: k })
          } else if (!adds) expect(tree.remove(k)?.key).toBe(model.delete(k) ? k : undefined)
        }
        if (drains)
          for (const k of [...model].slice(20)) {
            tree.remove(k)
            model.delete(k)
          }
        const sorted = [...model].sort((a, b) => a - b)
        const walked: number[] = []
        for (
          let place = tree.end('first');
          place !== undefined;
          place = tree.above(place.entries[place.index]!.key, false)
        ) {
          walked.push(place.entries[place.index]!.key)
        }
        expect(walked).toEqual(sorted)
        expect(tree.size).toBe(sorted.length)
      }),
      { numRuns: 40 },
    )
  })

  it('compares O(log n) keys per operation', () => {
    let compared = 0
    const count = (a: number, b: number): number => {
      compared++
      return a - b
    }
    const most = (size: number): number => {
      const tree = new OrderedTree<number, { key: number }>(count)
      for (let i = 0; i < size; i++) tree.add({ key: (i * 7919) % size })
      let worst = 0
      const measure = (fn: () => unknown): void => {
        compared = 0
        fn()
        worst = Math.max(worst, compared)
      }
      for (let i = 0; i < 200; i++) {
        const key = (i * 104_729) % size
        measure(() => tree.get(key))
        measure(() => tree.above(key, false))
        measure(() => tree.below(key, false))
        measure(() => tree.remove(key))
        measure(() => tree.add({ key }))
        measure(() => tree.end('first'))
      }
      return worst
    }
    // What a binary search in a node costs at every level, for a look-up and the step beside it.
    const small = most(1024)
    const large = most(131_072)
    expect(small).toBeLessThanOrEqual(2 * 10 + 4)
    expect(large).toBeLessThanOrEqual(2 * 17 + 4)
  })
})
