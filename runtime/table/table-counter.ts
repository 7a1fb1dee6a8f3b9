/**
 * The arithmetic of `updateCounter`, as `ets:update_counter/3,4`: several steps on one value, all or none. Pure.
 *
 * A counter is a whole number (a safe integer) or a bigint: the value itself, or a field of a value that is a
 * plain object or array. Such a value is replaced by a copy; who holds the old one sees no change.
 */
import { inspect } from 'node:util'
import { TableError } from '../errors.ts'
import { isPlain } from './table-match.ts'

/** One step of `updateCounter`. */
export interface CounterStep<N extends number | bigint = number> {
  /** Added to the counter; may be negative or 0. */
  readonly increment: N
  /** Which field of the value counts; default the value itself. */
  readonly field?: string | number | undefined
  /** The bound in the direction of `increment`: what goes past it becomes `setValue`. */
  readonly threshold?: N | undefined
  /** What a counter past its `threshold` becomes. Default the threshold: it stops there. */
  readonly setValue?: N | undefined
}

type AnyStep = CounterStep | CounterStep<bigint>

/** Whether `name` is one of the parts of a {@link CounterStep}. */
export function isStepPart(name: string): boolean {
  return name === 'increment' || name === 'field' || name === 'threshold' || name === 'setValue'
}

/** The value after `steps`, and the counter after each. Throws `ERR_TABLE_COUNTER` before anything changed. */
export function applySteps(
  value: unknown,
  steps: readonly AnyStep[],
): { readonly value: unknown; readonly results: (number | bigint)[] } {
  let now = value
  let copied = false
  const results = steps.map((step) => {
    const result = count(read(now, step.field), step)
    if (step.field === undefined) now = result
    else {
      if (!copied) now = Array.isArray(now) ? [...now] : { ...(now as object) }
      copied = true
      ;(now as Record<string | number, unknown>)[step.field] = result
    }
    return result
  })
  return { value: now, results }
}

function read(value: unknown, field: string | number | undefined): unknown {
  if (field === undefined) return value
  const has = typeof value === 'object' && value !== null && Object.hasOwn(value, field)
  if (!has || !(Array.isArray(value) ? field !== 'length' : isPlain(value))) {
    throw new TableError(
      'ERR_TABLE_COUNTER',
      `the value is no plain object or array with a field '${field}' to count in`,
    )
  }
  return (value as Readonly<Record<string | number, unknown>>)[field]
}

function count(counter: unknown, step: AnyStep): number | bigint {
  const { increment, threshold, setValue = threshold } = step
  const type = typeof counter
  if (!isWhole(counter)) throw notWhole(counter)
  if (typeof increment !== type || !isWhole(increment)) throw notWhole(increment)
  for (const part of [threshold, setValue]) {
    if (part !== undefined && (typeof part !== type || !isWhole(part))) throw notWhole(part)
  }
  if (threshold === undefined && setValue !== undefined) {
    throw new TableError('ERR_TABLE_COUNTER', '`setValue` needs a `threshold`')
  }
  const sum = add(counter as number, increment as number)
  const past = threshold !== undefined && (increment >= 0 ? sum > threshold : sum < threshold)
  if (past) return setValue as number | bigint
  if (!isWhole(sum)) throw notWhole(sum)
  return sum
}

/** Both are of the same type by now; the operator does not care which. */
function add(a: number, b: number): number | bigint {
  return a + b
}

function isWhole(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}

function notWhole(value: unknown): TableError {
  return new TableError(
    'ERR_TABLE_COUNTER',
    'counters and steps must be safe integers, or all of them bigints; ' +
      `received ${inspect(value, { depth: 0, breakLength: Infinity })}`,
  )
}
