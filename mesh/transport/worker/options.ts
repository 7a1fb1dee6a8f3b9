/** Options of the worker transport. The limits have the names and meanings of the QUIC transport. */
import {
  createRealClock,
  createSystemEntropy,
  numberOption,
  objectOption,
  resolveOptions,
  silentLogger,
} from '../../../runtime/index.ts'
import type { Clock, Entropy, Logger, OptionCheck } from '../../../runtime/index.ts'

/** Dials of connections between threads of one process. */
export interface WorkerTransportOptions {
  /**
   * A connection whose peer is silent this long is closed (`by: 'idle_timeout'`); the smaller value of both sides
   * counts. Milliseconds, default 10,000. A thread that ended is seen at once whatever this is: it finds threads
   * that are stuck, so keep it above the longest computation of one turn.
   */
  readonly idleTimeoutMs?: number
  /** A ping goes out after this much silence. Milliseconds, default a third of it; `Infinity` for never. */
  readonly keepaliveIntervalMs?: number
  /** A dialler that has not proven its key by then is dropped. Milliseconds, default 5,000. */
  readonly handshakeTimeoutMs?: number
  /** Default dial deadline. Milliseconds, default 5,000. */
  readonly dialTimeoutMs?: number
  /** Connections of an endpoint, handshakes included. Default 4,096; then `ERR_TRANSPORT_CONNECTION_LIMIT`. */
  readonly connectionsMax?: number
  /** Accepted connections from one host. Default 512; then `ERR_TRANSPORT_ADDRESS_LIMIT`. */
  readonly connectionsPerAddressMax?: number
  /**
   * Streams of each side open at once on a connection. Default 1,024. Times `streamWindowBytes` it bounds what
   * is between two threads.
   */
  readonly streamsMax?: number
  /**
   * Bytes of one stream on their way and unread. Default 524,288. Higher keeps a busy reader busier; lower bounds
   * memory and how long small messages wait behind large ones.
   */
  readonly streamWindowBytes?: number
  /** `write` answers false from here on; `onDrain` comes at half of it. Default 65,536. */
  readonly streamHighWaterBytes?: number
  /** Above this `write` throws `ERR_TRANSPORT_QUEUE_FULL`. Default 33,554,432. */
  readonly streamQueueBytesMax?: number
  /** The same for all streams of a connection. Default 134,217,728. */
  readonly connectionQueueBytesMax?: number
  /** Datagrams on their way and not yet taken; more are refused. Default 1,024. */
  readonly datagramQueueMax?: number
  /** Time of dials, handshakes and keepalive. Default the real clock. */
  readonly clock?: Clock
  /** Nonces of the handshake. Default the system's. */
  readonly entropy?: Entropy
  /** Errors thrown by handlers go here. Default silent. */
  readonly logger?: Logger
}

/** {@link WorkerTransportOptions} after defaults and checks. */
export type ResolvedWorkerOptions = Readonly<Required<WorkerTransportOptions>>

type Merged = Omit<ResolvedWorkerOptions, 'keepaliveIntervalMs' | 'clock' | 'entropy'> & {
  keepaliveIntervalMs: number | undefined
}

const DEFAULTS: Merged = Object.freeze({
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
  logger: silentLogger,
})

const count: OptionCheck = numberOption(1, 1_000_000)
const bytes: OptionCheck = numberOption(1, 2 ** 31 - 1)
const milliseconds: OptionCheck = numberOption(1, 2 ** 31 - 1)

const CHECKS: { readonly [K in keyof Merged]: OptionCheck } = {
  idleTimeoutMs: milliseconds,
  keepaliveIntervalMs: numberOption(1, Infinity),
  handshakeTimeoutMs: milliseconds,
  dialTimeoutMs: milliseconds,
  connectionsMax: count,
  connectionsPerAddressMax: count,
  streamsMax: count,
  streamWindowBytes: bytes,
  streamHighWaterBytes: bytes,
  streamQueueBytesMax: bytes,
  connectionQueueBytesMax: bytes,
  datagramQueueMax: count,
  logger: objectOption,
}

/** Defaults and checks, once per transport. */
export function resolveWorkerOptions(given: WorkerTransportOptions): ResolvedWorkerOptions {
  const { clock = createRealClock(), entropy = createSystemEntropy(), ...rest } = given
  const merged = resolveOptions('createWorkerTransport', DEFAULTS, CHECKS, rest)
  const keepaliveIntervalMs =
    merged.keepaliveIntervalMs ?? Math.max(1, Math.floor(merged.idleTimeoutMs / 3))
  return Object.freeze({ ...merged, clock, entropy, keepaliveIntervalMs })
}
