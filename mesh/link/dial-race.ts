/**
 * Which of several connections between two nodes lives. Pure: the state of both sides goes in, a
 * verdict comes out. Asked at the moment a peer's `connect` is complete, because only then its key,
 * incarnation and dial number are known.
 *
 * Two nodes that dial each other at once must end with one link and no `down` event (NX-D4, D8):
 *
 *     small key                        large key
 *       | -- connect (dial 4) -->  x  <-- connect (dial 9) -- |
 *       |  mine is under way and        theirs is under way   |
 *       |  I am smaller: reject         and I am larger:      |
 *       |  "simultaneous_dial"          accept, drop my dial  |
 *       | <----------------- accepted (9) ------------------- |
 *
 * The two connections are not ordered with each other, so `connect (dial 9)` may arrive at the small
 * side after `accepted`. It must not look like "the peer lost our link and dials again". Therefore
 * every node numbers its `connect` frames, and both `connect` and `accepted` carry the sender's
 * latest number: a connect whose number is not above the one known for the established link was sent
 * before that link existed and is void.
 *
 * - Never two established links to one key.
 * - An older incarnation than the newest one that key has proven is refused (H31); a newer one
 *   replaces the link of its dead predecessor.
 */

/** What the acceptor knows when a `connect` has arrived. */
export interface DialRace {
  /** `compareNodeKeys(own, peer)`. */
  readonly keyOrder: number
  /** Our own dial to that key is under way: its key is known and it is not settled. */
  readonly dialing: boolean
  /** The established link to that key. */
  readonly established: EstablishedLink | undefined
  /** Newest incarnation that key has proven over a link, 0 when unknown. */
  readonly incarnationProven: number
  /** Contents of the `connect`. */
  readonly offer: DialOffer
}

/** Side of an established link that decides about a new `connect` of the same peer. */
export interface EstablishedLink {
  readonly incarnation: number
  /** Latest dial number of the peer that we know. */
  readonly peerDials: number
}

/** The parts of a `connect` that matter here. */
export interface DialOffer {
  readonly incarnation: number
  /** Number of this `connect` among all that the peer sent in this incarnation, from 1. */
  readonly dials: number
}

/** What to do with the new connection. */
export type DialVerdict =
  | {
      readonly type: 'accept'
      /** Close the established link first (`connection_closed`): the peer has lost or left it. */
      readonly replace: boolean
      /** Give up our own dial to that key. */
      readonly dropDial: boolean
    }
  | { readonly type: 'reject'; readonly reason: DialRejection }

/** Reasons of this file among the reasons of a `rejected` frame. */
export type DialRejection = 'self' | 'stale_incarnation' | 'simultaneous_dial'

/**
 * Decides about a peer's `connect`.
 *
 * @example
 * judgeDial({ keyOrder: -1, dialing: true, established: undefined, incarnationProven: 0,
 *   offer: { incarnation: 1, dials: 1 } }) // { type: 'reject', reason: 'simultaneous_dial' }
 */
export function judgeDial(race: DialRace): DialVerdict {
  const { established, offer } = race
  if (race.keyOrder === 0) return { type: 'reject', reason: 'self' }
  const known = Math.max(established?.incarnation ?? 0, race.incarnationProven)
  if (offer.incarnation < known) return { type: 'reject', reason: 'stale_incarnation' }
  if (established !== undefined) {
    const void_ =
      offer.incarnation === established.incarnation && offer.dials <= established.peerDials
    if (void_) return { type: 'reject', reason: 'simultaneous_dial' }
    return { type: 'accept', replace: true, dropDial: race.dialing }
  }
  if (race.dialing && race.keyOrder < 0) return { type: 'reject', reason: 'simultaneous_dial' }
  return { type: 'accept', replace: false, dropDial: race.dialing }
}
