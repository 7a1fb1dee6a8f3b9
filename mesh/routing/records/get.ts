/**
 * Finds the newest valid record under a key. Every answer is checked, the best so far is told at once, and
 * the operation ends as soon as as many answers agree on it as the caller wants, or with the lookup. What
 * this node has itself is one answer like the others, so it never hides what they have (ML14).
 *
 * A mutable record that a node off the holders has is a copy, which may be old: it is told, but it does not
 * end the operation while the holders may say otherwise (K36). Who is a holder is judged by the table of this
 * node, by all that was heard of and by the size of the network, not by the one who answers. Afterwards whoever showed an older record is
 * given the newest (K33), and the nearest that had none a copy.
 */
import type { LookupHop, LookupResult } from '../kademlia/machine.ts'
import type { KadKey } from '../kademlia/id.ts'
import type { Contact, LookupReply, StoreRefusal } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import type { LookupOwner } from './lookups.ts'
import type { OperationFailure, OperationOptions, StoredEntry } from './machine.ts'
import { isProviderKind } from './providers.ts'
import type { DhtRecord } from './record.ts'
import type { OperationRun, Report, Result } from './report.ts'
import { Search } from './search.ts'
import { compareRecords } from './select.ts'
import { Surroundings } from './surroundings.ts'

/** What is looked for. */
export interface GetSpec {
  readonly key: KadKey
  readonly options: OperationOptions
}

/** What somebody showed; a record that is not valid counts as no answer at all. */
export interface Answer {
  readonly contact: Contact
  readonly record: DhtRecord | undefined
}

/** What a get found out about the holders, for those who mend. */
export interface GetFindings {
  readonly record: DhtRecord
  readonly answers: readonly Answer[]
  readonly surroundings: Surroundings
}

/** See the head of this file. */
export class Get implements OperationRun, LookupOwner {
  readonly #context: RecordsContext
  readonly #spec: GetSpec
  readonly #report: Report
  readonly #mend: (findings: GetFindings) => void
  readonly #surroundings: Surroundings
  readonly #answers = new Map<string, Answer>()
  readonly #search: Search
  #own: { readonly record: DhtRecord; readonly copy: boolean } | undefined
  #best: DhtRecord | undefined

  constructor(
    context: RecordsContext,
    spec: GetSpec,
    report: Report,
    mend: (findings: GetFindings) => void,
  ) {
    this.#context = context
    this.#spec = spec
    this.#report = report
    const { paths, alpha = context.settings.operationAlpha, trace } = spec.options
    const { deadlineMs } = report
    const how = { paths, alpha, trace, deadlineMs }
    this.#search = new Search(context, this, { kind: 'find_value', key: spec.key, ...how })
    this.#mend = mend
    this.#surroundings = new Surroundings(spec.key, context.settings.k)
  }

  begin(): void {
    const { shelf, wallNowMs, self, routing, settings } = this.#context
    const { key } = this.#spec
    const others = routing.closest(key, settings.k)
    for (const contact of others) this.#surroundings.add(contact)
    const entry = shelf.get(key, wallNowMs)
    if (entry !== undefined && this.#context.problem(entry.record) === undefined) {
      this.#own = { record: entry.record, copy: this.#isCopy(entry, others) }
      this.#better(entry.record, self.id)
    }
    if (this.#isAgreed()) this.#finish()
    else this.#search.begin()
  }

  cancel(): void {
    this.#search.cancel()
    this.#report.ended = true
  }

  expire(): void {
    this.#finish('ERR_DHT_TIMEOUT')
  }

  lookupHop(hop: LookupHop): void {
    this.#report.hop(hop)
  }

  lookupReply(from: Contact, message: LookupReply): void {
    if (message.type !== 'find_value_reply' || message.key.hex !== this.#spec.key.hex) {
      this.#context.sink.refused('ERR_DHT_REPLY_UNEXPECTED', from.id, true)
      return
    }
    this.#surroundings.add(from)
    for (const contact of message.contacts) this.#surroundings.add(contact)
    const { record } = message
    const problem = record === undefined ? undefined : this.#problem(record)
    if (record !== undefined && problem !== undefined) {
      const excused = this.#context.isExcused(problem, record)
      this.#context.sink.refused('ERR_DHT_ANSWER_RECORD', from.id, excused)
      return
    }
    this.#answers.set(from.id, { contact: from, record })
    if (record !== undefined) this.#better(record, from.id)
    if (this.#isAgreed()) this.#search.stop()
  }

  lookupDone(result: LookupResult): void {
    this.#search.ended(result)
    if (this.#isAgreed()) return this.#finish()
    if (result.reason === 'deadline') return this.#finish('ERR_DHT_TIMEOUT')
    if (!this.#search.widen()) this.#finish()
  }

  #problem(record: DhtRecord): StoreRefusal | undefined {
    if (record.key.hex !== this.#spec.key.hex) return 'ERR_DHT_RECORD_KEY'
    if (isProviderKind(record.kind)) return 'ERR_DHT_RECORD_INVALID'
    const known = this.#best !== undefined && compareRecords(record, this.#best) === 0
    return known ? undefined : this.#context.problem(record)
  }

  #better(record: DhtRecord, from: string): void {
    if (this.#best !== undefined && compareRecords(record, this.#best) <= 0) return
    const news = this.#best === undefined || !agree(record, this.#best)
    this.#best = record
    if (news) this.#report.found(record, from)
  }

  #isAgreed(): boolean {
    const quorum = this.#spec.options.quorum ?? this.#context.settings.getQuorum
    return this.#best !== undefined && this.#agreed(true) >= quorum
  }

  /**
   * What this node has may be old unless it is among the holders now, whatever it was when it got it. An owner
   * may publish on several nodes; of what has the key of this node it is the only source.
   */
  #isCopy({ record, own, cached }: StoredEntry, others: readonly Contact[]): boolean {
    if (own && record.publisher === this.#context.authority.publisher) return false
    return cached || !this.#context.isHolder(record.key, others)
  }

  /** Answers that say what the best one says; of holders only, as far as that matters. */
  #agreed(holdersOnly: boolean): number {
    const best = this.#best
    if (best === undefined) return 0
    const copiesCount = !holdersOnly || best.kind === 'immutable'
    const own = this.#own
    const networkSize = copiesCount ? undefined : this.#context.routing.networkSize()
    let agreed = own !== undefined && agree(own.record, best) && (copiesCount || !own.copy) ? 1 : 0
    for (const { contact, record } of this.#answers.values()) {
      if (record === undefined || !agree(record, best)) continue
      if (copiesCount || this.#surroundings.isHolder(contact.key, networkSize)) agreed += 1
    }
    return agreed
  }

  #finish(failure?: OperationFailure): void {
    const record = this.#best
    const agreed = this.#agreed(false)
    const quorum = this.#spec.options.quorum ?? this.#context.settings.getQuorum
    const result: Result = {
      records: record === undefined ? [] : [record],
      requests: this.#search.requests,
      agreed,
    }
    const enough = record !== undefined && agreed >= quorum
    this.cancel()
    if (enough) this.#report.done(result)
    else if (failure !== undefined) this.#report.failed(failure, result)
    else this.#report.failed(record === undefined ? 'ERR_DHT_NOT_FOUND' : 'ERR_DHT_QUORUM', result)
    if (record === undefined) return
    this.#mend({
      record,
      answers: [...this.#answers.values()],
      surroundings: this.#surroundings,
    })
  }
}

/** True when both say the same, if not for the same time. */
function agree(a: DhtRecord, b: DhtRecord): boolean {
  if (a === b) return true
  return (
    a.sequence === b.sequence &&
    a.publisher === b.publisher &&
    a.value.length === b.value.length &&
    Buffer.compare(a.value, b.value) === 0
  )
}
