/**
 * Which links have rested long enough to be closed. Pure: marks of use and time go in, links come out.
 *
 * Only the side that dialled closes, so that both never do at once, and only links that nobody holds and
 * no veto keeps. Of those it closes
 * - each that nothing has passed for `linkIdleMs`, and
 * - while more than `linksIdleMax` remain, the least recently used, if unused for `linkIdleMinMs`.
 *
 * Time while a link is held or vetoed counts as use: a link rests from the moment nobody wants it. So does a "no" of its peer,
 * which is asked first (`parting.ts`): the link is asked about again when it has rested anew.
 */
import type { LinkUse } from './link-use.ts'

/** Dials of {@link IdleLinks}; explained in `mesh/options.ts`. */
export interface IdleLinksOptions {
  readonly linkIdleMs: number
  readonly linkIdleMinMs: number
  readonly linksIdleMax: number
}

/** What a link must show. */
export interface IdleSubject {
  readonly initiator: boolean
  /** Its peer is asked already. */
  readonly isParting: boolean
  readonly use: LinkUse
}

/** A link that may be closed. */
interface Resting<L> {
  readonly link: L
  readonly usedMs: number
}

/** Keeps its books in the marks of the links: it holds no link. */
export class IdleLinks<L extends IdleSubject> {
  readonly #options: IdleLinksOptions
  readonly #isKept: (link: L) => boolean

  /** `isKept` is asked for every link that nothing else keeps. */
  constructor(options: IdleLinksOptions, isKept: (link: L) => boolean) {
    this.#options = options
    this.#isKept = isKept
  }

  /** Links to close now. Use is known to the exactness of the calls. */
  sweep(links: Iterable<L>, nowMs: number): readonly L[] {
    const { linkIdleMs, linkIdleMinMs, linksIdleMax } = this.#options
    const closing: L[] = []
    const resting: Resting<L>[] = []
    for (const link of links) {
      if (!link.initiator) continue
      const usedMs = lastUsed(link.use, nowMs)
      if (link.isParting) continue
      if (link.use.held || this.#isKept(link)) link.use.wantedMs = nowMs
      else if (nowMs - usedMs >= linkIdleMs) closing.push(link)
      else resting.push({ link, usedMs })
    }
    let surplus = resting.length - linksIdleMax
    if (surplus > 0) resting.sort((a, b) => a.usedMs - b.usedMs)
    for (const { link, usedMs } of resting) {
      if (surplus <= 0 || nowMs - usedMs < linkIdleMinMs) break
      surplus -= 1
      closing.push(link)
    }
    return closing
  }
}

function lastUsed(use: LinkUse, nowMs: number): number {
  if (use.take()) use.wantedMs = nowMs
  return (use.wantedMs ??= nowMs)
}
