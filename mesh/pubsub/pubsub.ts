/**
 * `mesh.pubsub`: what applications see of pub/sub. There is no broker: a message goes from its publisher to each node
 * that wants it, once, and is given to the subscribers there.
 *
 * Models: the core of NATS for subjects, groups, requests and slow consumers; MQTT 5 for acknowledged and retained
 * messages; WAMP for `exclude`. README.md compares them.
 */
import type { Ref } from '../../behaviours/index.ts'
import type { Pid } from '../../runtime/index.ts'

/**
 * - `at_most_once`: sent once. What a broken link or a full queue swallows is lost, and counted where it can be.
 * - `at_least_once`: kept and repeated until every node that wanted it has acknowledged it, or until its time is over.
 *   Receivers drop repetitions, so a subscriber gets it twice only if its node lost its memory in between.
 */
export type Delivery = 'at_most_once' | 'at_least_once'

/**
 * What happens to a message when a subscriber has too many waiting.
 *
 * - `drop_oldest`: the one that waits longest goes. For readings and states.
 * - `drop_newest`: this one goes.
 * - `disconnect`: the subscription ends, with all that waits.
 * - `block`: publishers of this node wait (the promise of their publish), those of other nodes do when they publish
 *   `at_least_once` (no acknowledgement before there is room). Beyond twice the limit it is as `drop_newest`.
 */
export type Overflow = 'drop_oldest' | 'drop_newest' | 'disconnect' | 'block'

/** Flat values that go with a message. */
export type Headers = Readonly<Record<string, string | number | boolean>>

/** Options of {@link PubSub.publish}. */
export interface PublishOptions {
  /** Default `'at_most_once'`. */
  readonly delivery?: Delivery | undefined
  /** The same in the words of MQTT: 0 is `at_most_once`, 1 `at_least_once`. Not together with `delivery`. */
  readonly qos?: 0 | 1 | undefined
  /**
   * Keep it as the last value of its topic for those who subscribe later. An empty payload (`undefined`, `''` or no
   * bytes) deletes what is kept. Default false.
   */
  readonly retain?: boolean | undefined
  /** A group with members on this node gets it here. Default false: members everywhere get their share. */
  readonly localFirst?: boolean | undefined
  /** Keys (hex) of nodes that do not get it; that of this node excludes its own subscribers. */
  readonly exclude?: readonly string[] | undefined
  /** At most `headersMax` (32), together `headerBytesMax` (4,096 bytes). */
  readonly headers?: Headers | undefined
  /** `at_least_once`: how long to try. Default `outboxTtlMs`, 300,000. No meaning otherwise. */
  readonly timeoutMs?: number | undefined
  /** Ends the waiting; the message stays published. One that is aborted already publishes nothing. */
  readonly signal?: AbortSignal | undefined
}

/** Where a message went. */
export interface PublishResult {
  /** Number of the message: rises with every publish of this life of the node. */
  readonly sequence: number
  /** Subscriptions of this node that took it. */
  readonly local: number
  /** Other nodes that it went to; `at_least_once`: that acknowledged it. */
  readonly nodes: number
  /** Nodes that wanted it and that it did not go to, for they are too slow; `at_most_once` only. */
  readonly dropped: number
}

/** Where a message goes that was published, for replies. */
export interface ReplyOptions {
  /** As {@link PublishOptions.headers}. */
  readonly headers?: Headers | undefined
}

/** What a subscriber gets. */
export interface PubSubMessage<Payload = unknown> {
  readonly topic: string
  /** The filter of the subscription that it matched. */
  readonly filter: string
  /**
   * Its own copy: what one subscriber does to it no other one sees. Decoded when it is first read, and not at all when
   * nobody does.
   */
  readonly payload: Payload
  /** Key of the node that published it, hex; proven. */
  readonly publisher: string
  /** Rises with every message of one life of its publisher; there are gaps where others got what you did not. */
  readonly sequence: number
  /** True for a last value that was there before the subscription. */
  readonly retained: boolean
  readonly headers: Headers
  /** Answers a request, `at_most_once`; undefined when nobody waits for a reply. Throws as `publish` rejects. */
  readonly reply: ((payload: unknown, options?: ReplyOptions) => void) | undefined
}

/** What a process gets: a plain value, with the payload decoded. `reply` is a function, so it does not travel. */
export interface PubSubProcessMessage<Payload = unknown> extends PubSubMessage<Payload> {
  readonly type: 'pubsub'
}

/** Takes messages. One that gives a promise gets the next message when it settles (see `concurrency`). */
export type MessageHandler<Payload = unknown> = (message: PubSubMessage<Payload>) => unknown

/** Options of {@link PubSub.subscribe}. */
export interface SubscribeOptions {
  /** Of all members of this group on all nodes whose filters match, one gets each message. */
  readonly group?: string | undefined
  /** Not what this node publishes. Default false. */
  readonly noLocal?: boolean | undefined
  /** Last values that are there already. Default true; never for members of a group. */
  readonly retained?: boolean | undefined
  /** Messages that may wait for it. Default 65,536. For a process: those in its mailbox, of whatever kind. */
  readonly maxPendingMessages?: number | undefined
  /** Bytes of their payloads. Default 67,108,864. Not for a process. */
  readonly maxPendingBytes?: number | undefined
  /** Default `'drop_oldest'`; for a process `'drop_newest'`, it may be `'disconnect'` as well. */
  readonly overflow?: Overflow | undefined
  /**
   * Messages that an asynchronous handler works on at once. Default 1: in the order of each publisher. More give up
   * order for speed. Not for a loop, which may ask for several itself.
   */
  readonly concurrency?: number | undefined
  /** Ends the subscription. With one that is aborted already there is none: `ERR_PUBSUB_ABORTED`. */
  readonly signal?: AbortSignal | undefined
  /** Process of this system whose death ends the subscription; a subscribed process ends its own. */
  readonly owner?: Pid | undefined
}

/**
 * Why a subscription is over: `unsubscribe`, `drain` or leaving the loop; too slow with the policy `disconnect`; its
 * process died; its signal was aborted; the node stopped.
 */
export type SubscriptionEnd =
  'unsubscribed' | 'drained' | 'slow_consumer' | 'process_down' | 'aborted' | 'stopped' | 'refused'

/** Numbers of one subscription. */
export interface SubscriptionStats {
  readonly pendingMessages: number
  readonly pendingBytes: number
  /** Messages that its handler has taken, or that are in the mailbox of its process. */
  readonly delivered: number
  readonly dropped: number
  /** Messages whose handler threw or rejected. */
  readonly failed: number
}

/** A subscription. */
export interface Subscription extends Disposable {
  readonly id: number
  readonly filter: string
  readonly group: string | undefined
  readonly closed: boolean
  /** Resolves when it is over; never rejects. */
  readonly ended: Promise<SubscriptionEnd>
  stats(): SubscriptionStats
  /** Ends it at once; what waits is dropped. Idempotent. */
  unsubscribe(): void
  /**
   * Ends it when everything is handled that was published before: this node says that it wants no more, waits
   * `drainGraceMs` (200) for what is on its way, and for the handler. Rejects with `ERR_PUBSUB_DRAIN_TIMEOUT` after
   * `timeoutMs`, default 5,000.
   */
  drain(options?: DrainOptions): Promise<void>
}

/** Options of the two `drain`. */
export interface DrainOptions {
  readonly timeoutMs?: number | undefined
  /** Ends the waiting with `ERR_PUBSUB_ABORTED`; what drains goes on. With one that is aborted already nothing is drained. */
  readonly signal?: AbortSignal | undefined
}

/** A subscription that is read in a loop: `for await (const message of pubsub.subscribe('a.*'))`. */
export interface MessageStream<Payload = unknown>
  extends Subscription, AsyncIterable<PubSubMessage<Payload>> {}

/** Options of {@link PubSub.request}. */
export interface RequestOptions {
  /** Default `requestTimeoutMs`, 5,000. */
  readonly timeoutMs?: number | undefined
  /** As {@link PublishOptions.headers}. */
  readonly headers?: Headers | undefined
  readonly signal?: AbortSignal | undefined
  /** As in {@link PublishOptions}. */
  readonly localFirst?: boolean | undefined
}

/** Options of {@link PubSub.requestMany}. */
export interface RequestManyOptions extends RequestOptions {
  /** Enough replies. Default Infinity: what comes within `timeoutMs`. */
  readonly count?: number | undefined
}

/** A reply. */
export interface PubSubReply<Payload = unknown> {
  readonly payload: Payload
  /** Key of the node it came from, hex. */
  readonly publisher: string
  readonly headers: Headers
}

/** What happens, beside messages. */
export type PubSubEvent =
  | {
      /** A subscriber is too slow; said when it begins, and then once a second while it goes on. */
      readonly type: 'slow_consumer'
      readonly subscription: Subscription
      /** Messages dropped since it was said before. */
      readonly dropped: number
    }
  | {
      readonly type: 'subscription_ended'
      readonly subscription: Subscription
      readonly reason: SubscriptionEnd
    }
  | {
      /** A message `at_least_once` was given up at some nodes. */
      readonly type: 'unacknowledged'
      readonly topic: string
      /** None when it was given up before anybody could be asked who wants it. */
      readonly nodes: readonly string[]
    }

/** A filter that this node wants. */
export interface TopicInfo {
  readonly filter: string
  /** Subscriptions that are in no group. */
  readonly plain: number
  /** Members of each group. */
  readonly groups: Readonly<Record<string, number>>
  /** Keys of the other nodes that want the same filter, as far as this node knows. */
  readonly nodes: readonly string[]
}

/** Counters since the start, and sizes now. */
export interface PubSubStats {
  readonly subscriptions: number
  readonly filters: number
  /** Publishes accepted. */
  readonly published: number
  /** Frames of messages that went to other nodes, repetitions included. */
  readonly sent: number
  /** Frames of messages that came. */
  readonly received: number
  /** Messages that subscribers of this node took. */
  readonly delivered: number
  readonly dropped: number
  /** Repetitions that receivers recognised here. */
  readonly duplicates: number
  /** Messages sent again here. */
  readonly repeated: number
  /** Publishes that wait until it is known who wants them. */
  readonly waiting: number
  /** `at_most_once`: messages that wait for nodes that are slow. */
  readonly queued: number
  /** `at_least_once`: messages not acknowledged, counted for each node. */
  readonly outbox: number
  /** Last values that this node keeps for its own publishes. */
  readonly retained: number
  /** Last values of others that it remembers for its subscribers. */
  readonly remembered: number
  readonly requests: number
  /** Sessions of publishers that it receives. */
  readonly sessions: number
}

/** Pub/sub of one node. */
export interface PubSub {
  /**
   * Publishes a value of the codec table (Map, Set, Date, bigint and typed arrays included). It is taken over at once:
   * changes afterwards are not seen by anybody.
   *
   * `at_most_once` resolves when it is with the subscribers of this node and with the links to the others;
   * `at_least_once` when all nodes that wanted it have acknowledged, which they do when their handlers have settled.
   * Messages of one publisher and topic arrive in order (each delivery for itself; those above 64 KiB `at_most_once`
   * excepted); those of different topics may pass each other while it is not known who wants one of them.
   *
   * Rejects with a `TopicError` (`ERR_TOPIC_INVALID`, `ERR_TOPIC_TOO_LONG`) or a `PubSubError`:
   * `ERR_PUBSUB_PAYLOAD_INVALID`, `_PAYLOAD_TOO_LARGE`, `_HEADERS`, `_PENDING_MAX`, `_OUTBOX_FULL`, `_UNACKNOWLEDGED`,
   * `_BLOCKED`, `_RETAINED_MAX`, `_ABORTED`, `_RESTARTED`, `_DRAINING`.
   */
  publish(topic: string, payload?: unknown, options?: PublishOptions): Promise<PublishResult>
  /**
   * Subscribes a function or a process to a filter: segments, `*` for one segment, `**` (or `#`) for any number. It is
   * in force for publishes of this node when this returns, for others when they have heard of it.
   *
   * A subscriber that matches with two subscriptions gets two messages. A process gets {@link PubSubProcessMessage};
   * its death ends the subscription. Throws a `TopicError` (`ERR_FILTER_INVALID`, ...), an `OptionError` or a
   * `PubSubError`: `ERR_PUBSUB_SUBSCRIBER`, `_GROUP_INVALID`, `_SUBSCRIPTIONS_MAX`, `_ABORTED`, `_DRAINING`.
   */
  subscribe<Payload = unknown>(
    filter: string,
    subscriber: MessageHandler<Payload> | Pid | Ref<never>,
    options?: SubscribeOptions,
  ): Subscription
  /** The same, read in a loop. Leaving the loop ends the subscription. */
  subscribe<Payload = unknown>(filter: string, options?: SubscribeOptions): MessageStream<Payload>
  /**
   * Publishes and waits for the first reply. Rejects at once with `ERR_PUBSUB_NO_RESPONDERS` (with `topic`) when nobody
   * subscribes to it; with `ERR_PUBSUB_TIMEOUT`, `_REQUESTS_MAX`, and as `publish` does.
   */
  request<Payload = unknown>(
    topic: string,
    payload?: unknown,
    options?: RequestOptions,
  ): Promise<PubSubReply<Payload>>
  /** Publishes and collects replies until there are `count`, or until `timeoutMs` is over. Rejects as `request` does. */
  requestMany<Payload = unknown>(
    topic: string,
    payload?: unknown,
    options?: RequestManyOptions,
  ): Promise<readonly PubSubReply<Payload>[]>
  /**
   * Takes nothing new, waits for what is under way (publishes, acknowledgements, handlers), then ends all
   * subscriptions. Rejects with `ERR_PUBSUB_DRAIN_TIMEOUT` after `timeoutMs`, default 5,000. Idempotent.
   */
  drain(options?: DrainOptions): Promise<void>
  /** What this node wants. */
  topics(): readonly TopicInfo[]
  stats(): PubSubStats
  /** Calls `handler` for what happens; gives the way to stop. */
  onEvent(handler: (event: PubSubEvent) => void): () => void
}
