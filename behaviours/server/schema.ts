/**
 * The check at a server's door: inputs against the Standard Schemas of a contract. Any library that
 * implements the interface (valibot, zod, arktype, ...) fits; none is imported.
 *
 * A schema may transform: the handler gets its output. A schema that throws, or says neither yes nor no,
 * counts as a refusal of the input, because the input came from outside and must not crash the server.
 */
import { inspect } from 'node:util'
import { isThenable } from '../../runtime/index.ts'

/** A problem that a schema found. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** Version 1 of the Standard Schema interface (standardschema.dev), as far as it is used here. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** Issues kept of one refusal, and characters of each; a hostile input could cause millions. */
const ISSUES_MAX = 16
const ISSUE_LENGTH_MAX = 256

/** An input that passed, with the schema's output, or the reasons why it did not. */
export type CheckedInput =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly string[] }

/** True for a value with the Standard Schema interface. */
export function isSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard = (value as { readonly '~standard'?: unknown })['~standard']
  if (typeof standard !== 'object' || standard === null) return false
  return typeof (standard as { readonly validate?: unknown }).validate === 'function'
}

/** An object that passes `test`: for requests of our own, whose callers may be anybody. */
export function shape<T>(
  expected: string,
  test: (value: Readonly<Record<string, unknown>>) => boolean,
): StandardSchema<unknown, T> {
  const validate = (value: unknown): SchemaResult<T> =>
    typeof value === 'object' && value !== null && test(value as Readonly<Record<string, unknown>>)
      ? { value: value as T }
      : { issues: [{ message: `expected ${expected}` }] }
  return { '~standard': { version: 1, vendor: 'fovea', validate } }
}

/** Checks `input`; a promise only if the schema is asynchronous. */
export function checkInput(
  schema: StandardSchema,
  input: unknown,
): CheckedInput | Promise<CheckedInput> {
  try {
    const result: unknown = schema['~standard'].validate(input)
    // Not only a Promise: a thenable that was taken for a result would let everything pass.
    return isThenable(result)
      ? Promise.resolve(result).then(toChecked).catch(refusedBy)
      : toChecked(result)
  } catch (thrown) {
    return refusedBy(thrown)
  }
}

function toChecked(result: unknown): CheckedInput {
  const { issues } = result as { readonly issues?: readonly SchemaIssue[] }
  if (issues !== undefined) return refusal(issues.slice(0, ISSUES_MAX).map(formatIssue))
  if ('value' in (result as object))
    return { ok: true, value: (result as { value: unknown }).value }
  return refusal([`the schema gave no result: ${inspect(result)}`])
}

function refusedBy(thrown: unknown): CheckedInput {
  const message = thrown instanceof Error ? thrown.message : inspect(thrown)
  return refusal([`the schema threw: ${message}`])
}

function refusal(issues: readonly string[]): CheckedInput {
  return { ok: false, issues: issues.map((issue) => issue.slice(0, ISSUE_LENGTH_MAX)) }
}

function formatIssue({ message, path = [] }: SchemaIssue): string {
  const names = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return names.length === 0 ? String(message) : `${names.join('.')}: ${message}`
}
