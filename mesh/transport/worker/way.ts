/** How streams between two threads speak: records in the batch of the turn, views of the batch that came. */
import type { ChunkQueue } from '../chunks.ts'
import type { StreamWay } from '../windowed-stream.ts'
import type { BatchWriter } from './records.ts'

/** The way of all streams of one connection; `outgoing` gives the batch of this turn. */
export class WorkerWay implements StreamWay {
  readonly #outgoing: () => BatchWriter

  constructor(outgoing: () => BatchWriter) {
    this.#outgoing = outgoing
  }

  data(stream: number, bytes: Uint8Array): void {
    this.#outgoing().data(stream, bytes)
  }

  fin(stream: number): void {
    this.#outgoing().fin(stream)
  }

  reset(stream: number, code: number): void {
    this.#outgoing().reset(stream, code)
  }

  stop(stream: number, code: number): void {
    this.#outgoing().stop(stream, code)
  }

  credit(stream: number, length: number): void {
    this.#outgoing().credit(stream, length)
  }

  take(unread: ChunkQueue): Uint8Array | undefined {
    return unread.take(Infinity)
  }

  handled(_bytes: Uint8Array): void {
    // They are the reader's: nobody else has the batch.
  }
}
