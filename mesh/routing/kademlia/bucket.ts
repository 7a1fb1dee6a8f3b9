/**
 * One bucket: entries in the order of their last answer, oldest first, and contacts that have answered
 * while there was no room, newest first. What is in a bucket is decided by the table; this file keeps order.
 */
import type { Contact } from './message.ts'

/** What the table knows about one contact. One class, so that all have one shape. */
export class BucketEntry {
  contact: Contact
  /**
   * The first word of the key, signed: most comparisons end here, in the object that is read anyway. With ten
   * thousand tables in one process each further one would be a miss of the cache.
   */
  readonly high: number
  /** Monotonic time of its last answer. */
  answeredMs: number
  /** Smoothed; -1 before it was measured. */
  rttMs: number
  /** Failed requests since the last answer. */
  failures = 0
  /** Answers omit it, and it gives way to anybody who answers. */
  failed = false
  /** The network its address belongs to, if that is limited. */
  network: string | undefined

  constructor(contact: Contact, answeredMs: number, rttMs: number, network: string | undefined) {
    this.contact = contact
    this.high = contact.key.words[0]! | 0
    this.answeredMs = answeredMs
    this.rttMs = rttMs
    this.network = network
  }
}

/** Entries of one bucket. */
export class Bucket {
  readonly #entries: BucketEntry[] = []
  readonly #replacements: BucketEntry[] = []

  /** Oldest answer first. Do not change. */
  get entries(): readonly BucketEntry[] {
    return this.#entries
  }

  /** Newest answer first. Do not change. */
  get replacements(): readonly BucketEntry[] {
    return this.#replacements
  }

  /** `high` is the first word of `id`, signed. */
  find(id: string, high: number): BucketEntry | undefined {
    for (const entry of this.#entries) {
      if (entry.high === high && entry.contact.id === id) return entry
    }
    return undefined
  }

  /** The failed entry whose answer is the longest ago. */
  oldestFailed(): BucketEntry | undefined {
    for (const entry of this.#entries) if (entry.failed) return entry
    return undefined
  }

  /** At its place in the order: behind everybody who answered before it, or at the same time. */
  insert(entry: BucketEntry): void {
    let place = this.#entries.length
    while (place > 0 && this.#entries[place - 1]!.answeredMs > entry.answeredMs) place -= 1
    if (place === this.#entries.length) this.#entries.push(entry)
    else this.#entries.splice(place, 0, entry)
  }

  remove(entry: BucketEntry): void {
    const place = this.#entries.indexOf(entry)
    if (place >= 0) this.#entries.splice(place, 1)
  }

  /** To the end of the order: it has answered. */
  answered(entry: BucketEntry, nowMs: number): void {
    entry.answeredMs = nowMs
    if (this.#entries.at(-1) === entry) return
    this.remove(entry)
    this.insert(entry)
  }

  /** Keeps it as the newest replacement; returns how many more there are than before. */
  keep(entry: BucketEntry, replacementsMax: number): number {
    const before = this.#replacements.length
    this.forget(entry.contact.id)
    this.#replacements.unshift(entry)
    if (this.#replacements.length > replacementsMax) this.#replacements.pop()
    return this.#replacements.length - before
  }

  /** The replacement of that id, which is none any more. */
  forget(id: string): BucketEntry | undefined {
    const place = this.#replacements.findIndex(({ contact }) => contact.id === id)
    return place < 0 ? undefined : this.#replacements.splice(place, 1)[0]
  }

  /** The newest replacement that `isAllowed`, which is none any more. */
  take(isAllowed: (entry: BucketEntry) => boolean): BucketEntry | undefined {
    const place = this.#replacements.findIndex(isAllowed)
    return place < 0 ? undefined : this.#replacements.splice(place, 1)[0]
  }
}
