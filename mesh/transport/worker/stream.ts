/**
 * A stream between two threads: the rules of the QUIC stream on records of a port. A port takes everything at once
 * and for ever, so what holds a writer back is the reader's window alone: bytes beyond it wait here, and credit
 * comes back when half a window was consumed. A reader that is paused or slow thus stops the writer with one
 * window between them.
 *
 * Urgency means nothing here: a port has one order, and at most a window per stream is ahead of anybody.
 */
import { checkCode } from '../codes.ts'
import { TransportError } from '../errors.ts'
import { ChunkQueue } from '../memory/chunks.ts'
import type { StreamHandlers, TransportConnection, TransportStream } from '../transport.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import type { BatchWriter } from './records.ts'

/** What a stream needs of its connection. */
export interface WorkerStreamOwner extends TransportConnection {
  readonly options: ResolvedWorkerOptions
  /** How much of a stream the other side takes unread. */
  readonly peerWindowBytes: number
  /** Bytes queued in all streams. */
  bytesQueued: number
  /** So many bytes left the queue of a stream. */
  sent(bytes: number): void
  /** What goes to the other side with the batch of this turn. */
  outgoing(): BatchWriter
  /** Runs `fn` soon, outside the caller's call; a throw of a handler in it ends the connection. */
  soon(fn: () => void): void
  streamEnded(stream: WorkerStream): void
}

/** See the file header. */
export class WorkerStream implements TransportStream {
  readonly id: number
  readonly #owner: WorkerStreamOwner
  readonly #queue = new ChunkQueue()
  readonly #unread = new ChunkQueue()
  #handlers: StreamHandlers | undefined
  #credit: number
  #writing: 'open' | 'ending' | 'over' = 'open'
  #drainOwed = false
  #stopCode: number | undefined
  #reading: 'open' | 'at_end' | 'reset' | 'over' = 'open'
  #resetCode = 0
  #consumed = 0
  /** Bytes that the peer may still send before it gets credit. */
  #window: number
  #paused = false

  constructor(owner: WorkerStreamOwner, id: number) {
    this.#owner = owner
    this.id = id
    this.#credit = owner.peerWindowBytes
    this.#window = owner.options.streamWindowBytes
  }

  get connection(): TransportConnection {
    return this.#owner
  }

  get bytesQueued(): number {
    return this.#queue.bytes
  }

  handle(handlers: StreamHandlers): void {
    this.#handlers = handlers
    this.#owner.soon(() => this.deliver())
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
    this.#owner.outgoing().reset(this.id, code)
    this.#endIfOver()
  }

  stopSending(code: number): void {
    checkCode(code)
    if (this.#reading === 'over' || this.#owner.closed !== undefined) return
    this.#stopReading()
    this.#owner.outgoing().stop(this.id, code)
    this.#endIfOver()
  }

  prioritize(_urgency: number): void {
    // See the file header.
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#owner.soon(() => this.deliver())
  }

  /** @internal Bytes have arrived; call {@link deliver} afterwards. Throws for more than the window. */
  receive(bytes: Uint8Array, fin: boolean): void {
    if (bytes.length > this.#window) {
      const text = 'the other thread sent more of a stream than the window allows'
      throw new TransportError('ERR_TRANSPORT_GARBAGE', text)
    }
    this.#window -= bytes.length
    if (this.#reading !== 'open') return
    this.#unread.push(bytes)
    if (fin) this.#reading = 'at_end'
  }

  /** @internal The reader has consumed so many bytes. */
  receiveCredit(length: number): void {
    this.#credit += length
    this.#transmit()
    this.deliver()
  }

  /** @internal The peer gave up sending. */
  receiveReset(code: number): void {
    if (this.#reading === 'over') return
    this.#unread.clear()
    this.#reading = 'reset'
    this.#resetCode = code
  }

  /** @internal The peer gave up reading. */
  receiveStop(code: number): void {
    if (this.#writing === 'over') return
    this.#stopWriting()
    this.#stopCode = code
    // As QUIC does: whoever is stopped resets.
    this.#owner.outgoing().reset(this.id, code)
  }

  /** @internal The connection is over. */
  abandon(): void {
    this.#stopWriting()
    this.#stopReading()
    this.#handlers = undefined
  }

  /** @internal Calls the handlers that have something to hear; runs in the transport's turn. */
  deliver(): void {
    if (this.#owner.closed !== undefined) return
    this.#deliverWriteEvents()
    if (this.#owner.closed === undefined) this.#deliverReadEvents()
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

  #transmit(): void {
    for (;;) {
      const part = this.#queue.take(this.#credit)
      if (part === undefined) break
      this.#credit -= part.length
      this.#owner.sent(part.length)
      this.#owner.outgoing().data(this.id, part)
    }
    if (this.#writing !== 'ending' || this.#queue.bytes > 0) return
    this.#owner.outgoing().fin(this.id)
    this.#writing = 'over'
    this.#endIfOver()
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
    while (this.#mayRead()) {
      const bytes = this.#unread.take(Infinity)
      if (bytes === undefined) break
      this.#handlers!.onData(bytes)
      this.#giveCredit(bytes.length)
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

  #giveCredit(length: number): void {
    this.#consumed += length
    if (this.#consumed < this.#owner.options.streamWindowBytes / 2) return
    if (this.#reading !== 'open' || this.#owner.closed !== undefined) return
    this.#owner.outgoing().credit(this.id, this.#consumed)
    this.#window += this.#consumed
    this.#consumed = 0
  }

  #stopWriting(): void {
    this.#owner.bytesQueued -= this.#queue.bytes
    this.#queue.clear()
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
