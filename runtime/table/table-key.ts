/**
 * Keys of tables: strings, numbers, bigints, booleans and arrays of those, nested if need be.
 *
 * Two keys are the same key exactly if {@link compareKeys} gives 0: same type, same value. So `1`, `1n` and
 * `'1'` are three keys. `-0` is `0`. `NaN` is refused: it is no place in an order, and Erlang has none either.
 *
 * The order, ascending: numbers and bigints together by value (a number before the bigint of the same value),
 * then `false`, `true`, then arrays element by element with a prefix before what it is a prefix of, then
 * strings by UTF-16 code units, as `<` compares them. It is Erlang's term order where the types correspond.
 */
import { ArgumentError } from '../errors.ts'

/** What can be a key of a table. */
export type TableKey = string | number | bigint | boolean | readonly TableKey[]

/** Arrays in arrays in a key; also what stops at a cycle. */
export const KEY_DEPTH_MAX = 8
/** Elements of all arrays of one key. */
const KEY_PARTS_MAX = 256

/** The shape of a key in words. */
export const KEY_EXPECTED: string =
  'a string, a number that is not NaN, a bigint, a boolean, or an array of those ' +
  `(at most ${KEY_DEPTH_MAX} deep, ${KEY_PARTS_MAX} elements)`

/** Throws `ERR_ARGUMENT` for what cannot be a key. */
export function checkKey(key: unknown): asserts key is TableKey {
  if (!isTableKey(key)) throw new ArgumentError('key', KEY_EXPECTED, key)
}

/** Whether `key` can be one. */
export function isTableKey(key: unknown): key is TableKey {
  if (typeof key === 'string') return true
  if (typeof key === 'number') return !Number.isNaN(key)
  return isKey(key, 0, { left: KEY_PARTS_MAX })
}

function isKey(key: unknown, depth: number, parts: { left: number }): boolean {
  switch (typeof key) {
    case 'string':
    case 'bigint':
    case 'boolean':
      return true
    case 'number':
      return !Number.isNaN(key)
    default:
      if (!Array.isArray(key) || depth >= KEY_DEPTH_MAX) return false
      parts.left -= key.length
      if (parts.left < 0) return false
      for (let i = 0; i < key.length; i++) {
        if (!isKey(key[i], depth + 1, parts)) return false // by index: a hole is no key
      }
      return true
  }
}

/** The form of a checked key that a table keeps: nobody can change it any more, and no `-0`. */
export function ownKey<K extends TableKey>(key: K): K {
  if (typeof key === 'number') return (key === 0 ? 0 : key) as K
  if (typeof key !== 'object') return key
  return Object.freeze((key as readonly TableKey[]).map(ownKey)) as unknown as K
}

/** Arrays become strings that no other string becomes. */
const ARRAY_MARK = '\u0000['
const STRING_MARK = '\u0000s'

/** What stands for a checked key in a `Map`: equal for equal keys only. */
export function hashKey(key: TableKey): string | number | bigint | boolean {
  if (typeof key === 'object') return ARRAY_MARK + key.map(part).join('')
  return typeof key === 'string' && key.charCodeAt(0) === 0 ? STRING_MARK + key : key
}

/** Every part says where it ends, so that no two arrays read the same. */
function part(key: TableKey): string {
  switch (typeof key) {
    case 'string':
      return `s${key.length}:${key}`
    case 'number':
      return `n${key === 0 ? 0 : key};`
    case 'bigint':
      return `i${key};`
    case 'boolean':
      return key ? 't' : 'f'
    default:
      return `a${key.length}:${key.map(part).join('')}`
  }
}

const RANK = { number: 0, bigint: 0, boolean: 1, object: 2, string: 3 } as const

/** Negative, 0 or positive; a total order over checked keys. */
export function compareKeys(a: TableKey, b: TableKey): number {
  if (typeof a === 'number' && typeof b === 'number') return lessOrMore(a, b) // most of all
  const type = typeof a as keyof typeof RANK
  const otherType = typeof b as keyof typeof RANK
  if (type !== otherType) {
    const ranks = RANK[type] - RANK[otherType]
    if (ranks !== 0) return ranks
    return lessOrMore(a as number, b as number) || (type === 'number' ? -1 : 1)
  }
  if (type === 'object') return compareArrays(a as readonly TableKey[], b as readonly TableKey[])
  return lessOrMore(a as number, b as number)
}

/** The operators compare what is left over here: two strings, two booleans, or numbers and bigints. */
function lessOrMore(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function compareArrays(a: readonly TableKey[], b: readonly TableKey[]): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const order = compareKeys(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}
