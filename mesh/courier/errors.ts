/** Errors of the courier. */
import { FoveaError } from '../../runtime/index.ts'

/** Codes of {@link CourierError}. */
export type CourierErrorCode =
  | 'ERR_COURIER_UNREACHABLE'
  | 'ERR_COURIER_TIMEOUT'
  | 'ERR_COURIER_TOO_LARGE'
  | 'ERR_COURIER_STOPPED'

/** A message was lost, or could not be taken. */
export class CourierError extends FoveaError {
  override readonly name: string = 'CourierError'
  constructor(code: CourierErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
  }
}
