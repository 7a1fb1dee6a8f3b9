/**
 * Last values of topics. Each publisher keeps those of its own publishes (in memory, and in the store when there is
 * one); a node remembers those of others as long as it subscribes to them, for its next subscriber.
 *
 * Of two values of a topic that with the later stamp is newer, then that of the larger publisher key, then that with the
 * larger number. A stamp is the wall clock of the publisher, and never earlier than one that it gave before.
 */
import { createHash } from 'node:crypto'
import { setNewest } from '../machine/newest.ts'
import type { Codec } from '../wire/codec.ts'
import { Tuple } from '../wire/tuple.ts'
import { matchesFilter, isWildcard } from '../topics/topic.ts'
import type { Store } from '../store/store.ts'
import type { Publication, Settlement } from './message.ts'
import type { Headers } from './pubsub.ts'
import { PartedStore } from './parted-store.ts'
import { Payload } from './payload.ts'
import { isFlat, UINT48_MAX } from './wire.ts'

/** One last value. */
export interface RetainedValue {
  readonly topic: string
  readonly publisher: string
  readonly sequence: number
  readonly stampMs: number
  readonly headers: Headers | undefined
  readonly payload: Payload
}

interface Kept extends RetainedValue {
  /** Rises with every change: what has changed since a walk began is not told by that walk. */
  readonly revision: number
}

/** Limits of one table. */
export interface RetainedLimits {
  readonly entriesMax: number
  readonly bytesMax: number
}

/** Bytes that are counted for an entry beside topic and payload. */
const ENTRY_BYTES = 128

/** Deleted values that are remembered. */
const GRAVES_MAX = 1_024

/** What decides which of two values is newer. */
export type Age = Pick<RetainedValue, 'stampMs' | 'publisher' | 'sequence'>

/** True when `value` is newer than `other`. */
export function isNewer(value: Age, other: Age): boolean {
  if (value.stampMs !== other.stampMs) return value.stampMs > other.stampMs
  if (value.publisher !== other.publisher) return value.publisher > other.publisher
  return value.sequence > other.sequence
}

/** A last value as a message. */
export function lastValue(
  { topic, publisher, sequence, stampMs, headers, payload }: RetainedValue,
  settlement: Settlement | undefined,
): Publication {
  return {
    topic,
    payload,
    publisher,
    sequence,
    delivery: 'at_least_once',
    retained: true,
    stampMs,
    headers,
    reply: undefined,
    settlement,
  }
}

/** Values by topic, bounded. */
export class RetainedTable {
  readonly #limits: RetainedLimits
  readonly #values = new Map<string, Kept>()
  /** Of values that were deleted lately: an older one may still be on its way. */
  readonly #graves = new Map<string, Age>()
  #bytes = 0
  #revision = 0

  constructor(limits: RetainedLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#values.size
  }

  get revision(): number {
    return this.#revision
  }

  /** The largest stamp of all, 0 without any. */
  get lastStampMs(): number {
    let lastMs = 0
    for (const { stampMs } of this.#values.values()) lastMs = Math.max(lastMs, stampMs)
    return lastMs
  }

  get(topic: string): RetainedValue | undefined {
    return this.#values.get(topic)
  }

  /** What a value must be newer than. */
  age(topic: string): Age | undefined {
    return this.#values.get(topic) ?? this.#graves.get(topic)
  }

  /** The value was deleted. */
  bury({ topic, stampMs, publisher, sequence }: Omit<RetainedValue, 'payload'>): void {
    this.delete(topic)
    setNewest(this.#graves, topic, { stampMs, publisher, sequence }, GRAVES_MAX)
  }

  /** Whether there is room for a value instead of what is there. */
  fits({ topic, payload }: Pick<RetainedValue, 'topic' | 'payload'>): boolean {
    const there = this.#values.get(topic)
    const bytes = this.#bytes - (there === undefined ? 0 : bytesOf(there))
    const { entriesMax, bytesMax } = this.#limits
    if (there === undefined && this.#values.size >= entriesMax) return false
    return bytes + bytesOf({ topic, payload }) <= bytesMax
  }

  set(value: RetainedValue): void {
    this.delete(value.topic)
    this.#graves.delete(value.topic)
    this.#revision += 1
    this.#values.set(value.topic, { ...value, revision: this.#revision })
    this.#bytes += bytesOf(value)
  }

  delete(topic: string): void {
    const there = this.#values.get(topic)
    if (there === undefined) return
    this.#values.delete(topic)
    this.#bytes -= bytesOf(there)
  }

  /** Values that match and have not changed since that revision; may change while it is read. */
  *matching(filter: string, revision: number): Generator<RetainedValue> {
    if (!isWildcard(filter)) {
      const value = this.#values.get(filter)
      if (value !== undefined && value.revision <= revision) yield value
      return
    }
    for (const value of this.#values.values()) {
      if (value.revision <= revision && matchesFilter(filter, value.topic)) yield value
    }
  }

  /** Takes away what matches the filter and is not `wanted`. */
  prune(filter: string, wanted: (topic: string) => boolean): void {
    if (this.#values.size === 0) return
    if (!isWildcard(filter)) {
      if (!wanted(filter)) this.delete(filter)
      return
    }
    for (const topic of this.#values.keys()) {
      if (matchesFilter(filter, topic) && !wanted(topic)) this.delete(topic)
    }
  }
}

function bytesOf({ topic, payload }: Pick<RetainedValue, 'topic' | 'payload'>): number {
  return topic.length + payload.size + ENTRY_BYTES
}

const PREFIX = 'pubsub/last/'

/** Last values of this node in a store. */
export class RetainedStore {
  readonly #store: PartedStore
  readonly #values: Codec
  readonly #failed: (error: unknown) => void

  constructor(store: Store, values: Codec, failed: (error: unknown) => void) {
    this.#store = new PartedStore(store, PREFIX, failed)
    this.#values = values
    this.#failed = failed
  }

  /** Keeps a value instead of what is there. */
  keep({ topic, sequence, stampMs, headers, payload }: RetainedValue): void {
    const items = [topic, sequence, stampMs, headers ?? null, payload.bytes]
    this.#store.keep(nameOf(topic), this.#values.encode(items))
  }

  /** The value was deleted. */
  forget(topic: string): void {
    this.#store.forget(nameOf(topic))
  }

  /** Fills the table of a new life. */
  load(table: RetainedTable, publisher: string): void {
    for (const [, bytes] of this.#store.load()) {
      const value = this.#read(bytes, publisher)
      if (value !== undefined && table.fits(value)) table.set(value)
    }
  }

  #read(bytes: Uint8Array, publisher: string): RetainedValue | undefined {
    try {
      const items = new Tuple('retained', this.#values.decode(bytes))
      const headers = items.get(3)
      return {
        topic: items.text(0, 'topic', isText, 'a topic'),
        publisher,
        sequence: items.whole(1, 'sequence', 0, UINT48_MAX),
        stampMs: items.whole(2, 'stamp', 0, UINT48_MAX),
        headers: isFlat(headers) ? headers : undefined,
        payload: Payload.received(this.#values, items.bytesUpTo(4, 'payload', bytes.length)),
      }
    } catch (error) {
      this.#failed(error)
      return undefined
    }
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** Topics are longer than names in a store may be. */
function nameOf(topic: string): string {
  return createHash('sha256').update(topic, 'utf8').digest('hex')
}
