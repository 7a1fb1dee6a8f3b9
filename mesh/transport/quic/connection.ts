/**
 * One QUIC connection, from the first packet to the last.
 *
 *     handshaking --(TLS done, verifyPeer accepts)--> open --(close, silence, error)--> over
 *         |                                                                              |
 *         +--(refused, deadline, closed)------------> over        released, lingers, forgotten
 *
 * A connection does nothing by itself: the endpoint gives it packets (`recv`) and turns (`work`, then
 * sending, then `settle`). Only in those turns do handlers run. A handler that throws ends this
 * connection with transport code 1, nothing else.
 *
 * After a close of ours the last packet is kept for a while and repeated to a peer that did not get
 * it (RFC 9000, section 10.2.1; quiche would let such a peer wait for its idle timeout).
 */
import type { Logger } from '../../../runtime/index.ts'
import type { NodeKey } from '../../identity/node-key.ts'
import { nodeKeyEquals } from '../../identity/node-key.ts'
import { displayHost } from '../address.ts'
import { handlerReason, reasonBytes } from '../close-reason.ts'
import { checkCode, CLOSE_CODE_MAX } from '../codes.ts'
import { codeOfThrown, QuicCode, TransportError } from '../errors.ts'
import type {
  CloseInfo,
  ConnectionHandlers,
  ConnectionStats,
  StreamOptions,
  TransportAddress,
  TransportConnection,
  TransportStream,
} from '../transport.ts'
import { AckDelay } from './ack-delay.ts'
import type { BindingAddress, BindingPath } from './binding.ts'
import { closeInfoOf, dialErrorOf, refusalCodeOf } from './close-info.ts'
import type { ResolvedQuicOptions } from './config.ts'
import { Deadline } from './deadlines.ts'
import type { NativeConnection } from './native-connection.ts'
import { isLong, splitDatagram } from './packet.ts'
import { StreamSet } from './stream-set.ts'
import { STAGE_BYTES, URGENCY_DEFAULT } from './stream.ts'
import type { QuicStream, StreamOwner } from './stream.ts'

/** Stages kept for the next write. */
const STAGES_KEPT = 16

/** What a connection needs of its endpoint. */
export interface ConnectionOwner {
  readonly options: ResolvedQuicOptions
  readonly logger: Logger
  readonly local: BindingAddress
  readonly readBuffer: Buffer
  readonly stages: Buffer[]
  verifyPeer(chain: readonly Uint8Array[]): NodeKey
  /** Asks for a turn. */
  touch(connection: QuicConnection): void
  /** Sends what the binding wants to send now. */
  sendPackets(connection: QuicConnection): void
  /** Asks for a turn with `probeDue`, soon. */
  probeLater(connection: QuicConnection): void
  /** Gives the peer spare connection ids, takes back retired ones. */
  renewIds(connection: QuicConnection): void
  /** The peer has proven its key; the connection may be handed out. */
  opened(connection: QuicConnection): void
  /** It will never be handed out. `refused` when this side is the one that refused. */
  failed(connection: QuicConnection, error: TransportError, refused: boolean): void
  /** Over after having been open. */
  ended(connection: QuicConnection): void
}

/** How a connection begins. */
export interface ConnectionStart {
  readonly native: NativeConnection
  readonly initiator: boolean
  readonly remote: BindingAddress
  /** Zone of a link-local IPv6 address (`%eth0`), else empty. */
  readonly zone: string
  /** Dial only: the key the peer must have. */
  readonly expect: NodeKey | undefined
  readonly payloadBytes: number
}

/** See the file header. */
export class QuicConnection implements TransportConnection, StreamOwner {
  readonly initiator: boolean
  readonly native: NativeConnection
  remote: TransportAddress
  peerKey!: NodeKey
  closed: CloseInfo | undefined
  bytesQueued = 0
  datagramBytesMax = 0

  /** @internal */
  readonly payloadBytes: number
  /** @internal */
  readonly zone: string
  /** @internal In the endpoint's list of connections to work on. */
  dirty = false
  /** @internal In the endpoint's list of connections to send for. */
  sendDue = false
  /** @internal Packets that came and were of use. */
  packetsUsed = 0
  /** @internal It is time to look for streams that were stopped. */
  probeDue = false
  /** @internal Keys in the endpoint's table of connection ids. */
  readonly keys = new Set<string>()
  /** @internal When the binding wants `onTimeout`; real time. */
  readonly wake: Deadline<QuicConnection> = new Deadline<QuicConnection>(this)
  /** @internal Handshake deadline, then keepalive, then the end of lingering; injected time. */
  readonly own: Deadline<QuicConnection> = new Deadline<QuicConnection>(this)
  /** @internal `wake` has come. */
  wakeDue = false
  /** @internal `own` has come. */
  ownDue = false
  /** @internal What to answer to a peer that missed our close. */
  lastPacket: Buffer | undefined
  /** @internal What it counts as for the limit per address. */
  group = ''
  /** @internal Packets that reached it while it lingers. */
  lingering = 0

  readonly #owner: ConnectionOwner
  readonly #expect: NodeKey | undefined
  readonly #streams: StreamSet
  #state: 'handshaking' | 'open' | 'over' = 'handshaking'
  #path: BindingPath
  #handlers: ConnectionHandlers | undefined
  #closing = false
  #closedDelivered = false
  #heard = false
  readonly #ackDelay: AckDelay
  /** Packets came, or somebody began to listen, since everything was read. */
  #readDue = false
  #heardAtMs = 0
  #lastStats: ConnectionStats | undefined

  constructor(owner: ConnectionOwner, start: ConnectionStart) {
    this.#owner = owner
    this.native = start.native
    this.initiator = start.initiator
    this.payloadBytes = start.payloadBytes
    this.#ackDelay = new AckDelay(start.payloadBytes)
    this.zone = start.zone
    this.#expect = start.expect
    this.#path = { from: start.remote, to: owner.local }
    this.remote = this.#shown(start.remote)
    this.#streams = new StreamSet(this, owner.options.streamsMax)
  }

  // What the layers above use.

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    this.#readDue = true
    this.touch()
  }

  openStream(options: StreamOptions = {}): TransportStream {
    if (this.closed !== undefined || this.#state !== 'open') {
      throw new TransportError('ERR_TRANSPORT_CLOSED', 'the connection is closed', {
        remote: this.remote,
      })
    }
    return this.#streams.open(options.urgency ?? URGENCY_DEFAULT)
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.closed !== undefined || this.#state !== 'open') return false
    if (bytes.length > this.datagramBytesMax) return false
    const queued = this.native.datagramSend(bytes)
    if (queued) this.touch()
    return queued
  }

  close(code: number, reason: string): void {
    checkCode(code, CLOSE_CODE_MAX)
    if (this.closed !== undefined) return
    this.closed = { by: 'local', code, reason: Buffer.from(reasonBytes(reason)).toString() }
    this.#closing = true
    this.touch()
  }

  stats(): ConnectionStats {
    if (this.#lastStats !== undefined) return this.#lastStats
    const totals = this.native.totals()
    return {
      rttMs: this.native.rttMs(),
      bytesSent: totals.sentBytes,
      bytesReceived: totals.recvBytes,
      packetsLost: totals.lost,
      streams: this.#streams.size,
      bytesQueued: this.bytesQueued,
    }
  }

  // What its streams use.

  get limits(): ResolvedQuicOptions {
    return this.#owner.options
  }

  get readBuffer(): Buffer {
    return this.#owner.readBuffer
  }

  takeStage(): Buffer {
    return this.#owner.stages.pop() ?? Buffer.allocUnsafeSlow(STAGE_BYTES)
  }

  returnStage(stage: Buffer): void {
    const { stages } = this.#owner
    if (stages.length < STAGES_KEPT) stages.push(stage)
  }

  touch(): void {
    this.#ackDelay.news()
    this.#owner.touch(this)
  }

  flushLater(stream: QuicStream): void {
    this.#streams.flushLater(stream)
  }

  blocked(stream: QuicStream, blocked: boolean): void {
    this.#streams.setBlocked(stream, blocked)
  }

  streamEnded(stream: QuicStream): void {
    this.#streams.ended(stream)
  }

  // What the endpoint uses.

  /** @internal */
  get state(): 'handshaking' | 'open' | 'over' {
    return this.#state
  }

  /** @internal Nothing is to be sent but an acknowledgement that may wait. */
  get ackMayWait(): boolean {
    return (
      this.#ackDelay.mayWait && this.#state === 'open' && !this.#closing && !this.native.isOver()
    )
  }

  /** @internal The last words are being said. */
  get closing(): boolean {
    return this.#closing
  }

  /** @internal One packet; false when it was of no use. */
  recv(packet: Buffer, host: string, port: number): boolean {
    const { from } = this.#path
    const same = from.port === port && from.host === host
    const path = same ? this.#path : { from: { host, port }, to: this.#owner.local }
    let used = false
    if (isLong(packet)) {
      for (const part of splitDatagram(packet)) if (this.native.recv(part, path)) used = true
    } else {
      used = this.native.recv(packet, path)
    }
    if (used) {
      this.#heard = true
      this.#ackDelay.heard(packet.length)
      this.packetsUsed++
    }
    if (!same) {
      // The new path is to be proven.
      this.#ackDelay.news()
      this.#maintain()
    }
    return used
  }

  /** @internal Everything after a batch of packets, a timer, or calls of the user. */
  work(nowMs: number): void {
    if (this.#state === 'over') {
      this.#deliverClosed()
      return
    }
    if (this.#heard) {
      this.#heard = false
      // What was acknowledged makes room for what waits.
      if (this.bytesQueued > 0) this.#ackDelay.news()
      this.#readDue = true
      this.#heardAtMs = nowMs
      this.#streams.heard()
      this.#owner.probeLater(this)
    }
    try {
      if (this.#state === 'handshaking') this.#workHandshake(nowMs)
      if (this.state !== 'open') return
      if (this.#closing) this.#sayGoodbye()
      else this.#workOpen()
    } catch (error) {
      this.#handlerThrew(error)
    }
  }

  /** @internal After sending: notices the end. */
  settle(): void {
    this.#ackDelay.sent()
    if (this.#state === 'open' && (this.#closing || this.native.isOver())) this.finish()
    else if (this.#state === 'handshaking' && this.native.isOver()) this.#handshakeOver()
  }

  /** @internal The binding's timer. */
  timedOut(): void {
    this.wakeDue = false
    this.#ackDelay.news()
    this.native.onTimeout()
    this.#streams.heard() // lost packets make room in the congestion window
  }

  /** @internal Our timer while open: speaks to a silent peer; gives the next time. */
  keepalive(nowMs: number): number {
    const { keepaliveIntervalMs } = this.#owner.options
    this.#maintain()
    const dueMs = this.#heardAtMs + keepaliveIntervalMs
    if (dueMs > nowMs) return dueMs
    this.native.sendAckEliciting()
    this.touch()
    return nowMs + keepaliveIntervalMs
  }

  /** @internal Nobody has the port of the peer any more. */
  gone(): void {
    if (this.#state !== 'open') return
    this.closed ??= { by: 'error', code: 0, reason: 'ERR_TRANSPORT_PORT_CLOSED' }
    this.closeTransport(QuicCode.noError, '')
    this.finish()
  }

  /** @internal Ends a handshake. */
  fail(error: TransportError, refused: boolean): void {
    if (this.#state !== 'handshaking') return
    this.#state = 'over'
    this.#owner.failed(this, error, refused)
  }

  /** @internal Ends an open connection: `onClosed`, then nothing. */
  finish(): void {
    if (this.#state !== 'open') return
    this.#state = 'over'
    this.closed ??= closeInfoOf(this.native)
    this.#lastStats = { ...this.stats(), streams: 0, bytesQueued: 0 }
    this.#streams.abandon()
    this.#owner.ended(this)
    this.#deliverClosed()
  }

  /** @internal Starts closing with a code of the transport. */
  closeTransport(code: number, reason: string): void {
    this.#closing = true
    this.native.close(false, code, reasonBytes(reason))
  }

  #workHandshake(nowMs: number): void {
    const { native } = this
    const over = native.isOver()
    // A peer that opened, spoke and closed at once is still heard; any other end is a failure.
    const spoke = over && native.peerError()?.isApp === true
    if (native.isEstablished() && (!over || spoke)) this.#establish(nowMs)
    else if (over) this.#handshakeOver()
  }

  #handshakeOver(): void {
    const error = dialErrorOf(this.native, this.remote)
    if (this.initiator) {
      this.fail(error, false)
      return
    }
    const code = refusalCodeOf(this.native)
    if (code === undefined) this.fail(error, false)
    else this.fail(new TransportError(code, 'the handshake failed', { remote: this.remote }), true)
  }

  #establish(nowMs: number): void {
    let peerKey: NodeKey
    try {
      peerKey = this.#owner.verifyPeer(this.native.peerChain())
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : 'the certificate was refused'
      this.#refuse(message, codeOfThrown(cause, 'ERR_TRANSPORT_PEER_KEY'), cause)
      return
    }
    if (this.#expect !== undefined && !nodeKeyEquals(peerKey, this.#expect)) {
      const message = `expected node ${this.#expect.hex}, found ${peerKey.hex}`
      this.#refuse(message, 'ERR_TRANSPORT_PEER_KEY')
      return
    }
    this.peerKey = peerKey
    this.#state = 'open'
    this.#ackDelay.news()
    this.#heardAtMs = nowMs
    this.datagramBytesMax = this.native.datagramBytesMax()
    this.#owner.renewIds(this)
    this.#owner.opened(this)
  }

  #refuse(message: string, code: string, cause?: unknown): void {
    // What is left of our handshake goes first: without it the peer could not read the refusal.
    this.#owner.sendPackets(this)
    this.closeTransport(QuicCode.badCertificate, code)
    const { remote } = this
    const options = cause === undefined ? { remote } : { remote, cause }
    this.fail(new TransportError('ERR_TRANSPORT_PEER_KEY', message, options), true)
  }

  #workOpen(): void {
    const handlers = this.#handlers
    if (handlers !== undefined) {
      const isDue = this.#readDue
      this.#readDue = false
      if (isDue) this.#deliverDatagrams(handlers)
      if (isDue && this.closed === undefined) this.#streams.deliver(handlers.onStream)
    }
    if (this.probeDue && this.closed === undefined) this.#probeStops()
    if (this.closed === undefined) this.#streams.pump()
    this.#streams.flush()
    if (this.#closing) this.#sayGoodbye()
  }

  #probeStops(): void {
    this.probeDue = false
    this.#ackDelay.news()
    if (this.#streams.probeStops()) return
    this.probeDue = true
    this.touch()
  }

  #deliverDatagrams(handlers: ConnectionHandlers): void {
    const { native, readBuffer } = this
    for (;;) {
      const length = native.datagramRecv(readBuffer)
      if (length < 0 || this.closed !== undefined) return
      handlers.onDatagram?.(readBuffer.subarray(0, length))
    }
  }

  /** Sends what the network takes at once of what was written before `close`, then closes. */
  #sayGoodbye(): void {
    const { closed } = this
    if (closed === undefined || closed.by !== 'local') return
    this.#streams.flush()
    this.#streams.pump()
    this.#owner.sendPackets(this)
    this.native.close(true, closed.code, reasonBytes(closed.reason))
  }

  #handlerThrew(error: unknown): void {
    if (this.#state !== 'open') throw error // not a handler: a bug of ours
    this.#owner.logger.error({ error, peer: this.peerKey.hex }, 'a connection handler threw')
    if (this.closed !== undefined && this.closed.by !== 'local') return
    this.closed = { by: 'error', code: QuicCode.internalError, reason: handlerReason(error) }
    this.closeTransport(QuicCode.internalError, 'ERR_TRANSPORT_HANDLER')
  }

  #deliverClosed(): void {
    if (this.#closedDelivered || this.#handlers === undefined || this.closed === undefined) return
    this.#closedDelivered = true
    const { onClosed } = this.#handlers
    this.#handlers = undefined
    try {
      onClosed(this.closed)
    } catch (error) {
      this.#owner.logger.error({ error, peer: this.peerKey.hex }, 'an onClosed handler threw')
    }
  }

  /** Follows a peer to its new address and keeps its ids fresh. Also drains unbounded queues. */
  #maintain(): void {
    for (let event = this.native.pathEvent(); event !== null; event = this.native.pathEvent()) {
      if (event.type === 'PeerMigrated') this.#movedTo(event.new)
    }
    if (this.#state === 'open') this.#owner.renewIds(this)
  }

  #movedTo(address: unknown): void {
    const { host, port } = address as BindingAddress
    this.#path = { from: { host, port }, to: this.#owner.local }
    this.remote = this.#shown({ host, port })
  }

  #shown({ host, port }: BindingAddress): TransportAddress {
    return Object.freeze({ host: displayHost(host) + this.zone, port })
  }
}
