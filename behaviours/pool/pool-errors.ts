/**
 * Expected failures of pools and their catalogue, which errors.ts spreads into the layer's.
 */
import {
  FoveaError,
  formatReason,
  type ErrorCatalogue,
  type ExitReason,
} from '../../runtime/index.ts'

/** As many callers wait as may. */
export class PoolFullError extends FoveaError {
  override readonly name = 'PoolFullError'
  readonly pool: string
  readonly waitingMax: number
  constructor(pool: string, waitingMax: number) {
    super('ERR_POOL_FULL', `${pool}: ${waitingMax} callers wait for a worker already`)
    this.pool = pool
    this.waitingMax = waitingMax
  }
}

/** No worker became free in time. */
export class PoolTimeoutError extends FoveaError {
  override readonly name = 'PoolTimeoutError'
  readonly pool: string
  readonly timeoutMs: number
  /** Workers that others held when the time was over; undefined if the pool itself did not answer. */
  readonly checkedOut: number | undefined
  constructor(pool: string, timeoutMs: number, checkedOut: number | undefined) {
    const why =
      checkedOut === undefined ? 'the pool does not answer' : `${checkedOut} in use by others`
    super('ERR_POOL_TIMEOUT', `${pool}: no worker was free within ${timeoutMs} ms; ${why}`)
    this.pool = pool
    this.timeoutMs = timeoutMs
    this.checkedOut = checkedOut
  }
}

/** There is no worker, because it does not start. */
export class PoolWorkerError extends FoveaError {
  override readonly name = 'PoolWorkerError'
  readonly pool: string
  /** Why the worker did not start. */
  readonly reason: ExitReason
  constructor(pool: string, reason: ExitReason) {
    super('ERR_POOL_WORKER', `${pool}: a worker did not start: ${formatReason(reason)}`, {
      cause: reason,
    })
    this.pool = pool
    this.reason = reason
  }
}

/** The pool stopped while the caller waited. */
export class PoolStoppedError extends FoveaError {
  override readonly name = 'PoolStoppedError'
  readonly pool: string
  constructor(pool: string) {
    super('ERR_POOL_STOPPED', `${pool} stops`)
    this.pool = pool
  }
}

/** The owner that was named for the worker ended while the caller waited. */
export class PoolOwnerError extends FoveaError {
  override readonly name = 'PoolOwnerError'
  readonly pool: string
  /** Why the owner ended. */
  readonly reason: ExitReason
  constructor(pool: string, reason: ExitReason) {
    super('ERR_POOL_OWNER', `${pool}: the owner of the checkout ended: ${formatReason(reason)}`, {
      cause: reason,
    })
    this.pool = pool
    this.reason = reason
  }
}

/** Codes of pools. */
export const poolErrors: ErrorCatalogue = Object.freeze({
  ERR_POOL_FULL: {
    when: 'checkout, when waitingMax callers wait for a worker',
    stateChanged: 'no',
    retry: 'after a pause',
    action: 'shed load, or raise size, overflowMax or waitingMax',
  },
  ERR_POOL_TIMEOUT: {
    when: 'no worker became free within the timeoutMs of a checkout, or the pool did not answer',
    stateChanged: 'no: the caller has left the queue',
    retry: 'yes',
    action: 'find out who holds workers for so long, or raise size',
  },
  ERR_POOL_WORKER: {
    when: 'the worker that a checkout needed did not start; read `reason`',
    stateChanged: 'no',
    retry: 'after restartDelayMs',
    action: 'repair what the worker needs',
  },
  ERR_POOL_STOPPED: {
    when: 'the pool stopped while the caller waited for a worker',
    stateChanged: 'no',
    retry: 'after its supervisor restarted it',
    action: 'none',
  },
  ERR_POOL_OWNER: {
    when: 'the process given as owner of a checkout ended while the checkout waited',
    stateChanged: 'no: the caller has left the queue',
    retry: 'with an owner that lives',
    action: 'read `reason`',
  },
})
