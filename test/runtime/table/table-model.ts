/** Tables as simple as can be, to compare the real ones with: a list of keys, looked through every time. */
import { compareKeys } from '../../../runtime/table/table-key.ts'
import type { TableKey, TableRange, TableType } from '../../../runtime/index.ts'

export type Pair = readonly [TableKey, unknown]

interface Group {
  readonly key: TableKey
  values: unknown[]
}

/** The reference: keys in the order they came, `ordered_set` sorted when asked. */
export class ModelTable {
  #groups: Group[] = []
  readonly type: TableType
  constructor(type: TableType) {
    this.type = type
  }

  get size(): number {
    return this.#groups.reduce((sum, { values }) => sum + values.length, 0)
  }

  insert(key: TableKey, value: unknown): void {
    const group = this.#find(key)
    if (group === undefined) this.#groups.push({ key, values: [value] })
    else if (this.type === 'duplicate_bag') group.values.push(value)
    else if (this.type === 'bag') group.values = [...new Set([...group.values, value])]
    else group.values = [value]
  }

  insertNew(key: TableKey, value: unknown): boolean {
    if (this.member(key)) return false
    this.insert(key, value)
    return true
  }

  lookup(key: TableKey): unknown[] {
    return this.#find(key)?.values ?? []
  }

  member(key: TableKey): boolean {
    return this.#find(key) !== undefined
  }

  take(key: TableKey): unknown[] {
    const values = this.lookup(key)
    this.deleteWhere((_, other) => compareKeys(other, key) === 0)
    return values
  }

  deleteObject(key: TableKey, value: unknown): boolean {
    return this.deleteWhere((v, k) => compareKeys(k, key) === 0 && Object.is(v, value)) > 0
  }

  deleteWhere(test: (value: unknown, key: TableKey) => boolean): number {
    const before = this.size
    for (const group of this.#groups) group.values = group.values.filter((v) => !test(v, group.key))
    this.#groups = this.#groups.filter(({ values }) => values.length > 0)
    return before - this.size
  }

  /** All pairs as a select gives them. */
  all({ gt, gte, lt, lte, reverse }: TableRange<TableKey> = {}): Pair[] {
    const pairs = this.#groups.flatMap(({ key, values }) => values.map((v): Pair => [key, v]))
    if (this.type !== 'ordered_set') return pairs
    const sorted = pairs
      .sort(([a], [b]) => compareKeys(a, b))
      .filter(
        ([k]) =>
          (gt === undefined || compareKeys(k, gt) > 0) &&
          (gte === undefined || compareKeys(k, gte) >= 0) &&
          (lt === undefined || compareKeys(k, lt) < 0) &&
          (lte === undefined || compareKeys(k, lte) <= 0),
      )
    return reverse === true ? sorted.reverse() : sorted
  }

  #find(key: TableKey): Group | undefined {
    return this.#groups.find((group) => compareKeys(group.key, key) === 0)
  }
}
