/**
 * The link layer of one node by itself: endpoint, pool, frame handlers and connections, without the
 * processes and without the parts above that would answer frames of their own.
 */
import { checkCertificate, createCertificate } from '../../../mesh/identity/certificate.ts'
import { nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import type { NodeKeys } from '../../../mesh/identity/keys.ts'
import { issueMembership } from '../../../mesh/identity/realm.ts'
import { Connection } from '../../../mesh/link/connection.ts'
import type { ConnectionContext, ConnectionOptions } from '../../../mesh/link/connection-context.ts'
import { EdgeLinks } from '../../../mesh/link/edge-links.ts'
import { FrameRouter } from '../../../mesh/link/frame-router.ts'
import { BULK_TAKEN_CAPABILITY } from '../../../mesh/link/lane-window.ts'
import type { Link } from '../../../mesh/link/link.ts'
import { PARTING_CAPABILITY } from '../../../mesh/link/parting.ts'
import { LinkPool } from '../../../mesh/link/pool.ts'
import { LinkProtocol } from '../../../mesh/link/protocol.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import type { Endpoint, Transport, TransportAddress } from '../../../mesh/transport/transport.ts'
import type { TransportConnection } from '../../../mesh/transport/transport.ts'
import type { NodeKind } from '../../../mesh/wire/check.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import type { Clock, ClockTimer, Entropy, Logger } from '../../../runtime/index.ts'
import type { Realm } from '../../../mesh/identity/realm.ts'

/** Where a {@link LinkNode} lives. */
export interface LinkWorld {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly realm: Realm
  logger(node: string): Logger
}

const OPTIONS: ConnectionOptions = {
  keepaliveIntervalMs: 1_000,
  keepaliveMissesMax: 3,
  keepaliveRestFactor: 10,
  handshakeTimeoutMs: 5_000,
  leaveTimeoutMs: 1_000,
  linkPartingTimeoutMs: 5_000,
  linkIdleMs: 10_000,
  linksIdleMax: 32,
  frameBytesMax: 1_048_576,
  bytesQueuedMax: 16_777_216,
  bulkWindowBytes: 131_072,
  datagramsPerSecondMax: 2_000,
}

/** Bytes in one lane of services of a link with a peer at the edge. */
export const EDGE_BYTES_QUEUED_MAX = 131_072

/** How one node differs from the others. */
export interface LinkNodeOptions extends Partial<ConnectionOptions> {
  readonly kind?: NodeKind
  /** Of a gateway. */
  readonly clientsMax?: number
  /** Of another node that it is as well. Default: new ones. */
  readonly keys?: NodeKeys
  /** Whether it knows what came after the first version: questions whether a link may end, what was taken of bulk. Default true. */
  readonly parts?: boolean
}

/** One node. */
export class LinkNode {
  readonly keys: NodeKeys
  readonly name: string
  readonly pool: LinkPool
  readonly frames: FrameRouter = new FrameRouter()
  readonly edges: EdgeLinks | undefined
  readonly refusals: Refusals
  readonly context: ConnectionContext
  endpoint!: Endpoint
  #dials = 0

  constructor(
    world: LinkWorld,
    name: string,
    { kind = 'member', clientsMax = 4, keys, parts = true, ...options }: LinkNodeOptions,
  ) {
    const { clock, realm } = world
    this.name = name
    this.keys = keys ?? nodeKeysFromSeed(world.entropy.bytes(32))
    this.refusals = new Refusals(clock, world.logger(name))
    this.pool = new LinkPool(
      this.keys.nodeKey,
      { linksMax: 1_024, handshakesMax: 256, incarnationsMax: 1_024 },
      (error) => {
        throw error
      },
    )
    this.edges =
      kind === 'gateway'
        ? new EdgeLinks({
            ownKey: this.keys.nodeKey,
            options: { linksMax: clientsMax, handshakesMax: 4, incarnationsMax: clientsMax },
            bytesQueuedMax: EDGE_BYTES_QUEUED_MAX,
            onHandlerError: (error) => {
              throw error
            },
            members: this.pool,
          })
        : undefined
    const membership = issueMembership(realm, this.keys.nodeKey, { wallNowMs: clock.wallNow() })
    this.context = {
      options: { ...OPTIONS, ...options },
      clock,
      pool: this.pool,
      protocol: new LinkProtocol(new Codec()),
      frames: this.frames,
      edges: this.edges,
      refusals: this.refusals,
      hello: (dialling) => ({
        versionMin: 1,
        versionMax: 1,
        nodeKey: this.keys.nodeKey,
        kind,
        name,
        ...this.address,
        incarnation: 1,
        dials: (this.#dials += dialling ? 1 : 0),
        realmId: realm.id,
        cluster: 'main',
        membership,
        capabilities: parts ? [PARTING_CAPABILITY, BULK_TAKEN_CAPABILITY] : [],
        frameBytesMax: 1_048_576,
        states: [],
      }),
      checkMembership: () => ({ roles: [] }),
    }
  }

  /** Opens its endpoint. */
  static async open(
    world: LinkWorld,
    transport: Transport,
    name: string,
    at: TransportAddress,
    options: LinkNodeOptions = {},
  ): Promise<LinkNode> {
    const node = new LinkNode(world, name, options)
    const wallNowMs = world.clock.wallNow()
    const { pem } = await createCertificate(node.keys, { wallNowMs })
    node.endpoint = await transport.open({
      ...at,
      security: {
        certificatePem: pem,
        privateKeyPem: node.keys.privateKeyPem,
        alpn: world.realm.alpn,
        verifyPeer: (chain) => checkCertificate(chain, world.clock.wallNow()),
      },
      onConnection: (connection) => node.#begin(connection),
    })
    return node
  }

  get address(): TransportAddress {
    return this.endpoint.address
  }

  get refused(): Readonly<Record<string, number>> {
    return this.refusals.counters()
  }

  /** Names of its peers. */
  get peers(): string {
    const names = this.pool.links().map(({ peer }) => peer.name)
    return names.sort().join(' ')
  }

  /** The link to the node named `name`. */
  link(name: string): Connection {
    const link = this.pool.links().find(({ peer }) => peer.name === name)
    if (link === undefined) throw new Error(`no link to ${name}`)
    return link
  }

  /** A link to `other`, accepted on both sides. */
  async dial(other: LinkNode): Promise<Link> {
    const transport = await this.endpoint.dial(other.address)
    return new Promise((resolve, reject) => {
      this.#begin(transport, { succeed: resolve, supersede: reject, fail: reject })
    })
  }

  #begin(transport: TransportConnection, dial?: ConstructorParameters<typeof Connection>[3]): void {
    const { clock, options } = this.context
    const deadlineMs = clock.now() + options.handshakeTimeoutMs
    const connection = new Connection(this.context, transport, deadlineMs, dial)
    this.pool.begin(connection)
    let timer: ClockTimer | undefined
    const wake = (): void => {
      timer?.cancel()
      timer = undefined
      if (connection.nextDueMs === Infinity) return
      const waitMs = Math.max(0, connection.nextDueMs - clock.now())
      timer = clock.setTimer(Math.ceil(waitMs), () => {
        connection.tick()
        wake()
      })
    }
    connection.start({ wake, ended: () => timer?.cancel() })
    wake()
  }
}
