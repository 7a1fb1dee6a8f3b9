/**
 * The events of one long request on their way to a client that may read slowly. What the socket does
 * not take at once waits here, so many at most; one more and the stream is over: a client that cannot
 * follow is told so, instead of being told a part.
 */
import { CliError } from '../errors.ts'

/** Options of {@link EventStream}. */
export interface EventStreamOptions {
  /** Events that wait at most. */
  readonly eventsQueuedMax: number
  /** Writes one event; false when the socket wants no more before it has drained. */
  readonly write: (event: unknown) => boolean
}

/** A bounded queue in front of a socket. */
export class EventStream {
  readonly #options: EventStreamOptions
  #queue: unknown[] = []
  #blocked = false
  #problem: Error | undefined
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined

  constructor(options: EventStreamOptions) {
    this.#options = options
  }

  /** One more event; nothing happens after the end. */
  push(event: unknown): void {
    if (this.#problem !== undefined) return
    if (!this.#blocked) {
      this.#blocked = !this.#options.write(event)
      return
    }
    const { eventsQueuedMax } = this.#options
    if (this.#queue.length >= eventsQueuedMax) {
      this.end(
        new CliError(
          'ERR_CONTROL_SLOW',
          `the command read so slowly that more than ${eventsQueuedMax} events waited for it`,
        ),
      )
      return
    }
    this.#queue.push(event)
  }

  /** The socket takes more. */
  drained(): void {
    this.#blocked = false
    let at = 0
    while (at < this.#queue.length && !this.#blocked) {
      this.#blocked = !this.#options.write(this.#queue[at++])
    }
    this.#queue = this.#queue.slice(at)
    if (this.#queue.length === 0) this.#waiting?.resolve()
  }

  /** Resolves when nothing waits any more; rejects when the stream has ended. */
  flushed(): Promise<void> {
    if (this.#problem !== undefined) return Promise.reject(this.#problem)
    if (this.#queue.length === 0) return Promise.resolve()
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }))
  }

  /** Rejects when the stream ends; a stream ends no other way. */
  ended(): Promise<never> {
    if (this.#problem !== undefined) return Promise.reject(this.#problem)
    return new Promise((_resolve, reject) => (this.#waiting = { resolve: () => {}, reject }))
  }

  /** No more events; what waits is dropped. */
  end(problem: Error): void {
    if (this.#problem !== undefined) return
    this.#problem = problem
    this.#queue = []
    this.#waiting?.reject(problem)
  }
}
