/**
 * Which node a node id stands for, of all that say it is theirs. The realm vouches for keys, not for names, so
 * every member can sign an address record under any id. Whom the members know under that id goes first: then
 * nobody else is believed. Without that the newest word counts, as the node may have moved or have a new key;
 * a word from the future does not, else the highest number there is would win for ever.
 */
import type { DhtRecord } from './records/record.ts'

/** What is known beside the records. */
export interface NodeIdClaims {
  /** In its one spelling. */
  readonly nodeId: string
  /** Node keys, in hex, of members that are there under that id. */
  readonly listed: ReadonlySet<string>
  /** Sequences are wall time; a higher one is not believed. */
  readonly latestMs: number
}

/** The address record of the node with that id; undefined when nobody has a good claim. */
export function recordOfNodeId(
  records: readonly DhtRecord[],
  { nodeId, listed, latestMs }: NodeIdClaims,
): DhtRecord | undefined {
  const claims = records.filter(
    ({ kind, name, publisher, sequence }) =>
      kind === 'address' &&
      name === nodeId &&
      (listed.size === 0 ? sequence <= latestMs : listed.has(publisher)),
  )
  return newest(claims)
}

/** The newest of them; undefined when there is none. */
export function newest(records: readonly DhtRecord[]): DhtRecord | undefined {
  return records.toSorted((a, b) => b.sequence - a.sequence)[0]
}
