/**
 * Events for several listeners, in one order for all of them. A listener may cause the next event while an earlier one is
 * being told: it leaves a group, unregisters a name, closes a link. Told at once, that would reach those who still wait for
 * the earlier event before it, and they would end with the opposite of what is. So it waits its turn.
 *
 * Invariants:
 * - Who began to listen after something happened is not told of it: it has seen what came of it.
 * - Who has stopped listening is told nothing more, also of what happened before.
 * - Everything is told before the outermost `tell` returns. A teller does not throw.
 */

/** See the head of this file. */
export class InOrder {
  readonly #waiting: (() => void)[] = []
  #isTelling = false

  /** Tells all that listen now of each event; at once, or after what is being told. */
  tell<L, E>(
    listeners: ReadonlySet<L>,
    events: readonly E[],
    teller: (listener: L, event: E) => void,
  ): void {
    if (listeners.size === 0) return
    const those = Array.from(listeners)
    for (const event of events) {
      this.#waiting.push(() => {
        for (const listener of those) if (listeners.has(listener)) teller(listener, event)
      })
    }
    if (!this.#isTelling) this.#tellAll()
  }

  #tellAll(): void {
    this.#isTelling = true
    try {
      // What is added meanwhile has its turn, too.
      for (const next of this.#waiting) next()
    } finally {
      this.#waiting.length = 0
      this.#isTelling = false
    }
  }
}
