/** Whether a link is wanted: who holds it, and whether anything passed since somebody last looked. */

/** Marks of one link; `idle-process.ts` reads those of any use, the keepalive those of work. */
export class LinkUse {
  #holds = 0
  /** Holds that give way when the peer asks. */
  #yielding = 0
  /** When it was last seen to be wanted; see `idle-links.ts`. */
  wantedMs: number | undefined = undefined
  #used = true
  #worked = false

  /** True while somebody holds it who does not give way. */
  get held(): boolean {
    return this.#holds > 0
  }

  /** True while anybody holds it: its peer is watched closely. */
  get watched(): boolean {
    return this.#holds + this.#yielding > 0
  }

  /** A frame or datagram of the layers above passed. One store: this is on the path of every message. */
  mark(): void {
    this.#used = true
  }

  /** As `mark`, for what somebody waits for: not what membership says, which watches by its own means. */
  markWork(): void {
    this.#used = true
    this.#worked = true
  }

  /** Whether it worked since the last call. */
  takeWork(): boolean {
    const worked = this.#worked
    this.#worked = false
    return worked
  }

  /** Whether it was used since the last call. */
  take(): boolean {
    const used = this.#used
    this.#used = false
    return used
  }

  /** See `Link.hold`. */
  hold({ yields = false }: { readonly yields?: boolean | undefined } = {}): () => void {
    this.#count(yields, 1)
    let mine = true
    return () => {
      if (mine) this.#count(yields, -1)
      mine = false
    }
  }

  #count(yields: boolean, change: 1 | -1): void {
    if (yields) this.#yielding += change
    else this.#holds += change
  }
}
