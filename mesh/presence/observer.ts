/**
 * What this node knows of others, in the topics that it watches. It takes what goes on where the last message ended, asks
 * for what is missing, says what it has, and forgets at once who is gone. A machine: time comes with every call, messages
 * leave by `send`.
 */
import { DiffBuilder } from './diff.ts'
import type { Diff } from './diff.ts'
import { Lives } from './lives.ts'
import type { LocalWatch } from './local-watch.ts'
import { ObservedTopic } from './observed-topic.ts'
import type { PresenceSettings } from './options.ts'
import { entryBytes, publicEntry } from './owner.ts'
import type { EntryFacts, EntryMaker } from './owner.ts'
import type { PresenceEntry, PresenceEvent } from './presence.ts'
import type { Remote, Taken } from './remote.ts'
import type {
  DeltaMessage,
  PresenceWireMessage,
  SnapshotMessage,
  Standing,
  StateWord,
} from './wire.ts'

/** What the observer acts through. */
export interface ObserverParts {
  readonly settings: PresenceSettings
  readonly send: (nodes: readonly string[], message: PresenceWireMessage) => void
  /** Other nodes that are in a topic, as far as is known. */
  readonly trackersOf: (topic: string) => Iterable<string>
  /** A node of which is known that it has said nothing in a topic; it speaks first. Default nobody. */
  readonly isQuiet?: ((topic: string, node: string) => boolean) | undefined
  /** Looks for others; calls back when all that can be found are known. */
  readonly seek: (topic: string, found: () => void) => void
  /** Tells others whether this node watches. May throw when it begins to, and then nothing changes. */
  readonly announce: (topic: string, watches: boolean) => void
  /** Entries of this node itself, as they were told last. */
  readonly own: (topic: string) => Iterable<PresenceEntry>
  /** The value of a meta; throws for bytes that are none. */
  readonly decode: (meta: Uint8Array) => unknown
  readonly refuse: (code: string, node: string) => void
  /** More is known of a node in a topic, or nothing any more. */
  readonly heard?: ((topic: string) => void) | undefined
  /** Makes what watches see of an entry. Default {@link publicEntry}. */
  readonly entryOf?: EntryMaker | undefined
  /** Limits in bytes, and what an entry that was made takes of them. Default none. */
  readonly bytes?: ObservedBytes | undefined
}

/** Limits of what is known, in bytes of keys and encoded metas. */
export interface ObservedBytes {
  /** Of one node. */
  readonly nodeMax: number
  /** Of all others. */
  readonly allMax: number
  readonly of: (entry: PresenceEntry) => number
}

/** What is said after a topic was learnt of, unless the other speaks first. */
const FIRST_ASK_MS = 50

/** So often is asked, without an answer, whether that stands which no catalog knows of; with the usual times for 7 s. */
const GHOST_ATTEMPTS = 3

const NOTHING = new Uint8Array(0)

/** What is counted when a node tells of more than is kept. */
const BEYOND = {
  entries: 'ERR_PRESENCE_REMOTE_MAX',
  bytes: 'ERR_PRESENCE_REMOTE_BYTES_MAX',
} as const

/** See the head of this file. */
export class Observer {
  readonly topics: Map<string, ObservedTopic> = new Map()
  readonly #parts: ObserverParts
  readonly #lives: Lives
  /** With something to say. */
  readonly #pending = new Set<Remote>()
  /** With watches that wait for their snapshot, or without watches. */
  readonly #timed = new Set<ObservedTopic>()
  readonly #sizes = new Map<string, number>()
  readonly #nodeBytes = new Map<string, number>()
  #size = 0
  #bytes = 0
  #dueMs = Infinity
  #watches = 0

  constructor(parts: ObserverParts) {
    this.#parts = parts
    this.#lives = new Lives(parts.settings.goneMs)
  }

  /** Entries of others. */
  get size(): number {
    return this.#size
  }

  /** Bytes of their keys and metas, where they are limited. */
  get bytes(): number {
    return this.#bytes
  }

  get watches(): number {
    return this.#watches
  }

  get missing(): number {
    let missing = 0
    for (const remote of this.#pending) if (remote.isMissing) missing += 1
    return missing
  }

  get nextDueMs(): number {
    return Math.min(this.#dueMs, this.#lives.nextDueMs)
  }

  /** A watch begins; it gets its snapshot now or when everybody has told. */
  add(watch: LocalWatch, nowMs: number): void {
    const observed = this.topics.get(watch.topic) ?? this.#observe(watch.topic, nowMs)
    observed.endsMs = Infinity
    observed.watches.add(watch)
    this.#watches += 1
    // Not from here: whoever watches has no watch yet.
    this.#time(observed, nowMs)
  }

  remove(watch: LocalWatch, nowMs: number): void {
    const observed = this.topics.get(watch.topic)
    if (observed?.watches.delete(watch) !== true) return
    this.#watches -= 1
    if (observed.watches.size > 0) return
    observed.endsMs = nowMs + this.#parts.settings.idleMs
    this.#time(observed, observed.endsMs)
  }

  /** This node itself has changed. */
  own(diff: Diff): void {
    this.topics.get(diff.topic)?.tell(diff)
  }

  /** A node is in a topic. */
  tracked(topic: string, node: string, nowMs: number): void {
    // All that it said elsewhere was forgotten, and nothing else says that it stands.
    if (this.#lives.back(node)) this.#again(node, nowMs)
    const observed = this.topics.get(topic)
    if (observed === undefined || this.#isQuiet(observed, node)) return
    // Who comes later tells by itself as a rule.
    const waitMs = observed.isComplete ? FIRST_ASK_MS : 0
    const remote = observed.remote(node)
    if (remote.known === undefined && remote.askMs === Infinity) this.#ask(remote, nowMs + waitMs)
  }

  /** It is not any more. */
  untracked(topic: string, node: string): void {
    const observed = this.topics.get(topic)
    const remote = observed?.remotes.get(node)
    if (observed === undefined || remote === undefined) return
    const diff = this.#diff(topic)
    this.#drop(observed, remote, diff)
    if (!diff.isEmpty) observed.tell(diff.take())
    this.#ready(observed)
    this.#parts.heard?.(topic)
  }

  /** Whatever a node says in a topic is to be known. */
  want(topic: string, node: string, nowMs: number): void {
    const remote = this.topics.get(topic)?.remote(node)
    if (remote?.known === undefined && remote?.askMs === Infinity) this.#ask(remote, nowMs)
  }

  /** How far a node is known in a topic; undefined when it is not known there, 0 when it has told nothing. */
  known(
    topic: string,
    node: string,
  ): { readonly life: number; readonly version: number } | undefined {
    const remote = this.topics.get(topic)?.remotes.get(node)
    if (remote === undefined) return undefined
    return { life: this.#lives.of(node), version: remote.known ?? -1 }
  }

  /** A node is gone; what it said is over. */
  gone(node: string, isRestarted: boolean, nowMs: number): void {
    if (this.#lives.gone(node, isRestarted, nowMs)) this.#forget(node)
  }

  delta(node: string, message: DeltaMessage, nowMs: number): void {
    const observed = this.#heard(node, message.topic, message.life, nowMs)
    if (observed === undefined) return
    const metas = this.#decode(message.changes)
    const remote = observed.remote(node)
    const taken = remote.delta(message)
    const diff = this.#diff(message.topic)
    if (taken.type === 'delta') {
      message.changes.forEach(({ version, removed, key, meta }, i) => {
        if (version <= taken.from) return
        const before = this.#take(remote, removed)
        const entry =
          key === undefined
            ? undefined
            : this.#put(
                remote,
                message.life,
                { version, key, meta: metas[i], bytes: entryBytes(key, meta ?? NOTHING) },
                before,
              )
        if (before !== undefined && entry !== undefined) diff.replace(before, entry)
        else if (before !== undefined) diff.leave(before)
        else if (entry !== undefined) diff.join(entry)
      })
    }
    this.#taken(observed, remote, taken, diff, nowMs)
  }

  snapshot(node: string, message: SnapshotMessage, nowMs: number): void {
    const observed = this.#heard(node, message.topic, message.life, nowMs)
    if (observed === undefined) return
    // Looked at before anything is changed; parts are kept as they came.
    this.#decode(message.entries)
    const remote = observed.remote(node)
    const { settings, bytes, refuse } = this.#parts
    const limits = { entriesMax: settings.nodeEntriesMax, bytesMax: bytes?.nodeMax ?? Infinity }
    const taken = remote.snapshot(message, limits, (what) => refuse(BEYOND[what], node))
    const diff = this.#diff(message.topic)
    if (taken.type === 'snapshot') this.#replace(remote, message.life, taken.entries, diff)
    this.#taken(observed, remote, taken, diff, nowMs)
  }

  tick(nowMs: number): void {
    for (const node of this.#lives.expire(nowMs)) this.#again(node, nowMs)
    if (nowMs < this.#dueMs) return
    this.#dueMs = Infinity
    for (const remote of Array.from(this.#pending)) {
      if (remote.askMs <= nowMs && this.#isGhost(remote)) {
        this.untracked(remote.topic, remote.node)
        continue
      }
      if (remote.askMs <= nowMs) this.#askNow(remote, nowMs)
      else if (remote.tellMs <= nowMs) this.#say(remote, 'has')
      if (remote.dueMs === Infinity) this.#pending.delete(remote)
      else this.#due(remote.dueMs)
    }
    for (const observed of Array.from(this.#timed)) this.#look(observed, nowMs)
  }

  /** Who is in which topic as it is known anew. */
  resume(nowMs: number): void {
    for (const observed of this.topics.values()) {
      const now = new Set(this.#parts.trackersOf(observed.topic))
      for (const node of Array.from(observed.remotes.keys())) {
        if (!now.has(node)) this.untracked(observed.topic, node)
      }
      for (const node of now) {
        this.tracked(observed.topic, node, nowMs)
        // Something may have been missed.
        if (!this.#isQuiet(observed, node)) this.#ask(observed.remote(node), nowMs)
      }
    }
    this.#due(nowMs)
  }

  #observe(topic: string, nowMs: number): ObservedTopic {
    this.#parts.announce(topic, true)
    const observed = new ObservedTopic(topic)
    this.topics.set(topic, observed)
    for (const node of this.#parts.trackersOf(topic)) this.tracked(topic, node, nowMs)
    this.#parts.seek(topic, () => {
      observed.isSought = true
      this.#ready(observed)
    })
    return observed
  }

  /** The topic, if that message is to be looked at. */
  #heard(node: string, topic: string, life: number, nowMs: number): ObservedTopic | undefined {
    const standing = this.#lives.hear(node, life, nowMs)
    if (standing === 'over') {
      this.#parts.refuse('ERR_PRESENCE_OUTLIVED', node)
      return undefined
    }
    if (standing === 'new') this.#forget(node)
    const observed = this.topics.get(topic)
    if (observed === undefined) {
      this.#parts.refuse('ERR_PRESENCE_UNWANTED', node)
      this.#parts.send([node], { type: 'state', topic, life, version: 0, word: 'unwanted' })
      return undefined
    }
    if (standing === 'new') this.#again(node, nowMs)
    return observed
  }

  #isQuiet({ topic, remotes }: ObservedTopic, node: string): boolean {
    return !remotes.has(node) && this.#parts.isQuiet?.(topic, node) === true
  }

  /** In its new life it has to tell anew. */
  #reask(observed: ObservedTopic, node: string, nowMs: number): void {
    for (const each of this.#parts.trackersOf(observed.topic)) {
      if (each !== node || this.#isQuiet(observed, node)) continue
      this.#ask(observed.remote(node), nowMs + FIRST_ASK_MS)
    }
  }

  #taken(
    observed: ObservedTopic,
    remote: Remote,
    taken: Taken,
    diff: DiffBuilder,
    nowMs: number,
  ): void {
    const { ackDelayMs } = this.#parts.settings
    const isNews = taken.type === 'delta' || taken.type === 'snapshot'
    // Who is still to be asked whether that stands is asked, though it says meanwhile what is known.
    const isAnswer = isNews || remote.attempts > 0
    if (isNews) remote.doubts = remote.attempts = 0
    if (!remote.isMissing) {
      if (remote.tellMs === Infinity) this.#tell(remote, nowMs + ackDelayMs)
      if (isAnswer) this.#doubt(remote, nowMs)
    } else if (remote.askMs === Infinity || isNews) this.#ask(remote, nowMs)
    else if (taken.type === 'part') this.#wait(remote, nowMs)
    if (remote.askMs <= nowMs) this.#askNow(remote, nowMs)
    if (!diff.isEmpty) observed.tell(diff.take())
    if (!isNews) return
    this.#ready(observed)
    this.#parts.heard?.(observed.topic)
  }

  /** As long as parts come, they are waited for. */
  #wait(remote: Remote, nowMs: number): void {
    remote.askMs = Math.max(remote.askMs, nowMs + this.#parts.settings.askTimeoutMs)
    this.#due(remote.askMs)
  }

  /**
   * Everything is known now. Who is not there by the catalog may have left before this came, and told those who watched;
   * or it ends before the catalog learns of it, and then never says that it has. It is asked whether that stands, when the
   * catalog has had time to learn better, and each time after twice as long, until it is listed.
   */
  #doubt(remote: Remote, nowMs: number): void {
    remote.askMs = Infinity
    remote.attempts = 0
    if (remote.entries.size === 0 || this.#isListed(remote)) return
    const waitMs = 4 * this.#parts.settings.askTimeoutMs * 2 ** Math.min(remote.doubts, 16)
    remote.doubts += 1
    this.#ask(remote, nowMs + waitMs)
  }

  /** It does not answer, and nobody else says that it is there. */
  #isGhost(remote: Remote): boolean {
    const { attempts, entries } = remote
    return attempts >= GHOST_ATTEMPTS && entries.size > 0 && !this.#isListed(remote)
  }

  #isListed({ topic, node }: Remote): boolean {
    for (const each of this.#parts.trackersOf(topic)) if (each === node) return true
    return false
  }

  #ask(remote: Remote, atMs: number): void {
    remote.askMs = Math.min(remote.askMs, atMs)
    this.#pending.add(remote)
    this.#due(remote.askMs)
  }

  #tell(remote: Remote, atMs: number): void {
    remote.tellMs = atMs
    this.#pending.add(remote)
    this.#due(atMs)
  }

  #askNow(remote: Remote, nowMs: number): void {
    const { askTimeoutMs, retryMaxMs } = this.#parts.settings
    const waitMs = Math.min(retryMaxMs, askTimeoutMs * 2 ** Math.min(remote.attempts, 16))
    remote.attempts += 1
    remote.askMs = nowMs + waitMs
    this.#due(remote.askMs)
    this.#say(remote, 'wants')
  }

  #say(remote: Remote, word: StateWord): void {
    const { topic, node, known } = remote
    remote.tellMs = Infinity
    const life = known === undefined ? 0 : this.#lives.of(node)
    this.#parts.send([node], { type: 'state', topic, life, version: known ?? 0, word })
  }

  #due(atMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, atMs)
  }

  /** Watches that wait for everybody get what there is when everybody has told, or their time is over. */
  #ready(observed: ObservedTopic, nowMs?: number): void {
    const { isComplete } = observed
    for (const watch of Array.from(observed.watches)) {
      if (!watch.isWaiting || (!isComplete && (nowMs === undefined || watch.beginsMs > nowMs))) {
        continue
      }
      watch.snapshot(this.#everything(observed, isComplete))
    }
  }

  #everything(observed: ObservedTopic, isComplete: boolean): PresenceEvent {
    const { topic } = observed
    const entries = Array.from(this.#parts.own(topic))
    for (const remote of observed.remotes.values()) {
      // One by one: a node may have more than fit on the stack as arguments.
      for (const entry of remote.entries.values()) entries.push(entry)
    }
    return { type: 'snapshot', topic, entries, isComplete }
  }

  #time(observed: ObservedTopic, atMs: number): void {
    this.#timed.add(observed)
    this.#due(atMs)
  }

  #look(observed: ObservedTopic, nowMs: number): void {
    this.#timed.delete(observed)
    this.#ready(observed, nowMs)
    if (observed.endsMs > nowMs) {
      let nextMs = observed.endsMs
      for (const { beginsMs } of observed.watches) nextMs = Math.min(nextMs, beginsMs)
      if (nextMs < Infinity) this.#time(observed, nextMs)
      return
    }
    this.topics.delete(observed.topic)
    for (const remote of Array.from(observed.remotes.values())) {
      this.#drop(observed, remote, this.#diff(observed.topic))
    }
    this.#parts.announce(observed.topic, false)
  }

  /** It may be in topics in which it has told nothing yet. */
  #again(node: string, nowMs: number): void {
    for (const observed of this.topics.values()) this.#reask(observed, node, nowMs)
  }

  /** Nothing that it said stands any more. */
  #forget(node: string): void {
    for (const observed of Array.from(this.topics.values())) this.untracked(observed.topic, node)
  }

  #drop(observed: ObservedTopic, remote: Remote, diff: DiffBuilder): void {
    observed.remotes.delete(remote.node)
    this.#pending.delete(remote)
    for (const version of Array.from(remote.entries.keys())) {
      diff.leave(this.#take(remote, version)!)
    }
  }

  #replace(remote: Remote, life: number, entries: readonly Standing[], diff: DiffBuilder): void {
    const standing = new Set(entries.map(({ version }) => version))
    for (const version of Array.from(remote.entries.keys())) {
      if (!standing.has(version)) diff.leave(this.#take(remote, version)!)
    }
    for (const { version, key, meta } of entries) {
      if (remote.entries.has(version)) continue
      const value = this.#parts.decode(meta)
      const bytes = entryBytes(key, meta)
      const entry = this.#put(remote, life, { version, key, meta: value, bytes }, undefined)
      if (entry !== undefined) diff.join(entry)
    }
  }

  #put(
    { topic, node, entries }: Remote,
    life: number,
    { version, key, meta, bytes }: Pick<EntryFacts, 'version' | 'key' | 'meta' | 'bytes'>,
    before: PresenceEntry | undefined,
  ): PresenceEntry | undefined {
    const { settings, entryOf, refuse, bytes: limits } = this.#parts
    const { nodeEntriesMax, remoteEntriesMax } = settings
    const size = this.#sizes.get(node) ?? 0
    if (size >= nodeEntriesMax || this.#size >= remoteEntriesMax) {
      refuse(BEYOND.entries, node)
      return undefined
    }
    if (limits !== undefined) {
      const nodeBytes = (this.#nodeBytes.get(node) ?? 0) + bytes
      if (nodeBytes > limits.nodeMax || this.#bytes + bytes > limits.allMax) {
        refuse(BEYOND.bytes, node)
        return undefined
      }
      this.#nodeBytes.set(node, nodeBytes)
      this.#bytes += bytes
    }
    const previousRef = entryOf === undefined ? before?.ref : undefined
    const make = entryOf ?? publicEntry
    const entry = make({ topic, key, node, life, version, previousRef, meta, bytes })
    entries.set(version, entry)
    this.#sizes.set(node, size + 1)
    this.#size += 1
    return entry
  }

  #take({ node, entries }: Remote, version: number): PresenceEntry | undefined {
    const entry = entries.get(version)
    if (entry === undefined) return undefined
    entries.delete(version)
    this.#size -= 1
    const size = this.#sizes.get(node)! - 1
    if (size === 0) this.#sizes.delete(node)
    else this.#sizes.set(node, size)
    const { bytes: limits } = this.#parts
    if (limits === undefined) return entry
    const bytes = limits.of(entry)
    this.#bytes -= bytes
    if (size === 0) this.#nodeBytes.delete(node)
    else this.#nodeBytes.set(node, this.#nodeBytes.get(node)! - bytes)
    return entry
  }

  #diff(topic: string): DiffBuilder {
    return new DiffBuilder(topic, this.#parts.entryOf === undefined)
  }

  #decode(items: readonly { readonly meta: Uint8Array | undefined }[]): unknown[] {
    return items.map(({ meta }) => (meta === undefined ? undefined : this.#parts.decode(meta)))
  }
}
