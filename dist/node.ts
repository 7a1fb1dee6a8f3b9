/**
 * A node: one system spread over many. `startNode` starts the mesh (identity, port, links, members), puts
 * the distribution layer into its supervision tree, and gives the functions that users call.
 *
 *     mesh (rest_for_one)
 *     ├─ identity, endpoint, links
 *     ├─ dist (rest_for_one)
 *     │   └─ spawner        parent of everything other nodes started here
 *     ├─ membership, discovery, topology, dht, services
 *     └─ cluster (one_for_one)    what stands on those: `features.ts`
 *
 * A node has a system of its own, whose `node` is the key of the node in hex, unless one is given:
 * then pids keep that system's name here and are translated on the wire.
 *
 * A node may have workers: nodes in threads of its process, which are reached over ports instead of sockets (`workers/`).
 * It goes through a door for that, which leads outside until it has some.
 *
 * Stopping takes leave first: calls that others have made are answered, new ones are `noconnection` there (`leave.ts`). Then it
 * says goodbye: other nodes see `graceful_shutdown`, and whatever was linked or monitored across the link ends with
 * `noconnection`; then the processes here are stopped.
 */
import { Supervisor, type ChildSpec, type Contract } from '../behaviours/index.ts'
import { silentLogger, type ExitReason, type Logger, type System } from '../runtime/index.ts'
import {
  Codec,
  isGranted,
  Refusals,
  startMesh,
  VALUE_LIMITS,
  type Mesh,
  type MeshExtension,
  type MeshOptions,
  type NodeKey,
} from '../mesh/index.ts'
import { BehaviorRegistry } from './behavior-registry.ts'
import { ClusterView, type ClusterFunctions } from './cluster.ts'
import { ContractTable } from './contract-table.ts'
import { InvalidClusterConfigError } from './errors.ts'
import { DistGate } from './gate.ts'
import {
  createFeatures,
  takeFeatureOptions,
  type FeatureFunctions,
  type FeatureOptions,
  type Features,
} from './features.ts'
import { seedsMaxFor } from './discovery/options.ts'
import { TAKEN_CAPABILITY } from './chunk.ts'
import { LEAVE_CAPABILITY } from './leave.ts'
import { NodeDirectory } from './node-directory.ts'
import type { NodeId } from './node-id.ts'
import { checkContracts, givenOptions, resolveDistOptions, type DistOptions } from './options.ts'
import type { PeerHost, PeerStats } from './peer-link.ts'
import { PeerClient, PeerServices } from './peer-services.ts'
import { PROCESS_SERVICE, processService } from './process-service.ts'
import { RemoteCalls, type RemoteCallFunctions } from './remote-call.ts'
import { remoteMonitorFunctions, type RemoteMonitorFunctions } from './remote-monitor.ts'
import { RemoteSpawns, type RemoteSpawnFunctions } from './remote-spawn.ts'
import { Spawner } from './spawner.ts'
import { termExtensions, type TermContext } from './term.ts'
import { ValueTerms } from './value-terms.ts'
import { createNodeWorkers, doorOf } from './workers/host.ts'
import type { WorkersOptions } from './workers/options.ts'
import type { NodeWorkers, Workers } from './workers/workers.ts'

/** What `startNode` takes: the options of the mesh, the limits of this layer, and what is known. */
export interface NodeOptions
  extends Omit<MeshOptions, 'discovery'>, Partial<DistOptions>, FeatureOptions {
  /** Contracts of refs that may arrive before a server of theirs is registered here. */
  readonly contracts?: readonly Contract<never>[] | undefined
  /** Behaviours registered beforehand; made by {@link createBehaviorRegistry}. */
  readonly behaviorRegistry?: BehaviorRegistry | undefined
}

/** How a node is stopped. */
export interface NodeStopOptions {
  /** Word in the goodbye to the peers. Default `'shutdown'`. */
  readonly reason?: string | undefined
}

/** Numbers of a node's distribution layer. */
export interface DistStats {
  /** By key of the peer, hex. */
  readonly peers: Readonly<Record<string, PeerStats>>
  /** Everything refused or dropped, by error code. */
  readonly refused: Readonly<Record<string, number>>
}

/** A running node. */
export interface FoveaNode extends FeatureFunctions, AsyncDisposable {
  /** `name@host:port` as advertised. */
  readonly id: NodeId
  readonly key: NodeKey
  readonly system: System
  readonly mesh: Mesh
  readonly cluster: ClusterFunctions
  readonly remoteCall: RemoteCallFunctions
  readonly remoteSpawn: RemoteSpawnFunctions
  readonly remoteMonitor: RemoteMonitorFunctions
  readonly behaviorRegistry: BehaviorRegistry
  /** Why the node ended, once it has: stopped, or given up. */
  readonly ended: Promise<ExitReason>
  stats(): DistStats
  /** Starts nodes in threads of this process and resolves when they are connected; see `workers/README.md`. */
  startWorkers(options: WorkersOptions): Promise<Workers>
  /** Says goodbye, stops what runs, closes the port. Idempotent; nothing is left afterwards. */
  stop(options?: NodeStopOptions): Promise<void>
}

/** A registry for behaviours that are registered before the node starts. */
export function createBehaviorRegistry(): BehaviorRegistry {
  return new BehaviorRegistry(new ContractTable())
}

/**
 * Starts a node and resolves when its port is bound; it finds others in the background. Rejects with `ERR_REALM_REQUIRED`,
 * `ERR_REALM_FILE_*`, `ERR_OPTION_*`, `ERR_TRANSPORT_PORT_BUSY`, `_BAD_ADDRESS`, `_UNAVAILABLE`, `ERR_DATA_DIR_LOCKED` and
 * the like; then nothing of it is left.
 *
 * @example
 * await using node = await startNode({ realm: './my.realm', nodeName: 'shop', seeds: ['a@10.0.0.7:4433'] })
 */
export async function startNode(nodeOptions: NodeOptions): Promise<FoveaNode> {
  const given = givenOptions(nodeOptions) as NodeOptions
  const { contracts = [], behaviorRegistry, ...others } = given
  const { dist, rest: notDist } = resolveDistOptions(others)
  const { features, rest } = takeFeatureOptions(notDist)
  if (given.system !== undefined) claimable(given.system)
  const behaviors = behaviorRegistry ?? createBehaviorRegistry()
  checkContracts(contracts)
  for (const contract of contracts) behaviors.contracts.learn(contract)
  const logger = given.logger ?? silentLogger
  const door = doorOf(given)
  let parts: NodeParts | undefined
  try {
    const terms = new ValueTerms(behaviors.contracts)
    const extend: MeshExtension = (starting) => {
      const { system, key, identity } = starting
      terms.open({ system, ownKeyHex: key.hex, ownIncarnation: identity.incarnation })
      parts = new NodeParts(starting, dist, features, behaviors, logger)
      return { upper: [parts.child()], last: [parts.features.child] }
    }
    const { seedsMax = seedsMaxFor(given.discovery) } = given
    const { capabilities = [] } = given
    const options = {
      ...{ ...rest, seedsMax, ...(door && { transport: door }) },
      capabilities: Array.isArray(capabilities)
        ? [...capabilities, LEAVE_CAPABILITY, TAKEN_CAPABILITY]
        : capabilities,
    }
    const mesh = await startMesh(options, extend, { values: terms.extensions })
    const { cluster, features: made } = parts!
    const workers = createNodeWorkers({ mesh, cluster, logger, door }, given)
    return Object.assign(new RunningNode(mesh, parts!, workers), made.functions)
  } catch (error) {
    parts?.close()
    throw error
  }
}

/** A system has one door to other nodes. */
function claimable(system: System): void {
  if (!system.hasRemote) return
  throw new InvalidClusterConfigError('the system belongs to another node already')
}

/** Everything of this layer in one node. */
class NodeParts {
  readonly gate: DistGate
  readonly directory: NodeDirectory
  readonly cluster: ClusterView
  readonly remoteCall: RemoteCallFunctions
  readonly remoteSpawn: RemoteSpawnFunctions
  readonly remoteMonitor: RemoteMonitorFunctions
  readonly behaviors: BehaviorRegistry
  readonly refusals: Refusals
  readonly features: Features
  readonly #spawner: Spawner
  #closed = false

  constructor(
    mesh: Mesh,
    dist: Readonly<DistOptions>,
    features: FeatureOptions,
    behaviors: BehaviorRegistry,
    logger: Logger,
  ) {
    const { system, realm } = mesh
    const { contracts } = behaviors
    // Another node may have started on it since startNode looked; from here to `open` nobody can.
    claimable(system)
    const codec = new Codec<TermContext>({
      limits: {
        ...VALUE_LIMITS,
        bytesMax: dist.valueBytesMax,
        elementsMax: dist.valueElementsMax,
      },
      extensions: termExtensions,
    })
    this.behaviors = behaviors
    this.refusals = new Refusals(system.clock, logger)
    this.#spawner = new Spawner(system, dist.peerSpawnsMax)
    this.directory = new NodeDirectory(mesh)
    const services = new PeerServices()
    const host: PeerHost = {
      ...{ system, logger, codec, contracts, behaviors },
      options: dist,
      ownKeyHex: mesh.key.hex,
      ownIncarnation: mesh.identity.incarnation,
      ...{ spawner: this.#spawner, services },
      isGranted: (action, { key, roles }) => isGranted(realm.policy, action, key, roles),
      refused: (code, fields) => this.refusals.count(code, fields),
    }
    services.open(PROCESS_SERVICE, processService(system, this.#spawner))
    this.gate = new DistGate(host, mesh, this.directory)
    const shared = { system, gate: this.gate, directory: this.directory, contracts }
    this.remoteCall = new RemoteCalls(shared).functions()
    this.remoteMonitor = remoteMonitorFunctions(shared)
    this.remoteSpawn = new RemoteSpawns({
      ...shared,
      behaviors,
      spawner: this.#spawner,
      spawnTimeoutMs: dist.spawnTimeoutMs,
      names: () => this.features.functions.globalRegistry,
    }).functions()
    this.gate.open()
    this.cluster = new ClusterView({
      ...{ system, mesh, logger },
      ...{ directory: this.directory, relays: this.gate },
    })
    const { remoteCall, remoteSpawn, remoteMonitor, cluster, refusals, directory } = this
    const { incarnation } = mesh.identity
    this.features = createFeatures(
      {
        ...{ ...shared, mesh, logger, behaviors, refusals, cluster, services },
        ...{ remoteCall, remoteSpawn, remoteMonitor },
        spawner: this.#spawner,
        peers: new PeerClient({ services, remoteCall, directory, incarnation }),
      },
      features,
    )
  }

  /** The dist system, a child of the mesh's tree. */
  child(): ChildSpec {
    const spec = Supervisor.child(
      {
        strategy: 'rest_for_one',
        intensity: 10,
        periodMs: 10_000,
        children: [this.#spawner.child()],
      },
      { id: 'dist' },
    )
    return spec as unknown as ChildSpec
  }

  /** After the goodbyes: nothing reaches another node any more. */
  close(): void {
    if (!this.#closed) this.features.close()
    this.#closed = true
    this.gate.close()
    this.directory.close()
    this.cluster.setStatus('stopped')
  }
}

class RunningNode implements Omit<FoveaNode, keyof FeatureFunctions> {
  readonly id: NodeId
  readonly key: NodeKey
  readonly system: System
  readonly mesh: Mesh
  readonly cluster: ClusterFunctions
  readonly remoteCall: RemoteCallFunctions
  readonly remoteSpawn: RemoteSpawnFunctions
  readonly remoteMonitor: RemoteMonitorFunctions
  readonly behaviorRegistry: BehaviorRegistry
  readonly ended: Promise<ExitReason>
  readonly #parts: NodeParts
  readonly #workers: NodeWorkers
  #stopped: Promise<void> | undefined

  constructor(mesh: Mesh, parts: NodeParts, workers: NodeWorkers) {
    this.id = mesh.nodeId as NodeId
    this.key = mesh.key
    this.system = mesh.system
    this.mesh = mesh
    this.cluster = parts.cluster
    this.remoteCall = parts.remoteCall
    this.remoteSpawn = parts.remoteSpawn
    this.remoteMonitor = parts.remoteMonitor
    this.behaviorRegistry = parts.behaviors
    this.#parts = parts
    this.#workers = workers
    this.ended = mesh.ended.then(async (reason) => {
      parts.close()
      await workers.close()
      return reason
    })
    parts.cluster.setStatus('running')
  }

  stats(): DistStats {
    const peers = [...this.#parts.gate.peers()].map((peer) => [peer.keyHex, peer.stats] as const)
    return { peers: Object.fromEntries(peers), refused: this.#parts.refusals.counters() }
  }

  startWorkers(options: WorkersOptions): Promise<Workers> {
    return this.#workers.start(options)
  }

  stop(options: NodeStopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.reason ?? 'shutdown')
    return this.#stopped
  }

  async #stop(reason: string): Promise<void> {
    this.#parts.cluster.setStatus('stopping')
    await this.#workers.close()
    await this.#parts.features.leave()
    const { gate } = this.#parts
    await this.mesh.stop({
      reason,
      beforeNews: () => gate.leaveRelayed(),
      beforeGoodbye: () => gate.leave(),
    })
    this.#parts.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
