/**
 * Assertions that stay on in production. A broken invariant is our bug: it crashes the process that
 * owns the state, a supervisor repairs it, and quiet corruption has no chance. Never reachable by
 * bytes from a peer: those raise expected errors.
 */
import { FoveaError } from './errors.ts'

/** Thrown by {@link invariant}. */
export class InvariantError extends FoveaError {
  override readonly name = 'InvariantError'
}

/** Crashes the current process with `ERR_INVARIANT_...` unless `condition` holds. */
export function invariant(
  condition: unknown,
  code: `ERR_INVARIANT_${string}`,
  detail = 'broken invariant',
): asserts condition {
  if (!condition) throw new InvariantError(code, detail)
}
