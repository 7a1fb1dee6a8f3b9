/**
 * Finds who provides something: what this node knows and what the holders know, merged (ML14), one record
 * per publisher, the newest. Each is told as soon as it is known. Nobody at all is an answer, not a failure.
 */
import type { KadKey } from '../kademlia/id.ts'
import type { LookupHop, LookupResult } from '../kademlia/machine.ts'
import type { Contact, LookupReply, StoreRefusal } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import type { LookupOwner } from './lookups.ts'
import type { OperationOptions } from './machine.ts'
import { isProviderKind } from './providers.ts'
import type { DhtRecord } from './record.ts'
import type { OperationRun, Report, Result } from './report.ts'
import { Search } from './search.ts'
import { compareRecords } from './select.ts'

/** Records of one answer that are not valid, after which the rest of it is not looked at: a check takes time. */
const ANSWER_INVALID_MAX = 3

/** What is looked for. */
export interface FindProvidersSpec {
  readonly key: KadKey
  readonly options: OperationOptions
  /** Ends as soon as so many are known. */
  readonly count?: number | undefined
}

/** See the head of this file. */
export class FindProviders implements OperationRun, LookupOwner {
  readonly #context: RecordsContext
  readonly #spec: FindProvidersSpec
  readonly #report: Report
  /** By publisher, in the order in which they were found. */
  readonly #providers = new Map<string, DhtRecord>()
  readonly #search: Search

  constructor(context: RecordsContext, spec: FindProvidersSpec, report: Report) {
    this.#context = context
    this.#spec = spec
    this.#report = report
    const { paths, alpha = context.settings.operationAlpha, trace } = spec.options
    const { deadlineMs } = report
    const how = { paths, alpha, trace, deadlineMs }
    this.#search = new Search(context, this, { kind: 'get_providers', key: spec.key, ...how })
  }

  begin(): void {
    const { shelf, wallNowMs, self, settings, streams } = this.#context
    const draw = (limit: number): number => streams.answers.below(limit)
    for (const record of shelf.providers(
      this.#spec.key,
      wallNowMs,
      settings.providersPerKeyMax,
      draw,
    )) {
      if (this.#context.problem(record) === undefined) this.#take(record, self.id)
    }
    if (this.#isEnough()) this.#finish()
    else this.#search.begin()
  }

  cancel(): void {
    this.#search.cancel()
    this.#report.ended = true
  }

  expire(): void {
    const result = this.#result()
    this.cancel()
    this.#report.failed('ERR_DHT_TIMEOUT', result)
  }

  lookupHop(hop: LookupHop): void {
    this.#report.hop(hop)
  }

  lookupReply(from: Contact, message: LookupReply): void {
    const { sink, settings } = this.#context
    if (message.type !== 'providers_reply' || message.key.hex !== this.#spec.key.hex) {
      sink.refused('ERR_DHT_REPLY_UNEXPECTED', from.id, true)
      return
    }
    let invalid = 0
    for (const [i, record] of message.records.entries()) {
      const isBeyond = i >= settings.providersAnswerMax
      const problem = isBeyond ? undefined : this.#problem(record)
      if (!isBeyond && problem === undefined) {
        this.#take(record, from.id)
        continue
      }
      // How many may be in an answer is up to the settings of whoever gives it.
      const excused = problem === undefined || this.#context.isExcused(problem, record)
      sink.refused('ERR_DHT_ANSWER_RECORD', from.id, excused)
      invalid += 1
      if (i >= settings.providersAnswerMax || invalid >= ANSWER_INVALID_MAX) break
    }
    if (this.#isEnough()) this.#search.stop()
  }

  lookupDone(result: LookupResult): void {
    this.#search.ended(result)
    if (result.reason === 'deadline' && !this.#isEnough()) return this.expire()
    if (this.#isEnough() || !this.#search.widen()) this.#finish()
  }

  #problem(record: DhtRecord): StoreRefusal | undefined {
    if (record.key.hex !== this.#spec.key.hex) return 'ERR_DHT_RECORD_KEY'
    if (!isProviderKind(record.kind)) return 'ERR_DHT_RECORD_INVALID'
    const known = this.#providers.get(record.publisher)
    if (known !== undefined && compareRecords(record, known) === 0) return undefined
    return this.#context.problem(record)
  }

  #take(record: DhtRecord, from: string): void {
    const known = this.#providers.get(record.publisher)
    if (known !== undefined && compareRecords(record, known) <= 0) return
    // Own ones came first, so that a flood of others cannot keep them out.
    if (known === undefined && this.#providers.size >= this.#providersMax()) return
    this.#providers.set(record.publisher, record)
    this.#report.found(record, from)
  }

  #providersMax(): number {
    return this.#spec.count ?? this.#context.settings.providersFoundMax
  }

  #isEnough(): boolean {
    return this.#providers.size >= this.#providersMax()
  }

  #finish(): void {
    const result = this.#result()
    this.cancel()
    this.#report.done(result)
  }

  #result(): Result {
    return {
      records: [...this.#providers.values()],
      requests: this.#search.requests,
      agreed: this.#providers.size,
    }
  }
}
