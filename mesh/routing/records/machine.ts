/**
 * The boundary of the records core (`core.ts`): what this node keeps for others, what it published itself,
 * and the operations on both (put, get, provide, find providers) as one synchronous machine. It asks the
 * routing core for lookups through its sink, and its store for writes: a `store` is answered after its write
 * is on disk, so what was acknowledged survives a crash.
 */
import type { KadKey } from '../kademlia/id.ts'
import type { LookupHop, LookupResult, LookupSpec } from '../kademlia/machine.ts'
import type {
  AddProvider,
  Contact,
  DhtReply,
  FindValue,
  GetProviders,
  LookupReply,
  Store,
  StoreRefusal,
} from '../kademlia/message.ts'
import type { DhtRecord } from './record.ts'

/** Requests that are about records. */
export type RecordRequest = FindValue | GetProviders | Store | AddProvider

/** What the records core asks the routing core, synchronously. */
export interface RoutingView {
  /** The nearest good entries of the table, nearest first; never `except` nor this node. */
  closest(key: KadKey, count: number, except?: string): readonly Contact[]
  /** Estimated nodes of the network; undefined when it is not known. */
  networkSize(): number | undefined
  /** True while nothing of that peer is kept, because it has offended too often. Default: nobody is. */
  isShunned?(id: string, nowMs: number): boolean
}

/** What happens to a records core. */
export type RecordsInput =
  /** `from` is proven by the connection. Answered through `sink.reply`, for a write once it is on disk. */
  | {
      readonly type: 'request'
      readonly from: string
      readonly replyId: number
      readonly message: RecordRequest
    }
  /** The answer to `sink.request` (a `store` or `add_provider` of ours), or `request_failed`. */
  | {
      readonly type: 'reply'
      readonly requestId: number
      readonly from: string
      readonly message: DhtReply
    }
  | { readonly type: 'request_failed'; readonly requestId: number }
  | { readonly type: 'tick' }
  /** Events of a lookup that `sink.lookup` began. */
  | {
      readonly type: 'lookup_reply'
      readonly lookupId: number
      readonly from: Contact
      readonly message: LookupReply
    }
  | { readonly type: 'lookup_hop'; readonly lookupId: number; readonly hop: LookupHop }
  | { readonly type: 'lookup_done'; readonly lookupId: number; readonly result: LookupResult }
  /** The routing table has a new entry: it may belong to the holders of what is kept here (K35). */
  | { readonly type: 'admitted'; readonly contact: Contact }
  /** A write of `sink.write` is on disk, or failed. */
  | { readonly type: 'written'; readonly writeId: number; readonly ok: boolean }
  /** What the disk held at the start; checked like anything from outside. */
  | { readonly type: 'restore'; readonly entries: readonly StoredEntry[] }
  | { readonly type: 'operation'; readonly operationId: number; readonly operation: Operation }
  /** Nobody waits for it any more: everything it began is cancelled, no event follows. */
  | { readonly type: 'cancel_operation'; readonly operationId: number }

/** What an application asks for. */
export type Operation =
  /** Keep a record at its holders; `published` keeps it alive until `unpublish`. */
  | {
      readonly type: 'put'
      readonly record: DhtRecord
      readonly options: OperationOptions
      readonly expectedSequence?: number
      readonly publish?: boolean
    }
  | { readonly type: 'get'; readonly key: KadKey; readonly options: OperationOptions }
  /** Says that this node provides something; repeated until `unpublish`. `record` is a provider or address record. */
  | { readonly type: 'provide'; readonly record: DhtRecord; readonly options: OperationOptions }
  | {
      readonly type: 'find_providers'
      readonly key: KadKey
      readonly options: OperationOptions
      /** End as soon as so many were found; default all that are found. */
      readonly count?: number
    }
  /** Stop repeating; what holders have expires by itself. This node forgets that it provides. */
  | { readonly type: 'unpublish'; readonly key: KadKey }

/** Dials of one operation; what is not given is taken from the settings. */
export interface OperationOptions {
  /** Answers that must agree (get) or holders that must acknowledge (put). */
  readonly quorum?: number
  readonly paths?: number
  readonly alpha?: number
  /** Monotonic time at which it ends with what it has; default now + `operationTimeoutMs`. */
  readonly deadlineMs?: number
  /** Emit a `hop` event per answer and failure of its lookups; default false. */
  readonly trace?: boolean
}

/** What a core wants done, called synchronously from `step`, in order. Must not call the core back. */
export interface RecordsSink {
  request(requestId: number, to: Contact, message: Store | AddProvider, deadlineMs: number): void
  cancel(requestId: number): void
  reply(replyId: number, message: DhtReply): void
  lookup(lookupId: number, spec: LookupSpec): void
  cancelLookup(lookupId: number): void
  stopLookup(lookupId: number): void
  /** Writes or, with `undefined`, deletes an entry; `written` follows. A later write of one key wins. */
  write(writeId: number, entryId: string, entry: StoredEntry | undefined): void
  event(event: RecordsEvent): void
  /** `excused`: an honest node does it, too, when its clock is wrong or its news are old. */
  refused(code: StoreRefusal | RecordsRefusal, from: string | undefined, excused?: boolean): void
}

/** What is kept on disk per record. `entryId` of a write: `key` or `key/publisher`, in hex. */
export interface StoredEntry {
  readonly record: DhtRecord
  /** Wall time until which this holder keeps it; at most the record's own expiry. */
  readonly keepUntilMs: number
  /** True for what this node published itself: repeated, and never given up for room. */
  readonly own: boolean
  /** True for a copy off the path, which is no holder's. */
  readonly cached: boolean
  /** Wall time of the last put of it, by anybody. */
  readonly storedAtMs: number
}

/** What operations report; `done` or `failed` is the last. */
export type RecordsEvent =
  /** get: a better record than before; find_providers: a provider that was not known. */
  | {
      readonly type: 'found'
      readonly operationId: number
      readonly record: DhtRecord
      readonly from: string
    }
  | { readonly type: 'hop'; readonly operationId: number; readonly hop: LookupHop }
  | { readonly type: 'done'; readonly operationId: number; readonly outcome: OperationOutcome }
  | {
      readonly type: 'failed'
      readonly operationId: number
      readonly code: OperationFailure
      readonly outcome: OperationOutcome
    }

/** How an operation ended. */
export interface OperationOutcome {
  /**
   * get: the newest valid record; find_providers: all of them; put that failed: what stands against it;
   * unpublish: what was published until now.
   */
  readonly records: readonly DhtRecord[]
  /** put, provide: holders that acknowledged, this node not counted. */
  readonly holders: readonly Contact[]
  /** put, provide: who refused, and why. */
  readonly refusals: readonly { readonly contact: Contact; readonly code: StoreRefusal }[]
  readonly requests: number
  readonly elapsedMs: number
  /** Answers that agreed with the result (get), or providers found. */
  readonly agreed: number
}

/** Why an operation failed. */
export type OperationFailure =
  /** Nobody who was asked has it (get); that there is no provider is an answer. */
  | 'ERR_DHT_NOT_FOUND'
  /** Fewer agreed or acknowledged than asked for. */
  | 'ERR_DHT_QUORUM'
  | 'ERR_DHT_TIMEOUT'
  /** Compare and swap: somebody else was first, as a record that is signed shows; or nobody has what is expected. */
  | 'ERR_DHT_SEQUENCE_UNEXPECTED'
  /** A newer one stands; it is the only one of `records`. */
  | 'ERR_DHT_SEQUENCE_LOW'
  /** The record is not valid here: it is not sent (K34). */
  | StoreRefusal
  | 'ERR_DHT_OPERATIONS_MAX'
  /** This node publishes as much as it may. */
  | 'ERR_DHT_PUBLISHED_MAX'

/** Why something that came in changed nothing, beside {@link StoreRefusal}. */
export type RecordsRefusal =
  | 'ERR_DHT_REPLY_UNEXPECTED'
  | 'ERR_DHT_OPERATIONS_MAX'
  | 'ERR_DHT_PUBLISHED_MAX'
  | 'ERR_DHT_ANSWER_RECORD'
