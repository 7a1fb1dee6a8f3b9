/**
 * Gives a node that is new in the table what it should hold, without waiting for the next replication
 * (K35). Every holder of a key hears of it, but only those two that are nearest to the newcomer send: they
 * are the ones that know it best, and two because one of them may be dead, or new itself. Newcomers wait a
 * moment, so that a node which has just begun sees its neighbours before it thinks it is the nearest.
 */
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance, distanceFraction } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import { Delivery } from './delivery.ts'
import type { StoredEntry } from './machine.ts'
import { expectedRadius } from './radius.ts'
import { Schedule } from './schedule.ts'
import { entryIdOf } from './shelf.ts'
import type { Job, JobSource } from './upkeep.ts'

/** Holders that send to a newcomer. */
const SENDERS = 2

/** A newcomer waits between once and twice this long. */
const SETTLE_MS = 500

/** A key farther from the newcomer than this many times what is expected of holders is not looked at. */
const RADIUS_FACTOR = 2.5

/** Keys looked at before the step goes on. */
const EXAMINED_MAX = 32

/** Part of what a peer takes from another within a window; the rest is for others' puts through this node. */
const QUOTA_PART = 0.5

interface Scan {
  readonly newcomer: Contact
  readonly entryIds: readonly string[]
  next: number
  /** Records it was given in the present window, and when that ends. */
  given: number
  windowEndsMs: number
}

/** See the head of this file. */
export class Handoff implements JobSource {
  readonly #context: RecordsContext
  readonly #schedule = new Schedule()
  readonly #newcomers = new Map<string, Contact>()
  #scan: Scan | undefined

  constructor(context: RecordsContext) {
    this.#context = context
  }

  nextDeadline(): number {
    const scan = this.#scan
    if (scan === undefined) return this.#schedule.earliest()
    return this.#isSated(scan) ? scan.windowEndsMs : this.#context.nowMs
  }

  admitted(contact: Contact): void {
    const { settings, serves, shelf, nowMs, streams, counters } = this.#context
    if (!settings.handoff || !serves || shelf.size === 0) return
    if (!this.#newcomers.has(contact.id) && this.#newcomers.size >= settings.maintenanceQueueMax) {
      counters.maintenanceDropped += 1
      return
    }
    this.#newcomers.set(contact.id, contact)
    this.#schedule.set(contact.id, nowMs + SETTLE_MS * (1 + streams.handoff.fraction()))
  }

  next(): Job | undefined {
    const scan = (this.#scan ??= this.#begin())
    for (let i = 0; scan !== undefined && i < EXAMINED_MAX; i++) {
      if (this.#isSated(scan)) return undefined
      const entryId = scan.entryIds[scan.next++]
      if (entryId === undefined) {
        this.#scan = undefined
        return undefined
      }
      const entry = this.#context.shelf.entry(entryId)
      if (entry === undefined || !this.#sends(entry, scan.newcomer)) continue
      scan.given += 1
      this.#context.counters.handoffs += 1
      return new Delivery(this.#context, { record: entry.record, targets: [scan.newcomer] })
    }
    return undefined
  }

  #begin(): Scan | undefined {
    const id = this.#schedule.takeDue(this.#context.nowMs)
    const newcomer = id === undefined ? undefined : this.#newcomers.get(id)
    if (newcomer === undefined) return undefined
    this.#newcomers.delete(newcomer.id)
    const { settings, routing, shelf } = this.#context
    const networkSize = routing.networkSize()
    const radius =
      networkSize === undefined ? 1 : expectedRadius(settings.k, networkSize) * RADIUS_FACTOR
    const entryIds: string[] = []
    for (const { record, cached } of shelf.entries()) {
      const near = radius >= 1 || distanceFraction(record.key, newcomer.key) < radius
      if (near && !cached) entryIds.push(entryIdOf(record))
    }
    return { newcomer, entryIds, next: 0, given: 0, windowEndsMs: -Infinity }
  }

  /** True while the newcomer has been given as much as it takes: more would be refused, and lost. */
  #isSated(scan: Scan): boolean {
    const { nowMs, settings } = this.#context
    if (nowMs >= scan.windowEndsMs) {
      scan.given = 0
      scan.windowEndsMs = nowMs + settings.peerWindowMs
    }
    return scan.given >= Math.max(1, settings.peerPutsMax * QUOTA_PART)
  }

  /** True when the newcomer is a holder of it now, and this node one of those who say so. */
  #sends({ record, keepUntilMs, cached }: StoredEntry, newcomer: Contact): boolean {
    const { settings, routing, wallNowMs } = this.#context
    if (cached || keepUntilMs <= wallNowMs) return false
    const { key } = record
    const near = routing.closest(key, settings.k + 1)
    const place = near.findIndex(({ id }) => id === newcomer.id)
    if (place === -1 || place >= settings.k) return false
    const others = near.filter(({ id }) => id !== newcomer.id)
    return this.#context.isHolder(key, others) && this.#rank(key, others, newcomer) < SENDERS
  }

  /** How many of the other holders are nearer to the newcomer than this node. */
  #rank(key: KadKey, others: readonly Contact[], newcomer: Contact): number {
    const { self, settings } = this.#context
    return others
      .slice(0, settings.k)
      .filter((other) => compareDistance(newcomer.key, other.key, self.key) < 0).length
  }
}
