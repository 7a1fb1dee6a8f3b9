/**
 * Which links have rested long enough to be closed. Pure: marks of use and time go in, links come out.
 *
 * Only the side that dialled closes, so that both never do at once, and only links that nobody holds and
 * no veto keeps. Of those it closes
 * - each that nothing has passed for `linkIdleMs`, and
 * - while more than `linksIdleMax` remain, those that will be needed last, if unused for `linkIdleMinMs`.
 *
 * What will be needed last is known (`expected-use.ts`), but for what somebody works with: that comes again after as long
 * as it has not come, which is the rule of the least recently used. It also decides between links of which nothing is known.
 * A link that the peer needs, as it said, counts among those that rest, and others close in its place until it is used again.
 *
 * Time while a link is held or vetoed counts as use: a link rests from the moment nobody wants it. So does a "no" of its peer,
 * which is asked first (`parting.ts`): the link is asked about again when it has rested anew.
 */
import { NO_USE } from './expected-use.ts'
import type { ExpectedUse } from './expected-use.ts'
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
  /** Milliseconds until it is needed, as far as anybody can tell. */
  readonly neededMs: number
}

/** Keeps its books in the marks of the links: it holds no link. */
export class IdleLinks<L extends IdleSubject> {
  readonly #options: IdleLinksOptions
  readonly #isKept: (link: L) => boolean
  readonly #expectedUse: (link: L) => ExpectedUse

  /** `isKept` is asked for every link that nothing else keeps, `expectedUse` for those of which some must be closed. */
  constructor(
    options: IdleLinksOptions,
    isKept: (link: L) => boolean,
    expectedUse: (link: L) => ExpectedUse = () => NO_USE,
  ) {
    this.#options = options
    this.#isKept = isKept
    this.#expectedUse = expectedUse
  }

  /** Links to close now. Use is known to the exactness of the calls. */
  sweep(links: Iterable<L>, nowMs: number): readonly L[] {
    const { linkIdleMs, linkIdleMinMs, linksIdleMax } = this.#options
    const closing: L[] = []
    const resting: L[] = []
    for (const link of links) {
      const { use } = link
      if (!link.initiator) continue
      use.look(nowMs)
      if (link.isParting) continue
      if (use.held || this.#isKept(link)) use.wantedMs = nowMs
      else if (restedMs(link, nowMs) >= linkIdleMs) closing.push(link)
      else resting.push(link)
    }
    const surplus = resting.length - linksIdleMax
    if (surplus <= 0) return closing
    const candidates = resting
      .filter((link) => restedMs(link, nowMs) >= linkIdleMinMs && !link.use.peerNeeds)
      .map((link) => this.#candidate(link, nowMs))
      .sort((a, b) => b.neededMs - a.neededMs || a.usedMs - b.usedMs)
    return closing.concat(candidates.slice(0, surplus).map(({ link }) => link))
  }

  #candidate(link: L, nowMs: number): Resting<L> {
    const { workedMs, wantedMs = nowMs } = link.use
    const neededMs = Math.min(nowMs - workedMs, this.#expectedUse(link).waitMs)
    return { link, usedMs: wantedMs, neededMs }
  }
}

function restedMs({ use }: IdleSubject, nowMs: number): number {
  return nowMs - (use.wantedMs ?? nowMs)
}
