/**
 * Options of a mesh node: their defaults, their checks, and what each dial does. Merged once, checked
 * once; inner code reads {@link ResolvedMeshOptions}.
 */
import { createRealClock, createSystemEntropy, silentLogger } from '../runtime/index.ts'
import {
  booleanOption,
  functionOption,
  numberOption,
  loggerOption,
  objectOption,
  optional,
  OptionError,
  resolveOptions,
  stringOption,
} from '../runtime/index.ts'
import type { Clock, Entropy, Logger, OptionCheck, System } from '../runtime/index.ts'
import type { Candidate, Discovery } from './discovery/discovery.ts'
import { parseSeed } from './discovery/static.ts'
import { gatewayOption, resolveGateway } from './gateway/options.ts'
import type { GatewayOptions, ResolvedGatewayOptions } from './gateway/options.ts'
import { isClusterName, isHost, isNodeName } from './host.ts'
import type { NodeDisk } from './identity/data-dir.ts'
import type { Membership } from './identity/membership.ts'
import type { Realm } from './identity/realm.ts'
import { SECRET_CHARS_MAX, SECRET_CHARS_MIN } from './link/cluster-secret.ts'
import type { Metadata } from './membership/metadata.ts'
import { NO_METADATA } from './membership/metadata.ts'
import { isMembershipPreset, resolveMembership } from './membership/options.ts'
import type { MembershipPreset, MembershipSettings } from './membership/options.ts'
import type { SwimSettings } from './membership/swim/settings.ts'
import { MeshError } from './mesh-error.ts'
import { isDhtOption, resolveDht } from './routing/options.ts'
import type { DhtOptions, ResolvedDhtOptions } from './routing/options.ts'
import { resolveServices, servicesOption } from './services/options.ts'
import type { ServicesOptions } from './services/options.ts'
import type { Transport } from './transport/transport.ts'
import { FRAME_BYTES_MAX_DEFAULT, FRAME_BYTES_MAX_LIMIT } from './wire/frame.ts'

/** What `startMesh` takes. Only `realm` has no default. */
export interface MeshOptions {
  /**
   * The realm of this node: the path of a realm file, or a realm. Nodes of different realms refuse
   * each other. A bare name is not a realm: without the file anybody could claim it.
   */
  readonly realm?: string | Realm | undefined
  /**
   * Cluster of this node within its realm: 1 to 64 letters, digits, `.`, `_`, `-`. Default `'main'`.
   * Nodes of different clusters refuse each other (`cluster_mismatch`); use it to run staging beside
   * production with one authority. It is no secret: what must not meet belongs into two realms.
   */
  readonly cluster?: string | undefined
  /**
   * A secret that all nodes of the cluster and peers at its edge share, 16 to 1,024 characters, beside the realm. Both sides of a
   * link prove that they have it; it is never sent. Nodes with another one, or with and without, refuse each other
   * (`secret_mismatch`). Take a long random one: whoever has a membership can try guesses at home.
   */
  readonly clusterSecret?: string | undefined
  /** Whether other nodes leave this one out of their lists (`Cluster.getNodes`), as Erlang's hidden nodes. Default false. */
  readonly hidden?: boolean | undefined
  /** Name part of the node id: a letter, then letters, digits, `_`, `-`; 64 at most. Default `'node'`. */
  readonly name?: string | undefined
  /** The same as `name`, in noex's word. Give one of them. */
  readonly nodeName?: string | undefined
  /** Address to bind. Default `'0.0.0.0'`; `'::'` binds both families. */
  readonly host?: string | undefined
  /**
   * Host that others dial, an address or a name. Default: `host` if it is one address, else the first
   * IPv4 address of this machine that is not internal. Set it behind NAT and in containers.
   */
  readonly advertiseHost?: string | undefined
  /** UDP port to bind. Default 4433; 0 takes a free one. */
  readonly port?: number | undefined
  /** Port that others dial. Default: the bound one. Set it when a router maps ports. */
  readonly advertisePort?: number | undefined
  /** Nodes to find the mesh by: `'name@host:port'`, `'host:port'`. Tried until they answer. */
  readonly seeds?: readonly string[] | undefined
  /** Further sources of addresses. */
  readonly discovery?: readonly Discovery[] | undefined
  /**
   * Directory of key and incarnation, or the disk of a simulated node. Without it each start is a new
   * node with a new key.
   */
  readonly dataDir?: string | NodeDisk | undefined
  /**
   * Membership of this node in its realm, issued elsewhere. Needed when the realm file has no private key
   * and the data directory no `membership.json`.
   */
  readonly realmMembership?: Membership | undefined
  /** Words that say what this node can do; a link carries those that both sides have. */
  readonly capabilities?: readonly string[] | undefined

  /**
   * A ping goes out this often per link. Default 1,000 ms. Lower finds dead peers sooner and costs a
   * packet per link and interval; keep it above the longest pause of the event loop.
   */
  readonly keepaliveIntervalMs?: number | undefined
  /** Silent intervals until a link is down. Default 3. Raise it on lossy networks. */
  readonly keepaliveMissesMax?: number | undefined
  /**
   * A link that nobody holds, that no layer above needs and no frame of one has passed since the last ping, rests:
   * it pings once in so many intervals. Default 30, which is the most: membership and the transport's `idleTimeoutMs` find a
   * dead node whatever this is, and a link that is wanted again pings every interval. Lower measures the round trip of
   * links at rest more often; with 1 every cached link pings every interval.
   */
  readonly keepaliveRestFactor?: number | undefined
  /** Time of one handshake, transport included. Default 5,000 ms. */
  readonly handshakeTimeoutMs?: number | undefined
  /** Time of `mesh.connect` when the caller names none, waiting included. Default 10,000 ms. */
  readonly connectTimeoutMs?: number | undefined
  /** How long a goodbye may wait for the peer to take what is queued. Default 1,000 ms. */
  readonly leaveTimeoutMs?: number | undefined
  /** First pause before a node is dialled again. Default 500 ms, doubled each time, with jitter. */
  readonly reconnectBaseMs?: number | undefined
  /** Longest pause. Default 30,000 ms. Raising it spares dead addresses and slows healing. */
  readonly reconnectMaxMs?: number | undefined
  /**
   * How members are watched: `'local'` (one machine), `'lan'` (one data centre, default), `'wan'`, or an
   * object with a `preset` and what differs from it; `membership/swim/settings.ts` describes each dial.
   * All nodes of a mesh should have the same.
   */
  readonly membership?: MembershipPreset | MembershipSettings | undefined
  /**
   * What this node says about itself to all members: a flat map of strings, numbers and booleans, at most
   * `membership.metaBytesMax` bytes encoded (512). Default: nothing. `mesh.setMetadata` changes it.
   */
  readonly metadata?: Metadata | undefined
  /**
   * Standing links that this node chooses: half by place on the ring of keys, half by chance. Default 4. A
   * node keeps at most twice as many. Raise it for a graph that survives more deaths at once; each costs a
   * keepalive per second on both sides.
   */
  readonly neighbours?: number | undefined
  /**
   * The DHT of this node: `false` for none, or `{ mode, ...settings }`; `routing/options.ts`,
   * `routing/kademlia/settings.ts` and `routing/records/settings.ts` describe each dial. Default: a server with
   * the default settings. All nodes of a mesh should have the same `k`. Turn it off for nodes that use nothing
   * of it in a mesh where nobody does; make it `{ mode: 'client' }` for short-lived ones.
   */
  readonly dht?: false | DhtOptions | undefined
  /**
   * Whether this node is a gateway: it takes in peers at the edge (`connect`) and is their way into the mesh. `true`, or
   * an object with settings; `gateway/options.ts` describes each dial. Default: false.
   */
  readonly gateway?: boolean | GatewayOptions | undefined
  /**
   * Pub/sub and procedures of this node: `false` for none, or settings of their parts; `services/options.ts` says where each
   * dial is described. Default: all of them.
   */
  readonly services?: false | ServicesOptions | undefined
  /** Entries of `mesh.membership.log()`; older ones are dropped. Default 1,024; 0 keeps none. */
  readonly membershipEventsMax?: number | undefined

  /** Largest frame payload that this node takes. Default 1 MiB, at most 16 MiB. */
  readonly frameBytesMax?: number | undefined
  /** Bytes that may wait in one lane of one link. Default 16 MiB; then `ERR_LINK_QUEUE_FULL`. */
  readonly bytesQueuedMax?: number | undefined
  /**
   * Bytes of the bulk lane that may be under way to a peer while other messages go there, at least. Default 128 KiB; more
   * where the peer takes more within little more than a round trip. Higher brings bulk faster over long ways from the start; lower lets
   * calls wait less behind it. One frame is always let through.
   */
  readonly bulkWindowBytes?: number | undefined
  /**
   * Datagrams taken from one peer within a second. Default 2,000; the rest is dropped and counted
   * (`ERR_LINK_DATAGRAM_FLOOD`). A neighbour sends some ten; lower it only to bound the work that a
   * hostile member can cause.
   */
  readonly datagramsPerSecondMax?: number | undefined
  /**
   * A link that this node dialled, that nobody holds and nothing has passed for this long, is closed
   * with `idle`. Default 120,000 ms. Lower frees sockets and memory of peers sooner and costs a handshake
   * when the link is wanted again. Membership probes each of n members once in n seconds from either side: what is
   * closed sooner than that is dialled again for the next probe.
   */
  readonly linkIdleMs?: number | undefined
  /**
   * Above `linksIdleMax`, links are closed already when unused this long. Default 5,000 ms; at most
   * `linkIdleMs`. Lower closes links between two probes of one peer, which only costs handshakes.
   */
  readonly linkIdleMinMs?: number | undefined
  /**
   * Links that may stay open although nobody holds them, counted at the side that dialled. Default 64;
   * beyond it those are closed that will be needed last: the node knows whom it probes when, and what works is expected
   * after as long as it has rested. A peer that is about to probe this node may keep its link. In a mesh of up to about twice as many nodes no probe has to dial:
   * a link at rest costs a ping in thirty seconds, a handshake some fifteen packets. Raise it when nodes talk to many
   * others in turn; lower it to save the memory of links in a larger mesh, where many probes dial anyway.
   */
  readonly linksIdleMax?: number | undefined
  /**
   * How long the peer of an idle link may take to say whether the link may be closed; then it is closed with
   * `connection_closed` and `ERR_LINK_PARTING_TIMEOUT`. What is said to that peer meanwhile waits. Default 5,000 ms: above the longest
   * pause of an event loop. Lower it only with `keepaliveIntervalMs`; a dead peer is found by the keepalive before.
   */
  readonly linkPartingTimeoutMs?: number | undefined
  /** Established links. Default 1,024; then peers are rejected with `too_many_links`. */
  readonly linksMax?: number | undefined
  /**
   * Connections that are no links yet, or no longer. Default 256. Beyond it the oldest handshake gives
   * way to a new one once it has had a tenth of `handshakeTimeoutMs`; else the new one is closed.
   */
  readonly handshakesMax?: number | undefined
  /**
   * Dials under way at once. Default 32: the detector takes at most a quarter of them, the DHT half. Lower
   * it where many nodes start on one small machine; each dial is a handshake.
   */
  readonly dialsMax?: number | undefined
  /** Dials that wait for their turn. Default 1,024; then `ERR_DIAL_QUEUE_FULL`. */
  readonly dialQueueMax?: number | undefined
  /**
   * Members known at once, this node and those that are down included. Default 16,384; at least
   * `linksMax`. Beyond it newcomers are not taken (`ERR_SWIM_MEMBERS_MAX`).
   */
  readonly membersMax?: number | undefined
  /** Addresses from seeds and discovery. Default 256; then `ERR_SEEDS_FULL`. */
  readonly seedsMax?: number | undefined

  /** `'quic'` (default), or a transport, such as the simulated one. */
  readonly transport?: 'quic' | Transport | undefined
  /** Addresses of a host name. Default: the resolver of the operating system. */
  readonly lookup?: ((host: string) => Promise<readonly string[]>) | undefined
  /** Time. Default: the machine's. A simulated one makes runs repeatable. */
  readonly clock?: Clock | undefined
  /** Chance: keys, jitter, choices. Default: the operating system's. */
  readonly entropy?: Entropy | undefined
  /** Where lines go, in pino's shape. Default: nowhere. */
  readonly logger?: Logger | undefined
  /** System whose processes run the mesh. Default: one of its own, stopped with it. */
  readonly system?: System | undefined
}

/** Options that stay without a value when they are not given. */
type Unset =
  | 'clusterSecret'
  | 'realm'
  | 'nodeName'
  | 'advertiseHost'
  | 'advertisePort'
  | 'dataDir'
  | 'realmMembership'
  | 'system'

/** {@link MeshOptions} with everything decided. */
export type ResolvedMeshOptions = Readonly<
  Required<{
    [
      K in Exclude<keyof MeshOptions, Unset | 'membership' | 'dht' | 'gateway' | 'services'>
    ]: NonNullable<MeshOptions[K]>
  }> & {
    [K in Unset]: MeshOptions[K]
  } & {
    readonly realm: string | Realm
    readonly membership: SwimSettings
    /** Undefined for none. */
    readonly dht: ResolvedDhtOptions | undefined
    /** Undefined for none. */
    readonly gateway: ResolvedGatewayOptions | undefined
    /** Undefined for none. */
    readonly services: ServicesOptions | undefined
    readonly candidates: readonly Candidate[]
  }
>

/** The defaults of numbers and words. */
export const MESH_DEFAULTS: Readonly<
  Omit<Required<MeshOptions>, Unset | 'clock' | 'entropy' | 'lookup'>
> = Object.freeze({
  cluster: 'main',
  hidden: false,
  name: 'node',
  host: '0.0.0.0',
  port: 4433,
  seeds: Object.freeze([]),
  discovery: Object.freeze([]),
  capabilities: Object.freeze([]),
  keepaliveIntervalMs: 1_000,
  keepaliveMissesMax: 3,
  keepaliveRestFactor: 30,
  handshakeTimeoutMs: 5_000,
  connectTimeoutMs: 10_000,
  leaveTimeoutMs: 1_000,
  reconnectBaseMs: 500,
  reconnectMaxMs: 30_000,
  membership: 'lan',
  metadata: NO_METADATA,
  neighbours: 4,
  dht: Object.freeze({}),
  services: Object.freeze({}),
  gateway: false,
  membershipEventsMax: 1_024,
  frameBytesMax: FRAME_BYTES_MAX_DEFAULT,
  bytesQueuedMax: 16_777_216,
  bulkWindowBytes: 131_072,
  datagramsPerSecondMax: 2_000,
  linkIdleMs: 120_000,
  linkIdleMinMs: 5_000,
  linksIdleMax: 64,
  linkPartingTimeoutMs: 5_000,
  linksMax: 1_024,
  handshakesMax: 256,
  dialsMax: 32,
  dialQueueMax: 1_024,
  membersMax: 16_384,
  seedsMax: 256,
  transport: 'quic',
  logger: silentLogger,
})

const nameOption: OptionCheck = {
  expected: 'a letter, then letters, digits, _ or -, 64 characters at most',
  test: isNodeName,
}
const clusterOption: OptionCheck = {
  expected: '1 to 64 letters, digits, dots, dashes or underscores',
  test: isClusterName,
}
const secretOption: OptionCheck = {
  expected: `a text of ${SECRET_CHARS_MIN} to ${SECRET_CHARS_MAX} characters`,
  test: (value) =>
    typeof value === 'string' &&
    value.length >= SECRET_CHARS_MIN &&
    value.length <= SECRET_CHARS_MAX,
}
const hostOption: OptionCheck = { expected: 'an IP address or a host name', test: isHost }
const listOption: OptionCheck = { expected: 'a list', test: Array.isArray }
const wordsOption: OptionCheck = {
  expected: 'a list of at most 64 words of 1 to 64 characters',
  test: (value) =>
    Array.isArray(value) &&
    value.length <= 64 &&
    value.every((word) => typeof word === 'string' && /^[\x21-\x7e]{1,64}$/.test(word)),
}
const realmOption: OptionCheck = {
  expected: 'the path of a realm file, or a realm',
  test: (value) => stringOption.test(value) || objectOption.test(value),
}
const dataDirOption: OptionCheck = {
  expected: 'the path of a directory, or a simulated disk',
  test: (value) => stringOption.test(value) || objectOption.test(value),
}
const transportOption: OptionCheck = {
  expected: "'quic' or a transport",
  test: (value) => value === 'quic' || objectOption.test(value),
}
const membershipOption: OptionCheck = {
  expected: "'local', 'lan', 'wan' or an object with settings",
  test: (value) => isMembershipPreset(value) || objectOption.test(value),
}
const dhtOption: OptionCheck = {
  expected: 'false, or an object with a mode and settings',
  test: isDhtOption,
}
const millis = (min: number): OptionCheck => numberOption(min, 2_147_483_647)
const amount = (min: number, max = 1_048_576): OptionCheck => numberOption(min, max)

const CHECKS: { readonly [K in keyof MeshOptions]-?: OptionCheck } = {
  realm: optional(realmOption),
  cluster: clusterOption,
  clusterSecret: optional(secretOption),
  hidden: booleanOption,
  name: nameOption,
  nodeName: optional(nameOption),
  host: hostOption,
  advertiseHost: optional(hostOption),
  port: numberOption(0, 65_535),
  advertisePort: optional(numberOption(1, 65_535)),
  seeds: listOption,
  discovery: listOption,
  dataDir: optional(dataDirOption),
  realmMembership: optional(objectOption),
  capabilities: wordsOption,
  keepaliveIntervalMs: millis(50),
  keepaliveMissesMax: amount(1, 1_000),
  keepaliveRestFactor: amount(1, 30),
  handshakeTimeoutMs: millis(50),
  connectTimeoutMs: millis(1),
  leaveTimeoutMs: millis(0),
  reconnectBaseMs: millis(10),
  reconnectMaxMs: millis(10),
  membership: membershipOption,
  metadata: objectOption,
  neighbours: amount(1, 64),
  dht: dhtOption,
  services: servicesOption,
  gateway: gatewayOption,
  membershipEventsMax: amount(0),
  frameBytesMax: amount(1_024, FRAME_BYTES_MAX_LIMIT),
  bytesQueuedMax: amount(4_096, 2_147_483_647),
  bulkWindowBytes: amount(1_024, 2_147_483_647),
  datagramsPerSecondMax: amount(1),
  linkIdleMs: millis(1),
  linkIdleMinMs: millis(0),
  linksIdleMax: amount(0),
  linkPartingTimeoutMs: millis(50),
  linksMax: amount(1),
  handshakesMax: amount(1),
  dialsMax: amount(1),
  dialQueueMax: amount(1),
  membersMax: amount(1),
  seedsMax: amount(1),
  transport: transportOption,
  lookup: optional(functionOption),
  clock: optional(objectOption),
  entropy: optional(objectOption),
  logger: loggerOption,
  system: optional(objectOption),
}

/** Options of the member exchange that the detector replaced, and what takes their place. */
const RENAMED: Readonly<Record<string, string>> = {
  syncIntervalMs: "set it in 'membership'",
  downMemberForgetMs: "it is 'tombstoneMs' in 'membership'",
  hearsayMax: 'nothing takes its place: only what a node signed about itself is believed',
}

function refuseRenamed(given: MeshOptions): void {
  for (const [name, text] of Object.entries(RENAMED)) {
    if (!Object.hasOwn(given, name)) continue
    const message = `startMesh: there is no option '${name}' any more: ${text}`
    throw new OptionError('ERR_OPTION_RENAMED', name, message)
  }
  const { membership } = given
  if (typeof membership !== 'object' || !Object.hasOwn(membership, 'signature')) return
  const message =
    "startMesh: a membership issued by the realm's authority goes to 'realmMembership'"
  throw new OptionError('ERR_OPTION_RENAMED', 'membership', message)
}

/** Before the check of all, whose message shows what was given. */
function refuseSecret({ clusterSecret }: MeshOptions): void {
  if (clusterSecret === undefined || secretOption.test(clusterSecret)) return
  const message = `startMesh: 'clusterSecret' must be ${secretOption.expected}`
  throw new OptionError('ERR_OPTION_INVALID', 'clusterSecret', message)
}

/** Checks `given` and decides everything that is not given. */
export function resolveMeshOptions(
  given: MeshOptions,
  lookup: (host: string) => Promise<readonly string[]>,
  where = 'startMesh',
): ResolvedMeshOptions {
  refuseRenamed(given)
  refuseSecret(given)
  const merged = resolveOptions<MeshOptions>(where, MESH_DEFAULTS, CHECKS, given)
  if (merged.realm === undefined) {
    throw new MeshError(
      'ERR_REALM_REQUIRED',
      "startMesh: 'realm' is required: the path of a realm file (made by `fovea realm create`), or " +
        'a realm made by createRealm',
    )
  }
  if (given.nodeName !== undefined && given.name !== undefined && given.name !== given.nodeName) {
    throw contradiction("'name' and 'nodeName' mean the same and differ")
  }
  const seeds = merged.seeds ?? []
  const {
    linksMax = 0,
    membersMax = 0,
    seedsMax = 0,
    reconnectBaseMs = 0,
    reconnectMaxMs = 0,
  } = merged
  if (membersMax < linksMax) throw contradiction("'membersMax' must be at least 'linksMax'")
  if (seeds.length > seedsMax) throw contradiction("more 'seeds' than 'seedsMax'")
  if (reconnectMaxMs < reconnectBaseMs) {
    throw contradiction("'reconnectMaxMs' must be at least 'reconnectBaseMs'")
  }
  if ((merged.linkIdleMinMs ?? 0) > (merged.linkIdleMs ?? 0)) {
    throw contradiction("'linkIdleMinMs' must be at most 'linkIdleMs'")
  }
  return Object.freeze({
    clock: createRealClock(),
    entropy: createSystemEntropy(),
    lookup,
    ...merged,
    membership: resolveMembership(merged.membership ?? 'lan', membersMax),
    dht: resolveDht(merged.dht ?? {}),
    services: resolveServices(merged.services ?? {}),
    gateway: resolveGateway(merged.gateway ?? false),
    name: given.nodeName ?? merged.name,
    candidates: seeds.map((seed) => parseSeed(seed)),
  }) as ResolvedMeshOptions
}

function contradiction(message: string): MeshError {
  return new MeshError('ERR_MESH_OPTIONS', `startMesh: ${message}`)
}
