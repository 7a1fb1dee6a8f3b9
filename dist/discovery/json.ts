/** Reading JSON that others wrote: what is not as expected is undefined. */
import { DiscoveryHttpError } from './errors.ts'

/** An object of JSON, as anybody may have written it. */
export type JsonObject = Readonly<Record<string, unknown>>

/** The object in `text`; throws `ERR_DISCOVERY_HTTP`. */
export function parseJsonObject(text: string, status: number, what: string): JsonObject {
  const value = parseJson(text, status, what)
  if (!isObject(value))
    throw new DiscoveryHttpError(status, `${what}: the answer is no JSON object`)
  return value
}

/** The value in `text`; throws `ERR_DISCOVERY_HTTP`. */
export function parseJson(text: string, status: number, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DiscoveryHttpError(status, `${what}: the answer is no JSON`, { cause })
  }
}

/** A field that is an object; else an empty one. */
export function objectAt(from: JsonObject, field: string): JsonObject {
  const value = from[field]
  return isObject(value) ? value : {}
}

/** The objects in a field that is a list. */
export function listAt(from: JsonObject, field: string): readonly JsonObject[] {
  const value = from[field]
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** A field that is a text; else undefined. */
export function textAt(from: JsonObject, field: string): string | undefined {
  const value = from[field]
  return typeof value === 'string' ? value : undefined
}

/** A field that is a number; else undefined. */
export function numberAt(from: JsonObject, field: string): number | undefined {
  const value = from[field]
  return typeof value === 'number' ? value : undefined
}

/** Whether it is an object and no list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
