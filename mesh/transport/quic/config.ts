/**
 * Options of the QUIC transport, as dials, and the two TLS/QUIC configurations made of them: one for
 * peers in the network and one for peers on this machine, where bigger packets may be allowed.
 * One configuration serves both roles: an endpoint is client and server at once.
 */
import { createRealClock } from '../../../runtime/index.ts'
import type { Clock } from '../../../runtime/index.ts'
import { createSystemEntropy } from '../../../runtime/index.ts'
import type { Entropy } from '../../../runtime/index.ts'
import { silentLogger } from '../../../runtime/index.ts'
import type { Logger } from '../../../runtime/index.ts'
import {
  booleanOption,
  numberOption,
  objectOption,
  OptionError,
  resolveOptions,
} from '../../../runtime/index.ts'
import type { OptionCheck } from '../../../runtime/index.ts'
import type { TransportSecurity } from '../transport.ts'
import { UDP_PAYLOAD_BYTES_MAX } from './native-checks.ts'
import type { Native, NativeConfig, NativeSettings } from './native.ts'

/** Dials of the QUIC transport. All of them have a default that suits a mesh of servers. */
export interface QuicOptions {
  /**
   * A connection whose peer is silent this long is closed (`by: 'idle_timeout'`); the smaller value
   * of both sides counts. Milliseconds, default 10,000. Lower finds dead peers sooner; it must stay
   * above the longest time your event loop blocks, or living peers are dropped.
   */
  readonly idleTimeoutMs?: number
  /**
   * A packet that the peer must answer is sent after this much silence. Milliseconds, default a
   * third of `idleTimeoutMs`, `Infinity` for never: then idle connections end. Must be below
   * `idleTimeoutMs`.
   */
  readonly keepaliveIntervalMs?: number
  /**
   * Bytes of UDP payload per packet sent, 1,200 to 16,383, default 1,350. Larger is faster (fewer
   * system calls) and a black hole on paths that do not carry it: nothing probes the path yet.
   */
  readonly udpPayloadBytes?: number
  /**
   * The same for peers on this machine (127.0.0.0/8, ::1), whose path has no smaller part. Default 16,383 on
   * Linux, 8,192 elsewhere (macOS sends no datagrams above 9,216 bytes unless told to). Bulk transfers are
   * about five times faster than with 1,350.
   */
  readonly loopbackPayloadBytes?: number
  /**
   * Asks the system, when a peer on this machine leaves packets unanswered for a fifth of a second, whether anybody has
   * its port, and ends the connection (`by: 'error'`, `ERR_TRANSPORT_PORT_CLOSED`) if nobody does. Default true: a
   * killed process is noticed soon after the next packet to it instead of after `idleTimeoutMs`.
   */
  readonly loopbackPortCheck?: boolean
  /**
   * Connections of an endpoint, dialled and accepted, handshakes included. Default 4,096; each costs
   * about 44 KB. Above it dials fail and diallers are told `ERR_TRANSPORT_CONNECTION_LIMIT`.
   */
  readonly connectionsMax?: number
  /**
   * Accepted connections from one IPv4 address or IPv6 /64. Default 512. Lower hurts many nodes
   * behind one address; higher lets one host take more of `connectionsMax`.
   */
  readonly connectionsPerAddressMax?: number
  /**
   * New connections accepted per second, with a burst of the same size. Default 1,000; each costs
   * about 1 ms of processor time. Above it first packets are dropped; diallers repeat them.
   */
  readonly acceptsPerSecondMax?: number
  /**
   * Streams a peer may have open at once, and ours towards it. Default 1,024. Times
   * `streamWindowBytes` this bounds what a hostile peer can make us hold.
   */
  readonly streamsMax?: number
  /**
   * Bytes of one stream in flight and unread. Default 524,288. Higher helps bulk over long paths
   * (window / round trip = speed); lower keeps pings quick beside bulk and bounds memory.
   */
  readonly streamWindowBytes?: number
  /**
   * The same for peers on this machine, where the round trip is short and every wait for more window costs a turn of
   * both programs. Default `streamWindowBytes` if that is given, else 1,048,576: calls with 64 KiB take a fifth less
   * processor time than with half of it.
   */
  readonly loopbackWindowBytes?: number
  /**
   * `write` answers false above this many queued bytes of a stream, and `onDrain` comes at half of
   * it. Default 65,536. Higher keeps a fast path busier, lower uses less memory.
   */
  readonly streamHighWaterBytes?: number
  /** Above this a `write` throws `ERR_TRANSPORT_QUEUE_FULL`. Default 33,554,432 (two largest frames). */
  readonly streamQueueBytesMax?: number
  /** The same for all streams of a connection together. Default 134,217,728. */
  readonly connectionQueueBytesMax?: number
  /** Datagrams waiting in each direction; more are refused (sending) or lost (receiving). Default 1,024. */
  readonly datagramQueueMax?: number
  /** A dialler that has not proven its key by then is dropped. Milliseconds, default 5,000. */
  readonly handshakeTimeoutMs?: number
  /**
   * With more handshakes than this in progress, diallers must first prove their address with a retry
   * token (one more round trip, no state here). Default 64; 0 demands it always.
   */
  readonly retryAboveHandshakes?: number
  /** Size asked of the system for the socket's send and receive buffers. Default 4,194,304. */
  readonly socketBufferBytes?: number
  /** Default dial deadline. Milliseconds, default 5,000. */
  readonly dialTimeoutMs?: number
  /** Time of our own deadlines (dials, handshakes, keepalive). Default the real clock. */
  readonly clock?: Clock
  /** Connection ids and the secret of retry tokens. Default the system's. */
  readonly entropy?: Entropy
  /** Errors thrown by handlers go here. Default silent. */
  readonly logger?: Logger
}

/** {@link QuicOptions} after defaults and checks. */
export type ResolvedQuicOptions = Readonly<Required<QuicOptions>>

type Defaults = Omit<ResolvedQuicOptions, Derived> & Record<Derived, number | undefined>

/** Options whose defaults follow from others. */
type Derived = 'keepaliveIntervalMs' | 'loopbackWindowBytes'

const LOOPBACK_WINDOW_BYTES = 1_048_576

/** What an option has when it is not given; the clock and the entropy are made per transport. */
export const QUIC_DEFAULTS: Readonly<Omit<Defaults, 'clock' | 'entropy'>> = Object.freeze({
  idleTimeoutMs: 10_000,
  keepaliveIntervalMs: undefined,
  udpPayloadBytes: 1_350,
  loopbackPayloadBytes: process.platform === 'linux' ? UDP_PAYLOAD_BYTES_MAX : 8_192,
  loopbackPortCheck: true,
  connectionsMax: 4_096,
  connectionsPerAddressMax: 512,
  acceptsPerSecondMax: 1_000,
  streamsMax: 1_024,
  streamWindowBytes: 524_288,
  loopbackWindowBytes: undefined,
  streamHighWaterBytes: 65_536,
  streamQueueBytesMax: 33_554_432,
  connectionQueueBytesMax: 134_217_728,
  datagramQueueMax: 1_024,
  handshakeTimeoutMs: 5_000,
  retryAboveHandshakes: 64,
  socketBufferBytes: 4_194_304,
  dialTimeoutMs: 5_000,
  logger: silentLogger,
})

const milliseconds: OptionCheck = numberOption(1, 2 ** 31 - 1)
const payload: OptionCheck = numberOption(1_200, UDP_PAYLOAD_BYTES_MAX)

const CHECKS: { readonly [K in keyof Defaults]: OptionCheck } = {
  idleTimeoutMs: numberOption(100, 2 ** 31 - 1),
  keepaliveIntervalMs: numberOption(10, Infinity),
  udpPayloadBytes: payload,
  loopbackPayloadBytes: payload,
  loopbackPortCheck: booleanOption,
  connectionsMax: numberOption(1, 1_000_000),
  connectionsPerAddressMax: numberOption(1, 1_000_000),
  acceptsPerSecondMax: numberOption(1, 1_000_000),
  streamsMax: numberOption(1, 1_000_000),
  streamWindowBytes: numberOption(1_024, 2 ** 30),
  loopbackWindowBytes: numberOption(1_024, 2 ** 30),
  streamHighWaterBytes: numberOption(1, 2 ** 30),
  streamQueueBytesMax: numberOption(1, 2 ** 40),
  connectionQueueBytesMax: numberOption(1, 2 ** 40),
  datagramQueueMax: numberOption(1, 65_536),
  handshakeTimeoutMs: milliseconds,
  retryAboveHandshakes: numberOption(0, 1_000_000),
  socketBufferBytes: numberOption(4_096, 2 ** 30),
  dialTimeoutMs: milliseconds,
  clock: objectOption,
  entropy: objectOption,
  logger: objectOption,
}

/** Defaults, checks and what follows from other options, once per transport. */
export function resolveQuicOptions(given: QuicOptions | undefined): ResolvedQuicOptions {
  const where = 'createQuicTransport'
  const defaults: Defaults = {
    ...QUIC_DEFAULTS,
    clock: createRealClock(),
    entropy: createSystemEntropy(),
  }
  const merged = resolveOptions(where, defaults, CHECKS, given)
  const keepaliveIntervalMs = merged.keepaliveIntervalMs ?? Math.floor(merged.idleTimeoutMs / 3)
  if (keepaliveIntervalMs >= merged.idleTimeoutMs && keepaliveIntervalMs !== Infinity) {
    throw contradiction(
      'keepaliveIntervalMs',
      `below idleTimeoutMs (${merged.idleTimeoutMs}), or Infinity, received ${keepaliveIntervalMs}`,
    )
  }
  if (merged.streamHighWaterBytes > merged.streamQueueBytesMax) {
    throw contradiction(
      'streamHighWaterBytes',
      `at most streamQueueBytesMax (${merged.streamQueueBytesMax}), ` +
        `received ${merged.streamHighWaterBytes}`,
    )
  }
  const windowBytes = given?.streamWindowBytes ?? LOOPBACK_WINDOW_BYTES
  const { loopbackWindowBytes = windowBytes } = merged
  return Object.freeze({ ...merged, keepaliveIntervalMs, loopbackWindowBytes })

  function contradiction(option: string, expected: string): OptionError {
    return new OptionError(
      'ERR_OPTION_INVALID',
      option,
      `${where}: option '${option}' must be ${expected}`,
    )
  }
}

/** The native configurations of one endpoint. */
export interface EndpointConfigs {
  readonly network: NativeConfig
  readonly loopback: NativeConfig
}

/** Makes both configurations; throws `ERR_TRANSPORT_SECURITY` for keys that cannot be used. */
export function makeConfigs(
  native: Native,
  options: ResolvedQuicOptions,
  security: TransportSecurity,
): EndpointConfigs {
  const settings: NativeSettings = {
    alpn: security.alpn,
    certificatePem: security.certificatePem,
    privateKeyPem: security.privateKeyPem,
    idleTimeoutMs: options.idleTimeoutMs,
    udpPayloadBytes: options.udpPayloadBytes,
    streamWindowBytes: options.streamWindowBytes,
    streamsMax: options.streamsMax,
    datagramQueueMax: options.datagramQueueMax,
  }
  const network = native.config(settings)
  const { loopbackPayloadBytes, loopbackWindowBytes } = options
  const loopback = native.config({
    ...settings,
    udpPayloadBytes: loopbackPayloadBytes,
    streamWindowBytes: loopbackWindowBytes,
  })
  return { network, loopback }
}
