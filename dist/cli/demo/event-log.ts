/** What a node process said so far, and a way to wait for the next thing it says. */
import type { Clock } from '../../../runtime/index.ts'
import { CliError } from '../errors.ts'
import type { OutputEvent } from '../output.ts'

const EVENTS_MAX = 10_000

interface Waiter {
  readonly match: (event: OutputEvent) => boolean
  readonly resolve: (event: OutputEvent) => void
  readonly reject: (error: Error) => void
}

/** Options of {@link EventLog.wait}. */
export interface WaitOptions {
  /** Deadline. */
  readonly timeoutMs: number
  /** What is waited for, for the message. */
  readonly what: string
  /** Ends the wait early; its reason is the error. */
  readonly signal?: AbortSignal
}

/** A bounded list of events that can be waited on; an event counts whether it came before or after. */
export class EventLog {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  #events: OutputEvent[] = []
  #ended: Error | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get events(): readonly OutputEvent[] {
    return this.#events
  }

  push(event: OutputEvent): void {
    if (this.#events.length >= EVENTS_MAX) this.#events = this.#events.slice(EVENTS_MAX / 2)
    this.#events.push(event)
    for (const waiter of this.#waiters) if (waiter.match(event)) waiter.resolve(event)
  }

  /** No more events will come: whoever waits is told `reason`. */
  end(reason: Error): void {
    this.#ended ??= reason
    for (const waiter of this.#waiters) waiter.reject(reason)
  }

  /** The first event that matches; rejects with `ERR_CONTROL_TIMEOUT`, or when nothing can come. */
  wait(match: (event: OutputEvent) => boolean, options: WaitOptions): Promise<OutputEvent> {
    const seen = this.#events.find(match)
    if (seen !== undefined) return Promise.resolve(seen)
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      const { signal } = options
      const onAbort = (): void => waiter.reject(abortError(signal))
      const finish = (): void => {
        timer.cancel()
        this.#waiters.delete(waiter)
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter = {
        match,
        resolve: (event) => (finish(), resolve(event)),
        reject: (error) => (finish(), reject(error)),
      }
      const timer = this.#clock.setTimer(options.timeoutMs, () =>
        waiter.reject(
          new CliError(
            'ERR_CONTROL_TIMEOUT',
            `no sign of ${options.what} within ${options.timeoutMs} ms`,
          ),
        ),
      )
      this.#waiters.add(waiter)
      if (signal?.aborted === true) onAbort()
      else signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}

function abortError(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error
    ? signal.reason
    : new CliError('ERR_CONTROL_CLOSED', 'interrupted')
}
