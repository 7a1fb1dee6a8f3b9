/** Every dial and limit of the courier. Times are milliseconds. */
import { numberOption, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'

/** Options of a courier; what is not given has its default. */
export interface CourierOptions {
  /**
   * Bytes of one message. Default 64 MiB; then `ERR_COURIER_TOO_LARGE`. Raising it lets one peer make this node
   * hold that much for a message that is not whole yet.
   */
  readonly valueBytesMax?: number
  /**
   * Bytes of payload up to which a message travels in one frame; a larger one is cut into pieces of that size, which
   * go on the bulk lane. Default 65,536. Raising it delays small messages behind large ones.
   */
  readonly chunkBytes?: number
  /** How long a message waits for a way to its node. Default 10,000 ms; then `ERR_COURIER_TIMEOUT`. */
  readonly waitTimeoutMs?: number
  /**
   * Bytes that wait for one node. Default 16 MiB; a message that finds nothing waiting is taken whatever its size.
   * Each message counts 128 bytes more than it has.
   */
  readonly waitingBytesPerNodeMax?: number
  /** Bytes that wait for all nodes together. Default 256 MiB, at least `valueBytesMax`. */
  readonly waitingBytesMax?: number
  /** Time of one dial; default 5,000 ms. What comes later is of no use to a message that waits. */
  readonly dialTimeoutMs?: number
  /** Nodes that wait for their turn to be dialled. Default 1,024; then other ways are tried at once. */
  readonly dialQueueMax?: number
  /**
   * How long a node that could not be dialled is sent to through others before it is dialled again. Default 30,000 ms.
   * Lowering it finds a way of its own sooner, and dials more in vain.
   */
  readonly pathTtlMs?: number
  /** Time of a lookup of an address or a public key in the DHT. Default 5,000 ms. */
  readonly lookupTimeoutMs?: number
  /**
   * Sealed envelopes to one node that nobody has acknowledged. Default 4; what comes meanwhile waits and shares the next
   * ones. Raising it makes better use of long ways, and lets more get out of order when a way changes.
   */
  readonly envelopesPerNodeMax?: number
  /**
   * How long other messages for a node wait for an envelope of which nothing is heard: one that is lost on its way holds up all
   * that follows it for so long. Default 3,000 ms. Lowering it lets messages pass those that wait on their way for a dial, which
   * may take 2 seconds at each node.
   */
  readonly envelopeWaitMs?: number
  /**
   * Public keys that are kept beside those of members. Default 16,384, about 250 bytes each. Whoever speaks to more peers at
   * the edge than that asks for their keys again with each message.
   */
  readonly keysMax?: number
  /** Public keys that are asked for at once. Default 256; others wait for their turn. Raising it asks gateways for more at once. */
  readonly keyQueriesMax?: number
  /**
   * Public keys that wait for that, `lookupTimeoutMs` at most. Default 16,384; then `ERR_COURIER_UNREACHABLE`. Lowering it
   * loses messages of who speaks to many new peers at once.
   */
  readonly keyQueueMax?: number
  /**
   * How old a sealed message may be, and how far the clock of its sender ahead. Default 600,000 ms; then
   * `ERR_COURIER_STALE`. Nodes whose clocks differ by more cannot speak through others.
   */
  readonly sealAgeMaxMs?: number
  /** Senders whose sealed messages are told from copies. Default 16,384; then `ERR_COURIER_SENDERS_MAX`. */
  readonly sendersMax?: number
  /** Large messages of one peer that are not whole yet. Default 64; then its oldest is given up. */
  readonly assembliesPerPeerMax?: number
  /** Bytes held for them, for one peer. Default 128 MiB. */
  readonly assemblyBytesPerPeerMax?: number
  /** Bytes held for them, for all peers. Default 512 MiB. */
  readonly assemblyBytesMax?: number
  /** How long a large message may rest unfinished. Default 30,000 ms. */
  readonly assemblyTimeoutMs?: number
}

/** {@link CourierOptions} with everything decided. */
export type CourierSettings = Readonly<Required<CourierOptions>>

/** The defaults. */
export const COURIER_DEFAULTS: CourierSettings = Object.freeze({
  valueBytesMax: 67_108_864,
  chunkBytes: 65_536,
  waitTimeoutMs: 10_000,
  waitingBytesPerNodeMax: 16_777_216,
  waitingBytesMax: 268_435_456,
  dialTimeoutMs: 5_000,
  dialQueueMax: 1_024,
  pathTtlMs: 30_000,
  lookupTimeoutMs: 5_000,
  envelopesPerNodeMax: 4,
  envelopeWaitMs: 3_000,
  keysMax: 16_384,
  keyQueriesMax: 256,
  keyQueueMax: 16_384,
  sealAgeMaxMs: 600_000,
  sendersMax: 16_384,
  assembliesPerPeerMax: 64,
  assemblyBytesPerPeerMax: 134_217_728,
  assemblyBytesMax: 536_870_912,
  assemblyTimeoutMs: 30_000,
})

const CHECKS: { readonly [K in keyof CourierOptions]-?: OptionCheck } = {
  valueBytesMax: numberOption(1_024, 4_294_967_295),
  // The smallest frame that a peer takes has 1,024 bytes; the header of a piece takes 13 of them.
  chunkBytes: numberOption(512, 1_048_576),
  waitTimeoutMs: numberOption(1, 2_147_483_647),
  waitingBytesPerNodeMax: numberOption(1, 1_099_511_627_776),
  waitingBytesMax: numberOption(1, 1_099_511_627_776),
  dialTimeoutMs: numberOption(1, 2_147_483_647),
  dialQueueMax: numberOption(0, 1_048_576),
  pathTtlMs: numberOption(0, 2_147_483_647),
  lookupTimeoutMs: numberOption(1, 2_147_483_647),
  envelopesPerNodeMax: numberOption(1, 1_024),
  envelopeWaitMs: numberOption(1, 2_147_483_647),
  keysMax: numberOption(1, 1_048_576),
  keyQueriesMax: numberOption(1, 1_048_576),
  keyQueueMax: numberOption(0, 1_048_576),
  sealAgeMaxMs: numberOption(1_000, 2_147_483_647),
  sendersMax: numberOption(1, 1_048_576),
  assembliesPerPeerMax: numberOption(1, 1_048_576),
  assemblyBytesPerPeerMax: numberOption(1_024, 1_099_511_627_776),
  assemblyBytesMax: numberOption(1_024, 1_099_511_627_776),
  assemblyTimeoutMs: numberOption(1, 2_147_483_647),
}

/** Checks `given` and decides the rest; `where` names the function whose option it is. */
export function courierSettings(where: string, given: CourierOptions = {}): CourierSettings {
  return Object.freeze({
    ...COURIER_DEFAULTS,
    ...resolveOptions<CourierOptions>(where, COURIER_DEFAULTS, CHECKS, given),
  })
}
