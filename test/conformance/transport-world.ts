/**
 * What the transport kit needs to run one test: nodes with keys, and a way to wait that suits the
 * transport (real packets are waited for, a virtual clock is moved). Nothing here sleeps.
 */
import { checkCertificate, createCertificate } from '../../mesh/identity/certificate.ts'
import { generateNodeKeys } from '../../mesh/identity/keys.ts'
import type { NodeKeys } from '../../mesh/identity/keys.ts'
import type { NodeKey } from '../../mesh/identity/node-key.ts'
import type {
  CloseInfo,
  Endpoint,
  Refusal,
  Transport,
  TransportConnection,
  TransportStream,
} from '../../mesh/transport/transport.ts'
import type { TransportLimits } from '../../mesh/transport/limits.ts'
import { createRealClock } from '../../runtime/index.ts'

/** A transport under test. */
export interface TransportWorld {
  transport(limits: TransportLimits): Transport
  /** Where nodes are bound. */
  readonly host: string
  /** Time of the transport. */
  nowMs(): number
  /** Waits until `condition` holds; fails after a deadline, naming `what`. */
  until(condition: () => boolean, what: string): Promise<void>
  /** Ends an endpoint without a word, as `kill -9` would. */
  kill(endpoint: Endpoint): void
}

/** How a {@link KitNode} is made. */
export interface NodeOptions {
  readonly limits?: TransportLimits
  readonly alpn?: string
  readonly port?: number
  readonly host?: string
  readonly verifyPeer?: (chain: readonly Uint8Array[]) => NodeKey
  readonly onConnection?: (connection: TransportConnection) => void
}

/** An endpoint with its own keys, which keeps what happens to it. */
export class KitNode {
  readonly keys: NodeKeys
  readonly accepted: TransportConnection[] = []
  readonly refusals: Refusal[] = []
  endpoint!: Endpoint
  constructor(keys: NodeKeys) {
    this.keys = keys
  }
  get key(): NodeKey {
    return this.keys.nodeKey
  }
}

/** Opens nodes in a world and closes them. */
export class Kit {
  readonly world: TransportWorld
  readonly #nodes: KitNode[] = []

  constructor(world: TransportWorld) {
    this.world = world
  }

  async node(options: NodeOptions = {}): Promise<KitNode> {
    const { world } = this
    const node = new KitNode(generateNodeKeys())
    const wallNowMs = createRealClock().wallNow()
    const { pem } = await createCertificate(node.keys, { wallNowMs })
    const check = (chain: readonly Uint8Array[]): NodeKey => checkCertificate(chain, wallNowMs)
    node.endpoint = await world.transport(options.limits ?? {}).open({
      host: options.host ?? world.host,
      port: options.port ?? 0,
      security: {
        certificatePem: pem,
        privateKeyPem: node.keys.privateKeyPem,
        alpn: options.alpn ?? 'fovea/1:kit',
        verifyPeer: options.verifyPeer ?? check,
      },
      onConnection: (connection) => {
        node.accepted.push(connection)
        options.onConnection?.(connection)
      },
      onRefused: (refusal) => node.refusals.push(refusal),
    })
    this.#nodes.push(node)
    return node
  }

  /** Two nodes and one connection between them, both sides watched. */
  async pair(limits: TransportLimits = {}): Promise<Pair> {
    const listener = await this.node({ limits })
    const dialler = await this.node({ limits })
    return await this.join(dialler, listener)
  }

  /** Connects `dialler` to `listener`. */
  async join(dialler: KitNode, listener: KitNode): Promise<Pair> {
    const before = listener.accepted.length
    const dialled = await this.settled(dialler.endpoint.dial(listener.endpoint.address))
    await this.world.until(() => listener.accepted.length > before, 'the listener to accept')
    const near = new Watched(dialled)
    const far = new Watched(listener.accepted[before]!)
    return { dialler, listener, near, far }
  }

  /** The outcome of `promise`, waited for as the world waits. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let over = false
    const mark = (): void => void (over = true)
    promise.then(mark, mark)
    await this.world.until(() => over, 'a promise to settle')
    return await promise
  }

  /** The code that `promise` fails with. */
  async codeOf(promise: Promise<unknown>): Promise<string> {
    try {
      await this.settled(promise)
    } catch (error) {
      return (error as { code?: string }).code ?? String(error)
    }
    return 'no error'
  }

  /** Closes every node that is still open. */
  async close(): Promise<void> {
    for (const node of this.#nodes) await this.settled(node.endpoint.close())
  }
}

/** Both ends of a connection. */
export interface Pair {
  readonly dialler: KitNode
  readonly listener: KitNode
  readonly near: Watched
  readonly far: Watched
}

/** A connection whose events are kept. */
export class Watched {
  readonly connection: TransportConnection
  readonly streams: WatchedStream[] = []
  readonly datagrams: Buffer[] = []
  readonly closed: CloseInfo[] = []
  /** Called for a new stream, after it is watched. */
  onStream: (stream: WatchedStream) => void = () => {}

  constructor(connection: TransportConnection) {
    this.connection = connection
    connection.handle({
      onStream: (stream) => {
        const watched = new WatchedStream(stream)
        this.streams.push(watched)
        this.onStream(watched)
      },
      onDatagram: (bytes) => void this.datagrams.push(Buffer.from(bytes)),
      onClosed: (info) => void this.closed.push(info),
    })
  }

  /** Opens a stream and watches it. */
  open(): WatchedStream {
    return new WatchedStream(this.connection.openStream())
  }
}

/** A stream whose events are kept. */
export class WatchedStream {
  readonly stream: TransportStream
  readonly chunks: Buffer[] = []
  bytes = 0
  ended = 0
  drains = 0
  readonly resets: number[] = []
  readonly stops: number[] = []

  /** Called after the event was kept. */
  onData: (bytes: Uint8Array) => void = () => {}
  onEnd: () => void = () => {}
  onDrain: () => void = () => {}

  constructor(stream: TransportStream) {
    this.stream = stream
    stream.handle({
      onData: (bytes) => {
        this.bytes += bytes.length
        this.chunks.push(Buffer.from(bytes))
        this.onData(bytes)
      },
      onEnd: () => {
        this.ended++
        this.onEnd()
      },
      onDrain: () => {
        this.drains++
        this.onDrain()
      },
      onReset: (code) => void this.resets.push(code),
      onStopped: (code) => void this.stops.push(code),
    })
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }
}

/** Sends back on every stream what arrives on it. */
export function echo(watched: Watched): void {
  watched.onStream = (watchedStream) => {
    const { stream } = watchedStream
    watchedStream.onData = (bytes) => void stream.write(Buffer.from(bytes))
    watchedStream.onEnd = () => stream.end()
  }
}

/** Writes all `pieces`, heeding backpressure, then ends the stream. */
export function pour(watched: WatchedStream, pieces: Iterable<Uint8Array>): void {
  const iterator = pieces[Symbol.iterator]()
  const more = (): void => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      if (!watched.stream.write(next.value)) return
    }
    watched.stream.end()
  }
  watched.onDrain = more
  more()
}

/** The code of what `fn` throws. */
export function codeThrownBy(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'no error'
}
