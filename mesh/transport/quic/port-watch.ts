/**
 * Whether the processes of this machine that we speak to still have their ports. TCP learns of a dead process by the
 * kernel's reset; QUIC's socket serves many peers and is told nothing. So when a peer on this machine leaves packets
 * unanswered, a socket that is connected to its port asks: where nobody has the port, the kernel answers ECONNREFUSED
 * (RFC 1122, section 4.1.3.3). A process that was killed has no port; one that is stopped or busy has, and is left to
 * the timeouts.
 *
 * Only for loopback addresses: there nobody but the kernel can send that answer. The time of a repetition is no
 * measure: one stall of the peer makes that seconds.
 */
import { createSocket } from 'node:dgram'
import { isLoopbackHost } from '../address.ts'
import type { TransportAddress } from '../transport.ts'
import type { DeadlineTime } from './deadlines.ts'
import { socketFamily } from './socket.ts'

/** So long a packet may be unanswered before its port is asked for, and again after that. */
const UNANSWERED_MS = 200

/** The kernel answers at once; a port that says nothing until then is open. */
const WAIT_MS = 100

/** Questions of one endpoint at a time; more wait for the next round. */
const QUESTIONS_MAX = 16

/** What is known of a connection. */
export interface Watched {
  readonly remote: TransportAddress
  /** Grows with every packet that came. */
  readonly packetsUsed: number
  /** Nobody has its port any more. */
  gone(): void
}

/** The peers of one endpoint. */
export class PortWatch<T extends Watched> {
  readonly #time: DeadlineTime
  /** Packets that had come when the answer was first awaited. */
  readonly #awaited = new Map<T, number>()
  /** How to give up each question, by address. */
  readonly #questions = new Map<string, () => void>()
  #timer: { cancel(): void } | undefined

  constructor(time: DeadlineTime) {
    this.#time = time
  }

  /** A packet was sent that must be answered. */
  awaitAnswer(connection: T): void {
    if (this.#awaited.has(connection) || !isLoopbackHost(connection.remote.host)) return
    this.#awaited.set(connection, connection.packetsUsed)
    this.#timer ??= this.#time.setTimer(UNANSWERED_MS, this.#round)
  }

  /** It is over. */
  forget(connection: T): void {
    this.#awaited.delete(connection)
  }

  /** Gives up everything. */
  stop(): void {
    this.#timer?.cancel()
    this.#awaited.clear()
    for (const end of [...this.#questions.values()]) end()
  }

  readonly #round = (): void => {
    this.#timer = undefined
    for (const [connection, packets] of this.#awaited) {
      if (connection.packetsUsed === packets) this.#ask(connection, packets)
      else this.#awaited.delete(connection)
    }
    if (this.#awaited.size > 0) this.#timer = this.#time.setTimer(UNANSWERED_MS, this.#round)
  }

  #ask(connection: T, packets: number): void {
    const { host, port } = connection.remote
    const key = `${host}:${port}`
    if (this.#questions.has(key) || this.#questions.size >= QUESTIONS_MAX) return
    const socket = createSocket(socketFamily(host) === 6 ? 'udp6' : 'udp4')
    const timer = this.#time.setTimer(WAIT_MS, () => void end())
    const end = (): boolean => {
      if (!this.#questions.delete(key)) return false
      timer.cancel()
      socket.close()
      return true
    }
    this.#questions.set(key, end)
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (end() && code === 'ECONNREFUSED' && connection.packetsUsed === packets) connection.gone()
    })
    // Nothing but a header: the endpoint that has the port drops it without a look.
    socket.connect(port, host, () => {
      if (this.#questions.has(key)) socket.send('')
    })
  }
}
