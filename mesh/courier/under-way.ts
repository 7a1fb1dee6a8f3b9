/**
 * Envelopes under way, by the node that they went to first. When the link with that breaks, nobody may ever say what became
 * of them, so others need not wait for that.
 */

/** One envelope, from here to its destination. */
export interface Crossing {
  /** It went over the link with that node; another one than before, when the one before had nobody for it. */
  by(hop: string): void
  /** It has ended; false when nothing waited for it any more. */
  end(): boolean
}

/** See the file header. */
export class UnderWay {
  readonly #byHop = new Map<string, Set<() => void>>()

  /** One more begins; `detach` is called once at most, when the link by which it went breaks before its end. */
  begin(detach: () => void): Crossing {
    let hop: string | undefined
    let state: 'attached' | 'detached' | 'ended' = 'attached'
    const lost = (): void => {
      if (state !== 'attached') return
      state = 'detached'
      detach()
    }
    return {
      by: (next) => {
        if (state !== 'attached') return
        this.#remove(hop, lost)
        hop = next
        const all = this.#byHop.get(next) ?? new Set()
        this.#byHop.set(next, all.add(lost))
      },
      end: () => {
        const wasAttached = state === 'attached'
        state = 'ended'
        this.#remove(hop, lost)
        return wasAttached
      },
    }
  }

  /** The link with that node is gone. */
  lost(hop: string): void {
    const all = this.#byHop.get(hop)
    if (all === undefined) return
    this.#byHop.delete(hop)
    for (const lost of all) lost()
  }

  #remove(hop: string | undefined, lost: () => void): void {
    if (hop === undefined) return
    const all = this.#byHop.get(hop)
    if (all?.delete(lost) === true && all.size === 0) this.#byHop.delete(hop)
  }
}
