/** Takes records onto the shelf, by whoever they come, and sees to it that they are written and repeated. */
import type { RecordsContext } from './context.ts'
import type { DhtRecord } from './record.ts'
import type { OfferResult } from './shelf.ts'
import { entryIdOf } from './shelf.ts'
import type { WriteOwner } from './writes.ts'

/** How a record came. */
export interface KeepOptions {
  /** Who put it; undefined for this node. */
  readonly from: string | undefined
  readonly own?: boolean
  /** Keep it no longer than this. */
  readonly ttlMs?: number | undefined
  /** A copy off the holders; default when `ttlMs` is given. */
  readonly cached?: boolean
  readonly expectedSequence?: number | undefined
}

/** Wants to know what is kept, to repeat it. */
export interface Keeper {
  /** `own` when this node just published it, for the first time or again. */
  kept(entryId: string, own: boolean): void
  /** What this node just published has reached all of its holders. */
  spread?(entryId: string): void
}

/** See the head of this file. The record has been checked. */
export class Holding {
  readonly #context: RecordsContext
  readonly #keepers: Keeper[] = []

  constructor(context: RecordsContext) {
    this.#context = context
  }

  /** That one hears of everything that is kept from now on. */
  tell(keeper: Keeper): void {
    this.#keepers.push(keeper)
  }

  /** Keeps a record or says why not; in the first case `owner` hears when it is on disk. */
  keep(record: DhtRecord, options: KeepOptions, owner?: WriteOwner): OfferResult {
    const { shelf, writes, nowMs, wallNowMs } = this.#context
    const { from, own = false, ttlMs, cached = ttlMs !== undefined, expectedSequence } = options
    const before = shelf.entry(entryIdOf(record))
    const result = shelf.offer(record, {
      from,
      nowMs,
      wallNowMs,
      own,
      ttlMs,
      expectedSequence,
      cached,
    })
    if (result.refusal === undefined) {
      this.announce(result.entryId, own)
      writes.save(result.changed, result.entryId, before, owner)
    } else writes.save(result.changed)
    return result
  }

  /** Says that what this node published has reached all of its holders. */
  reached(entryId: string): void {
    for (const keeper of this.#keepers) keeper.spread?.(entryId)
  }

  /** Says that an entry is held. */
  announce(entryId: string, own: boolean = false): void {
    for (const keeper of this.#keepers) keeper.kept(entryId, own)
  }
}
