/**
 * One connection with a peer from its first byte to its last: handshake, frames, keepalive, goodbye.
 * It is a passive object: the transport calls it with bytes, its link process (`link-process.ts`)
 * calls `tick`, and it calls the pool, the frame router and its process. No mailbox lies between a
 * frame and its handler.
 *
 *     handshaking --accepted--> established --disconnect, error, silence--> closing --> closed
 *          |                                                                  ^
 *          +--rejected, early frame, timeout----------------------------------+
 *
 * Invariants:
 * - `up` is reported once at most and `down` exactly once after it; no frame is handed out before
 *   `up` or after `down`.
 * - An error on this connection closes this connection and nothing else: the peer gets an `error`
 *   frame with the code, the log a line, the counter one more.
 * - Whatever happens, the transport connection is closed within `leaveTimeoutMs` of `closing`.
 * - A goodbye from the peer lets what it sent before on the other lanes be handled first.
 * - A link that nobody needs ends when its peer agrees (`parting.ts`): nothing is under way on it then.
 * - A datagram never ends the link, unless a handler of ours has a bug.
 */
import { invariant, type ExitReason } from '../../runtime/index.ts'
import type { NodeKey } from '../identity/node-key.ts'
import type { CloseInfo, TransportAddress, TransportConnection } from '../transport/transport.ts'
import type { DisconnectMessage } from '../wire/check.ts'
import { HEADER_BYTES } from '../wire/frame.ts'
import { WireType, wireTypeName } from '../wire/messages.ts'
import { CloseCode, downReasonOf } from './close-code.ts'
import type { ConnectionContext, ConnectionDial, ConnectionProcess } from './connection-context.ts'
import { DatagramDoor, datagramType } from './datagrams.ts'
import type { DialOffer } from './dial-race.ts'
import { DrainHandlers } from './drain-handlers.ts'
import { closedError, LinkError, peerErrorCode, type LinkErrorCode } from './errors.ts'
import { Handshake, REJECT_TEXTS } from './handshake.ts'
import type { FrameRouter } from './frame-router.ts'
import type { HandshakeEffect, HandshakeFailure, HandshakeInput, Verdict } from './handshake.ts'
import { mayCarry, type Lane } from './lane.ts'
import { Lanes } from './lanes.ts'
import type { FrameVia, LaneName, LinkState, PeerInfo } from './link.ts'
import type { LinkUse } from './link-use.ts'
import { IDLE_REASON, LinkWatch, type WatchedLink } from './link-watch.ts'
import { peerInfoOf } from './peer-info.ts'
import { PendingDial } from './pending-dial.ts'
import type { LinkPool } from './pool.ts'
import type { LinkDownReason } from './reasons.ts'

/** A link and its connection. */
export class Connection implements WatchedLink {
  readonly initiator: boolean
  readonly peerKey: NodeKey
  /** Of an established link. */
  states: readonly number[] = []
  /** Latest dial number of the peer that we know; see `dial-race.ts`. */
  peerDials = 0
  readonly #context: ConnectionContext
  /** Where links of its kind belong, once the kind of the peer is known. */
  #pool: LinkPool
  #frames: FrameRouter
  readonly #transport: TransportConnection
  readonly #dial: PendingDial
  /** Until it is over: a link at rest need not keep what both sides said. */
  #handshake: Handshake | undefined
  readonly #drainHandlers = new DrainHandlers()
  readonly #lanes: Lanes
  readonly #datagrams: DatagramDoor
  readonly #watch: LinkWatch
  #process: ConnectionProcess | undefined
  #state: LinkState = 'handshaking'
  #peer: PeerInfo | undefined
  #up = false
  #draining = false
  /** What the peer's goodbye makes of `down`. */
  #goodbyeReason: LinkDownReason = 'graceful_shutdown'
  #exitReason: ExitReason = 'normal'
  #dueMs: number
  #closed: Promise<void>
  #settleClosed: () => void = () => {}

  constructor(
    context: ConnectionContext,
    transport: TransportConnection,
    deadlineMs: number,
    dial?: ConnectionDial,
  ) {
    this.#context = context
    this.#pool = context.pool
    this.#frames = context.frames
    this.#transport = transport
    this.#dial = new PendingDial(dial)
    this.initiator = transport.initiator
    this.peerKey = transport.peerKey
    this.#dueMs = deadlineMs
    this.#closed = new Promise((resolve) => (this.#settleClosed = resolve))
    this.#watch = new LinkWatch(context, this)
    this.#handshake = new Handshake({
      role: dial === undefined ? 'acceptor' : 'dialer',
      own: context.hello(dial !== undefined),
      peerKey: transport.peerKey,
      deadlineMs,
      checkMembership: context.checkMembership,
      secret: context.secret,
    })
    this.#lanes = new Lanes(transport, context, {
      onFrame: (lane, type, payload) => this.#frame(lane, type, payload),
      onBytes: () => this.#watch.heard(),
      onDrain: ({ name }) => this.drained(name),
      onEnd: () => this.#laneEnded(),
      onBroken: (lane) => this.#fail('ERR_LINK_PROTOCOL', `the peer gave up the ${lane.name} lane`),
      onError: (_lane, error) => this.#broken(error),
      onDistOpen: () => this.#input({ type: 'lane_open' }),
      onStranger: (text) => this.#fail('ERR_LINK_PROTOCOL', text),
    })
    this.#datagrams = new DatagramDoor(context.options.datagramsPerSecondMax, {
      onFrame: (type, payload) => this.#dispatch(type, payload, 'datagram'),
      onRefused: (code, detail) => context.refusals.count(code, { ...this.fields(), detail }),
      onThrown: (error) => this.#handlerThrew(error),
    })
  }

  get peer(): PeerInfo {
    if (this.#peer === undefined) {
      throw new LinkError('ERR_LINK_CLOSED', 'the peer is not known before the link is accepted')
    }
    return this.#peer
  }

  get remote(): TransportAddress {
    return this.#transport.remote
  }

  get state(): LinkState {
    return this.#state
  }

  get rttMs(): number {
    return this.#watch.rttMs
  }

  get bytesQueued(): number {
    return this.#lanes.bytesQueued + this.#watch.parting.bytesWaiting
  }

  bytesQueuedOn(lane: LaneName): number {
    return this.#lanes.bytesQueuedOn(lane) + this.#watch.parting.bytesWaitingOn(lane)
  }

  get datagramBytesMax(): number {
    return this.#transport.datagramBytesMax
  }

  /** When `tick` must be called. */
  get nextDueMs(): number {
    return Math.min(this.#dueMs, this.#watch.dueMs)
  }

  /** It is about to end, if the peer agrees: what is said on it waits, and may not be said. */
  get isParting(): boolean {
    return this.#watch.parting.isOpen
  }

  /** Whether the link is wanted. */
  get use(): LinkUse {
    return this.#watch.use
  }

  get pool(): LinkPool {
    return this.#pool
  }

  /** Resolves when nothing of the connection is left. */
  get closed(): Promise<void> {
    return this.#closed
  }

  /** Begins, on behalf of `process`. */
  start(process: ConnectionProcess): void {
    this.#process = process
    if (this.initiator) this.#lanes.open()
    this.#input({ type: 'start' })
    this.#transport.handle({
      onStream: (stream) => this.#lanes.incoming(stream),
      onDatagram: (bytes) => this.#datagram(bytes),
      onClosed: (info) => this.#transportClosed(info),
    })
  }

  /** Time has passed. */
  tick(): void {
    if (this.#now() < this.nextDueMs) return
    if (this.#state === 'handshaking') this.#input({ type: 'tick' })
    else if (this.#state === 'closing') this.#lingerOver()
    else if (this.#state === 'established') this.#beat(this.#now())
  }

  send(lane: LaneName, frame: Uint8Array, rest?: Uint8Array): boolean {
    if (this.#state !== 'established') return false
    invariant(mayCarry(lane, frame[1]!), 'ERR_INVARIANT_LINK_LANE', lane)
    const { frameBytesMax } = this.peer
    const payloadBytes = frame.length + (rest?.length ?? 0) - HEADER_BYTES
    if (payloadBytes > frameBytesMax) {
      const text = `a frame of ${payloadBytes} bytes, the peer takes ${frameBytesMax}`
      this.#context.refusals.count('ERR_LINK_FRAME_TOO_LARGE', this.fields())
      throw new LinkError('ERR_LINK_FRAME_TOO_LARGE', text)
    }
    this.#watch.mark(lane)
    try {
      return this.isParting ? this.#watch.wait(lane, frame, rest) : this.hand(lane, frame, rest)
    } catch (error) {
      if (error instanceof LinkError) this.#context.refusals.count(error.code, this.fields())
      throw error
    }
  }

  hand(lane: LaneName, frame: Uint8Array, rest?: Uint8Array): boolean {
    const isWilling = this.#lanes.send(lane, frame, rest)
    this.#watch.parting.sent()
    return isWilling
  }

  sendDatagram(frame: Uint8Array): boolean {
    invariant(typeof datagramType(frame) === 'number', 'ERR_INVARIANT_LINK_DATAGRAM')
    if (this.#state === 'established' && this.#transport.sendDatagram(frame)) {
      this.use.mark()
      return true
    }
    const fields = { ...this.fields(), bytes: frame.length, bytesMax: this.datagramBytesMax }
    this.#context.refusals.count('ERR_LINK_DATAGRAM_UNSENT', fields, { level: 'debug' })
    return false
  }

  hold(options?: { readonly yields?: boolean | undefined }): () => void {
    this.#watch.wakeUp()
    return this.use.hold(options)
  }

  onDrain(fn: (lane: LaneName) => void): () => void {
    return this.#drainHandlers.add(fn)
  }

  drained(lane: LaneName): void {
    this.#drainHandlers.call(lane, (error) => this.#handlerThrew(error))
  }

  wake(): void {
    this.#process?.wake()
  }

  close(reason = 'normal'): Promise<void> {
    if (this.#state === 'handshaking') this.#abandon(CloseCode.goodbye, reason)
    if (this.#state === 'established') {
      this.control(this.#context.protocol.disconnect(reason, this.#lanes.streamsOpened))
      this.#linger()
      if (reason === IDLE_REASON) this.#goodbyeReason = 'idle'
      this.#down(this.#goodbyeReason)
    }
    return this.#closed
  }

  /** Ends it, with `idle`, if the peer agrees that nobody needs it. */
  part(): void {
    this.#watch.part()
  }

  fail(code: string, message: string): void {
    if (this.#state === 'established') this.#end(code, message, { shutdown: code })
  }

  /** Gives up a handshake: the other connection with this node takes precedence. */
  abandon(): void {
    this.#abandon(CloseCode.rejected, 'simultaneous_dial')
  }

  /** Gives up a handshake that takes long, because others want to begin theirs. */
  giveWay(): void {
    this.#context.refusals.count('ERR_LINK_HANDSHAKES_FULL', this.fields())
    this.#abandon(CloseCode.timeout, 'ERR_LINK_HANDSHAKES_FULL')
  }

  #abandon(code: number, reason: string): void {
    if (this.#state !== 'handshaking') return
    this.#state = 'closing'
    this.#pool.dropDial(this)
    this.#dial.supersede(this.peerKey)
    this.#closeTransport(code, reason)
  }

  /** Ends an established link at once: the peer has opened a new one or has been restarted. */
  replace(reason: LinkDownReason = 'connection_closed'): void {
    if (this.#state === 'closed') return
    this.#state = 'closing'
    this.#down(reason)
    this.#closeTransport(CloseCode.replaced, 'replaced')
  }

  /** The link process is gone, whatever killed it. */
  processGone(): void {
    this.#process = undefined
    if (this.#state === 'closed') return
    this.#state = 'closing'
    this.#dial.fail(() => new LinkError('ERR_LINK_CLOSED', 'the link process ended'))
    this.#down('connection_closed')
    this.#closeTransport(CloseCode.protocol, 'ERR_LINK_CLOSED')
    this.#pool.forget(this)
  }

  #now(): number {
    return this.#context.clock.now()
  }

  fields(): Record<string, unknown> {
    const { host, port } = this.#transport.remote
    return { peer: this.#peer?.nodeId ?? this.peerKey.hex, remote: `${host}:${port}` }
  }

  // --- frames --------------------------------------------------------------------------------

  #frame(lane: Lane, type: number, payload: Uint8Array): void {
    switch (this.#state) {
      case 'established':
        return this.#establishedFrame(lane, type, payload)
      case 'handshaking':
        return this.#handshakeFrame(lane, type, payload)
      case 'closing':
        return this.#closingFrame(lane, type, payload)
      case 'closed':
    }
  }

  #establishedFrame(lane: Lane, type: number, payload: Uint8Array): void {
    if (mayCarry(lane.name, type)) return this.#dispatch(type, payload, lane.name)
    if (lane.name !== 'control') {
      return this.#fail('ERR_LINK_PROTOCOL', `${wireTypeName(type)} on the ${lane.name} lane`)
    }
    const { protocol } = this.#context
    switch (type) {
      case WireType.ping:
        return this.#watch.ping(payload)
      case WireType.pong:
        return this.#watch.pong(payload)
      case WireType.disconnect:
        return this.#goodbye(protocol.readDisconnect(payload))
      case WireType.parting:
        return this.#watch.asked(payload)
      case WireType.staying:
        return this.#watch.answered(payload)
      case WireType.error:
      case WireType.rejected:
        return this.#peerError(protocol.readEnd(type, payload))
      default:
        this.#fail('ERR_LINK_PROTOCOL', `${wireTypeName(type)} on an established link`)
    }
  }

  #handshakeFrame(lane: Lane, type: number, payload: Uint8Array): void {
    const { protocol } = this.#context
    if (lane.name !== 'control') return this.#early(type)
    if (type === WireType.error) return this.#peerError(protocol.readEnd(type, payload))
    const input = protocol.readHandshake(type, payload)
    if (input === undefined) this.#early(type)
    else this.#input(input)
  }

  /** While a goodbye drains, what the peer sent before it still counts; else only its goodbye does. */
  #closingFrame(lane: Lane, type: number, payload: Uint8Array): void {
    if (this.#draining) {
      if (mayCarry(lane.name, type)) this.#dispatch(type, payload, lane.name)
    } else if (lane.name === 'control' && type === WireType.disconnect) {
      this.#closeGoodbye()
    }
  }

  #dispatch(type: number, payload: Uint8Array, via: FrameVia): void {
    this.#watch.mark(via)
    if (via !== 'datagram') this.#watch.received()
    if (this.#frames.dispatch(this, type, payload, via)) return
    this.#context.refusals.count('ERR_LINK_FRAME_UNHANDLED', {
      ...this.fields(),
      type: wireTypeName(type),
    })
  }

  #datagram(bytes: Uint8Array): void {
    this.#watch.heard()
    if (this.#state === 'established') this.#datagrams.take(bytes, this.#now())
    // A dialler may see datagrams of an acceptor that has accepted before it sees `accepted`.
    else if (this.#state === 'handshaking' && !this.initiator) this.#datagrams.early()
  }

  #early(type: number): void {
    this.#input({ type: 'other_frame', name: wireTypeName(type) })
  }

  /** A frame of our own; a full control lane loses it, and the keepalive judges what follows. */
  control(frame: Uint8Array): void {
    try {
      this.#lanes.control?.send(frame)
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      this.#context.refusals.count(error.code, { ...this.fields(), lane: 'control' })
    }
  }

  // --- handshake -----------------------------------------------------------------------------

  #input(input: HandshakeInput): void {
    const handshake = this.#handshake
    if (handshake !== undefined) this.#apply(handshake, handshake.input(input, this.#now()))
  }

  #apply(handshake: Handshake, effects: readonly HandshakeEffect[]): void {
    const { protocol } = this.#context
    for (const effect of effects) {
      switch (effect.type) {
        case 'judge':
          this.#input({ type: 'verdict', verdict: this.#judge(handshake, effect.offer) })
          break
        case 'send_accepted':
          this.control(protocol.accepted(handshake.renew(this.#context.hello(false))))
          break
        case 'established':
          this.states = handshake.own.states
          this.#handshake = undefined
          this.#peer = peerInfoOf(this.peerKey, effect.negotiated, this.#transport.remote)
          this.peerDials = effect.negotiated.hello.dials
          this.#established()
          break
        case 'failed':
          this.#handshakeFailed(effect.failure)
          break
        case 'send_connect':
        case 'send_challenge':
        case 'send_response':
        case 'send_rejected':
          this.control(protocol.handshake(effect, handshake.own))
      }
    }
  }

  /** A peer at the edge belongs to a pool of its own, so that no layer above takes it for a member. */
  #judge(handshake: Handshake, offer: DialOffer): Verdict {
    const { edges, pool } = this.#context
    const atEdge = handshake.offered?.kind === 'edge'
    if (!atEdge || edges === undefined) return pool.judge(this, offer)
    this.#pool = edges.pool
    this.#frames = edges.frames
    this.#lanes.limit(edges.bytesQueuedMax)
    return edges.judge(this, offer)
  }

  #established(): void {
    this.#state = 'established'
    this.#dueMs = Infinity
    this.#watch.begin()
    this.wake()
    const refusal = this.#pool.up(this)
    if (refusal !== undefined) {
      const message = REJECT_TEXTS[refusal]
      this.control(this.#context.protocol.rejected(refusal, message))
      return this.#handshakeFailed({ code: 'ERR_LINK_REFUSED', reason: refusal, message })
    }
    this.#up = true
    if (this.#pool === this.#context.pool) this.#context.edges?.memberUp(this.peerKey)
    this.#lanes.accepted(this.peer)
    this.#pool.announce({ type: 'up', link: this })
    this.#dial.succeed(this)
    // What the acceptor sent on the other lanes waits in the transport until here.
    if (this.initiator && this.#state === 'established') this.#lanes.read()
  }

  #handshakeFailed(failure: HandshakeFailure): void {
    const { code, reason, message } = failure
    this.#pool.dropDial(this)
    // Whoever waits for our dial is told; what a peer tried on us only the log can tell.
    if (!this.initiator) {
      // Losing a race is nothing to worry about.
      const level = reason === 'simultaneous_dial' ? 'debug' : 'warn'
      const fields = { ...this.fields(), reason, detail: message }
      this.#context.refusals.count(code, fields, { level })
    } else if (code === 'ERR_LINK_REJECTED' && reason === 'simultaneous_dial') {
      this.#dial.supersede(this.peerKey)
    } else {
      const text = `${this.peerKey.hex.slice(0, 8)}: ${message} (${reason})`
      this.#dial.fail(() => new LinkError(code, text, { reason }))
    }
    this.#exitReason = { shutdown: reason }
    // A refusal must reach the peer before the connection goes; a rejection needs no answer.
    if (code === 'ERR_LINK_REFUSED') return this.#linger()
    if (code === 'ERR_LINK_REJECTED') return this.#closeNow(CloseCode.done, 'rejected')
    if (code === 'ERR_LINK_HANDSHAKE_TIMEOUT') return this.#closeNow(CloseCode.timeout, code)
    this.control(this.#context.protocol.error(code, message))
    this.#linger()
  }

  // --- life and death ------------------------------------------------------------------------

  #beat(nowMs: number): void {
    const verdict = this.#watch.tick(nowMs)
    if (verdict.type === 'alive') return
    if (verdict.type === 'unanswered') {
      return this.#fail('ERR_LINK_PARTING_TIMEOUT', 'no word whether the link may end')
    }
    const fields = { ...this.fields(), misses: verdict.misses }
    this.#context.refusals.count('ERR_LINK_HEARTBEAT', fields)
    this.#exitReason = { shutdown: 'heartbeat_timeout' }
    this.#state = 'closing'
    this.#down('heartbeat_timeout')
    this.#closeTransport(CloseCode.timeout, 'ERR_LINK_HEARTBEAT')
  }

  /**
   * The peer said goodbye: what it sent before is still handled, then we close. Our side of the lanes stays open until
   * then, or ends of theirs could get lost (`one-way-lanes.ts`).
   */
  #goodbye({ reason, streams }: DisconnectMessage): void {
    this.#draining = true
    this.#lanes.expect(streams)
    if (reason === IDLE_REASON) this.#goodbyeReason = 'idle'
    this.#closing()
    this.#laneEnded()
  }

  #laneEnded(): void {
    const { control, peerEnded } = this.#lanes
    if (this.#state === 'established' || this.#state === 'handshaking') {
      // A control lane that ends without a goodbye is the end of the link all the same.
      if (control?.peerEnded === true) this.#fail('ERR_LINK_PROTOCOL', 'the control lane ended')
      return
    }
    if (this.#draining && peerEnded) this.#lingerOver()
  }

  #lingerOver(): void {
    this.#draining = false
    this.#down(this.#goodbyeReason)
    this.#closeGoodbye()
  }

  #closeGoodbye(): void {
    const idle = this.#goodbyeReason === 'idle'
    this.#closeTransport(idle ? CloseCode.idle : CloseCode.goodbye, 'goodbye')
  }

  #peerError(text: string): void {
    this.#context.refusals.count('ERR_LINK_PEER_ERROR', { ...this.fields(), detail: text })
    this.#dial.fail(() => new LinkError('ERR_LINK_PEER_ERROR', `the peer closed the link: ${text}`))
    this.#exitReason = { shutdown: 'peer_error' }
    this.#down('connection_closed')
    this.#closeNow(CloseCode.protocol, 'ERR_LINK_PEER_ERROR')
  }

  /** Bytes that are no frames, a message that is no message, or a handler that threw. */
  #broken(error: unknown): void {
    const code = peerErrorCode(error)
    if (code === undefined) return this.#handlerThrew(error)
    this.#end(code, error instanceof Error ? error.message : code, { shutdown: code })
  }

  #handlerThrew(error: unknown): void {
    this.#end('ERR_LINK_HANDLER', 'a handler failed', error, { err: error })
  }

  #fail(code: LinkErrorCode, message: string): void {
    this.#end(code, message, { shutdown: code })
  }

  /** Tells the peer, the log and the counter, and closes. */
  #end(code: string, message: string, exitReason: ExitReason, more: object = {}): void {
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.#context.refusals.count(code, { ...this.fields(), detail: message, ...more })
    this.control(this.#context.protocol.error(code, message))
    this.#exitReason = exitReason
    this.#linger()
    this.#pool.dropDial(this)
    this.#dial.fail(() => new LinkError('ERR_LINK_CLOSED', `${code}: ${message}`))
    this.#down('connection_closed')
  }

  /** Ends all lanes and leaves the peer `leaveTimeoutMs` to take what is queued and close. */
  #linger(): void {
    this.#lanes.end()
    this.#closing()
  }

  #closing(): void {
    this.#state = 'closing'
    this.#watch.end()
    this.#dueMs = this.#now() + this.#context.options.leaveTimeoutMs
    this.#process?.wake()
  }

  #closeNow(code: number, reason: string): void {
    this.#state = 'closing'
    this.#closeTransport(code, reason)
  }

  #closeTransport(code: number, reason: string): void {
    this.#dueMs = Infinity
    this.#watch.end()
    if (this.#transport.closed === undefined) this.#transport.close(code, reason)
  }

  #transportClosed(info: CloseInfo): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#dueMs = Infinity
    this.#watch.end()
    this.#dial.fail(() => closedError(info))
    this.#down(this.#draining ? this.#goodbyeReason : downReasonOf(info))
    this.#pool.forget(this)
    this.#drainHandlers.clear()
    this.#settleClosed()
    this.#process?.ended(this.#exitReason)
  }

  #down(reason: LinkDownReason): void {
    if (!this.#up) return
    this.#up = false
    this.#pool.down(this, reason)
  }
}
