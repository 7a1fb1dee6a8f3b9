/**
 * The option `dht` of a mesh: false for none, or a mode and what differs from the defaults. Every dial is
 * described in `kademlia/settings.ts`, `records/settings.ts` and, for those of envelopes, `greedy/settings.ts`;
 * here they get their ranges.
 */
import {
  booleanOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { MeshError } from '../mesh-error.ts'
import type { Store } from '../store/store.ts'
import {
  GREEDY_DEFAULTS,
  greedySettings,
  HOPS_CEILING,
  PAYLOAD_BYTES_CEILING,
  TTL_CEILING_MS,
} from './greedy/settings.ts'
import type { GreedySettings } from './greedy/settings.ts'
import { ROUTING_DEFAULTS, routingSettings } from './kademlia/settings.ts'
import type { RoutingSettings } from './kademlia/settings.ts'
import { RECORDS_DEFAULTS, recordsSettings } from './records/settings.ts'
import type { RecordsSettings } from './records/settings.ts'

/**
 * - `server`: answers, stands in tables, keeps records of others. Whom others cannot dial stands in no table
 *   whatever it says.
 * - `client`: only asks. For short-lived nodes and those behind NAT.
 * - `auto`: a client until another node has dialled this one, then a server.
 */
export type DhtModeOption = 'server' | 'client' | 'auto'

/** Settings of the DHT; what is not given has its default. */
export interface DhtOptions
  extends Partial<RoutingSettings>, Partial<Omit<RecordsSettings, keyof RoutingSettings>> {
  /** See {@link DhtModeOption}. Default `'server'`. */
  readonly mode?: DhtModeOption
  /**
   * Where records are kept. Default: a database in the data directory; without one in memory, where they end
   * with the node. A store that is given is not closed by the node.
   */
  readonly store?: Store | undefined
  /**
   * Publish where this node is, by its key and by its id (`name@host:port`). Default true; never in client mode.
   * Without it `findNode` of others does not find this node.
   */
  readonly publishAddress?: boolean
  /**
   * Requests under way at once, lookups and puts each. Default 1,024; then `ERR_DHT_EXCHANGES_MAX`. They cost
   * memory here and time of the peers; lookups are bounded by `lookupsMax` before that.
   */
  readonly exchangesMax?: number
  /** The same with one peer. Default 256: a slow peer must not take all of them. */
  readonly exchangesPerPeerMax?: number
  /** Dials and limits of envelopes, which are routed hop by hop. */
  readonly envelopes?: Partial<GreedySettings>
}

/** {@link DhtOptions} with everything decided. */
export interface ResolvedDhtOptions {
  readonly mode: DhtModeOption
  readonly store: Store | undefined
  readonly publishAddress: boolean
  readonly exchangesMax: number
  readonly exchangesPerPeerMax: number
  readonly routing: RoutingSettings
  readonly records: RecordsSettings
  readonly envelopes: GreedySettings
}

const OWN_DEFAULTS: Readonly<
  Required<Pick<DhtOptions, 'mode' | 'publishAddress' | 'exchangesMax' | 'exchangesPerPeerMax'>>
> = Object.freeze({
  mode: 'server',
  publishAddress: true,
  exchangesMax: 1_024,
  exchangesPerPeerMax: 256,
})

/** Numbers that need another range than others of their kind. */
const RANGES: Readonly<Record<string, OptionCheck>> = Object.freeze({
  k: numberOption(1, 64),
  alpha: numberOption(1, 64),
  alphaInteractive: numberOption(1, 64),
  beta: numberOption(0, 64),
  disjointPaths: numberOption(1, 16),
  answerFactor: numberOption(1, 4, true),
  softTimeoutFactor: numberOption(1, 64, true),
  refreshJitter: numberOption(0, 0.9, true),
  jitter: numberOption(0, 0.9, true),
  networkEntriesMax: numberOption(0, 1_048_576),
  networkBucketMax: numberOption(0, 1_048_576),
  // What is above that does not fit a frame of a peer with the smallest limits.
  valueBytesMax: numberOption(1, 524_288),
  bytesMax: numberOption(4_096, 1_099_511_627_776),
})

const CHECKS: { readonly [K in keyof DhtOptions]-?: OptionCheck } = {
  ...checksOf(RECORDS_DEFAULTS),
  ...checksOf(ROUTING_DEFAULTS),
  mode: oneOfOption('server', 'client', 'auto'),
  store: optional(objectOption),
  publishAddress: booleanOption,
  exchangesMax: numberOption(1, 1_048_576),
  exchangesPerPeerMax: numberOption(1, 1_048_576),
  envelopes: optional(objectOption),
}

const ENVELOPE_CHECKS: { readonly [K in keyof GreedySettings]-?: OptionCheck } = {
  ...checksOf(GREEDY_DEFAULTS),
  hopsMax: numberOption(1, HOPS_CEILING),
  timeoutMs: numberOption(1, TTL_CEILING_MS),
  payloadBytesMax: numberOption(1, PAYLOAD_BYTES_CEILING),
  forwardsReserved: numberOption(0, 1_048_576),
  forwardBytesMax: numberOption(1, 1_099_511_627_776),
  forwardBytesPerPeerMax: numberOption(1, 1_099_511_627_776),
  dialQueueMax: numberOption(0, 1_048_576),
}

/** Settings from the option; undefined for no DHT. Throws an `OptionError` or `ERR_MESH_OPTIONS`. */
export function resolveDht(given: false | DhtOptions): ResolvedDhtOptions | undefined {
  if (given === false) return undefined
  const checked = resolveOptions<DhtOptions>('startMesh', OWN_DEFAULTS, CHECKS, given)
  const routing = routingSettings(pick(checked, ROUTING_DEFAULTS))
  const records = recordsSettings(pick(checked, RECORDS_DEFAULTS))
  if (routing.bootstrapMaxMs < routing.bootstrapBaseMs) {
    throw contradiction("'bootstrapMaxMs' must be at least 'bootstrapBaseMs'")
  }
  if (records.recordTtlMaxMs < Math.max(records.recordTtlMs, records.providerTtlMs)) {
    throw contradiction("'recordTtlMaxMs' must be at least 'recordTtlMs' and 'providerTtlMs'")
  }
  return Object.freeze({
    ...OWN_DEFAULTS,
    ...pick(checked, OWN_DEFAULTS),
    ...{ store: checked.store, routing, records, envelopes: envelopesOf(checked.envelopes) },
  })
}

function envelopesOf(given: Partial<GreedySettings> | undefined): GreedySettings {
  const checked = resolveOptions<Partial<GreedySettings>>('startMesh', {}, ENVELOPE_CHECKS, given)
  const settings = greedySettings(pick(checked, GREEDY_DEFAULTS))
  if (settings.forwardsReserved >= settings.forwardsMax) {
    throw contradiction("'forwardsMax' must be more than 'forwardsReserved'")
  }
  return settings
}

/** True for what the option takes, as far as can be seen from outside. */
export function isDhtOption(value: unknown): boolean {
  return value === false || objectOption.test(value)
}

function checksOf<T extends object>(defaults: T): Readonly<Record<keyof T, OptionCheck>> {
  const checks = Object.entries(defaults).map(([name, value]) => [name, checkOf(name, value)])
  return Object.fromEntries(checks) as Readonly<Record<keyof T, OptionCheck>>
}

function checkOf(name: string, value: unknown): OptionCheck {
  if (typeof value === 'boolean') return booleanOption
  const range = RANGES[name]
  if (range !== undefined) return range
  return name.endsWith('Ms') ? numberOption(1, 2_147_483_647) : numberOption(1, 1_048_576)
}

function pick<T extends object>(from: object, names: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(from).filter(
      ([name, value]) => value !== undefined && Object.hasOwn(names, name),
    ),
  ) as Partial<T>
}

function contradiction(message: string): MeshError {
  return new MeshError('ERR_MESH_OPTIONS', `startMesh: dht: ${message}`)
}
