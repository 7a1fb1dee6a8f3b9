/** Whether a link is wanted: who holds it, and whether anything passed since somebody last looked. */

/** Bits of what passed since each of those who look has looked. */
const USED = 1
const WORKED_FOR_KEEPALIVE = 2
const WORKED_FOR_IDLE = 4
const NEEDED = 8
const WORKED = USED | WORKED_FOR_KEEPALIVE | WORKED_FOR_IDLE

/** Marks of one link; `idle-process.ts` reads those of any use, and of work as the keepalive does. */
export class LinkUse {
  #holds = 0
  /** Holds that give way when the peer asks. */
  #yielding = 0
  /** When it was last seen to be wanted; see `idle-links.ts`. */
  wantedMs: number | undefined = undefined
  /** When it was last seen to have worked. */
  workedMs: number = -Infinity
  /** The peer was asked and needs it; until it is used again. */
  peerNeeds = false
  #marks = USED

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
    this.#marks |= USED
  }

  /** As `mark`, for what somebody waits for: not what membership says, which watches by its own means. */
  markWork(): void {
    this.#marks |= WORKED
  }

  /** Whether it worked since the last call. */
  takeWork(): boolean {
    return this.#take(WORKED_FOR_KEEPALIVE)
  }

  /** Whether it was used since the last call. */
  take(): boolean {
    return this.#take(USED)
  }

  /** Brings its times up to `nowMs`: when it was wanted, and when it worked. */
  look(nowMs: number): void {
    if (this.#take(WORKED_FOR_IDLE)) this.workedMs = nowMs
    const isNeeded = this.#take(NEEDED)
    if (this.take() || isNeeded) {
      this.wantedMs = nowMs
      this.peerNeeds = isNeeded
    }
    this.wantedMs ??= nowMs
  }

  /** The peer has said that it needs it, which is as good as a use. */
  needed(): void {
    this.#marks |= USED | NEEDED
  }

  #take(mark: number): boolean {
    const isMarked = (this.#marks & mark) !== 0
    this.#marks &= ~mark
    return isMarked
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
