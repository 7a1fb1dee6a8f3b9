/**
 * What is known of one node in one topic: a prefix of what it said. A message that does not go on where the last one ended
 * changes nothing; what is missing is asked for. A snapshot counts when all of its parts are there.
 */
import { entryBytes } from './owner.ts'
import type { DeltaMessage, SnapshotMessage, Standing } from './wire.ts'
import type { PresenceEntry } from './presence.ts'

/** Parts of a snapshot that have come. */
interface Assembly {
  readonly version: number
  readonly parts: (readonly Standing[] | undefined)[]
  missing: number
  /** Entries of the parts that are there, and their bytes. */
  entries: number
  bytes: number
}

/** What is kept of one node. */
export interface RemoteLimits {
  readonly entriesMax: number
  readonly bytesMax: number
}

/** What a message did. */
export type Taken =
  /** It goes on after what is known: its changes after `from`. */
  | { readonly type: 'delta'; readonly from: number }
  /** Everything that stands, in place of what is known. */
  | { readonly type: 'snapshot'; readonly entries: readonly Standing[] }
  /** Known already. */
  | { readonly type: 'known' }
  /** Something is missing before it. */
  | { readonly type: 'missing' }
  /** A part of a snapshot that is not whole yet. */
  | { readonly type: 'part' }

/** See the head of this file. */
export class Remote {
  readonly topic: string
  readonly node: string
  /** By version. */
  readonly entries: Map<number, PresenceEntry> = new Map()
  /** Everything up to here is known; undefined when nothing is. */
  known: number | undefined = undefined
  /** The node said that it is that far. */
  #far = 0
  /** When it is asked what is missing; Infinity when nothing is. */
  askMs: number = Infinity
  /** When it is told what is known. */
  tellMs: number = Infinity
  /** How often it was asked since it answered. */
  attempts: number = 0
  /** How often it was to be asked, since it said something new, whether that stands. */
  doubts: number = 0
  #assembly: Assembly | undefined

  constructor(topic: string, node: string) {
    this.topic = topic
    this.node = node
  }

  get isMissing(): boolean {
    return this.known === undefined || this.known < this.#far
  }

  get dueMs(): number {
    return Math.min(this.askMs, this.tellMs)
  }

  delta({ from, to }: DeltaMessage): Taken {
    this.#far = Math.max(this.#far, to)
    const { known } = this
    if (known === undefined || known < from) return { type: 'missing' }
    if (to <= known) return { type: 'known' }
    this.known = to
    return { type: 'delta', from: known }
  }

  /** Of a snapshot that is beyond the limits the rest is not kept, and `beyond` hears of it. */
  snapshot(
    { version, part, parts, entries }: SnapshotMessage,
    { entriesMax, bytesMax }: RemoteLimits,
    beyond: (what: 'entries' | 'bytes') => void,
  ): Taken {
    this.#far = Math.max(this.#far, version)
    if (this.known !== undefined && this.known >= version) return { type: 'known' }
    let assembly = this.#assembly
    // What is not the same is another one, of which the newer counts.
    if (assembly !== undefined && assembly.version > version) return { type: 'missing' }
    if (assembly?.version !== version || assembly.parts.length !== parts) {
      const none = new Array<readonly Standing[] | undefined>(parts).fill(undefined)
      assembly = this.#assembly = { version, parts: none, missing: parts, entries: 0, bytes: 0 }
    }
    if (assembly.parts[part] === undefined) {
      const few = entries.slice(0, entriesMax - assembly.entries)
      if (few.length < entries.length) beyond('entries')
      const kept: Standing[] = []
      for (const entry of few) {
        assembly.bytes += entryBytes(entry.key, entry.meta)
        if (assembly.bytes > bytesMax) break
        kept.push(entry)
      }
      if (kept.length < few.length) beyond('bytes')
      assembly.parts[part] = kept
      assembly.entries += kept.length
      assembly.missing -= 1
    }
    if (assembly.missing > 0) return { type: 'part' }
    this.#assembly = undefined
    this.known = version
    return { type: 'snapshot', entries: assembly.parts.flatMap((each) => each ?? []) }
  }
}
