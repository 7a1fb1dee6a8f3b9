/**
 * The distribution layer: one system spread over many nodes. `startNode` is the way in; `Cluster`,
 * `RemoteCall` and the others are the same functions of one default node.
 */
export type { DistStats, FoveaNode, NodeOptions, NodeStopOptions } from './node.ts'
export { createBehaviorRegistry, startNode } from './node.ts'
export type { BehaviorRegistryFunctions, DefaultClusterFunctions } from './default-node.ts'
export {
  BehaviorRegistry,
  Cluster,
  Erpc,
  RemoteCall,
  RemoteMonitor,
  RemoteSpawn,
} from './default-node.ts'
export type {
  AnyBehaviour,
  AnyServer,
  BehaviorOptions,
  BehaviorRegistry as NodeBehaviorRegistry,
  BehaviorSource,
} from './behavior-registry.ts'
export type {
  ClusterFunctions,
  ClusterNode,
  ClusterStatus,
  NodeDownReason,
  WaitOptions,
} from './cluster.ts'
export type { ErpcFunctions, ErpcNodeResult } from './erpc/erpc.ts'
export type { ErpcCallNames, ErpcClass } from './erpc/errors.ts'
export { ErpcError, ErpcFunctionError } from './erpc/errors.ts'
export type { ErpcCounts, ErpcFunction } from './erpc/function-table.ts'
export type {
  ErpcCallOptions,
  ErpcOptions,
  ErpcRegisterOptions,
  ErpcResponseOptions,
} from './erpc/options.ts'
export type {
  ErpcLabelledResponse,
  ErpcNoRequest,
  ErpcResponse,
  ErpcResponseTimeout,
} from './erpc/requests.ts'
export { ErpcRequest, ErpcRequests } from './erpc/requests.ts'
export type { NodeTarget } from './node-directory.ts'
export type { WorkerNode, Workers } from './workers/workers.ts'
export type { WorkerNodeOptions, WorkersOptions } from './workers/options.ts'
export type { WorkerModule } from './workers/thread-main.ts'
export { WorkerError } from './workers/errors.ts'
export type { NodeIdComponents, NodeIdFunctions } from './node-id.ts'
export { isNodeId, NodeId } from './node-id.ts'
export type { DistOptions } from './options.ts'
export { DIST_DEFAULTS } from './options.ts'
export type { PeerStats } from './peer-link.ts'
export type {
  AnyTarget,
  MessageTarget,
  NamedTarget,
  RemoteCallFunctions,
  TypedTarget,
  Untyped,
} from './remote-call.ts'
export type {
  MonitorableTarget,
  RemoteMonitorFunctions,
  RemoteMonitoring,
  RemoteMonitorOptions,
} from './remote-monitor.ts'
export type {
  RemoteSpawnFunctions,
  RemoteSpawnOptions,
  RemoteSpawnOwnerOptions,
} from './remote-spawn.ts'
export {
  BehaviorNotFoundError,
  BehaviorRegistryError,
  ClusterNotStartedError,
  ClusterWaitError,
  ContractVersionError,
  distErrors,
  DistProtocolError,
  DistRefusedError,
  InvalidClusterConfigError,
  InvalidNodeIdError,
  MessageSerializationError,
  NodeNotReachableError,
  RemoteCallTimeoutError,
  RemoteError,
  RemoteServerNotRunningError,
  RemoteSpawnError,
  RemoteSpawnInitError,
  RemoteSpawnRegistrationError,
  RemoteSpawnTimeoutError,
} from './errors.ts'
