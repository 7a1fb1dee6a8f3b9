/**
 * Repeats what this node published until it is told to stop (K39). What this node signed itself is signed
 * again with a later expiry, all else as it was, so it lives as long as its publisher does, also after a
 * sleep that was longer than its life; what another key signed is repeated as it is and ends with its time.
 * A value that is found by its hash anybody can sign: it always is signed again by this node, else whoever
 * signs it for a moment longer would end it. Each entry has its own time, around an interval that leaves
 * room for failures within its life, so many entries published at once are not repeated at once. What did not
 * reach all of its holders is put again soon: in a network that is just starting, or that has just lost many
 * of its nodes, the nearest that were found are often not the nearest.
 */
import type { RecordsContext } from './context.ts'
import type { Holding, Keeper } from './holding.ts'
import type { StoredEntry } from './machine.ts'
import { isProviderKind } from './providers.ts'
import type { DhtRecord } from './record.ts'
import { Repeat } from './repeat.ts'
import { Schedule } from './schedule.ts'
import { entryIdOf } from './shelf.ts'
import type { Job, JobSource } from './upkeep.ts'

/** Part of its life after which a record is repeated at the latest. */
const LIFE_PART = 0.5

/** Times that a record which did not reach all holders is put again soon, and how much later each. */
const SOON_TIMES = 3
const SOON_FACTOR = 3

/** Part of the interval after which a repetition that reached nobody is tried again. */
const RETRY_PART = 1 / 64

/** Entries looked at before the step goes on. */
const EXAMINED_MAX = 64

/** Whom a put has reached of those who should hold the record. */
type Reached = 'all' | 'some' | 'nobody'

/** See the head of this file. */
export class Republish implements JobSource, Keeper {
  readonly #context: RecordsContext
  readonly #holding: Holding
  readonly #schedule = new Schedule()
  /** How long each published entry was to live when it was published. */
  readonly #livesMs = new Map<string, number>()
  /** How often each was put again soon since it last reached all. */
  readonly #soon = new Map<string, number>()

  constructor(context: RecordsContext, holding: Holding) {
    this.#context = context
    this.#holding = holding
  }

  /** Entries that are repeated. */
  get size(): number {
    return this.#livesMs.size
  }

  nextDeadline(): number {
    return this.#schedule.earliest()
  }

  kept(entryId: string, own: boolean): void {
    const entry = own ? this.#context.shelf.entry(entryId) : undefined
    if (entry === undefined) return
    const lifeMs = entry.record.expiresAtMs - this.#context.wallNowMs
    this.#livesMs.set(entryId, lifeMs)
    // Soon, until `spread` or the end of a repetition says that all have it.
    const intervalMs = this.#intervalMs(entry.record, lifeMs)
    const soonMs = Math.min(intervalMs, this.#context.settings.repeatSoonMs)
    this.#schedule.set(entryId, this.#laterMs(soonMs))
  }

  spread(entryId: string): void {
    const entry = this.#context.shelf.entry(entryId)
    if (entry?.own === true) this.#again(entryId, entry.record, 'all')
  }

  /** Came back from the disk: its holders may have gone while this node was away. */
  restored(entry: StoredEntry): void {
    if (!entry.own) return
    const { nowMs, settings, streams } = this.#context
    const entryId = entryIdOf(entry.record)
    this.#livesMs.set(entryId, Math.max(1, entry.record.expiresAtMs - entry.storedAtMs))
    const soonMs = streams.republish.fraction() * settings.replicateIntervalMs * settings.jitter
    this.#schedule.set(entryId, nowMs + soonMs)
  }

  /**
   * What this node published is over, because it slept or was down: the record to have instead, which is put
   * as soon as there is a place; undefined for what it cannot sign.
   */
  revived(entry: StoredEntry): DhtRecord | undefined {
    const { record, storedAtMs } = entry
    const { settings, nowMs } = this.#context
    const entryId = entryIdOf(record)
    const lifeMs = this.#livesMs.get(entryId) ?? record.expiresAtMs - storedAtMs
    const renewed = this.#signed(record, Math.min(lifeMs, settings.recordTtlMaxMs))
    if (renewed === undefined) {
      this.#forget(entryId)
      return undefined
    }
    this.#livesMs.set(entryId, lifeMs)
    this.#schedule.set(entryId, nowMs)
    return renewed
  }

  /** Nothing under that key is repeated any more; gives what was. What others have ends with its time. */
  unpublish(keyHex: string): readonly DhtRecord[] {
    const { shelf, writes } = this.#context
    const withdrawn: DhtRecord[] = []
    for (const entryId of this.#livesMs.keys()) {
      if (!entryId.startsWith(keyHex)) continue
      this.#forget(entryId)
      const entry = shelf.entry(entryId)
      if (entry === undefined || !entry.own) continue
      withdrawn.push(entry.record)
      // That this node provides something is not true any more; a value is as good as before.
      const gone = isProviderKind(entry.record.kind)
      writes.save(gone ? shelf.remove(entryId) : shelf.disown(entryId))
      if (!gone) this.#holding.announce(entryId)
    }
    return withdrawn
  }

  next(): Job | undefined {
    for (let i = 0; i < EXAMINED_MAX; i++) {
      const entryId = this.#schedule.takeDue(this.#context.nowMs)
      if (entryId === undefined) return undefined
      const entry = this.#context.shelf.entry(entryId)
      if (entry?.own === true) return this.#job(entryId, this.#renew(entryId, entry.record))
      this.#forget(entryId)
    }
    return undefined
  }

  #job(entryId: string, record: DhtRecord): Job {
    const { shelf, counters } = this.#context
    let reached: Reached = 'nobody'
    return new Repeat(this.#context, {
      key: record.key,
      records: () => {
        const entry = shelf.entry(entryId)
        return entry?.own === true ? [entry.record] : []
      },
      onSpread: (_, { holders, whole, newer }) => {
        if (holders > 0) {
          reached = whole ? 'all' : 'some'
          counters.republished += 1
          shelf.touch(entryId, this.#context.wallNowMs)
        }
        if (newer !== undefined) this.#holding.keep(newer, { from: undefined })
      },
      onEnd: () => this.#again(entryId, record, reached),
    })
  }

  #again(entryId: string, record: DhtRecord, reached: Reached): void {
    const lifeMs = this.#livesMs.get(entryId)
    if (lifeMs === undefined) return
    const intervalMs = this.#intervalMs(record, lifeMs)
    const times = reached === 'all' ? 0 : (this.#soon.get(entryId) ?? 0)
    let waitMs = reached === 'nobody' ? intervalMs * RETRY_PART : intervalMs
    if (reached !== 'all' && times < SOON_TIMES) {
      waitMs = Math.min(waitMs, this.#context.settings.repeatSoonMs * SOON_FACTOR ** times)
      this.#soon.set(entryId, times + 1)
    } else this.#soon.delete(entryId)
    this.#schedule.set(entryId, this.#laterMs(waitMs))
  }

  /** The record with a later expiry, if this node can sign it and that makes it later. */
  #renew(entryId: string, record: DhtRecord): DhtRecord {
    const lifeMs = this.#livesMs.get(entryId) ?? 0
    const renewed = this.#signed(record, lifeMs)
    if (renewed === undefined) return record
    const { refusal } = this.#holding.keep(renewed, { from: undefined, own: true })
    this.#livesMs.set(entryId, lifeMs)
    return refusal === undefined ? renewed : record
  }

  #signed(record: DhtRecord, lifeMs: number): DhtRecord | undefined {
    const { authority, wallNowMs } = this.#context
    const { kind, key, sequence, name, value, host, port } = record
    const { publisher } = authority
    const expiresAtMs = Math.floor(wallNowMs + lifeMs)
    const isOurs = kind === 'immutable' || record.publisher === publisher
    if (!isOurs || !(expiresAtMs > record.expiresAtMs)) return undefined
    const said = { kind, key, publisher, sequence, expiresAtMs, name, value, host, port }
    const renewed = authority.sign(said)
    return this.#context.problem(renewed) === undefined ? renewed : undefined
  }

  #intervalMs({ kind }: DhtRecord, lifeMs: number): number {
    const { reprovideIntervalMs, republishIntervalMs } = this.#context.settings
    const intervalMs = isProviderKind(kind) ? reprovideIntervalMs : republishIntervalMs
    return Math.min(intervalMs, lifeMs * LIFE_PART)
  }

  #laterMs(intervalMs: number): number {
    const { nowMs, streams } = this.#context
    return nowMs + this.#context.jittered(intervalMs, streams.republish)
  }

  #forget(entryId: string): void {
    this.#livesMs.delete(entryId)
    this.#soon.delete(entryId)
    this.#schedule.delete(entryId)
  }
}
