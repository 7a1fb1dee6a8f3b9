/**
 * One side of a connection between two threads: streams and datagrams on one message port. `endpoint.ts` does the
 * handshake and opens it.
 *
 * What is said within one turn goes out as one batch at its end (`records.ts`): one copy at the sender, none at the
 * receiver. The bytes of the users' buffers are copied because they may be written to other peers too, or lie in a
 * pool; the batch is ours and is moved.
 *
 * A thread that ended closes its ports: the other side is told at once. One that is stuck is found by silence, as
 * in QUIC: pings keep a living connection alive, `idleTimeoutMs` ends one that hears nothing.
 */
import type { MessagePort } from 'node:worker_threads'
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
import type { WorkerTerms } from './handshake.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import { IncomingStreams } from './incoming-streams.ts'
import { Pulse } from './pulse.ts'
import { BatchWriter, readBatch } from './records.ts'
import type { CloseBy, RecordSink } from './records.ts'
import { WorkerWay } from './way.ts'

const ID_STEP = 4

/** Longest datagram: as with QUIC packets of 1,350 bytes, so that what fits one transport fits the other. */
const DATAGRAM_BYTES_MAX = 1_318

/** What a side needs of its endpoint. */
export interface WorkerConnectionOwner {
  readonly options: ResolvedWorkerOptions
  countBatch(direction: 'sent' | 'received', bytes: number): void
  /** A message that came before the connection stood. */
  handshake(connection: WorkerConnection, message: unknown): void
  /** The port was closed before the connection stood. */
  handshakeLost(connection: WorkerConnection): void
  /** The other thread sent what is no batch. */
  garbage(connection: WorkerConnection, error: TransportError): void
  /** Over after having been open. */
  ended(connection: WorkerConnection): void
}

/** See the file header. */
export class WorkerConnection implements TransportConnection, StreamOwner, RecordSink {
  readonly initiator: boolean
  readonly remote: TransportAddress
  readonly datagramBytesMax: number = DATAGRAM_BYTES_MAX
  peerKey!: NodeKey
  closed: CloseInfo | undefined
  bytesQueued = 0
  /** @internal */
  state: 'handshaking' | 'open' | 'over' = 'handshaking'
  /** @internal Deadline of the dial or of the handshake. */
  timer: ClockTimer | undefined

  readonly #owner: WorkerConnectionOwner
  readonly #port: MessagePort
  readonly #batch = new BatchWriter()
  readonly #way = new WorkerWay(() => this.outgoing())
  readonly #streams = new Map<number, WindowedStream>()
  readonly #incoming: IncomingStreams
  #pulse: Pulse | undefined
  #terms: WorkerTerms | undefined
  #nextOwnId: number
  #ownOpen = 0
  #handlers: ConnectionHandlers | undefined
  #closedDelivered = false
  #unannounced: WindowedStream[] = []
  #earlyDatagrams: Uint8Array[] = []
  #datagramsOut = 0
  #datagramsIn = 0
  #datagramsTaken = 0
  #flushing = false
  #dead = false
  #bytesSent = 0
  #bytesReceived = 0

  constructor(
    owner: WorkerConnectionOwner,
    port: MessagePort,
    initiator: boolean,
    remote: TransportAddress,
  ) {
    this.#owner = owner
    this.#port = port
    this.initiator = initiator
    this.remote = Object.freeze({ host: remote.host, port: remote.port })
    this.#nextOwnId = initiator ? 0 : 1
    this.#incoming = new IncomingStreams(initiator ? 1 : 0, ID_STEP, owner.options.streamsMax)
    port.on('message', (message: unknown) => this.#received(message))
    port.on('messageerror', () => this.#received(undefined))
    port.on('close', () => this.#portClosed())
  }

  // What the layers above use.

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    this.soon(() => this.#deliverEarly())
  }

  openStream(_options: StreamOptions = {}): TransportStream {
    if (this.closed !== undefined || this.#terms === undefined) {
      const { remote } = this
      throw new TransportError('ERR_TRANSPORT_CLOSED', 'the connection is closed', { remote })
    }
    const streamsMax = Math.min(this.options.streamsMax, this.#terms.streamsMax)
    if (this.#ownOpen >= streamsMax || this.#nextOwnId > 0xffff_ffff) {
      const message = `streamsMax (${streamsMax}) is reached`
      throw new TransportError('ERR_TRANSPORT_STREAM_LIMIT', message)
    }
    const stream = new WindowedStream(this, this.#way, this.#nextOwnId)
    this.#nextOwnId += ID_STEP
    this.#ownOpen++
    this.#streams.set(stream.id, stream)
    return stream
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.closed !== undefined || this.#terms === undefined) return false
    if (bytes.length > DATAGRAM_BYTES_MAX) return false
    if (this.#datagramsOut >= this.#terms.datagramQueueMax) return false
    this.#datagramsOut++
    this.outgoing().datagram(bytes)
    return true
  }

  close(code: number, reason: string): void {
    checkCode(code, CLOSE_CODE_MAX)
    if (this.closed !== undefined) return
    this.#close({ by: 'local', code, reason }, 'peer')
    this.soon(() => this.finish())
  }

  stats(): ConnectionStats {
    return {
      rttMs: this.#pulse?.rttMs ?? 0,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      packetsLost: 0,
      streams: this.#streams.size,
      bytesQueued: this.bytesQueued,
    }
  }

  // What its streams use.

  get options(): ResolvedWorkerOptions {
    return this.#owner.options
  }

  get peerWindowBytes(): number {
    return this.#terms?.streamWindowBytes ?? 0
  }

  sent(bytes: number): void {
    this.bytesQueued -= bytes
  }

  outgoing(): BatchWriter {
    if (!this.#flushing) {
      this.#flushing = true
      this.options.clock.microtask(() => this.#flush())
    }
    return this.#batch
  }

  soon(fn: () => void): void {
    this.options.clock.microtask(() => this.#guard(fn))
  }

  streamEnded(stream: WindowedStream): void {
    if (!this.#streams.delete(stream.id)) return
    if (this.#incoming.isTheirs(stream.id)) this.#incoming.ended()
    else this.#ownOpen--
  }

  // What the endpoint uses.

  /** @internal Says something of the handshake. */
  say(message: unknown): void {
    this.#port.postMessage(message, [])
  }

  /** @internal The handshake is done. */
  open(peerKey: NodeKey, terms: WorkerTerms, rttMs: number): void {
    this.timer?.cancel()
    this.peerKey = peerKey
    this.#terms = terms
    this.state = 'open'
    const { clock, idleTimeoutMs, keepaliveIntervalMs } = this.options
    this.#pulse = new Pulse({
      ...{ clock, keepaliveIntervalMs, rttMs },
      idleTimeoutMs: Math.min(idleTimeoutMs, terms.idleTimeoutMs),
      ping: (stamp) => this.outgoing().ping(stamp),
      silent: () => {
        this.#close({ by: 'idle_timeout', code: 0, reason: '' }, 'idle_timeout')
        this.finish()
      },
    })
  }

  /** @internal Ends a connection that never stood. */
  drop(): void {
    this.timer?.cancel()
    this.state = 'over'
    this.#port.close()
  }

  /** @internal A handler of this connection threw. */
  broken(error: unknown): void {
    if (this.state !== 'open') throw error // not a handler: a bug of ours
    this.options.logger.error({ error, peer: this.peerKey.hex }, 'a connection handler threw')
    if (this.closed !== undefined && this.closed.by !== 'local') return
    const code = QuicCode.internalError
    this.#close({ by: 'error', code, reason: 'ERR_TRANSPORT_HANDLER' }, 'error')
    this.closed = { by: 'error', code, reason: handlerReason(error) }
    this.finish()
  }

  /** @internal Tells the other side why this one does not want it, before anybody here saw it. */
  refuse(code: number, reason: string): void {
    this.outgoing().close('error', code, reasonBytes(reason))
    this.#flush()
    this.drop()
  }

  /** @internal Ends it: what was said goes out, then `onClosed`, then nothing. */
  finish(): void {
    if (this.state !== 'open') return
    this.state = 'over'
    this.#flush()
    this.#pulse?.stop()
    this.#port.close()
    for (const stream of this.#streams.values()) stream.abandon()
    this.#streams.clear()
    this.#unannounced = []
    this.#earlyDatagrams = []
    this.#owner.ended(this)
    this.#deliverClosed()
  }

  /** @internal Does nothing any more, without a word: as a thread that is stuck. */
  kill(): void {
    this.#dead = true
    this.state = 'over'
    this.timer?.cancel()
    this.#pulse?.stop()
    this.#port.unref()
  }

  // What comes from the other thread.

  #received(message: unknown): void {
    if (this.#dead || this.state === 'over') return
    const bytes = message instanceof ArrayBuffer ? message.byteLength : 0
    this.#owner.countBatch('received', bytes)
    if (this.state === 'handshaking') return this.#owner.handshake(this, message)
    if (this.closed !== undefined) return
    this.#bytesReceived += bytes
    this.#pulse?.heard()
    try {
      readBatch(message, this)
    } catch (error) {
      const isGarbage = error instanceof TransportError && error.code === 'ERR_TRANSPORT_GARBAGE'
      if (isGarbage) this.#garbage(error)
      else this.broken(error)
    }
  }

  /** @internal */
  data(id: number, bytes: Uint8Array, fin: boolean): void {
    const stream = this.#streamOf(id)
    if (stream === undefined) return
    stream.receive(bytes, fin)
    stream.deliver()
  }

  /** @internal */
  reset(id: number, code: number): void {
    const stream = this.#streamOf(id)
    stream?.receiveReset(code)
    stream?.deliver()
  }

  /** @internal */
  stop(id: number, code: number): void {
    const stream = this.#streamOf(id)
    stream?.receiveStop(code)
    stream?.deliver()
  }

  /** @internal */
  credit(id: number, length: number): void {
    if (this.closed !== undefined) return
    const stream = this.#streams.get(id)
    stream?.receiveCredit(length)
    stream?.deliver()
  }

  /** @internal */
  datagram(bytes: Uint8Array): void {
    if (this.closed !== undefined) return
    if (++this.#datagramsIn > this.options.datagramQueueMax) {
      const text = 'the other thread sent more datagrams than it may'
      throw new TransportError('ERR_TRANSPORT_GARBAGE', text)
    }
    if (this.#handlers === undefined) this.#earlyDatagrams.push(bytes)
    else this.#handOut(bytes)
  }

  /** @internal */
  taken(count: number): void {
    this.#datagramsOut = Math.max(0, this.#datagramsOut - count)
  }

  /** @internal */
  ping(stamp: number): void {
    if (this.closed === undefined) this.outgoing().pong(stamp)
  }

  /** @internal */
  pong(stamp: number): void {
    this.#pulse?.pong(stamp)
  }

  /** @internal */
  ended(by: CloseBy, code: number, reason: string): void {
    if (this.closed !== undefined) return
    this.closed = { by, code, reason }
    this.finish()
  }

  #garbage(error: TransportError): void {
    if (this.closed !== undefined && this.closed.by !== 'local') return
    this.#owner.garbage(this, error)
    const { code } = error
    this.#close({ by: 'error', code: QuicCode.internalError, reason: code }, 'error')
    this.finish()
  }

  #portClosed(): void {
    if (this.#dead || this.state === 'over') return
    if (this.state === 'handshaking') return this.#owner.handshakeLost(this)
    this.closed ??= { by: 'error', code: 0, reason: 'the thread of the peer is gone' }
    this.finish()
  }

  #streamOf(id: number): WindowedStream | undefined {
    if (this.closed !== undefined) return undefined
    const known = this.#streams.get(id)
    // A late record of a stream that is over here, or a new stream of the peer.
    if (known !== undefined || !this.#incoming.isNew(id)) return known
    const stream = new WindowedStream(this, this.#way, id)
    this.#streams.set(id, stream)
    if (this.#handlers === undefined) this.#unannounced.push(stream)
    else this.#announce(stream)
    return stream
  }

  #announce(stream: WindowedStream): void {
    const onStream = this.#handlers?.onStream
    if (onStream !== undefined) return onStream(stream)
    stream.reset(0)
    stream.stopSending(0)
  }

  #handOut(bytes: Uint8Array): void {
    const batch = ++this.#datagramsTaken
    if (batch > this.options.datagramQueueMax / 2) {
      this.outgoing().taken(batch)
      this.#datagramsIn -= batch
      this.#datagramsTaken = 0
    }
    this.#handlers?.onDatagram?.(bytes)
  }

  #deliverEarly(): void {
    if (this.state === 'over') return this.#deliverClosed()
    const streams = this.#unannounced
    const datagrams = this.#earlyDatagrams
    this.#unannounced = []
    this.#earlyDatagrams = []
    for (const stream of streams) {
      if (this.closed !== undefined) return
      this.#announce(stream)
    }
    for (const bytes of datagrams) {
      if (this.closed !== undefined) return
      this.#handOut(bytes)
    }
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

  #close(info: CloseInfo, by: CloseBy): void {
    const bytes = reasonBytes(info.reason)
    this.closed = { ...info, reason: Buffer.from(bytes).toString() }
    this.outgoing().close(by, info.code, bytes)
  }

  #flush(): void {
    this.#flushing = false
    if (this.#batch.empty || this.#dead) return
    const batch = this.#batch.finish()
    const bytes = batch.byteLength
    this.#bytesSent += bytes
    this.#pulse?.spoke()
    this.#owner.countBatch('sent', bytes)
    this.#port.postMessage(batch, [batch])
  }

  #guard(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.broken(error)
    }
  }
}
