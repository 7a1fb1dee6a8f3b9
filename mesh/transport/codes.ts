/** Checks of numbers that users give and that travel: a wrong one is the caller's bug. */
import { inspect } from 'node:util'
import { TransportError } from './errors.ts'

/** Largest code of a reset or stop: exact in a JavaScript number and valid in QUIC. */
export const CODE_MAX: number = Number.MAX_SAFE_INTEGER

/** Largest code of a close. */
export const CLOSE_CODE_MAX: number = 2 ** 32 - 1

/** Throws `ERR_TRANSPORT_ARGUMENT` unless `code` may be sent as the code of a close, reset or stop. */
export function checkCode(code: unknown, max: number = CODE_MAX): void {
  if (typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= max) return
  throw new TransportError(
    'ERR_TRANSPORT_ARGUMENT',
    `expected a code from 0 to ${max}, received ${inspect(code)}`,
  )
}
