/**
 * Finds who provides something: what this node knows and what the holders know, merged (ML14), one record
 * per publisher, the newest. Each is told as soon as it is known. Nobody at all is an answer, not a failure.
 */
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance } from '../kademlia/id.ts'
import type { LookupHop, LookupResult } from '../kademlia/machine.ts'
import type { Contact, LookupReply, StoreRefusal } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import type { LookupOwner } from './lookups.ts'
import type { OperationOptions } from './machine.ts'
import { isProviderKind } from './providers.ts'
import { widerCount } from './radius.ts'
import type { DhtRecord } from './record.ts'
import type { OperationRun, Report, Result } from './report.ts'
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
  readonly #found = new Map<string, Contact>()
  #lookupId: number | undefined
  #count = 0
  #requests = 0

  constructor(context: RecordsContext, spec: FindProvidersSpec, report: Report) {
    this.#context = context
    this.#spec = spec
    this.#report = report
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
    else this.#look(settings.k)
  }

  cancel(): void {
    if (this.#lookupId !== undefined) this.#context.lookups.cancel(this.#lookupId)
    this.#lookupId = undefined
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
    if (this.#isEnough() && this.#lookupId !== undefined) {
      this.#context.lookups.stop(this.#lookupId)
    }
  }

  lookupDone(result: LookupResult): void {
    this.#lookupId = undefined
    this.#requests += result.requests
    for (const contact of result.closest) this.#found.set(contact.id, contact)
    if (result.reason === 'deadline' && !this.#isEnough()) return this.expire()
    const wider = this.#isEnough() ? undefined : this.#wider()
    if (wider === undefined) this.#finish()
    else this.#look(wider)
  }

  #look(count: number): void {
    const { key, options } = this.#spec
    const { paths, alpha, trace } = options
    this.#count = count
    this.#lookupId = this.#context.lookups.begin(this, {
      kind: 'get_providers',
      target: key,
      count,
      alpha: alpha ?? this.#context.settings.operationAlpha,
      deadlineMs: this.#report.deadlineMs,
      ...(paths === undefined ? {} : { paths }),
      ...(trace === undefined ? {} : { trace }),
    })
  }

  #wider(): number | undefined {
    const { key } = this.#spec
    const { settings, routing } = this.#context
    const found = [...this.#found.values()].sort((a, b) => compareDistance(key, a.key, b.key))
    const area = { key, found, count: this.#count, networkSize: routing.networkSize() }
    return widerCount(area, settings)
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
      requests: this.#requests,
      agreed: this.#providers.size,
    }
  }
}
