/**
 * What the processes of one mesh node share and what outlives their restarts: the pool of links, the
 * dialler's books, the frame handlers, the members as last seen, counters. The processes find each
 * other's work through it at use, so a restarted one is found again (architecture 6).
 */
import { Supervisor } from '../behaviours/index.ts'
import type { Clock, Logger, System } from '../runtime/index.ts'
import type { Candidate, Discovery } from './discovery/discovery.ts'
import { staticDiscovery } from './discovery/static.ts'
import type { Identity } from './identity/identity.ts'
import { checkMembership } from './identity/realm.ts'
import type { Realm } from './identity/realm.ts'
import { ClusterSecret } from './link/cluster-secret.ts'
import { Connection } from './link/connection.ts'
import type { ConnectionOptions } from './link/connection-context.ts'
import { type Attempt, Dialer } from './link/dialer.ts'
import { LinkError } from './link/errors.ts'
import { EdgeLinks } from './link/edge-links.ts'
import { FrameRouter } from './link/frame-router.ts'
import type { Hello, MembershipCheck } from './link/handshake.ts'
import type { LinkEvent } from './link/link.ts'
import { LinkJob, LinkServer } from './link/link-process.ts'
import type { LinkProcessContext } from './link/link-process.ts'
import { BULK_TAKEN_CAPABILITY } from './link/lane-window.ts'
import { PARTING_CAPABILITY } from './link/parting.ts'
import { LinkPool } from './link/pool.ts'
import { LinkProtocol } from './link/protocol.ts'
import { serviceFrames, serviceLinks } from './link/service-links.ts'
import type { ServiceFrames, ServiceLinks } from './link/service-links.ts'
import { RealmAuthority } from './membership/authority.ts'
import type { DetectorMemory } from './membership/driver.ts'
import { MembershipLog } from './membership/event-log.ts'
import { HoldSignal } from './membership/hold-signal.ts'
import { encodeMetadata, HIDDEN_FIELD, SPACES_FIELD } from './membership/metadata.ts'
import type { Metadata } from './membership/metadata.ts'
import { ProbeTimes } from './membership/probe-times.ts'
import { SwimProtocol } from './membership/swim-protocol.ts'
import { MembershipView } from './membership/view.ts'
import type { MemberDetails } from './membership/view.ts'
import type { ResolvedMeshOptions } from './options.ts'
import type { RosterPort } from './presence/roster.ts'
import { createDhtContext } from './routing/create-context.ts'
import type { DhtContext } from './routing/context.ts'
import { Refusals } from './refusals.ts'
import type { Endpoint, Transport, TransportAddress } from './transport/transport.ts'
import type { TransportConnection } from './transport/transport.ts'
import { Codec } from './wire/codec.ts'
import type { Extension } from './wire/extension.ts'

/** Versions of the link protocol that this node speaks. */
const LINK_VERSION_MIN = 1
const LINK_VERSION_MAX = 1

/** What the field of spaces takes beside what is in it. */
const SPACES_BYTES = SPACES_FIELD.length + 8

/** Part of its time that a handshake keeps its place for sure, however many others want to begin. */
const HANDSHAKE_PATIENCE = 0.1

/** What a core is made of. */
export interface MeshParts {
  readonly options: ResolvedMeshOptions
  readonly system: System
  readonly identity: Identity
  readonly realm: Realm
  readonly transport: Transport
  readonly advertiseHost: string
  /** For a peer at the edge; all others are members, and gateways when their options say so. */
  readonly kind?: 'edge'
  /** Classes of a layer above that travel in procedures and topics. */
  readonly values?: readonly Extension<never>[] | undefined
}

/** The shared state of one node's mesh. */
export class MeshCore implements LinkProcessContext {
  readonly parts: MeshParts
  readonly options: ConnectionOptions
  readonly clock: Clock
  readonly logger: Logger
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly frames: FrameRouter = new FrameRouter()
  /** Links of a gateway with peers at the edge. */
  readonly edges: EdgeLinks | undefined
  /** All links and frame handlers that services use: with members and with peers at the edge. */
  readonly serviceLinks: ServiceLinks
  readonly serviceFrames: ServiceFrames
  readonly refusals: Refusals
  readonly secret: ClusterSecret | undefined
  readonly protocol: LinkProtocol
  readonly codec: Codec = new Codec()
  readonly view: MembershipView
  readonly membershipLog: MembershipLog
  readonly probeTimes: ProbeTimes = new ProbeTimes()
  readonly swimProtocol: SwimProtocol
  readonly authority: RealmAuthority
  readonly holdSignal: HoldSignal
  /** Holds on standing links, by key of the peer. */
  readonly standing: Map<string, () => void> = new Map()
  /** What a restarted detector takes over. */
  readonly detectorMemory: DetectorMemory
  /** Of the DHT; undefined without one. */
  readonly dht: DhtContext | undefined
  readonly sources: Discovery[]
  readonly lookup: (host: string) => Promise<readonly string[]>
  readonly chance: () => number
  /** What layers above say in every hello; see `HelloMessage.states`. */
  states: () => readonly number[] = () => []
  /** Whether the node is on its way out. */
  leaving = false
  /** Name under which the supervisor of link processes is registered. */
  readonly linksName: string
  /** Name of the discovery process. */
  readonly discoveryName: string
  #endpoint: Endpoint | undefined
  #port: number
  #dials = 0
  #jobs = 0
  #metadata: Metadata
  #spaces: (bytesMax: number) => string | undefined = () => undefined
  readonly #added: Candidate[] = []

  constructor(parts: MeshParts) {
    const { options, identity } = parts
    this.#metadata = options.metadata
    this.parts = parts
    this.options = options
    this.clock = options.clock
    this.logger = options.logger
    this.lookup = options.lookup
    const { clusterSecret } = options
    this.secret = clusterSecret === undefined ? undefined : new ClusterSecret(clusterSecret)
    this.chance = () => options.entropy.random()
    this.refusals = new Refusals(options.clock, options.logger)
    const handlerError = (error: unknown): void => {
      this.refusals.count('ERR_LINK_HANDLER', { err: error })
    }
    this.pool = new LinkPool(
      identity.nodeKey,
      {
        linksMax: options.linksMax,
        handshakesMax: options.handshakesMax,
        incarnationsMax: options.membersMax,
      },
      handlerError,
    )
    this.pool.onLink((event) => this.#log(event))
    this.edges = this.#createEdges(handlerError)
    this.serviceLinks = serviceLinks(this.pool, this.edges)
    this.serviceFrames = serviceFrames(this.frames, this.edges)
    this.dialer = new Dialer(options, options.clock, this.pool, (a) => this.#startDial(a))
    this.membershipLog = new MembershipLog(options.membershipEventsMax)
    this.view = new MembershipView({
      log: this.membershipLog,
      detailsOf: (keyHex) => this.#detailsOf(keyHex),
      onHandlerError: handlerError,
    })
    this.detectorMemory = {
      generation: 0,
      meta: this.#encodeMetadata(options.metadata),
      statements: new Map(),
      detector: undefined,
    }
    this.protocol = new LinkProtocol(this.codec)
    this.swimProtocol = new SwimProtocol(this.codec, parts.realm.id)
    this.authority = new RealmAuthority({
      ...{ realm: parts.realm, cluster: options.cluster, keys: identity.keys },
      membership: () => identity.membership,
      wallNowMs: () => options.clock.wallNow(),
      membershipsMax: options.membersMax,
    })
    this.holdSignal = new HoldSignal(handlerError)
    this.dht = options.dht === undefined ? undefined : createDhtContext(this, options.dht)
    this.sources = [
      staticDiscovery(options.candidates),
      staticDiscovery(this.#added),
      ...options.discovery,
    ]
    const prefix = `fovea.mesh.${identity.nodeKey.hex.slice(0, 16)}`
    this.linksName = `${prefix}.links`
    this.discoveryName = `${prefix}.discovery`
    this.#port = options.port
  }

  /** Whether there are addresses at which others may be found, or sources of such. */
  get hasAddresses(): boolean {
    const { candidates, discovery } = this.parts.options
    return candidates.length + discovery.length + this.#added.length > 0
  }

  /** The port to bind: after the first time always the same, because peers know it. */
  get port(): number {
    return this.#port
  }

  /** Where others dial this node. */
  get address(): TransportAddress {
    const { advertiseHost, options } = this.parts
    return { host: advertiseHost, port: options.advertisePort ?? this.#port }
  }

  endpoint(): Endpoint | undefined {
    return this.#endpoint
  }

  /** A freshly bound endpoint, or none. */
  setEndpoint(endpoint: Endpoint | undefined): void {
    this.#endpoint = endpoint
    if (endpoint !== undefined) this.#port = endpoint.address.port
  }

  hello(dialling: boolean): Hello {
    if (dialling) this.#dials += 1
    const { identity, realm, options } = this.parts
    const { host, port } = this.address
    return {
      versionMin: LINK_VERSION_MIN,
      versionMax: LINK_VERSION_MAX,
      nodeKey: identity.nodeKey,
      kind: this.parts.kind ?? (options.gateway === undefined ? 'member' : 'gateway'),
      name: options.name,
      host,
      port,
      incarnation: identity.incarnation,
      dials: this.#dials,
      realmId: realm.id,
      cluster: options.cluster,
      membership: identity.membership,
      capabilities: [...options.capabilities, PARTING_CAPABILITY, BULK_TAKEN_CAPABILITY],
      frameBytesMax: options.frameBytesMax,
      states: this.states(),
      ...(options.hidden ? { hidden: true } : {}),
      ...(this.secret === undefined ? {} : { nonce: options.entropy.bytes(32) }),
    }
  }

  readonly checkMembership: MembershipCheck = (hello, key) => {
    try {
      return checkMembership(this.parts.realm, hello.membership, key, this.clock.wallNow())
    } catch (error) {
      return { complaint: error instanceof Error ? error.message : String(error) }
    }
  }

  /** A peer has connected. */
  incoming(transport: TransportConnection): void {
    const deadlineMs = this.clock.now() + this.options.handshakeTimeoutMs
    const patienceMs = this.options.handshakeTimeoutMs * HANDSHAKE_PATIENCE
    if (!this.pool.hasRoom() && !this.pool.makeRoom(deadlineMs - patienceMs)) {
      const code = this.pool.accepting ? 'ERR_LINK_HANDSHAKES_FULL' : 'ERR_MESH_STOPPED'
      const { host, port } = transport.remote
      this.refusals.count(code, { remote: `${host}:${port}` })
      transport.close(2, code)
      return
    }
    const connection = new Connection(this, transport, deadlineMs)
    this.pool.begin(connection)
    this.#startProcess(new LinkJob(this, { connection }))
  }

  /** What this node says about itself from now on. */
  setMetadata(metadata: Metadata): void {
    this.#say(this.#encodeMetadata(metadata))
    this.#metadata = metadata
  }

  /** In which spaces of presence this node is and others are: part of the statements of members. */
  readonly roster: RosterPort = {
    say: (words) => {
      this.#spaces = words
      this.roster.changed()
    },
    changed: () => {
      const meta = this.#encodeMetadata(this.#metadata)
      // Nothing new is no news for all members.
      if (Buffer.compare(meta, this.detectorMemory.meta) !== 0) this.#say(meta)
    },
    hear: (handler) => this.view.hearSpaces(handler),
  }

  #say(meta: Uint8Array): void {
    this.detectorMemory.meta = meta
    this.detectorMemory.detector?.input({ type: 'set_meta', meta })
  }

  /** An address given at run time is tried again after a restart of discovery, too. */
  keepSeed(candidate: Candidate): void {
    const kept = this.#added.length < this.parts.options.seedsMax
    if (kept) this.#added.push(candidate)
  }

  /** The link processes were restarted: nothing of before counts any more. */
  linksRestarted(): void {
    this.dialer.reset(new LinkError('ERR_LINK_CLOSED', 'the link processes were restarted'))
  }

  #createEdges(onHandlerError: (error: unknown) => void): EdgeLinks | undefined {
    const { identity, options } = this.parts
    if (options.gateway === undefined) return undefined
    const { clientsMax, clientBytesMax } = options.gateway.settings
    const edges = new EdgeLinks({
      ownKey: identity.nodeKey,
      // Their handshakes are counted with all others.
      options: { linksMax: clientsMax, handshakesMax: clientsMax, incarnationsMax: clientsMax },
      bytesQueuedMax: clientBytesMax,
      onHandlerError,
      members: this.pool,
    })
    edges.pool.onLink((event) => this.#log(event))
    return edges
  }

  #encodeMetadata(metadata: Metadata): Uint8Array {
    const { hidden } = this.parts.options
    const all = hidden ? { ...metadata, [HIDDEN_FIELD]: true } : metadata
    const { metaBytesMax } = this.parts.options.membership
    const bytes = encodeMetadata(this.codec, all, metaBytesMax)
    // The application's words come first.
    const spaces = this.#spaces(Math.max(0, metaBytesMax - bytes.length - SPACES_BYTES))
    if (spaces === undefined) return bytes
    return encodeMetadata(this.codec, { ...all, [SPACES_FIELD]: spaces }, metaBytesMax)
  }

  #detailsOf(keyHex: string): MemberDetails {
    const incarnation = this.detectorMemory.detector?.incarnationOf(keyHex)
    // The keepalive of a link measures more often than probes do.
    const linkMs = this.pool.link(keyHex)?.rttMs ?? 0
    const rttMs = linkMs > 0 ? linkMs : this.probeTimes.rttMs(keyHex)
    return {
      ...(incarnation === undefined ? {} : { incarnation }),
      ...(rttMs === undefined ? {} : { rttMs }),
    }
  }

  #log(event: LinkEvent): void {
    const { peer, initiator } = event.link
    if (event.type === 'up') {
      const { incarnation } = peer
      return this.logger.info({ peer: peer.nodeId, incarnation, initiator }, 'link up')
    }
    this.logger.info({ peer: peer.nodeId, reason: event.reason }, 'link down')
  }

  #startDial(attempt: Attempt): void {
    this.#startProcess(new LinkJob(this, { attempt }))
  }

  #startProcess(job: LinkJob): void {
    const { system } = this.parts
    this.#jobs += 1
    const gone = (): void => job.processGone()
    const links = system.whereis(this.linksName)
    // Not now, when the supervisor is away: whoever asked is in the middle of something.
    if (links === undefined) return this.clock.microtask(gone)
    Supervisor.startChild(links, {
      id: `link ${this.#jobs}`,
      restart: 'temporary',
      shutdown: this.options.leaveTimeoutMs + 1_000,
      start: async ({ system: where, parent }) => {
        const ref = await LinkServer.start(job, {
          system: where,
          parent,
          link: true,
          trapExit: true,
        })
        where.watch(ref.pid, gone)
        return ref
      },
    }).catch(gone)
  }
}
