/**
 * Envelopes under way, by the node that they went to first when that is all that is known of their way: the gateway of a
 * peer at the edge, or one that was named. When the link with it breaks, nobody may ever say what became of them, so
 * others need not wait for that.
 */

/** See the file header. */
export class UnderWay {
  readonly #byHop = new Map<string, Set<() => void>>()

  /**
   * One more goes by `hop`; `detach` is called when the link with that breaks. Gives the way to say that it has ended,
   * which gives false when it was detached before.
   */
  begin(hop: string | undefined, detach: () => void): () => boolean {
    if (hop === undefined) return ATTACHED
    const trips = this.#byHop.get(hop) ?? new Set()
    this.#byHop.set(hop, trips)
    // One of its own, for the same function may be given twice.
    const trip = (): void => detach()
    trips.add(trip)
    return () => {
      const isAttached = trips.delete(trip)
      if (trips.size === 0 && this.#byHop.get(hop) === trips) this.#byHop.delete(hop)
      return isAttached
    }
  }

  /** The link with that node is gone. */
  lost(hop: string): void {
    const trips = this.#byHop.get(hop)
    if (trips === undefined) return
    this.#byHop.delete(hop)
    const all = Array.from(trips)
    trips.clear()
    for (const trip of all) trip()
  }
}

const ATTACHED = (): boolean => true
