/**
 * A UDP relay in front of a listener: packets can be lost, and the dialler's address can change on the
 * way, as behind a home router.
 */
import { createSocket } from 'node:dgram'
import type { RemoteInfo, Socket } from 'node:dgram'
import type { TransportAddress } from '../../mesh/transport/transport.ts'

/** Which way a packet goes. */
export type Way = 'to_listener' | 'to_dialler'

/** See the file header. Serves one dialler. */
export class UdpRelay {
  /** What the dialler dials. */
  address!: TransportAddress
  /** True for packets that are lost. */
  isLost: (packet: Buffer, way: Way) => boolean = () => false
  readonly carried: Record<Way, number> = { to_listener: 0, to_dialler: 0 }
  readonly #listener: TransportAddress
  #front!: Socket
  #back!: Socket
  #dialler: RemoteInfo | undefined

  constructor(listener: TransportAddress) {
    this.#listener = listener
  }

  async start(): Promise<this> {
    this.#front = await bound((packet, from) => {
      this.#dialler = from
      this.#carry(packet, 'to_listener')
    })
    this.address = { host: '127.0.0.1', port: this.#front.address().port }
    await this.rebind()
    return this
  }

  /** From now on the listener sees the dialler at another port. */
  async rebind(): Promise<void> {
    const before = this.#back as Socket | undefined
    this.#back = await bound((packet) => this.#carry(packet, 'to_dialler'))
    before?.close()
  }

  /** The port at which the listener sees the dialler. */
  get backPort(): number {
    return this.#back.address().port
  }

  stop(): void {
    this.#front.close()
    this.#back.close()
  }

  #carry(packet: Buffer, way: Way): void {
    if (this.isLost(packet, way)) return
    this.carried[way]++
    if (way === 'to_listener') {
      this.#back.send(packet, this.#listener.port, this.#listener.host)
    } else if (this.#dialler !== undefined) {
      this.#front.send(packet, this.#dialler.port, this.#dialler.address)
    }
  }
}

async function bound(onPacket: (packet: Buffer, from: RemoteInfo) => void): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  socket.on('message', onPacket)
  return socket
}
