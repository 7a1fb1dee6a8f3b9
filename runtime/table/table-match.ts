/**
 * Patterns of tables, in place of match specifications: a predicate, or an object that says what the key and
 * the value look like. Pure.
 *
 * A pattern matches: a primitive, what is the same (`SameValueZero`: `NaN` is `NaN`, `-0` is `0`); a function,
 * what it returns true for; an array, an array of the same length whose elements match; a plain object, an
 * object whose properties of those names match, whatever else it has; any other object, itself.
 */
import { ArgumentError } from '../errors.ts'
import { checkKey, KEY_DEPTH_MAX } from './table-key.ts'
import type { TableKey } from './table-key.ts'

/** A part of a pattern that decides for itself. */
export type Where<T> = Bivariant<T>['test']

/** A method, so that a table of some type still is one of any type. */
interface Bivariant<T> {
  test(part: T): boolean
}

/** What a key must look like: itself, a test, or in an array one of the two per element. */
export type KeyPattern<K> = K | Where<K> | (K extends readonly unknown[] ? KeyElements<K> : never)

/** Elements are keys themselves or tests; what is deeper inside is compared as a whole. */
type KeyElements<K extends readonly unknown[]> = { readonly [I in keyof K]: K[I] | Where<K[I]> }

/** What a value must look like: itself, a test, or an object of these for some of its properties. */
export type ValuePattern<V> =
  V | Where<V> | (V extends object ? { readonly [P in keyof V]?: ValuePattern<V[P]> } : V)

/** What an entry must look like; what is not named matches. */
export interface TablePattern<K, V> {
  readonly key?: KeyPattern<K>
  readonly value?: ValuePattern<V>
}

/** Which entries are meant: a predicate over value and key, or a pattern. Without either, all. */
export type TableMatch<K, V> = BivariantEntry<K, V>['test'] | TablePattern<K, V>

interface BivariantEntry<K, V> {
  test(value: V, key: K): boolean
}

/** A pattern ready to be used. */
export interface Matcher<K, V> {
  /** The only key that can match: no need to look at others. */
  readonly only: K | undefined
  readonly test: ((value: V, key: K) => boolean) | undefined
}

const EVERYTHING = { only: undefined, test: undefined } as const

/** Throws `ERR_ARGUMENT` for what is no pattern. */
export function compileMatch<K extends TableKey, V>(
  match: TableMatch<K, V> | undefined,
): Matcher<K, V> {
  if (match === undefined) return EVERYTHING
  if (typeof match === 'function') return { only: undefined, test: match }
  if (!isPlain(match) || !Object.keys(match).every((name) => name === 'key' || name === 'value')) {
    throw new ArgumentError('match', 'a function or { key, value } or one of the two', match)
  }
  const { key, value } = match
  const only = key !== undefined && isBound(key) ? (key as K) : undefined
  if (only !== undefined) checkKey(only)
  const anyKey = key === undefined || only !== undefined
  const anyValue = !('value' in match)
  return { only, test: (v, k) => (anyKey || fits(key, k)) && (anyValue || fits(value, v)) }
}

/** No test inside, as deep as keys can be: it is a key itself. */
function isBound(pattern: unknown, depth = 0): boolean {
  if (!Array.isArray(pattern) || depth > KEY_DEPTH_MAX) return typeof pattern !== 'function'
  return pattern.every((element) => isBound(element, depth + 1))
}

function fits(pattern: unknown, part: unknown): boolean {
  if (typeof pattern === 'function') return (pattern as Where<unknown>)(part)
  if (typeof pattern !== 'object' || pattern === null) return sameValue(pattern, part)
  if (pattern === part) return true
  if (typeof part !== 'object' || part === null) return false
  if (Array.isArray(pattern)) {
    return (
      Array.isArray(part) &&
      part.length === pattern.length &&
      pattern.every((element, i) => fits(element, part[i]))
    )
  }
  if (!isPlain(pattern)) return false
  return Object.keys(pattern).every(
    (name) =>
      Object.hasOwn(part, name) &&
      fits(
        (pattern as Readonly<Record<string, unknown>>)[name],
        (part as Readonly<Record<string, unknown>>)[name],
      ),
  )
}

/** As `Map` compares keys. */
export function sameValue(a: unknown, b: unknown): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b))
}

/** An object that is no instance of a class. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
