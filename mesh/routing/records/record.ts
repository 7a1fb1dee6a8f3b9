/**
 * What the DHT keeps: records signed by who published them. A record is immutable and travels as it is;
 * whoever keeps or passes it on adds nothing and changes nothing, so its expiry cannot be stretched by a
 * holder (K31).
 *
 * | kind        | key                                            | signed by       | unique per        |
 * | ----------- | ---------------------------------------------- | --------------- | ----------------- |
 * | `immutable` | hash of realm and value                        | any publisher   | key               |
 * | `mutable`   | hash of realm, owner and name                  | the owner       | key               |
 * | `provider`  | any key                                        | the provider    | key and publisher |
 * | `address`   | the node's own key, or hash of realm and name  | the node        | key and publisher |
 *
 * `keys.ts` derives the keys, `canonical.ts` writes what is signed.
 */
import type { KadKey } from '../kademlia/id.ts'

/** See the table in the head of this file. */
export type RecordKind = 'immutable' | 'mutable' | 'provider' | 'address'

/** What is signed, beside the realm. */
export interface RecordFields {
  readonly kind: RecordKind
  readonly key: KadKey
  /** Node or owner key: 64 hex digits, the SHA-256 of the public key. */
  readonly publisher: string
  /** Orders the records of one publisher under one key: newer wins. A whole number from 1 to 2^53 - 1. */
  readonly sequence: number
  /** Wall time after which nobody serves it, exactly at it no more. */
  readonly expiresAtMs: number
  /** Name of a mutable record, or the node id (`name@host:port`) of an address record; else empty. */
  readonly name: string
  /** The value; metadata of a provider; empty for an address. */
  readonly value: Uint8Array
  /** Where the publisher can be dialled; empty and 0 for immutable and mutable records. */
  readonly host: string
  readonly port: number
}

/** {@link RecordFields} with what proves them. */
export interface DhtRecord extends RecordFields {
  /** Opaque to the cores: public key, signature, and realm membership of a node; a keyed hash in simulations. */
  readonly proof: unknown
}

/** Why a record is not believed. */
export type RecordProblem =
  | 'ERR_DHT_RECORD_SIGNATURE'
  | 'ERR_DHT_RECORD_MEMBERSHIP'
  | 'ERR_DHT_RECORD_REALM'
  | 'ERR_DHT_RECORD_KEY'
  | 'ERR_DHT_RECORD_INVALID'

/** Signs for one publisher. */
export interface RecordSigner {
  /** 64 hex digits: the publisher of what `sign` signs. */
  readonly publisher: string
  sign(fields: RecordFields): DhtRecord
}

/** Signs for this node and checks what others published. Synchronous and pure but for the wall clock. */
export interface RecordAuthority extends RecordSigner {
  /** Undefined when it is good: signature, key, realm, membership. Expiry and size are the store's. */
  check(record: DhtRecord): RecordProblem | undefined
}
