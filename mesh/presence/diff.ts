/** Gathers what came and went, so that what did both is not spoken of. */
import type { PresenceEntry, PresenceEvent } from './presence.ts'

/** A difference between two moments. */
export type Diff = Extract<PresenceEvent, { readonly type: 'diff' }>

/** See the head of this file. */
export class DiffBuilder {
  readonly topic: string
  readonly #isTraced: boolean
  readonly #joins = new Map<unknown, PresenceEntry>()
  readonly #leaves: PresenceEntry[] = []

  /** Without `isTraced` entries are told apart as objects, and which one took the place of which is not said. */
  constructor(topic: string, isTraced = true) {
    this.topic = topic
    this.#isTraced = isTraced
  }

  get isEmpty(): boolean {
    return this.#joins.size === 0 && this.#leaves.length === 0
  }

  join(entry: PresenceEntry): void {
    this.#joins.set(this.#isTraced ? entry.ref : entry, entry)
  }

  leave(entry: PresenceEntry): void {
    if (!this.#joins.delete(this.#isTraced ? entry.ref : entry)) this.#leaves.push(entry)
  }

  /** `entry` takes the place of `before`. */
  replace(before: PresenceEntry, entry: PresenceEntry): void {
    const unseen = this.#isTraced ? this.#joins.get(before.ref) : undefined
    this.leave(before)
    // Who never saw the former knows the one before that, if any.
    this.join(unseen === undefined ? entry : { ...entry, previousRef: unseen.previousRef })
  }

  /** What another one has found since. */
  append(diff: Diff): void {
    const { updates, leaves, joins } = partsOf(diff)
    for (const [before, entry] of updates) this.replace(before, entry)
    for (const entry of leaves) this.leave(entry)
    for (const entry of joins) this.join(entry)
  }

  /** What was gathered; begins anew. */
  take(): Diff {
    const joins = Array.from(this.#joins.values())
    this.#joins.clear()
    return { type: 'diff', topic: this.topic, joins, leaves: this.#leaves.splice(0) }
  }
}

/** A difference in its parts: what took the place of what, what only left, and what only came. */
export function partsOf({ joins, leaves }: Diff): {
  readonly updates: readonly (readonly [PresenceEntry, PresenceEntry])[]
  readonly leaves: readonly PresenceEntry[]
  readonly joins: readonly PresenceEntry[]
} {
  const after = new Map(joins.map((entry) => [entry.previousRef, entry]))
  const updates: [PresenceEntry, PresenceEntry][] = []
  const left: PresenceEntry[] = []
  const replacing = new Set<PresenceEntry>()
  for (const before of leaves) {
    const entry = after.get(before.ref)
    if (entry === undefined) left.push(before)
    else {
      updates.push([before, entry])
      replacing.add(entry)
    }
  }
  return { updates, leaves: left, joins: joins.filter((entry) => !replacing.has(entry)) }
}
