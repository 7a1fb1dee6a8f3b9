/** Dials and limits of pub/sub, their defaults and their ranges. */
import { numberOption, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'

/** Everything decided. */
export interface PubSubSettings {
  /**
   * Bytes of one encoded payload, sent or received. Default 1,048,576; at most 16,000,000. Raise it on all nodes: one
   * with less drops what is larger.
   */
  readonly payloadBytesMax: number
  /** Headers of one message. Default 32. */
  readonly headersMax: number
  /** Bytes of all of them. Default 4,096. */
  readonly headerBytesMax: number
  /** Subscriptions of this node. Default 1,000,000. */
  readonly subscriptionsMax: number
  /** Publishes that wait until it is known who wants them. Default 10,000, then `ERR_PUBSUB_PENDING_MAX`. */
  readonly publishPendingMax: number
  /** Bytes of their payloads. Default 67,108,864. */
  readonly publishPendingBytesMax: number
  /** `at_most_once`: messages that wait for one slow node; then the oldest is dropped. Default 8,192. */
  readonly queueMessagesMax: number
  /** Bytes of them. Default 16,777,216. */
  readonly queueBytesMax: number
  /**
   * `at_least_once`: messages on the way to one node. Default 256. More help when the round trip is long; receivers
   * take twice as many as they have themselves.
   */
  readonly windowMessagesMax: number
  /** Bytes of them; one message is always let through. Default 8,388,608. */
  readonly windowBytesMax: number
  /** Messages that wait for the acknowledgement of one node. Default 65,536, then `ERR_PUBSUB_OUTBOX_FULL`. */
  readonly outboxMessagesMax: number
  /** Bytes of those of all nodes. Default 268,435,456. */
  readonly outboxBytesMax: number
  /** How long a message is tried. Default 300,000; then `ERR_PUBSUB_UNACKNOWLEDGED`. */
  readonly outboxTtlMs: number
  /** First wait for an acknowledgement; it doubles. Default 500. Should be some round trips. */
  readonly retryBaseMs: number
  /** Longest wait, and that for what the receiver has but has not handled. Default 10,000. */
  readonly retryMaxMs: number
  /** Waits vary by that share. Default 0.2. */
  readonly retryJitter: number
  /** Sessions of publishers that are remembered, so that repetitions are recognised. Default 16,384. */
  readonly sessionsMax: number
  /** Those of one publisher. Default 8. */
  readonly sessionsPerPublisherMax: number
  /**
   * A session is forgotten when nothing came for so long, and by its publisher when nothing was sent for so long and nothing
   * waits; more than `outboxTtlMs` of all. Default 900,000.
   */
  readonly sessionTtlMs: number
  /** Last values of own publishes, and remembered ones of others, each. Default 262,144. */
  readonly retainedMax: number
  /** Bytes of each. Default 268,435,456. */
  readonly retainedBytesMax: number
  /**
   * How far the wall clock of a publisher may be ahead of that of this node: a last value from later is not kept, for none
   * could replace it until then. Default 300,000; more than clocks differ.
   */
  readonly stampAheadMaxMs: number
  /** Default of {@link RequestOptions.timeoutMs}, 5,000. */
  readonly requestTimeoutMs: number
  /** Requests that wait for replies. Default 65,536. */
  readonly requestsMax: number
  /** Default of {@link SubscribeOptions.maxPendingMessages}, 65,536. */
  readonly maxPendingMessages: number
  /** Default of {@link SubscribeOptions.maxPendingBytes}, 67,108,864. */
  readonly maxPendingBytes: number
  /** How long a drained subscription waits for what is on its way. Default 200; a round trip and more. */
  readonly drainGraceMs: number
  /** Default of {@link DrainOptions.timeoutMs}, 5,000. */
  readonly drainTimeoutMs: number
  /** Messages and acknowledgements of one peer in a second; more are dropped. Default 500,000. */
  readonly messagesPerSecondMax: number
  /** Topics whose subscribers are remembered ready for use. Default 16,384. */
  readonly routesMax: number
  /** How long a node that wanted no message of a topic is left out. Default 10,000. */
  readonly unwantedTtlMs: number
  /**
   * For how long a message is kept that went to a drawn member of a group on another node, so that another one gets it if that
   * one was gone when it came. Default 5,000; more than a round trip.
   */
  readonly groupReturnMs: number
  /** Messages kept so, one for each group. Default 4,096; of more than go out within a round trip the oldest may be lost. */
  readonly groupLettersMax: number
  /** Bytes of them. Default 8,388,608. */
  readonly groupLettersBytesMax: number
}

/** What differs from {@link PUBSUB_DEFAULTS}. */
export type PubSubOptions = Partial<PubSubSettings>

/** The defaults. */
export const PUBSUB_DEFAULTS: PubSubSettings = Object.freeze({
  payloadBytesMax: 1_048_576,
  headersMax: 32,
  headerBytesMax: 4_096,
  subscriptionsMax: 1_000_000,
  publishPendingMax: 10_000,
  publishPendingBytesMax: 67_108_864,
  queueMessagesMax: 8_192,
  queueBytesMax: 16_777_216,
  windowMessagesMax: 256,
  windowBytesMax: 8_388_608,
  outboxMessagesMax: 65_536,
  outboxBytesMax: 268_435_456,
  outboxTtlMs: 300_000,
  retryBaseMs: 500,
  retryMaxMs: 10_000,
  retryJitter: 0.2,
  sessionsMax: 16_384,
  sessionsPerPublisherMax: 8,
  sessionTtlMs: 900_000,
  retainedMax: 262_144,
  retainedBytesMax: 268_435_456,
  stampAheadMaxMs: 300_000,
  requestTimeoutMs: 5_000,
  requestsMax: 65_536,
  maxPendingMessages: 65_536,
  maxPendingBytes: 67_108_864,
  drainGraceMs: 200,
  drainTimeoutMs: 5_000,
  messagesPerSecondMax: 500_000,
  routesMax: 16_384,
  unwantedTtlMs: 10_000,
  groupReturnMs: 5_000,
  groupLettersMax: 4_096,
  groupLettersBytesMax: 8_388_608,
})

/** A frame has 16 MiB at most, and needs room for topic, headers and groups. */
const PAYLOAD_BYTES_CEILING = 16_000_000

const COUNT = numberOption(1, 16_777_216)
const BYTES = numberOption(1, 1_099_511_627_776)
const TIME = numberOption(1, 2_147_483_647)

const CHECKS: { readonly [K in keyof PubSubSettings]-?: OptionCheck } = {
  payloadBytesMax: numberOption(1, PAYLOAD_BYTES_CEILING),
  headersMax: numberOption(0, 1_024),
  headerBytesMax: numberOption(0, 32_768),
  subscriptionsMax: COUNT,
  publishPendingMax: COUNT,
  publishPendingBytesMax: BYTES,
  queueMessagesMax: COUNT,
  queueBytesMax: BYTES,
  windowMessagesMax: numberOption(1, 1_024),
  windowBytesMax: BYTES,
  outboxMessagesMax: COUNT,
  outboxBytesMax: BYTES,
  outboxTtlMs: TIME,
  retryBaseMs: TIME,
  retryMaxMs: TIME,
  retryJitter: numberOption(0, 0.9, true),
  sessionsMax: COUNT,
  sessionsPerPublisherMax: COUNT,
  sessionTtlMs: TIME,
  retainedMax: COUNT,
  retainedBytesMax: BYTES,
  stampAheadMaxMs: TIME,
  requestTimeoutMs: TIME,
  requestsMax: COUNT,
  maxPendingMessages: COUNT,
  maxPendingBytes: BYTES,
  drainGraceMs: numberOption(0, 60_000),
  drainTimeoutMs: TIME,
  messagesPerSecondMax: COUNT,
  routesMax: COUNT,
  unwantedTtlMs: TIME,
  groupReturnMs: TIME,
  groupLettersMax: COUNT,
  groupLettersBytesMax: BYTES,
}

/** Settings from options. Throws an `OptionError`. */
export function pubsubSettings(given: PubSubOptions = {}, where = 'pubsub'): PubSubSettings {
  return resolveOptions<PubSubSettings>(where, PUBSUB_DEFAULTS, CHECKS, given)
}
