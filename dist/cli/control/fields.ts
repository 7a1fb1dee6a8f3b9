/** Fields of a control line, checked one by one; a complaint names the field. */
import { CliError } from '../errors.ts'

/** A JSON object that has not been looked at. */
export type Fields = Readonly<Record<string, unknown>>

/** True for an object that is no array. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for what identifies a request. */
export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** A string that is not empty, if the field is there. */
export function text(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || value === '') throw invalid(name, 'a string that is not empty')
  return value
}

/** A string that is not empty. */
export function requiredText(fields: Fields, name: string): string {
  const value = text(fields, name)
  if (value === undefined) throw invalid(name, 'a string that is not empty')
  return value
}

/** True or false; false when the field is not there. */
export function flag(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false
  if (typeof value !== 'boolean') throw invalid(name, 'true or false')
  return value
}

/** A whole number from `min` (default 1) to `max`, if the field is there. */
export function count(fields: Fields, name: string, max: number, min = 1): number | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (!isId(value) || value < min || value > max) {
    throw invalid(name, `a whole number from ${min} to ${max}`)
  }
  return value
}

/** A time in milliseconds, if the field is there. */
export function milliseconds(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (!isId(value) || value < 1) throw invalid(name, 'a whole number of milliseconds, 1 or more')
  return value
}

/** Bytes in base64; none when the field is not there. */
export function bytes(fields: Fields, name: string): Uint8Array {
  const value = fields[name] ?? ''
  if (typeof value !== 'string' || !BASE64.test(value)) throw invalid(name, 'bytes in base64')
  return Uint8Array.from(Buffer.from(value, 'base64'))
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** The complaint about a field. */
export function invalid(field: string, expected: string): CliError {
  return new CliError('ERR_CONTROL_REQUEST_INVALID', `control line: '${field}' must be ${expected}`)
}
