/**
 * Whether a UDP port of this machine is closed. TCP learns of a dead process by the kernel's reset; QUIC's socket
 * serves many peers and is told nothing. So when a peer on this machine leaves packets unanswered, a socket that is
 * connected to its port asks once: where nobody has the port, the kernel answers ECONNREFUSED (RFC 1122, section
 * 4.1.3.3). A process that was killed has no port; one that is stopped or busy has, and is left to the timeouts.
 *
 * Only for loopback addresses: there nobody but the kernel can send that answer.
 */
import { createSocket } from 'node:dgram'
import { isLoopbackHost } from '../address.ts'
import type { TransportAddress } from '../transport.ts'
import { socketFamily } from './socket.ts'

/** The kernel answers at once; a port that says nothing until then is open. */
const WAIT_MS = 100

/** Checks of one endpoint at a time; more are left out, and the next unanswered packet asks again. */
const CHECKS_MAX = 16

/** The questions of one endpoint. */
export class PortChecks {
  /** How to give up each question, by address. */
  readonly #open = new Map<string, () => void>()

  /** Calls `onClosed` if that port is closed. Does nothing for other machines and for a port that is being asked. */
  ask({ host, port }: TransportAddress, onClosed: () => void): void {
    const key = `${host}:${port}`
    if (!isLoopbackHost(host) || this.#open.has(key) || this.#open.size >= CHECKS_MAX) return
    const socket = createSocket(socketFamily(host) === 6 ? 'udp6' : 'udp4')
    const end = (): boolean => {
      if (!this.#open.delete(key)) return false
      clearTimeout(timer)
      socket.close()
      return true
    }
    const timer = setTimeout(end, WAIT_MS)
    this.#open.set(key, end)
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (end() && code === 'ECONNREFUSED') onClosed()
    })
    // Nothing but a header: the endpoint that has the port drops it without a look.
    socket.connect(port, host, () => {
      if (this.#open.has(key)) socket.send('')
    })
  }

  /** Gives up what is being asked. */
  stop(): void {
    for (const end of [...this.#open.values()]) end()
  }
}
