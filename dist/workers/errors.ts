/** Errors of worker nodes. */
import { FoveaError, type ErrorCatalogue, type FoveaErrorOptions } from '../../runtime/index.ts'

/** A worker node could not be started, or its thread ended; `code` says which. */
export class WorkerError extends FoveaError {
  override readonly name: string = 'WorkerError'
  /** Name of the worker node; empty when it is about all of them. */
  readonly workerName: string
  constructor(code: string, workerName: string, what: string, options: FoveaErrorOptions = {}) {
    super(code, workerName === '' ? what : `worker ${workerName} ${what}`, options)
    this.workerName = workerName
  }
}

/** The codes of this folder. */
export const WORKER_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_WORKER_MODULE: {
    when: 'the module of a worker cannot be loaded, or exports no function setup',
    stateChanged: 'no: no worker of that start is left',
    retry: 'no',
    action: 'give the URL of a JavaScript module with a named export setup(node, data)',
  },
  ERR_WORKER_START: {
    when: 'the node in a worker could not be started, or its setup failed; the cause says why',
    stateChanged: 'no: no worker of that start is left',
    retry: 'depends on the cause',
    action: 'branch on cause.code; ERR_MEMBERSHIP_REQUIRED: issue a membership for its key',
  },
  ERR_WORKER_START_TIMEOUT: {
    when: 'a worker was not connected with its node within startTimeoutMs',
    stateChanged: 'no: no worker of that start is left',
    retry: 'perhaps',
    action: 'look for a setup that waits or computes for long, or raise startTimeoutMs',
  },
  ERR_WORKER_EXIT: {
    when: 'the thread of a worker ended by itself; it is the exit reason of its process',
    stateChanged: 'processes of that node are gone: noconnection to whoever knew them',
    retry: 'its supervisor starts it again, with a new key unless there is a data directory',
    action: 'the cause is what was thrown in the thread; look for process.exit and uncaught errors',
  },
  ERR_WORKERS_UNAVAILABLE: {
    when: 'workers were asked of a node that is stopped, or that is a worker itself',
    stateChanged: 'no',
    retry: 'no',
    action: 'start workers from the main thread, while the node runs',
  },
})
