/** Dials and limits of presence, their defaults and their ranges. */
import { numberOption, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'

/** Everything decided. */
export interface PresenceSettings {
  /** Changes of this node are told together after this. Default 5. */
  readonly batchMs: number
  /** Bytes of a key. Default 256. All nodes alike. */
  readonly keyBytesMax: number
  /** Bytes of an encoded meta. Default 4,096. All nodes alike. */
  readonly metaBytesMax: number
  /** Entries of this node. Default 100,000. */
  readonly ownEntriesMax: number
  /** Entries of one other node that are known here. Default 100,000. */
  readonly nodeEntriesMax: number
  /** Those of all others. Default 1,000,000. */
  readonly remoteEntriesMax: number
  /** Watches of this node. Default 65,536. */
  readonly watchesMax: number
  /** Leaves that one watch with `leaveDelayMs` holds back; beyond it the oldest is told at once. Default 65,536. */
  readonly lateLeavesMax: number
  /** Changes of one topic that are remembered for watchers that missed some; those that missed more get all. Default 4,096. */
  readonly logMax: number
  /** How long the first snapshot waits for nodes that have not told theirs. Default 2,000. */
  readonly syncTimeoutMs: number
  /** A topic that was listed is kept known for so long. Default 30,000. */
  readonly idleMs: number
  /** Watchers say what they have after this. Default 20. */
  readonly ackDelayMs: number
  /** A watcher that did not is told how far it should be; twice as late each time. Default 1,000. */
  readonly ackTimeoutMs: number
  /** A node that did not tell what it was asked for is asked again; twice as late each time. Default 1,000. */
  readonly askTimeoutMs: number
  /** No later than this. Default 30,000. */
  readonly retryMaxMs: number
  /** What is under way of a node that is gone arrives within this, and is not believed. Default 30,000. */
  readonly goneMs: number
  /** How often the network is asked for others, unless all members are known anyway. Default 30,000. */
  readonly seekIntervalMs: number
  /** Messages of one peer within a second. Default 20,000. */
  readonly messagesPerSecondMax: number
  /** Bytes of answers to one peer within a second. Default 67,108,864. */
  readonly answerBytesPerSecondMax: number
}

/** What differs from {@link PRESENCE_DEFAULTS}. */
export type PresenceOptions = Partial<PresenceSettings>

/** The defaults. */
export const PRESENCE_DEFAULTS: PresenceSettings = Object.freeze({
  batchMs: 5,
  keyBytesMax: 256,
  metaBytesMax: 4_096,
  ownEntriesMax: 100_000,
  nodeEntriesMax: 100_000,
  remoteEntriesMax: 1_000_000,
  watchesMax: 65_536,
  lateLeavesMax: 65_536,
  logMax: 4_096,
  syncTimeoutMs: 2_000,
  idleMs: 30_000,
  ackDelayMs: 20,
  ackTimeoutMs: 1_000,
  askTimeoutMs: 1_000,
  retryMaxMs: 30_000,
  goneMs: 30_000,
  seekIntervalMs: 30_000,
  messagesPerSecondMax: 20_000,
  answerBytesPerSecondMax: 67_108_864,
})

const TIME: OptionCheck = numberOption(1, 2_147_483_647)
const COUNT: OptionCheck = numberOption(1, 16_777_216)
const DELAY: OptionCheck = numberOption(0, 60_000)

const CHECKS: { readonly [K in keyof PresenceSettings]-?: OptionCheck } = {
  batchMs: DELAY,
  keyBytesMax: numberOption(1, 1_024),
  metaBytesMax: numberOption(1, 16_384),
  ownEntriesMax: COUNT,
  nodeEntriesMax: COUNT,
  remoteEntriesMax: COUNT,
  watchesMax: COUNT,
  lateLeavesMax: COUNT,
  logMax: COUNT,
  syncTimeoutMs: TIME,
  idleMs: TIME,
  ackDelayMs: DELAY,
  ackTimeoutMs: TIME,
  askTimeoutMs: TIME,
  retryMaxMs: TIME,
  goneMs: TIME,
  seekIntervalMs: TIME,
  messagesPerSecondMax: COUNT,
  answerBytesPerSecondMax: numberOption(65_536, 1_099_511_627_776),
}

/** Settings from options. Throws an `OptionError`. */
export function presenceSettings(
  given: PresenceOptions = {},
  where = 'presence',
): PresenceSettings {
  return resolveOptions<PresenceSettings>(where, PRESENCE_DEFAULTS, CHECKS, given)
}
