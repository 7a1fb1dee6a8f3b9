/**
 * The composition root: a node of the mesh with its identity, its port, its links and its members.
 *
 *     const mesh = await startMesh({ realm: './my.realm', name: 'shop', seeds: ['10.0.0.7:4433'] })
 *
 * Life: `startMesh` resolves when the port is bound and seeds are being dialled (not when they have
 * answered: a node runs alone until it finds others, D7). `stop` says goodbye to every peer, closes the
 * port and leaves nothing behind. `ended` tells when the mesh is over, also when it gave up by itself.
 */
import { Supervisor } from '../behaviours/index.ts'
import type { ChildSpec, Contract, SupervisorRef } from '../behaviours/index.ts'
import { createSystem, formatReason, ownPromise } from '../runtime/index.ts'
import type { ExitReason, System } from '../runtime/index.ts'
import { atMost } from './at-most.ts'
import { callHandler } from './call-handler.ts'
import { connectionsMaxOf } from './connections-max.ts'
import { MeshCore } from './core.ts'
import { DiscoveryContract } from './discovery/driver.ts'
import type { Candidate, Discovery } from './discovery/discovery.ts'
import { parseSeed } from './discovery/static.ts'
import type { Gateway } from './gateway/gateway.ts'
import { createGateway } from './gateway/system.ts'
import type { MadeGateway } from './gateway/system.ts'
import type { Courier } from './courier/courier.ts'
import { chooseAdvertiseHost } from './host.ts'
import { openIdentity } from './identity/identity.ts'
import type { Identity } from './identity/identity.ts'
import type { NodeKey } from './identity/node-key.ts'
import { loadRealm } from './identity/realm.ts'
import type { Realm } from './identity/realm.ts'
import type { ConnectOptions, DialTarget } from './link/dialer.ts'
import { LinkError } from './link/errors.ts'
import type { LinkFrameHandler } from './link/frame-router.ts'
import type { Link, LinkEvent } from './link/link.ts'
import type { PartingEvent } from './link/parting.ts'
import { formatNodeId } from './link/peer-info.ts'
import { lookupHost } from './lookup.ts'
import type { DetectorStats } from './membership/detector.ts'
import type { Membership } from './membership/membership.ts'
import type { Metadata } from './membership/metadata.ts'
import type { Incarnation } from './membership/swim/statement.ts'
import { MeshError } from './mesh-error.ts'
import { openTransport } from './open-transport.ts'
import { resolveMeshOptions } from './options.ts'
import type { MeshOptions } from './options.ts'
import { DhtFunctions } from './routing/dht-functions.ts'
import type { Dht } from './routing/dht.ts'
import { createServices } from './services/create-services.ts'
import type { MadeServices } from './services/create-services.ts'
import type { Presence } from './presence/presence.ts'
import type { OpenSpace, SpaceOptions } from './presence/space.ts'
import type { PubSub } from './pubsub/pubsub.ts'
import type { Rpc } from './rpc/rpc.ts'
import type { ClientOptions, ContractClient } from './rpc/client/contract.ts'
import type { Services } from './services/registry.ts'
import type { Store } from './store/store.ts'
import { startTree } from './tree.ts'
import type { Extension } from './wire/extension.ts'
import type { EndpointStats, TransportAddress } from './transport/transport.ts'

/** How a mesh is stopped. */
export interface MeshStopOptions {
  /** Word in the goodbye to the peers. Default `'shutdown'`. */
  readonly reason?: string
  /**
   * @internal What a layer above finishes on the links, once members know that this node leaves and before the goodbyes;
   * waited for during `leaveTimeoutMs`.
   */
  readonly beforeGoodbye?: () => Promise<void>
  /** @internal The same before members know; waited for as long. Undefined when there is nothing to finish. */
  readonly beforeNews?: () => Promise<void> | undefined
}

/** Numbers of a mesh, made for a scrape. */
export interface MeshStats {
  readonly links: number
  /** Of those, held open by somebody: as neighbours, or with `link.hold()`. */
  readonly linksHeld: number
  /** Connections that are no link yet, or no longer. */
  readonly handshakes: number
  /** Links that came up since the start: what they cost is a handshake each. */
  readonly linksMade: number
  /** Keepalive pings sent on links since the start. */
  readonly pingsSent: number
  /** Dials under way or waiting. */
  readonly dials: number
  /** Known nodes, those that are down or have left included; this node not. */
  readonly members: number
  /** Counters of the detector since its start; undefined while it is being restarted. */
  readonly membership: DetectorStats | undefined
  /** Everything refused or dropped, by error code. */
  readonly refused: Readonly<Record<string, number>>
  readonly endpoint: EndpointStats | undefined
}

/** A node of the mesh. */
export interface Mesh extends AsyncDisposable {
  readonly system: System
  readonly identity: Identity
  readonly key: NodeKey
  /** `name@host:port` as advertised. */
  readonly nodeId: string
  /** Where others dial this node. */
  readonly address: TransportAddress
  readonly realm: Realm
  /** Cluster of the node within its realm. */
  readonly clusterName: string
  /** Why the mesh ended, once it has. */
  readonly ended: Promise<ExitReason>
  readonly membership: Membership
  /** Values, providers and addresses of nodes by key; see `routing/README.md`. */
  readonly dht: Dht
  /** Topics; see `pubsub/README.md`. Throws `ERR_SERVICES_DISABLED` with `services: false`. */
  readonly pubsub: PubSub
  /** Procedures and streams; see `rpc/README.md`. Throws `ERR_SERVICES_DISABLED` with `services: false`. */
  readonly rpc: Rpc
  /** Who is here, by topic; see `presence/README.md`. Throws `ERR_SERVICES_DISABLED` with `services: false`. */
  readonly presence: Presence
  /**
   * @internal Opens a part of presence for a part of the layer above; once for each name. Undefined with
   * `services: false`.
   */
  openSpace(options: SpaceOptions): OpenSpace | undefined
  /**
   * Ways to nodes, links or none; see `courier/README.md`. For layers above, which bring a type of their own; undefined with
   * `services: false`.
   */
  readonly courier: Courier | undefined
  /** Who offers which procedures; see `services/registry.ts`. Throws `ERR_SERVICES_DISABLED` with `services: false`. */
  readonly services: Services
  /** Of a gateway: who is connected to it, and how it does; undefined for a node that is none. */
  readonly gateway: Gateway | undefined
  /** A typed client of a contract that nodes serve with `rpc.serve`; as `rpc.client`. */
  client<P>(contract: Contract<P>, options?: ClientOptions): ContractClient<P>
  /** Whether other nodes leave this one out of their lists. */
  readonly hidden: boolean
  /** Which life of this node, and how often it spoke up in it, as members know it. */
  readonly incarnation: Incarnation
  /** Established links. */
  links(): readonly Link[]
  linkTo(keyHex: string): Link | undefined
  /** Links that stand although nobody uses them: this node or the peer chose the other as a neighbour. */
  neighbours(): readonly Link[]
  /** The link to that node: the one that exists, or a new one. */
  connect(target: DialTarget, options?: ConnectOptions): Promise<Link>
  /**
   * Says goodbye on the link to that node. Both stay members; whoever needs a link next, be it to probe,
   * makes one.
   */
  disconnect(
    keyHex: string,
    reason?: string,
    /** @internal As `MeshStopOptions.beforeGoodbye`, for this link. */
    beforeGoodbye?: () => Promise<void>,
  ): Promise<void>
  /** Calls `handler` for every link that comes up or goes down; gives the way to stop. */
  onLink(handler: (event: LinkEvent) => void): () => void
  /**
   * Asks `veto` before a link is closed because nothing passes on it (`linkIdleMs`); true keeps it. Gives
   * the way to stop. For one link and a while, `link.hold()` is simpler.
   */
  keepLinks(veto: (link: Link) => boolean): () => void
  /**
   * Calls `handler` for every link that may be about to end, because nobody seems to need it, and when it goes on; gives the way
   * to stop. What is said on such a link waits, and is lost with it.
   * @internal
   */
  onParting(handler: (event: PartingEvent<Link>) => void): () => void
  /** Hands frames of types `from` to `to` to `handler`; gives the way to stop. */
  handleFrames(from: number, to: number, handler: LinkFrameHandler): () => void
  /** One more address to try, as if it had been in `seeds`. */
  addSeed(seed: string | Candidate): void
  /** One more source of addresses, as if it had been in `discovery`. */
  addDiscovery(source: Discovery): void
  /**
   * Tells all members something about this node: a flat map, at most `metaBytesMax` bytes encoded. Throws
   * `ERR_META_INVALID` or `ERR_META_TOO_LARGE`.
   */
  setMetadata(metadata: Metadata): void
  stats(): MeshStats
  stop(options?: MeshStopOptions): Promise<void>
}

/** The parts of a layer above, as children of the mesh's tree. */
export interface MeshExtensionChildren {
  /** After the links, before anybody is dialled: for what must not end with membership or services. */
  readonly upper?: readonly ChildSpec[] | undefined
  /** After everything else: for what stands on membership or services, and may end without them. */
  readonly last?: readonly ChildSpec[] | undefined
}

/** What a layer above adds to a mesh besides. */
export interface MeshAdditions {
  /** Classes of its own that travel in procedures and topics. */
  readonly values?: readonly Extension<never>[] | undefined
}

/** Called once, before the port is bound, so that handlers registered in it miss no frame and no link. */
export type MeshExtension = (mesh: Mesh) => MeshExtensionChildren

/**
 * Starts a node of the mesh.
 *
 * @example
 * await using mesh = await startMesh({ realm: createRealm('com.example.shop'), port: 0 })
 */
export async function startMesh(
  given: MeshOptions,
  extension: MeshExtension = () => ({}),
  { values }: MeshAdditions = {},
): Promise<Mesh> {
  // Without options, as JavaScript may call it, what is missing first is told.
  const options = resolveMeshOptions(given ?? {}, lookupHost)
  const advertiseHost = chooseAdvertiseHost(options.host, options.advertiseHost)
  const realm = await loadRealm(options.realm)
  const { dataDir, realmMembership: membership, clock, entropy, logger } = options
  const identity = await openIdentity({
    realm,
    clock,
    entropy,
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(membership === undefined ? {} : { membership }),
  })
  const system =
    options.system ??
    createSystem({
      clock,
      entropy,
      logger,
      node: identity.nodeKey.hex,
      incarnation: identity.incarnation,
    })
  const ownSystem = options.system === undefined
  const release = async (): Promise<void> => {
    if (ownSystem) await system.stop()
    await identity.close()
  }
  try {
    const transport = await openTransport(options, connectionsMaxOf(given))
    const parts = { options, system, identity, realm, transport, advertiseHost, values }
    const core = new MeshCore(parts)
    // Before anybody can ask this node to keep something; it may take longer than the start of a process.
    await core.dht?.openStore()
    const keeps = options.services !== undefined && dataDir !== undefined
    const mesh = new MeshNode(core, keeps ? await identity.openStore() : undefined, release)
    const { upper, last = [] } = extension(mesh)
    mesh.started(await startTree(core, upper, [...mesh.last, ...last]))
    logger.info({ node: mesh.nodeId, key: mesh.key.hex, realm: realm.name }, 'mesh started')
    return mesh
  } catch (error) {
    await release()
    throw startError(error)
  }
}

class MeshNode implements Mesh {
  readonly system: System
  readonly identity: Identity
  readonly key: NodeKey
  readonly realm: Realm
  readonly membership: Membership
  readonly dht: Dht
  readonly ended: Promise<ExitReason>
  readonly #gateway: MadeGateway | undefined
  readonly #services: MadeServices | undefined
  readonly #core: MeshCore
  readonly #release: () => Promise<void>
  #tree: SupervisorRef | undefined
  #settleEnded: (reason: ExitReason) => void = () => {}
  #stopped: Promise<void> | undefined

  constructor(core: MeshCore, store: Store | undefined, release: () => Promise<void>) {
    const { system, identity, realm, options } = core.parts
    const check = (): void => this.#check()
    this.#core = core
    this.#release = release
    this.system = system
    this.identity = identity
    this.key = identity.nodeKey
    this.realm = realm
    this.membership = core.view
    this.dht = new DhtFunctions(core.dht, realm.id, identity.nodeKey.hex, check)
    this.ended = new Promise((resolve) => (this.#settleEnded = resolve))
    const { dht } = this
    if (options.services !== undefined) {
      this.#services = createServices({ core, options: options.services, dht, store, check })
    }
    const services = this.#services
    this.#gateway = createGateway(
      core,
      services === undefined ? undefined : { rpc: services.rpc, catalog: services.context.catalog },
    )
  }

  /** Children of the tree that come after all others. */
  get last(): readonly ChildSpec[] {
    const { child: services } = this.#services ?? {}
    const { child: gateway } = this.#gateway ?? {}
    return [services, gateway].filter((child) => child !== undefined)
  }

  get gateway(): Gateway | undefined {
    return this.#gateway?.gateway
  }

  get pubsub(): PubSub {
    return this.#served().pubsub
  }

  get rpc(): Rpc {
    return this.#served().rpc
  }

  get presence(): Presence {
    return this.#served().presence
  }

  openSpace(options: SpaceOptions): OpenSpace | undefined {
    return this.#services?.openSpace(options)
  }

  get courier(): Courier | undefined {
    return this.#services?.context.courier
  }

  get services(): Services {
    return this.#served().services
  }

  client<P>(contract: Contract<P>, options?: ClientOptions): ContractClient<P> {
    return this.#served().rpc.client(contract, options)
  }

  /** The tree runs. */
  started(tree: SupervisorRef): void {
    this.#tree = tree
    this.system.watch(tree.pid, (reason) => {
      this.#treeEnded(reason)
      this.#settleEnded(reason)
    })
  }

  get hidden(): boolean {
    return this.#core.parts.options.hidden
  }

  get address(): TransportAddress {
    return this.#core.address
  }

  get incarnation(): Incarnation {
    const { detector, generation } = this.#core.detectorMemory
    return detector?.incarnationOf(this.key.hex) ?? { generation, counter: 0 }
  }

  get clusterName(): string {
    return this.#core.parts.options.cluster
  }

  get nodeId(): string {
    return formatNodeId(this.#core.parts.options.name, this.address)
  }

  links(): readonly Link[] {
    return this.#core.pool.links()
  }

  linkTo(keyHex: string): Link | undefined {
    return this.#core.pool.link(keyHex)
  }

  neighbours(): readonly Link[] {
    const { pool, standing } = this.#core
    return pool.links().filter(({ peer }) => standing.has(peer.key.hex))
  }

  async connect(target: DialTarget, options: ConnectOptions = {}): Promise<Link> {
    this.#check()
    return this.#core.dialer.connect(target, options)
  }

  async disconnect(
    keyHex: string,
    reason = 'normal',
    beforeGoodbye?: () => Promise<void>,
  ): Promise<void> {
    const { pool, clock, options } = this.#core
    const link = pool.link(keyHex)
    if (link === undefined) return
    if (beforeGoodbye !== undefined) await atMost(clock, options.leaveTimeoutMs, beforeGoodbye())
    await link.close(reason)
  }

  onLink(handler: (event: LinkEvent) => void): () => void {
    const { pool, refusals } = this.#core
    const failed = (err: unknown): void => refusals.count('ERR_LINK_HANDLER', { err })
    // A link's process tells of its end: what the handler does and throws is not that process's.
    return pool.onLink((event) => callHandler(() => handler(event), failed))
  }

  onParting(handler: (event: PartingEvent<Link>) => void): () => void {
    return this.#core.pool.onParting(handler)
  }

  handleFrames(from: number, to: number, handler: LinkFrameHandler): () => void {
    return this.#core.frames.handle(from, to, handler)
  }

  keepLinks(veto: (link: Link) => boolean): () => void {
    return this.#core.pool.keepLinks(veto)
  }

  addSeed(seed: string | Candidate): void {
    this.#check()
    const candidate = typeof seed === 'string' ? parseSeed(seed) : seed
    const pid = this.system.whereis(this.#core.discoveryName)
    if (pid !== undefined) DiscoveryContract.at(pid).cast.seen({ candidates: [candidate] })
    this.#core.keepSeed(candidate)
  }

  addDiscovery(source: Discovery): void {
    this.#check()
    this.#core.sources.push(source)
    const pid = this.system.whereis(this.#core.discoveryName)
    if (pid !== undefined) DiscoveryContract.at(pid).cast.run(source)
  }

  setMetadata(metadata: Metadata): void {
    this.#check()
    this.#core.setMetadata(metadata)
  }

  stats(): MeshStats {
    const { pool, dialer, view, refusals, detectorMemory } = this.#core
    return {
      links: pool.linkCount,
      linksHeld: pool.heldCount,
      handshakes: pool.pendingCount,
      linksMade: pool.linksMade,
      pingsSent: pool.pingsSent,
      dials: dialer.size,
      members: view.size,
      membership: detectorMemory.detector?.stats(),
      refused: refusals.counters(),
      endpoint: this.#core.endpoint()?.stats(),
    }
  }

  stop(options: MeshStopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(options)
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop({ reason = 'shutdown', beforeNews, beforeGoodbye }: MeshStopOptions): Promise<void> {
    const { pool, edges, dialer, dht, clock } = this.#core
    const { leaveTimeoutMs } = this.#core.options
    const tree = this.#tree
    const isAlive = (): boolean => tree !== undefined && this.system.isAlive(tree.pid)
    const finished = isAlive() ? beforeNews?.() : undefined
    if (finished !== undefined) await atMost(clock, leaveTimeoutMs, finished)
    this.#core.leaving = true
    for (const waiter of dht?.memory.waiting ?? []) waiter.stopped()
    this.#services?.leaving()
    // First to everybody who is a member, while there are links to say it on; then on the links.
    const alive = isAlive()
    if (alive) await this.#leave()
    if (alive && beforeGoodbye !== undefined) await atMost(clock, leaveTimeoutMs, beforeGoodbye())
    const left = Promise.all([pool.leave(reason), edges?.pool.leave(reason)])
    dialer.reset(new LinkError('ERR_DIAL_ABORTED', 'the mesh stops'))
    await atMost(clock, 2 * leaveTimeoutMs, left)
    if (tree !== undefined && this.system.isAlive(tree.pid)) {
      // A tree that ends for another reason meanwhile has ended all the same; the port is closed next.
      await Supervisor.stop(tree, 'shutdown').catch((error: unknown) => {
        this.#core.logger.warn({ err: error }, 'the mesh tree did not stop in order')
      })
    }
    this.#services?.stopped()
    await this.#core.endpoint()?.close()
    await this.#release()
  }

  /** The detector has its own bound for this: `leaveTimeoutMs` of its settings. */
  #leave(): Promise<void> {
    return ownPromise<void>((resolve) => {
      const { detector } = this.#core.detectorMemory
      if (detector === undefined) resolve()
      else detector.leave(resolve)
    })
  }

  /** The tree gave up although nobody asked: what it held is released all the same. */
  #treeEnded(reason: ExitReason): void {
    if (this.#stopped !== undefined) return
    this.#core.logger.error({ reason: formatReason(reason) }, 'the mesh gave up and is stopped')
    void this.stop()
  }

  #served(): MadeServices {
    if (this.#services !== undefined) return this.#services
    throw new MeshError('ERR_SERVICES_DISABLED', 'this node was started with `services: false`')
  }

  #check(): void {
    if (this.#stopped !== undefined) throw new MeshError('ERR_MESH_STOPPED', 'the mesh has stopped')
  }
}

/** What went wrong, without the supervisors around it. */
function startError(error: unknown): unknown {
  let at = error
  for (let depth = 0; depth < 10; depth++) {
    const { reason, cause } = (at ?? {}) as { reason?: unknown; cause?: unknown }
    const code = (at as { code?: unknown } | undefined)?.code
    if (typeof code === 'string' && /^ERR_(TRANSPORT|MESH|LINK|OPTION|STORE|GATEWAY)/.test(code))
      return at
    const inner = reason ?? cause ?? (at as { shutdown?: unknown } | undefined)?.shutdown
    if (inner === undefined) return error
    at = inner
  }
  return error
}
