/**
 * The DHT as applications see it: `mesh.dht`. Values, providers and addresses of nodes, found by key from any
 * node of the realm. Everything takes `signal` and `timeoutMs`; everything that fails rejects with a
 * `DhtError` whose `code` says how.
 */
import type { NodeKey } from '../identity/node-key.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { KadKey } from './kademlia/id.ts'
import type { LookupHop, LookupResult, RoutingEntry } from './kademlia/machine.ts'
import type { DhtMode, StoreRefusal } from './kademlia/message.ts'
import type { RecordsStats } from './records/core.ts'
import type { RouterStats } from './router.ts'

/**
 * A key: one of the DHT, that of a node, 32 bytes as they are, or a text of 1 to 255 bytes, which is hashed
 * with the realm: the same on all its nodes, another one in every other realm.
 */
export type DhtKey = KadKey | NodeKey | Uint8Array | string

/** Options of everything that asks others. */
export interface DhtCallOptions {
  /** Gives up; the promise rejects with `ERR_DHT_ABORTED`, whose cause is the reason of the signal. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until `ERR_DHT_TIMEOUT`. Default `operationTimeoutMs` of the option `dht` (30,000). */
  readonly timeoutMs?: number | undefined
  /**
   * Disjoint paths of the lookup, 1 to 16. Default 1. With 8 it reaches an honest node though a fifth of all
   * nodes lie about whom they know; each path costs about the messages of one lookup.
   */
  readonly disjointPaths?: number | undefined
  /**
   * It must not fall to liars: takes the `disjointPaths` of the option `dht` (8) where none are given here.
   * Default false.
   */
  readonly critical?: boolean | undefined
  /** Requests in flight per path, 1 to 64. Default 10. Fewer is slower and spares messages. */
  readonly alpha?: number | undefined
}

/** Options of {@link Dht.get}. */
export interface DhtGetOptions extends DhtCallOptions {
  /** Answers that must agree, 1 to 64. Default 1. Raise it for values that are changed often. */
  readonly quorum?: number | undefined
}

/** Options of {@link Dht.put} and {@link Dht.provide}. */
export interface DhtPutOptions extends DhtCallOptions {
  /**
   * Holders that must acknowledge, 0 to 64; this node counts if it is one of the `k` nearest. Default 1. With
   * more a put that reaches fewer fails, though those it reached keep it.
   */
  readonly quorum?: number | undefined
  /** Life of the record in milliseconds. Default 48 h, of providers 24 h; the longest is 48 h. */
  readonly ttlMs?: number | undefined
  /**
   * Keep it alive: put it again before its time is over, also after a restart with a data directory, until
   * `withdraw`. Default true. Always true for `provide`.
   */
  readonly publish?: boolean | undefined
}

/** Options of {@link Dht.providers} and {@link Dht.findProviders}. */
export interface DhtFindOptions extends DhtCallOptions {
  /** Ends as soon as so many are known. Default: all that are found. */
  readonly count?: number | undefined
}

/** A value that can be replaced: its key follows from the publisher, which is this node, and the name. */
export interface NamedValue {
  /** Text of at most 255 bytes. */
  readonly name: string
  readonly value: Uint8Array
  /**
   * Orders the versions: higher wins. Default: wall time in milliseconds, but higher than what this node put
   * last, with a sequence or without, and than what its store holds of an earlier life.
   */
  readonly sequence?: number | undefined
  /**
   * Replace it only if the version that is there has this sequence, 0 for none: else
   * `ERR_DHT_SEQUENCE_UNEXPECTED`.
   */
  readonly expectedSequence?: number | undefined
}

/** A node and where it says it can be dialled. */
export interface DhtContact {
  readonly key: NodeKey
  readonly address: TransportAddress
}

/** A node that did not take a record, and why. */
export interface DhtStoreRefusal {
  readonly contact: DhtContact
  readonly code: StoreRefusal
}

/** What a put has reached. */
export interface DhtPutResult {
  readonly key: KadKey
  readonly sequence: number
  /** Who acknowledged, this node not named: it is on their disk, if they have one. */
  readonly holders: readonly DhtContact[]
  /** Who refused, and why. */
  readonly refusals: readonly DhtStoreRefusal[]
  readonly requests: number
  readonly elapsedMs: number
}

/** A record that is there: checked, signed by its publisher. */
export interface DhtStanding {
  /** Of a provider: its metadata. */
  readonly value: Uint8Array
  /** Who signed it: the key of a node, or the hash of an owner's public key. */
  readonly publisher: NodeKey
  readonly sequence: number
  /** Wall time. */
  readonly expiresAtMs: number
}

/** What a get has found. */
export interface DhtValue extends DhtStanding {
  readonly key: KadKey
  readonly kind: 'immutable' | 'mutable'
  /** Empty for immutable values. */
  readonly name: string
  /** Answers that agreed with it. */
  readonly agreed: number
  readonly requests: number
  readonly elapsedMs: number
}

/** Somebody who provides what a key stands for: a member of the realm, by its own signature. */
export interface DhtProvider extends DhtContact {
  readonly metadata: Uint8Array
  readonly sequence: number
  /** Wall time. */
  readonly expiresAtMs: number
}

/** That this node provides something. */
export interface DhtProvision extends DhtPutResult {
  /** Stops saying so; true when it was still said. What holders have ends with its time. Idempotent. */
  withdraw(): Promise<boolean>
}

/** Where a node is, signed by itself. */
export interface DhtNodeAddress extends DhtContact {
  /** `name@host:port`. */
  readonly nodeId: string
  readonly sequence: number
  /** Wall time. */
  readonly expiresAtMs: number
}

/** One step of a lookup. */
export interface DhtHop extends Omit<LookupHop, 'contact'> {
  readonly contact: DhtContact
}

/** How a lookup ended. */
export interface DhtLookupResult extends Omit<LookupResult, 'closest'> {
  /** Who answered, nearest first. */
  readonly closest: readonly DhtContact[]
}

/** A lookup under way: its hops as they come, once, and how it ended. */
export interface DhtLookup extends AsyncIterable<DhtHop> {
  /** Rejects as other operations do. Leaving the loop early cancels the lookup. */
  readonly result: Promise<DhtLookupResult>
}

/** An entry of the routing table. */
export interface DhtEntry extends Omit<RoutingEntry, 'contact'> {
  readonly contact: DhtContact
}

/** Numbers of the DHT of one node; undefined parts are being restarted. */
export interface DhtStats {
  readonly mode: DhtMode
  readonly routing: RouterStats | undefined
  readonly records: RecordsStats | undefined
}

/** See the head of this file. */
export interface Dht {
  /** What this node is now; `'disabled'` with `dht: false`. */
  readonly mode: DhtMode | 'disabled'
  /**
   * Resolves when this node has found its place: somebody is in its table, and its neighbourhood was looked
   * up. A node that is alone in its mesh gets `ERR_DHT_TIMEOUT`; it can put and get all the same.
   */
  joined(options?: Pick<DhtCallOptions, 'signal' | 'timeoutMs'>): Promise<void>
  /** The key of a text, of a node, or of bytes. Throws `ERR_DHT_KEY_INVALID`. */
  keyOf(key: DhtKey): KadKey
  /**
   * The key of what `publisher` (default: this node) puts under `name`; a publisher is a node key, or the same
   * as 64 lower-case hex digits. Throws `ERR_DHT_KEY_INVALID`.
   */
  nameKey(name: string, publisher?: NodeKey | string): KadKey
  /**
   * Keeps a value at the `k` nodes nearest to its key: bytes for one that never changes, found by what it
   * says; with a name for one that can be replaced.
   *
   * @example
   * const { key } = await mesh.dht.put(new TextEncoder().encode('hello'))
   * const { value } = await mesh.dht.get(key)
   */
  put(value: Uint8Array | NamedValue, options?: DhtPutOptions): Promise<DhtPutResult>
  /** The newest valid value under a key. Rejects with `ERR_DHT_NOT_FOUND` when nobody has one. */
  get(key: DhtKey, options?: DhtGetOptions): Promise<DhtValue>
  /**
   * Stops repeating what this node put or provides under that key; providing ends at once. Gives whether there
   * was anything.
   */
  withdraw(key: DhtKey): Promise<boolean>
  /**
   * Says that this node provides what the key stands for, until it is withdrawn. Not under its own node key:
   * there it says where it is.
   */
  provide(key: DhtKey, metadata?: Uint8Array, options?: DhtPutOptions): Promise<DhtProvision>
  /** Providers as they are found, each once; the loop ends with the lookup. */
  findProviders(key: DhtKey, options?: DhtFindOptions): AsyncIterable<DhtProvider>
  /** All providers that are found, with their newest words. */
  providers(key: DhtKey, options?: DhtFindOptions): Promise<readonly DhtProvider[]>
  /**
   * Where that node is, by its key or its id (`name@host:port`); undefined when nobody knows. A key is
   * proven; an id any member of the realm can claim, unless another one is known to this node under it.
   */
  findNode(node: NodeKey | string, options?: DhtCallOptions): Promise<DhtNodeAddress | undefined>
  /** The nodes nearest to a key that answer, nearest first. */
  closest(key: DhtKey, options?: DhtFindOptions): Promise<readonly DhtContact[]>
  /** The same step by step. At its deadline, result and loop reject with `ERR_DHT_TIMEOUT`. */
  lookup(key: DhtKey, options?: DhtFindOptions): DhtLookup
  /** The routing table. */
  table(): readonly DhtEntry[]
  stats(): DhtStats
  /** Bytes of any value that travels between nodes. Throws `ERR_DHT_VALUE_INVALID`. */
  encode(value: unknown): Uint8Array
  /** The value in such bytes. Throws `ERR_DHT_VALUE_INVALID`. */
  decode(bytes: Uint8Array): unknown
}
