/**
 * The shelf: what this node keeps of the DHT. Immutable and mutable records one per key, provider and address
 * records one per key and publisher, apart from values. Pure and synchronous. Form, sizes and signatures were
 * checked before (`checks.ts`).
 *
 * What stands gives way only to what wins (`compareRecords`), so the sequence at a holder never drops (K32),
 * nor after what stood is over (`floors.ts`).
 * Whatever is kept for others has limits; at them cached copies go first, then the farthest from this node,
 * and never a nearer one for a farther one (K38). Own entries are neither counted nor given up. What has
 * expired is gone before anything is decided, and never served (K31).
 */
import { Deadlines } from '../../machine/deadlines.ts'
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance } from '../kademlia/id.ts'
import type { StoreRefusal } from '../kademlia/message.ts'
import { keepUntil, lifeProblem } from './expiry.ts'
import { FarthestFirst } from './farthest.ts'
import { Floors } from './floors.ts'
import type { StoredEntry } from './machine.ts'
import type { Draw } from './providers.ts'
import { isProviderKind, ProviderSets } from './providers.ts'
import { entryBytes, ShelfQuotas } from './quotas.ts'
import type { DhtRecord } from './record.ts'
import { compareRecords } from './select.ts'
import type { RecordsSettings } from './settings.ts'
import type { ShelfItem } from './shelf-item.ts'

/** How a record is offered. */
export interface OfferOptions {
  /** Who offers it, counted against its quota; undefined for this node itself. */
  readonly from: string | undefined
  /** Monotonic, for the quota. */
  readonly nowMs: number
  readonly wallNowMs: number
  /** Keep it no longer than this. */
  readonly ttlMs?: number | undefined
  /** Compare and swap: sequence of what must stand; 0 for nothing. */
  readonly expectedSequence?: number | undefined
  /** This node publishes it. */
  readonly own?: boolean
  /** A copy off the path. */
  readonly cached?: boolean
}

/** An entry that is new, different or, with `undefined`, gone: to be written to the disk. */
export interface StoredChange {
  readonly entryId: string
  readonly entry: StoredEntry | undefined
}

/** What became of an offer. */
export interface OfferResult {
  /** Undefined when the record is kept. */
  readonly refusal: StoreRefusal | undefined
  /** What stands against it, for `ERR_DHT_SEQUENCE_LOW` and `ERR_DHT_SEQUENCE_UNEXPECTED`. */
  readonly standing: DhtRecord | undefined
  readonly entryId: string
  /** Also what was collected or pushed out. Empty when the record was there and only its `storedAtMs` is new. */
  readonly changed: readonly StoredChange[]
}

/** Sizes now, and counters since the start. */
export interface ShelfStats {
  /** Entries kept for others, cached ones included. */
  readonly records: number
  readonly bytes: number
  readonly own: number
  readonly cached: number
  readonly providerKeys: number
  readonly publishers: number
  /** Sequences that are remembered of records that are over, and those forgotten before their time. */
  readonly floors: number
  readonly floorsDropped: number
  /** Pushed out by nearer ones. */
  readonly evicted: number
  readonly expired: number
  readonly refusals: Readonly<Partial<Record<StoreRefusal, number>>>
}

interface Refused {
  readonly refusal: StoreRefusal
  readonly standing?: DhtRecord
}

/** The entry of a record on disk and in {@link StoredChange}: `key`, or `key/publisher`. */
export function entryIdOf(record: DhtRecord): string {
  const { key, kind, publisher } = record
  return isProviderKind(kind) ? `${key.hex}/${publisher}` : key.hex
}

/** See the head of this file. */
export class RecordShelf {
  readonly #own: KadKey
  readonly #settings: RecordsSettings
  readonly #items = new Map<string, ShelfItem>()
  readonly #slots = new Map<number, ShelfItem>()
  readonly #providers: ProviderSets
  readonly #quotas: ShelfQuotas
  readonly #held: FarthestFirst
  readonly #cached: FarthestFirst
  readonly #floors: Floors
  readonly #expiries = new Deadlines()
  readonly #refusals: Partial<Record<StoreRefusal, number>> = {}
  #nextSlot = 1
  #evicted = 0
  #expired = 0

  constructor(options: { readonly own: KadKey; readonly settings: RecordsSettings }) {
    this.#own = options.own
    this.#settings = options.settings
    this.#providers = new ProviderSets(options.settings.providersPerKeyMax)
    this.#quotas = new ShelfQuotas(options.settings)
    this.#floors = new Floors(options.settings.floorsMax)
    this.#held = new FarthestFirst(options.own)
    this.#cached = new FarthestFirst(options.own)
  }

  /** Entries of all kinds, own ones included. */
  get size(): number {
    return this.#items.size
  }

  /** Entries that this node publishes. */
  get ownSize(): number {
    return this.#items.size - this.#quotas.records
  }

  /** False when an offer of that peer would be refused whatever it is: no signature need be checked then. */
  peerHasQuota(peer: string, nowMs: number): boolean {
    return this.#quotas.peerHas(peer, nowMs)
  }

  /** Keeps a record, or says why not. Every offer of a peer counts against its quota. */
  offer(record: DhtRecord, options: OfferOptions): OfferResult {
    const changed = this.expire(options.wallNowMs)
    const entryId = entryIdOf(record)
    const refused =
      options.from !== undefined && !this.#quotas.peerSpend(options.from, options.nowMs)
        ? ({ refusal: 'ERR_DHT_PEER_QUOTA' } as const)
        : this.#take(record, entryId, options, changed)
    if (refused !== undefined) this.#count(refused.refusal)
    return { refusal: refused?.refusal, standing: refused?.standing, entryId, changed }
  }

  /**
   * Takes back what was on disk, with its times: they can be shortened here, not stretched. What is refused
   * must be deleted there.
   */
  restore(entry: StoredEntry, wallNowMs: number): OfferResult {
    const changed = this.expire(wallNowMs)
    const { record, own, cached } = entry
    const entryId = entryIdOf(record)
    const standing = this.#items.get(entryId)
    const refused = this.#restorable(entry, standing, wallNowMs)
    const refusal =
      refused ??
      this.#place(
        standing,
        {
          record,
          keepUntilMs: Math.min(entry.keepUntilMs, this.#keepUntil(record, wallNowMs, undefined)),
          own,
          cached: cached && !own,
          storedAtMs: entry.storedAtMs <= wallNowMs ? entry.storedAtMs : wallNowMs,
        },
        changed,
      )
    if (refusal !== undefined) this.#count(refusal)
    return { refusal, standing: undefined, entryId, changed }
  }

  /** The value under a key. */
  get(key: KadKey, wallNowMs: number): StoredEntry | undefined {
    const item = this.#items.get(key.hex)
    return item !== undefined && isAlive(item, wallNowMs) ? item.entry : undefined
  }

  /** At most `count` provider and address records of a key: own ones, then others by lot. */
  providers(key: KadKey, wallNowMs: number, count: number, draw: Draw): DhtRecord[] {
    return this.#providers
      .choose(key.hex, count, draw, (item) => isAlive(item, wallNowMs))
      .map((item) => item.entry.record)
  }

  /** The entry with that id, expired or not. */
  entry(entryId: string): StoredEntry | undefined {
    return this.#items.get(entryId)?.entry
  }

  /** All entries, own ones included, in no order. */
  *entries(): IterableIterator<StoredEntry> {
    for (const item of this.#items.values()) yield item.entry
  }

  /** Says that an entry was put to its holders. Nothing need be written. */
  touch(entryId: string, wallNowMs: number): void {
    const item = this.#items.get(entryId)
    if (item === undefined) return
    item.entry = { ...item.entry, storedAtMs: wallNowMs }
  }

  /** Stops to publish: the entry is one of the others now, and may have to give way at once. */
  disown(entryId: string): StoredChange[] {
    const item = this.#items.get(entryId)
    if (item === undefined || !item.entry.own) return []
    const changed: StoredChange[] = []
    this.#remove(item)
    const entry = { ...item.entry, own: false }
    if (this.#place(undefined, entry, changed) === undefined) return changed
    return [{ entryId, entry: undefined }]
  }

  remove(entryId: string): StoredChange[] {
    const item = this.#items.get(entryId)
    if (item === undefined) return []
    this.#remove(item)
    return [{ entryId, entry: undefined }]
  }

  /**
   * Collects what is over; exactly at its time an entry is. What this node published stays with the record
   * that `revive` gives for it.
   */
  expire(wallNowMs: number, revive?: (own: StoredEntry) => DhtRecord | undefined): StoredChange[] {
    const changed: StoredChange[] = []
    while (this.#expiries.earliest() <= wallNowMs) {
      const item = this.#slots.get(this.#expiries.first())
      if (item === undefined) break
      const record = item.entry.own ? revive?.(item.entry) : undefined
      this.#remove(item)
      if (record === undefined) {
        this.#expired += 1
        changed.push({ entryId: item.id, entry: undefined })
      } else {
        const keepUntilMs = this.#keepUntil(record, wallNowMs, undefined)
        const entry = { ...item.entry, record, keepUntilMs, storedAtMs: wallNowMs }
        this.#insert({ ...item, entry })
        changed.push({ entryId: item.id, entry })
      }
    }
    return changed
  }

  /** Wall time at which `expire` has something to do; Infinity for never. */
  nextExpiryMs(): number {
    return this.#expiries.earliest()
  }

  stats(): ShelfStats {
    return {
      records: this.#quotas.records,
      bytes: this.#quotas.bytes,
      own: this.ownSize,
      cached: this.#cached.size,
      providerKeys: this.#providers.size,
      publishers: this.#quotas.publishers,
      floors: this.#floors.size,
      floorsDropped: this.#floors.dropped,
      evicted: this.#evicted,
      expired: this.#expired,
      refusals: { ...this.#refusals },
    }
  }

  #take(
    record: DhtRecord,
    entryId: string,
    options: OfferOptions,
    changed: StoredChange[],
  ): Refused | undefined {
    const { wallNowMs, ttlMs, expectedSequence } = options
    const own = options.own === true
    const problem = lifeProblem(record, wallNowMs, this.#settings)
    if (problem !== undefined) return { refusal: problem }
    const keepUntilMs = this.#keepUntil(record, wallNowMs, ttlMs)
    if (keepUntilMs <= wallNowMs) return { refusal: 'ERR_DHT_RECORD_EXPIRED' }
    const item = this.#items.get(entryId)
    const order = item === undefined ? 1 : compareRecords(record, item.entry.record)
    const stale = item === undefined ? undefined : item.entry.record
    // Its own record, again, is a put whose answer was lost.
    if (expectedSequence !== undefined && order !== 0) {
      if ((stale?.sequence ?? 0) !== expectedSequence) {
        return unexpected('ERR_DHT_SEQUENCE_UNEXPECTED', stale)
      }
    }
    if (order < 0) return unexpected('ERR_DHT_SEQUENCE_LOW', stale)
    if (item === undefined && this.#floors.isBelow(entryId, record, wallNowMs)) {
      return { refusal: 'ERR_DHT_SEQUENCE_LOW' }
    }
    const cached = options.cached === true && !own
    const entry = merge(
      item?.entry,
      order,
      { record, keepUntilMs, own, cached, storedAtMs: wallNowMs },
      ttlMs,
    )
    if (item !== undefined && isSame(item.entry, entry)) {
      item.entry = entry
      return undefined
    }
    const refusal = this.#place(item, entry, changed)
    if (refusal !== undefined) return { refusal }
    this.#floors.taken(entryId, entry, stale)
    return undefined
  }

  #keepUntil(record: DhtRecord, wallNowMs: number, ttlMs: number | undefined): number {
    return keepUntil(record, wallNowMs, { ttlMaxMs: this.#settings.recordTtlMaxMs, ttlMs })
  }

  #restorable(
    entry: StoredEntry,
    standing: ShelfItem | undefined,
    wallNowMs: number,
  ): StoreRefusal | undefined {
    const problem = lifeProblem(entry.record, wallNowMs, this.#settings)
    if (problem !== undefined) return problem
    // Damaged entries may have no number there.
    if (!(entry.keepUntilMs > wallNowMs)) return 'ERR_DHT_RECORD_EXPIRED'
    const lower = standing !== undefined && compareRecords(entry.record, standing.entry.record) <= 0
    return lower ? 'ERR_DHT_SEQUENCE_LOW' : undefined
  }

  /** Puts an entry into the place of `standing`, or into a new one, if there is room or can be. */
  #place(
    standing: ShelfItem | undefined,
    entry: StoredEntry,
    changed: StoredChange[],
  ): StoreRefusal | undefined {
    const { record } = entry
    const item: ShelfItem = {
      id: entryIdOf(record),
      key: record.key,
      slot: standing?.slot ?? this.#nextSlot++,
      entry,
      bytes: entryBytes(record),
      place: -1,
    }
    if (standing !== undefined) this.#remove(standing)
    const refusal = entry.own ? undefined : this.#makeRoom(item, changed)
    if (refusal === undefined) {
      this.#insert(item)
      changed.push({ entryId: item.id, entry })
    } else if (standing !== undefined) this.#insert(standing)
    return refusal
  }

  #makeRoom(item: ShelfItem, changed: StoredChange[]): StoreRefusal | undefined {
    const { record } = item.entry
    if (isProviderKind(record.kind) && !this.#providers.hasRoom(record.key.hex)) {
      return 'ERR_DHT_PROVIDERS_FULL'
    }
    if (!this.#quotas.publisherHas(record.publisher)) return 'ERR_DHT_PEER_QUOTA'
    const victims: ShelfItem[] = []
    while (!this.#quotas.fits(1, item.bytes)) {
      const victim = this.#victim(item)
      if (victim === undefined) {
        for (const spared of victims) this.#insert(spared)
        return 'ERR_DHT_STORE_FULL'
      }
      this.#remove(victim)
      victims.push(victim)
    }
    this.#evicted += victims.length
    for (const { id } of victims) changed.push({ entryId: id, entry: undefined })
    return undefined
  }

  /** What may give way to that item: a cached copy to any that is held, and whatever is farther. */
  #victim(item: ShelfItem): ShelfItem | undefined {
    const cached = this.#cached.first()
    if (cached !== undefined && (!item.entry.cached || this.#isFarther(cached, item))) return cached
    const held = item.entry.cached ? undefined : this.#held.first()
    return held !== undefined && this.#isFarther(held, item) ? held : undefined
  }

  #isFarther(item: ShelfItem, than: ShelfItem): boolean {
    return compareDistance(this.#own, item.key, than.key) > 0
  }

  #insert(item: ShelfItem): void {
    const { record, keepUntilMs, own, cached } = item.entry
    this.#items.set(item.id, item)
    this.#slots.set(item.slot, item)
    this.#expiries.set(item.slot, keepUntilMs)
    this.#quotas.add(item)
    if (isProviderKind(record.kind)) this.#providers.add(item)
    if (own) return
    if (cached) this.#cached.push(item)
    else this.#held.push(item)
  }

  #remove(item: ShelfItem): void {
    const { record, own, cached } = item.entry
    this.#items.delete(item.id)
    this.#slots.delete(item.slot)
    this.#expiries.delete(item.slot)
    this.#quotas.delete(item)
    if (isProviderKind(record.kind)) this.#providers.delete(item)
    if (own) return
    if (cached) this.#cached.delete(item)
    else this.#held.delete(item)
  }

  #count(refusal: StoreRefusal): void {
    this.#refusals[refusal] = (this.#refusals[refusal] ?? 0) + 1
  }
}

function isAlive(item: ShelfItem, wallNowMs: number): boolean {
  return item.entry.keepUntilMs > wallNowMs
}

function unexpected(refusal: StoreRefusal, standing: DhtRecord | undefined): Refused {
  return standing === undefined ? { refusal } : { refusal, standing }
}

/** True when nothing differs that must be on disk. */
function isSame(left: StoredEntry, right: StoredEntry): boolean {
  return (
    left.record === right.record &&
    left.keepUntilMs === right.keepUntilMs &&
    left.own === right.own &&
    left.cached === right.cached
  )
}

/**
 * The entry after an offer that did not lose. Being a holder, or the publisher, is never lost by an offer
 * that is less. The same record with a bound on its time is not kept longer than it was (K31); a newer one
 * at least as long as the one it replaces, else whoever passes it on with a short time could end both.
 */
function merge(
  standing: StoredEntry | undefined,
  order: number,
  offered: StoredEntry,
  ttlMs: number | undefined,
): StoredEntry {
  if (standing === undefined) return offered
  const own = offered.own || standing.own
  const cached = offered.cached && standing.cached && !own
  const record = order === 0 ? standing.record : offered.record
  const asBeforeMs = Math.min(standing.keepUntilMs, record.expiresAtMs)
  const keepUntilMs =
    order === 0 && ttlMs !== undefined ? asBeforeMs : Math.max(asBeforeMs, offered.keepUntilMs)
  // A copy off the path is no sign that the holders were given it.
  const storedAtMs = offered.cached ? standing.storedAtMs : offered.storedAtMs
  return { record, keepUntilMs, own, cached, storedAtMs }
}
