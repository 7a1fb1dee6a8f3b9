/**
 * The peer for remote calls: plain TCP and msgpackr, no encryption, no deadline, no identity. A frame
 * is `u32 length` and a MessagePack map `{ id, name, input }`; the reply is `{ id, value }`.
 */
import { createConnection, createServer, type Socket } from 'node:net'
import { pack, unpack } from 'msgpackr'

const HEADER_BYTES = 4

function sendFrame(socket: Socket, value: unknown): void {
  const body = pack(value)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  frame.writeUInt32BE(body.length, 0)
  body.copy(frame, HEADER_BYTES)
  socket.write(frame)
}

function onFrames(socket: Socket, handle: (value: unknown) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (bytes.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + bytes.readUInt32BE(0)
      if (bytes.length < end) break
      handle(unpack(bytes.subarray(HEADER_BYTES, end)))
      bytes = bytes.subarray(end)
    }
    rest = bytes
  })
}

/** Serves `echo` on a free port; that alone keeps no program alive. */
export function serveTcp(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.setNoDelay(true)
      onFrames(socket, (value) => {
        const { id, input } = value as { id: number; input: unknown }
        sendFrame(socket, { id, value: input })
      })
    })
    server.unref()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('no port')
      resolve(address.port)
    })
  })
}

/** A client whose `call` resolves with the reply. */
export class TcpClient {
  readonly #socket: Socket
  readonly #pending = new Map<number, (value: unknown) => void>()
  #nextId = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    onFrames(socket, (value) => {
      const reply = value as { id: number; value: unknown }
      const resolve = this.#pending.get(reply.id)
      this.#pending.delete(reply.id)
      resolve?.(reply.value)
    })
  }

  static connect(port: number): Promise<TcpClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ host: '127.0.0.1', port, noDelay: true }, () => {
        resolve(new TcpClient(socket))
      })
      socket.once('error', reject)
    })
  }

  call(name: string, input: unknown): Promise<unknown> {
    const id = ++this.#nextId
    return new Promise((resolve) => {
      this.#pending.set(id, resolve)
      sendFrame(this.#socket, { id, name, input })
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
