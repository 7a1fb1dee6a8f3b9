/**
 * Envelopes under way, by the node that they went to first. When the link with that breaks, or a link behind it, nobody may ever
 * say what became of them. Of the first this node knows at once, of others only that nothing comes: after `waitMs` others need
 * not wait for such an envelope any more. If its end is told later, it counts as ever.
 */

/** One envelope, from here to its destination. */
export interface Crossing {
  /** It went over the link with that node; another one than before, when the one before had nobody for it. */
  by(hop: string): void
  /** It has ended; false when nothing waited for it any more. */
  end(): boolean
}

/** One that others wait for. */
interface Attached {
  hop: string | undefined
  readonly dueMs: number
  readonly detach: () => void
}

/** See the file header. */
export class UnderWay {
  readonly #waitMs: number
  /** The oldest first. */
  readonly #attached = new Set<Attached>()
  readonly #byHop = new Map<string, Set<Attached>>()

  constructor(waitMs: number) {
    this.#waitMs = waitMs
  }

  /** When `tick` has something to do. */
  get nextDueMs(): number {
    for (const { dueMs } of this.#attached) return dueMs
    return Infinity
  }

  /** One more begins; `detach` is called once at most, when others need not wait for its end. */
  begin(nowMs: number, detach: () => void): Crossing {
    const attached: Attached = { hop: undefined, dueMs: nowMs + this.#waitMs, detach }
    this.#attached.add(attached)
    return {
      by: (hop) => {
        if (!this.#attached.has(attached)) return
        this.#leave(attached)
        attached.hop = hop
        const all = this.#byHop.get(hop) ?? new Set()
        this.#byHop.set(hop, all.add(attached))
      },
      end: () => this.#remove(attached),
    }
  }

  /** The link with that node is gone. */
  lost(hop: string): void {
    for (const attached of Array.from(this.#byHop.get(hop) ?? [])) this.#detach(attached)
  }

  tick(nowMs: number): void {
    for (const attached of this.#attached) {
      if (attached.dueMs > nowMs) return
      this.#detach(attached)
    }
  }

  #detach(attached: Attached): void {
    if (this.#remove(attached)) attached.detach()
  }

  #remove(attached: Attached): boolean {
    this.#leave(attached)
    return this.#attached.delete(attached)
  }

  #leave(attached: Attached): void {
    const { hop } = attached
    const all = hop === undefined ? undefined : this.#byHop.get(hop)
    if (all?.delete(attached) === true && all.size === 0) this.#byHop.delete(hop!)
  }
}
