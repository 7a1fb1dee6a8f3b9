/**
 * Puts a record to its holders: an immutable or mutable one (`put`), or what says that this node provides
 * something (`provide`). Time line:
 *
 *     check     what is not valid is not sent (K34); what this node knows to be old is not either
 *     own copy  now when it is published, after the lookup when this node is a holder only
 *     lookup    of the k nearest, further out when they crowd (K45)
 *     spread    to all of them, until all have answered
 *     end       when own copy and holders are settled
 *
 * What is published stays so if holders are wanting or nobody waits any more: it is put again until it is
 * unpublished, and soon if not all of them were reached.
 *
 * Compare and swap: the nearest holder decides between writers who race; this node when it is that one. Only
 * after it agreed the others are asked, and only after them the own copy of a publisher is kept, so that
 * whoever loses repeats nothing. It is no consensus: while holders change, both may be told that they won,
 * and the records decide (`compareRecords`).
 */
import type { LookupHop } from '../kademlia/machine.ts'
import type { RecordsContext } from './context.ts'
import type { Holding } from './holding.ts'
import type { OperationFailure, OperationOptions } from './machine.ts'
import { Placement } from './placement.ts'
import type { Placed, PlacementOwner } from './placement.ts'
import { isProviderKind } from './providers.ts'
import type { DhtRecord } from './record.ts'
import type { OperationRun, Report, Result } from './report.ts'
import { compareRecords } from './select.ts'
import { entryIdOf } from './shelf.ts'
import { Spread } from './spread.ts'

/** What is put. */
export interface PutSpec {
  readonly type: 'put' | 'provide'
  readonly record: DhtRecord
  readonly options: OperationOptions
  readonly expectedSequence?: number | undefined
  readonly publish: boolean
}

/** See the head of this file. */
export class Put implements OperationRun, PlacementOwner {
  readonly #context: RecordsContext
  readonly #spec: PutSpec
  readonly #report: Report
  readonly #holding: Holding
  readonly #placement: Placement
  #record: DhtRecord
  #spread: Spread | undefined
  #selfHolds = false
  /** The lookup missed nobody. */
  #whole = false
  /** State of the own copy: not wanted (yet), being written, on disk, or not to be had. */
  #own: 'none' | 'writing' | 'kept' | 'failed' = 'none'
  #spreadDone = false

  constructor(context: RecordsContext, spec: PutSpec, report: Report, holding: Holding) {
    this.#context = context
    this.#spec = spec
    this.#report = report
    this.#holding = holding
    this.#record = spec.record
    const { paths, alpha, trace } = spec.options
    const leftMs = report.deadlineMs - context.nowMs
    this.#placement = new Placement(
      context,
      {
        key: spec.record.key,
        paths,
        alpha,
        trace,
        // What the lookup takes is not there for the puts.
        deadlineMs: report.deadlineMs - Math.min(leftMs / 2, context.settings.requestTimeoutMs),
      },
      this,
    )
  }

  begin(): void {
    const { type, record, publish, expectedSequence } = this.#spec
    const misplaced = isProviderKind(record.kind) !== (type === 'provide')
    const problem = misplaced ? 'ERR_DHT_RECORD_INVALID' : this.#context.problem(record)
    if (problem !== undefined) return this.#fail(problem)
    const standing = this.#context.shelf.entry(entryIdOf(record))?.record
    if (standing !== undefined && this.#isBehind(standing)) return
    if (this.#isTooMuch()) return this.#refuse()
    if (publish && expectedSequence === undefined && !this.#keepOwn(undefined)) return
    this.#placement.begin()
  }

  cancel(): void {
    this.#placement.cancel()
    this.#spread?.cancel()
    this.#report.ended = true
  }

  expire(): void {
    const safe = !this.#spec.publish || this.#own === 'kept'
    const enough = this.#acknowledged() >= this.#quorum()
    this.cancel()
    if (safe && enough) this.#report.done(this.#result())
    else this.#report.failed('ERR_DHT_TIMEOUT', this.#result())
  }

  hop(hop: LookupHop): void {
    this.#report.hop(hop)
  }

  placed({ targets, selfHolds, selfNearest, whole }: Placed): void {
    const { expectedSequence, publish } = this.#spec
    this.#selfHolds = selfHolds
    this.#whole = whole
    const decides = expectedSequence !== undefined && selfNearest
    const keepNow = expectedSequence === undefined ? selfHolds && !publish : decides
    if (keepNow && !this.#keepOwn(expectedSequence)) return
    this.#spread = new Spread(
      this.#context,
      {
        record: this.#record,
        targets,
        parallel: this.#context.settings.putsParallel,
        deadlineMs: this.#report.deadlineMs,
        expectedSequence,
        agreed: decides,
      },
      () => this.#onSpread(),
    )
    this.#spread.begin()
  }

  #onSpread(): void {
    const spread = this.#spread
    if (spread?.conflict === true) return this.#fail('ERR_DHT_SEQUENCE_UNEXPECTED')
    this.#spreadDone = true
    const { publish, expectedSequence } = this.#spec
    const agreed = expectedSequence !== undefined && (spread?.holders.length ?? 0) > 0
    if (agreed && this.#own === 'none' && (publish || this.#selfHolds)) {
      if (!this.#keepOwn(undefined)) return
    }
    this.#settle()
  }

  /** True when what this node has already stands against the record; then the operation has failed. */
  #isBehind(standing: DhtRecord): boolean {
    const { record, expectedSequence } = this.#spec
    const order = compareRecords(record, standing)
    if (order === 0) return false
    if (order < 0 && record.kind === 'immutable') {
      // The same value, said by somebody else or for longer: that one is put instead.
      this.#record = standing
      return false
    }
    const result = { records: [standing] }
    if (expectedSequence !== undefined && standing.sequence > expectedSequence) {
      this.#fail('ERR_DHT_SEQUENCE_UNEXPECTED', result)
      return true
    }
    if (order < 0) this.#fail('ERR_DHT_SEQUENCE_LOW', result)
    return order < 0
  }

  /** False when the operation has failed by it. */
  #keepOwn(expectedSequence: number | undefined): boolean {
    const { publish } = this.#spec
    if (this.#isTooMuch()) {
      this.#refuse()
      return false
    }
    this.#own = 'writing'
    const { refusal, standing } = this.#holding.keep(
      this.#record,
      { from: undefined, own: publish, expectedSequence },
      { written: (ok) => this.#onKept(ok) },
    )
    if (refusal === undefined) return !this.#report.ended
    this.#own = 'failed'
    const standsAgainst =
      refusal === 'ERR_DHT_SEQUENCE_UNEXPECTED' || refusal === 'ERR_DHT_SEQUENCE_LOW'
    // No room here is no reason to fail: the other holders may have some.
    if (!publish && !standsAgainst) return true
    this.#fail(refusal, standing === undefined ? {} : { records: [standing] })
    return false
  }

  /** True when this node publishes as much as it may, and this would come on top. */
  #isTooMuch(): boolean {
    const { shelf, settings } = this.#context
    if (!this.#spec.publish || shelf.ownSize < settings.publishedMax) return false
    return shelf.entry(entryIdOf(this.#record))?.own !== true
  }

  #refuse(): void {
    this.#context.sink.refused('ERR_DHT_PUBLISHED_MAX', undefined)
    this.#fail('ERR_DHT_PUBLISHED_MAX')
  }

  #onKept(ok: boolean): void {
    if (this.#report.ended) return
    this.#own = ok ? 'kept' : 'failed'
    if (!ok && this.#spec.publish) this.#fail('ERR_DHT_STORE_FAILED')
    else this.#settle()
  }

  #settle(): void {
    if (this.#report.ended || !this.#spreadDone || this.#own === 'writing') return
    const spread = this.#spread
    const result = this.#result()
    if (this.#spec.publish && this.#whole && spread?.whole === true) {
      this.#holding.reached(entryIdOf(this.#record))
    }
    if (spread?.newer !== undefined) {
      if (this.#own === 'kept') this.#holding.keep(spread.newer, { from: undefined })
      this.#report.failed('ERR_DHT_SEQUENCE_LOW', { ...result, records: [spread.newer] })
      return
    }
    if (this.#acknowledged() >= this.#quorum()) return this.#report.done(result)
    const lagging = result.refusals?.some(({ code }) => code === 'ERR_DHT_SEQUENCE_UNEXPECTED')
    this.#report.failed(lagging === true ? 'ERR_DHT_SEQUENCE_UNEXPECTED' : 'ERR_DHT_QUORUM', result)
  }

  #quorum(): number {
    return this.#spec.options.quorum ?? this.#context.settings.putQuorum
  }

  /** Holders with the record on disk, this node among them if it is one. */
  #acknowledged(): number {
    const self = this.#selfHolds && this.#own === 'kept' ? 1 : 0
    return (this.#spread?.holders.length ?? 0) + self
  }

  #fail(code: OperationFailure, result: Result = {}): void {
    const known = this.#result()
    const newer = this.#spread?.newer
    this.cancel()
    this.#report.failed(code, {
      ...known,
      ...(newer === undefined ? {} : { records: [newer] }),
      ...result,
    })
  }

  #result(): Result {
    const spread = this.#spread
    return {
      holders: spread?.holders ?? [],
      refusals: spread?.refusals ?? [],
      requests: this.#placement.requests + (spread?.sent ?? 0),
    }
  }
}
