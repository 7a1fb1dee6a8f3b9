/**
 * One UDP port that listens and dials, and the loop behind it.
 *
 * A turn (`turns.ts`): packets are given to their connections as they arrive (the binding decrypts them, nothing
 * else happens), then every connection that was touched is served: read, call handlers, and, after processes have
 * handled that, send what was written meanwhile. So a batch of packets is answered by one acknowledgement, the writes
 * of a turn share packets, and a turn costs the same for ten messages as for one. Each
 * connection sends at most 32 packets per turn, so that a bulk transfer does not delay the others.
 *
 * This folder uses `setImmediate` and real timers directly, for what the binding itself measures in
 * real time; deadlines of ours (dials, handshakes, keepalive) are on the injected clock.
 *
 * Strangers cost little: a packet with an unknown id is dropped after a look at its header, a first
 * packet is judged by `Admission` before anything is kept for it, and every answer to a stranger is
 * one packet, smaller than what it answers, from a limited number per second.
 */
import type { Socket } from 'node:dgram'
import { createRealClock } from '../../../runtime/index.ts'
import type { Clock, Logger } from '../../../runtime/index.ts'
import type { NodeKey } from '../../identity/node-key.ts'
import { checkRemoteAddress, displayHost, isLoopbackHost, socketHost } from '../address.ts'
import { Dial } from '../dial.ts'
import { QuicCode, TransportError } from '../errors.ts'
import type {
  DialOptions,
  Endpoint,
  EndpointOptions,
  EndpointStats,
  TransportAddress,
  TransportConnection,
} from '../transport.ts'
import { Admission, Bucket } from './admission.ts'
import type { BindingAddress } from './binding.ts'
import type { EndpointConfigs, ResolvedQuicOptions } from './config.ts'
import { QuicConnection } from './connection.ts'
import type { ConnectionOwner, ConnectionStart } from './connection.ts'
import { DeadlineQueue } from './deadlines.ts'
import type { DeadlineTime } from './deadlines.ts'
import { Door } from './door.ts'
import type { Guest } from './door.ts'
import type { Native } from './native.ts'
import type { NativeConnection } from './native-connection.ts'
import { CONNECTION_ID_BYTES, destinationKey, idKey, isLong, isTooShort } from './packet.ts'
import { PortWatch } from './port-watch.ts'
import { PacketSender, socketFamily } from './socket.ts'
import { Turns } from './turns.ts'

/** Packets that one connection may send in one turn. */
const PACKETS_PER_TURN = 32

/** Views handed to `onData` and `onDatagram` are cut from a buffer of this size. */
const READ_BUFFER_BYTES = 65_536

/** Calls of `onRefused` per second; more are only counted. */
const REFUSAL_REPORTS_PER_SECOND = 100

/** Reports of bytes that are no QUIC; more are only counted. */
const GARBAGE_REPORTS_PER_SECOND = 1

/** What an endpoint is made of. */
export interface EndpointParts {
  readonly native: Native
  readonly configs: EndpointConfigs
  readonly options: ResolvedQuicOptions
  readonly open: EndpointOptions
  readonly socket: Socket
}

/** See the file header. */
export class QuicEndpoint implements Endpoint, ConnectionOwner {
  readonly address: TransportAddress
  readonly options: ResolvedQuicOptions
  readonly logger: Logger
  readonly local: BindingAddress
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  readonly stages: Buffer[] = []

  readonly #native: Native
  readonly #configs: EndpointConfigs
  readonly #open: EndpointOptions
  readonly #sender: PacketSender
  readonly #clock: Clock
  readonly #realTime: DeadlineTime
  readonly #admission: Admission
  readonly #reports: Bucket
  readonly #garbageReports: Bucket
  readonly #door: Door
  readonly #ports: PortWatch<QuicConnection>
  readonly #wakes: DeadlineQueue<QuicConnection>
  readonly #deadlines: DeadlineQueue<QuicConnection>
  readonly #byId = new Map<string, QuicConnection>()
  readonly #live = new Set<QuicConnection>()
  readonly #dials = new Map<QuicConnection, Dial>()
  readonly #turns: Turns<QuicConnection>
  #closing: Promise<void> | undefined
  #packetsReceived = 0
  #bytesReceived = 0
  #packetsDropped = 0
  #refused = 0

  constructor(parts: EndpointParts) {
    const { options, socket } = parts
    this.options = options
    this.logger = options.logger
    this.#native = parts.native
    this.#configs = parts.configs
    this.#open = parts.open
    this.#clock = options.clock
    this.#realTime = createRealClock()
    const bound = socket.address()
    this.local = { host: withoutZone(bound.address), port: bound.port }
    this.address = Object.freeze({ host: bound.address, port: bound.port })
    const largest = Math.max(options.udpPayloadBytes, options.loopbackPayloadBytes)
    this.#sender = new PacketSender(socket, largest)
    const nowMs = this.#clock.now()
    this.#admission = new Admission(options, nowMs)
    this.#reports = new Bucket(REFUSAL_REPORTS_PER_SECOND, nowMs)
    this.#garbageReports = new Bucket(GARBAGE_REPORTS_PER_SECOND, nowMs)
    this.#door = new Door({
      native: parts.native,
      admission: this.#admission,
      sender: this.#sender,
      entropy: options.entropy,
      nowMs,
    })
    this.#ports = new PortWatch(this.#realTime)
    this.#turns = new Turns(this.#realTime, {
      serve: (connection) => this.#guarded(connection, this.#serve),
      send: (connection) => this.#guarded(connection, this.#send),
    })
    this.#wakes = new DeadlineQueue(this.#realTime, (connection) => this.#wake(connection))
    this.#deadlines = new DeadlineQueue(this.#clock, (connection) => this.#ownDeadline(connection))
    socket.on('message', (packet, from) => this.#received(packet, from.address, from.port))
  }

  // What the layers above use.

  async dial(address: TransportAddress, options: DialOptions = {}): Promise<TransportConnection> {
    checkRemoteAddress(address)
    const dial = new Dial(options)
    if (this.#closing !== undefined) throw closedError()
    if (!this.#admission.mayDial()) {
      throw new TransportError(
        'ERR_TRANSPORT_CONNECTION_LIMIT',
        `connectionsMax (${this.options.connectionsMax}) is reached`,
      )
    }
    const family = socketFamily(this.local.host)
    const host = socketHost(address.host, family)
    const remote = { host: withoutZone(host), port: address.port }
    const sourceId = this.#newId()
    const loopback = isLoopbackHost(host)
    const config = loopback ? this.#configs.loopback : this.#configs.network
    const native = this.#native.connect(sourceId, this.local, remote, config)
    const { expect } = options
    const connection = this.#register(sourceId, {
      ...this.#start(native, remote, host, true),
      expect,
    })
    this.#admission.dialled()
    this.#dials.set(connection, dial)
    const timeoutMs = options.timeoutMs ?? this.options.dialTimeoutMs
    this.#deadlines.set(connection.own, this.#clock.now() + timeoutMs)
    dial.onAbort((error) => this.#giveUp(connection, error))
    this.touch(connection)
    return await dial.result
  }

  stats(): EndpointStats {
    return {
      connections: this.#admission.connections,
      packetsReceived: this.#packetsReceived,
      packetsSent: this.#sender.packetsSent,
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#sender.bytesSent,
      packetsDropped: this.#packetsDropped,
      connectionsRefused: this.#refused,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  /** @internal Vanishes without a word, as a process that was killed. For tests. */
  kill(): void {
    this.#closing ??= Promise.resolve()
    this.#stop()
    void this.#sender.close()
  }

  /** @internal Sizes of everything that could leak. For tests. */
  get sizes(): Readonly<Record<string, number>> {
    return {
      ids: this.#byId.size,
      live: this.#live.size,
      dials: this.#dials.size,
      connections: this.#admission.connections,
      handshakes: this.#admission.handshakes,
      addresses: this.#admission.addresses,
    }
  }

  // What its connections use.

  verifyPeer(chain: readonly Uint8Array[]): NodeKey {
    return this.#open.security.verifyPeer(chain)
  }

  touch(connection: QuicConnection): void {
    this.#turns.touch(connection)
  }

  probeLater(connection: QuicConnection): void {
    this.#turns.probeLater(connection)
  }

  sendPackets(connection: QuicConnection): void {
    const { native, payloadBytes } = connection
    const sender = this.#sender
    for (let left = PACKETS_PER_TURN; left > 0; left--) {
      const out = sender.space(payloadBytes)
      const length = native.send(out)
      if (length === 0) return
      const to = native.lastTo!
      sender.send(length, to.host + connection.zone, to.port)
      if (connection.closing) connection.lastPacket = Buffer.from(out.subarray(0, length))
    }
    this.touch(connection)
  }

  renewIds(connection: QuicConnection): void {
    const { native } = connection
    for (let id = native.retiredSourceId(); id !== null; id = native.retiredSourceId()) {
      const key = idKey(id)
      if (connection.keys.delete(key)) this.#byId.delete(key)
    }
    for (let left = native.sourceIdsLeft(); left > 0; left--) {
      const id = this.#newId()
      if (!native.newSourceId(id, this.options.entropy.bytes(16))) return
      this.#addKey(connection, idKey(id))
    }
  }

  opened(connection: QuicConnection): void {
    const nowMs = this.#clock.now()
    this.#deadlines.set(connection.own, nowMs + this.options.keepaliveIntervalMs)
    const dial = this.#dials.get(connection)
    if (dial !== undefined) {
      this.#dials.delete(connection)
      dial.succeed(connection)
      return
    }
    this.#admission.handshakeEnded()
    this.#open.onConnection(connection)
  }

  failed(connection: QuicConnection, error: TransportError, refused: boolean): void {
    const dial = this.#dials.get(connection)
    this.#dials.delete(connection)
    if (dial !== undefined) {
      dial.fail(error)
    } else {
      this.#admission.handshakeEnded()
      if (refused) this.#report(error.code, connection.remote, error.message)
    }
    this.#unregister(connection)
  }

  ended(connection: QuicConnection): void {
    this.#unregister(connection)
  }

  // Packets.

  /** Bytes from strangers: whatever they do to the code below, the program goes on. */
  #received(packet: Buffer, from: string, port: number): void {
    this.#packetsReceived++
    this.#bytesReceived += packet.length
    if (packet.length === 0) return void this.#packetsDropped++ // asks whether the port is open
    try {
      this.#route(packet, from, port)
    } catch (error) {
      this.#packetsDropped++
      this.logger.error({ error, remote: { host: from, port } }, 'a packet broke something')
    }
  }

  #route(packet: Buffer, from: string, port: number): void {
    const key = destinationKey(packet)
    const connection = key === undefined ? undefined : this.#byId.get(key)
    if (connection === undefined) {
      if (key === undefined || isTooShort(packet)) this.#garbage(from, port)
      else if (isLong(packet)) this.#knocked(packet, key, from, port)
      else this.#packetsDropped++ // as a rule late packets of a connection that ended
      return
    }
    if (connection.native.released) {
      this.#remind(connection, from, port)
      return
    }
    if (!connection.recv(packet, withoutZone(from), port)) this.#packetsDropped++
    this.touch(connection)
  }

  #knocked(packet: Buffer, key: string, host: string, port: number): void {
    if (this.#closing !== undefined) {
      this.#packetsDropped++
      return
    }
    const answer = this.#door.open({ packet, host, port, nowMs: this.#clock.now() })
    switch (answer.type) {
      case 'guest':
        this.#accept(answer, packet, key, { host, port })
        return
      case 'refused':
        this.#report(answer.code, { host: displayHost(host), port }, 'a limit is reached')
        return
      case 'dropped':
        this.#packetsDropped++
        return
      case 'answered':
    }
  }

  #accept(guest: Guest, packet: Buffer, key: string, from: BindingAddress): void {
    const { group, originalId, destinationId } = guest
    const remote = { host: withoutZone(from.host), port: from.port }
    // After a retry the dialler already uses an id of ours.
    const sourceId = originalId === undefined ? this.#newId() : destinationId
    const config = isLoopbackHost(from.host) ? this.#configs.loopback : this.#configs.network
    const native = this.#native.accept(sourceId, originalId, this.local, remote, config)
    const connection = this.#register(sourceId, {
      ...this.#start(native, remote, from.host, false),
      expect: undefined,
    })
    this.#addKey(connection, key)
    this.#admission.accepted(group)
    connection.group = group
    this.#deadlines.set(connection.own, this.#clock.now() + this.options.handshakeTimeoutMs)
    if (!connection.recv(packet, remote.host, remote.port)) this.#packetsDropped++
    this.touch(connection)
  }

  /** Repeats our close to a peer that goes on sending, ever more rarely. */
  #remind(connection: QuicConnection, host: string, port: number): void {
    const count = ++connection.lingering
    const isPowerOfTwo = (count & (count - 1)) === 0
    if (isPowerOfTwo && connection.lastPacket !== undefined) {
      this.#sender.sendCopy(connection.lastPacket, host, port)
    }
  }

  /** Bytes that cannot be QUIC: somebody speaks another protocol to this port. */
  #garbage(host: string, port: number): void {
    this.#packetsDropped++
    if (!this.#garbageReports.take(this.#clock.now())) return
    const message = `its bytes are no QUIC packet; ${this.#packetsDropped} packets were dropped so far`
    this.#tell('ERR_TRANSPORT_GARBAGE', { host: displayHost(host), port }, message)
  }

  #report(code: string, remote: TransportAddress, message: string): void {
    this.#refused++
    if (this.#reports.take(this.#clock.now())) this.#tell(code, remote, message)
  }

  #tell(code: string, remote: TransportAddress, message: string): void {
    try {
      this.#open.onRefused?.({ code, remote, message })
    } catch (error) {
      this.logger.error({ error }, 'an onRefused handler threw')
    }
  }

  // Turns.

  /** A bug here ends the connection it is about, never the program. */
  #guarded(connection: QuicConnection, step: (connection: QuicConnection) => void): void {
    try {
      step(connection)
    } catch (error) {
      this.#broken(connection, error)
    }
  }

  readonly #serve = (connection: QuicConnection): void => {
    const nowMs = this.#clock.now()
    if (connection.wakeDue) connection.timedOut()
    connection.work(nowMs)
    if (connection.ownDue) this.#due(connection, nowMs)
  }

  readonly #send = (connection: QuicConnection): void => {
    const { native } = connection
    if (native.released) return
    if (connection.ackMayWait) return this.#armWake(connection)
    this.sendPackets(connection)
    connection.settle()
    if (connection.state === 'over') this.#release(connection)
    else this.#armWake(connection)
  }

  #broken(connection: QuicConnection, error: unknown): void {
    this.logger.error({ error, peer: connection.remote }, 'a connection broke')
    connection.closed ??= { by: 'error', code: QuicCode.internalError, reason: String(error) }
    connection.closeTransport(QuicCode.internalError, '')
    connection.fail(new TransportError('ERR_TRANSPORT_CLOSED', 'broken', { cause: error }), false)
    connection.finish()
  }

  #armWake(connection: QuicConnection): void {
    const timeoutMs = connection.native.timeoutMs()
    const { loopbackPortCheck, idleTimeoutMs } = this.options
    // As long as something is under way that the peer must acknowledge, the timer is that of the next repetition.
    if (loopbackPortCheck && timeoutMs < idleTimeoutMs / 2) this.#ports.awaitAnswer(connection)
    // The binding counts in whole milliseconds, rounded down.
    const at = timeoutMs === Infinity ? Infinity : this.#realTime.now() + timeoutMs + 1
    this.#wakes.set(connection.wake, at)
  }

  // Timers only mark a connection. After a blocked loop they come before the packets that wait in
  // the socket; the turn comes after them, so nobody is declared silent while his words wait.

  #wake(connection: QuicConnection): void {
    connection.wakeDue = true
    this.touch(connection)
  }

  #ownDeadline(connection: QuicConnection): void {
    connection.ownDue = true
    this.touch(connection)
  }

  #due(connection: QuicConnection, nowMs: number): void {
    connection.ownDue = false
    if (connection.state === 'open') {
      this.#deadlines.set(connection.own, connection.keepalive(nowMs))
    } else if (connection.state === 'handshaking') {
      const { host, port } = connection.remote
      const message = `no connection with ${host}:${port} in time`
      const error = new TransportError('ERR_TRANSPORT_TIMEOUT', message, {
        remote: connection.remote,
      })
      this.#giveUp(connection, error)
    } else {
      this.#forget(connection)
    }
  }

  // Beginning and end.

  #start(
    native: NativeConnection,
    remote: BindingAddress,
    host: string,
    initiator: boolean,
  ): Omit<ConnectionStart, 'expect'> {
    const { loopbackPayloadBytes, udpPayloadBytes } = this.options
    const payloadBytes = isLoopbackHost(host) ? loopbackPayloadBytes : udpPayloadBytes
    return { native, initiator, remote, zone: host.slice(remote.host.length), payloadBytes }
  }

  #register(sourceId: Uint8Array, start: ConnectionStart): QuicConnection {
    const connection = new QuicConnection(this, start)
    this.#addKey(connection, idKey(sourceId))
    this.#live.add(connection)
    return connection
  }

  #addKey(connection: QuicConnection, key: string): void {
    this.#byId.set(key, connection)
    connection.keys.add(key)
  }

  /** It counts no more; its ids stay known while it lingers. */
  #unregister(connection: QuicConnection): void {
    if (!this.#live.delete(connection)) return
    if (connection.initiator) this.#admission.dialEnded()
    else this.#admission.acceptedEnded(connection.group)
    this.touch(connection)
  }

  #release(connection: QuicConnection): void {
    if (connection.native.released) return
    connection.native.release()
    connection.wake.dispose()
    this.#turns.forget(connection)
    this.#ports.forget(connection)
    if (connection.lastPacket === undefined || this.#closing !== undefined) {
      this.#forget(connection)
      return
    }
    // Longer than the keepalive of the peer, so that it cannot miss the end.
    this.#deadlines.set(connection.own, this.#clock.now() + this.options.idleTimeoutMs / 2)
  }

  #forget(connection: QuicConnection): void {
    for (const key of connection.keys) {
      if (this.#byId.get(key) === connection) this.#byId.delete(key)
    }
    connection.keys.clear()
    connection.own.dispose()
    connection.wake.dispose()
    connection.lastPacket = undefined
  }

  /** Ends a handshake from this side: deadline, abort, or the endpoint closes. */
  #giveUp(connection: QuicConnection, error: TransportError): void {
    if (connection.state !== 'handshaking') return
    if (connection.initiator) connection.closeTransport(QuicCode.noError, '')
    else connection.closeTransport(QuicCode.connectionRefused, error.code)
    connection.fail(error, !connection.initiator)
  }

  async #closeAll(): Promise<void> {
    // Handlers run in our own turn, not inside the caller's.
    await new Promise<void>((resolve) => setImmediate(resolve))
    for (const connection of this.#live) {
      if (connection.state === 'handshaking') this.#giveUp(connection, closedError())
      else connection.close(0, '')
    }
    this.#turns.finish()
    this.#stop()
    await this.#sender.close()
  }

  #stop(): void {
    this.#turns.stop()
    this.#ports.stop()
    this.#wakes.stop()
    this.#deadlines.stop()
    for (const connection of this.#byId.values()) connection.native.release()
    this.#byId.clear()
    this.#live.clear()
  }

  #newId(): Uint8Array {
    return this.options.entropy.bytes(CONNECTION_ID_BYTES)
  }
}

function closedError(): TransportError {
  return new TransportError('ERR_TRANSPORT_CLOSED', 'the endpoint is closed')
}

/** The binding would resolve a zone (`fe80::1%eth0`) as a name; it sees the plain address. */
function withoutZone(host: string): string {
  const at = host.indexOf('%')
  return at < 0 ? host : host.slice(0, at)
}
