/**
 * An endpoint of a thread, and the handshake between two of them (`handshake.ts`). As with QUIC the dialler is
 * connected one step before the listener has judged it, so a refusal may come as the close of an open connection.
 *
 * An address that no thread has answers nothing, and the dial ends by its own deadline; unless the dialler has
 * another way out, which is then taken at once ({@link WorkerEndpoint.dialOr}).
 */
import type { MessagePort } from 'node:worker_threads'
import type { NodeKey } from '../../identity/node-key.ts'
import { nodeKeyEquals } from '../../identity/node-key.ts'
import { checkRemoteAddress } from '../address.ts'
import { Dial } from '../dial.ts'
import { codeOfThrown, QuicCode, TransportError } from '../errors.ts'
import type {
  DialOptions,
  Endpoint,
  EndpointOptions,
  EndpointStats,
  TransportAddress,
  TransportConnection,
} from '../transport.ts'
import { WorkerConnection } from './connection.ts'
import type { WorkerConnectionOwner } from './connection.ts'
import { Guests } from './guests.ts'
import { helloOf, provenKey, readAnswer } from './handshake.ts'
import type { Hello, Prover, Welcome } from './handshake.ts'
import type { Line } from './line.ts'
import type { ResolvedWorkerOptions } from './options.ts'

const NONCE_BYTES = 32

/** What an endpoint is made of. */
export interface WorkerEndpointParts {
  readonly open: EndpointOptions
  readonly options: ResolvedWorkerOptions
  readonly line: Line
  readonly prover: Prover
}

/** Dials when no thread has the address, with what is left of the time. */
export type OtherWay = (options: DialOptions) => Promise<TransportConnection>

/** A dial in progress. */
interface Attempt {
  readonly dial: Dial
  readonly connection: WorkerConnection
  readonly hello: Hello
  readonly options: DialOptions
  readonly startedAtMs: number
  readonly otherwise: OtherWay | undefined
  /** Nobody has the address: only the deadline is left. */
  absent: boolean
}

/** See the file header. */
export class WorkerEndpoint implements Endpoint, WorkerConnectionOwner {
  readonly options: ResolvedWorkerOptions
  #address!: TransportAddress
  readonly #parts: WorkerEndpointParts
  readonly #live = new Set<WorkerConnection>()
  readonly #attempts = new Map<WorkerConnection, Attempt>()
  readonly #guests: Guests
  #closing: Promise<void> | undefined
  #batchesSent = 0
  #batchesReceived = 0
  #batchesDropped = 0
  #bytesSent = 0
  #bytesReceived = 0
  #refused = 0

  private constructor(parts: WorkerEndpointParts) {
    this.#parts = parts
    this.options = parts.options
    this.#guests = new Guests({
      ...parts,
      own: () => this.#address,
      isFull: () => this.#live.size >= this.options.connectionsMax,
      take: (connection) => void this.#live.add(connection),
      drop: (connection) => void this.#live.delete(connection),
      report: (code, remote, message) => this.#report(code, remote, message),
    })
  }

  /** Takes `address`; rejects with `ERR_TRANSPORT_PORT_BUSY`. */
  static async open(
    parts: WorkerEndpointParts,
    address: TransportAddress,
  ): Promise<WorkerEndpoint> {
    const endpoint = new WorkerEndpoint(parts)
    endpoint.#address = await parts.line.bind(address, (from, port) => endpoint.#called(from, port))
    return endpoint
  }

  get address(): TransportAddress {
    return this.#address
  }

  dial(address: TransportAddress, options: DialOptions = {}): Promise<TransportConnection> {
    return this.dialOr(address, options)
  }

  /** Dials `address` if a thread of this process has it, else goes the other way. */
  async dialOr(
    address: TransportAddress,
    options: DialOptions,
    otherwise?: OtherWay,
  ): Promise<TransportConnection> {
    checkRemoteAddress(address)
    const dial = new Dial(options)
    if (this.#closing !== undefined) throw closedError()
    if (this.#live.size >= this.options.connectionsMax) {
      const message = `connectionsMax (${this.options.connectionsMax}) is reached`
      throw new TransportError('ERR_TRANSPORT_CONNECTION_LIMIT', message)
    }
    const { clock, entropy, dialTimeoutMs } = this.options
    const { open, prover, line } = this.#parts
    const port = line.dial(this.#address, address)
    const connection = new WorkerConnection(this, port, true, address)
    const { alpn } = open.security
    const nonce = entropy.bytes(NONCE_BYTES)
    const hello = helloOf({ to: address, alpn, nonce }, prover, this.options)
    const startedAtMs = clock.now()
    const shared = { dial, connection, hello, options, startedAtMs, otherwise }
    const attempt: Attempt = { ...shared, absent: false }
    this.#live.add(connection)
    this.#attempts.set(connection, attempt)
    dial.onAbort((error) => this.#giveUp(attempt, error))
    connection.timer = clock.setTimer(options.timeoutMs ?? dialTimeoutMs, () => {
      const message = `${address.host}:${address.port} does not answer`
      this.#giveUp(
        attempt,
        new TransportError('ERR_TRANSPORT_TIMEOUT', message, { remote: address }),
      )
    })
    connection.say(hello)
    return await dial.result
  }

  stats(): EndpointStats {
    return {
      connections: this.#live.size,
      packetsReceived: this.#batchesReceived,
      packetsSent: this.#batchesSent,
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#bytesSent,
      packetsDropped: this.#batchesDropped,
      connectionsRefused: this.#refused,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  /** @internal Does nothing any more, without a word: as a thread that is stuck. */
  kill(): void {
    this.#closing ??= Promise.resolve()
    for (const connection of this.#live) connection.kill()
    this.#live.clear()
    this.#attempts.clear()
    this.#guests.clear()
    this.#parts.line.unbind(this.#address)
  }

  countBatch(direction: 'sent' | 'received', bytes: number): void {
    if (direction === 'sent') {
      this.#batchesSent++
      this.#bytesSent += bytes
    } else {
      this.#batchesReceived++
      this.#bytesReceived += bytes
    }
  }

  handshake(connection: WorkerConnection, message: unknown): void {
    const attempt = this.#attempts.get(connection)
    if (attempt !== undefined) return this.#answered(attempt, message)
    if (!this.#guests.heard(connection, message)) return
    try {
      this.#parts.open.onConnection(connection)
    } catch (error) {
      connection.broken(error)
    }
  }

  handshakeLost(connection: WorkerConnection): void {
    const attempt = this.#attempts.get(connection)
    if (attempt === undefined) {
      this.#guests.lost(connection)
      return
    }
    if (attempt.absent) return
    const { remote } = connection
    const message = `${remote.host}:${remote.port} went away during the handshake`
    this.#giveUp(attempt, new TransportError('ERR_TRANSPORT_REFUSED', message, { remote }))
  }

  garbage(connection: WorkerConnection, error: TransportError): void {
    this.#batchesDropped++
    this.#report(error.code, connection.remote, error.message)
  }

  ended(connection: WorkerConnection): void {
    this.#live.delete(connection)
    this.#guests.lost(connection)
  }

  #called(from: TransportAddress, port: MessagePort): void {
    if (this.#closing !== undefined) return port.close()
    this.#guests.welcome(new WorkerConnection(this, port, false, from))
  }

  #answered(attempt: Attempt, message: unknown): void {
    const { connection } = attempt
    const { remote } = connection
    const answer = readAnswer(message)
    switch (answer?.type) {
      case 'welcome':
        return this.#welcomed(attempt, answer)
      case 'absent':
        return this.#absent(attempt)
      case 'refused':
        return this.#giveUp(attempt, refusedError(answer.code, remote))
      case undefined: {
        this.#batchesDropped++
        const text = `${remote.host}:${remote.port} does not speak our handshake`
        return this.#giveUp(attempt, new TransportError('ERR_TRANSPORT_PROTOCOL', text, { remote }))
      }
    }
  }

  #welcomed(attempt: Attempt, answer: Welcome): void {
    const { connection, hello, dial } = attempt
    const peerKey = this.#checked(attempt, answer)
    if (peerKey === undefined) return
    this.#attempts.delete(connection)
    const signature = this.#parts.prover.prove('dialler', hello, answer)
    connection.say({ type: 'finished', signature })
    connection.open(peerKey, answer.terms, this.options.clock.now() - attempt.startedAtMs)
    dial.succeed(connection)
  }

  #checked(attempt: Attempt, answer: Welcome): NodeKey | undefined {
    const { hello, options, connection } = attempt
    const { remote } = connection
    const { security } = this.#parts.open
    try {
      const peerKey = provenKey('listener', { hello, answer }, answer.signature, security)
      const { expect } = options
      if (expect === undefined || nodeKeyEquals(peerKey, expect)) return peerKey
      const message = `expected node ${expect.hex}, found ${peerKey.hex}`
      this.#giveUp(attempt, new TransportError('ERR_TRANSPORT_PEER_KEY', message, { remote }))
    } catch (cause) {
      const text =
        cause instanceof Error ? cause.message : codeOfThrown(cause, 'ERR_TRANSPORT_PEER_KEY')
      const error = new TransportError('ERR_TRANSPORT_PEER_KEY', text, { remote, cause })
      this.#giveUp(attempt, error)
    }
    return undefined
  }

  #absent(attempt: Attempt): void {
    const { connection, dial, options, otherwise, startedAtMs } = attempt
    if (otherwise === undefined) {
      attempt.absent = true
      return
    }
    this.#forget(attempt)
    const goneMs = this.options.clock.now() - startedAtMs
    const timeoutMs = Math.max(1, (options.timeoutMs ?? this.options.dialTimeoutMs) - goneMs)
    connection.drop()
    otherwise({ ...options, timeoutMs }).then(
      (other) => dial.succeed(other),
      (error: TransportError) => dial.fail(error),
    )
  }

  #giveUp(attempt: Attempt, error: TransportError): void {
    if (!this.#forget(attempt)) return
    attempt.connection.drop()
    attempt.dial.fail(error)
  }

  #forget({ connection }: Attempt): boolean {
    this.#live.delete(connection)
    return this.#attempts.delete(connection)
  }

  #report(code: string, remote: TransportAddress, message: string): void {
    this.#refused++
    try {
      this.#parts.open.onRefused?.({ code, remote, message })
    } catch (error) {
      this.options.logger.error({ error }, 'an onRefused handler threw')
    }
  }

  async #closeAll(): Promise<void> {
    // Handlers run in our own turn, not inside the caller's.
    await new Promise<void>((resolve) => this.options.clock.microtask(resolve))
    for (const attempt of [...this.#attempts.values()]) this.#giveUp(attempt, closedError())
    for (const connection of [...this.#live]) {
      if (connection.state === 'handshaking') connection.drop()
      else connection.close(0, '')
    }
    for (const connection of [...this.#live]) connection.finish()
    this.#live.clear()
    this.#guests.clear()
    this.#parts.line.unbind(this.#address)
  }
}

function refusedError(peerCode: string, remote: TransportAddress): TransportError {
  const protocol = peerCode === 'ERR_TRANSPORT_PROTOCOL'
  const code = protocol ? 'ERR_TRANSPORT_PROTOCOL' : 'ERR_TRANSPORT_REFUSED'
  const transportCode = protocol ? QuicCode.noApplicationProtocol : QuicCode.connectionRefused
  const peerReason = protocol ? '' : codeOfThrown({ code: peerCode }, 'ERR_TRANSPORT_REFUSED')
  const message = `${remote.host}:${remote.port} refused us`
  return new TransportError(code, message, { remote, transportCode, peerReason })
}

function closedError(): TransportError {
  return new TransportError('ERR_TRANSPORT_CLOSED', 'the endpoint is closed')
}
