/** Expected failures of waiting for responses, and their codes. */
import { FoveaError, type ErrorCatalogue } from '../../runtime/index.ts'

/** The `signal` of a wait for a response was aborted; the requests go on. */
export class ResponseAbortedError extends FoveaError {
  override readonly name = 'ResponseAbortedError'
  constructor(cause: unknown) {
    super('ERR_RESPONSE_ABORTED', 'waiting for a response was aborted', { cause })
  }
}

/** The codes of this file. */
export const requestErrors: ErrorCatalogue = Object.freeze({
  ERR_RESPONSE_ABORTED: {
    when: 'the `signal` of waitResponse or receiveResponse was aborted',
    stateChanged: 'no with waitResponse; receiveResponse has abandoned what it waited for',
    retry: 'with waitResponse, yes',
    action: 'none',
  },
} satisfies ErrorCatalogue)
