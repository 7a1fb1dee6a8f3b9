/** Errors of singletons. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** A node is no candidate; `code` says why. */
export class SingletonError extends FoveaError {
  override readonly name: string = 'SingletonError'
}

/** Codes of `dist/singletons`. */
export const SINGLETON_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_SINGLETON_TAKEN: {
    when: 'this node is a candidate for a singleton of that name already',
    stateChanged: 'no',
    retry: 'after its stop',
    action: 'start it once on each node',
  },
  ERR_SINGLETONS_MAX: {
    when: 'this node is a candidate for `singletonsMax` singletons',
    stateChanged: 'no',
    retry: 'after others were stopped',
    action: 'put many small things under one singleton, or raise the limit',
  },
  ERR_SINGLETON_START: {
    when: 'the start function of a singleton threw, or gave no process; the log holds its error',
    stateChanged: 'the lease was given back, so that another node may try',
    retry: 'after `restartPauseMs`, for as long as the node is a candidate',
    action: 'correct the start function',
  },
  ERR_SINGLETON_STOPPED: {
    when: 'a singleton was started on a node that stops or has stopped',
    stateChanged: 'no',
    retry: 'no',
    action: 'nothing',
  },
})
