/**
 * One stream of a QUIC connection.
 *
 * Writing: small writes are copied into a stage, so that those of one turn become one call of the
 * binding and share packets; larger ones are handed over at once. What the network does not take
 * waits in a queue, the stage always logically behind it. Whoever is told `false` is told `onDrain`
 * later, when half of the high-water mark is reached.
 *
 * Reading: straight from the binding into one buffer per endpoint, whose view lives during `onData`
 * only. Nothing is read before `handle()` or while paused; flow control then stops the sender after
 * `streamWindowBytes`.
 *
 * An `end()` after everything has been acknowledged may never reach the peer if the peer has ended its direction
 * before: the library takes the stream for complete (cloudflare/quiche issue 2525). Who waits for the end of a
 * stream must not end its own direction first.
 *
 * Handlers run in the endpoint's turn (`read`, `pump`, `flush`), never inside a call of the user.
 */
import { checkCode } from '../codes.ts'
import { TransportError } from '../errors.ts'
import type { StreamHandlers, TransportConnection, TransportStream } from '../transport.ts'
import { ENDED_BY_PEER, GONE, NOTHING } from './native-connection.ts'
import type { NativeConnection } from './native-connection.ts'

/** Writes up to this length are coalesced; above, the copy costs more than the call. */
const SMALL_WRITE_BYTES = 1_024

/** Of streams that are opened without a wish, and of those that a peer opened. */
export const URGENCY_DEFAULT = 127

/** Size of a stage. */
export const STAGE_BYTES = 16_384

const EMPTY: Uint8Array = new Uint8Array(0)

/** Limits of a stream, a part of the transport's options. */
export interface StreamLimits {
  readonly streamHighWaterBytes: number
  readonly streamQueueBytesMax: number
  readonly connectionQueueBytesMax: number
}

/** What a stream needs of its connection. */
export interface StreamOwner extends TransportConnection {
  readonly native: NativeConnection
  readonly limits: StreamLimits
  /** Shared by all streams of an endpoint; valid during one `onData`. */
  readonly readBuffer: Buffer
  /** Bytes queued in all streams. */
  bytesQueued: number
  takeStage(): Buffer
  returnStage(stage: Buffer): void
  /** Asks for a turn. */
  touch(): void
  /** Asks for a turn that calls `flush` of this stream. */
  flushLater(stream: QuicStream): void
  /** The stream has a queue: `pump` it when packets were acknowledged. */
  blocked(stream: QuicStream, blocked: boolean): void
  /** Both directions are over. */
  streamEnded(stream: QuicStream): void
}

/** See the file header. */
export class QuicStream implements TransportStream {
  readonly id: number
  /** @internal See `prioritize`. */
  urgency: number
  /** @internal In the list of streams to flush. */
  scheduled = false
  readonly #owner: StreamOwner
  #handlers: StreamHandlers | undefined
  #stage: Buffer | undefined
  #staged = 0
  #queue: Uint8Array[] = []
  #head = 0
  #queued = 0
  #writing: 'open' | 'ending' | 'over' = 'open'
  #reading: 'open' | 'at_end' | 'over' = 'open'
  #paused = false
  #drainOwed = false
  #stopCode: number | undefined
  #resetCode: number | undefined

  constructor(owner: StreamOwner, id: number, urgency: number = URGENCY_DEFAULT) {
    this.#owner = owner
    this.id = id
    this.urgency = urgency
  }

  get connection(): TransportConnection {
    return this.#owner
  }

  get bytesQueued(): number {
    return this.#queued + this.#staged
  }

  handle(handlers: StreamHandlers): void {
    this.#handlers = handlers
    this.#owner.flushLater(this)
  }

  write(bytes: Uint8Array, rest: Uint8Array = EMPTY): boolean {
    if (!(bytes instanceof Uint8Array) || !(rest instanceof Uint8Array)) {
      throw new TransportError('ERR_TRANSPORT_ARGUMENT', 'write takes a Uint8Array')
    }
    this.#checkWritable(bytes.length + rest.length)
    this.#put(bytes)
    // The peer may be found to have stopped us in between.
    if (rest.length > 0 && this.#isWritable) this.#put(rest)
    if (this.bytesQueued < this.#owner.limits.streamHighWaterBytes) return true
    this.#drainOwed = true
    return false
  }

  end(): void {
    if (this.#writing !== 'open' || this.#owner.closed !== undefined) return
    this.#writing = 'ending'
    this.#owner.flushLater(this)
  }

  reset(code: number): void {
    checkCode(code)
    if (this.#writing === 'over' || this.#owner.closed !== undefined) return
    this.#dropQueue()
    this.#writing = 'over'
    this.#owner.native.streamReset(this.id, code)
    this.#owner.touch()
    this.#endIfOver()
  }

  stopSending(code: number): void {
    checkCode(code)
    if (this.#reading === 'over' || this.#owner.closed !== undefined) return
    this.#reading = 'over'
    this.#owner.native.streamStop(this.id, code)
    this.#owner.touch()
    this.#endIfOver()
  }

  prioritize(urgency: number): void {
    if (this.#writing === 'over' || this.#owner.closed !== undefined) return
    this.#owner.native.streamPriority(this.id, urgency)
    this.urgency = urgency
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#owner.flushLater(this)
  }

  /** @internal Whether `read` could deliver something. */
  get wantsRead(): boolean {
    return this.#handlers !== undefined && !this.#paused && this.#reading === 'open'
  }

  /** @internal Whether the peer may still stop us. */
  get wantsStopProbe(): boolean {
    return this.#writing !== 'over'
  }

  /** @internal Delivers what has arrived. */
  read(): void {
    const owner = this.#owner
    const { native, readBuffer } = owner
    while (this.wantsRead && owner.closed === undefined) {
      const length = native.streamRecv(this.id, readBuffer)
      if (length < 0) {
        this.#readFailed(length)
        return
      }
      if (native.lastFin) this.#reading = 'at_end'
      if (length > 0) this.#handlers!.onData(readBuffer.subarray(0, length))
      if (this.#reading === 'at_end') {
        this.#deliverEnd()
        return
      }
      // Drained; another call would only say so.
      if (length < readBuffer.length) return
    }
  }

  /** @internal Gives the network what waits in the queue. True when it took something. */
  pump(): boolean {
    const taken = this.#sendQueue()
    if (this.#queued === 0) this.#unstage()
    this.#deliverWriteEvents()
    return taken
  }

  /** @internal Once per turn after a write, an end, or a change of handlers. */
  flush(): void {
    if (this.#queued === 0) this.#unstage()
    this.#deliverWriteEvents()
    if (this.#owner.closed !== undefined) return
    if (this.#resetCode !== undefined) this.#deliverReset()
    else if (this.#reading === 'at_end') this.#deliverEnd()
    else if (this.wantsRead && this.#owner.native.streamReadable(this.id)) this.read()
  }

  /** @internal Notices STOP_SENDING although nothing is being written. */
  probeStop(): void {
    if (this.#writing === 'over') return
    const outcome = this.#owner.native.streamStopped(this.id)
    if (outcome === 0) return
    this.#sendFailed(outcome)
    this.#deliverWriteEvents()
    // Stopped and reset at once: the binding has forgotten the stream, and both codes with it.
    if (outcome === GONE && this.#reading === 'open') this.#readFailed(GONE)
  }

  /** @internal The connection is over: nothing of this stream is heard again. */
  abandon(): void {
    this.#dropQueue()
    this.#handlers = undefined
    this.#writing = 'over'
    this.#reading = 'over'
  }

  #checkWritable(length: number): void {
    const owner = this.#owner
    if (this.#writing !== 'open' || owner.closed !== undefined) {
      throw new TransportError(
        'ERR_TRANSPORT_STREAM_ENDED',
        `stream ${this.id} takes no more bytes`,
      )
    }
    const { streamQueueBytesMax, connectionQueueBytesMax } = owner.limits
    if (this.bytesQueued + length > streamQueueBytesMax) {
      throw queueFull('streamQueueBytesMax', streamQueueBytesMax, this.bytesQueued, length)
    }
    if (owner.bytesQueued + length > connectionQueueBytesMax) {
      throw queueFull('connectionQueueBytesMax', connectionQueueBytesMax, owner.bytesQueued, length)
    }
  }

  get #isWritable(): boolean {
    return this.#writing === 'open'
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length > SMALL_WRITE_BYTES) this.#sendLarge(bytes)
    else if (bytes.length > 0) this.#stageBytes(bytes)
  }

  #stageBytes(bytes: Uint8Array): void {
    const owner = this.#owner
    if (this.#staged + bytes.length > STAGE_BYTES) this.#clearStage()
    if (this.#stage === undefined) {
      this.#stage = owner.takeStage()
      owner.flushLater(this)
    }
    this.#stage.set(bytes, this.#staged)
    this.#staged += bytes.length
    owner.bytesQueued += bytes.length
  }

  #sendLarge(bytes: Uint8Array): void {
    if (this.#staged > 0) this.#clearStage()
    let rest = bytes
    if (this.#queued === 0) {
      const taken = this.#owner.native.streamSend(this.id, bytes, false)
      this.#owner.touch()
      if (taken < 0) {
        this.#sendFailed(taken)
        return
      }
      if (taken === bytes.length) return
      if (taken > 0) rest = bytes.subarray(taken)
    }
    this.#enqueue(rest)
  }

  /** Empties the stage into the network or the queue, so that order is kept. */
  #clearStage(): void {
    if (this.#queued === 0) this.#unstage()
    if (this.#staged === 0) return
    const bytes = this.#stage!.subarray(0, this.#staged)
    this.#owner.bytesQueued -= this.#staged
    this.#stage = undefined
    this.#staged = 0
    this.#enqueue(bytes)
  }

  /** Sends the stage, with the end of the stream if it was asked for. The queue is empty. */
  #unstage(): void {
    if (this.#writing === 'over') return
    const fin = this.#writing === 'ending'
    const length = this.#staged
    if (length === 0 && !fin) return
    const owner = this.#owner
    const stage = this.#stage
    const bytes = stage === undefined ? EMPTY : stage.subarray(0, length)
    const taken = owner.native.streamSend(this.id, bytes, fin)
    if (taken < 0) {
      this.#sendFailed(taken)
      return
    }
    this.#stage = undefined
    this.#staged = 0
    owner.bytesQueued -= length
    if (taken < length) {
      this.#enqueue(bytes.subarray(taken))
      return
    }
    if (stage !== undefined) owner.returnStage(stage)
    if (fin) this.#finSent()
  }

  #enqueue(bytes: Uint8Array): void {
    if (this.#queued === 0) this.#owner.blocked(this, true)
    this.#queue.push(bytes)
    this.#queued += bytes.length
    this.#owner.bytesQueued += bytes.length
  }

  #sendQueue(): boolean {
    const { native } = this.#owner
    let progress = false
    while (this.#head < this.#queue.length) {
      const bytes = this.#queue[this.#head]!
      const last = this.#head === this.#queue.length - 1 && this.#staged === 0
      const fin = last && this.#writing === 'ending'
      const taken = native.streamSend(this.id, bytes, fin)
      if (taken < 0) {
        this.#sendFailed(taken)
        return true
      }
      if (taken > 0) progress = true
      this.#queued -= taken
      this.#owner.bytesQueued -= taken
      if (taken < bytes.length) {
        if (taken > 0) this.#queue[this.#head] = bytes.subarray(taken)
        return progress
      }
      this.#queue[this.#head++] = EMPTY // let go of the bytes
      if (fin) this.#finSent()
    }
    this.#queue = []
    this.#head = 0
    this.#owner.blocked(this, false)
    return progress
  }

  #finSent(): void {
    this.#writing = 'over'
    this.#endIfOver()
  }

  #sendFailed(outcome: number): void {
    const { native } = this.#owner
    this.#dropQueue()
    this.#writing = 'over'
    // A connection that is over answers for itself; a stream that is gone was stopped and collected.
    if (native.isOver()) return
    this.#stopCode = outcome === ENDED_BY_PEER ? native.lastCode : 0
    if (outcome !== GONE) native.streamReset(this.id, this.#stopCode)
    this.#owner.flushLater(this)
  }

  #readFailed(outcome: number): void {
    const { native } = this.#owner
    if (outcome === NOTHING || native.isOver()) return
    this.#reading = 'over'
    // What is gone without its end was reset, and the code is lost (quiche before 0.24.8).
    this.#resetCode = outcome === ENDED_BY_PEER ? native.lastCode : 0
    this.#deliverReset()
  }

  #deliverReset(): void {
    if (this.#resetCode === undefined || this.#handlers === undefined) return
    if (this.#owner.closed !== undefined) return
    const code = this.#resetCode
    this.#resetCode = undefined
    this.#handlers.onReset?.(code)
    this.#endIfOver()
  }

  #deliverEnd(): void {
    if (this.#paused || this.#handlers === undefined) return
    if (this.#owner.closed !== undefined) return
    this.#reading = 'over'
    this.#handlers.onEnd?.()
    this.#endIfOver()
  }

  #deliverWriteEvents(): void {
    const handlers = this.#handlers
    if (handlers === undefined || this.#owner.closed !== undefined) return
    if (this.#stopCode !== undefined) {
      const code = this.#stopCode
      this.#stopCode = undefined
      this.#drainOwed = false
      handlers.onStopped?.(code)
      this.#endIfOver()
      return
    }
    if (!this.#drainOwed || this.#writing !== 'open') return
    if (this.bytesQueued > this.#owner.limits.streamHighWaterBytes / 2) return
    this.#drainOwed = false
    handlers.onDrain?.()
  }

  #dropQueue(): void {
    this.#owner.bytesQueued -= this.bytesQueued
    if (this.#queued > 0) this.#owner.blocked(this, false)
    if (this.#stage !== undefined) this.#owner.returnStage(this.#stage)
    this.#stage = undefined
    this.#staged = 0
    this.#queue = []
    this.#head = 0
    this.#queued = 0
  }

  #endIfOver(): void {
    if (this.#reading !== 'over' || this.#writing !== 'over') return
    if (this.#stopCode !== undefined || this.#resetCode !== undefined) return
    this.#owner.streamEnded(this)
  }
}

function queueFull(option: string, max: number, queued: number, more: number): TransportError {
  return new TransportError(
    'ERR_TRANSPORT_QUEUE_FULL',
    `${queued} bytes are queued and ${more} more would exceed ${option} (${max})`,
  )
}
