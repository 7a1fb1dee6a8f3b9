/**
 * Which numbers of streams a peer may use. A stream is heard of with its first record, not when it is opened, so
 * lower numbers may come later than higher ones; what was skipped is remembered, at most as many as may be open.
 * Pure.
 */
import { TransportError } from '../errors.ts'

/** See the file header. */
export class IncomingStreams {
  readonly #kind: 0 | 1
  readonly #step: number
  readonly #max: number
  readonly #skipped = new Set<number>()
  #next: number
  #open = 0

  /** `kind` is the lowest bit of the peer's numbers. */
  constructor(kind: 0 | 1, step: number, streamsMax: number) {
    this.#kind = kind
    this.#step = step
    // A stream that was reset is over there before its reader here has seen it.
    this.#max = 2 * streamsMax
    this.#next = kind
  }

  /** Whether the peer opens streams of that number. */
  isTheirs(id: number): boolean {
    return (id & 1) === this.#kind
  }

  /** True once per stream of the peer; throws `ERR_TRANSPORT_GARBAGE` above twice `streamsMax`. */
  isNew(id: number): boolean {
    if (!this.isTheirs(id) || (id - this.#kind) % this.#step !== 0) return false
    if (id < this.#next && !this.#skipped.delete(id)) return false
    const jump = Math.max(0, (id - this.#next) / this.#step)
    if (this.#open + 1 > this.#max || this.#skipped.size + jump > this.#max) {
      const text = 'the other thread opened more streams than it may'
      throw new TransportError('ERR_TRANSPORT_GARBAGE', text)
    }
    for (; this.#next < id; this.#next += this.#step) this.#skipped.add(this.#next)
    if (id === this.#next) this.#next += this.#step
    this.#open++
    return true
  }

  /** One of them is over on this side. */
  ended(): void {
    this.#open--
  }
}
