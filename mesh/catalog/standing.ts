/**
 * Questions of peers at the edge that were answered, at their gateway, as a synchronous machine: when what is known for
 * the name of one has changed, its peer is answered anew under the same number. So a peer hears at once of whoever begins
 * or ceases to want a topic that it publishes to, and does not ask again and again.
 *
 * It outlives the catalog's process, for its peers do not know that this was restarted, and would ask again only much later.
 *
 * A question stands until its peer is gone, or has not asked it again for `seekLeaseMs`. Each peer has `edgeStandingMax`;
 * one more takes the place of its oldest, which is asked again by itself as everything that is used is. Of filters, whose
 * answers may be long, each peer has `edgeStandingFiltersMax`, and they are answered again after `filterAnswerDelayMs`.
 */
import { isWildcard, matchesFilter } from '../topics/topic.ts'
import type { CatalogKind } from './catalog.ts'
import type { QuestionMessage } from './message.ts'
import type { CatalogSettings } from './settings.ts'

interface Standing {
  readonly question: QuestionMessage
  readonly untilMs: number
}

/** Dials of {@link StandingQuestions}. */
export type StandingSettings = Pick<
  CatalogSettings,
  | 'edgeStandingMax'
  | 'edgeStandingFiltersMax'
  | 'answerDelayMs'
  | 'filterAnswerDelayMs'
  | 'seekLeaseMs'
>

/** Questions for names, or those for filters. */
interface Book {
  /** Of one peer. */
  readonly max: number
  readonly delayMs: number
  /** By peer and name; the oldest first. */
  readonly byPeer: Map<string, Map<string, Standing>>
  /** Peers that asked for a name. */
  readonly peers: Map<string, Set<string>>
  /** Names for which something has changed. */
  readonly changed: Set<string>
  dueMs: number
}

/** See the head of this file. */
export class StandingQuestions {
  readonly #leaseMs: number
  readonly #names: Book
  readonly #filters: Book

  constructor(settings: StandingSettings) {
    const { edgeStandingMax, edgeStandingFiltersMax, answerDelayMs, filterAnswerDelayMs } = settings
    this.#leaseMs = settings.seekLeaseMs
    this.#names = openBook(edgeStandingMax, answerDelayMs)
    this.#filters = openBook(edgeStandingFiltersMax, filterAnswerDelayMs)
  }

  /** Questions of all peers. */
  get size(): number {
    let size = 0
    for (const { byPeer } of [this.#names, this.#filters]) {
      for (const standing of byPeer.values()) size += standing.size
    }
    return size
  }

  /** Peers whose questions stand. */
  peers(): ReadonlySet<string> {
    return new Set([...this.#names.byPeer.keys(), ...this.#filters.byPeer.keys()])
  }

  /** When `tick` must be called. */
  nextDeadline(): number {
    return Math.min(this.#names.dueMs, this.#filters.dueMs)
  }

  /** A peer was answered; false when its oldest question had to make room. */
  add(nowMs: number, peer: string, question: QuestionMessage): boolean {
    const book = isWildcard(question.name) ? this.#filters : this.#names
    const id = idOf(question.kind, question.name)
    const standing = book.byPeer.get(peer) ?? new Map<string, Standing>()
    book.byPeer.set(peer, standing)
    standing.delete(id)
    standing.set(id, { question, untilMs: nowMs + this.#leaseMs })
    const peers = book.peers.get(id) ?? new Set()
    book.peers.set(id, peers.add(peer))
    if (standing.size <= book.max) return true
    for (const oldest of standing.keys()) {
      remove(book, peer, oldest)
      break
    }
    return false
  }

  /** Somebody wants or offers that, or does not any more. */
  changed(nowMs: number, kind: CatalogKind, pattern: string): void {
    this.#mark(nowMs, this.#names, kind, pattern, (name) => matchesFilter(pattern, name))
    this.#mark(nowMs, this.#filters, kind, pattern, (filter) => matchesFilter(filter, pattern))
  }

  /** `answer` tells a peer what is known now for that question. */
  tick(nowMs: number, answer: (peer: string, question: QuestionMessage) => void): void {
    for (const book of [this.#names, this.#filters])
      if (book.dueMs <= nowMs) tell(nowMs, book, answer)
  }

  /** The peer is gone. */
  forget(peer: string): void {
    for (const book of [this.#names, this.#filters]) {
      for (const id of Array.from(book.byPeer.get(peer)?.keys() ?? [])) remove(book, peer, id)
    }
  }

  #mark(
    nowMs: number,
    book: Book,
    kind: CatalogKind,
    pattern: string,
    concerns: (name: string) => boolean,
  ): void {
    const { peers, changed } = book
    if (peers.size === 0) return
    const before = changed.size
    if (book === this.#names && !isWildcard(pattern)) {
      const id = idOf(kind, pattern)
      if (peers.has(id)) changed.add(id)
    } else {
      const start = idOf(kind, '')
      for (const id of peers.keys()) {
        if (!id.startsWith(start) || changed.has(id)) continue
        if (concerns(id.slice(start.length))) changed.add(id)
      }
    }
    if (before === 0 && changed.size > 0) book.dueMs = nowMs + book.delayMs
  }
}

function tell(
  nowMs: number,
  book: Book,
  answer: (peer: string, question: QuestionMessage) => void,
): void {
  book.dueMs = Infinity
  const ids = Array.from(book.changed)
  book.changed.clear()
  for (const id of ids) {
    for (const peer of Array.from(book.peers.get(id) ?? [])) {
      const standing = book.byPeer.get(peer)!.get(id)!
      if (standing.untilMs > nowMs) answer(peer, standing.question)
      else remove(book, peer, id)
    }
  }
}

function openBook(max: number, delayMs: number): Book {
  const empty = { byPeer: new Map(), peers: new Map(), changed: new Set<string>() }
  return { max, delayMs, ...empty, dueMs: Infinity }
}

function remove({ byPeer, peers }: Book, peer: string, id: string): void {
  const standing = byPeer.get(peer)
  standing?.delete(id)
  if (standing?.size === 0) byPeer.delete(peer)
  const of = peers.get(id)
  of?.delete(peer)
  if (of?.size === 0) peers.delete(id)
}

function idOf(kind: CatalogKind, name: string): string {
  return `${kind} ${name}`
}
