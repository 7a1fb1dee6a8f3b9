/** The listener's part of the handshake: who is let in, and how those who are not are told. */
import { codeOfThrown, QuicCode } from '../errors.ts'
import type { EndpointOptions, TransportAddress } from '../transport.ts'
import type { WorkerConnection } from './connection.ts'
import { isFor, provenKey, readFinished, readHello, termsOf } from './handshake.ts'
import type { Hello, Prover, Welcome } from './handshake.ts'
import type { ResolvedWorkerOptions } from './options.ts'

const NONCE_BYTES = 32

/** What the guests of an endpoint need of it. */
export interface GuestsParts {
  readonly open: EndpointOptions
  readonly options: ResolvedWorkerOptions
  readonly prover: Prover
  /** Where the endpoint is bound. */
  readonly own: () => TransportAddress
  readonly isFull: () => boolean
  readonly take: (connection: WorkerConnection) => void
  readonly drop: (connection: WorkerConnection) => void
  readonly report: (code: string, remote: TransportAddress, message: string) => void
}

interface Guest {
  readonly hello: Hello
  readonly answer: Omit<Welcome, 'signature'>
  readonly welcomedAtMs: number
}

/** See the file header. */
export class Guests {
  readonly #parts: GuestsParts
  /** Those that were welcomed and have not proven their key. */
  readonly #waiting = new Map<WorkerConnection, Guest>()
  /** Host of each connection that counts for `connectionsPerAddressMax`. */
  readonly #hosts = new Map<WorkerConnection, string>()
  readonly #perHost = new Map<string, number>()

  constructor(parts: GuestsParts) {
    this.#parts = parts
  }

  /** Somebody has dialled. */
  welcome(connection: WorkerConnection): void {
    const { options } = this.#parts
    const { remote } = connection
    const limit = this.#limit(remote.host)
    if (limit !== undefined) return this.#refuse(connection, limit, 'a limit is reached')
    this.#parts.take(connection)
    this.#count(connection, remote.host)
    connection.timer = options.clock.setTimer(options.handshakeTimeoutMs, () => {
      this.#drop(connection)
      this.#parts.report('ERR_TRANSPORT_TIMEOUT', remote, 'the handshake took too long')
    })
  }

  /** A message of a handshake; true when the connection stands. */
  heard(connection: WorkerConnection, message: unknown): boolean {
    const guest = this.#waiting.get(connection)
    if (guest !== undefined) return this.#finished(connection, guest, message)
    const { options, open, prover, own } = this.#parts
    const hello = readHello(message)
    if (hello === undefined || hello.alpn !== open.security.alpn || !isFor(hello, own())) {
      const other = hello?.alpn === open.security.alpn ? 'address' : 'application protocol'
      const text = hello === undefined ? 'not our handshake' : `another ${other}`
      this.#refuse(connection, 'ERR_TRANSPORT_PROTOCOL', text)
      return false
    }
    const nonce = options.entropy.bytes(NONCE_BYTES)
    const { certificate } = prover
    const answer = { type: 'welcome', certificate, nonce, terms: termsOf(options) } as const
    this.#waiting.set(connection, { hello, answer, welcomedAtMs: options.clock.now() })
    connection.say({ ...answer, signature: prover.prove('listener', hello, answer) })
    return false
  }

  /** A connection is over. */
  lost(connection: WorkerConnection): void {
    connection.timer?.cancel()
    this.#waiting.delete(connection)
    this.#parts.drop(connection)
    const host = this.#hosts.get(connection)
    if (host === undefined) return
    this.#hosts.delete(connection)
    const left = (this.#perHost.get(host) ?? 0) - 1
    if (left > 0) this.#perHost.set(host, left)
    else this.#perHost.delete(host)
  }

  /** The endpoint is over. */
  clear(): void {
    this.#waiting.clear()
    this.#hosts.clear()
    this.#perHost.clear()
  }

  #finished(connection: WorkerConnection, guest: Guest, message: unknown): boolean {
    const { open, options, report } = this.#parts
    const { hello, answer, welcomedAtMs } = guest
    const finished = readFinished(message)
    this.#waiting.delete(connection)
    if (finished === undefined) {
      this.#refuse(connection, 'ERR_TRANSPORT_PROTOCOL', 'not our handshake')
      return false
    }
    try {
      const peerKey = provenKey('dialler', { hello, answer }, finished.signature, open.security)
      connection.open(peerKey, hello.terms, options.clock.now() - welcomedAtMs)
      return true
    } catch (cause) {
      connection.refuse(QuicCode.badCertificate, codeOfThrown(cause, 'ERR_TRANSPORT_PEER_KEY'))
      this.lost(connection)
      const text = cause instanceof Error ? cause.message : String(cause)
      report('ERR_TRANSPORT_PEER_KEY', connection.remote, text)
      return false
    }
  }

  #limit(host: string): string | undefined {
    const { isFull, options } = this.#parts
    if (isFull()) return 'ERR_TRANSPORT_CONNECTION_LIMIT'
    const there = this.#perHost.get(host) ?? 0
    return there >= options.connectionsPerAddressMax ? 'ERR_TRANSPORT_ADDRESS_LIMIT' : undefined
  }

  #count(connection: WorkerConnection, host: string): void {
    this.#hosts.set(connection, host)
    this.#perHost.set(host, (this.#perHost.get(host) ?? 0) + 1)
  }

  #refuse(connection: WorkerConnection, code: string, message: string): void {
    connection.say({ type: 'refused', code })
    this.#drop(connection)
    this.#parts.report(code, connection.remote, message)
  }

  #drop(connection: WorkerConnection): void {
    connection.drop()
    this.lost(connection)
  }
}
