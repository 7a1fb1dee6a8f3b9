/**
 * Which partition a key belongs to. Pure, and the same in every program: whole numbers by remainder, as in
 * Elixir, everything else by a hash of its value (PS-01).
 *
 * Values that are alike have one partition: `{ a: 1, b: 2 }` and `{ b: 2, a: 1 }`, or two pids of the same
 * process. What has no value to hash (functions, instances of classes) is refused rather than put anywhere.
 */
import { ArgumentError, isPid, pidKey } from '../../runtime/index.ts'

/** Nested deeper than this, or in a circle, it is no key. */
const DEPTH_MAX = 8

/**
 * The partition of `key` among `partitions`.
 *
 * @example
 * assert.equal(partitionOf(7, 4), 3) // PS-01
 * assert.equal(partitionOf('alice', 4), partitionOf('alice', 4))
 */
export function partitionOf(key: unknown, partitions: number): number {
  if (typeof key === 'number' && Number.isInteger(key)) return Math.abs(key) % partitions
  if (typeof key === 'bigint') return Number((key < 0n ? -key : key) % BigInt(partitions))
  return hash(textOf(key, 0)) % partitions
}

/** FNV-1a over UTF-16 code units with a last mix, because its low bits alone are weak. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Equal for equal values only: kinds are marked, strings carry their length. */
function textOf(key: unknown, depth: number): string {
  switch (typeof key) {
    case 'string':
      return `s${key.length}:${key}`
    case 'number':
    case 'bigint':
      return `n${key}`
    case 'boolean':
    case 'undefined':
      return String(key)
    case 'object':
      return key === null ? 'null' : objectText(key, depth)
    case 'symbol':
    case 'function':
      return refuse(key)
  }
}

function objectText(key: object, depth: number): string {
  if (isPid(key)) return `p${pidKey(key)}`
  if (depth >= DEPTH_MAX) return refuse(key)
  const inner = (value: unknown): string => textOf(value, depth + 1)
  if (Array.isArray(key)) return `[${key.map(inner).join(',')}]`
  const prototype: unknown = Object.getPrototypeOf(key)
  if (prototype !== Object.prototype && prototype !== null) return refuse(key)
  const entries = Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, value]) => `${inner(name)}=${inner(value)}`).join(',')}}`
}

function refuse(key: unknown): never {
  throw new ArgumentError('key', 'a number, string or other plain value', key)
}
