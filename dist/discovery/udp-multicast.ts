/** Multicast by the operating system. The port is shared, so that several nodes of one machine hear the group. */
import { createSocket, type Socket } from 'node:dgram'
import { DiscoveryError } from './errors.ts'
import type { MulticastOptions, MulticastPort, MulticastSocket } from './multicast-port.ts'

/** Real sockets. */
export const udpMulticast: MulticastPort = Object.freeze<MulticastPort>({
  open: (options) =>
    new Promise((resolve, reject) => {
      const socket = createSocket({ type: 'udp4', reuseAddr: true })
      const fail = (cause: unknown): void => {
        socket.close()
        reject(socketError(options, cause))
      }
      socket.once('error', fail)
      socket.bind(options.port, () => {
        try {
          const from = options.interface
          socket.setMulticastTTL(options.hops)
          socket.setMulticastLoopback(true)
          if (from !== undefined) socket.setMulticastInterface(from)
          socket.addMembership(options.group, from)
        } catch (error) {
          fail(error)
          return
        }
        socket.off('error', fail)
        resolve(new UdpMulticast(socket, options))
      })
    }),
})

class UdpMulticast implements MulticastSocket {
  readonly #socket: Socket
  readonly #options: MulticastOptions
  #closed: Promise<void> | undefined

  constructor(socket: Socket, options: MulticastOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('message', (bytes) => {
      // A socket hears what is queued still after it was told to close.
      if (this.#closed === undefined) options.onDatagram(bytes)
    })
    socket.on('error', (cause) => this.#fail(cause))
  }

  send(bytes: Uint8Array): void {
    const { group, port } = this.#options
    if (this.#closed !== undefined) return
    this.#socket.send(bytes, port, group, (cause) => {
      if (cause !== null && this.#closed === undefined) this.#fail(cause)
    })
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve))
    return this.#closed
  }

  #fail(cause: unknown): void {
    void this.close()
    this.#options.onError(socketError(this.#options, cause))
  }
}

function socketError({ group, port }: MulticastOptions, cause: unknown): DiscoveryError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new DiscoveryError('ERR_DISCOVERY_SOCKET', `multicast ${group}:${port}: ${why}`, { cause })
}
