/**
 * The one lazily made default node behind the short API: `Cluster.start(options)` starts it on the default
 * system, and `Cluster`, `RemoteCall`, `RemoteSpawn`, `RemoteMonitor` are its functions. Before the start
 * and after the stop they throw `ERR_CLUSTER_NOT_STARTED`; those that give a promise reject with it.
 *
 * `BehaviorRegistry` works before the start too, as noex advises: register first, then join.
 *
 * This is one of two files that hold module state (house style, rule 8). Programs with more than one node
 * use `startNode`.
 */
import { defaultSystem } from '../runtime/index.ts'
import type {
  AnyServer,
  BehaviorOptions,
  BehaviorRegistry as Registry,
  BehaviorSource,
} from './behavior-registry.ts'
import type { ClusterFunctions } from './cluster.ts'
import type { ErpcFunctions } from './erpc/erpc.ts'
import type { DiscoveryFunctions } from './discovery/discovery.ts'
import { ClusterNotStartedError, InvalidClusterConfigError } from './errors.ts'
import type { GroupsFunctions } from './groups/groups.ts'
import type { GlobalRegistryFunctions } from './names/global-registry.ts'
import {
  createBehaviorRegistry,
  startNode,
  type FoveaNode,
  type NodeOptions,
  type NodeStopOptions,
} from './node.ts'
import { givenOptions } from './options.ts'
import type { StrictLeases } from './leases/leases.ts'
import type { GlobalLocks } from './locks/locks.ts'
import type { RemoteCallFunctions } from './remote-call.ts'
import type { RemoteMonitorFunctions } from './remote-monitor.ts'
import type { SingletonFunctions } from './singletons/singleton.ts'
import type { RemoteSpawnFunctions } from './remote-spawn.ts'
import type { ShardingFunctions } from './sharding/sharding.ts'
import type { DistributedSupervisorFunctions } from './supervisor/distributed-supervisor.ts'
import type { WorkersOptions } from './workers/options.ts'
import type { Workers } from './workers/workers.ts'

let registry: Registry | undefined
let running: FoveaNode | undefined
let changing: Promise<unknown> | undefined

const behaviors = (): Registry => (registry ??= createBehaviorRegistry())

function node(what: string): FoveaNode {
  if (running === undefined) throw new ClusterNotStartedError(what)
  return running
}

/** The functions of the static {@link Cluster}. */
export interface DefaultClusterFunctions extends ClusterFunctions {
  /**
   * Starts the default node; a second start before a stop is refused. Without `system` the `logger`, if given, also gets
   * the crash reports of the default system.
   */
  start(options: NodeOptions): Promise<FoveaNode>
  /** Stops the default node; nothing if there is none. The default system goes on. */
  stop(options?: NodeStopOptions): Promise<void>
  /** Starts worker nodes of the default node; as `node.startWorkers`. */
  startWorkers(options: WorkersOptions): Promise<Workers>
}

async function start(options: NodeOptions): Promise<FoveaNode> {
  if (running !== undefined || changing !== undefined) {
    throw new InvalidClusterConfigError('the default node is started already')
  }
  const given = givenOptions(options) as NodeOptions
  const {
    system = defaultSystem({ logger: given.logger }),
    behaviorRegistry = behaviors(),
    ...rest
  } = given
  const started = startNode({ ...rest, system, behaviorRegistry })
  changing = started
  try {
    running = await started
  } finally {
    changing = undefined
  }
  const mine = running
  void mine.ended.then(() => {
    if (running === mine) running = undefined
  })
  return mine
}

async function stop(options?: NodeStopOptions): Promise<void> {
  await changing?.catch(() => {})
  const stopping = running
  if (stopping === undefined) return
  await stopping.stop(options)
  if (running === stopping) running = undefined
}

const cluster = (what: string): ClusterFunctions => node(`Cluster.${what}`).cluster

/**
 * The default node and the cluster as it sees it.
 *
 * @example
 * await Cluster.start({ nodeName: 'a', realm: './my.realm' })
 * Cluster.onNodeDown((nodeId, reason) => console.log(nodeId, reason))
 */
export const Cluster: DefaultClusterFunctions = Object.freeze<DefaultClusterFunctions>({
  start,
  stop,
  startWorkers: async (options) => node('Cluster.startWorkers').startWorkers(options),
  getStatus: () => {
    if (running !== undefined) return running.cluster.getStatus()
    return changing === undefined ? 'stopped' : 'starting'
  },
  getLocalNodeId: () => cluster('getLocalNodeId').getLocalNodeId(),
  getLocalNodeInfo: () => cluster('getLocalNodeInfo').getLocalNodeInfo(),
  getNodes: (options) => cluster('getNodes').getNodes(options),
  getConnectedNodes: (options) => cluster('getConnectedNodes').getConnectedNodes(options),
  getNodeIds: (options) => cluster('getNodeIds').getNodeIds(options),
  getNode: (target) => cluster('getNode').getNode(target),
  isNodeConnected: (target) => cluster('isNodeConnected').isNodeConnected(target),
  getConnectedNodeCount: (options) =>
    cluster('getConnectedNodeCount').getConnectedNodeCount(options),
  getUptimeMs: () => cluster('getUptimeMs').getUptimeMs(),
  onNodeUp: (callback, options) => cluster('onNodeUp').onNodeUp(callback, options),
  onNodeDown: (callback, options) => cluster('onNodeDown').onNodeDown(callback, options),
  onNodeGone: (callback, options) => cluster('onNodeGone').onNodeGone(callback, options),
  monitorNode: (target, owner) => cluster('monitorNode').monitorNode(target, owner),
  monitorNodes: (owner, options) => cluster('monitorNodes').monitorNodes(owner, options),
  connect: async (target, options) => cluster('connect').connect(target, options),
  disconnect: async (target) => cluster('disconnect').disconnect(target),
  onStatusChange: (callback) => cluster('onStatusChange').onStatusChange(callback),
  waitFor: async (target, options) => cluster('waitFor').waitFor(target, options),
})

type AnyFunction = (...args: readonly unknown[]) => unknown

/** `remoteCall.call` of the default node at the time of the call; `asking` are those that give a promise. */
function later<T extends object>(
  what: string,
  of: (node: FoveaNode) => T,
  asking: readonly (keyof T & string)[],
  telling: readonly (keyof T & string)[],
): T {
  const entry = (name: keyof T & string): [string, AnyFunction] => [
    name,
    (...args) => (of(node(`${what}.${name}`))[name] as AnyFunction)(...args),
  ]
  const entries = [
    ...telling.map(entry),
    ...asking
      .map(entry)
      .map(([name, fn]): [string, AnyFunction] => [name, async (...args) => fn(...args)]),
  ]
  return Object.freeze(Object.fromEntries(entries)) as unknown as T
}

/** Calls and casts of the default node. */
export const RemoteCall: RemoteCallFunctions = later(
  'RemoteCall',
  (own) => own.remoteCall,
  ['call', 'stop', 'isAlive'],
  ['cast', 'send', 'exit'],
)

/** Spawns of the default node. */
export const RemoteSpawn: RemoteSpawnFunctions = later(
  'RemoteSpawn',
  (own) => own.remoteSpawn,
  ['spawn', 'spawnLink', 'spawnMonitor'],
  [],
)

/** Monitors of the default node. */
export const RemoteMonitor: RemoteMonitorFunctions = later(
  'RemoteMonitor',
  (own) => own.remoteMonitor,
  [],
  ['monitor'],
)

/** Registered functions of the default node and of others. */
export const Erpc: ErpcFunctions = later(
  'Erpc',
  (own) => own.erpc,
  ['call', 'multicall'],
  ['register', 'unregister', 'names', 'cast', 'sendRequest', 'stats'],
)

/** Global names of the default node and of others. */
export const GlobalRegistry: GlobalRegistryFunctions = later(
  'GlobalRegistry',
  (own) => own.globalRegistry,
  ['register', 'reRegister', 'unregister', 'sync'],
  [
    ...(['whereis', 'lookup', 'isRegistered', 'send', 'via', 'getNames'] as const),
    ...(['getEntriesForNode', 'count', 'getStats', 'on'] as const),
  ],
)

/** Supervisors over many nodes, started on the default node. */
export const DistributedSupervisor: DistributedSupervisorFunctions = later(
  'DistributedSupervisor',
  (own) => own.distributedSupervisor,
  [
    ...(['start', 'stop', 'startChild', 'terminateChild', 'restartChild', 'deleteChild'] as const),
    ...(['getChildren', 'getChild', 'countChildren', 'getStats', 'drain', 'undrain'] as const),
  ],
  ['child', 'isRunning', 'onLifecycleEvent'],
)

/** Discovery of the default node. */
export const NodeDiscovery: DiscoveryFunctions = later(
  'NodeDiscovery',
  (own) => own.discovery,
  [
    ...(['addStrategy', 'removeStrategy', 'formed', 'registerNode', 'unregisterNode'] as const),
    ...(['lookupNode', 'findNodes'] as const),
  ],
  ['strategies', 'listNodes', 'subscribe', 'createTicket', 'stats'],
)

/** Locks of the default node. */
export const Global: GlobalLocks = later(
  'Global',
  (own) => own.global,
  ['setLock', 'delLock', 'trans'],
  [],
)

/** Singletons that the default node is a candidate for. */
export const Singletons: SingletonFunctions = later(
  'Singletons',
  (own) => own.singletons,
  [],
  ['start', 'get', 'names'],
)

/** Leases of the default node. */
export const Leases: StrictLeases = later('Leases', (own) => own.leases, ['acquire'], [])

/** Actors by id, of the default node. */
export const Sharding: ShardingFunctions = later(
  'Sharding',
  (own) => own.sharding,
  ['start', 'stop'],
  ['entityRef', 'stats'],
)

/** Process groups of the default node and of others. */
export const Groups: GroupsFunctions = later(
  'Groups',
  (own) => own.groups,
  [],
  [
    ...(['scope', 'join', 'leave', 'members', 'localMembers', 'groups', 'localGroups'] as const),
    ...(['monitor', 'dispatch', 'cast', 'getStats'] as const),
  ],
)

/** The functions of the static {@link BehaviorRegistry}. */
export type BehaviorRegistryFunctions = Pick<
  Registry,
  'register' | 'unregister' | 'get' | 'has' | 'names'
>

function register(
  first: string | AnyServer,
  second?: BehaviorSource | BehaviorOptions,
  third?: BehaviorOptions,
): void {
  if (typeof first === 'string') behaviors().register(first, second as BehaviorSource, third)
  else behaviors().register(first, second as BehaviorOptions | undefined)
}

/** Behaviours of the default node; may be filled before it starts. */
export const BehaviorRegistry: BehaviorRegistryFunctions = Object.freeze({
  register,
  unregister: (name: string) => behaviors().unregister(name),
  get: (name: string) => behaviors().get(name),
  has: (name: string) => behaviors().has(name),
  names: () => behaviors().names(),
})
