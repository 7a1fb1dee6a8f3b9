/**
 * When a node may look for others at all, and when they are enough (D9). Pure.
 *
 * Nodes that start together on two sides of a cut would make two clusters. With `requiredContacts` a node dials
 * nobody until that many places of nodes are known, itself counted, and their set has not changed for
 * `stableMarginMs` (Akka's cluster bootstrap), or until so many nodes are together because others dialled it.
 *
 *     contacts < required ──> contacts >= required, changing ──> unchanged for the margin ──> open, for ever
 *
 * `formed` is the stronger word: so many nodes have been together. A list of addresses may name nodes that cannot
 * be reached, so whoever must not work in a minority waits for it. Neither is taken back.
 */

/** Dials of {@link Formation}. */
export interface FormationOptions {
  readonly requiredContacts: number
  readonly stableMarginMs: number
}

/** See the head of this file. */
export class Formation {
  readonly #options: FormationOptions
  #contacts = 1
  #changedMs: number
  #open: boolean
  #formed: boolean

  constructor(options: FormationOptions, nowMs: number) {
    this.#options = options
    this.#changedMs = nowMs
    this.#open = this.#formed = options.requiredContacts <= 1
  }

  get formed(): boolean {
    return this.#formed
  }

  /** The set of places has changed; `count` with this node. */
  contacts(count: number, nowMs: number): void {
    this.#contacts = count
    this.#changedMs = nowMs
  }

  /** So many nodes are together, this one counted. */
  together(count: number): void {
    if (count >= this.#options.requiredContacts) this.#open = this.#formed = true
  }

  isOpen(nowMs: number): boolean {
    if (!this.#open && nowMs >= this.nextDueMs()) this.#open = true
    return this.#open
  }

  /** When `isOpen` becomes true, if nothing changes. */
  nextDueMs(): number {
    const { requiredContacts, stableMarginMs } = this.#options
    if (this.#open || this.#contacts < requiredContacts) return Infinity
    return this.#changedMs + stableMarginMs
  }
}
