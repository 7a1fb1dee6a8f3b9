/** Settings of streams, with defaults. */
import { numberOption, OptionError } from '../../../runtime/index.ts'
import type { OptionCheck } from '../../../runtime/index.ts'
import { WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, WINDOW_FRAMES_MAX } from './frames.ts'

/** Limits of the streams of one node; what is not given has its default. */
export interface StreamLimits {
  /**
   * Bytes on the way that the reader has not read, per direction. Default 256 KiB, 64 KiB to 64 MiB. More is faster over
   * long ways and costs that much memory per stream on both sides.
   */
  readonly streamWindowBytes?: number
  /** The same in items, of which a large one counts as one for each 32 KiB. Default 1,024. */
  readonly streamWindowFrames?: number
  /** Bytes of one item, the input or the result. Default 16 MiB. */
  readonly streamItemBytesMax?: number
  /** Bytes by which large items that arrive may pass their windows, all streams together. Default 64 MiB. */
  readonly streamLargeBytesMax?: number
  /** Streams that this node has open. Default 4,096. */
  readonly streamsOutboundMax?: number
  /** Streams of others that this node serves. Default 4,096. */
  readonly streamsInboundMax?: number
  /** The same of one peer. Default 256. */
  readonly streamsPerPeerMax?: number
  /** Streams that one peer may open within a second, whatever becomes of them. Default 512. */
  readonly streamOpensPerSecondMax?: number
  /** Items written and not awaited that wait for room, per stream. Default 1,024. */
  readonly streamWritesMax?: number
  /** How long a stream may be quiet before the other side is asked. Default 5,000 ms. */
  readonly streamProbeMs?: number
  /** How long the other side may say nothing at all, also to a question; twice `streamProbeMs` at least. Default 20,000 ms. */
  readonly streamSilenceMs?: number
  /** How long no item may move in either direction. Default 300,000 ms. */
  readonly streamIdleMs?: number
}

/** {@link StreamLimits} with everything decided. */
export type StreamLimitSettings = Readonly<Required<StreamLimits>>

/** The dials as shipped. */
export const STREAM_DEFAULTS: StreamLimitSettings = Object.freeze({
  streamWindowBytes: 262_144,
  streamWindowFrames: 1_024,
  streamItemBytesMax: 16_777_216,
  streamLargeBytesMax: 67_108_864,
  streamsOutboundMax: 4_096,
  streamsInboundMax: 4_096,
  streamsPerPeerMax: 256,
  streamOpensPerSecondMax: 512,
  streamWritesMax: 1_024,
  streamProbeMs: 5_000,
  streamSilenceMs: 20_000,
  streamIdleMs: 300_000,
})

const COUNT_MAX = 1_000_000
const TIME_MS_MAX = 86_400_000

/** How each is checked. */
export const STREAM_CHECKS: { readonly [Name in keyof StreamLimitSettings]: OptionCheck } =
  Object.freeze({
    streamWindowBytes: numberOption(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX),
    streamWindowFrames: numberOption(2, WINDOW_FRAMES_MAX),
    streamItemBytesMax: numberOption(1_024, WINDOW_BYTES_MAX),
    streamLargeBytesMax: numberOption(0, Number.MAX_SAFE_INTEGER),
    streamsOutboundMax: numberOption(1, COUNT_MAX),
    streamsInboundMax: numberOption(0, COUNT_MAX),
    streamsPerPeerMax: numberOption(0, COUNT_MAX),
    streamOpensPerSecondMax: numberOption(1, COUNT_MAX),
    streamWritesMax: numberOption(1, COUNT_MAX),
    streamProbeMs: numberOption(10, TIME_MS_MAX),
    streamSilenceMs: numberOption(20, TIME_MS_MAX),
    streamIdleMs: numberOption(20, TIME_MS_MAX),
  })

/** Whoever is asked must have the time to answer. Throws an `OptionError`. */
export function checkStreamTimes({ streamProbeMs, streamSilenceMs }: StreamLimitSettings): void {
  if (streamSilenceMs >= 2 * streamProbeMs) return
  throw new OptionError(
    'ERR_OPTION_INVALID',
    'streamSilenceMs',
    `rpc: option 'streamSilenceMs' must be at least twice 'streamProbeMs' (${streamProbeMs}), received ${streamSilenceMs}`,
  )
}
