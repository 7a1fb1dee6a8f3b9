/**
 * Limits and waits of the distribution layer: defaults and checks. A node takes them beside the
 * options of its mesh; `resolveDistOptions` sorts the one from the other.
 */
import { isContract } from '../behaviours/index.ts'
import { VALUE_LIMITS } from '../mesh/index.ts'
import {
  ArgumentError,
  booleanOption,
  numberOption,
  OptionError,
  resolveOptions,
  type OptionCheck,
} from '../runtime/index.ts'

/** Dials of the distribution layer. */
export interface DistOptions {
  /**
   * Calls of one peer that may wait for an answer here. Default 65,536; more are refused with
   * `ERR_PEER_CALLS_MAX`. Lower it to protect slow servers, together with their mailbox bound.
   */
  readonly peerCallsMax: number
  /** Monitors of one peer on processes here. Default 65,536; then DOWN with `ERR_PEER_MONITORS_MAX`. */
  readonly peerMonitorsMax: number
  /** Links made by one peer to processes here. Default 65,536; then EXIT with `ERR_PEER_LINKS_MAX`. */
  readonly peerLinksMax: number
  /**
   * Removals of links that one peer has not acknowledged. Default 262,144; one more gives the peer up with
   * `ERR_PEER_UNLINKS_MAX`. Raise it only where processes remove more links than that within one round trip.
   */
  readonly peerUnlinksMax: number
  /**
   * Processes of one peer that start or live here. Default 65,536; then `ERR_PEER_SPAWNS_MAX`. It is
   * counted per node key and survives reconnections.
   */
  readonly peerSpawnsMax: number
  /**
   * Largest message, encoded, that is sent or put together from chunks, and what is under way at once in
   * sum. Default 64 MiB. One peer can make a node hold that much. All nodes of a mesh need the same value.
   */
  readonly valueBytesMax: number
  /** Values inside one message, containers included. Default 4,194,304. */
  readonly valueElementsMax: number
  /**
   * Bytes that may wait for one peer, and as many again in large values, or one larger value. Default 32 MiB.
   * Above it calls fail with `ERR_PEER_BACKLOG` and casts return false. Raising it buys longer bursts with memory.
   */
  readonly outboxBytesMax: number
  /**
   * Bytes on top for what must not be lost: signals, answers. Default 8 MiB. A peer for which that is
   * not enough is given up with `ERR_PEER_OVERLOADED`.
   */
  readonly outboxReserveBytesMax: number
  /**
   * Bytes of large values under way to one peer while other messages go there, or more, as far as that delays these by
   * some milliseconds only. Default 131,072. Higher keeps the way busier where the peer's event loop is often held up;
   * lower lets others pass sooner.
   */
  readonly chunkWindowBytes: number
  /** How long messages to a known node without a link wait for one. Default 2,000 ms. */
  readonly dialTimeoutMs: number
  /**
   * After a lost link or a failed dial, messages fail at once for this long, twice as long after each
   * further failure, up to 30 s. Default 1,000 ms. A link that the mesh makes by itself ends it.
   */
  readonly dialHoldOffMs: number
  /** Messages that may wait for one link to come up. Default 10,000; then `ERR_PEER_BACKLOG`. */
  readonly dialMessagesMax: number
  /**
   * Nodes that are spoken to through others at once, because they cannot be dialled. Default 256; then
   * `noconnection`, `ERR_DIST_RELAYS_MAX`. Each may cost three times `relayWindowBytes` here.
   */
  readonly relaysMax: number
  /** Bytes sent through others to one node and not acknowledged. Default 1 MiB. More is faster over long ways. */
  readonly relayWindowBytes: number
  /**
   * Silence, or a frame that does not arrive, for so long ends a conversation through others with
   * `noconnection`. Default 8,000 ms; a quarter of it is the pause between pings, and after as long what is not
   * acknowledged is sent again.
   */
  readonly relayTimeoutMs: number
  /** Wait for `RemoteSpawn.spawn` when the caller names none. Default 10,000 ms. */
  readonly spawnTimeoutMs: number
  /**
   * Whether errors that leave this node carry their stack, which shows file names. Default true: the
   * nodes of a realm trust each other.
   */
  readonly errorStacks: boolean
}

/** The defaults. */
export const DIST_DEFAULTS: DistOptions = Object.freeze({
  peerCallsMax: 65_536,
  peerMonitorsMax: 65_536,
  peerLinksMax: 65_536,
  peerUnlinksMax: 262_144,
  peerSpawnsMax: 65_536,
  valueBytesMax: VALUE_LIMITS.bytesMax,
  valueElementsMax: VALUE_LIMITS.elementsMax,
  outboxBytesMax: 33_554_432,
  outboxReserveBytesMax: 8_388_608,
  chunkWindowBytes: 131_072,
  dialTimeoutMs: 2_000,
  dialHoldOffMs: 1_000,
  dialMessagesMax: 10_000,
  relaysMax: 256,
  relayWindowBytes: 1_048_576,
  relayTimeoutMs: 8_000,
  spawnTimeoutMs: 10_000,
  errorStacks: true,
})

const amount = (min: number, max = 2_147_483_647): OptionCheck => numberOption(min, max)

const CHECKS: { readonly [K in keyof DistOptions]-?: OptionCheck } = {
  peerCallsMax: amount(1),
  peerMonitorsMax: amount(1),
  peerLinksMax: amount(1),
  peerUnlinksMax: amount(1),
  peerSpawnsMax: amount(1),
  valueBytesMax: amount(1_024, 1_073_741_824),
  valueElementsMax: amount(16, 67_108_864),
  outboxBytesMax: amount(1_024),
  outboxReserveBytesMax: amount(0),
  chunkWindowBytes: amount(1_024),
  dialTimeoutMs: amount(1),
  dialHoldOffMs: amount(0),
  dialMessagesMax: amount(1),
  relaysMax: amount(0),
  relayWindowBytes: amount(65_536),
  relayTimeoutMs: amount(100),
  spawnTimeoutMs: amount(1),
  errorStacks: booleanOption,
}

/** noex's words for options of the mesh. */
const RENAMED: Readonly<Record<string, string>> = {
  heartbeatIntervalMs: 'keepaliveIntervalMs',
  heartbeatMissThreshold: 'keepaliveMissesMax',
  reconnectBaseDelayMs: 'reconnectBaseMs',
  reconnectMaxDelayMs: 'reconnectMaxMs',
}

/** Throws an `ArgumentError` for what is no bag of options; without any, what is missing first is told. */
export function givenOptions<T extends object>(given: T | undefined): Partial<T> {
  if (given === undefined) return {}
  if (typeof given === 'object' && given !== null) return given
  throw new ArgumentError('options', 'an object', given)
}

/** Throws an `OptionError` for what is no list of contracts. */
export function checkContracts(contracts: readonly unknown[]): void {
  if (Array.isArray(contracts) && contracts.every(isContract)) return
  const text = "startNode: option 'contracts' must be a list of contracts"
  throw new OptionError('ERR_OPTION_INVALID', 'contracts', text)
}

/** The options of this layer in `given`, checked and completed, and the rest of `given`. */
export function resolveDistOptions<T extends object>(
  given: T,
): { readonly dist: Readonly<DistOptions>; readonly rest: Omit<T, keyof DistOptions> } {
  const own: Record<string, unknown> = {}
  const rest: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    const renamed = Object.hasOwn(RENAMED, name) ? RENAMED[name] : undefined
    if (renamed !== undefined) {
      const text = `startNode: option '${name}' is called '${renamed}' here`
      throw new OptionError('ERR_OPTION_RENAMED', name, text)
    }
    if (Object.hasOwn(CHECKS, name)) own[name] = value
    else rest[name] = value
  }
  const dist = resolveOptions<DistOptions>('startNode', DIST_DEFAULTS, CHECKS, own)
  return { dist, rest: rest as Omit<T, keyof DistOptions> }
}
