/** Codes of the service registry. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Codes of {@link ServicesError}. */
export type ServicesErrorCode = 'ERR_SERVICES_WATCHES_MAX' | 'ERR_SERVICES_ABORTED'

/** The service registry refused something. */
export class ServicesError extends FoveaError {
  override readonly name: string = 'ServicesError'
  declare readonly code: ServicesErrorCode
  constructor(
    code: ServicesErrorCode,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(code, message, options)
  }
}

/** Codes of `mesh/services`. */
export const SERVICES_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_SERVICES_WATCHES_MAX: {
    when: '`watchesMax` watches of services are there already',
    stateChanged: 'no; nothing is watched',
    retry: 'after one was stopped',
    action:
      'stop watches that nobody needs: they end with the process that made them, or by `stop()`',
  },
  ERR_SERVICES_ABORTED: {
    when: 'the `signal` of a `find` or a `told` was aborted; its reason is the cause',
    stateChanged: 'no',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_SERVICES_FINDS_MAX: {
    when: '`findsMax` names are remembered that were looked for; a counter',
    stateChanged:
      'the one that was looked for longest ago is forgotten and would be looked for again',
    retry: 'no',
    action: 'look for patterns, or raise the limit',
  },
  ERR_SERVICES_HANDLER: {
    when: 'the handler of a watch threw; a counter, the log holds its error',
    stateChanged: 'no; the watch goes on',
    retry: 'no',
    action: 'correct the handler',
  },
})
