/**
 * Values of processes on their way into JSON. The mesh carries more than JSON can say, so the rest
 * gets one documented form: `undefined` is null, BigInt its digits, NaN and infinities their names, Date
 * ISO 8601, Map an array of pairs, Set an array, bytes base64, errors `{ name, code, message }`.
 * One way only: for showing and for scripts, never for reading back.
 */
import { isPid, formatPid } from '../../runtime/index.ts'

const DEPTH_MAX = 32

/** `value` as something that `JSON.stringify` accepts and keeps whole. */
export function jsonSafe(value: unknown): unknown {
  return convert(value, 0)
}

function convert(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'undefined':
      return null
    case 'bigint':
      return value.toString()
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'function':
    case 'symbol':
      return String(value).slice(0, 80)
    case 'object':
      return value === null ? null : convertObject(value, depth)
    case 'string':
    case 'boolean':
      return value
  }
}

function convertObject(value: object, depth: number): unknown {
  if (depth >= DEPTH_MAX) return '[too deep]'
  const inner = (part: unknown): unknown => convert(part, depth + 1)
  if (isPid(value)) return formatPid(value)
  if (Array.isArray(value)) return value.map(inner)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Map) return [...value].map(([k, v]) => [inner(k), inner(v)])
  if (value instanceof Set) return [...value].map(inner)
  if (value instanceof Error) {
    const code = (value as { code?: unknown }).code
    return { name: value.name, ...(code === undefined ? {} : { code }), message: value.message }
  }
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  const entries = Object.entries(value).map(([k, v]) => [k, v === undefined ? null : inner(v)])
  return Object.fromEntries(entries) as unknown
}
