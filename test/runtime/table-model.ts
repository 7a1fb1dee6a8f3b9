/** Tables as simple as can be, to compare the real ones with: one list of pairs, looked through every time. */
import { compareKeys } from '../../runtime/table-key.ts'
import type { TableKey, TableRange, TableType } from '../../runtime/index.ts'

export type Pair = readonly [TableKey, unknown]

const same = (a: TableKey, b: TableKey): boolean => compareKeys(a, b) === 0

/** The reference: objects in insertion order, `ordered_set` sorted when asked. */
export class ModelTable {
  pairs: Pair[] = []
  readonly type: TableType
  constructor(type: TableType) {
    this.type = type
  }

  get size(): number {
    return this.pairs.length
  }

  insert(key: TableKey, value: unknown): void {
    const at = this.pairs.findIndex(([k]) => same(k, key))
    if (at === -1 || this.type === 'duplicate_bag') this.pairs.push([key, value])
    else if (this.type === 'bag') {
      if (!this.pairs.some(([k, v]) => same(k, key) && Object.is(v, value))) {
        this.pairs.push([key, value])
      }
    } else this.pairs[at] = [this.pairs[at]![0], value]
  }

  insertNew(key: TableKey, value: unknown): boolean {
    if (this.member(key)) return false
    this.insert(key, value)
    return true
  }

  lookup(key: TableKey): unknown[] {
    return this.pairs.filter(([k]) => same(k, key)).map(([, v]) => v)
  }

  member(key: TableKey): boolean {
    return this.lookup(key).length > 0
  }

  take(key: TableKey): unknown[] {
    const values = this.lookup(key)
    this.pairs = this.pairs.filter(([k]) => !same(k, key))
    return values
  }

  deleteObject(key: TableKey, value: unknown): boolean {
    const before = this.size
    this.pairs = this.pairs.filter(([k, v]) => !(same(k, key) && Object.is(v, value)))
    return this.size < before
  }

  deleteWhere(test: (value: unknown, key: TableKey) => boolean): number {
    const before = this.size
    this.pairs = this.pairs.filter(([k, v]) => !test(v, k))
    return before - this.size
  }

  /** All pairs as a select gives them; the values of one key of a bag come together. */
  all(range: TableRange<TableKey> = {}): Pair[] {
    if (this.type !== 'ordered_set') return this.grouped()
    const { gt, gte, lt, lte, reverse } = range
    const sorted = [...this.pairs]
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

  private grouped(): Pair[] {
    const groups: Pair[][] = []
    for (const pair of this.pairs) {
      const group = groups.find((other) => same(other[0]![0], pair[0]))
      if (group === undefined) groups.push([pair])
      else group.push(pair)
    }
    return groups.flat()
  }
}
