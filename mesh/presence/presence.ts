/**
 * Who is here. A node says of itself what is present there, under a topic and a key; every node that watches the topic
 * knows it, and knows when it is over: because it was said, because the process behind it ended, or because the node did.
 *
 * The model is that of Phoenix.Tracker: each node owns what it said and numbers its changes, so nothing has to be merged
 * and no clock decides. What is known of a node is a prefix of its changes, never one with gaps.
 */
import type { Ref } from '../../behaviours/index.ts'
import type { Pid } from '../../runtime/index.ts'

/** Something that is present. */
export interface PresenceEntry<Meta = unknown> {
  readonly topic: string
  /** Who or what; many entries may have one key, on one node or on many. */
  readonly key: string
  /** Node key in hex of the node that said it. */
  readonly node: string
  /** Names this entry with this meta, among all there ever were. */
  readonly ref: string
  /** That of the entry which this one replaced in place, if it did. */
  readonly previousRef: string | undefined
  readonly meta: Meta
}

/**
 * What a watch says. First a snapshot, then every difference to it. An update is a leave and a join in one difference, the
 * join with the `previousRef` of the leave. What came and went in between is not spoken of.
 */
export type PresenceEvent<Meta = unknown> =
  | {
      readonly type: 'snapshot'
      readonly topic: string
      readonly entries: readonly PresenceEntry<Meta>[]
      /** False when some node has not told all of its entries in time; they come as joins. */
      readonly isComplete: boolean
    }
  | {
      readonly type: 'diff'
      readonly topic: string
      readonly joins: readonly PresenceEntry<Meta>[]
      readonly leaves: readonly PresenceEntry<Meta>[]
    }

/** What a process that watches gets as a message. */
export interface PresenceMessage {
  readonly type: 'presence'
  readonly topic: string
  readonly event: PresenceEvent
}

/** Takes what a watch says; what it throws is counted, and logged. */
export type PresenceHandler<Meta = unknown> = (event: PresenceEvent<Meta>) => unknown

/** Options of {@link Presence.track}. */
export interface TrackOptions {
  /** The entry ends with that process of this system. */
  readonly process?: Pid | Ref<never> | undefined
}

/** An entry of this node. */
export interface TrackedPresence<Meta = unknown> extends Disposable {
  readonly topic: string
  readonly key: string
  /** The present one; an update changes it. */
  readonly ref: string
  readonly isTracked: boolean
  /** Throws `ERR_PRESENCE_UNTRACKED`, `ERR_PRESENCE_META_INVALID`, `ERR_PRESENCE_META_TOO_LARGE`. */
  update(meta: Meta): void
  /** It is over; once more does nothing. */
  untrack(): void
}

/** Options of {@link Presence.watch}. */
export interface WatchOptions {
  /** How long the snapshot waits for nodes that have not told theirs. Default `syncTimeoutMs`, 2,000 ms. */
  readonly timeoutMs?: number | undefined
  /**
   * A leave is told only after so long; when its key is there again by then, on any node, the two are told as one update.
   * So who watches sees nobody go while a node restarts, and hears as much later who is really gone; `list` shows what is
   * there. Default 0: at once.
   */
  readonly leaveDelayMs?: number | undefined
}

/** A watch that is on. */
export interface PresenceWatch extends Disposable {
  readonly topic: string
  readonly closed: boolean
  close(): void
}

/** A watch that is read in a loop. Who reads slowly gets fewer and larger differences, nothing is lost. */
export interface PresenceStream<Meta = unknown>
  extends PresenceWatch, AsyncIterable<PresenceEvent<Meta>> {}

/** Options of {@link Presence.list}. */
export interface ListOptions extends Pick<WatchOptions, 'timeoutMs'> {
  readonly signal?: AbortSignal | undefined
}

/** Sizes. */
export interface PresenceStats {
  /** Entries of this node. */
  readonly own: number
  /** Entries of others in the topics that are watched here. */
  readonly known: number
  readonly watches: number
  /** Topics that this node knows of others. */
  readonly topics: number
  /** Changes of others that are missing and were asked for. */
  readonly missing: number
}

/** See the head of this file. */
export interface Presence {
  /**
   * Something is present. Throws `ERR_TOPIC_INVALID`, `ERR_PRESENCE_KEY_INVALID`, `ERR_PRESENCE_META_INVALID`,
   * `ERR_PRESENCE_META_TOO_LARGE`, `ERR_PRESENCE_ENTRIES_MAX`, `ERR_PRESENCE_PROCESS`, and what the catalog throws.
   */
  track<Meta = unknown>(
    topic: string,
    key: string,
    meta?: Meta,
    options?: TrackOptions,
  ): TrackedPresence<Meta>
  /** Calls the handler, or sends to the process as {@link PresenceMessage}, until the watch is closed or the process ends. */
  watch<Meta = unknown>(
    topic: string,
    watcher: PresenceHandler<Meta> | Pid | Ref<never>,
    options?: WatchOptions,
  ): PresenceWatch
  watch<Meta = unknown>(topic: string, options?: WatchOptions): PresenceStream<Meta>
  /** All that is present; waits for nodes that have not told theirs, at most `timeoutMs`. */
  list<Meta = unknown>(
    topic: string,
    options?: ListOptions,
  ): Promise<readonly PresenceEntry<Meta>[]>
  /** The same of one key. */
  get<Meta = unknown>(
    topic: string,
    key: string,
    options?: ListOptions,
  ): Promise<readonly PresenceEntry<Meta>[]>
  /** Everything that this node tracks is over, and said at once: a node that stops need not be found dead. */
  leave(): void
  stats(): PresenceStats
}
