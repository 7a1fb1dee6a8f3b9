/**
 * What both programs of the bench of lanes share: three ways over loopback for the same frames, from the one that
 * dials to the one that listens. `link` is a lane of a link between two nodes. `quic` is a bare stream of the same
 * transport, `tcp` a socket: neither knows frames, lanes or limits, and the receiver only counts bytes.
 */
import { randomBytes } from 'node:crypto'
import {
  createConnection,
  createServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createRealm, startMesh, type Mesh, type Realm } from 'fovea/mesh'
import type {
  Endpoint,
  LaneName,
  Link,
  Transport,
  TransportConnection,
  TransportStream,
} from 'fovea/mesh'

/** A way to bring bytes to the other program. */
export type WayName = 'link' | 'quic' | 'tcp'

/** Where the listener of each way is. */
export interface Addresses {
  readonly link: string
  readonly quic: { readonly host: string; readonly port: number }
  readonly tcp: number
}

/** The sending end of a way. */
export interface Way {
  readonly name: WayName
  /** Queues a frame; false means "enough". */
  send(frame: Uint8Array): boolean
  /** Calls `fn` whenever frames are taken again after a false. */
  onDrain(fn: () => void): void
  close(): void | Promise<void>
}

/** The frame types that stand for work and its answers here; both may travel on rpc and on bulk. */
export const TYPES = { data: 0x28, ask: 0x20, answer: 0x21 } as const

interface Keys {
  readonly privateKeyPem: string
}

/** What the package does not export, and the floor needs. */
interface Inside {
  createQuicTransport(options?: object): Transport
  generateNodeKeys(): Keys
  createCertificate(keys: Keys, options: { wallNowMs: number }): Promise<{ readonly pem: string }>
  checkCertificate(chain: readonly Uint8Array[], wallNowMs: number): never
}

async function inside(): Promise<Inside> {
  const files = ['transport/quic/index.js', 'identity/keys.js', 'identity/certificate.js']
  const load = (file: string): Promise<object> =>
    import(new URL(`../../mesh/${file}`, import.meta.url).href) as Promise<object>
  return Object.assign({}, ...(await Promise.all(files.map(load)))) as Inside
}

/** An endpoint of the QUIC transport with a key of its own. */
export async function openQuic(
  onConnection: (connection: TransportConnection) => void,
): Promise<Endpoint> {
  const { createQuicTransport, generateNodeKeys, createCertificate, checkCertificate } =
    await inside()
  const keys = generateNodeKeys()
  const { pem } = await createCertificate(keys, { wallNowMs: Date.now() })
  return createQuicTransport().open({
    host: '127.0.0.1',
    port: 0,
    security: {
      certificatePem: pem,
      privateKeyPem: keys.privateKeyPem,
      alpn: 'fovea-bench/1',
      verifyPeer: (chain) => checkCertificate(chain, Date.now()),
    },
    onConnection,
  })
}

/** The transport of nodes, with the streams that a link has. */
export async function linkTransport(): Promise<Transport> {
  return (await inside()).createQuicTransport({ streamsMax: 6 })
}

/** A node that dials nobody by itself. */
export function openNode(name: string, realm: Realm | string): Promise<Mesh> {
  return startMesh({ name, realm, host: '127.0.0.1', port: 0, dht: false, services: false })
}

/** A realm whose file both programs read. */
export function newRealm(): Realm {
  return createRealm(`bench.n${randomBytes(4).toString('hex')}`)
}

/** One lane of a link. */
export function laneWay(link: Link, lane: LaneName): Way {
  return {
    name: 'link',
    send: (frame) => link.send(lane, frame),
    onDrain: (fn) =>
      void link.onDrain((drained) => {
        if (drained === lane) fn()
      }),
    close: () => {},
  }
}

/** A bare stream. */
export async function quicWay(at: Addresses['quic']): Promise<Way> {
  const endpoint = await openQuic(() => {})
  const connection = await endpoint.dial(at)
  connection.handle({ onClosed: () => {} })
  const stream: TransportStream = connection.openStream()
  let drained = (): void => {}
  stream.handle({ onData: () => {}, onDrain: () => drained() })
  return {
    name: 'quic',
    send: (frame) => stream.write(frame),
    onDrain: (fn) => void (drained = fn),
    close: () => endpoint.close(),
  }
}

/** A socket. */
export async function tcpWay(port: number): Promise<Way> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made = createConnection({ host: '127.0.0.1', port, noDelay: true }, () => resolve(made))
    made.once('error', reject)
  })
  return {
    name: 'tcp',
    send: (frame) => socket.write(frame),
    onDrain: (fn) => void socket.on('drain', fn),
    close: () => void socket.destroy(),
  }
}

/** Counts what comes over TCP. */
export function listenTcp(count: (bytes: number) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('data', (bytes) => count(bytes.length))
      socket.on('error', () => socket.destroy())
    })
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

/** The port of a server that listens. */
export const portOf = (server: Server): number => (server.address() as AddressInfo).port
