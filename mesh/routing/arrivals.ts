/**
 * What comes one after the other: an async iterable over things that are told. What was told and not read
 * waits; how much that can be is bounded by whoever tells. Readers are served in the order in which they
 * asked. Leaving the loop tells `left`.
 */
export class Arrivals<T> implements AsyncIterable<T> {
  readonly #left: () => void
  readonly #waiting: T[] = []
  readonly #readers: Reader<T>[] = []
  #ended = false
  #error: unknown
  #failed = false

  constructor(left: () => void) {
    this.#left = left
  }

  /** One more. */
  tell(value: T): void {
    if (this.#ended) return
    const reader = this.#readers.shift()
    if (reader === undefined) this.#waiting.push(value)
    else reader.resolve({ done: false, value })
  }

  /** Nothing more comes; with an error, reading fails with it after what waits, once. */
  end(error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#failed = error !== undefined
    this.#error = error
    for (const { resolve, reject } of this.#readers.splice(0)) this.#last().then(resolve, reject)
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.#waiting.length = 0
        if (!this.#ended) {
          this.end()
          this.#left()
        }
        return { done: true, value: undefined }
      },
    }
  }

  #next(): Promise<IteratorResult<T>> {
    if (this.#waiting.length > 0) {
      return Promise.resolve({ done: false, value: this.#waiting.shift() as T })
    }
    if (this.#ended) return this.#last()
    return new Promise((resolve, reject) => void this.#readers.push({ resolve, reject }))
  }

  /** The end, or once why it came. */
  #last(): Promise<IteratorResult<T>> {
    if (!this.#failed) return Promise.resolve({ done: true, value: undefined })
    this.#failed = false
    return Promise.reject(this.#error)
  }
}

/** Somebody who waits for the next one. */
interface Reader<T> {
  resolve(result: IteratorResult<T>): void
  reject(error: unknown): void
}
