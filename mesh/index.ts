/**
 * The mesh layer: authenticated nodes that find each other and talk over links. `startMesh` is the way
 * in; the rest is what the layer above (`dist`) builds on.
 */
export type {
  Mesh,
  MeshAdditions,
  MeshExtension,
  MeshExtensionChildren,
  MeshStats,
  MeshStopOptions,
} from './mesh.ts'
export { startMesh } from './mesh.ts'
export type { MeshOptions } from './options.ts'
export { MESH_DEFAULTS } from './options.ts'
export { MeshError } from './mesh-error.ts'
export { MESH_ERROR_PARTS, MESH_ERRORS } from './errors.ts'

export type { NodeKey } from './identity/node-key.ts'
export {
  compareNodeKeys,
  isNodeKey,
  nodeKeyEquals,
  nodeKeyFromBytes,
  nodeKeyFromHex,
  nodeKeyOfPublicKey,
} from './identity/node-key.ts'
export type { NodeKeys } from './identity/keys.ts'
export {
  generateNodeKeys,
  nodeKeysFromPem,
  nodeKeysFromSeed,
  verifySignature,
} from './identity/keys.ts'
export { checkCertificate, createCertificate } from './identity/certificate.ts'
export type { DataDir, NodeDisk } from './identity/data-dir.ts'
export { openDataDir } from './identity/data-dir.ts'
export { releaseAfterThread } from './identity/dir-lock.ts'
export type { Signatures } from './identity/signatures.ts'
export { ed25519Signatures } from './identity/signatures.ts'
export type { SimulatedSignaturesOptions } from './identity/simulated-signatures.ts'
export { simulatedSignatures } from './identity/simulated-signatures.ts'
export type { Membership as RealmMembership } from './identity/membership.ts'
export { formatMembership, parseMembershipFile } from './identity/membership.ts'
export type { PolicyAction, RealmPolicy } from './identity/policy.ts'
export { isGranted } from './identity/policy.ts'
export type {
  CreateRealmOptions,
  FormatRealmOptions,
  IssueOptions,
  Realm,
} from './identity/realm.ts'
export {
  checkMembership,
  createRealm,
  formatRealm,
  isRealm,
  isRealmName,
  issueMembership,
  loadRealm,
  signaturesOf,
} from './identity/realm.ts'
export type { Identity, IdentityOptions } from './identity/identity.ts'
export { openIdentity } from './identity/identity.ts'
export { CertificateError, DataDirError, KeyError, RealmError } from './identity/errors.ts'

export type { WireTypeId, WireTypeName } from './wire/messages.ts'
export { WireType, wireTypeName } from './wire/messages.ts'
export {
  encodeFrame,
  FRAME_BYTES_MAX_DEFAULT,
  FRAME_BYTES_MAX_LIMIT,
  FrameDecoder,
  HEADER_BYTES,
  PROTOCOL_VERSION,
  writeHeader,
} from './wire/frame.ts'
export type { CodecOptions } from './wire/codec.ts'
export { Codec } from './wire/codec.ts'
export type { Extension } from './wire/extension.ts'
export type { CodecLimits } from './wire/limits.ts'
export { MESSAGE_LIMITS, VALUE_LIMITS } from './wire/limits.ts'
export { checkTravels } from './wire/travels.ts'
export { CodecError, FrameError, MessageError, UnsendableError } from './wire/errors.ts'

export type {
  CloseInfo,
  ConnectionHandlers,
  ConnectionStats,
  DialOptions,
  Endpoint,
  EndpointOptions,
  EndpointStats,
  Refusal,
  StreamHandlers,
  StreamOptions as RpcStreamOptions,
  Transport,
  TransportAddress,
  TransportConnection,
  TransportSecurity,
  TransportStream,
} from './transport/transport.ts'
export { TransportError } from './transport/errors.ts'
export type {
  Arrival,
  Cut,
  JitterKind,
  LinkConditions,
  MemoryNetworkOptions,
  Place,
} from './transport/memory.ts'
export { MemoryNetwork } from './transport/memory.ts'
export type { WorkerTransportOptions } from './transport/worker.ts'
export {
  createNodeDoor,
  createWorkerTransport,
  Door,
  Line,
  Switchboard,
} from './transport/worker.ts'

export type { FrameVia, LaneName, Link, LinkEvent, LinkState, PeerInfo } from './link/link.ts'
export type { PartingEvent } from './link/parting.ts'
export { SharedWindow } from './link/shared-window.ts'
export type { LinkDownReason } from './link/reasons.ts'
export type { LinkFrameHandler } from './link/frame-router.ts'
export type { ConnectOptions, DialTarget } from './link/dialer.ts'
export type { LinkErrorCode } from './link/errors.ts'
export { LinkError } from './link/errors.ts'

export type { Member, MemberEvent, Membership, MemberState } from './membership/membership.ts'
export type { MembershipLogEntry } from './membership/event-log.ts'
export type { Metadata } from './membership/metadata.ts'
export type { MembershipPreset, MembershipSettings } from './membership/options.ts'
export type { DetectorStats } from './membership/detector.ts'
export type { Incarnation } from './membership/swim/statement.ts'
export type {
  Dht,
  DhtContact,
  DhtEntry,
  DhtFindOptions,
  DhtGetOptions,
  DhtHop,
  DhtKey,
  DhtLookup,
  DhtLookupResult,
  DhtNodeAddress,
  DhtCallOptions,
  DhtProvider,
  DhtProvision,
  DhtPutOptions,
  DhtPutResult,
  DhtStanding,
  DhtStats,
  DhtStoreRefusal,
  DhtValue,
  NamedValue,
} from './routing/dht.ts'
export type { DhtErrorOptions } from './routing/errors.ts'
export { DhtError } from './routing/errors.ts'
export type { DhtModeOption, DhtOptions } from './routing/options.ts'
export type { KadKey } from './routing/kademlia/id.ts'
export type { DhtMode, StoreRefusal } from './routing/kademlia/message.ts'
export type { RouterStats } from './routing/router.ts'
export type { RecordsStats } from './routing/records/core.ts'
export type { Store, StoreEntry, StoreLimits, StoreStats, StoreWrite } from './store/store.ts'
export { MemoryDisk, openMemoryStore } from './store/memory.ts'
export { StoreError } from './store/errors.ts'
export type { StoreErrorCode } from './store/errors.ts'
export { Refusals } from './refusals.ts'
export type { Candidate, Discovery, DiscoverySink } from './discovery/discovery.ts'
export { parseSeed, SEED_PORT_DEFAULT, staticDiscovery } from './discovery/static.ts'
export { Backoff } from './link/backoff.ts'
export type { BackoffOptions } from './link/backoff.ts'
export type { InterfaceAddress } from './host.ts'
export { isClusterName, isHost, isNodeName, machineAddresses } from './host.ts'
export { formatNodeId } from './link/peer-info.ts'

export type {
  ClientEvent,
  ClientInfo,
  Gateway,
  GatewayHealth,
  GatewayStats,
} from './gateway/gateway.ts'
export type { GatewayCounts, GatewayPart } from './gateway/memory.ts'
export type { GatewayOptions, GatewaySettings, HealthOptions } from './gateway/options.ts'
export type { GatewayErrorCode } from './gateway/errors.ts'
export { GatewayError } from './gateway/errors.ts'
export type { BridgeErrorCode } from './gateway/bridge-errors.ts'
export { BridgeError } from './gateway/bridge-errors.ts'
export type {
  BridgeEntry,
  BridgeKind,
  BridgeOutcome,
  BridgeSide,
  RealmBridgeOptions,
} from './gateway/bridge-options.ts'
export type { BridgeStats, RealmBridge } from './gateway/realm-bridge.ts'
export { createRealmBridge } from './gateway/realm-bridge.ts'
export type { Peer, PeerStats, ReadyOptions } from './peer/peer.ts'
export { connect } from './peer/peer.ts'
export type { PeerMeshOptions, PeerOptions, PeerSettings } from './peer/options.ts'
export type { PeerErrorCode } from './peer/errors.ts'
export { PeerError } from './peer/errors.ts'
export type { PeerState } from './peer/uplink.ts'
export type { NodeKind } from './wire/check.ts'

export type {
  Delivery,
  DrainOptions,
  Headers,
  MessageHandler,
  MessageStream,
  Overflow,
  PubSub,
  PubSubEvent,
  PubSubMessage,
  PubSubProcessMessage,
  PubSubReply,
  PubSubStats,
  PublishOptions,
  PublishResult,
  ReplyOptions,
  RequestManyOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionEnd,
  SubscriptionStats,
  TopicInfo,
} from './pubsub/pubsub.ts'
export type {
  AdvertiseOptions,
  Advertisement,
  CallBaseOptions,
  CallContext,
  CancelMode,
  ProviderResult,
  Rpc,
  RpcCallManyOptions,
  RpcCallOptions,
  RpcCastOptions,
  RpcHandler,
  RpcMetadata,
  RpcPriority,
  RpcProvider,
  RpcRequest,
  RpcTarget,
  SelectionStrategy,
} from './rpc/rpc.ts'
export type {
  AdvertiseStreamOptions,
  RpcStream,
  RpcStreams,
  StreamContext,
  StreamHandler,
  StreamOptions,
  StreamStats,
} from './rpc/streams/stream.ts'
export type {
  ClientArgs,
  ClientOptions,
  ContractClient,
  ContractHandlers,
  ContractService,
  ContractTarget,
  RpcContracts,
  ServeOptions,
} from './rpc/client/contract.ts'
export type {
  ListOptions,
  Presence,
  PresenceEntry,
  PresenceEvent,
  PresenceHandler,
  PresenceMessage,
  PresenceStats,
  PresenceStream,
  PresenceWatch,
  TrackOptions,
  TrackedPresence,
  WatchOptions,
} from './presence/presence.ts'
export type {
  Courier,
  CourierHandler,
  CourierOutcome,
  CourierSendOptions,
  CourierStats,
  GoneReason,
  Origin,
  ServiceLane,
} from './courier/courier.ts'
export type { RpcStats } from './rpc/stats.ts'
export type { ServicesOptions } from './services/options.ts'
export type {
  FindServicesOptions,
  ServiceChange,
  ServiceEntry,
  ServiceRegistryOptions,
  Services,
  ServicesStats,
  ServiceWatch,
  ToldOptions,
  WatchServicesOptions,
} from './services/registry.ts'
export type { ServicesErrorCode } from './services/errors.ts'
export { ServicesError } from './services/errors.ts'
export type { CatalogOptions } from './catalog/settings.ts'
export type { CourierOptions } from './courier/settings.ts'
export type { PubSubOptions } from './pubsub/options.ts'
export type { RpcOptions } from './rpc/options.ts'
export type { PresenceOptions, PresenceSettings } from './presence/options.ts'
export { presenceSettings } from './presence/options.ts'
export type { OwnEntry } from './presence/own-topic.ts'
export type { Diff } from './presence/diff.ts'
export type {
  OpenSpace,
  SpaceBytes,
  SpaceOptions,
  SpaceSizes,
  SpaceTopic,
} from './presence/space.ts'
export { SpaceEntry } from './presence/space.ts'
export type { EntryFacts } from './presence/owner.ts'
export type { PubSubErrorCode } from './pubsub/errors.ts'
export { PubSubError } from './pubsub/errors.ts'
export type { RemoteFailure, RpcErrorCode } from './rpc/errors.ts'
export { RpcError } from './rpc/errors.ts'
export { PresenceError } from './presence/errors.ts'
export { TopicError } from './topics/errors.ts'
export { CourierError } from './courier/errors.ts'
export { checkFilter, checkTopic, matchesFilter, normalizeTopic } from './topics/topic.ts'
export { HIDDEN_FIELD } from './membership/metadata.ts'
