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
  DistributedSupervisor,
  Erpc,
  Global,
  GlobalRegistry,
  Groups,
  Leases,
  NodeDiscovery,
  RemoteCall,
  RemoteMonitor,
  RemoteSpawn,
  Sharding,
  Singletons,
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
  ConnectNodeOptions,
  NodeDownReason,
  NodesOptions,
  WaitOptions,
} from './cluster.ts'
export type { ErpcFunctions, ErpcNodeResult } from './erpc/erpc.ts'
export type { ErpcCallNames, ErpcClass } from './erpc/errors.ts'
export { ErpcError, ErpcFunctionError } from './erpc/errors.ts'
export type { ErpcCounts, ErpcFunction } from './erpc/function-table.ts'
export type { ErpcCallOptions, ErpcOptions, ErpcRegisterOptions } from './erpc/options.ts'
export type {
  ErpcLabelledResponse,
  ErpcNoRequest,
  ErpcResponse,
  ErpcResponseOptions,
  ErpcResponseTimeout,
} from './erpc/requests.ts'
export { ErpcRequest, ErpcRequests } from './erpc/requests.ts'
export type {
  DiscoveredNode,
  DiscoveryEvent,
  DiscoveryFunctions,
  DiscoveryStats,
  FindNodesOptions,
  LookupNodeOptions,
  NodeRegistration,
  NodeSource,
  RegisterNodeOptions,
} from './discovery/discovery.ts'
export { DiscoveryError, DiscoveryHttpError, TicketError } from './discovery/errors.ts'
export type { DiscoveryKind, DiscoveryOptions } from './discovery/options.ts'
export { DISCOVERY_DEFAULTS } from './discovery/options.ts'
export type { FormedOptions, StrategyInfo } from './discovery/offers.ts'
export type { DiscoverySelf, Strategy, StrategyContext } from './discovery/strategy.ts'
export type { StaticNodesOptions } from './discovery/static.ts'
export { staticNodes } from './discovery/static.ts'
export type { DnsAddress, DnsResolver, DnsService } from './discovery/dns-resolver.ts'
export type { NodeDnsResolverOptions } from './discovery/node-dns-resolver.ts'
export { nodeDnsResolver } from './discovery/node-dns-resolver.ts'
export type { DnsFamily, DnsOptions } from './discovery/dns-options.ts'
export type { DnsPollOptions } from './discovery/dns-poll.ts'
export { dnsPoll } from './discovery/dns-poll.ts'
export type { DnsSrvOptions } from './discovery/dns-srv.ts'
export { dnsSrv } from './discovery/dns-srv.ts'
export type { GossipOptions } from './discovery/gossip.ts'
export { gossip } from './discovery/gossip.ts'
export type {
  MulticastOptions,
  MulticastPort,
  MulticastSocket,
} from './discovery/multicast-port.ts'
export type { MdnsOptions } from './discovery/mdns-options.ts'
export type { MdnsNodesOptions } from './discovery/mdns-nodes.ts'
export { mdnsNodes } from './discovery/mdns-nodes.ts'
export type { MdnsSocketsOptions } from './discovery/mdns.ts'
export { mdnsSockets } from './discovery/mdns.ts'
export type {
  MdnsHandlers,
  MdnsPacket,
  MdnsPort,
  MdnsRecord,
  MdnsSocket,
} from './discovery/mdns-port.ts'
export type { DhtNodesOptions } from './discovery/dht-nodes.ts'
export { dhtNodes } from './discovery/dht-nodes.ts'
export type { HttpClient, HttpRequest, HttpResponse } from './discovery/http-client.ts'
export type { KubernetesMode } from './discovery/kubernetes-objects.ts'
export type { KubernetesOptions } from './discovery/kubernetes.ts'
export { kubernetes } from './discovery/kubernetes.ts'
export type { ConsulOptions } from './discovery/consul.ts'
export { consul } from './discovery/consul.ts'
export type { CreateTicketOptions, ParseTicketOptions, Ticket } from './discovery/ticket.ts'
export { parseTicket, ticketNodes } from './discovery/ticket.ts'
export type { Environment, EnvironmentOptions } from './discovery/environment.ts'
export { nodeOptionsFromEnvironment } from './discovery/environment.ts'
export type { EntityRef } from './sharding/entity-ref.ts'
export { ShardError } from './sharding/errors.ts'
export type { EntityFacts, ShardingOptions } from './sharding/options.ts'
export type { ShardingStats } from './sharding/region.ts'
export type { Sharded, ShardingFunctions } from './sharding/sharding.ts'
export type { DistributedChildInfo, DistributedChildStatus } from './supervisor/child.ts'
export type { HandoffReply } from './supervisor/child-mover.ts'
export type { DistributedChildSpec, DistributedChildTemplate } from './supervisor/child-spec.ts'
export type {
  DistributedSupervisorFunctions,
  DistributedSupervisorTarget,
} from './supervisor/distributed-supervisor.ts'
export {
  DistributedBehaviorNotFoundError,
  DistributedChildClaimError,
  DistributedChildError,
  DistributedChildNotFoundError,
  DistributedChildRunningError,
  DistributedChildrenMaxError,
  DistributedDuplicateChildError,
  DistributedHandoffError,
  DistributedInvalidSimpleOneForOneError,
  DistributedMaxRestartsExceededError,
  DistributedMissingChildTemplateError,
  DistributedSupervisorError,
  NoAvailableNodeError,
} from './supervisor/errors.ts'
export type { LifecycleEvent } from './supervisor/events.ts'
export type { DistributedSupervisorOptions } from './supervisor/options.ts'
export type {
  CandidateNode,
  NodeLoad,
  NodeSelector,
  NodeSelectorFunction,
} from './supervisor/placement.ts'
export { rendezvousNode } from './supervisor/rendezvous.ts'
export type {
  DistributedChildCounts,
  DistributedSupervisorApi,
  DistributedSupervisorRef,
  DistributedSupervisorStats,
  DrainResult,
} from './supervisor/supervisor-server.ts'
export { DistributedSupervisorContract } from './supervisor/supervisor-server.ts'
export { GroupsError } from './groups/errors.ts'
export type {
  DispatchOptions,
  DispatchTo,
  GroupEvent,
  GroupMessage,
  GroupScope,
  GroupsFunctions,
  GroupsMonitor,
  GroupsStats,
  MonitorGroupsOptions,
} from './groups/groups.ts'
export type { GroupsOptions } from './groups/options.ts'
export type { GlobalRegistryEvent, GlobalRegistryEvents } from './names/events.ts'
export {
  GlobalTimeoutError,
  GlobalNameConflictError,
  GlobalNameNotFoundError,
  GlobalRegistryError,
} from './names/errors.ts'
export type {
  GlobalRegistryFunctions,
  GlobalRegistryStats,
  Nameable,
  Registered,
} from './names/global-registry.ts'
export type { NamesOptions, RegisterOptions, SyncOptions } from './names/options.ts'
export type {
  GlobalEntry,
  NameConflictMessage,
  NameResolver,
  ResolveName,
} from './names/resolver.ts'
export type { NodeGoneReason } from './lost-lives.ts'
export type { MonitorNodesOptions, NodeMessage, NodeMonitorReason } from './node-monitors.ts'
export type { NodeTarget } from './node-directory.ts'
export type { WorkerNode, Workers } from './workers/workers.ts'
export type { WorkerNodeOptions, WorkersOptions } from './workers/options.ts'
export type { WorkerModule } from './workers/thread-main.ts'
export { WorkerError } from './workers/errors.ts'
export type { NodeIdComponents, NodeIdFunctions } from './node-id.ts'
export { isNodeId, NodeId } from './node-id.ts'
export type { DistOptions } from './options.ts'
export { DIST_DEFAULTS } from './options.ts'
export type { AcquireOptions, Lease, StrictLeases } from './leases/leases.ts'
export type { LeaseOptions, LeaseSettings } from './leases/options.ts'
export { LEASE_DEFAULTS } from './leases/options.ts'
export { LeaseError } from './leases/errors.ts'
export { SingletonError } from './singletons/errors.ts'
export type { SingletonSettings } from './singletons/options.ts'
export { SINGLETON_DEFAULTS } from './singletons/options.ts'
export type {
  Singleton,
  SingletonContext,
  SingletonFunctions,
  SingletonOptions,
} from './singletons/singleton.ts'
export { LockError } from './locks/errors.ts'
export type { GlobalLocks, LockId } from './locks/locks.ts'
export type { LockOptions, LockSettings } from './locks/options.ts'
export { LOCK_DEFAULTS } from './locks/options.ts'
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
  ClusterConnectError,
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
