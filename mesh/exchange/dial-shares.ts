/**
 * How the dials of a node are shared out. A dial to an address where nobody is takes its whole time, and
 * tables name nodes that are not there any more; so each part has its own share, and from 16 dials on `mesh.connect` and
 * the seeds always find the rest free (H37, ML13).
 */

/** Dials under way at once, by who makes them. */
export interface DialShares {
  /** The detector of membership: a quarter. */
  readonly detector: number
  /** Lookups of the DHT: five sixteenths. */
  readonly routing: number
  /** Puts of the DHT, which mostly go to nodes that a lookup has just asked: an eighth. */
  readonly records: number
  /** Envelopes on their way, which mostly go over links that stand: a sixteenth. */
  readonly envelopes: number
  /** Messages of the services to nodes without a link: a sixteenth. */
  readonly courier: number
  /** Nodes that want what this one offers, or offer what it wants: a sixteenth. */
  readonly catalog: number
}

/** The shares of `dialsMax` dials, at least one each. */
export function dialShares(dialsMax: number): DialShares {
  const share = (parts: number): number => Math.max(1, Math.floor((dialsMax * parts) / 16))
  return {
    detector: share(4),
    routing: share(5),
    records: share(2),
    envelopes: share(1),
    courier: share(1),
    catalog: share(1),
  }
}
