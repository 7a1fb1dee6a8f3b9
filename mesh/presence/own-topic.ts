/**
 * What this node says in one topic: the entries that stand, the changes that somebody may have missed, and who watches. All
 * that is known of a watcher is which version it was sent last, and which it said it has.
 */
import type { DiffBuilder } from './diff.ts'
import type { PresenceEntry } from './presence.ts'
import type { Change, DeltaMessage, SnapshotMessage, Standing } from './wire.ts'
import { cutIntoMessages, MESSAGE_BYTES } from './wire.ts'

/** An entry of this node. */
export interface OwnEntry {
  readonly version: number
  readonly key: string
  readonly meta: Uint8Array
  /** Of key and meta. */
  readonly bytes: number
  readonly public: PresenceEntry
}

/** A node that watches. */
export interface Watcher {
  /** Sent to it; undefined before anything was. */
  sent: number | undefined
  /** What it said that it has, of this life. */
  has: number | undefined
  /** When it is told how far it should be; Infinity when it is. */
  dueMs: number
  attempts: number
}

/** See the head of this file. */
export class OwnTopic {
  readonly topic: string
  /** In the order of their versions. */
  readonly entries: Map<number, OwnEntry> = new Map()
  readonly watchers: Map<string, Watcher> = new Map()
  /** What has changed since this node itself was told. */
  readonly diff: DiffBuilder
  /** The catalog says that this node is here. */
  isAnnounced: boolean = false
  /** There was something to say. */
  hasSaid: boolean = false
  /** This node is here although it may have nothing to say. */
  isHeld: boolean = false
  /** When it is forgotten, if it is empty. */
  endsMs: number = Infinity
  readonly #logMax: number
  readonly #log: Change[] = []
  /** Everything after it is in the log. */
  #logFrom: number
  #version: number
  #flushed: number

  /** `version` is the last of the node: what it said in this topic before is not known any more. */
  constructor(topic: string, version: number, logMax: number, diff: DiffBuilder) {
    this.topic = topic
    this.diff = diff
    this.#logMax = logMax
    this.#logFrom = this.#version = this.#flushed = version
  }

  get version(): number {
    return this.#version
  }

  /** What was told to watchers. */
  get flushed(): number {
    return this.#flushed
  }

  get isDirty(): boolean {
    return this.#flushed < this.#version
  }

  join(entry: OwnEntry): void {
    this.#append({ version: entry.version, removed: 0, key: entry.key, meta: entry.meta })
    this.entries.set(entry.version, entry)
    this.diff.join(entry.public)
  }

  replace(before: OwnEntry, entry: OwnEntry): void {
    const { version, key, meta } = entry
    this.#append({ version, removed: before.version, key, meta })
    this.entries.delete(before.version)
    this.entries.set(version, entry)
    this.diff.replace(before.public, entry.public)
  }

  leave(entry: OwnEntry, version: number): void {
    this.#append({ version, removed: entry.version, key: undefined, meta: undefined })
    this.entries.delete(entry.version)
    this.diff.leave(entry.public)
  }

  /** Everything was told; gives up to which version it had been before. */
  flush(): number {
    const before = this.#flushed
    this.#flushed = this.#version
    return before
  }

  /** The changes after `from`, in messages that follow each other; undefined when some are not known any more. */
  deltas(life: number, from: number): DeltaMessage[] | undefined {
    if (from < this.#logFrom || from > this.#version) return undefined
    let start = this.#log.length
    while (start > 0 && this.#log[start - 1]!.version > from) start -= 1
    const { topic } = this
    let last = from
    return cutIntoMessages(this.#log.slice(start)).map((changes): DeltaMessage => {
      const to = changes.at(-1)?.version ?? this.#version
      const delta: DeltaMessage = { type: 'delta', topic, life, from: last, to, changes }
      last = to
      return delta
    })
  }

  /** Everything that stands. */
  snapshots(life: number): SnapshotMessage[] {
    return snapshotOf(this.topic, life, this.#version, this.entries.values())
  }

  /** Whether everything fits into one message. */
  get isSmall(): boolean {
    let bytes = 0
    for (const { key, meta } of this.entries.values()) {
      bytes += key.length * 3 + meta.length + 32
      if (bytes > MESSAGE_BYTES) return false
    }
    return true
  }

  /** Forgets changes that nobody can have missed. */
  trim(): void {
    let all = this.#flushed
    for (const { has } of this.watchers.values()) all = Math.min(all, has ?? all)
    let count = 0
    while (count < this.#log.length && this.#log[count]!.version <= all) count += 1
    this.#drop(count)
  }

  #append(change: Change): void {
    this.#log.push(change)
    this.#version = change.version
    // In halves: to drop one by one would cost as much as all of them, each time.
    if (this.#log.length > this.#logMax) this.#drop(Math.ceil(this.#log.length / 2))
  }

  #drop(count: number): void {
    if (count === 0) return
    this.#logFrom = this.#log[count - 1]!.version
    this.#log.splice(0, count)
  }
}

/** Everything that stands at `version`, in messages. */
export function snapshotOf(
  topic: string,
  life: number,
  version: number,
  entries: Iterable<Standing>,
): SnapshotMessage[] {
  const runs = cutIntoMessages<Standing>(entries)
  return runs.map((run, part) => {
    const standing = run.map(({ version: of, key, meta }) => ({ version: of, key, meta }))
    return {
      ...{ type: 'snapshot', topic, life, version, part, parts: runs.length },
      entries: standing,
    }
  })
}
