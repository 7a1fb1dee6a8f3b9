/**
 * What comes one after the other, for one reader: an async iterable over things that are told. What was told
 * and not read waits; how much that can be is bounded by whoever tells. Leaving the loop tells `left`.
 */
export class Arrivals<T> implements AsyncIterable<T> {
  readonly #left: () => void
  readonly #waiting: T[] = []
  #reader: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void } | undefined
  #ended = false
  #error: unknown
  #failed = false

  constructor(left: () => void) {
    this.#left = left
  }

  /** One more. */
  tell(value: T): void {
    if (this.#ended) return
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) this.#waiting.push(value)
    else reader.resolve({ done: false, value })
  }

  /** Nothing more comes; with an error, reading fails with it after what waits. */
  end(error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#failed = error !== undefined
    this.#error = error
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) return
    if (this.#failed) reader.reject(error)
    else reader.resolve({ done: true, value: undefined })
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
    const value = this.#waiting.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#failed) {
      this.#failed = false
      return Promise.reject(this.#error)
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }))
  }
}
