/**
 * Accounting of what the members of a group share (PS9): one of them gets a message, on whichever node it is. A message
 * `at_least_once` of a publisher that certainly knew a member is not lost without a word, unless a member left meanwhile.
 * One `at_most_once` may be lost on its way to the member that was drawn, so it has to come only if its publisher alone has
 * members.
 */
import type { Claim } from './services-claim.ts'
import type { Life } from './services-life.ts'
import type { Publish, Subscriber } from './services-topics.ts'

/** What became of a message in one group. */
export interface Share {
  /** Members of which the publisher certainly knew. */
  certain: readonly Subscriber[]
  /** All members that stood then. */
  readonly members: readonly Subscriber[]
  takenBy: Life | undefined
}

/** So long after its end a member may still be drawn: a partition may last that long, and be noticed after. */
const NOTICE_MS_MAX = 20_000

/** Shares of a message by group, of those who match. */
export function sharesOf(
  { by, qos }: Pick<Publish, 'by' | 'qos'>,
  matching: readonly Subscriber[],
  isCertain: (subscriber: Subscriber) => boolean,
): Map<string, Share> {
  const shares = new Map<string, Share>()
  for (const { group } of matching) {
    if (group === undefined || shares.has(group)) continue
    const members = matching.filter((each) => each.group === group)
    const mayBeLost = qos === 0 && members.some((each) => each.by !== by)
    const certain = mayBeLost ? [] : members.filter(isCertain)
    shares.set(group, { certain, members, takenBy: undefined })
  }
  return shares
}

/** A member of a group got a message. */
export function takeShare(claim: Claim, publish: Publish, by: Life, group: string): void {
  const share = publish.shares.get(group) ?? { certain: [], members: [], takenBy: undefined }
  publish.shares.set(group, share)
  const { takenBy } = share
  // A receiver that was restarted has forgotten what it had.
  const isForgotten =
    takenBy !== undefined && takenBy !== by && takenBy.seat === by.seat && takenBy.isOver
  const what = (): string => `message ${publish.number}, group ${group}, ${by.name}`
  claim(takenBy === undefined || isForgotten, 'PS9', () => `${what()}: ${takenBy!.name} has it`)
  share.takenBy = by
}

/** Whether it may have been drawn for a member that has left since: given back, it comes behind what was said after it. */
export function mayBeGivenBack({ shares }: Publish, group: string): boolean {
  const members = shares.get(group)?.members ?? []
  return members.some(({ isOver, by }) => isOver || by.isOver)
}

/** When everything has had its time: each group got it, or its publisher was told. */
export function settleShares(
  claim: Claim,
  { shares, number, by, topic, atMs, overMs = Infinity, outcome, unreached }: Publish,
  subscribers: readonly Subscriber[],
): void {
  for (const [group, { certain, members, takenBy }] of shares) {
    if (takenBy !== undefined || certain.length === 0 || outcome === 'ERR_PUBSUB_RESTARTED')
      continue
    if (members.some((member) => unreached.includes(member.by.key))) continue
    const hasLeft = subscribers.some((each) => {
      const endedMs = Math.min(each.endedMs ?? Infinity, each.by.overMs ?? Infinity)
      return each.group === group && endedMs >= atMs - NOTICE_MS_MAX && endedMs <= overMs
    })
    const what = `message ${number} of ${by.name} to ${topic} at ${atMs} ms`
    claim(hasLeft, 'PS9', () => `${what} came to nobody of ${group}, and ended ${outcome}`)
  }
}
