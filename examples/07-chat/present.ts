/** Who is present in a topic, kept up by what its watch says. */
import type { PresenceEntry, PresenceEvent } from 'fovea/mesh'

/** By ref: one name may be there twice for a while. */
export type Entries = ReadonlyMap<string, PresenceEntry>

/** What is known after an event, and what is news in it. */
export interface Present {
  readonly entries: Entries
  readonly came: readonly PresenceEntry[]
  readonly left: readonly PresenceEntry[]
}

/** An update is neither: it leaves and comes in one event, under the same name. */
export function present(before: Entries, event: PresenceEvent): Present {
  if (event.type === 'snapshot') {
    const entries = new Map(event.entries.map((entry) => [entry.ref, entry]))
    return { entries, came: event.entries, left: [] }
  }
  const { joins, leaves } = event
  const entries = new Map(before)
  for (const { ref } of leaves) entries.delete(ref)
  for (const entry of joins) entries.set(entry.ref, entry)
  const replaced = new Set(joins.map(({ previousRef }) => previousRef))
  return {
    entries,
    came: joins.filter(({ previousRef }) => previousRef === undefined),
    left: leaves.filter(({ ref }) => !replaced.has(ref)),
  }
}
