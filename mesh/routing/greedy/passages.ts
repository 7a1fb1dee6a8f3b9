/**
 * Which envelopes a node has had, the latest `max` of them, and on which way each went: whom it came from and whom it was
 * given to. So a second copy is known; a receipt or an error goes back as its envelope came, whoever is near by key; and
 * only the one that has an envelope may give it back.
 */
import { setNewest } from '../../machine/newest.ts'

/** How an envelope passed. Keys are hex. */
export interface Passage {
  /** Undefined for one of this node. */
  readonly from: string | undefined
  /** Whom it was given to, the latest one last: nobody gets it twice, whatever others say about it. */
  given: readonly string[]
  /** The latest one has it. */
  isOut: boolean
  /** That one is not nearer than this node, or the envelope was on a detour before. */
  isDetour: boolean
  /** Its detours are counted against the peer that it came from. */
  isCounted: boolean
}

const NOBODY: readonly string[] = Object.freeze([])

/** See the file header. */
export class Passages {
  readonly #max: number
  readonly #passages = new Map<string, Passage>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#passages.size
  }

  /** Remembers it; false when it was known. One id of two sources names two envelopes. */
  add(source: string, id: string, from: string | undefined): boolean {
    const name = `${source}${id}`
    if (this.#passages.has(name)) return false
    const fresh = { from, given: NOBODY, isOut: false, isDetour: false, isCounted: false }
    setNewest(this.#passages, name, fresh, this.#max)
    return true
  }

  /** How it passed; undefined when it never did, or is forgotten. */
  get(source: string, id: string): Passage | undefined {
    return this.#passages.get(`${source}${id}`)
  }
}

/** Who has the envelope now, if this node has given it to somebody. */
export function holderOf({ given, isOut }: Passage): string | undefined {
  return isOut ? given.at(-1) : undefined
}
