/**
 * Links that this side has removed and whose removal the peer has not acknowledged yet, as OTP 23 and later do it
 * (UNLINK_ID and UNLINK_ID_ACK, "New Link Protocol" of the distribution protocol).
 *
 * Without it, two sides that remove and make one link at the same time may end with half a link, because the removal of one
 * side meets the new link of the other. With it, whoever has a removal on its way takes no link for the pair: its
 * maker said it before it saw the removal, and will see it. So the order is the same for both, and the removal is the last word.
 *
 * Invariants:
 * - A link made here ends the wait: it was said after the removal, on the same stream.
 * - Only the acknowledgement of the last removal of a pair counts.
 */

/** See the file header. */
export class Unlinks {
  readonly #countMax: number
  readonly #pending = new Map<string, number>()
  #lastId = 0

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get size(): number {
    return this.#pending.size
  }

  /** A link was removed here. Gives the number of the removal; undefined when the peer owes too many acknowledgements. */
  begin(ours: number, theirs: number): number | undefined {
    const pair = pairOf(ours, theirs)
    if (this.#pending.size >= this.#countMax && !this.#pending.has(pair)) return undefined
    this.#lastId += 1
    this.#pending.set(pair, this.#lastId)
    return this.#lastId
  }

  /** A link was made here. */
  linked(ours: number, theirs: number): void {
    if (this.#pending.size > 0) this.#pending.delete(pairOf(ours, theirs))
  }

  /** Whether a link that the peer makes was said before it saw that there is none any more. */
  isPending(ours: number, theirs: number): boolean {
    return this.#pending.size > 0 && this.#pending.has(pairOf(ours, theirs))
  }

  /** The peer has seen it. */
  acknowledged(ours: number, theirs: number, id: number): void {
    const pair = pairOf(ours, theirs)
    if (this.#pending.get(pair) === id) this.#pending.delete(pair)
  }

  clear(): void {
    this.#pending.clear()
  }
}

const pairOf = (ours: number, theirs: number): string => `${ours}/${theirs}`
