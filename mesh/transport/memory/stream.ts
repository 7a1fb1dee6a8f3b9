/**
 * A stream of a simulated connection: the rules of the QUIC stream (`quic/stream.ts`) without
 * packets. Bytes beyond the reader's window wait on the writer's side; the reader gives credit back
 * when it has consumed half a window. Views handed to `onData` are overwritten afterwards, so that a
 * handler which keeps one is found out here and not in production.
 */
import { checkCode } from '../codes.ts'
import { TransportError } from '../errors.ts'
import type { StreamHandlers, TransportConnection, TransportStream } from '../transport.ts'
import { ChunkQueue } from './chunks.ts'
import type { DataFrame, Frame } from './frame.ts'
import type { ResolvedMemoryOptions } from './options.ts'
import type { Order } from './pipe.ts'

/** What a view is overwritten with after its handler. */
export const SCRUB_BYTE = 0xdd

/** What a stream needs of its connection. */
export interface MemoryStreamOwner extends TransportConnection {
  readonly options: ResolvedMemoryOptions
  /** Views are cut from it; valid during one `onData`. */
  readonly readBuffer: Uint8Array
  bytesQueued: number
  /** How much of a stream the other side takes unread. */
  readonly peerWindowBytes: number
  nowMs(): number
  /** So many bytes left the queue of a stream. */
  sent(bytes: number): void
  send(frame: Frame, order: Order): void
  /** Runs `fn` soon, outside the caller's call; a throw of a handler in it ends the connection. */
  soon(fn: () => void): void
  streamEnded(stream: MemoryStream): void
}

/** See the file header. */
export class MemoryStream implements TransportStream {
  readonly id: number
  readonly #owner: MemoryStreamOwner
  readonly #order: Order = { arrivesAtMs: 0 }
  #handlers: StreamHandlers | undefined
  readonly #queue = new ChunkQueue()
  #credit: number
  #writing: 'open' | 'ending' | 'over' = 'open'
  #drainOwed = false
  #stopCode: number | undefined
  #growing: DataFrame | undefined
  #growingSinceMs = 0
  readonly #unread = new ChunkQueue()
  #reading: 'open' | 'at_end' | 'reset' | 'over' = 'open'
  #resetCode = 0
  #consumed = 0
  #paused = false

  constructor(owner: MemoryStreamOwner, id: number) {
    this.#owner = owner
    this.id = id
    this.#credit = owner.peerWindowBytes
  }

  get connection(): TransportConnection {
    return this.#owner
  }

  get bytesQueued(): number {
    return this.#queue.bytes
  }

  handle(handlers: StreamHandlers): void {
    this.#handlers = handlers
    this.#owner.soon(() => this.#deliver())
  }

  write(bytes: Uint8Array): boolean {
    if (!(bytes instanceof Uint8Array)) {
      throw new TransportError('ERR_TRANSPORT_ARGUMENT', 'write takes a Uint8Array')
    }
    this.#checkWritable(bytes.length)
    if (bytes.length > 0) {
      this.#queue.push(bytes)
      this.#owner.bytesQueued += bytes.length
      this.#transmit()
    }
    if (this.#queue.bytes < this.#owner.options.streamHighWaterBytes) return true
    this.#drainOwed = true
    return false
  }

  end(): void {
    if (this.#writing !== 'open' || this.#owner.closed !== undefined) return
    this.#writing = 'ending'
    this.#transmit()
  }

  reset(code: number): void {
    checkCode(code)
    if (this.#writing === 'over' || this.#owner.closed !== undefined) return
    this.#stopWriting()
    this.#owner.send({ type: 'reset', stream: this.id, code }, this.#order)
    this.#endIfOver()
  }

  stopSending(code: number): void {
    checkCode(code)
    if (this.#reading === 'over' || this.#owner.closed !== undefined) return
    this.#stopReading()
    this.#owner.send({ type: 'stop', stream: this.id, code }, this.#order)
    this.#endIfOver()
  }

  prioritize(_urgency: number): void {
    // Nothing to order: this network has no limit on bytes per second.
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#owner.soon(() => this.#deliver())
  }

  /** @internal A frame of this stream has arrived; runs in the transport's turn. */
  receive(frame: Frame): void {
    switch (frame.type) {
      case 'data':
        this.#receiveData(frame)
        break
      case 'credit':
        this.#credit += frame.length
        this.#transmit()
        break
      case 'reset':
        if (this.#reading === 'over') break
        this.#unread.clear()
        this.#reading = 'reset'
        this.#resetCode = frame.code
        break
      case 'stop':
        if (this.#writing === 'over') break
        this.#stopWriting()
        this.#stopCode = frame.code
        // As QUIC does: whoever is stopped resets.
        this.#owner.send({ type: 'reset', stream: this.id, code: frame.code }, this.#order)
        break
      case 'finished':
      case 'datagram':
      case 'close':
        break
    }
    this.#deliver()
  }

  /** @internal The connection is over. */
  abandon(): void {
    this.#stopWriting()
    this.#stopReading()
    this.#handlers = undefined
  }

  #checkWritable(length: number): void {
    const owner = this.#owner
    if (this.#writing !== 'open' || owner.closed !== undefined) {
      const message = `stream ${this.id} takes no more bytes`
      throw new TransportError('ERR_TRANSPORT_STREAM_ENDED', message)
    }
    const { streamQueueBytesMax, connectionQueueBytesMax } = owner.options
    const fits = this.#queue.bytes + length <= streamQueueBytesMax
    if (fits && owner.bytesQueued + length <= connectionQueueBytesMax) return
    throw new TransportError(
      'ERR_TRANSPORT_QUEUE_FULL',
      `${this.#queue.bytes} bytes are queued and ${length} more would exceed a limit`,
    )
  }

  #receiveData(frame: DataFrame): void {
    if (this.#reading !== 'open') return
    frame.arrived = true
    for (const chunk of frame.chunks) this.#unread.push(chunk)
    if (frame.fin) this.#reading = 'at_end'
  }

  #transmit(): void {
    for (;;) {
      const part = this.#queue.take(this.#credit)
      if (part === undefined) break
      this.#credit -= part.length
      this.#owner.sent(part.length)
      this.#frame().chunks.push(part)
    }
    if (this.#writing !== 'ending' || this.#queue.bytes > 0) return
    this.#frame().fin = true
    this.#growing = undefined
    this.#writing = 'over'
    this.#endIfOver()
  }

  /** The frame of this instant: what is written in one instant travels together. */
  #frame(): DataFrame {
    const nowMs = this.#owner.nowMs()
    const growing = this.#growing
    if (growing?.arrived === false && this.#growingSinceMs === nowMs) return growing
    const frame: DataFrame = {
      type: 'data',
      stream: this.id,
      chunks: [],
      fin: false,
      arrived: false,
    }
    this.#growing = frame
    this.#growingSinceMs = nowMs
    this.#owner.send(frame, this.#order)
    return frame
  }

  #deliver(): void {
    if (this.#owner.closed !== undefined) return
    this.#deliverWriteEvents()
    if (this.#owner.closed === undefined) this.#deliverReadEvents()
  }

  #deliverWriteEvents(): void {
    const handlers = this.#handlers
    if (handlers === undefined) return
    if (this.#stopCode !== undefined) {
      const code = this.#stopCode
      this.#stopCode = undefined
      handlers.onStopped?.(code)
      this.#endIfOver()
    } else if (this.#drainOwed && this.#writing === 'open') {
      if (this.#queue.bytes > this.#owner.options.streamHighWaterBytes / 2) return
      this.#drainOwed = false
      handlers.onDrain?.()
    }
  }

  #deliverReadEvents(): void {
    while (this.#mayRead() && this.#unread.bytes > 0) {
      const view = this.#nextView()
      this.#handlers!.onData(view)
      view.fill(SCRUB_BYTE)
      this.#giveCredit(view.length)
    }
    if (!this.#mayRead() || this.#unread.bytes > 0) return
    if (this.#reading === 'at_end') {
      this.#reading = 'over'
      this.#handlers!.onEnd?.()
    } else if (this.#reading === 'reset') {
      this.#reading = 'over'
      this.#handlers!.onReset?.(this.#resetCode)
    }
    this.#endIfOver()
  }

  #mayRead(): boolean {
    return (
      this.#handlers !== undefined &&
      !this.#paused &&
      this.#reading !== 'over' &&
      this.#owner.closed === undefined
    )
  }

  /** Copies as much as there is into the read buffer. */
  #nextView(): Uint8Array {
    const { readBuffer } = this.#owner
    let length = 0
    for (;;) {
      const chunk = this.#unread.take(readBuffer.length - length)
      if (chunk === undefined) break
      readBuffer.set(chunk, length)
      length += chunk.length
    }
    return readBuffer.subarray(0, length)
  }

  #giveCredit(length: number): void {
    this.#consumed += length
    if (this.#consumed < this.#owner.options.streamWindowBytes / 2) return
    if (this.#reading !== 'open') return
    const frame: Frame = { type: 'credit', stream: this.id, length: this.#consumed }
    this.#consumed = 0
    this.#owner.send(frame, { arrivesAtMs: 0 })
  }

  #stopWriting(): void {
    this.#owner.bytesQueued -= this.#queue.bytes
    this.#queue.clear()
    this.#growing = undefined
    this.#drainOwed = false
    this.#writing = 'over'
  }

  #stopReading(): void {
    this.#unread.clear()
    this.#reading = 'over'
  }

  #endIfOver(): void {
    if (this.#reading !== 'over' || this.#writing !== 'over' || this.#stopCode !== undefined) return
    this.#owner.streamEnded(this)
  }
}
