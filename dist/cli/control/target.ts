/**
 * What the control socket can ask of a running node. The server knows only this interface, so that
 * it is tested without a node, and the node knows nothing of sockets.
 */
import type { DhtAnswer } from '../operations/dht.ts'
import type { DhtHopRow } from '../operations/dht-rows.ts'
import type { MemberEventRow, MemberRow } from '../operations/member-row.ts'
import type { NodeNumbers } from '../operations/node-numbers.ts'
import type { TopologyReport } from '../operations/topology.ts'
import type { MessageRow, ServedRow } from '../operations/service-rows.ts'
import type { PresenceMessageRow } from '../operations/presence-rows.ts'
import type { PresenceQuestion } from '../operations/presence.ts'
import type { FollowSink, ServiceAnswer, SubscribeQuestion } from '../operations/services.ts'
import type { DhtQuestion } from './dht-question.ts'
import type { Offer, ServiceQuestion } from './service-question.ts'

/** Who and where the node is. */
export interface NodeInfo {
  readonly node: string
  readonly key: string
  readonly host: string
  readonly port: number
  readonly realm: string
  readonly osPid: number
}

/** Where a request goes, and how long it may take. */
export interface TargetOptions {
  /** `name@host:port`, or a name that only one member has; undefined is the node itself. */
  readonly node?: string | undefined
  /** Deadline of the request; of each call when it repeats. */
  readonly timeoutMs: number
  /** Aborted when the asking command went away. */
  readonly signal: AbortSignal
}

/** The answer to `ping`. */
export interface PingResult {
  readonly node: string
  readonly rttMs: number
}

/** What to start. */
export interface SpawnRequest {
  readonly behaviour: string
  readonly arg: unknown
  /** Name to register on the node where it runs. */
  readonly name?: string | undefined
  /** Under a supervisor on that node, which restarts it. */
  readonly supervised: boolean
}

/** What was started. */
export interface SpawnResult {
  readonly node: string
  readonly pid: string
  readonly name?: string
  readonly supervised: boolean
}

/** What to call. */
export interface CallRequest {
  readonly name: string
  readonly method: string
  readonly input: unknown
  /** How often, one after the other; the value is that of the last. */
  readonly repeat: number
}

/** The answer of a process, and how long its answers took. */
export interface CallResult {
  readonly value: unknown
  readonly calls: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** A process ended. */
export interface DownResult {
  readonly name: string
  readonly node: string
  readonly reason: string
}

/** Who answered at an address that the node was told to join. */
export interface JoinResult {
  readonly node: string
  readonly key: string
  /** True when it was a member before. */
  readonly already: boolean
  /** Members that are up afterwards, this node included. */
  readonly membersUp: number
}

/** How far a survey of the mesh goes. */
export interface SurveyOptions {
  /** Nodes asked at most; undefined is the default of the node. */
  readonly nodesMax: number | undefined
  /** Deadline of the whole survey. */
  readonly timeoutMs: number
  /** Aborted when the asking command went away. */
  readonly signal: AbortSignal
}

/** A running node, as far as the command line needs it. */
export interface ControlTarget {
  info(): NodeInfo
  /** The node itself, then those it knows. */
  members(): readonly MemberRow[]
  /** Calls `onEvent` for every change after what `members()` gives now; gives the way to stop. */
  watchMembers(onEvent: (event: MemberEventRow) => void): () => void
  /** The changes that the node remembers, oldest first. */
  memberLog(): readonly MemberEventRow[]
  /** Makes a link to `address` and keeps it as a seed; rejects with `ERR_JOIN_*`. */
  join(address: string, options: TargetOptions): Promise<JoinResult>
  /** Asks the other nodes for their neighbours. */
  topology(options: SurveyOptions): Promise<TopologyReport>
  stats(): NodeNumbers
  /** Asks the DHT; `onHop` is told the steps of a lookup that is traced. */
  dht(
    question: DhtQuestion,
    onHop: (hop: DhtHopRow) => void,
    options: TargetOptions,
  ): Promise<DhtAnswer>
  /** Publishes, calls, or says what is known of topics and procedures. */
  services(question: ServiceQuestion, options: TargetOptions): Promise<ServiceAnswer>
  /** Tells the messages of a filter; gives the way to stop. Throws for a filter that is none. */
  subscribe(what: SubscribeQuestion, sink: FollowSink<MessageRow>): () => void
  /** Tells who is present in a topic, then every change; resolves with the way to stop when all have been told. */
  presence(question: PresenceQuestion, push: (row: PresenceMessageRow) => void): Promise<() => void>
  /** Offers a procedure and tells its calls; resolves with the way to stop. */
  advertise(offer: Offer, push: (row: ServedRow) => void): Promise<() => void>
  ping(options: TargetOptions): Promise<PingResult>
  spawn(request: SpawnRequest, options: TargetOptions): Promise<SpawnResult>
  call(request: CallRequest, options: TargetOptions): Promise<CallResult>
  /** Resolves when the named process ended; `onMonitoring` is called once it is being watched. */
  monitor(
    name: string,
    onMonitoring: (node: string) => void,
    options: TargetOptions,
  ): Promise<DownResult>
}
