/**
 * What the answers of a polled source add up to. Pure.
 *
 * An answer may be a part of the truth: DNS gives a few of many records. So an address that is missing from one
 * is gone only when no answer named it for `forgetAfterMs` (D3, D4); 0 for sources whose answers are whole. A
 * question that failed is no answer and changes nothing (D1).
 */
import type { Candidate } from '../../mesh/index.ts'

/** What an answer changed. */
export interface Sighted {
  readonly seen: readonly Candidate[]
  readonly gone: readonly Candidate[]
}

/** Addresses that are the same to dial. */
export function addressId({ host, port }: Pick<Candidate, 'host' | 'port'>): string {
  return `${host.toLowerCase()} ${port}`
}

/** The same, where it matters who may answer there. */
export function candidateId(candidate: Candidate): string {
  const { key } = candidate
  return key === undefined ? addressId(candidate) : `${addressId(candidate)} ${key.hex}`
}

/** The addresses of one source. */
export class Sightings {
  readonly #forgetAfterMs: number
  readonly #entries = new Map<string, { readonly candidate: Candidate; lastMs: number }>()
  /** Time in which whole answers came; it stands still from one until the next when something failed between. */
  #heardMs = 0
  #lastAnswerMs: number | undefined

  constructor(forgetAfterMs: number) {
    this.#forgetAfterMs = forgetAfterMs
  }

  /** A question had no answer, or a part of it failed: until the next answer nothing grows older. */
  failed(): void {
    this.#lastAnswerMs = undefined
  }

  /** Takes an answer: what is new in it, and what has not been in one for too long. */
  answer(candidates: readonly Candidate[], nowMs: number): Sighted {
    if (this.#lastAnswerMs !== undefined) this.#heardMs += nowMs - this.#lastAnswerMs
    this.#lastAnswerMs = nowMs
    const heardMs = this.#heardMs
    const named = new Set<string>()
    const seen: Candidate[] = []
    for (const candidate of candidates) {
      const id = candidateId(candidate)
      named.add(id)
      const known = this.#entries.get(id)
      if (known === undefined) seen.push(candidate)
      this.#entries.set(id, { candidate: known?.candidate ?? candidate, lastMs: heardMs })
    }
    const gone: Candidate[] = []
    for (const [id, { candidate, lastMs }] of this.#entries) {
      if (named.has(id) || heardMs - lastMs < this.#forgetAfterMs) continue
      this.#entries.delete(id)
      gone.push(candidate)
    }
    return { seen, gone }
  }

  /** Takes a part of an answer, whose rest failed. */
  part(candidates: readonly Candidate[], nowMs: number): Sighted {
    this.failed()
    // Whatever is missing may be in the rest, so it counts as named.
    const whole = [...candidates, ...Array.from(this.#entries.values(), (one) => one.candidate)]
    const { seen } = this.answer(whole, nowMs)
    this.failed()
    return { seen, gone: [] }
  }
}
