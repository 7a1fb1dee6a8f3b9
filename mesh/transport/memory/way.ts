/**
 * How streams of a simulated network speak. Views handed to `onData` are overwritten afterwards, so that a handler
 * which keeps one is found out here and not in production.
 */
import type { ChunkQueue } from '../chunks.ts'
import type { StreamWay, WindowedStream } from '../windowed-stream.ts'
import type { DataFrame, Frame } from './frame.ts'
import type { Order } from './pipe.ts'

/** What a view is overwritten with after its handler. */
export const SCRUB_BYTE = 0xdd

/** What a way needs of its connection. */
export interface MemoryWayOwner {
  /** Views are cut from it; valid during one `onData`. */
  readonly readBuffer: Uint8Array
  nowMs(): number
  send(frame: Frame, order: Order): void
}

/** The way of one stream. */
export class MemoryWay implements StreamWay {
  readonly #owner: MemoryWayOwner
  readonly #order: Order = { arrivesAtMs: 0 }
  #growing: DataFrame | undefined
  #growingSinceMs = 0

  constructor(owner: MemoryWayOwner) {
    this.#owner = owner
  }

  data(stream: number, bytes: Uint8Array): void {
    this.#frame(stream).chunks.push(bytes)
  }

  fin(stream: number): void {
    this.#frame(stream).fin = true
    this.#growing = undefined
  }

  reset(stream: number, code: number): void {
    this.#growing = undefined
    this.#owner.send({ type: 'reset', stream, code }, this.#order)
  }

  stop(stream: number, code: number): void {
    this.#owner.send({ type: 'stop', stream, code }, this.#order)
  }

  credit(stream: number, length: number): void {
    this.#owner.send({ type: 'credit', stream, length }, { arrivesAtMs: 0 })
  }

  /** Copies as much as there is into the read buffer. */
  take(unread: ChunkQueue): Uint8Array | undefined {
    if (unread.bytes === 0) return undefined
    const { readBuffer } = this.#owner
    let length = 0
    for (;;) {
      const chunk = unread.take(readBuffer.length - length)
      if (chunk === undefined) break
      readBuffer.set(chunk, length)
      length += chunk.length
    }
    return readBuffer.subarray(0, length)
  }

  handled(bytes: Uint8Array): void {
    bytes.fill(SCRUB_BYTE)
  }

  /** The frame of this instant: what is written in one instant travels together. */
  #frame(stream: number): DataFrame {
    const nowMs = this.#owner.nowMs()
    const growing = this.#growing
    if (growing?.arrived === false && this.#growingSinceMs === nowMs) return growing
    const frame: DataFrame = { type: 'data', stream, chunks: [], fin: false, arrived: false }
    this.#growing = frame
    this.#growingSinceMs = nowMs
    this.#owner.send(frame, this.#order)
    return frame
  }
}

const NOTHING: Uint8Array = new Uint8Array(0)

/** A frame of `stream` has arrived; runs in the transport's turn. */
export function receiveFrame(stream: WindowedStream, frame: Frame): void {
  switch (frame.type) {
    case 'data':
      frame.arrived = true
      for (const chunk of frame.chunks) stream.receive(chunk, false)
      // The sender's side may know this frame for long as its last one.
      frame.chunks.length = 0
      if (frame.fin) stream.receive(NOTHING, true)
      break
    case 'credit':
      stream.receiveCredit(frame.length)
      break
    case 'reset':
      stream.receiveReset(frame.code)
      break
    case 'stop':
      stream.receiveStop(frame.code)
      break
    case 'finished':
    case 'datagram':
    case 'close':
      break
  }
  stream.deliver()
}
