/**
 * What nodes of the DHT say to each other, as objects; `routing/protocol.ts` writes them as frames. Every
 * request is answered by exactly one reply of its kind about the same key, or not at all.
 */
import type { DhtRecord } from '../records/record.ts'
import type { KadKey } from './id.ts'

/** A node as it is named to others: key and address. Whether it is true is found out by asking it. */
export interface Contact {
  /** `key.hex`. */
  readonly id: string
  readonly key: KadKey
  readonly host: string
  readonly port: number
}

/** A server answers questions and stands in tables; a client only asks. */
export type DhtMode = 'server' | 'client'

/** What the sender of a message says about itself; its key is proven by the connection. */
export interface Sender {
  readonly host: string
  readonly port: number
  readonly mode: DhtMode
}

interface Message {
  readonly key: KadKey
  readonly sender: Sender
}

/** Asks for the contacts nearest to `key`. With `count` 0 it is a ping. */
export interface FindNode extends Message {
  readonly type: 'find_node'
  /** Contacts wanted at most; 2k by default, and more is never given. */
  readonly count: number
}

/** Asks for the record under `key`, and for contacts nearer to it. */
export interface FindValue extends Message {
  readonly type: 'find_value'
}

/** Asks for the provider and address records under `key`, and for contacts nearer to it. */
export interface GetProviders extends Message {
  readonly type: 'get_providers'
}

/** Asks to keep a record: an immutable or mutable one. */
export interface Store extends Message {
  readonly type: 'store'
  readonly record: DhtRecord
  /** Upper bound of the time to keep it, for copies off the path; undefined for the record's own expiry. */
  readonly ttlMs: number | undefined
  /** Keep it only if the record that is there has this sequence (compare and swap); 0 for "none is there". */
  readonly expectedSequence: number | undefined
}

/** Asks to keep a provider or address record. */
export interface AddProvider extends Message {
  readonly type: 'add_provider'
  readonly record: DhtRecord
}

/** Answer to `find_node`. */
export interface FindNodeReply extends Message {
  readonly type: 'find_node_reply'
  readonly contacts: readonly Contact[]
}

/** Answer to `find_value`. */
export interface FindValueReply extends Message {
  readonly type: 'find_value_reply'
  readonly record: DhtRecord | undefined
  readonly contacts: readonly Contact[]
}

/** Answer to `get_providers`. */
export interface ProvidersReply extends Message {
  readonly type: 'providers_reply'
  readonly records: readonly DhtRecord[]
  readonly contacts: readonly Contact[]
}

/** Answer to `store` and `add_provider`. Rejecting is an answer, not silence (K38). */
export interface StoreReply extends Message {
  readonly type: 'store_reply'
  /** Undefined when the record is kept, on disk if there is one; else why not. */
  readonly refusal: StoreRefusal | undefined
  /** The record that stands against it, for `ERR_DHT_SEQUENCE_LOW` and `ERR_DHT_SEQUENCE_UNEXPECTED`. */
  readonly record: DhtRecord | undefined
}

/** Why a record is not kept. */
export type StoreRefusal =
  | 'ERR_DHT_RECORD_SIGNATURE'
  | 'ERR_DHT_RECORD_MEMBERSHIP'
  /** Made for another realm. */
  | 'ERR_DHT_RECORD_REALM'
  /** The key does not follow from the record. */
  | 'ERR_DHT_RECORD_KEY'
  | 'ERR_DHT_RECORD_EXPIRED'
  /** Its expiry is farther away than records live. */
  | 'ERR_DHT_RECORD_EXPIRY'
  | 'ERR_DHT_RECORD_TOO_LARGE'
  /** A part is missing, of the wrong kind or out of range. */
  | 'ERR_DHT_RECORD_INVALID'
  /** A newer one is there, or another one with the same sequence that wins. */
  | 'ERR_DHT_SEQUENCE_LOW'
  /** Compare and swap: what is there has another sequence than expected. */
  | 'ERR_DHT_SEQUENCE_UNEXPECTED'
  /** No room, and everything that is kept is nearer to this node. */
  | 'ERR_DHT_STORE_FULL'
  /** So many providers of the key are kept already. */
  | 'ERR_DHT_PROVIDERS_FULL'
  /** The sender has stored enough for now. */
  | 'ERR_DHT_PEER_QUOTA'
  /** The sender has offended too often: for a while nothing of it is kept. */
  | 'ERR_DHT_PEER_SHUNNED'
  /** The record could not be written. */
  | 'ERR_DHT_STORE_FAILED'
  /** This node does not serve the DHT. */
  | 'ERR_DHT_CLIENT_MODE'

/** Requests that a lookup sends: each also asks for contacts. */
export type LookupRequest = FindNode | FindValue | GetProviders

/** Their answers. */
export type LookupReply = FindNodeReply | FindValueReply | ProvidersReply

/** Everything that is asked. */
export type DhtRequest = LookupRequest | Store | AddProvider

/** Everything that is answered. */
export type DhtReply = LookupReply | StoreReply
