/**
 * The check at a server's door: inputs against the Standard Schemas of a contract. Any library that
 * implements the interface (valibot, zod, arktype, ...) fits; none is imported.
 *
 * A schema may transform: the handler gets its output. A schema that throws counts as a refusal of
 * the input, because the input came from outside and must not crash the server.
 */

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

/** Issues kept of one refusal; a hostile input could cause millions. */
const ISSUES_MAX = 16

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
    const result = schema['~standard'].validate(input)
    if (result instanceof Promise) return result.then(toChecked, refusedBy)
    return toChecked(result)
  } catch (thrown) {
    return refusedBy(thrown)
  }
}

function toChecked(result: SchemaResult<unknown>): CheckedInput {
  if (result.issues === undefined) return { ok: true, value: result.value }
  return { ok: false, issues: result.issues.slice(0, ISSUES_MAX).map(formatIssue) }
}

function refusedBy(thrown: unknown): CheckedInput {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { ok: false, issues: [`the schema threw: ${message}`] }
}

function formatIssue(issue: SchemaIssue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part))
  return path.length === 0 ? issue.message : `${path.join('.')}: ${issue.message}`
}
