/** Details of entries: flat values of bounded size, the same by count at the sender and the receiver. */
import { textBytes } from '../wire/sizes.ts'
import type { CatalogDetail } from './catalog.ts'

/** A detail that says nothing. */
export const NO_DETAIL: CatalogDetail = Object.freeze({})

/** Bytes of a number: all count as the longest. */
const NUMBER_BYTES = 9

/**
 * A frozen copy of what was given as a detail; undefined when it is no flat object of texts, finite numbers and
 * truth values. Not yet bounded: see {@link detailBytes}.
 */
export function detailOf(value: unknown): CatalogDetail | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const entries = Object.entries(value)
  if (entries.length === 0) return NO_DETAIL
  for (const [name, each] of entries) if (name === '__proto__' || !isFlat(each)) return undefined
  return Object.freeze(Object.fromEntries(entries)) as CatalogDetail
}

/** What it takes on the wire, at most. */
export function detailBytes(detail: CatalogDetail): number {
  let bytes = 1
  for (const name in detail) {
    const value = detail[name]!
    bytes += textBytes(name)
    bytes += typeof value === 'string' ? textBytes(value) : NUMBER_BYTES
  }
  return bytes
}

function isFlat(value: unknown): value is string | number | boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  return typeof value === 'string' || typeof value === 'boolean'
}
