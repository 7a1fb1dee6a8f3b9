/** Codes of pub/sub: how a publish, a subscription or a request fails, and what peers sent that changed nothing. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue, FoveaErrorOptions } from '../../runtime/index.ts'

/** Codes of {@link PubSubError}, and of the counters of pub/sub. */
export type PubSubErrorCode =
  | 'ERR_PUBSUB_ABORTED'
  | 'ERR_PUBSUB_BLOCKED'
  | 'ERR_PUBSUB_DRAINING'
  | 'ERR_PUBSUB_DRAIN_TIMEOUT'
  | 'ERR_PUBSUB_FLOOD'
  | 'ERR_PUBSUB_GROUP_INVALID'
  | 'ERR_PUBSUB_HANDLER'
  | 'ERR_PUBSUB_HEADERS'
  | 'ERR_PUBSUB_MESSAGE_INVALID'
  | 'ERR_PUBSUB_NO_RESPONDERS'
  | 'ERR_PUBSUB_OUTBOX_FULL'
  | 'ERR_PUBSUB_PAYLOAD_INVALID'
  | 'ERR_PUBSUB_PAYLOAD_TOO_LARGE'
  | 'ERR_PUBSUB_PENDING_MAX'
  | 'ERR_PUBSUB_QUEUE_FULL'
  | 'ERR_PUBSUB_STAMP'
  | 'ERR_PUBSUB_REPLY_UNEXPECTED'
  | 'ERR_PUBSUB_REQUESTS_MAX'
  | 'ERR_PUBSUB_RESERVED'
  | 'ERR_PUBSUB_RESTARTED'
  | 'ERR_PUBSUB_RETAINED_MAX'
  | 'ERR_PUBSUB_SESSIONS_MAX'
  | 'ERR_PUBSUB_SLOW_CONSUMER'
  | 'ERR_PUBSUB_STORE'
  | 'ERR_PUBSUB_SUBSCRIBER'
  | 'ERR_PUBSUB_SUBSCRIPTIONS_MAX'
  | 'ERR_PUBSUB_TIMEOUT'
  | 'ERR_PUBSUB_UNACKNOWLEDGED'
  | 'ERR_PUBSUB_UNAUTHORIZED'
  | 'ERR_PUBSUB_UNWANTED'
  | 'ERR_PUBSUB_GROUP_EMPTY'
  | 'ERR_PUBSUB_WINDOW'

/** What is known about an operation that failed. */
export interface PubSubErrorOptions extends FoveaErrorOptions {
  readonly topic?: string | undefined
  readonly nodes?: readonly string[] | undefined
  readonly path?: string | undefined
}

/** A publish, a subscription or a request failed; `code` says which way. */
export class PubSubError extends FoveaError {
  override readonly name: string = 'PubSubError'
  /** The topic or filter that was asked for. */
  readonly topic: string | undefined
  /** Keys of the nodes that it failed at. */
  readonly nodes: readonly string[]
  /** Where in the payload the trouble is; empty for the payload itself. */
  readonly path: string | undefined
  constructor(code: PubSubErrorCode, message: string, options: PubSubErrorOptions = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
    this.topic = options.topic
    this.nodes = options.nodes ?? []
    this.path = options.path
  }
}

const HOSTILE = 'the peer is broken or hostile'

/** How operations fail. */
const OPERATION_ERRORS: ErrorCatalogue = {
  ERR_PUBSUB_PAYLOAD_INVALID: {
    when: 'a payload contains what does not travel, at `path`; or one of a peer cannot be decoded (a counter)',
    stateChanged: 'no; nothing is delivered',
    retry: 'no',
    action: 'send plain data',
  },
  ERR_PUBSUB_PAYLOAD_TOO_LARGE: {
    when: 'an encoded payload is larger than `payloadBytesMax`; or one of a peer is (a counter)',
    stateChanged: 'no; nothing is delivered',
    retry: 'no',
    action: 'send less, or a reference; raise the limit on every node',
  },
  ERR_PUBSUB_HEADERS: {
    when: 'headers are not a flat object of texts, numbers and booleans, or more than `headersMax`, `headerBytesMax`',
    stateChanged: 'no; nothing is delivered',
    retry: 'no',
    action: 'put it into the payload',
  },
  ERR_PUBSUB_PENDING_MAX: {
    when: '`publishPendingMax` messages, or their bytes, wait until it is known who wants them',
    stateChanged: 'no; subscribers of this node may have got it',
    retry: 'later',
    action: 'await what is published, or raise the limit',
  },
  ERR_PUBSUB_OUTBOX_FULL: {
    when: 'too many messages, or bytes, wait for the acknowledgements of the nodes in `nodes`',
    stateChanged: 'no; nobody gets it',
    retry: 'later',
    action: 'await what is published; look why those nodes are slow',
  },
  ERR_PUBSUB_UNACKNOWLEDGED: {
    when: 'the nodes in `nodes` did not acknowledge a message `at_least_once` in its time',
    stateChanged: 'the others have it; those may have it, too',
    retry: 'as the caller likes: it would be another message',
    action: 'look whether those nodes are up; raise `outboxTtlMs` or `timeoutMs`',
  },
  ERR_PUBSUB_BLOCKED: {
    when: 'a subscriber of this node with the policy `block` has twice its limit waiting, as its publishers do not await',
    stateChanged: 'that subscriber does not get it, the others do',
    retry: 'later',
    action: 'await each publish',
  },
  ERR_PUBSUB_NO_RESPONDERS: {
    when: 'nobody subscribes to the topic of a request, or those who did are gone',
    stateChanged: 'no',
    retry: 'when somebody does',
    action: 'look at `topic` and at the realm; is the responder running?',
  },
  ERR_PUBSUB_TIMEOUT: {
    when: 'no reply came within `timeoutMs`',
    stateChanged: 'responders may have acted',
    retry: 'if that is harmless',
    action: 'raise `timeoutMs`, look into the responder',
  },
  ERR_PUBSUB_REQUESTS_MAX: {
    when: '`requestsMax` requests wait for replies',
    stateChanged: 'no',
    retry: 'later',
    action: 'ask less at once, or raise the limit',
  },
  ERR_PUBSUB_ABORTED: {
    when: 'the `signal` of an operation was aborted; its reason is the cause',
    stateChanged: 'what was published stays so, and what drains goes on',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_PUBSUB_RESERVED: {
    when: 'a topic or filter begins with `$presence`, under which presence speaks to the catalog',
    stateChanged: 'no',
    retry: 'no',
    action: 'use `mesh.presence`, or choose another topic',
  },
  ERR_PUBSUB_RESTARTED: {
    when: 'the process of pub/sub ended while an operation ran, or is being restarted',
    stateChanged: 'subscriptions and the outbox stay',
    retry: 'yes; the process is back within a moment',
    action: 'read the log for why it ended',
  },
  ERR_PUBSUB_DRAINING: {
    when: 'a publish, a subscription or a request after `drain`',
    stateChanged: 'no',
    retry: 'no',
    action: 'do it before',
  },
  ERR_PUBSUB_DRAIN_TIMEOUT: {
    when: 'a drain was not done within its `timeoutMs`',
    stateChanged: 'what was left is dropped and counted',
    retry: 'no',
    action: 'raise `timeoutMs`, look which subscriber is slow',
  },
  ERR_PUBSUB_SUBSCRIPTIONS_MAX: {
    when: 'this node has `subscriptionsMax` subscriptions',
    stateChanged: 'no',
    retry: 'after an unsubscribe',
    action: 'subscribe with wildcards, or raise the limit',
  },
  ERR_PUBSUB_SUBSCRIBER: {
    when: 'what shall get the messages is no function and no live process of this system, or its policy is not possible for a process',
    stateChanged: 'no',
    retry: 'no',
    action: 'pass a function, a pid or a ref; processes drop the newest or disconnect',
  },
  ERR_PUBSUB_GROUP_INVALID: {
    when: 'the name of a group is not 1 to 128 visible characters without white space',
    stateChanged: 'no',
    retry: 'no',
    action: 'choose another name',
  },
  ERR_PUBSUB_RETAINED_MAX: {
    when: 'this node retains `retainedMax` messages or `retainedBytesMax` bytes; or does not remember one of others (a counter)',
    stateChanged: 'the message is delivered; it is not retained',
    retry: 'after deleting one',
    action: 'delete by publishing an empty payload, or raise the limit',
  },
}

/** What is only counted. */
const COUNTERS: ErrorCatalogue = {
  ERR_PUBSUB_MESSAGE_INVALID: {
    when: 'a message of a peer is not one: too short, an invalid topic, fields out of range',
    stateChanged: 'no',
    retry: 'no',
    action: HOSTILE,
  },
  ERR_PUBSUB_UNAUTHORIZED: {
    when: 'the policy of the realm does not let a peer publish; also how a publish of this node to such nodes fails',
    stateChanged: 'no; it is not delivered',
    retry: 'no',
    action: 'grant `publish` to it, or look what it is up to',
  },
  ERR_PUBSUB_UNWANTED: {
    when: 'a message came that nobody here wants; its publisher is told',
    stateChanged: 'no',
    retry: 'no',
    action: 'normal for a moment after an unsubscribe',
  },
  ERR_PUBSUB_GROUP_EMPTY: {
    when: 'a message came to a node whose last member of the group had left, and no other member can get it',
    stateChanged: 'nobody of the group gets it',
    retry: 'publish it again when there are members',
    action:
      'keep a member where messages must be taken; raise `groupLettersMax` when many are under way at once',
  },
  ERR_PUBSUB_FLOOD: {
    when: 'a peer sends more than `messagesPerSecondMax`',
    stateChanged: 'the message is dropped; one `at_least_once` comes again',
    retry: 'yes',
    action: 'raise the limit, or look what the peer is up to',
  },
  ERR_PUBSUB_WINDOW: {
    when: 'a peer sends more `at_least_once` than may be under way',
    stateChanged: 'the message is dropped and comes again',
    retry: 'yes',
    action: 'the nodes have different settings, or the peer is hostile',
  },
  ERR_PUBSUB_SESSIONS_MAX: {
    when: 'sessions of publishers are forgotten as there are too many',
    stateChanged: 'what is repeated in such a session may be delivered twice',
    retry: 'no',
    action: 'raise `sessionsMax`, or look who begins so many',
  },
  ERR_PUBSUB_STAMP: {
    when: 'a last value is from more than `stampAheadMaxMs` later than now',
    stateChanged: 'subscribers have it as a message; it is not kept for those to come',
    retry: 'no',
    action: 'set the clocks of the nodes, or the peer is hostile',
  },
  ERR_PUBSUB_REPLY_UNEXPECTED: {
    when: 'a reply to nothing, too late, or from a node that was not asked',
    stateChanged: 'no',
    retry: 'no',
    action: 'late ones are normal',
  },
  ERR_PUBSUB_QUEUE_FULL: {
    when: 'a message for a node is dropped as too many wait for it, or its link did not take it',
    stateChanged: 'that node does not get it',
    retry: 'no',
    action: 'look why the node is slow; publish `at_least_once` what must arrive',
  },
  ERR_PUBSUB_SLOW_CONSUMER: {
    when: 'a subscriber has `maxPendingMessages` or `maxPendingBytes` waiting',
    stateChanged: 'as its policy says: a message is dropped, or the subscription ends',
    retry: 'no',
    action: 'make the handler faster, raise its limits, use a group',
  },
  ERR_PUBSUB_HANDLER: {
    when: 'a handler threw or rejected; the log has the error',
    stateChanged: 'the message counts as delivered',
    retry: 'no',
    action: 'correct the handler',
  },
  ERR_PUBSUB_STORE: {
    when: 'the store did not take or give back a message of the outbox or a retained one',
    stateChanged: 'it is kept in memory only',
    retry: 'no',
    action: 'look at the cause; the disk may be full',
  },
}

/** Codes of `mesh/pubsub`. */
export const PUBSUB_ERRORS: ErrorCatalogue = Object.freeze({ ...OPERATION_ERRORS, ...COUNTERS })
