/**
 * Which addresses are tried when. Pure: sources add candidates, dials report how they ended, links
 * report up and down.
 *
 * - A candidate is tried until it answers, with growing, jittered pauses, for ever: a node started
 *   before its seed joins later (NX-D14, D2, D7).
 * - Once it has answered it rests until the node behind it is lost: its link broke, or it is no member
 *   any more. Then it is tried again, whoever lives there by then. A link that was closed because nobody
 *   needed it is no loss.
 * - When the node behind it said goodbye it is still tried, at the longest pause: a seed that is
 *   restarted knows nobody, and somebody must find it.
 * - An address that turns out to be this node itself is never tried again (D7).
 * - Who refuses for good (another realm, another cluster) is not asked again for `REFUSED_MS` at least (D14).
 * - What several sources name is tried until none names it any more: a seed of the operator stays, whatever a
 *   source says of its address.
 * - Bounded by `candidatesMax`.
 */
import { Backoff } from '../link/backoff.ts'
import type { LinkDownReason } from '../link/reasons.ts'
import type { Candidate } from './discovery.ts'

/** Dials of {@link Candidates}. */
export interface CandidatesOptions {
  readonly candidatesMax: number
  readonly reconnectBaseMs: number
  readonly reconnectMaxMs: number
}

/** The shortest pause after a refusal for good; half as long again by chance. */
const REFUSED_MS = 30_000

/** How a try failed. `lasting` will not go away soon: another realm, refused for good. */
export type CandidateFailure = 'retry' | 'lasting' | 'self'

class Entry {
  readonly candidate: Candidate
  readonly backoff: Backoff
  /** Who names it. */
  readonly sources = new Set<unknown>()
  /** When to try; `Infinity` while it rests. */
  dueMs: number
  trying = false
  /** Node that answered last. */
  keyHex: string | undefined
  constructor(candidate: Candidate, backoff: Backoff, dueMs: number) {
    this.candidate = candidate
    this.backoff = backoff
    this.dueMs = dueMs
  }
}

/** The addresses of all sources. */
export class Candidates {
  readonly #options: CandidatesOptions
  readonly #chance: () => number
  readonly #entries = new Map<string, Entry>()

  constructor(options: CandidatesOptions, chance: () => number) {
    this.#options = options
    this.#chance = chance
  }

  /** Number of addresses. */
  get size(): number {
    return this.#entries.size
  }

  /** Addresses that have not answered or whose node is not linked. */
  get wanting(): number {
    let count = 0
    for (const entry of this.#entries.values()) if (entry.trying || entry.dueMs < Infinity) count++
    return count
  }

  /** `source` names an address, due at once. False when there is no room. Known ones stay as they are. */
  add(candidate: Candidate, nowMs: number, source?: unknown): boolean {
    const id = idOf(candidate)
    const known = this.#entries.get(id)
    if (known !== undefined) {
      known.sources.add(source)
      return true
    }
    if (this.#entries.size >= this.#options.candidatesMax) return false
    const { reconnectBaseMs: baseMs, reconnectMaxMs: maxMs } = this.#options
    const entry = new Entry(candidate, new Backoff({ baseMs, maxMs }), nowMs)
    entry.sources.add(source)
    this.#entries.set(id, entry)
    return true
  }

  /** `source` says that it is gone: not tried any more unless another names it. */
  remove(candidate: Candidate, source?: unknown): void {
    const id = idOf(candidate)
    const entry = this.#entries.get(id)
    if (entry === undefined || !entry.sources.delete(source)) return
    if (entry.sources.size === 0) this.#entries.delete(id)
  }

  /** Addresses to try now. Each must be reported with `answered` or `failed`. */
  take(nowMs: number): Candidate[] {
    const due: Candidate[] = []
    for (const entry of this.#entries.values()) {
      if (entry.trying || nowMs < entry.dueMs) continue
      entry.trying = true
      entry.dueMs = Infinity
      due.push(entry.candidate)
    }
    return due
  }

  /** A link to node `keyHex` came of it. */
  answered(candidate: Candidate, keyHex: string): void {
    const entry = this.#entries.get(idOf(candidate))
    if (entry === undefined || !entry.trying) return
    entry.trying = false
    entry.keyHex = keyHex
    entry.dueMs = Infinity
    entry.backoff.reset()
  }

  /** No link came of it. */
  failed(candidate: Candidate, failure: CandidateFailure, nowMs: number): void {
    const entry = this.#entries.get(idOf(candidate))
    if (entry === undefined || !entry.trying) return
    entry.trying = false
    if (failure === 'self') return
    entry.dueMs = nowMs + (failure === 'lasting' ? this.#refusedMs() : this.#waitMs(entry, false))
  }

  /** A link is up, whoever dialled: the addresses of that node rest. */
  linkUp(keyHex: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.keyHex !== keyHex) continue
      entry.dueMs = Infinity
      entry.backoff.reset()
    }
  }

  /** A link is lost, or a member: the addresses of that node are tried again after a pause. */
  linkDown(keyHex: string, reason: LinkDownReason, nowMs: number): void {
    if (reason === 'idle') return
    for (const entry of this.#entries.values()) {
      if (entry.keyHex !== keyHex || entry.trying) continue
      entry.dueMs = nowMs + this.#waitMs(entry, reason === 'graceful_shutdown')
    }
  }

  /** When `take` has something to give. */
  nextDueMs(): number {
    let dueMs = Infinity
    for (const entry of this.#entries.values()) {
      if (!entry.trying) dueMs = Math.min(dueMs, entry.dueMs)
    }
    return dueMs
  }

  #refusedMs(): number {
    return Math.max(REFUSED_MS, this.#options.reconnectMaxMs) * (1 + this.#chance() / 2)
  }

  #waitMs(entry: Entry, longest: boolean): number {
    const chance = this.#chance()
    return longest ? entry.backoff.longestMs(chance) : entry.backoff.nextMs(chance)
  }
}

/** An address where only one node may answer is another candidate than the address as such. */
function idOf({ host, port, key }: Candidate): string {
  return `${host.toLowerCase()} ${port} ${key?.hex ?? ''}`
}
