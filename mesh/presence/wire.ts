/**
 * What nodes tell each other about presence, as MessagePack arrays.
 *
 * Changes of a node in a topic are a chain: each has a number, and what changed before it in this topic has a smaller one.
 * Numbers are of the node and not of the topic, so there are holes between those of one topic; a delta therefore says after
 * which number it goes on. Who has not everything up to there must not take it.
 *
 *     presence_delta     [topic, life, from, to, [version, removed, key or null, meta or null, ...]]
 *     presence_snapshot  [topic, life, version, part, parts, [version, key, meta, ...]]
 *     presence_state     [topic, life, version, word]
 */
import { isTopic } from '../topics/topic.ts'
import type { Codec } from '../wire/codec.ts'
import { WireType } from '../wire/messages.ts'
import { Tuple } from '../wire/tuple.ts'

/** An entry comes (`key`, `meta`), goes (`removed`), or is replaced by another (all of them). */
export interface Change {
  readonly version: number
  /** Version of the entry that is over; 0 for none. */
  readonly removed: number
  readonly key: string | undefined
  /** Encoded. */
  readonly meta: Uint8Array | undefined
}

/** An entry in a snapshot. */
export interface Standing {
  readonly version: number
  readonly key: string
  readonly meta: Uint8Array
}

/** All changes after `from` up to `to`; none to say how far the node is. */
export interface DeltaMessage {
  readonly type: 'delta'
  readonly topic: string
  readonly life: number
  readonly from: number
  readonly to: number
  readonly changes: readonly Change[]
}

/** A part of everything that stands at `version`. */
export interface SnapshotMessage {
  readonly type: 'snapshot'
  readonly topic: string
  readonly life: number
  readonly version: number
  readonly part: number
  readonly parts: number
  readonly entries: readonly Standing[]
}

/** `has`: everything up to `version`. `wants`: what comes after it. `unwanted`: nobody watches that topic here. */
export type StateWord = 'has' | 'wants' | 'unwanted'

/** What a watcher has of the life of the node that it speaks to; 0 and 0 for nothing. */
export interface StateMessage {
  readonly type: 'state'
  readonly topic: string
  readonly life: number
  readonly version: number
  readonly word: StateWord
}

/** Any of them. */
export type PresenceWireMessage = DeltaMessage | SnapshotMessage | StateMessage

/** What one message may have, so that it travels in one piece and in order. */
export const MESSAGE_BYTES = 32_768

/** Bytes that an entry or change takes besides key and meta, about. */
const FIXED_BYTES = 32
const ITEMS_MAX = 8_192
const PARTS_MAX = 65_536
const WORDS: readonly StateWord[] = ['has', 'wants', 'unwanted']
const VERSION_MAX = Number.MAX_SAFE_INTEGER

/** Limits of keys and metas. */
export interface WireLimits {
  readonly keyBytesMax: number
  readonly metaBytesMax: number
}

/** A whole frame. */
export function encodePresence(message: PresenceWireMessage, codec: Codec): Uint8Array {
  const { topic, life } = message
  switch (message.type) {
    case 'delta': {
      const { from, to, changes } = message
      const items: unknown[] = []
      for (const { version, removed, key, meta } of changes) {
        items.push(version, removed, key ?? null, meta ?? null)
      }
      return codec.encodeFrame(WireType.presenceDelta, [topic, life, from, to, items])
    }
    case 'snapshot': {
      const { version, part, parts, entries } = message
      const items: unknown[] = []
      for (const entry of entries) items.push(entry.version, entry.key, entry.meta)
      const all = [topic, life, version, part, parts, items]
      return codec.encodeFrame(WireType.presenceSnapshot, all)
    }
    case 'state': {
      const { version, word } = message
      const all = [topic, life, version, WORDS.indexOf(word)]
      return codec.encodeFrame(WireType.presenceState, all)
    }
  }
}

/** Throws `MessageError` or `CodecError`. */
export function decodePresence(
  type: number,
  payload: Uint8Array,
  codec: Codec,
  limitsOf: (topic: string) => WireLimits,
): PresenceWireMessage {
  const value = codec.decode(payload)
  if (type === WireType.presenceDelta) return delta(new Tuple('presence_delta', value), limitsOf)
  if (type === WireType.presenceSnapshot) {
    return snapshot(new Tuple('presence_snapshot', value), limitsOf)
  }
  const all = new Tuple('presence_state', value)
  return {
    type: 'state',
    ...headOf(all, 0),
    version: all.whole(2, 'version', 0, VERSION_MAX),
    word: WORDS[all.whole(3, 'word', 0, WORDS.length - 1)]!,
  }
}

/** Cuts what has a size into runs that fit into one message each; at least one. */
export function cutIntoMessages<Item extends { readonly key?: string | undefined }>(
  items: Iterable<Item & { readonly meta: Uint8Array | undefined }>,
): Item[][] {
  const runs: Item[][] = [[]]
  let bytes = 0
  for (const item of items) {
    const size = FIXED_BYTES + Buffer.byteLength(item.key ?? '') + (item.meta?.length ?? 0)
    if (bytes > 0 && (bytes + size > MESSAGE_BYTES || runs.at(-1)!.length >= ITEMS_MAX / 4)) {
      runs.push([])
      bytes = 0
    }
    runs.at(-1)!.push(item)
    bytes += size
  }
  return runs
}

function headOf(all: Tuple, lifeMin: number): { readonly topic: string; readonly life: number } {
  return {
    topic: all.text(0, 'topic', (text): text is string => isTopic(text), 'a topic'),
    life: all.whole(1, 'life', lifeMin, VERSION_MAX),
  }
}

function delta(all: Tuple, limitsOf: (topic: string) => WireLimits): DeltaMessage {
  const head = headOf(all, 1)
  const limits = limitsOf(head.topic)
  const from = all.whole(2, 'from', 0, VERSION_MAX)
  const to = all.whole(3, 'to', from, VERSION_MAX)
  const flat = all.list(4, 'changes', ITEMS_MAX)
  const items = new Tuple('presence_delta', flat, 'changes')
  if (flat.length % 4 !== 0) throw all.error('changes', 'four values for each change')
  const changes: Change[] = []
  let last = from
  for (let i = 0; i < flat.length; i += 4) {
    const version = items.whole(i, 'version', last + 1, to)
    const removed = items.whole(i + 1, 'removed', 0, version - 1)
    const comes = items.get(i + 2) !== null
    if (!comes && removed === 0) throw items.error('removed', 'an entry, for nothing comes')
    const key = comes ? keyOf(items, i + 2, limits) : undefined
    const meta = comes ? items.bytesUpTo(i + 3, 'meta', limits.metaBytesMax) : undefined
    changes.push({ version, removed, key, meta })
    last = version
  }
  return { type: 'delta', ...head, from, to, changes }
}

function snapshot(all: Tuple, limitsOf: (topic: string) => WireLimits): SnapshotMessage {
  const head = headOf(all, 1)
  const limits = limitsOf(head.topic)
  const version = all.whole(2, 'version', 0, VERSION_MAX)
  const parts = all.whole(4, 'parts', 1, PARTS_MAX)
  const part = all.whole(3, 'part', 0, parts - 1)
  const flat = all.list(5, 'entries', ITEMS_MAX)
  const items = new Tuple('presence_snapshot', flat, 'entries')
  if (flat.length % 3 !== 0) throw all.error('entries', 'three values for each entry')
  const entries: Standing[] = []
  let last = 0
  for (let i = 0; i < flat.length; i += 3) {
    last = items.whole(i, 'version', last + 1, version)
    const meta = items.bytesUpTo(i + 2, 'meta', limits.metaBytesMax)
    entries.push({ version: last, key: keyOf(items, i + 1, limits), meta })
  }
  return { type: 'snapshot', ...head, version, part, parts, entries }
}

function keyOf(items: Tuple, index: number, { keyBytesMax }: WireLimits): string {
  return items.text(
    index,
    'key',
    (key): key is string => isKey(key, keyBytesMax),
    `a text of 1 to ${keyBytesMax} bytes`,
  )
}

/** Whether that may be the key of an entry. */
export function isKey(key: unknown, bytesMax: number): key is string {
  if (typeof key !== 'string' || key === '' || key.length > bytesMax) return false
  return key.length * 3 <= bytesMax || Buffer.byteLength(key) <= bytesMax
}
