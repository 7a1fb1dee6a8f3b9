/**
 * The UDP socket: binding it with errors that name what is wrong, and sending packets without a copy
 * or an allocation per packet.
 *
 * Node tries to send at once and only queues a packet when the system's buffer is full. Until such a
 * packet is gone its bytes must not change, so packets are written one after another into a block,
 * and a block is used again only while nothing is queued.
 */
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { TransportError } from '../errors.ts'
import type { TransportErrorCode } from '../errors.ts'
import type { TransportAddress } from '../transport.ts'

const BLOCK_BYTES_MIN = 131_072

/** Turns that a closing socket waits for packets the system has not taken yet. */
const CLOSE_TURNS_MAX = 100

/** 4 or 6, by the form of the address the socket is bound to. */
export function socketFamily(host: string): 4 | 6 {
  return host.includes(':') ? 6 : 4
}

/** Binds a UDP socket; `'::'` takes IPv4 too. */
export async function bindSocket(address: TransportAddress, bufferBytes: number): Promise<Socket> {
  const { host, port } = address
  const socket = createSocket({
    type: socketFamily(host) === 6 ? 'udp6' : 'udp4',
    // Hosts are addresses here; without this every packet would pass the resolver.
    lookup: (name, _options, callback) => callback(null, name, socketFamily(name)),
  })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.off('error', reject)
        resolve()
      })
    })
  } catch (cause) {
    socket.close()
    throw bindError(address, cause)
  }
  // Losing a packet is QUIC's business, not an exception.
  socket.on('error', () => {})
  growBuffers(socket, bufferBytes)
  return socket
}

/** The system may grant less, or refuse; both only cost speed. */
function growBuffers(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes)
    socket.setSendBufferSize(bytes)
  } catch {
    // Its own default then.
  }
}

function bindError(address: TransportAddress, cause: unknown): TransportError {
  const where = `${address.host}:${address.port}`
  const [code, message] = BIND_ERRORS[(cause as NodeJS.ErrnoException).code ?? ''] ?? [
    'ERR_TRANSPORT_BIND',
    `cannot bind ${where}`,
  ]
  return new TransportError(code, `${message}: ${where}`, { cause })
}

const BIND_ERRORS: Readonly<Record<string, readonly [TransportErrorCode, string]>> = {
  EADDRINUSE: ['ERR_TRANSPORT_PORT_BUSY', 'another socket has this port'],
  EADDRNOTAVAIL: ['ERR_TRANSPORT_BAD_ADDRESS', 'this machine does not have this address'],
  EINVAL: ['ERR_TRANSPORT_BAD_ADDRESS', 'the system does not take this address'],
  EAFNOSUPPORT: ['ERR_TRANSPORT_BAD_ADDRESS', 'the system does not speak this family'],
}

/** Sends packets; see the file header. */
export class PacketSender {
  packetsSent = 0
  bytesSent = 0
  readonly #socket: Socket
  readonly #blockBytes: number
  #block: Buffer
  #offset = 0
  #closed = false

  constructor(socket: Socket, payloadBytesMax: number) {
    this.#socket = socket
    this.#blockBytes = Math.max(BLOCK_BYTES_MIN, payloadBytesMax * 8)
    this.#block = Buffer.allocUnsafeSlow(this.#blockBytes)
  }

  /** Where the next packet, of at most `bytes`, is to be written. */
  space(bytes: number): Buffer {
    if (this.#blockBytes - this.#offset < bytes) this.#nextBlock()
    return this.#block.subarray(this.#offset, this.#offset + bytes)
  }

  /** Sends the first `length` bytes of the last `space`. */
  send(length: number, host: string, port: number): void {
    if (this.#closed || length === 0) return
    this.packetsSent++
    this.bytesSent += length
    this.#socket.send(this.#block, this.#offset, length, port, host)
    this.#offset += length
  }

  /** Sends a packet that lives elsewhere and does not change. */
  sendCopy(packet: Uint8Array, host: string, port: number): void {
    if (this.#closed) return
    this.packetsSent++
    this.bytesSent += packet.length
    this.#socket.send(packet, port, host)
  }

  /** Closes the socket after what is queued. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (let turn = 0; turn < CLOSE_TURNS_MAX; turn++) {
      if (this.#socket.getSendQueueCount() === 0) break
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }

  #nextBlock(): void {
    if (this.#socket.getSendQueueCount() > 0) {
      this.#block = Buffer.allocUnsafeSlow(this.#blockBytes)
    }
    this.#offset = 0
  }
}
