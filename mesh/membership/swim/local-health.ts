/**
 * Lifeguard's local health: how much this node trusts its own senses. 0 is healthy; each failed probe,
 * missing nack and refutation of our own suspicion raises it, each success lowers it. Probes get
 * slower and more patient with it, so a slow node accuses less.
 */

/** A score in [0, max - 1]. */
export class LocalHealth {
  readonly #max: number
  #score = 0
  /** A refutation has counted since the last probe ended. */
  #blamed = false

  constructor(max: number) {
    this.#max = max
  }

  get score(): number {
    return this.#score
  }

  /**
   * We had to refute. Counts once until the next probe has ended: being slow is one cause, however many say
   * so, and one liar must not make a healthy node doubt itself for ever.
   */
  blame(): void {
    if (this.#blamed) return
    this.apply(1)
    this.#blamed = true
  }

  /** A probe has ended, or this node slept. */
  apply(change: number): void {
    this.#blamed = false
    this.#score = Math.min(Math.max(this.#score + change, 0), this.#max - 1)
  }

  /** A time, stretched by the score. */
  scale(timeMs: number): number {
    return timeMs * (this.#score + 1)
  }

  state(): LocalHealthState {
    return { score: this.#score, blamed: this.#blamed }
  }

  restore({ score, blamed }: LocalHealthState): void {
    this.#score = score
    this.#blamed = blamed
  }
}

/** {@link LocalHealth} as plain data. */
export interface LocalHealthState {
  readonly score: number
  readonly blamed: boolean
}
