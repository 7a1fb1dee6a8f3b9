/**
 * When a node will speak on a link of its own accord, as far as it knows. Membership probes every member in an order that it has
 * already drawn, so it knows long before: that says more about which link will be needed again than which was used last.
 */

/** The next use of one link. */
export interface ExpectedUse {
  /** Peers that come before; Infinity if none is expected. */
  readonly turns: number
  /** Until then at the latest, if nothing delays it. */
  readonly waitMs: number
}

/** Nobody knows of any. */
export const NO_USE: ExpectedUse = Object.freeze({ turns: Infinity, waitMs: Infinity })

/** Limits that say what is soon; dials of a node. */
export interface SoonOptions {
  readonly linkIdleMs: number
  readonly linksIdleMax: number
}

/** Turns in which a link is used again soon, per link that may rest: twice as many peers are linked, half of them by their own dial. */
const SOON_FACTOR = 2

/** Whether a peer that could do without the link should keep it: else this node would dial before the link had been idle for long. */
export function isSoon({ turns, waitMs }: ExpectedUse, options: SoonOptions): boolean {
  return turns < SOON_FACTOR * options.linksIdleMax && waitMs < options.linkIdleMs
}
