/** What a command line asks for, after parsing: one member per command. */
import type { MembershipPreset } from '../../mesh/index.ts'
import type { DiscoveryKind } from '../discovery/options.ts'
import type { MemberEventType } from './operations/member-row.ts'

/** Flags that every command has. */
export interface CommonArguments {
  readonly json: boolean
  /** Stack traces of failures, debug lines of the node. */
  readonly debug: boolean
}

/** `fovea start`. */
export interface StartArguments extends CommonArguments {
  readonly command: 'start'
  readonly name: string
  readonly host: string
  readonly port: number
  readonly advertiseHost: string | undefined
  readonly seeds: readonly string[]
  readonly dataDir: string | undefined
  readonly realm: string | undefined
  readonly cluster: string | undefined
  readonly preset: MembershipPreset | undefined
  readonly load: readonly string[]
  /** Whether peers at the edge are taken in. */
  readonly gateway: boolean
  /** TCP port of the health server of a gateway. */
  readonly healthPort: number | undefined
  /** How it finds others and is found, without being told an address. */
  readonly discovery: DiscoveryKind | undefined
}

/** What all commands that ask a running node have. */
export interface ClientArguments extends CommonArguments {
  readonly dataDir: string
}

/** How a command is a peer at the edge itself, for as long as it runs. */
export interface EdgeArguments {
  /** Addresses of gateways; one is enough. */
  readonly gateways: readonly string[]
  readonly realm: string
  /** Where its key is kept; undefined is a new one each time. */
  readonly dataDir: string | undefined
}

/** What commands have that ask a running node, or are peers at the edge. */
export interface EdgeClientArguments extends CommonArguments {
  /** Of the running node; undefined at the edge. */
  readonly dataDir: string | undefined
  readonly edge: EdgeArguments | undefined
}

/** `fovea members`. */
export interface MembersArguments extends ClientArguments {
  readonly command: 'members'
  readonly watch: boolean
}

/** `fovea join`. */
export interface JoinArguments extends ClientArguments {
  readonly command: 'join'
  readonly address: string
  readonly timeoutMs: number
}

/** `fovea topology`. */
export interface TopologyArguments extends ClientArguments {
  readonly command: 'topology'
  readonly nodesMax: number | undefined
  readonly timeoutMs: number
}

/** `fovea stats`. */
export interface StatsArguments extends ClientArguments {
  readonly command: 'stats'
}

/** `fovea events`. */
export interface EventsArguments extends ClientArguments {
  readonly command: 'events'
  readonly follow: boolean
  readonly node: string | undefined
  readonly by: string | undefined
  readonly types: readonly MemberEventType[]
  readonly last: number | undefined
}

/** What all of `fovea dht` have. */
export interface DhtCommonArguments extends ClientArguments {
  readonly timeoutMs: number
}

/** What those of `fovea dht` have that ask other nodes. */
export interface DhtDialArguments extends DhtCommonArguments {
  readonly disjointPaths: number | undefined
  readonly alpha: number | undefined
}

/** `fovea dht put`. */
export interface DhtPutArguments extends DhtDialArguments {
  readonly command: 'dht put'
  readonly value: string
  readonly name: string | undefined
  readonly ttlMs: number | undefined
  readonly quorum: number | undefined
  readonly once: boolean
}

/** `fovea dht get`. */
export interface DhtGetArguments extends DhtDialArguments {
  readonly command: 'dht get'
  readonly key: string
  readonly publisher: string | undefined
  readonly quorum: number | undefined
}

/** `fovea dht provide`. */
export interface DhtProvideArguments extends DhtDialArguments {
  readonly command: 'dht provide'
  readonly key: string
  readonly metadata: string | undefined
}

/** `fovea dht providers`. */
export interface DhtProvidersArguments extends DhtDialArguments {
  readonly command: 'dht providers'
  readonly key: string
  readonly count: number | undefined
}

/** `fovea dht withdraw`. */
export interface DhtWithdrawArguments extends DhtCommonArguments {
  readonly command: 'dht withdraw'
  /** Either this or the name of a value. */
  readonly key: string | undefined
  readonly name: string | undefined
}

/** `fovea dht table`. */
export interface DhtTableArguments extends DhtCommonArguments {
  readonly command: 'dht table'
}

/** `fovea dht lookup`. */
export interface DhtLookupArguments extends DhtDialArguments {
  readonly command: 'dht lookup'
  readonly key: string
  readonly trace: boolean
}

/** Any of `fovea dht`. */
export type DhtArguments =
  | DhtPutArguments
  | DhtGetArguments
  | DhtProvideArguments
  | DhtProvidersArguments
  | DhtWithdrawArguments
  | DhtTableArguments
  | DhtLookupArguments

/** `fovea publish`. */
export interface PublishArguments extends EdgeClientArguments {
  readonly command: 'publish'
  readonly topic: string
  readonly payload: unknown
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly timeoutMs: number
}

/** `fovea subscribe`. */
export interface SubscribeArguments extends EdgeClientArguments {
  readonly command: 'subscribe'
  readonly filter: string
  /** Of all members of this group, on all nodes, one gets each message. */
  readonly group: string | undefined
  /** Ends after so many messages; undefined goes on. */
  readonly count: number | undefined
  /** Ends after that time; undefined goes on. */
  readonly timeoutMs: number | undefined
}

/** `fovea call`. */
export interface RpcCallArguments extends EdgeClientArguments {
  readonly command: 'call'
  readonly procedure: string
  readonly input: unknown
  readonly timeoutMs: number
}

/** `fovea advertise`. */
export interface AdvertiseArguments extends EdgeClientArguments {
  readonly command: 'advertise'
  readonly procedure: string
  readonly reply: unknown
}

/** `fovea services`. */
export interface ServicesListArguments extends EdgeClientArguments {
  readonly command: 'services'
  readonly name: string | undefined
  readonly timeoutMs: number
}

/** `fovea topics`. */
export interface TopicsArguments extends ClientArguments {
  readonly command: 'topics'
  readonly timeoutMs: number
}

/** `fovea presence`. */
export interface PresenceArguments extends EdgeClientArguments {
  readonly command: 'presence'
  readonly topic: string
  /** Goes on with changes until Ctrl-C. */
  readonly watch: boolean
  /** How long nodes are waited for that have not told. */
  readonly timeoutMs: number
}

/** Any of those of topics and procedures. */
export type ServicesArguments =
  | PublishArguments
  | SubscribeArguments
  | RpcCallArguments
  | AdvertiseArguments
  | ServicesListArguments
  | TopicsArguments
  | PresenceArguments

/** `fovea ping`. */
export interface PingArguments extends ClientArguments {
  readonly command: 'ping'
  readonly node: string
  readonly timeoutMs: number
}

/** `fovea spawn`. */
export interface SpawnArguments extends ClientArguments {
  readonly command: 'spawn'
  readonly behaviour: string
  readonly node: string | undefined
  readonly name: string | undefined
  readonly arg: unknown
  readonly supervised: boolean
  readonly timeoutMs: number
}

/** `fovea ref call`. */
export interface CallArguments extends ClientArguments {
  readonly command: 'ref call'
  readonly name: string
  readonly method: string
  readonly input: unknown
  readonly node: string | undefined
  readonly repeat: number
  readonly timeoutMs: number
}

/** `fovea ref monitor`. */
export interface MonitorArguments extends ClientArguments {
  readonly command: 'ref monitor'
  readonly name: string
  readonly node: string | undefined
}

/** `fovea realm create`. */
export interface RealmCreateArguments extends CommonArguments {
  readonly command: 'realm create'
  readonly name: string
  readonly out: string
  /** Where the same goes without the authority's private key. */
  readonly publicOut: string | undefined
}

/** `fovea realm issue`. */
export interface RealmIssueArguments extends CommonArguments {
  readonly command: 'realm issue'
  readonly nodeKey: string
  readonly realm: string
  readonly validDays: number
  readonly out: string | undefined
}

/** `fovea demo`. */
export interface DemoArguments extends CommonArguments {
  readonly command: 'demo'
}

/** Any command. */
export type Command =
  | StartArguments
  | MembersArguments
  | JoinArguments
  | TopologyArguments
  | StatsArguments
  | EventsArguments
  | DhtArguments
  | ServicesArguments
  | PingArguments
  | SpawnArguments
  | CallArguments
  | MonitorArguments
  | RealmCreateArguments
  | RealmIssueArguments
  | DemoArguments
