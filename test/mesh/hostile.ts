/** A peer that breaks rules on purpose: raw transport, valid key, frames as a test likes them. */
import { checkCertificate, createCertificate } from '../../mesh/identity/certificate.ts'
import { nodeKeysFromSeed } from '../../mesh/identity/keys.ts'
import type { NodeKeys } from '../../mesh/identity/keys.ts'
import { issueMembership } from '../../mesh/identity/realm.ts'
import type {
  CloseInfo,
  Endpoint,
  TransportConnection,
  TransportStream,
} from '../../mesh/transport/transport.ts'
import { helloFields } from '../../mesh/wire/check.ts'
import type { HelloMessage } from '../../mesh/wire/check.ts'
import { Codec } from '../../mesh/wire/codec.ts'
import { encodeFrame, FrameDecoder } from '../../mesh/wire/frame.ts'
import { WireType, wireTypeName } from '../../mesh/wire/messages.ts'
import type { Cluster } from './cluster.ts'

/** Encodes what a test sends. */
export const codec = new Codec()

/** First byte of a dist lane. */
export const DIST = Uint8Array.of(0x81)

/** First byte of a sync lane. */
export const SYNC = Uint8Array.of(0x82)

/** A peer that says what a test makes it say. Its key is a member of the realm. */
export class Hostile {
  readonly cluster: Cluster
  readonly keys: NodeKeys
  readonly endpoint: Endpoint
  readonly received: string[] = []
  control: TransportStream | undefined
  dist: TransportStream | undefined
  closed: CloseInfo | undefined
  connection: TransportConnection | undefined

  constructor(cluster: Cluster, keys: NodeKeys, endpoint: Endpoint) {
    this.cluster = cluster
    this.keys = keys
    this.endpoint = endpoint
  }

  static async open(cluster: Cluster, n: number, onConnection = (_c: TransportConnection) => {}) {
    const keys = nodeKeysFromSeed(cluster.entropy.bytes(32))
    const wallNowMs = cluster.clock.wallNow()
    const { pem } = await createCertificate(keys, { wallNowMs })
    const endpoint = await cluster.network.transport().open({
      host: `10.0.0.${n}`,
      port: 4433,
      security: {
        certificatePem: pem,
        privateKeyPem: keys.privateKeyPem,
        alpn: cluster.realm.alpn,
        verifyPeer: (chain) => checkCertificate(chain, wallNowMs),
      },
      onConnection,
    })
    return new Hostile(cluster, keys, endpoint)
  }

  /** Connects to node 1 and opens the lanes, saying nothing yet. */
  async dial(lanes: 'both' | 'none' = 'both'): Promise<this> {
    const dial = this.endpoint.dial({ host: '10.0.0.1', port: 4433 })
    this.take(await this.cluster.during(dial, 1))
    if (lanes === 'both') {
      this.control = this.stream()
      this.dist = this.stream()
      this.dist.write(DIST)
    }
    return this
  }

  take(connection: TransportConnection): void {
    this.connection = connection
    connection.handle({ onClosed: (info) => (this.closed = info) })
  }

  /** A stream of ours whose incoming frames are recorded. */
  stream(): TransportStream {
    const stream = this.connection!.openStream()
    this.record(stream)
    return stream
  }

  record(stream: TransportStream): void {
    const decoder = new FrameDecoder()
    stream.handle({
      onData: (bytes) =>
        decoder.push(bytes, (type, payload) => {
          if (type > 0x0f) return
          const value = codec.decode(payload) as Record<string, unknown>
          const word = value['reason'] ?? value['code'] ?? ''
          this.received.push(`${wireTypeName(type)} ${String(word)}`.trim())
        }),
    })
  }

  hello(change: Partial<HelloMessage> = {}): Uint8Array {
    const { cluster, keys } = this
    const wallNowMs = cluster.clock.wallNow()
    return codec.encode(
      helloFields({
        versionMin: 1,
        versionMax: 1,
        nodeKey: keys.nodeKey,
        kind: 'member',
        name: 'evil',
        host: this.endpoint.address.host,
        port: this.endpoint.address.port,
        incarnation: 1,
        dials: 1,
        realmId: cluster.realm.id,
        cluster: 'main',
        membership: issueMembership(cluster.realm, keys.nodeKey, { wallNowMs }),
        capabilities: [],
        frameBytesMax: 1_048_576,
        states: [],
        ...change,
      }),
    )
  }

  /** A whole handshake; the link is up afterwards. */
  async join(change: Partial<HelloMessage> = {}): Promise<this> {
    await this.dial()
    this.control!.write(encodeFrame(WireType.connect, this.hello(change)))
    await this.cluster.clock.advance(100)
    return this
  }
}
