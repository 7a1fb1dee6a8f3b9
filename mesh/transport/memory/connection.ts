/**
 * One side of a simulated connection: the rules of the QUIC connection (`quic/connection.ts`) on
 * frames instead of packets. `endpoint.ts` does the handshake and joins two sides with two pipes.
 *
 * Silence: with keepalive a living peer is heard as long as its direction is not cut, so no packet
 * is simulated for that and no timer runs; a side counts down only while it is deaf (its incoming
 * direction is cut, or the other side is gone). Without keepalive every frame counts.
 */
import type { ClockTimer } from '../../../runtime/index.ts'
import type { NodeKey } from '../../identity/node-key.ts'
import { handlerReason, reasonBytes } from '../close-reason.ts'
import { checkCode, CLOSE_CODE_MAX } from '../codes.ts'
import { QuicCode, TransportError } from '../errors.ts'
import type {
  CloseInfo,
  ConnectionHandlers,
  ConnectionStats,
  StreamOptions,
  TransportAddress,
  TransportConnection,
  TransportStream,
} from '../transport.ts'
import { WindowedStream, type StreamOwner } from '../windowed-stream.ts'
import type { Frame } from './frame.ts'
import type { ResolvedMemoryOptions } from './options.ts'
import type { Order, Pipe } from './pipe.ts'
import { MemoryWay, receiveFrame, SCRUB_BYTE } from './way.ts'
import type { MemoryWayOwner } from './way.ts'

const ID_STEP = 4

/** Views are cut from one buffer of this size per endpoint. */
export const READ_BUFFER_BYTES = 65_536

/** What a side needs of its endpoint. */
export interface MemoryConnectionOwner {
  readonly options: ResolvedMemoryOptions
  readonly readBuffer: Uint8Array
  /** A frame was sent or has arrived. */
  countPacket(direction: 'sent' | 'received'): void
  /** The frame after which the dialler is judged. */
  finished(connection: MemoryConnection): void
  /** The dialler went away during the handshake. */
  dialGivenUp(connection: MemoryConnection): void
  /** Over after having been open. */
  ended(connection: MemoryConnection): void
}

/** See the file header. */
export class MemoryConnection implements TransportConnection, StreamOwner, MemoryWayOwner {
  readonly initiator: boolean
  readonly remote: TransportAddress
  readonly datagramBytesMax: number
  peerKey!: NodeKey
  closed: CloseInfo | undefined
  bytesQueued = 0
  /** @internal Where our frames go; undefined before the handshake. */
  outgoing: Pipe | undefined
  /** @internal What the other side presented. */
  chain: readonly Uint8Array[] = []
  /** @internal The other side. */
  other: MemoryConnection | undefined
  /** @internal */
  state: 'handshaking' | 'open' | 'over' = 'handshaking'
  /** @internal Handshake or dial deadline, then silence. */
  timer: ClockTimer | undefined

  readonly #owner: MemoryConnectionOwner
  readonly #streams = new Map<number, WindowedStream>()
  readonly #skipped = new Set<number>()
  readonly #ownKind: number
  #nextOwnId: number
  #nextPeerId: number
  #ownOpen = 0
  #handlers: ConnectionHandlers | undefined
  #closedDelivered = false
  #early: Frame[] = []
  #earlyDatagrams = 0
  #heardAtMs = 0
  #wasDeaf = false
  #bytesSent = 0
  #bytesReceived = 0

  constructor(owner: MemoryConnectionOwner, initiator: boolean, remote: TransportAddress) {
    this.#owner = owner
    this.initiator = initiator
    this.remote = Object.freeze({ host: remote.host, port: remote.port })
    this.datagramBytesMax = owner.options.datagramBytesMax
    this.#ownKind = initiator ? 0 : 1
    this.#nextOwnId = this.#ownKind
    this.#nextPeerId = 1 - this.#ownKind
  }

  // What the layers above use.

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    this.soon(() => this.#deliverEarly())
  }

  openStream(_options: StreamOptions = {}): TransportStream {
    if (this.closed !== undefined || this.state !== 'open') {
      const { remote } = this
      throw new TransportError('ERR_TRANSPORT_CLOSED', 'the connection is closed', { remote })
    }
    const streamsMax = Math.min(this.options.streamsMax, this.#agreed.streamsMax)
    if (this.#ownOpen >= streamsMax) {
      const message = `streamsMax (${streamsMax}) is reached`
      throw new TransportError('ERR_TRANSPORT_STREAM_LIMIT', message)
    }
    const stream = new WindowedStream(this, new MemoryWay(this), this.#nextOwnId)
    this.#nextOwnId += ID_STEP
    this.#ownOpen++
    this.#streams.set(stream.id, stream)
    return stream
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.closed !== undefined || this.state !== 'open') return false
    if (bytes.length > this.datagramBytesMax) return false
    // A copy: unlike `write`, this promises nothing about keeping the bytes.
    this.#bytesSent += bytes.length
    this.#speak()
    this.#owner.countPacket('sent')
    this.outgoing!.sendOnce({ type: 'datagram', bytes: Uint8Array.from(bytes) })
    return true
  }

  close(code: number, reason: string): void {
    checkCode(code, CLOSE_CODE_MAX)
    if (this.closed !== undefined) return
    const text = Buffer.from(reasonBytes(reason)).toString()
    this.closed = { by: 'local', code, reason: text }
    this.outgoing?.sendLast({ type: 'close', by: 'peer', code, reason: text })
    this.soon(() => this.finish())
  }

  stats(): ConnectionStats {
    const { latencyMs } = this.options
    return {
      rttMs: 2 * latencyMs,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      packetsLost: 0,
      streams: this.#streams.size,
      bytesQueued: this.bytesQueued,
    }
  }

  // What its streams use.

  get options(): ResolvedMemoryOptions {
    return this.#owner.options
  }

  get peerWindowBytes(): number {
    return this.#agreed.streamWindowBytes
  }

  get readBuffer(): Uint8Array {
    return this.#owner.readBuffer
  }

  nowMs(): number {
    return this.options.clock.now()
  }

  sent(bytes: number): void {
    this.bytesQueued -= bytes
    this.#bytesSent += bytes
  }

  send(frame: Frame, order: Order): void {
    this.#speak()
    this.#owner.countPacket('sent')
    this.outgoing?.send(frame, order)
  }

  soon(fn: () => void): void {
    this.options.clock.microtask(() => this.#guard(fn))
  }

  streamEnded(stream: WindowedStream): void {
    if (!this.#streams.delete(stream.id)) return
    if ((stream.id & 1) === this.#ownKind) this.#ownOpen--
  }

  // What the endpoint uses.

  /** @internal The handshake is done. */
  open(peerKey: NodeKey): void {
    this.peerKey = peerKey
    this.state = 'open'
    this.#heardAtMs = this.nowMs()
    this.#listen()
  }

  /** @internal A frame has arrived; runs in a timer of the network. */
  receive(frame: Frame): void {
    if (this.state === 'over' || (this.closed !== undefined && this.state === 'open')) return
    this.#heardAtMs = this.nowMs()
    this.#owner.countPacket('received')
    if (frame.type === 'finished') {
      if (this.state === 'handshaking') this.#owner.finished(this)
      return
    }
    // Lost as in QUIC when the handshake never finished; otherwise `finished` came first.
    if (this.state !== 'open') return
    this.#guard(() => this.#take(frame))
  }

  /** @internal The incoming direction was cut or healed, or the other side ended. */
  hearingChanged(): void {
    if (this.state === 'open' && this.#hasKeepalive()) this.#listen()
  }

  /** @internal The dialler went away. */
  dialGivenUp(): void {
    this.#owner.dialGivenUp(this)
  }

  /** @internal A handler of this connection threw. */
  broken(error: unknown): void {
    if (this.state !== 'open') throw error // not a handler: a bug of ours
    this.options.logger.error({ error, peer: this.peerKey.hex }, 'a connection handler threw')
    if (this.closed !== undefined && this.closed.by !== 'local') return
    const code = QuicCode.internalError
    this.closed = { by: 'error', code, reason: handlerReason(error) }
    const reason = 'ERR_TRANSPORT_HANDLER'
    this.outgoing?.sendLast({ type: 'close', by: 'error', code, reason })
    this.finish()
  }

  /** @internal Ends it: `onClosed`, then nothing. */
  finish(info?: CloseInfo): void {
    if (this.state !== 'open') return
    this.closed ??= info ?? { by: 'error', code: 0, reason: '' }
    this.vanish()
    this.#owner.ended(this)
    this.other?.hearingChanged()
    this.#deliverClosed()
  }

  /** @internal Ends it without a word to anybody. */
  vanish(): void {
    this.state = 'over'
    this.timer?.cancel()
    this.other?.outgoing?.stop()
    this.outgoing?.abandon()
    for (const stream of this.#streams.values()) stream.abandon()
    this.#streams.clear()
    this.#early = []
    this.#ownOpen = 0
  }

  #guard(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.broken(error)
    }
  }

  #take(frame: Frame): void {
    if (frame.type === 'close') {
      const { by, code, reason } = frame
      // Data that came before is handed out first, as far as anybody listens.
      this.finish({ by, code, reason })
    } else if (this.#handlers === undefined) {
      this.#keepEarly(frame)
    } else if (frame.type === 'datagram') {
      this.#bytesReceived += frame.bytes.length
      this.#handlers.onDatagram?.(frame.bytes)
      frame.bytes.fill(SCRUB_BYTE)
    } else if (frame.type !== 'finished') {
      this.#takeStreamFrame(frame)
    }
  }

  #keepEarly(frame: Frame): void {
    if (frame.type === 'datagram') {
      if (this.#earlyDatagrams >= this.options.datagramQueueMax) return
      this.#earlyDatagrams++
    }
    this.#early.push(frame)
  }

  #deliverEarly(): void {
    if (this.state === 'over') {
      this.#deliverClosed()
      return
    }
    const early = this.#early
    this.#early = []
    this.#earlyDatagrams = 0
    for (const frame of early) {
      if (this.closed !== undefined) return
      this.#take(frame)
    }
  }

  #takeStreamFrame(frame: Exclude<Frame, { type: 'finished' | 'datagram' | 'close' }>): void {
    if (frame.type === 'data') {
      for (const chunk of frame.chunks) this.#bytesReceived += chunk.length
    }
    const known = this.#streams.get(frame.stream)
    if (known !== undefined) {
      receiveFrame(known, frame)
      return
    }
    // A late frame of a stream that is over here, or a new stream of the peer.
    const isOwn = (frame.stream & 1) === this.#ownKind
    if (isOwn || frame.type === 'credit' || !this.#isNew(frame.stream)) return
    this.#announce(frame)
  }

  /** Frames of different streams overtake each other, so lower ids may come later. */
  #isNew(id: number): boolean {
    if (id < this.#nextPeerId) return this.#skipped.delete(id)
    for (let skipped = this.#nextPeerId; skipped < id; skipped += ID_STEP)
      this.#skipped.add(skipped)
    this.#nextPeerId = id + ID_STEP
    return true
  }

  #announce(frame: Exclude<Frame, { type: 'finished' | 'datagram' | 'close' }>): void {
    const stream = new WindowedStream(this, new MemoryWay(this), frame.stream)
    this.#streams.set(stream.id, stream)
    const onStream = this.#handlers?.onStream
    if (onStream === undefined) {
      stream.reset(0)
      stream.stopSending(0)
      return
    }
    onStream(stream)
    receiveFrame(stream, frame)
  }

  #deliverClosed(): void {
    if (this.#closedDelivered || this.#handlers === undefined || this.closed === undefined) return
    this.#closedDelivered = true
    const { onClosed } = this.#handlers
    this.#handlers = undefined
    try {
      onClosed(this.closed)
    } catch (error) {
      this.options.logger.error({ error, peer: this.peerKey.hex }, 'an onClosed handler threw')
    }
  }

  #hasKeepalive(): boolean {
    return this.options.keepaliveIntervalMs !== Infinity
  }

  /** What the other side allows. */
  get #agreed(): ResolvedMemoryOptions {
    return this.other?.options ?? this.options
  }

  /** As in QUIC the smaller value of both sides counts. */
  get #idleTimeoutMs(): number {
    return Math.min(this.options.idleTimeoutMs, this.#agreed.idleTimeoutMs)
  }

  /** Something was sent; its acknowledgement would be heard. */
  #speak(): void {
    if (!this.#hasKeepalive() && !this.#isDeaf()) this.#heardAtMs = this.nowMs()
  }

  #isDeaf(): boolean {
    const { other } = this
    return other === undefined || other.state === 'over' || other.outgoing?.silent === true
  }

  /** Counts down while it is deaf, from the moment it became so; always when nobody keeps alive. */
  #listen(): void {
    if (!this.#hasKeepalive()) {
      this.#countDown(this.#idleTimeoutMs)
      return
    }
    const deaf = this.#isDeaf()
    if (deaf === this.#wasDeaf) return
    this.#wasDeaf = deaf
    this.timer?.cancel()
    if (!deaf) return
    this.#heardAtMs = this.nowMs()
    this.#countDown(this.#idleTimeoutMs)
  }

  #countDown(delayMs: number): void {
    this.timer = this.options.clock.setTimer(delayMs, () => {
      const leftMs = this.#heardAtMs + this.#idleTimeoutMs - this.nowMs()
      if (leftMs > 0) this.#countDown(leftMs)
      else this.finish({ by: 'idle_timeout', code: 0, reason: '' })
    })
  }
}
