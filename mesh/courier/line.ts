/**
 * What is under way through others to one node, and which way it takes: first from node to node towards it, as the
 * routing tables say; when that leads nowhere, by way of a node that both may have a link with, one after the other. In
 * a small network nobody may be nearer to the destination than the source is, and yet a common neighbour is there.
 */
import type { Parcel } from './parcel.ts'
import type { Cutting } from './relay-way.ts'

/** By way of whom, hex; undefined: as the tables say. */
export type Helper = string | undefined

/** See the file header. */
export class Line {
  /** Envelopes with whole messages. */
  small = 0
  /** Envelopes with a piece of a large one. */
  pieces = 0
  /** Envelopes of either kind that nothing waits for any more, though nobody has said what became of them. */
  detached = 0
  readonly cuttings: Cutting[] = []
  /** Messages whose envelope was given up, in order: they go again first. */
  readonly returned: Parcel[] = []
  /** The key of the node is being asked for. */
  isAsking = false
  /** An envelope with whole messages was the last one. */
  pieceIsNext = false
  #helper: Helper
  /** Something has arrived this way. */
  #isProven: boolean
  /** Whom to try after that; undefined before the first try has failed. */
  #left: Helper[] | undefined

  /** `helper`: whom the last messages went by, if that worked. */
  constructor(helper: Helper) {
    this.#helper = helper
    this.#isProven = helper !== undefined
  }

  get helper(): Helper {
    return this.#helper
  }

  /** Whether messages are under way that others must not overtake. */
  get isBusy(): boolean {
    return this.small > 0 || this.returned.length > 0
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    const isWorking = this.isBusy || this.isAsking || this.pieces + this.detached > 0
    return !isWorking && this.cuttings.length === 0
  }

  /** Bytes that are here and in no envelope. */
  get bytes(): number {
    const returned = this.returned.reduce((sum, { frame }) => sum + frame.length, 0)
    return this.cuttings.reduce((sum, { frame, offset }) => sum + frame.length - offset, returned)
  }

  /** Whether one more envelope may go. */
  mayBegin(envelopesMax: number): boolean {
    // Before those that came back are all here, and their way is chosen, nothing may pass them.
    if (this.returned.length > 0 && this.small > 0) return false
    return this.small + this.pieces < (this.#isProven ? envelopesMax : 1)
  }

  /** Something has arrived that way. */
  arrived(way: Helper): void {
    if (way === this.#helper) this.#isProven = true
  }

  /** Messages come back; a gateway that was named for them is no way any more. */
  bringBack(parcels: readonly Parcel[]): void {
    for (const parcel of parcels) {
      this.returned.push(parcel.via === undefined ? parcel : { ...parcel, via: undefined })
    }
    this.returned.sort((left, right) => left.number - right.number)
  }

  takeReturned(): readonly Parcel[] {
    return this.returned.splice(0)
  }

  /** Takes out what came back and has no time left. */
  takeExpired(nowMs: number): readonly Parcel[] {
    if (!this.returned.some(({ expiresMs }) => expiresMs <= nowMs)) return []
    const all = this.takeReturned()
    this.returned.push(...all.filter(({ expiresMs }) => expiresMs > nowMs))
    return all.filter(({ expiresMs }) => expiresMs <= nowMs)
  }

  /** That way is none. False when there is no other. */
  next(way: Helper, helpers: () => readonly string[]): boolean {
    // An envelope of before: the way is another one by now.
    if (way !== this.#helper) return true
    this.#isProven = false
    this.#left ??= [undefined, ...helpers()].filter((other) => other !== way)
    if (this.#left.length === 0) return false
    this.#helper = this.#left.shift()
    return true
  }
}
