/**
 * Filters as they are told: as they are, or cut to at most `max` when there are more (`widen.ts`). Keeps up with
 * changes at the cost of the change; all filters are looked at again only when there are too many at the present cut,
 * or when so much has gone that a finer one may do.
 *
 * What goes with cut filters is added up: numbers of the same name are, and `widened: true` says that they are.
 */
import type { CatalogDetail } from './catalog.ts'
import { widenDepth, widenTo } from './widen.ts'

/** A finer cut is tried when it may leave this part of `max` free: else every change might cut anew. */
const ROOM_PART = 0.8

/** Filters that are told as one. */
interface Form {
  count: number
  readonly sums: Map<string, number>
  detail: CatalogDetail | undefined
}

/** See the head of this file. */
export class Projection {
  readonly #max: number
  readonly #touched: (form: string) => void
  readonly #own = new Map<string, CatalogDetail>()
  /** Undefined while filters are told as they are. */
  #forms: Map<string, Form> | undefined
  #depth = Infinity
  /** Changes since all filters were looked at. */
  #changes = 0

  /** `touched` is called for every told filter that may have changed. */
  constructor(max: number, touched: (form: string) => void) {
    this.#max = max
    this.#touched = touched
  }

  /** Filters as they were set. */
  get size(): number {
    return this.#own.size
  }

  /** Filters as they are told. */
  get toldSize(): number {
    return this.#forms?.size ?? this.#own.size
  }

  get isWidened(): boolean {
    return this.#forms !== undefined
  }

  own(): ReadonlyMap<string, CatalogDetail> {
    return this.#own
  }

  /** What goes with a filter as it is told; undefined when it is not told. */
  get(form: string): CatalogDetail | undefined {
    if (this.#forms === undefined) return this.#own.get(form)
    const found = this.#forms.get(form)
    return found === undefined ? undefined : (found.detail ??= detailOfForm(found))
  }

  set(pattern: string, detail: CatalogDetail): void {
    const before = this.#own.get(pattern)
    this.#own.set(pattern, detail)
    this.#changes += 1
    if (this.#forms === undefined) return this.#touched(pattern)
    if (before !== undefined) this.#take(this.#forms, pattern, before)
    this.#put(this.#forms, pattern, detail)
  }

  delete(pattern: string): boolean {
    const before = this.#own.get(pattern)
    if (before === undefined) return false
    this.#own.delete(pattern)
    this.#changes += 1
    if (this.#forms === undefined) this.#touched(pattern)
    else this.#take(this.#forms, pattern, before)
    return true
  }

  /** Looks whether the cut is still right; called before anything is told. */
  settle(): void {
    if (this.toldSize > this.#max) return this.#recut()
    if (this.#forms === undefined || this.#changes < this.#max / 4) return
    const fits = this.#own.size <= this.#max * ROOM_PART
    if (fits || this.toldSize < this.#max / 2) this.#recut()
  }

  #recut(): void {
    this.#changes = 0
    const room = this.#forms === undefined ? this.#max : Math.floor(this.#max * ROOM_PART)
    const depth = widenDepth(this.#own.keys(), Math.max(1, room))
    if (depth === this.#depth) return
    for (const form of this.#forms?.keys() ?? this.#own.keys()) this.#touched(form)
    this.#depth = depth
    this.#forms = depth === Infinity ? undefined : new Map()
    for (const [pattern, detail] of this.#own) {
      if (this.#forms === undefined) this.#touched(pattern)
      else this.#put(this.#forms, pattern, detail)
    }
  }

  #put(forms: Map<string, Form>, pattern: string, detail: CatalogDetail): void {
    const name = widenTo(pattern, this.#depth)
    let form = forms.get(name)
    if (form === undefined)
      forms.set(name, (form = { count: 0, sums: new Map(), detail: undefined }))
    form.count += 1
    this.#add(form, detail, 1)
    this.#touched(name)
  }

  #take(forms: Map<string, Form>, pattern: string, detail: CatalogDetail): void {
    const name = widenTo(pattern, this.#depth)
    const form = forms.get(name)
    this.#touched(name)
    if (form === undefined) return
    form.count -= 1
    if (form.count === 0) forms.delete(name)
    else this.#add(form, detail, -1)
  }

  #add(form: Form, detail: CatalogDetail, sign: 1 | -1): void {
    form.detail = undefined
    for (const name in detail) {
      const value = detail[name]
      if (typeof value !== 'number') continue
      const sum = (form.sums.get(name) ?? 0) + sign * value
      if (sum === 0) form.sums.delete(name)
      else form.sums.set(name, sum)
    }
  }
}

/** Names in the detail of filters that are told as one: beyond them the rest is left out. */
const SUMS_MAX = 16

function detailOfForm({ sums }: Form): CatalogDetail {
  const few = Array.from(sums).slice(0, SUMS_MAX)
  return Object.freeze({ ...Object.fromEntries(few), widened: true })
}
