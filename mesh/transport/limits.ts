/**
 * The limits that every transport has, under one name each: QUIC, message ports and the simulated network. What only one of
 * them has stands with it.
 */
import { loggerOption, numberOption, OptionError, silentLogger } from '../../runtime/index.ts'
import type { Logger, OptionCheck } from '../../runtime/index.ts'

/** Dials of an endpoint; all of them have a default that suits a mesh of servers. */
export interface TransportLimits {
  /**
   * A connection whose peer is silent this long is closed (`by: 'idle_timeout'`); the smaller value of both sides
   * counts. Milliseconds, default 10,000. Lower finds dead peers sooner; it must stay above the longest time
   * your event loop blocks, or living peers are dropped.
   */
  readonly idleTimeoutMs?: number
  /**
   * Something that the peer must answer is sent after this much silence. Milliseconds, default a third of
   * `idleTimeoutMs`, `Infinity` for never: then idle connections end. Must be below `idleTimeoutMs`.
   */
  readonly keepaliveIntervalMs?: number
  /** A dialler that has not proven its key by then is dropped. Milliseconds, default 5,000. */
  readonly handshakeTimeoutMs?: number
  /** Default dial deadline. Milliseconds, default 5,000. */
  readonly dialTimeoutMs?: number
  /**
   * Connections of an endpoint, dialled and accepted, handshakes included. Default 4,096; over QUIC each costs about
   * 44 KB. Above it dials fail and diallers are told `ERR_TRANSPORT_CONNECTION_LIMIT`.
   */
  readonly connectionsMax?: number
  /**
   * Accepted connections from one host: an IPv4 address or IPv6 /64. Default 512; then `ERR_TRANSPORT_ADDRESS_LIMIT`. Lower
   * hurts many nodes behind one address; higher lets one host take more of `connectionsMax`.
   */
  readonly connectionsPerAddressMax?: number
  /**
   * Streams a peer may have open at once, and ours towards it. Default 1,024. Times `streamWindowBytes` this bounds what
   * a hostile peer can make us hold.
   */
  readonly streamsMax?: number
  /**
   * Bytes of one stream in flight and unread. Default 524,288. Higher helps bulk over long paths (window / round trip =
   * speed); lower keeps pings quick beside bulk and bounds memory.
   */
  readonly streamWindowBytes?: number
  /**
   * `write` answers false above this many queued bytes of a stream, and `onDrain` comes at half of it. Default 65,536. Higher
   * keeps a fast path busier, lower uses less memory.
   */
  readonly streamHighWaterBytes?: number
  /** Above this a `write` throws `ERR_TRANSPORT_QUEUE_FULL`. Default 33,554,432 (two largest frames). */
  readonly streamQueueBytesMax?: number
  /** The same for all streams of a connection together. Default 134,217,728. */
  readonly connectionQueueBytesMax?: number
  /** Datagrams waiting in each direction; more are refused (sending) or lost (receiving). Default 1,024. */
  readonly datagramQueueMax?: number
  /** Errors thrown by handlers go here. Default silent. */
  readonly logger?: Logger
}

/** {@link TransportLimits} before what follows from others. */
export type TransportLimitDefaults = Readonly<
  Required<Omit<TransportLimits, 'keepaliveIntervalMs'>>
> & { readonly keepaliveIntervalMs: number | undefined }

/** The defaults. */
export const TRANSPORT_LIMITS: TransportLimitDefaults = Object.freeze({
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

const milliseconds: OptionCheck = numberOption(1, 2 ** 31 - 1)
const count: OptionCheck = numberOption(1, 1_000_000)

/** How each of them is checked. */
export const TRANSPORT_LIMIT_CHECKS: { readonly [K in keyof TransportLimits]-?: OptionCheck } = {
  idleTimeoutMs: milliseconds,
  keepaliveIntervalMs: numberOption(1, Infinity),
  handshakeTimeoutMs: milliseconds,
  dialTimeoutMs: milliseconds,
  connectionsMax: count,
  connectionsPerAddressMax: count,
  streamsMax: count,
  streamWindowBytes: numberOption(1, 2 ** 30),
  streamHighWaterBytes: numberOption(1, 2 ** 30),
  streamQueueBytesMax: numberOption(1, 2 ** 40),
  connectionQueueBytesMax: numberOption(1, 2 ** 40),
  datagramQueueMax: numberOption(1, 65_536),
  logger: loggerOption,
}

/** The keepalive interval, after what the limits must be to one another. */
export function keepaliveOf(where: string, limits: TransportLimitDefaults): number {
  const { idleTimeoutMs, streamHighWaterBytes, streamQueueBytesMax } = limits
  const keepaliveIntervalMs =
    limits.keepaliveIntervalMs ?? Math.max(1, Math.floor(idleTimeoutMs / 3))
  if (keepaliveIntervalMs >= idleTimeoutMs && keepaliveIntervalMs !== Infinity) {
    const expected = `below idleTimeoutMs (${idleTimeoutMs}), or Infinity`
    throw contradiction(where, 'keepaliveIntervalMs', expected, keepaliveIntervalMs)
  }
  if (streamHighWaterBytes > streamQueueBytesMax) {
    const expected = `at most streamQueueBytesMax (${streamQueueBytesMax})`
    throw contradiction(where, 'streamHighWaterBytes', expected, streamHighWaterBytes)
  }
  return keepaliveIntervalMs
}

function contradiction(
  where: string,
  option: string,
  expected: string,
  received: number,
): OptionError {
  const text = `${where}: option '${option}' must be ${expected}, received ${received}`
  return new OptionError('ERR_OPTION_INVALID', option, text)
}
