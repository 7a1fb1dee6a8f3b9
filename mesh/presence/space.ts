/**
 * Parts of presence with topics, limits and a policy of their own. What users track is one; parts of a node that replicate
 * what nodes own (names, groups) open others, so there is one protocol and one process for all of them. A space has the
 * topics whose first segment is its name; nodes find each other, fill gaps and forget in it as everywhere in presence.
 *
 * Invariant: before this node says that it has what another one told, it has told what it has itself to say. Two nodes
 * that enter something at once therefore hear of each other before either of them takes its own for acknowledged.
 */
import type { PolicyAction } from '../identity/policy.ts'
import type { Diff } from './diff.ts'
import type { LocalWatch } from './local-watch.ts'
import type { Observer } from './observer.ts'
import type { PresenceSettings } from './options.ts'
import type { OwnEntry } from './own-topic.ts'
import type { EntryFacts, Owner } from './owner.ts'
import { entryBytes, refOf } from './owner.ts'
import type { PresenceEntry, PresenceEvent } from './presence.ts'

/** How a space is opened. */
export interface SpaceOptions {
  /** First segment of its topics; begins with `$`. */
  readonly name: string
  /** What the realm must grant to those whose words are taken. */
  readonly action: PolicyAction
  readonly settings: PresenceSettings
  /** Makes entries of what nodes say; must not throw, whatever the meta is. Default {@link spaceEntry}. */
  readonly entryOf?: ((facts: EntryFacts) => SpaceEntry) | undefined
  /** Bytes of keys and encoded metas, beside the numbers of entries in the settings. Default no limit. */
  readonly bytes?: SpaceBytes | undefined
}

/** Limits of a space in bytes. */
export interface SpaceBytes {
  /** Of this node; {@link SpaceTopic.hasRoom} says whether there is room. */
  readonly ownMax: number
  /** Of one other node; what is beyond is left out and counted, `ERR_PRESENCE_REMOTE_BYTES_MAX`. */
  readonly nodeMax: number
  /** Of all others; as above. */
  readonly allMax: number
}

/** One space of a node. */
export interface Space extends SpaceOptions {
  readonly owner: Owner
  readonly observer: Observer
}

/** A space as its user has it. */
export interface OpenSpace {
  /** Takes part in the topic of that name below the space, or in the space itself; once until it is closed. */
  hold(topic: string): SpaceTopic
  sizes(): SpaceSizes
}

/** Sizes of a space on one node. */
export interface SpaceSizes {
  /** Entries of this node, and their bytes. */
  readonly own: number
  readonly ownBytes: number
  /** Entries of others; bytes where they are limited, else 0. */
  readonly known: number
  readonly knownBytes: number
  /** Nodes whose entries are not all known. */
  readonly missing: number
}

/** An entry in a space: the same as everywhere, without what can be made of the rest, and without what it replaced. */
export class SpaceEntry implements PresenceEntry {
  readonly topic: string
  readonly key: string
  readonly node: string
  /** Life of its node. */
  readonly life: number
  /** Number of the change that made it. */
  readonly version: number
  readonly meta: unknown
  /** Of key and encoded meta. */
  readonly bytes: number

  constructor({ topic, key, node, life, version, bytes }: EntryFacts, meta: unknown) {
    this.topic = topic
    this.key = key
    this.node = node
    this.life = life
    this.version = version
    this.meta = meta
    this.bytes = bytes
  }

  get ref(): string {
    return refOf(this.node, this.life, this.version)
  }

  get previousRef(): undefined {
    return undefined
  }
}

/** Makes {@link SpaceEntry}s. */
export const spaceEntry = (facts: EntryFacts): SpaceEntry => new SpaceEntry(facts, facts.meta)

/** What others say in a topic: what came and went. The first time all that is known. */
export type SpaceListener = (diff: Diff) => void

/** What a topic of a space works with. */
export interface SpaceTopicParts {
  readonly space: Space
  readonly topic: string
  /** Encodes a meta; throws for what cannot be. */
  readonly encode: (meta: unknown) => Uint8Array
  readonly watch: (listener: SpaceListener) => LocalWatch
  readonly now: () => number
  /** Something is due earlier. */
  readonly changed: () => void
  readonly closed: () => void
}

/** Who waits for others to have a version; without `done` nobody any more. */
interface Unacknowledged {
  readonly version: number
  done: (() => void) | undefined
}

interface Waiter {
  readonly isOver: () => boolean
  readonly done: () => void
}

/** A topic of a space in which this node takes part. */
export class SpaceTopic {
  readonly topic: string
  readonly #parts: SpaceTopicParts
  readonly #waiters = new Set<Waiter>()
  /** Waiters by version, in order. */
  #unacknowledged: Unacknowledged[] = []
  /** Of those, who does not wait any more. */
  #givenUp = 0
  #isClosed = false

  constructor(parts: SpaceTopicParts) {
    this.#parts = parts
    this.topic = parts.topic
    parts.space.owner.hold(parts.topic)
    parts.changed()
  }

  /** This node says something. Who checks keys and limits is the caller. */
  join(key: string, meta: unknown): OwnEntry {
    const { space, encode, now, changed } = this.#parts
    const entry = space.owner.track(this.topic, key, encode(meta), meta, now())
    changed()
    return entry
  }

  /** Whether an entry more is within the bytes that this node may have in the space. */
  hasRoom(key: string, meta: unknown): boolean {
    const { space, encode } = this.#parts
    const ownMax = space.bytes?.ownMax ?? Infinity
    if (ownMax === Infinity) return true
    return space.owner.bytes + entryBytes(key, encode(meta)) <= ownMax
  }

  /** In its place. */
  replace(before: OwnEntry, meta: unknown): OwnEntry {
    const { space, encode, now, changed } = this.#parts
    const entry = space.owner.update(before, encode(meta), meta, now())
    changed()
    return entry
  }

  leave(entry: OwnEntry): void {
    const { space, now, changed } = this.#parts
    space.owner.untrack(entry, now())
    changed()
  }

  /** Hears what others say, and this node itself, until what this gives is called. */
  listen(listener: SpaceListener): () => void {
    const watch = this.#parts.watch(listener)
    return () => watch.close()
  }

  /** Tells at once what was not told yet; gives how far this node is. */
  flush(): number {
    const { space, now, changed } = this.#parts
    const version = space.owner.flush(this.topic, now())
    changed()
    return version
  }

  /** Calls `done` when everybody who watches has said that it has what this node said up to `version`, or is gone. */
  whenAcknowledged(version: number, done: () => void): () => void {
    const waiting: Unacknowledged = { version, done }
    this.#unacknowledged.push(waiting)
    this.heard()
    return () => this.#giveUp(waiting)
  }

  /** Nodes for which {@link whenAcknowledged} waits. */
  lagging(version: number): readonly string[] {
    return this.#parts.space.owner.lagging(this.topic, version)
  }

  /** In halves: to take each out of a long list at once would cost as much as the list. */
  #giveUp(waiting: Unacknowledged): void {
    if (waiting.done === undefined) return
    waiting.done = undefined
    this.#givenUp += 1
    if (this.#givenUp * 2 <= this.#unacknowledged.length) return
    this.#unacknowledged = this.#unacknowledged.filter(({ done }) => done !== undefined)
    this.#givenUp = 0
  }

  /** Calls `done` when that much of a node is known here, or it is there in a later life. */
  whenKnown(node: string, life: number, version: number, done: () => void): () => void {
    // Who has said nothing is not known, and need not be.
    const isOver = (): boolean => version === 0 || this.#isKnown(node, life, version) === true
    if (!isOver()) {
      const { space, now, changed } = this.#parts
      space.observer.want(this.topic, node, now())
      changed()
    }
    return this.#when(isOver, done)
  }

  /** The same, also when nothing is known of that node: what it said is over then. */
  whenKnownOrGone(node: string, life: number, version: number, done: () => void): () => void {
    return this.#when(() => this.#isKnown(node, life, version) !== false, done)
  }

  #isKnown(node: string, life: number, version: number): boolean | undefined {
    const known = this.#parts.space.observer.known(this.topic, node)
    if (known === undefined) return undefined
    return known.life > life || (known.life === life && known.version >= version)
  }

  #when(isOver: () => boolean, done: () => void): () => void {
    const waiter = { isOver, done }
    this.#waiters.add(waiter)
    this.heard()
    return () => void this.#waiters.delete(waiter)
  }

  /** @internal Something was heard: who waits may be done. */
  heard(): void {
    if (this.#unacknowledged.length > 0) {
      const all = this.#parts.space.owner.hasEverywhere(this.topic)
      const first = this.#unacknowledged.findIndex(({ version }) => version > all)
      const count = first < 0 ? this.#unacknowledged.length : first
      const over = this.#unacknowledged.splice(0, count)
      for (const { done } of over) if (done === undefined) this.#givenUp -= 1
      for (const waiting of over) {
        const { done } = waiting
        waiting.done = undefined
        done?.()
      }
    }
    for (const waiter of Array.from(this.#waiters)) {
      if (!waiter.isOver()) continue
      this.#waiters.delete(waiter)
      waiter.done()
    }
  }

  /** This node leaves: what it said is over. Who waits is not told. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { space, now, changed, closed } = this.#parts
    space.owner.release(this.topic, now())
    closed()
    changed()
  }
}

/** A snapshot as a difference to nothing. */
export function asDiff(event: PresenceEvent): Diff {
  if (event.type === 'diff') return event
  return { type: 'diff', topic: event.topic, joins: event.entries, leaves: [] }
}
