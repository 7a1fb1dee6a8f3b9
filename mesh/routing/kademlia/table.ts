/**
 * The routing table (Kademlia, sections 2.2 and 2.4): up to k contacts per bucket, all of which have
 * answered this node (K11), in the order of their last answer.
 *
 *     answers, unknown      room, or a failed entry gives way: admitted; else a replacement (K7)
 *     answers, known        last in the order, failures forgotten, address corrected
 *     fails                 the newest replacement takes its place at once; without one it stays, failed,
 *                           until somebody answers (K8): failed entries are in no answer (K24)
 *     turns client          removed
 *
 * What has not answered yet is not kept here at all: `include.ts` asks it first, if {@link RoutingTable.wants} it.
 */
import { bucketIndex, commonPrefixBits, compareDistance, KEY_BITS, type KadKey } from './id.ts'
import { Bucket, BucketEntry } from './bucket.ts'
import { NetworkCounts, networkOf } from './diversity.ts'
import type { RoutingEntry, RoutingEvent } from './machine.ts'
import type { Contact } from './message.ts'
import type { RoutingSettings } from './settings.ts'

/** Why an entry went. */
export type RemovalReason = Extract<RoutingEvent, { readonly type: 'removed' }>['reason']

/** Told of every change of membership, in order. Must not call the table back. */
export interface TableListener {
  admitted(contact: Contact): void
  removed(contact: Contact, reason: RemovalReason): void
  /** Not admitted, or removed after a change of address: its network has enough entries. */
  crowded(contact: Contact): void
  /** Somebody answered for whom that bucket has no room: it waits for a place. */
  kept(bucket: number): void
}

/** Distances with this bit turned are ordered as signed numbers, which need no object. */
const SIGN = 0x8000_0000

/** How much of the old mean of the rtt a new measurement leaves. */
const RTT_KEPT = 0.75

/** All buckets of one node. */
export class RoutingTable {
  readonly #own: KadKey
  readonly #settings: RoutingSettings
  readonly #listener: TableListener
  /** By bits in common with the own key: 0 is the far half. Ends with the deepest bucket ever used. */
  readonly #buckets: (Bucket | undefined)[] = []
  readonly #networks = new NetworkCounts()
  #size = 0
  #failed = 0
  #replacements = 0

  constructor(own: KadKey, settings: RoutingSettings, listener: TableListener) {
    this.#own = own
    this.#settings = settings
    this.#listener = listener
  }

  get size(): number {
    return this.#size
  }

  /** Entries that did not fail: as many as answers can be made of. */
  get goodSize(): number {
    return this.#size - this.#failed
  }

  get failedSize(): number {
    return this.#failed
  }

  get replacementsSize(): number {
    return this.#replacements
  }

  /** The contact as it stands in the table, failed or not. */
  get(id: string): Contact | undefined {
    return this.#find(id)?.contact
  }

  state(id: string): RoutingEntry['state'] | undefined {
    const entry = this.#find(id)
    if (entry === undefined) return undefined
    return entry.failed ? 'failed' : 'good'
  }

  rttMs(id: string): number | undefined {
    const rttMs = this.#find(id)?.rttMs ?? -1
    return rttMs < 0 ? undefined : rttMs
  }

  /** It answered us, at the address of `contact`, and is no client. */
  answered(contact: Contact, nowMs: number, rttMs?: number): void {
    const prefix = commonPrefixBits(this.#own, contact.key)
    if (prefix === KEY_BITS) return
    const bucket = (this.#buckets[prefix] ??= this.#bucketAt(prefix))
    const entry = bucket.find(contact.id, contact.key.words[0]! | 0)
    if (entry === undefined) return this.#newcomer(bucket, contact, nowMs, rttMs)
    if (entry.failed) this.#failed -= 1
    entry.failed = false
    entry.failures = 0
    if (rttMs !== undefined) {
      const kept = entry.rttMs < 0 ? rttMs : entry.rttMs * RTT_KEPT + rttMs * (1 - RTT_KEPT)
      entry.rttMs = Math.round(kept)
    }
    bucket.answered(entry, nowMs)
    this.#move(bucket, entry, contact)
  }

  /** A request to it failed. */
  failed(id: string): void {
    const bucket = this.#bucketOf(id)
    if (bucket === undefined) return
    const entry = bucket.find(id, highOf(id))
    if (entry === undefined) {
      if (bucket.forget(id) !== undefined) this.#replacements -= 1
      return
    }
    entry.failures += 1
    if (!entry.failed && entry.failures < this.#settings.failuresMax) return
    this.#markFailed(entry)
    const next = this.#nextOf(bucket, entry)
    if (next === undefined) return
    this.#drop(bucket, entry, 'failed')
    this.#place(bucket, next)
  }

  /** Somebody holds it for down: answers omit it from now on; a ping decides what becomes of it. */
  down(id: string): void {
    const bucket = this.#bucketOf(id)
    const entry = bucket?.find(id, highOf(id))
    if (entry !== undefined) this.#markFailed(entry)
    else if (bucket?.forget(id) !== undefined) this.#replacements -= 1
  }

  /** Takes it out, and the newest replacement in. */
  remove(id: string, reason: RemovalReason): void {
    const bucket = this.#bucketOf(id)
    if (bucket === undefined) return
    const entry = bucket.find(id, highOf(id))
    if (entry === undefined) {
      if (bucket.forget(id) !== undefined) this.#replacements -= 1
      return
    }
    const next = this.#nextOf(bucket, entry)
    this.#drop(bucket, entry, reason)
    if (next !== undefined) this.#place(bucket, next)
  }

  /**
   * True if it is worth a ping: a failed entry, or a stranger for whose bucket there is room, a failed entry
   * or no replacement yet. Whoever comes to a bucket that has all that is not asked: a flood costs nothing.
   */
  wants(id: string, host: string): boolean {
    if (id === this.#own.hex) return false
    const bucket = this.#bucketOf(id)
    if (bucket === undefined) return this.#hasRoomFor(networkOf(host), undefined)
    const entry = bucket.find(id, highOf(id))
    if (entry !== undefined) return entry.failed
    const leaving = bucket.entries.length < this.#settings.k ? undefined : bucket.oldestFailed()
    if (bucket.entries.length >= this.#settings.k && leaving === undefined) {
      return this.#settings.replacementsMax > 0 && bucket.replacements.length === 0
    }
    return this.#isAllowed(bucket, networkOf(host), leaving)
  }

  /** True for a stranger for whom there is room, or a failed entry that gives way. */
  lacks(id: string, host: string): boolean {
    const bucket = this.#bucketOf(id)
    const isFull = (bucket?.entries.length ?? 0) >= this.#settings.k
    if (isFull && bucket?.oldestFailed() === undefined) return false
    return bucket?.find(id, highOf(id)) === undefined && this.wants(id, host)
  }

  /**
   * The good entries nearest to `target`, nearest first, at most `count`, without `except`. Buckets are
   * visited in the order of their distance and no further than needed, so the cost is that of sorting the
   * buckets that `count` contacts come from.
   */
  closest(target: KadKey, count: number, except?: string): Contact[] {
    return this.#collect(target, count, except, false)
  }

  /**
   * What a lookup begins with: good entries, and failed ones only when there is no good one. Among others a
   * failed entry would cost a timeout for nothing: who still knows it for alive names it in an answer.
   */
  closestForLookup(target: KadKey, count: number): Contact[] {
    const good = this.#collect(target, count, undefined, false)
    return good.length > 0 ? good : this.#collect(target, count, undefined, true)
  }

  /** Good entries, nearest to this node first: enough to come back with after a restart. */
  snapshot(): Contact[] {
    return this.closest(this.#own, this.#size)
  }

  /** Every entry, far half first, oldest answer first. */
  entries(): RoutingEntry[] {
    return this.#buckets.flatMap((bucket, prefix) =>
      (bucket?.entries ?? []).map((entry) => ({
        contact: entry.contact,
        bucket: KEY_BITS - 1 - prefix,
        answeredMs: entry.answeredMs,
        state: entry.failed ? ('failed' as const) : ('good' as const),
        rttMs: entry.rttMs < 0 ? undefined : entry.rttMs,
      })),
    )
  }

  failedContacts(): Contact[] {
    if (this.#failed === 0) return []
    const failed: Contact[] = []
    for (const bucket of this.#buckets) {
      for (const entry of bucket?.entries ?? []) if (entry.failed) failed.push(entry.contact)
    }
    return failed
  }

  /** Contacts that wait for room in that bucket, newest answer first. */
  replacementsOf(bucket: number): Contact[] {
    const replacements = this.#buckets[KEY_BITS - 1 - bucket]?.replacements ?? []
    return replacements.map(({ contact }) => contact)
  }

  /** The entry of that bucket whose answer is the longest ago. */
  oldestOf(bucket: number): BucketEntry | undefined {
    return this.#buckets[KEY_BITS - 1 - bucket]?.entries[0]
  }

  /** True if that bucket holds k entries and none of them has failed. */
  isFull(bucket: number): boolean {
    const at = this.#buckets[KEY_BITS - 1 - bucket]
    return at !== undefined && at.entries.length >= this.#settings.k && !at.oldestFailed()
  }

  /** The nearest bucket with entries; -1 when the table is empty. */
  nearestBucket(): number {
    for (let prefix = this.#buckets.length - 1; prefix >= 0; prefix--) {
      if ((this.#buckets[prefix]?.entries.length ?? 0) > 0) return KEY_BITS - 1 - prefix
    }
    return -1
  }

  /** Entries per limited network. */
  networks(): (readonly [string, number])[] {
    return this.#networks.entries()
  }

  #bucketAt(prefix: number): Bucket {
    while (this.#buckets.length < prefix) this.#buckets.push(undefined)
    return new Bucket()
  }

  #bucketOf(id: string): Bucket | undefined {
    const difference = this.#own.words[0]! ^ highOf(id)
    if (difference !== 0) return this.#buckets[Math.clz32(difference)]
    return this.#buckets[commonPrefixOfHex(this.#own.hex, id)]
  }

  #find(id: string): BucketEntry | undefined {
    return this.#bucketOf(id)?.find(id, highOf(id))
  }

  #newcomer(bucket: Bucket, contact: Contact, nowMs: number, rttMs: number | undefined): void {
    const entry = new BucketEntry(contact, nowMs, rttMs ?? -1, networkOf(contact.host))
    const isFull = bucket.entries.length >= this.#settings.k
    const leaving = isFull ? bucket.oldestFailed() : undefined
    if (bucket.forget(contact.id) !== undefined) this.#replacements -= 1
    if (isFull && leaving === undefined) {
      if (!this.#hasReplacementRoom(bucket, entry.network)) return this.#listener.crowded(contact)
      this.#replacements += bucket.keep(entry, this.#settings.replacementsMax)
      return this.#listener.kept(bucketIndex(this.#own, contact.key))
    }
    if (!this.#isAllowed(bucket, entry.network, leaving)) return this.#listener.crowded(contact)
    if (leaving !== undefined) this.#drop(bucket, leaving, 'replaced')
    this.#place(bucket, entry)
  }

  /** Corrects the address of an entry that has answered from another one. */
  #move(bucket: Bucket, entry: BucketEntry, contact: Contact): void {
    const known = entry.contact
    if (known.host === contact.host && known.port === contact.port) return
    const network = networkOf(contact.host)
    if (network !== entry.network && !this.#isAllowed(bucket, network, entry)) {
      this.remove(contact.id, 'address')
      return this.#listener.crowded(contact)
    }
    this.#networks.remove(entry.network)
    this.#networks.add(network)
    entry.network = network
    entry.contact = contact
  }

  /** True if the limits leave room for one more of `network` in the bucket, once `leaving` is gone. */
  #isAllowed(
    bucket: Bucket,
    network: string | undefined,
    leaving: BucketEntry | undefined,
  ): boolean {
    if (network === undefined) return true
    const { networkBucketMax } = this.#settings
    const isCrowded =
      networkBucketMax > 0 && countOf(bucket.entries, network, leaving) >= networkBucketMax
    return !isCrowded && this.#hasRoomFor(network, leaving)
  }

  /** The same for the table as a whole. */
  #hasRoomFor(network: string | undefined, leaving: BucketEntry | undefined): boolean {
    const { networkEntriesMax } = this.#settings
    if (network === undefined || networkEntriesMax === 0) return true
    const leavingCount = leaving?.network === network ? 1 : 0
    return this.#networks.of(network) - leavingCount < networkEntriesMax
  }

  /** Replacements are limited like entries: one network shall not push out all others. */
  #hasReplacementRoom(bucket: Bucket, network: string | undefined): boolean {
    const { networkBucketMax } = this.#settings
    if (network === undefined || networkBucketMax === 0) return true
    return countOf(bucket.replacements, network, undefined) < networkBucketMax
  }

  #nextOf(bucket: Bucket, leaving: BucketEntry): BucketEntry | undefined {
    const next = bucket.take(({ network }) => this.#isAllowed(bucket, network, leaving))
    if (next !== undefined) this.#replacements -= 1
    return next
  }

  #place(bucket: Bucket, entry: BucketEntry): void {
    bucket.insert(entry)
    this.#networks.add(entry.network)
    this.#size += 1
    this.#listener.admitted(entry.contact)
  }

  #drop(bucket: Bucket, entry: BucketEntry, reason: RemovalReason): void {
    bucket.remove(entry)
    this.#networks.remove(entry.network)
    this.#size -= 1
    if (entry.failed) this.#failed -= 1
    this.#listener.removed(entry.contact, reason)
  }

  #markFailed(entry: BucketEntry): void {
    if (!entry.failed) this.#failed += 1
    entry.failed = true
  }

  /**
   * Buckets by distance from `target`: a bucket whose bit differs between the own key and the target takes
   * that bit away from the distance, the highest bit first; all others add theirs, the lowest first.
   */
  #collect(target: KadKey, count: number, except: string | undefined, failed: boolean): Contact[] {
    const found: Contact[] = []
    if (count <= 0) return found
    const own = this.#own.words
    const { words } = target
    const depth = this.#buckets.length
    for (let prefix = commonPrefixBits(this.#own, target); prefix < depth; prefix++) {
      const at = prefix >>> 5
      if ((((own[at]! ^ words[at]!) >>> (31 - (prefix & 31))) & 1) === 0) continue
      if (this.#append(found, prefix, target, count, except, failed)) return found
    }
    for (let prefix = depth - 1; prefix >= 0; prefix--) {
      const at = prefix >>> 5
      if ((((own[at]! ^ words[at]!) >>> (31 - (prefix & 31))) & 1) === 1) continue
      if (this.#append(found, prefix, target, count, except, failed)) return found
    }
    return found
  }

  /**
   * Appends the entries of one bucket in order, up to `count` in all; true when that is reached. They are
   * sorted by the first word of their distance, and by all of it where that is the same.
   */
  #append(
    found: Contact[],
    prefix: number,
    target: KadKey,
    count: number,
    except: string | undefined,
    failed: boolean,
  ): boolean {
    const bucket = this.#buckets[prefix]
    if (bucket === undefined) return false
    const start = found.length
    const high = target.words[0]! ^ SIGN
    const exceptHigh = except === undefined ? 0 : highOf(except)
    const distances: number[] = []
    for (const entry of bucket.entries) {
      if (entry.failed !== failed) continue
      const { contact } = entry
      if (entry.high === exceptHigh && contact.id === except) continue
      const distance = entry.high ^ high
      let place = distances.length
      while (place > 0 && distances[place - 1]! >= distance) {
        const other = found[start + place - 1]!
        const isTie = distances[place - 1] === distance
        if (isTie && compareDistance(target, other.key, contact.key) < 0) break
        distances[place] = distances[place - 1]!
        found[start + place] = other
        place -= 1
      }
      distances[place] = distance
      found[start + place] = contact
    }
    if (found.length < count) return false
    found.length = count
    return true
  }
}

/** Entries of `network` besides `except`. */
function countOf(
  entries: readonly BucketEntry[],
  network: string,
  except: BucketEntry | undefined,
): number {
  let count = 0
  for (const entry of entries) if (entry.network === network && entry !== except) count += 1
  return count
}

/** Leading bits that two keys have in common, both as lower-case hex digits; nothing is parsed for it. */
function commonPrefixOfHex(a: string, b: string): number {
  for (let i = 0; i < a.length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return i * 4 + Math.clz32(digit(left) ^ digit(right)) - 28
  }
  return KEY_BITS
}

/** The first word of a key in hex digits, signed. */
function highOf(id: string): number {
  let high = 0
  for (let i = 0; i < 8; i++) high = (high << 4) | digit(id.charCodeAt(i))
  return high
}

/** The value of a lower-case hex digit; anything else counts as some digit. */
function digit(code: number): number {
  return (code > 57 ? code - 87 : code - 48) & 15
}
