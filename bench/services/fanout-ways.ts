/**
 * Ways to bring one message to many subscribers in several programs: `mesh.pubsub`, bare TCP sockets (the floor: the publisher
 * writes to each program, which calls as many functions), and the clients of brokers under `bench/peers/services`.
 */
import { createConnection, createServer, type Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import { startMesh } from 'fovea/mesh'
import { portOf } from './lanes-side.ts'

/** Who publishes. */
export interface Publisher {
  /** Where subscribers find the messages. */
  readonly address: string
  /** Resolves when that many programs get what is published. */
  ready(programs: number): Promise<void>
  publish(payload: Uint8Array): void
  /** Resolves when what was published has left as far as the way can say. */
  settled(): Promise<unknown>
  close(): unknown
}

/** One way. */
export interface FanoutWay {
  /** `at` is the broker, or the realm of the mesh. */
  publisher(at: string, topic: string): Promise<Publisher>
  /** So many subscribers in this program; gives the way to end them. */
  subscribers(
    at: string,
    topic: string,
    count: number,
    take: (bytes: number) => void,
  ): Promise<() => unknown>
}

const READY_POLL_MS = 50
const HEADER_BYTES = 4

const mesh: FanoutWay = {
  publisher: async (realm, topic) => {
    const node = await startMesh({ name: 'publisher', realm, host: '127.0.0.1', port: 0 })
    let last: Promise<unknown> = Promise.resolve()
    const ready = async (programs: number): Promise<void> => {
      for (;;) {
        const { nodes } = await node.pubsub.publish(topic, new Uint8Array(0))
        if (nodes === programs) return
        await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
      }
    }
    return {
      address: JSON.stringify({ realm, seed: node.nodeId }),
      ready,
      publish: (payload) => void (last = node.pubsub.publish(topic, payload)),
      settled: () => last,
      close: () => node.stop(),
    }
  },
  subscribers: async (at, topic, count, take) => {
    const { realm, seed } = JSON.parse(at) as { realm: string; seed: string }
    const name = `subscriber-${process.pid}`
    const node = await startMesh({ name, realm, host: '127.0.0.1', port: 0, seeds: [seed] })
    for (let i = 0; i < count; i++) {
      node.pubsub.subscribe(topic, ({ payload }) => take((payload as Uint8Array).length))
    }
    return () => node.stop()
  },
}

const tcp: FanoutWay = {
  publisher: async () => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const ready = async (programs: number): Promise<void> => {
      while (sockets.size < programs) {
        await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
      }
    }
    return {
      address: String(portOf(server)),
      ready,
      publish: (payload) => {
        const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
        frame.writeUInt32BE(payload.length, 0)
        frame.set(payload, HEADER_BYTES)
        for (const socket of sockets) socket.write(frame)
      },
      settled: async () => {},
      close: () => {
        for (const socket of sockets) socket.destroy()
        server.close()
      },
    }
  },
  subscribers: (port, _topic, count, take) =>
    new Promise((resolve) => {
      const socket = createConnection({ host: '127.0.0.1', port: Number(port) }, () => {
        resolve(() => socket.destroy())
      })
      const each = Array.from({ length: count }, () => (bytes: number) => take(bytes))
      let rest: Buffer = Buffer.alloc(0)
      socket.on('data', (chunk) => {
        let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        while (bytes.length >= HEADER_BYTES) {
          const end = HEADER_BYTES + bytes.readUInt32BE(0)
          if (bytes.length < end) break
          for (const subscriber of each) subscriber(end - HEADER_BYTES)
          bytes = bytes.subarray(end)
        }
        rest = bytes
      })
    }),
}

/** `mesh`, `tcp`, or the path of a peer's module. */
export async function fanoutWay(name: string): Promise<FanoutWay> {
  if (name === 'mesh') return mesh
  if (name === 'tcp') return tcp
  return (await import(pathToFileURL(name).href)) as FanoutWay
}
