/**
 * Lifeguard's local health: how much this node trusts its own senses. 0 is healthy; each failed probe,
 * missing nack and refutation of our own suspicion raises it, each success lowers it. Probes get
 * slower and more patient with it, so a slow node accuses less.
 */

/** A score in [0, max - 1]. */
export class LocalHealth {
  readonly #max: number
  #score = 0

  constructor(max: number) {
    this.#max = max
  }

  get score(): number {
    return this.#score
  }

  apply(change: number): void {
    this.#score = Math.min(Math.max(this.#score + change, 0), this.#max - 1)
  }

  /** A time, stretched by the score. */
  scale(timeMs: number): number {
    return timeMs * (this.#score + 1)
  }

  restore(score: number): void {
    this.#score = score
  }
}
