/**
 * A dial in progress, for every transport: a promise and the signal that can end it. Its deadline is
 * kept by the endpoint, on the clock.
 */
import { inspect } from 'node:util'
import { isNodeKey } from '../identity/node-key.ts'
import { TransportError } from './errors.ts'
import type { DialOptions, TransportConnection } from './transport.ts'

const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** Throws for dial options that make no sense. */
export function checkDialOptions(options: DialOptions): void {
  const { timeoutMs, expect, signal } = options
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
    const message = `timeoutMs must be from 1 to ${TIMEOUT_MS_MAX}, received ${inspect(timeoutMs)}`
    throw new TransportError('ERR_TRANSPORT_ARGUMENT', message)
  }
  if (expect !== undefined && !isNodeKey(expect)) {
    throw new TransportError('ERR_TRANSPORT_ARGUMENT', 'expect must be a NodeKey')
  }
  if (signal?.aborted === true) throw abortedError(signal)
}

/** See the file header. */
export class Dial {
  readonly result: Promise<TransportConnection>
  readonly #signal: AbortSignal | undefined
  #resolve!: (connection: TransportConnection) => void
  #reject!: (error: TransportError) => void
  #abort: (() => void) | undefined

  constructor(options: DialOptions) {
    checkDialOptions(options)
    this.#signal = options.signal
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Calls `giveUp` when the caller's signal is aborted. */
  onAbort(giveUp: (error: TransportError) => void): void {
    const signal = this.#signal
    if (signal === undefined) return
    this.#abort = () => giveUp(abortedError(signal))
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  succeed(connection: TransportConnection): void {
    this.#forgetSignal()
    this.#resolve(connection)
  }

  fail(error: TransportError): void {
    this.#forgetSignal()
    this.#reject(error)
  }

  #forgetSignal(): void {
    if (this.#abort !== undefined) this.#signal?.removeEventListener('abort', this.#abort)
  }
}

function abortedError(signal: AbortSignal): TransportError {
  return new TransportError('ERR_TRANSPORT_ABORTED', 'the dial was aborted', {
    cause: signal.reason,
  })
}
