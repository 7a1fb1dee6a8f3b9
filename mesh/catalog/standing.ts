/**
 * Questions of peers at the edge that were answered, at their gateway, as a synchronous machine: when what is known for
 * the name of one has changed, its peer is answered anew under the same number. So a peer hears at once of whoever begins
 * or ceases to want a topic that it publishes to, and does not ask again and again.
 *
 * A question stands until its peer is gone, or has not asked it again for `seekLeaseMs`. Each peer has `edgeStandingMax`;
 * one more takes the place of its oldest, which is asked again by itself as everything that is used is.
 */
import { matchesFilter } from '../topics/topic.ts'
import type { CatalogKind } from './catalog.ts'
import type { CatalogErrorCode } from './errors.ts'
import type { QuestionMessage } from './message.ts'
import type { CatalogSettings } from './settings.ts'

/** What it wants done. */
export interface StandingSink {
  /** What is known now for that question is to be told. */
  answer(peer: string, question: QuestionMessage): void
  refused(code: CatalogErrorCode, peer: string): void
}

interface Standing {
  readonly question: QuestionMessage
  readonly untilMs: number
}

/** See the head of this file. */
export class StandingQuestions {
  readonly #settings: Pick<CatalogSettings, 'edgeStandingMax' | 'answerDelayMs' | 'seekLeaseMs'>
  readonly #sink: StandingSink
  /** By peer and name; the oldest first. */
  readonly #byPeer = new Map<string, Map<string, Standing>>()
  /** Peers that asked for a name. */
  readonly #peers = new Map<string, Set<string>>()
  /** Names for which something has changed. */
  readonly #changed = new Set<string>()
  #dueMs = Infinity

  constructor(
    settings: Pick<CatalogSettings, 'edgeStandingMax' | 'answerDelayMs' | 'seekLeaseMs'>,
    sink: StandingSink,
  ) {
    this.#settings = settings
    this.#sink = sink
  }

  /** Questions of all peers. */
  get size(): number {
    let size = 0
    for (const standing of this.#byPeer.values()) size += standing.size
    return size
  }

  /** When `tick` must be called. */
  nextDeadline(): number {
    return this.#dueMs
  }

  /** A peer was answered. */
  add(nowMs: number, peer: string, question: QuestionMessage): void {
    const { edgeStandingMax, seekLeaseMs } = this.#settings
    const id = idOf(question.kind, question.name)
    const standing = this.#byPeer.get(peer) ?? new Map<string, Standing>()
    this.#byPeer.set(peer, standing)
    standing.delete(id)
    standing.set(id, { question, untilMs: nowMs + seekLeaseMs })
    const peers = this.#peers.get(id) ?? new Set()
    this.#peers.set(id, peers.add(peer))
    if (standing.size <= edgeStandingMax) return
    for (const oldest of standing.keys()) {
      this.#sink.refused('ERR_CATALOG_STANDING_MAX', peer)
      return this.#remove(peer, oldest)
    }
  }

  /** Somebody wants or offers that, or does not any more. */
  changed(nowMs: number, kind: CatalogKind, pattern: string): void {
    if (this.#peers.size === 0) return
    const before = this.#changed.size
    if (!pattern.includes('*')) {
      const id = idOf(kind, pattern)
      if (this.#peers.has(id)) this.#changed.add(id)
    } else {
      const start = idOf(kind, '')
      for (const id of this.#peers.keys()) {
        if (!id.startsWith(start) || this.#changed.has(id)) continue
        if (matchesFilter(pattern, id.slice(start.length))) this.#changed.add(id)
      }
    }
    if (before === 0 && this.#changed.size > 0) this.#dueMs = nowMs + this.#settings.answerDelayMs
  }

  tick(nowMs: number): void {
    if (nowMs < this.#dueMs) return
    this.#dueMs = Infinity
    const ids = Array.from(this.#changed)
    this.#changed.clear()
    for (const id of ids) {
      for (const peer of Array.from(this.#peers.get(id) ?? [])) {
        const standing = this.#byPeer.get(peer)!.get(id)!
        if (standing.untilMs > nowMs) this.#sink.answer(peer, standing.question)
        else this.#remove(peer, id)
      }
    }
  }

  /** The peer is gone. */
  forget(peer: string): void {
    for (const id of Array.from(this.#byPeer.get(peer)?.keys() ?? [])) this.#remove(peer, id)
  }

  #remove(peer: string, id: string): void {
    const standing = this.#byPeer.get(peer)
    standing?.delete(id)
    if (standing?.size === 0) this.#byPeer.delete(peer)
    const peers = this.#peers.get(id)
    peers?.delete(peer)
    if (peers?.size === 0) this.#peers.delete(id)
  }
}

function idOf(kind: CatalogKind, name: string): string {
  return `${kind} ${name}`
}
