/** What the compiler promises about tables. */
import { expectTypeOf } from 'vitest'
import { createSystem } from '../../../runtime/index.ts'
import type {
  AnyTable,
  OrderedTable,
  SetTable,
  Table,
  TableTransfer,
} from '../../../runtime/index.ts'

const { tables } = createSystem()

const people = tables.create<string, { age: number }>()
expectTypeOf(people).toEqualTypeOf<SetTable<string, { age: number }>>()
expectTypeOf(people.get('ann')).toEqualTypeOf<{ age: number } | undefined>()
expectTypeOf(people.get('ann', 'none')).toEqualTypeOf<{ age: number } | string>()
expectTypeOf(people.get('ann')).not.toBeAny()
expectTypeOf(people.lookup('ann')).toEqualTypeOf<{ age: number }[]>()
expectTypeOf(people.updateCounter('ann', { field: 'age', increment: 1 })).toEqualTypeOf<number>()
expectTypeOf(people.updateCounter('ann', 1n)).toEqualTypeOf<bigint>()
expectTypeOf(people.updateCounter('ann', [{ increment: 1 }])).toEqualTypeOf<number[]>()
people.select({ value: { age: (age) => age > 3 } })
people.select((person, key) => person.age > 3 && key !== 'ann')
// @ts-expect-error: a key of another type
people.insert(1, { age: 1 })
// @ts-expect-error: a value of another type
people.insert('ann', { age: '1' })
// @ts-expect-error: a pattern of another type
people.select({ value: { age: '1' } })
// @ts-expect-error: a set has no order
people.first()

const log = tables.create<readonly [string, number], string>({ type: 'ordered_set' })
expectTypeOf(log).toEqualTypeOf<OrderedTable<readonly [string, number], string>>()
expectTypeOf(log.first()).toEqualTypeOf<readonly [string, number] | undefined>()
log.select({ key: ['a', (n) => n > 3] }, { gt: ['a', 3] })
// @ts-expect-error: a bound is a key
log.select(undefined, { gt: 3 })

const tags: Table<string, string> = tables.create({ type: 'bag' })
expectTypeOf(tags.take('a')).toEqualTypeOf<string[]>()
// @ts-expect-error: a bag does not count
tags.updateCounter('a', 1)
// @ts-expect-error: no such key
tables.create<{ n: number }, string>()

const any: AnyTable = people
expectTypeOf(any.lookup('a')).toEqualTypeOf<unknown[]>()
expectTypeOf<TableTransfer['table']>().toEqualTypeOf<AnyTable>()
