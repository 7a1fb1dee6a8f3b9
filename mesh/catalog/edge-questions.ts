/**
 * What a gateway answers the peers at its edge: who wants or offers a name, or, of a filter with wildcards, everybody whose
 * own filter it matches as it is written. A peer gets what is known when that is all that can be known, or its time is over,
 * and again when it has changed (`standing.ts`).
 *
 * A gateway that has just begun may not have heard of others, or not yet what they want: of topics it says so. Then a peer
 * keeps for them what is at least once, and asks again. Procedures it does not wait for: a call would only wait.
 * Of both it says so when it found nobody in a DHT of which most is out of reach.
 *
 * A name costs a look into an index. A filter costs a look at everything that is known, and its answer may be long, so
 * filters have limits of their own.
 */
import type { Clock } from '../../runtime/index.ts'
import { Rates } from '../exchange/rates.ts'
import { FilterMap } from '../topics/filter-map.ts'
import { isWildcard, matchesFilter } from '../topics/topic.ts'
import { answersOf } from './answers.ts'
import type { CatalogDetail, CatalogEntry, CatalogKind } from './catalog.ts'
import { NO_DETAIL } from './detail.ts'
import type { CatalogErrorCode } from './errors.ts'
import type { AnswerMessage, QuestionMessage } from './message.ts'
import type { CatalogSettings } from './settings.ts'
import type { StandingQuestions } from './standing.ts'

/** What it works with. */
export interface EdgeQuestionsParts {
  readonly self: string
  readonly settings: CatalogSettings
  readonly clock: Clock
  /** Those that were answered, also by a process before this one. */
  readonly standing: StandingQuestions
  /** Whether that peer is at the edge of this gateway. */
  isHere(peer: string): boolean
  /** What this gateway wants and offers itself. */
  readonly own: Readonly<Record<CatalogKind, ReadonlyMap<string, CatalogDetail>>>
  /** Entries of others. */
  readonly others: {
    match(kind: CatalogKind, name: string, visit: (entry: CatalogEntry) => void): void
    entries(kind: CatalogKind): Iterable<CatalogEntry>
  }
  isSought(kind: CatalogKind, name: string): boolean
  /** Whether the search for it found nobody, where that says nothing. */
  isUnanswered(kind: CatalogKind, name: string): boolean
  /** Whether there may be others of which this gateway has not heard yet, because it has just begun. */
  isBeginning(): boolean
  /** Calls `done` when it is over. */
  seek(kind: CatalogKind, name: string, done: () => void): void
  send(to: string, message: AnswerMessage): void
  refused(code: CatalogErrorCode, peer: string, times?: number): void
  /** True when nothing is to happen any more. */
  isClosed(): boolean
}

type OwnValue = { readonly pattern: string }

/** See the head of this file. */
export class EdgeQuestions {
  readonly #parts: EdgeQuestionsParts
  readonly #rates: Rates
  readonly #filterRates: Rates
  readonly #own: Readonly<Record<CatalogKind, FilterMap<OwnValue>>> = {
    topic: new FilterMap(),
    procedure: new FilterMap(),
  }
  readonly #ownValues = new Map<string, OwnValue>()
  #seeking = 0

  constructor(parts: EdgeQuestionsParts) {
    const { settings, clock, standing } = parts
    this.#parts = parts
    this.#rates = new Rates(clock, settings.edgeSeeksPerSecondMax)
    this.#filterRates = new Rates(clock, settings.edgeFilterSeeksPerSecondMax)
    for (const peer of standing.peers()) if (!parts.isHere(peer)) standing.forget(peer)
  }

  /** When `tick` must be called. */
  nextDeadline(): number {
    return this.#parts.standing.nextDeadline()
  }

  tick(nowMs: number): void {
    this.#parts.standing.tick(nowMs, (peer, question) => this.#answer(peer, question))
  }

  /** Somebody wants or offers that, or does not any more. */
  changed(nowMs: number, kind: CatalogKind, pattern: string): void {
    this.#parts.standing.changed(nowMs, kind, pattern)
  }

  /** This gateway wants or offers something new. */
  begins(kind: CatalogKind, pattern: string): void {
    const value = { pattern }
    this.#ownValues.set(`${kind} ${pattern}`, value)
    this.#own[kind].add(pattern, value)
  }

  /** Or does not any more. */
  ends(kind: CatalogKind, pattern: string): void {
    const value = this.#ownValues.get(`${kind} ${pattern}`)
    if (value !== undefined) this.#own[kind].delete(pattern, value)
    this.#ownValues.delete(`${kind} ${pattern}`)
  }

  /** A peer asks. */
  take(from: string, question: QuestionMessage): void {
    const { settings, clock, standing, isHere, refused } = this.#parts
    const { kind, name } = question
    if (!isHere(from)) return refused('ERR_CATALOG_MESSAGE', from)
    const rates = isWildcard(name) ? this.#filterRates : this.#rates
    if (!rates.allow(from) || this.#seeking >= settings.edgeSeeksMax) {
      return refused('ERR_CATALOG_SEEKS_MAX', from)
    }
    const answer = (): void => {
      if (!isHere(from)) return
      if (!standing.add(clock.now(), from, question)) refused('ERR_CATALOG_STANDING_MAX', from)
      this.#answer(from, question)
    }
    if (this.#parts.isSought(kind, name)) return answer()
    this.#seeking += 1
    this.#parts.seek(kind, name, () => {
      this.#seeking -= 1
      if (!this.#parts.isClosed()) answer()
    })
  }

  /** A peer is gone. */
  forget(peer: string): void {
    this.#rates.forget(peer)
    this.#filterRates.forget(peer)
    this.#parts.standing.forget(peer)
  }

  #answer(to: string, { number, kind, name }: QuestionMessage): void {
    const { settings, send, refused } = this.#parts
    const found = isWildcard(name) ? this.#below(to, kind, name) : this.#matching(to, kind, name)
    const over = found.length - settings.answerEntriesMax
    if (over > 0) refused('ERR_CATALOG_ANSWER_MAX', to, over)
    const isPartial = !isWildcard(name) && this.#isPartial(kind, name, found.length === 0)
    for (const message of answersOf(number, found, settings, isPartial)) send(to, message)
  }

  /** Whether there may be more than is known. */
  #isPartial(kind: CatalogKind, name: string, isNobody: boolean): boolean {
    const { isBeginning, isUnanswered } = this.#parts
    return (kind === 'topic' && isBeginning()) || (isNobody && isUnanswered(kind, name))
  }

  /** What a peer may use: of others, also at this edge, and of this gateway itself. */
  #matching(from: string, kind: CatalogKind, name: string): readonly CatalogEntry[] {
    const found: CatalogEntry[] = []
    this.#parts.others.match(kind, name, (entry) => {
      if (entry.node !== from) found.push(this.#shown(entry))
    })
    this.#own[kind].match(name, ({ pattern }) => void found.push(this.#ownEntry(kind, pattern)))
    return found
  }

  /** The same, of everything that a filter matches. */
  #below(from: string, kind: CatalogKind, filter: string): readonly CatalogEntry[] {
    const found: CatalogEntry[] = []
    for (const entry of this.#parts.others.entries(kind)) {
      const isMeant = entry.node !== from && matchesFilter(filter, entry.pattern)
      if (isMeant) found.push(this.#shown(entry))
    }
    for (const pattern of this.#parts.own[kind].keys()) {
      if (matchesFilter(filter, pattern)) found.push(this.#ownEntry(kind, pattern))
    }
    return found
  }

  #shown(entry: CatalogEntry): CatalogEntry {
    const { self, isHere } = this.#parts
    return entry.via === undefined && isHere(entry.node) ? { ...entry, via: self } : entry
  }

  #ownEntry(kind: CatalogKind, pattern: string): CatalogEntry {
    const { self, own, clock } = this.#parts
    const detail = own[kind].get(pattern) ?? NO_DETAIL
    return { kind, pattern, node: self, via: undefined, detail, sinceMs: clock.now() }
  }
}
