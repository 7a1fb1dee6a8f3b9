/**
 * Why a process ended. Reasons are values, as in OTP: a supervisor branches on them, links and
 * monitors carry them unchanged, and nobody receives a stringified error.
 *
 * - `'normal'`: it was done. Over a link this is the only harmless reason (L-01, L-06).
 * - `'shutdown'`, `{ shutdown }`: it was asked to stop; no crash report.
 * - `'killed'`: somebody sent the untrappable `'kill'` (L-19).
 * - `'noproc'`, `'noconnection'`: there was no such process, or its node was lost.
 * - an `Error`: a handler threw it.
 * - `{ nocatch }`: a handler threw something that is not an Error (P-03).
 */
import { inspect } from 'node:util'

/** Any value; see the well-known ones in the file header. */
export type ExitReason = unknown

/** A handler threw a value that is not an `Error`. */
export interface NoCatch {
  readonly nocatch: unknown
}

/**
 * True for `normal`, `shutdown` and `{ shutdown }`: reasons that are not a crash (G-55, U-19).
 *
 * @example
 * assert.equal(isCleanExit({ shutdown: 'deploy' }), true)
 * assert.equal(isCleanExit('killed'), false)
 */
export function isCleanExit(reason: ExitReason): boolean {
  return reason === 'normal' || isShutdown(reason)
}

/**
 * True for `shutdown` and `{ shutdown }`; an error is a failure, whatever fields it has.
 *
 * @example
 * assert.equal(isShutdown('shutdown'), true)
 * assert.equal(isShutdown('normal'), false) // it ended by itself
 */
export function isShutdown(reason: ExitReason): boolean {
  if (reason === 'shutdown') return true
  if (typeof reason !== 'object' || reason === null || reason instanceof Error) return false
  return Object.hasOwn(reason, 'shutdown')
}

/** The exit reason of a handler that threw `thrown`. */
export function reasonOfThrown(thrown: unknown): ExitReason {
  try {
    if (thrown instanceof ExitThrow) return thrown.reason
    if (thrown instanceof Error) return thrown
  } catch {
    // A revoked proxy cannot even be asked what it is.
  }
  return { nocatch: thrown } satisfies NoCatch
}

/**
 * One line for logs; never throws.
 *
 * @example
 * assert.equal(formatReason(new TypeError('bad')), 'TypeError: bad')
 */
export function formatReason(reason: ExitReason): string {
  if (typeof reason === 'string') return reason
  try {
    if (reason instanceof Error) return formatError(reason)
    const shape = { depth: DEPTH_MAX, breakLength: Infinity, compact: DEPTH_MAX + 1 }
    return inspect(shortened(reason, DEPTH_MAX), shape)
  } catch {
    // Values can say how they are printed, and fail at it.
    return 'a reason that cannot be printed'
  }
}

const DEPTH_MAX = 3

function formatError(error: Error): string {
  const code = (error as { code?: unknown }).code
  return `${typeof code === 'string' ? code : error.name}: ${error.message}`
}

/**
 * Errors inside plain objects, such as `{ shutdown }`, are as short as errors alone: no stacks in a line. What
 * is printed runs no code of its own: getters stay getters.
 */
function shortened(value: unknown, depth: number): unknown {
  if (value instanceof Error) {
    const text = formatError(value)
    return { [inspect.custom]: () => text }
  }
  if (depth === 0 || !isPlainObject(value)) return value
  const properties = Object.getOwnPropertyDescriptors(value)
  for (const property of Object.values<PropertyDescriptor>(properties)) {
    if ('value' in property) property.value = shortened(property.value, depth - 1)
  }
  return Object.create(Object.prototype, properties)
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  return (
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.getOwnPropertySymbols(value).length === 0
  )
}

/** What {@link exit} throws; not an `Error` because it carries no stack and is not a failure. */
export class ExitThrow {
  readonly reason: ExitReason
  constructor(reason: ExitReason) {
    this.reason = reason
  }
}

/**
 * Ends the calling process with `reason`, as `erlang:exit/1`. May be caught (P-05).
 *
 * @example
 * const Quitter = defineServer({ init: () => 0, call: { quit: () => exit('shutdown') }, cast: {} })
 * const quitter = await Quitter.start()
 * await assert.rejects(quitter.call.quit(), { code: 'ERR_CALL_EXIT', reason: 'shutdown' })
 */
export function exit(reason: ExitReason): never {
  throw new ExitThrow(reason)
}
