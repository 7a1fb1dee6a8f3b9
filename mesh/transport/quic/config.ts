/**
 * Options of the QUIC transport, as dials, and the two TLS/QUIC configurations made of them: one for
 * peers in the network and one for peers on this machine, where bigger packets may be allowed.
 * One configuration serves both roles: an endpoint is client and server at once.
 */
import {
  booleanOption,
  createRealClock,
  createSystemEntropy,
  numberOption,
  objectOption,
  resolveOptions,
} from '../../../runtime/index.ts'
import type { Clock, Entropy, OptionCheck } from '../../../runtime/index.ts'
import { keepaliveOf, TRANSPORT_LIMIT_CHECKS, TRANSPORT_LIMITS } from '../limits.ts'
import type { TransportLimits } from '../limits.ts'
import type { TransportSecurity } from '../transport.ts'
import { UDP_PAYLOAD_BYTES_MAX } from './native-checks.ts'
import type { Native, NativeConfig, NativeSettings } from './native.ts'

/** Dials of the QUIC transport. All of them have a default that suits a mesh of servers. */
export interface QuicOptions extends TransportLimits {
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
   * New connections accepted per second, with a burst of the same size. Default 1,000; each costs
   * about 1 ms of processor time. Above it first packets are dropped; diallers repeat them.
   */
  readonly acceptsPerSecondMax?: number
  /**
   * `streamWindowBytes` for peers on this machine, where the round trip is short and every wait for more window costs a
   * turn of both programs. Default `streamWindowBytes` if that is given, else 1,048,576: calls with 64 KiB take a fifth less
   * processor time than with half of it.
   */
  readonly loopbackWindowBytes?: number
  /**
   * With more handshakes than this in progress, diallers must first prove their address with a retry
   * token (one more round trip, no state here). Default 64; 0 demands it always.
   */
  readonly retryAboveHandshakes?: number
  /** Size asked of the system for the socket's send and receive buffers. Default 4,194,304. */
  readonly socketBufferBytes?: number
  /** Time of our own deadlines (dials, handshakes, keepalive). Default the real clock. */
  readonly clock?: Clock
  /** Connection ids and the secret of retry tokens. Default the system's. */
  readonly entropy?: Entropy
}

/** {@link QuicOptions} after defaults and checks. */
export type ResolvedQuicOptions = Readonly<Required<QuicOptions>>

type Defaults = Omit<ResolvedQuicOptions, Derived> & Record<Derived, number | undefined>

/** Options whose defaults follow from others. */
type Derived = 'keepaliveIntervalMs' | 'loopbackWindowBytes'

const LOOPBACK_WINDOW_BYTES = 1_048_576

/** What an option has when it is not given; the clock and the entropy are made per transport. */
export const QUIC_DEFAULTS: Readonly<Omit<Defaults, 'clock' | 'entropy'>> = Object.freeze({
  ...TRANSPORT_LIMITS,
  udpPayloadBytes: 1_350,
  loopbackPayloadBytes: process.platform === 'linux' ? UDP_PAYLOAD_BYTES_MAX : 8_192,
  loopbackPortCheck: true,
  acceptsPerSecondMax: 1_000,
  loopbackWindowBytes: undefined,
  retryAboveHandshakes: 64,
  socketBufferBytes: 4_194_304,
})

const payload: OptionCheck = numberOption(1_200, UDP_PAYLOAD_BYTES_MAX)

const CHECKS: { readonly [K in keyof Defaults]: OptionCheck } = {
  ...TRANSPORT_LIMIT_CHECKS,
  idleTimeoutMs: numberOption(100, 2 ** 31 - 1),
  keepaliveIntervalMs: numberOption(10, Infinity),
  udpPayloadBytes: payload,
  loopbackPayloadBytes: payload,
  loopbackPortCheck: booleanOption,
  acceptsPerSecondMax: numberOption(1, 1_000_000),
  streamWindowBytes: numberOption(1_024, 2 ** 30),
  loopbackWindowBytes: numberOption(1_024, 2 ** 30),
  retryAboveHandshakes: numberOption(0, 1_000_000),
  socketBufferBytes: numberOption(4_096, 2 ** 30),
  clock: objectOption,
  entropy: objectOption,
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
  const keepaliveIntervalMs = keepaliveOf(where, merged)
  const windowBytes = given?.streamWindowBytes ?? LOOPBACK_WINDOW_BYTES
  const { loopbackWindowBytes = windowBytes } = merged
  return Object.freeze({ ...merged, keepaliveIntervalMs, loopbackWindowBytes })
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
