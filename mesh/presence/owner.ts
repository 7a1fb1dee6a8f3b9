/**
 * What this node says about itself. It numbers its changes, tells them to those who watch, and tells again those who do not
 * say that they have them. A machine: time comes with every call, messages leave by `send`.
 */
import { DiffBuilder } from './diff.ts'
import type { Diff } from './diff.ts'
import { OwnTopic, snapshotOf } from './own-topic.ts'
import type { OwnEntry, Watcher } from './own-topic.ts'
import type { PresenceSettings } from './options.ts'
import type { PresenceEntry } from './presence.ts'
import type { DeltaMessage, PresenceWireMessage, SnapshotMessage, StateMessage } from './wire.ts'

/** What the owner acts through. */
export interface OwnerParts {
  readonly self: string
  readonly life: number
  readonly settings: PresenceSettings
  /** Sends one message to all of these nodes. */
  readonly send: (nodes: readonly string[], message: PresenceWireMessage) => void
  /** Nodes that watch a topic, as far as is known. */
  readonly watchersOf: (topic: string) => Iterable<string>
  /** Tells others whether this node is in a topic. May throw when it comes to be, and then nothing changes. */
  readonly announce: (topic: string, isHere: boolean) => void
  /** This node's own watches hear of it. */
  readonly told: (diff: Diff) => void
  /** This node says something in a topic for the first time. */
  readonly said?: ((topic: string) => void) | undefined
  /** A watcher was told again and again, and has not said that it has it. */
  readonly silent?: ((topic: string, node: string) => void) | undefined
  /** A watcher has said how far it is, or is none any more. */
  readonly heard?: ((topic: string) => void) | undefined
  /** Makes what others see of an entry. Default {@link publicEntry}. */
  readonly entryOf?: EntryMaker | undefined
}

/** What an entry is made of. */
export interface EntryFacts {
  readonly topic: string
  readonly key: string
  readonly node: string
  readonly life: number
  readonly version: number
  readonly previousRef: string | undefined
  readonly meta: unknown
  /** Of key and encoded meta. */
  readonly bytes: number
}

/** Makes an entry. */
export type EntryMaker = (facts: EntryFacts) => PresenceEntry

/** The entry as applications get it. */
export const publicEntry: EntryMaker = ({
  topic,
  key,
  node,
  life,
  version,
  previousRef,
  meta,
}) => ({
  ...{ topic, key, node, ref: refOf(node, life, version), previousRef, meta },
})

/** So often a watcher is told again until that is said: with the usual times after some seconds. */
const SILENT_ATTEMPTS = 3

/** What an entry takes, by what is said of it. */
export function entryBytes(key: string, meta: Uint8Array): number {
  return Buffer.byteLength(key) + meta.length
}

/** See the head of this file. */
export class Owner {
  readonly topics: Map<string, OwnTopic> = new Map()
  readonly #parts: OwnerParts
  readonly #dirty = new Set<OwnTopic>()
  /** With a watcher to be told again, or to be forgotten. */
  readonly #waiting = new Set<OwnTopic>()
  #flushMs = Infinity
  #waitMs = Infinity
  #version = 0
  #size = 0
  #bytes = 0

  constructor(parts: OwnerParts) {
    this.#parts = parts
  }

  /** Entries of this node. */
  get size(): number {
    return this.#size
  }

  /** Bytes of their keys and metas. */
  get bytes(): number {
    return this.#bytes
  }

  get nextDueMs(): number {
    return Math.min(this.#flushMs, this.#waitMs)
  }

  track(topic: string, key: string, meta: Uint8Array, value: unknown, nowMs: number): OwnEntry {
    const own = this.#enter(topic)
    const entry = this.#entry(topic, key, meta, value, undefined)
    own.join(entry)
    this.#size += 1
    this.#bytes += entry.bytes
    this.#soil(own, nowMs)
    return entry
  }

  update(before: OwnEntry, meta: Uint8Array, value: unknown, nowMs: number): OwnEntry {
    const { topic, key } = before.public
    const own = this.topics.get(topic)!
    const ref = this.#parts.entryOf === undefined ? before.public.ref : undefined
    const entry = this.#entry(topic, key, meta, value, ref)
    own.replace(before, entry)
    this.#bytes += entry.bytes - before.bytes
    this.#soil(own, nowMs)
    return entry
  }

  untrack(entry: OwnEntry, nowMs: number): void {
    const own = this.topics.get(entry.public.topic)!
    own.leave(entry, ++this.#version)
    this.#size -= 1
    this.#bytes -= entry.bytes
    this.#soil(own, nowMs)
  }

  /** This node is in a topic, with entries or without, until it is released. */
  hold(topic: string): void {
    this.#enter(topic).isHeld = true
  }

  /** All entries in a topic that was held are over. */
  release(topic: string, nowMs: number): void {
    const own = this.topics.get(topic)
    if (own === undefined) return
    own.isHeld = false
    for (const entry of Array.from(own.entries.values())) this.untrack(entry, nowMs)
    this.#dirty.add(own)
    this.#flush(own, nowMs)
  }

  /** Tells what was not told yet in a topic; gives how far this node is there. */
  flush(topic: string, nowMs: number): number {
    const own = this.topics.get(topic)
    if (own === undefined) return this.#version
    this.#flush(own, nowMs)
    return own.flushed
  }

  /** Everybody who is known to watch a topic has said that it has everything up to here. */
  hasEverywhere(topic: string): number {
    let all = Infinity
    for (const { has } of this.topics.get(topic)?.watchers.values() ?? []) {
      all = Math.min(all, has ?? 0)
    }
    return all
  }

  /** Those who have not said that they have everything up to there. */
  lagging(topic: string, version: number): string[] {
    const watchers = Array.from(this.topics.get(topic)?.watchers ?? [])
    return watchers.filter(([, { has }]) => (has ?? 0) < version).map(([node]) => node)
  }

  /** Entries of this node in a topic, after whoever watches was told of them. */
  entries(topic: string, nowMs: number): Iterable<OwnEntry> {
    const own = this.topics.get(topic)
    if (own === undefined) return []
    this.#flush(own, nowMs)
    return own.entries.values()
  }

  /** A node watches a topic. */
  watched(topic: string, node: string, nowMs: number): void {
    const own = this.topics.get(topic)
    if (own === undefined || own.watchers.has(node)) return
    // It asks by itself as a rule; who has not within that time is told how far this node is, if it has said anything.
    const waitMs = own.hasSaid ? this.#parts.settings.ackTimeoutMs / 4 : Infinity
    this.#watch(own, node, nowMs + waitMs)
  }

  /** It does not any more. */
  unwatched(topic: string, node: string): void {
    const own = this.topics.get(topic)
    if (own?.watchers.delete(node) !== true) return
    own.trim()
    this.#parts.heard?.(topic)
  }

  /** It is gone. Whom the catalog names still is only out of reach, and is told again, for nothing else would begin anew. */
  gone(node: string, nowMs: number): void {
    const { settings, watchersOf, entryOf } = this.#parts
    for (const own of this.topics.values()) {
      if (!own.watchers.has(node)) continue
      this.unwatched(own.topic, node)
      // Who waits for acknowledgements in a space does not wait for those out of reach.
      if (entryOf !== undefined || !own.hasSaid) continue
      if ([...watchersOf(own.topic)].includes(node)) {
        this.#watch(own, node, nowMs + settings.retryMaxMs)
      }
    }
  }

  /** A watcher says what it has. `answer` is asked before much is sent. */
  state(node: string, message: StateMessage, nowMs: number, answer: () => boolean): void {
    const { topic, life, version, word } = message
    const own = this.topics.get(topic)
    // A peer at the edge learns late from the catalog who watches: whoever asks does.
    if (word === 'wants' && own?.watchers.has(node) === false) this.#watch(own, node, Infinity)
    const watcher = own?.watchers.get(node)
    if (word === 'unwanted') {
      this.unwatched(topic, node)
      return
    }
    const isOfNow = life === this.#parts.life
    if (word === 'has') {
      if (own !== undefined && watcher !== undefined && isOfNow) this.#has(own, watcher, version)
      return
    }
    if (!answer()) return
    if (own !== undefined) this.#flush(own, nowMs)
    for (const each of this.#after(topic, own, isOfNow ? version : undefined)) {
      this.#parts.send([node], each)
    }
    if (own !== undefined && watcher !== undefined) this.#sent(own, watcher, nowMs)
  }

  /** Tells everything that was not told yet. */
  flushAll(nowMs: number): void {
    this.#flushMs = Infinity
    for (const own of Array.from(this.#dirty)) this.#flush(own, nowMs)
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#flushMs) this.flushAll(nowMs)
    if (nowMs < this.#waitMs) return
    this.#waitMs = Infinity
    for (const own of Array.from(this.#waiting)) this.#remind(own, nowMs)
  }

  /** Watchers as they are known anew. */
  resume(nowMs: number): void {
    for (const own of this.topics.values()) {
      const now = new Set(this.#parts.watchersOf(own.topic))
      for (const node of own.watchers.keys()) if (!now.has(node)) own.watchers.delete(node)
      for (const node of now) this.watched(own.topic, node, nowMs)
      own.trim()
      this.#parts.heard?.(own.topic)
    }
    this.#flushMs = Math.min(this.#flushMs, this.#dirty.size > 0 ? nowMs : Infinity)
  }

  #enter(topic: string): OwnTopic {
    const own = this.topics.get(topic) ?? this.#create(topic)
    if (!own.isAnnounced) {
      this.#parts.announce(topic, true)
      own.isAnnounced = true
      // What it said when it was here before is over.
      own.hasSaid = false
    }
    if (!this.topics.has(topic)) {
      this.topics.set(topic, own)
      for (const node of this.#parts.watchersOf(topic)) this.#watch(own, node, Infinity)
    }
    own.endsMs = Infinity
    return own
  }

  #create(topic: string): OwnTopic {
    const diff = new DiffBuilder(topic, this.#parts.entryOf === undefined)
    return new OwnTopic(topic, this.#version, this.#parts.settings.logMax, diff)
  }

  #entry(
    topic: string,
    key: string,
    meta: Uint8Array,
    value: unknown,
    previousRef: string | undefined,
  ): OwnEntry {
    const version = ++this.#version
    const { self: node, life, entryOf = publicEntry } = this.#parts
    const bytes = entryBytes(key, meta)
    const facts = { topic, key, node, life, version, previousRef, meta: value, bytes }
    return { version, key, meta, bytes, public: entryOf(facts) }
  }

  #soil(own: OwnTopic, nowMs: number): void {
    this.#dirty.add(own)
    this.#flushMs = Math.min(this.#flushMs, nowMs + this.#parts.settings.batchMs)
  }

  #watch(own: OwnTopic, node: string, dueMs: number): void {
    own.watchers.set(node, { sent: undefined, has: undefined, dueMs, attempts: 0 })
    if (dueMs < Infinity) this.#wait(own, dueMs)
  }

  #wait(own: OwnTopic, dueMs: number): void {
    this.#waiting.add(own)
    this.#waitMs = Math.min(this.#waitMs, dueMs)
  }

  #flush(own: OwnTopic, nowMs: number): void {
    if (!this.#dirty.delete(own)) return
    const { announce, told, settings } = this.#parts
    const before = own.flush()
    if (own.entries.size > 0 && !own.hasSaid) {
      own.hasSaid = true
      this.#parts.said?.(own.topic)
    }
    this.#tellAll(own, before, nowMs)
    if (own.entries.size === 0 && own.isAnnounced && !own.isHeld) {
      own.isAnnounced = false
      announce(own.topic, false)
      // Those who watch have so long to say that they know.
      own.endsMs = nowMs + settings.retryMaxMs
      this.#wait(own, own.endsMs)
    }
    own.trim()
    this.#end(own)
    if (!own.diff.isEmpty) told(own.diff.take())
  }

  /** Each message is made once for all who need the same. */
  #tellAll(own: OwnTopic, before: number, nowMs: number): void {
    const { life, send } = this.#parts
    const following: string[] = []
    const fresh: string[] = []
    for (const [node, watcher] of own.watchers) {
      if (watcher.sent === before) following.push(node)
      else if (watcher.sent === undefined) fresh.push(node)
      else for (const each of this.#behind(own, watcher)) send([node], each)
      this.#sent(own, watcher, nowMs)
    }
    if (following.length > 0) {
      for (const each of own.deltas(life, before) ?? own.snapshots(life)) send(following, each)
    }
    if (fresh.length === 0) return
    for (const each of own.isSmall ? own.snapshots(life) : [this.#head(own)]) send(fresh, each)
  }

  /** For a watcher that was not sent what all others were. */
  #behind(own: OwnTopic, { sent }: Watcher): readonly (DeltaMessage | SnapshotMessage)[] {
    const { life } = this.#parts
    const deltas = sent === undefined ? undefined : own.deltas(life, sent)
    if (deltas !== undefined) return deltas
    return own.isSmall ? own.snapshots(life) : [this.#head(own)]
  }

  #after(
    topic: string,
    own: OwnTopic | undefined,
    version: number | undefined,
  ): readonly (DeltaMessage | SnapshotMessage)[] {
    const { life } = this.#parts
    if (own === undefined) return snapshotOf(topic, life, this.#version, [])
    const deltas = version === undefined ? undefined : own.deltas(life, version)
    return deltas ?? own.snapshots(life)
  }

  /** How far this node is. */
  #head(own: OwnTopic): DeltaMessage {
    const { topic, flushed } = own
    return { type: 'delta', topic, life: this.#parts.life, from: flushed, to: flushed, changes: [] }
  }

  #sent(own: OwnTopic, watcher: Watcher, nowMs: number): void {
    watcher.sent = own.flushed
    watcher.attempts = 0
    watcher.dueMs = nowMs + this.#parts.settings.ackTimeoutMs
    this.#wait(own, watcher.dueMs)
  }

  #has(own: OwnTopic, watcher: Watcher, version: number): void {
    watcher.has = Math.max(watcher.has ?? 0, version)
    watcher.sent ??= version
    if (watcher.has >= own.flushed) {
      watcher.dueMs = Infinity
      own.trim()
      this.#end(own)
    }
    this.#parts.heard?.(own.topic)
  }

  /** Tells watchers how far this node is that have not said that they are. */
  #remind(own: OwnTopic, nowMs: number): void {
    const { settings, send, life } = this.#parts
    let nextMs = own.endsMs
    for (const [node, watcher] of own.watchers) {
      if (watcher.dueMs <= nowMs) {
        const isFirst = watcher.sent === undefined
        watcher.sent ??= own.flushed
        watcher.attempts += 1
        if (watcher.attempts === SILENT_ATTEMPTS) this.#parts.silent?.(own.topic, node)
        const waitMs = settings.ackTimeoutMs * 2 ** Math.min(watcher.attempts, 16)
        watcher.dueMs = nowMs + Math.min(settings.retryMaxMs, waitMs)
        const all = isFirst && own.isSmall && !own.isDirty ? own.snapshots(life) : [this.#head(own)]
        for (const each of all) send([node], each)
      }
      nextMs = Math.min(nextMs, watcher.dueMs)
    }
    if (nextMs === Infinity) this.#waiting.delete(own)
    else if (own.endsMs <= nowMs) this.#forget(own)
    else this.#wait(own, nextMs)
  }

  /** An empty topic is forgotten when everybody knows that it is empty. */
  #end(own: OwnTopic): void {
    if (own.entries.size > 0 || own.isDirty || own.isHeld) return
    for (const { dueMs } of own.watchers.values()) if (dueMs < Infinity) return
    this.#forget(own)
  }

  #forget(own: OwnTopic): void {
    this.topics.delete(own.topic)
    this.#waiting.delete(own)
    this.#dirty.delete(own)
  }
}

/** Names an entry among all there ever were: half of the node's key is more than chance can hit. */
export function refOf(node: string, life: number, version: number): string {
  return `${node.slice(0, 32)}.${life}.${version}`
}
