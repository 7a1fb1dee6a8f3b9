/**
 * An endpoint of the simulated network, and the handshake between two of them:
 *
 *     dialler                           listener
 *     dial      ---- hello ----------->  limits, protocol
 *     verifyPeer <--- welcome ---------
 *     (dial resolves)
 *               ---- finished -------->  verifyPeer, then onConnection
 *
 * As with QUIC the dialler is connected one step before the listener has judged it, so a refusal may
 * come as the close of an open connection. `hello` is repeated after 1, 2, 4, ... seconds: a dial
 * succeeds when the network heals in time, and ends by its own deadline when nobody answers.
 */
import type { Clock, ClockTimer } from '../../../runtime/index.ts'
import type { NodeKey } from '../../identity/node-key.ts'
import { nodeKeyEquals } from '../../identity/node-key.ts'
import { checkRemoteAddress, isWildcardHost } from '../address.ts'
import { Dial } from '../dial.ts'
import { codeOfThrown, QuicCode, TransportError } from '../errors.ts'
import type { TransportErrorCode } from '../errors.ts'
import type {
  DialOptions,
  Endpoint,
  EndpointOptions,
  EndpointStats,
  TransportAddress,
  TransportConnection,
} from '../transport.ts'
import { MemoryConnection, READ_BUFFER_BYTES } from './connection.ts'
import type { MemoryConnectionOwner } from './connection.ts'
import type { ResolvedMemoryOptions } from './options.ts'
import type { Pipe } from './pipe.ts'

const HELLO_AGAIN_MS = 1_000

/** What an endpoint needs of its network. */
export interface MemoryEndpointOwner {
  /** The endpoint that hears packets to `address`. */
  find(address: TransportAddress): MemoryEndpoint | undefined
  /** Carries one packet of a handshake: `fn` runs at arrival, or never. */
  packet(from: TransportAddress, to: TransportAddress, fn: () => void): void
  /** Makes the direction from one endpoint to another. */
  pipe(from: MemoryEndpoint, to: MemoryEndpoint, receiver: MemoryConnection): Pipe
  closed(endpoint: MemoryEndpoint): void
}

/** What an endpoint is made of. */
export interface MemoryEndpointParts {
  readonly open: EndpointOptions
  readonly options: ResolvedMemoryOptions
  readonly port: number
}

/** A dial in progress. */
interface Attempt {
  readonly dial: Dial
  readonly address: TransportAddress
  readonly connection: MemoryConnection
  readonly expect: NodeKey | undefined
  again: ClockTimer | undefined
}

/** See the file header. */
export class MemoryEndpoint implements Endpoint, MemoryConnectionOwner {
  readonly address: TransportAddress
  /** Where its packets come from; differs from `address` when it is bound to any. */
  readonly source: TransportAddress
  readonly options: ResolvedMemoryOptions
  readonly readBuffer: Uint8Array = new Uint8Array(READ_BUFFER_BYTES)
  /** @internal */
  readonly live = new Set<MemoryConnection>()
  readonly #network: MemoryEndpointOwner
  readonly #open: EndpointOptions
  readonly #clock: Clock
  readonly #chain: readonly Uint8Array[]
  readonly #attempts = new Map<MemoryConnection, Attempt>()
  readonly #perHost = new Map<string, number>()
  #closing: Promise<void> | undefined
  #packetsSent = 0
  #packetsReceived = 0
  #packetsDropped = 0
  #refused = 0

  constructor(network: MemoryEndpointOwner, parts: MemoryEndpointParts) {
    const { open, options, port } = parts
    this.#network = network
    this.#open = open
    this.options = options
    this.#clock = this.options.clock
    this.#chain = [certificateBytes(open.security.certificatePem)]
    this.address = Object.freeze({ host: open.host, port })
    const host = isWildcardHost(open.host) ? '127.0.0.1' : open.host
    this.source = Object.freeze({ host, port })
  }

  async dial(address: TransportAddress, options: DialOptions = {}): Promise<TransportConnection> {
    checkRemoteAddress(address)
    const dial = new Dial(options)
    if (this.#closing !== undefined) throw closedError()
    if (this.live.size >= this.options.connectionsMax) {
      const message = `connectionsMax (${this.options.connectionsMax}) is reached`
      throw new TransportError('ERR_TRANSPORT_CONNECTION_LIMIT', message)
    }
    const connection = new MemoryConnection(this, true, address)
    const { expect } = options
    const attempt: Attempt = { dial, address, connection, expect, again: undefined }
    this.live.add(connection)
    this.#attempts.set(connection, attempt)
    dial.onAbort((error) => this.#giveUp(attempt, error))
    connection.timer = this.#clock.setTimer(options.timeoutMs ?? this.options.dialTimeoutMs, () => {
      const message = `${address.host}:${address.port} does not answer`
      this.#giveUp(attempt, timeoutError(message, connection.remote))
    })
    this.#hello(attempt, HELLO_AGAIN_MS)
    return await dial.result
  }

  stats(): EndpointStats {
    let bytesSent = 0
    let bytesReceived = 0
    for (const connection of this.live) {
      const stats = connection.stats()
      bytesSent += stats.bytesSent
      bytesReceived += stats.bytesReceived
    }
    return {
      connections: this.live.size,
      packetsReceived: this.#packetsReceived,
      packetsSent: this.#packetsSent,
      bytesReceived,
      bytesSent,
      packetsDropped: this.#packetsDropped,
      connectionsRefused: this.#refused,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  /** @internal Vanishes without a word. */
  kill(): void {
    this.#closing ??= Promise.resolve()
    for (const attempt of this.#attempts.values()) attempt.again?.cancel()
    this.#attempts.clear()
    const others = [...this.live].map((connection) => connection.other)
    for (const connection of this.live) connection.vanish()
    this.live.clear()
    this.#perHost.clear()
    this.#network.closed(this)
    for (const other of others) other?.hearingChanged()
  }

  countPacket(direction: 'sent' | 'received'): void {
    if (direction === 'sent') this.#packetsSent++
    else this.#packetsReceived++
  }

  finished(connection: MemoryConnection): void {
    connection.timer?.cancel()
    let peerKey: NodeKey
    try {
      peerKey = this.#open.security.verifyPeer(connection.chain)
    } catch (cause) {
      const reason = codeOfThrown(cause, 'ERR_TRANSPORT_PEER_KEY')
      const code = QuicCode.badCertificate
      connection.outgoing?.sendLast({ type: 'close', by: 'error', code, reason })
      this.#dropHandshake(connection)
      this.#report('ERR_TRANSPORT_PEER_KEY', connection.remote, messageOf(cause))
      return
    }
    connection.open(peerKey)
    try {
      this.#open.onConnection(connection)
    } catch (error) {
      connection.broken(error)
    }
  }

  ended(connection: MemoryConnection): void {
    this.#forget(connection)
  }

  // The listener's part.

  /** @internal A dialler's first packet has arrived. */
  hello(from: MemoryEndpoint, dialled: MemoryConnection, alpn: string): void {
    this.#packetsReceived++
    if (this.#closing !== undefined) return
    if (dialled.other?.state === 'handshaking') {
      this.#welcome(from, dialled) // said again: our answer was lost
      return
    }
    const refusal = this.#judge(from, alpn)
    if (refusal !== undefined) {
      this.#packetsSent++
      this.#network.packet(this.source, from.source, () => from.refused(dialled, refusal))
      this.#report(refusal.code, from.source, refusal.message)
      return
    }
    const connection = new MemoryConnection(this, false, from.source)
    connection.chain = from.#chain
    connection.other = dialled
    dialled.other = connection
    dialled.chain = this.#chain
    this.live.add(connection)
    this.#count(from.source.host, 1)
    connection.timer = this.#clock.setTimer(this.options.handshakeTimeoutMs, () => {
      this.#dropHandshake(connection)
      this.#report('ERR_TRANSPORT_TIMEOUT', connection.remote, 'the handshake took too long')
    })
    this.#welcome(from, dialled)
  }

  #judge(from: MemoryEndpoint, alpn: string): TransportError | undefined {
    const { connectionsMax, connectionsPerAddressMax } = this.options
    const there = this.#perHost.get(from.source.host) ?? 0
    if (this.live.size >= connectionsMax) return limitError('ERR_TRANSPORT_CONNECTION_LIMIT')
    if (there >= connectionsPerAddressMax) return limitError('ERR_TRANSPORT_ADDRESS_LIMIT')
    if (alpn === this.#open.security.alpn) return undefined
    return new TransportError('ERR_TRANSPORT_PROTOCOL', 'another application protocol', {
      transportCode: QuicCode.noApplicationProtocol,
    })
  }

  #welcome(from: MemoryEndpoint, dialled: MemoryConnection): void {
    this.#packetsSent++
    this.#network.packet(this.source, from.source, () => from.welcomed(this, dialled))
  }

  #dropHandshake(connection: MemoryConnection): void {
    if (connection.state !== 'handshaking') return
    connection.vanish()
    this.#forget(connection)
    connection.other?.hearingChanged()
  }

  // The dialler's part.

  #hello(attempt: Attempt, againMs: number): void {
    const { address, connection } = attempt
    const { alpn } = this.#open.security
    this.#packetsSent++
    this.#network.packet(this.source, address, () => {
      this.#network.find(address)?.hello(this, connection, alpn)
    })
    attempt.again = this.#clock.setTimer(againMs, () => this.#hello(attempt, againMs * 2))
  }

  /** @internal The listener let us in, so far. */
  welcomed(by: MemoryEndpoint, connection: MemoryConnection): void {
    this.#packetsReceived++
    const attempt = this.#attempts.get(connection)
    const other = connection.other
    if (attempt === undefined || other?.state !== 'handshaking') return
    const peerKey = this.#checked(attempt, connection)
    if (peerKey === undefined) return
    this.#endAttempt(attempt)
    connection.outgoing = this.#network.pipe(this, by, other)
    other.outgoing = this.#network.pipe(by, this, connection)
    connection.outgoing.sendFirst({ type: 'finished' })
    connection.open(peerKey)
    attempt.dial.succeed(connection)
  }

  /** @internal The listener did not let us in. */
  refused(connection: MemoryConnection, refusal: TransportError): void {
    this.#packetsReceived++
    const attempt = this.#attempts.get(connection)
    if (attempt === undefined) return
    const { remote } = connection
    const protocol = refusal.code === 'ERR_TRANSPORT_PROTOCOL'
    const code = protocol ? 'ERR_TRANSPORT_PROTOCOL' : 'ERR_TRANSPORT_REFUSED'
    const transportCode = protocol ? QuicCode.noApplicationProtocol : QuicCode.connectionRefused
    const peerReason = protocol ? '' : refusal.code
    const message = `${remote.host}:${remote.port} refused us: ${refusal.code}`
    const error = new TransportError(code, message, { remote, transportCode, peerReason })
    this.#giveUp(attempt, error)
  }

  #checked(attempt: Attempt, connection: MemoryConnection): NodeKey | undefined {
    const { remote } = connection
    try {
      const peerKey = this.#open.security.verifyPeer(connection.chain)
      if (attempt.expect === undefined || nodeKeyEquals(peerKey, attempt.expect)) return peerKey
      const message = `expected node ${attempt.expect.hex}, found ${peerKey.hex}`
      this.#giveUp(attempt, new TransportError('ERR_TRANSPORT_PEER_KEY', message, { remote }))
    } catch (cause) {
      const options = { remote, cause }
      const error = new TransportError('ERR_TRANSPORT_PEER_KEY', messageOf(cause), options)
      this.#giveUp(attempt, error)
    }
    return undefined
  }

  #giveUp(attempt: Attempt, error: TransportError): void {
    const { connection } = attempt
    if (!this.#attempts.has(connection)) return
    this.#endAttempt(attempt)
    connection.vanish()
    this.#forget(connection)
    // The listener may be waiting for our part of the handshake.
    const { other } = connection
    if (other !== undefined) {
      this.#packetsSent++
      this.#network.packet(this.source, attempt.address, () => other.dialGivenUp())
    }
    attempt.dial.fail(error)
  }

  #endAttempt(attempt: Attempt): void {
    attempt.again?.cancel()
    attempt.connection.timer?.cancel()
    this.#attempts.delete(attempt.connection)
  }

  /** @internal The dialler went away during the handshake. */
  dialGivenUp(connection: MemoryConnection): void {
    this.#dropHandshake(connection)
  }

  // Both parts.

  #forget(connection: MemoryConnection): void {
    if (!this.live.delete(connection)) return
    if (!connection.initiator) this.#count(connection.remote.host, -1)
  }

  #count(host: string, by: number): void {
    const count = (this.#perHost.get(host) ?? 0) + by
    if (count > 0) this.#perHost.set(host, count)
    else this.#perHost.delete(host)
  }

  #report(code: string, remote: TransportAddress, message: string): void {
    this.#refused++
    try {
      this.#open.onRefused?.({ code, remote, message })
    } catch (error) {
      this.options.logger.error({ error }, 'an onRefused handler threw')
    }
  }

  async #closeAll(): Promise<void> {
    // Handlers run in our own turn, not inside the caller's.
    await new Promise<void>((resolve) => this.#clock.microtask(resolve))
    for (const attempt of [...this.#attempts.values()]) this.#giveUp(attempt, closedError())
    for (const connection of [...this.live]) {
      if (connection.state === 'handshaking') this.#dropHandshake(connection)
      else connection.close(0, '')
    }
    for (const connection of [...this.live]) connection.finish()
    this.#network.closed(this)
  }
}

function limitError(code: TransportErrorCode): TransportError {
  return new TransportError(code, 'a limit is reached', {
    transportCode: QuicCode.connectionRefused,
  })
}

function timeoutError(message: string, remote: TransportAddress): TransportError {
  return new TransportError('ERR_TRANSPORT_TIMEOUT', message, { remote })
}

function closedError(): TransportError {
  return new TransportError('ERR_TRANSPORT_CLOSED', 'the endpoint is closed')
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** DER of the first certificate in `pem`; text that is no PEM travels as it is (stand-ins of tests). */
function certificateBytes(pem: string): Uint8Array {
  const body = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/.exec(pem)?.[1]
  return body === undefined ? Buffer.from(pem) : new Uint8Array(Buffer.from(body, 'base64'))
}
