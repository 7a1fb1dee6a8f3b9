/** Options of the simulated network. The limits have the names and meanings of the QUIC transport. */
import {
  functionOption,
  numberOption,
  objectOption,
  optional,
  resolveOptions,
  silentLogger,
} from '../../../runtime/index.ts'
import type { Clock, Entropy, Logger, OptionCheck } from '../../../runtime/index.ts'
import type { TransportAddress } from '../transport.ts'
import { CONDITION_CHECKS, LINK_CONDITIONS } from './conditions.ts'
import type { LinkConditions } from './conditions.ts'
import type { Frame } from './frame.ts'

/** Limits of an endpoint of the simulated network. */
export interface MemoryLimits {
  /** Silence after which a connection ends. Milliseconds, default 10,000. */
  readonly idleTimeoutMs?: number
  /** Silence after which a living endpoint speaks; `Infinity` for never. Default a third of it. */
  readonly keepaliveIntervalMs?: number
  /** A dialler must have proven its key by then. Milliseconds, default 5,000. */
  readonly handshakeTimeoutMs?: number
  /** Default deadline of a dial. Milliseconds, default 5,000. */
  readonly dialTimeoutMs?: number
  /** Connections of an endpoint. Default 4,096. */
  readonly connectionsMax?: number
  /** Accepted connections from one host. Default 512. */
  readonly connectionsPerAddressMax?: number
  /** Streams of ours open at once on a connection. Default 1,024. */
  readonly streamsMax?: number
  /** Bytes of a stream in flight and unread. Default 524,288. */
  readonly streamWindowBytes?: number
  /** `write` answers false from here on. Default 65,536. */
  readonly streamHighWaterBytes?: number
  /** Above this `write` throws `ERR_TRANSPORT_QUEUE_FULL`. Default 33,554,432. */
  readonly streamQueueBytesMax?: number
  /** The same for all streams of a connection. Default 134,217,728. */
  readonly connectionQueueBytesMax?: number
  /** Datagrams kept until `handle()`; more are lost. Default 1,024. */
  readonly datagramQueueMax?: number
  /** Longest datagram. Default 1,318, as with QUIC packets of 1,350 bytes. */
  readonly datagramBytesMax?: number
  /** Errors thrown by handlers go here. Default silent. */
  readonly logger?: Logger
}

/** Options of `MemoryNetwork`; only the clock and the entropy must be given. */
export interface MemoryNetworkOptions extends Partial<LinkConditions>, MemoryLimits {
  /** All time of this network. */
  readonly clock: Clock
  /** What chance decides comes from `seed`, or else from one draw of this. */
  readonly entropy: Entropy
  /** Fixes what chance decides: the same messages have the same fate. Default: drawn from `entropy`. */
  readonly seed?: number
  /** Told what arrives where, for traces; must not change anything. */
  readonly onArrival?: (arrival: Arrival) => void
  /** Conditions that differ for some links; see also `MemoryNetwork.setConditions`. */
  readonly conditions?: (from: TransportAddress, to: TransportAddress) => Partial<LinkConditions>
}

/** A message at its destination; valid during the call. */
export interface Arrival {
  readonly from: TransportAddress
  readonly to: TransportAddress
  readonly type: Frame['type'] | 'packet'
  readonly bytes: number
}

/** {@link MemoryNetworkOptions} after defaults and checks. */
export type ResolvedMemoryOptions = Readonly<
  Required<Omit<MemoryNetworkOptions, 'seed' | 'onArrival'>>
> & {
  readonly seed: number
  readonly onArrival: MemoryNetworkOptions['onArrival'] | undefined
}

type Merged = Omit<
  ResolvedMemoryOptions,
  'keepaliveIntervalMs' | 'clock' | 'entropy' | 'seed' | 'onArrival'
> & {
  seed: number | undefined
  onArrival: MemoryNetworkOptions['onArrival'] | undefined
  clock: Clock | undefined
  entropy: Entropy | undefined
  keepaliveIntervalMs: number | undefined
}

const DEFAULTS: Merged = Object.freeze({
  clock: undefined,
  entropy: undefined,
  seed: undefined,
  onArrival: undefined,
  ...LINK_CONDITIONS,
  conditions: () => ({}),
  idleTimeoutMs: 10_000,
  keepaliveIntervalMs: undefined,
  handshakeTimeoutMs: 5_000,
  dialTimeoutMs: 5_000,
  connectionsMax: 4_096,
  connectionsPerAddressMax: 512,
  streamsMax: 1_024,
  streamWindowBytes: 524_288,
  streamHighWaterBytes: 65_536,
  streamQueueBytesMax: 33_554_432,
  connectionQueueBytesMax: 134_217_728,
  datagramQueueMax: 1_024,
  datagramBytesMax: 1_318,
  logger: silentLogger,
})

const count: OptionCheck = numberOption(1, 2 ** 40)
const milliseconds: OptionCheck = numberOption(1, 2 ** 31 - 1)

const CHECKS: { readonly [K in keyof Merged]: OptionCheck } = {
  clock: objectOption,
  entropy: objectOption,
  seed: optional(numberOption(-(2 ** 31), 2 ** 32)),
  onArrival: optional(functionOption),
  ...CONDITION_CHECKS,
  conditions: functionOption,
  idleTimeoutMs: milliseconds,
  keepaliveIntervalMs: numberOption(1, Infinity),
  handshakeTimeoutMs: milliseconds,
  dialTimeoutMs: milliseconds,
  connectionsMax: count,
  connectionsPerAddressMax: count,
  streamsMax: count,
  streamWindowBytes: count,
  streamHighWaterBytes: count,
  streamQueueBytesMax: count,
  connectionQueueBytesMax: count,
  datagramQueueMax: count,
  datagramBytesMax: count,
  logger: objectOption,
}

/** Defaults and checks, once per network. */
export function resolveMemoryOptions(given: MemoryNetworkOptions): ResolvedMemoryOptions {
  const merged = resolveOptions('MemoryNetwork', DEFAULTS, CHECKS, given)
  const { clock, entropy } = given
  const seed = given.seed ?? Math.floor(entropy.random() * 4_294_967_296)
  const keepaliveIntervalMs = merged.keepaliveIntervalMs ?? Math.floor(merged.idleTimeoutMs / 3)
  return Object.freeze({ ...merged, clock, entropy, seed, keepaliveIntervalMs })
}
