/**
 * A stream without packets: the rules of the QUIC stream (`quic/stream.ts`) for transports that lose nothing, between
 * threads and in a simulated network. Bytes beyond the reader's window wait on the writer's side, and credit comes
 * back when half a window was consumed. A reader that is paused or slow thus stops the writer with one window
 * between them.
 *
 * Urgency means nothing here: neither way has a limit on bytes per second, and at most a window per stream is ahead
 * of anybody.
 */
import { ChunkQueue } from './chunks.ts'
import { checkCode } from './codes.ts'
import { TransportError } from './errors.ts'
import type { StreamHandlers, TransportConnection, TransportStream } from './transport.ts'

/** Limits of a stream; see the options of the transports. */
export interface StreamLimits {
  readonly streamWindowBytes: number
  readonly streamHighWaterBytes: number
  readonly streamQueueBytesMax: number
  readonly connectionQueueBytesMax: number
}

const NOTHING: Uint8Array = new Uint8Array(0)

/** What a stream needs of its connection. */
export interface StreamOwner extends TransportConnection {
  readonly options: StreamLimits
  readonly peerWindowBytes: number
  /** Bytes queued in all streams. */
  bytesQueued: number
  /** So many bytes left the queue of a stream. */
  sent(bytes: number): void
  /** Runs `fn` soon, outside the caller's call; a throw of a handler in it ends the connection. */
  soon(fn: () => void): void
  streamEnded(stream: WindowedStream): void
}

/** How a stream reaches the other side, and hands out what came from there. */
export interface StreamWay {
  data(stream: number, bytes: Uint8Array): void
  fin(stream: number): void
  reset(stream: number, code: number): void
  stop(stream: number, code: number): void
  /** The reader has consumed so many bytes. */
  credit(stream: number, length: number): void
  /** The next bytes for `onData`; undefined when there are none. */
  take(unread: ChunkQueue): Uint8Array | undefined
  /** `onData` has had them. */
  handled(bytes: Uint8Array): void
}

/** See the file header. */
export class WindowedStream implements TransportStream {
  readonly id: number
  readonly #owner: StreamOwner
  readonly #way: StreamWay
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

  constructor(owner: StreamOwner, way: StreamWay, id: number) {
    this.#owner = owner
    this.#way = way
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

  write(bytes: Uint8Array, rest: Uint8Array = NOTHING): boolean {
    if (!(bytes instanceof Uint8Array) || !(rest instanceof Uint8Array)) {
      throw new TransportError('ERR_TRANSPORT_ARGUMENT', 'write takes a Uint8Array')
    }
    const length = bytes.length + rest.length
    this.#checkWritable(length)
    if (length > 0) {
      this.#queue.push(bytes)
      this.#queue.push(rest)
      this.#owner.bytesQueued += length
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
    this.#way.reset(this.id, code)
    this.#endIfOver()
  }

  stopSending(code: number): void {
    checkCode(code)
    if (this.#reading === 'over' || this.#owner.closed !== undefined) return
    this.#stopReading()
    this.#way.stop(this.id, code)
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
      const text = 'the other side sent more of a stream than the window allows'
      throw new TransportError('ERR_TRANSPORT_GARBAGE', text)
    }
    this.#window -= bytes.length
    if (this.#reading !== 'open') return
    this.#unread.push(bytes)
    if (fin) this.#reading = 'at_end'
  }

  /** @internal The reader has consumed so many bytes; call {@link deliver} afterwards. */
  receiveCredit(length: number): void {
    this.#credit += length
    this.#transmit()
  }

  /** @internal The peer gave up sending; call {@link deliver} afterwards. */
  receiveReset(code: number): void {
    if (this.#reading === 'over') return
    this.#unread.clear()
    this.#reading = 'reset'
    this.#resetCode = code
  }

  /** @internal The peer gave up reading; call {@link deliver} afterwards. */
  receiveStop(code: number): void {
    if (this.#writing === 'over') return
    this.#stopWriting()
    this.#stopCode = code
    // As QUIC does: whoever is stopped resets.
    this.#way.reset(this.id, code)
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
      this.#way.data(this.id, part)
    }
    if (this.#writing !== 'ending' || this.#queue.bytes > 0) return
    this.#way.fin(this.id)
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
      const bytes = this.#way.take(this.#unread)
      if (bytes === undefined) break
      this.#handlers!.onData(bytes)
      this.#way.handled(bytes)
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
    this.#way.credit(this.id, this.#consumed)
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
