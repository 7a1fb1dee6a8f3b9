/**
 * Membership messages to frames and back. Probes and news fit one datagram each (0x30 to 0x34); what
 * opens and answers an exchange, and what neighbours agree on, travels on the sync lane (0x35). The parts
 * are in `swim-wire.ts`.
 *
 *     ping, ack, nack  [sequence, updates]          probe       [1, number, updates]
 *     ping_req         [sequence, updates, target]  sync        [2, number, self, digests, join]
 *     gossip           [updates]                    sync_push   [3, number, part, last, entries]
 *     hold             [0, hold]                    probe_ack   [4, number, updates]
 *                                                   sync_reply  [5, number, part, last, entries
 *                                                                , self, wanted, more]  in part 0 only
 *                                                   sync_done   [6, number]
 *                                                   busy        [7, number]
 *
 * Tables go in parts, so that none keeps a reader long or is larger than the peer takes; `SwimInbox` puts
 * them together. Bytes of a peer raise `MessageError` or `CodecError` here and nothing else.
 */
import { invariant } from '../../runtime/index.ts'
import type { Codec } from '../wire/codec.ts'
import { HEADER_BYTES } from '../wire/frame.ts'
import { WireType } from '../wire/messages.ts'
import { binaryBytes, listBytes } from '../wire/sizes.ts'
import { Tuple, UINT32_MAX } from '../wire/tuple.ts'
import type { SwimDatagram, SwimReply, SwimRequest, SyncEntry, Update } from './swim/message.ts'
import { SYNC_BUCKETS } from './swim/message.ts'
import {
  entryBytes,
  entryItems,
  idBytes,
  readEntry,
  readId,
  readStatement,
  readUpdates,
  statementBytes,
  statementItems,
  updateBytes,
  updateItems,
  UPDATES_MAX,
} from './swim-wire.ts'

/** Payload of one part of a table: some 250 entries, 2 ms of work for the reader. */
export const PART_BYTES_MAX = 65_536

/** Entries of one part at most. */
export const PART_ENTRIES_MAX = 1_024

/** Parts of one table at most; the reader has a smaller bound of its own. */
const PARTS_MAX = 65_536

const DIGEST_BYTES = SYNC_BUCKETS * 8
const WANTED_BYTES = SYNC_BUCKETS / 8

/** First element of what travels in a `swim_sync` frame. */
const Kind = Object.freeze({
  hold: 0,
  probe: 1,
  sync: 2,
  sync_push: 3,
  probe_ack: 4,
  sync_reply: 5,
  sync_done: 6,
  busy: 7,
})

const DATAGRAM_TYPE = Object.freeze({
  ping: WireType.swimPing,
  ack: WireType.swimAck,
  ping_req: WireType.swimPingReq,
  nack: WireType.swimNack,
  gossip: WireType.swimGossip,
})

/** What a `swim_sync` frame says. */
export type SwimStreamMessage =
  | { readonly type: 'request'; readonly number: number; readonly message: SwimRequest }
  | { readonly type: 'reply'; readonly number: number; readonly message: SwimReply }
  /** "I keep this link as one of my standing neighbours", or not any more. */
  | { readonly type: 'hold'; readonly hold: boolean }

/** What a `sync_reply` says beside its entries. */
export type ReplyHead = Omit<Extract<SwimReply, { type: 'sync_reply' }>, 'type' | 'entries'>

/** One part of a table. */
export interface SwimPart {
  readonly type: 'part'
  readonly kind: 'sync_push' | 'sync_reply'
  readonly number: number
  readonly part: number
  readonly last: boolean
  readonly entries: readonly SyncEntry[]
  /** In part 0 of a `sync_reply`. */
  readonly head: ReplyHead | undefined
}

/** Writes and reads membership frames of one realm. */
export class SwimProtocol {
  readonly #codec: Codec
  readonly #realmId: Uint8Array

  constructor(codec: Codec, realmId: Uint8Array) {
    this.#codec = codec
    this.#realmId = realmId
  }

  /** The frame of a datagram. Its size is the sum of what `swimSizes` says, at most. */
  datagram(message: SwimDatagram): Uint8Array {
    const updates = updateList(message.updates)
    const type = DATAGRAM_TYPE[message.type]
    switch (message.type) {
      case 'ping':
      case 'ack':
      case 'nack':
        return this.#codec.encodeFrame(type, [message.sequence, updates])
      case 'ping_req':
        return this.#codec.encodeFrame(type, [message.sequence, updates, idBytes(message.target)])
      case 'gossip':
        return this.#codec.encodeFrame(type, [updates])
    }
  }

  /** The frames of a request under the asker's `number`, in order, each at most `frameBytesMax`. */
  request(number: number, message: SwimRequest, frameBytesMax: number): readonly Uint8Array[] {
    switch (message.type) {
      case 'probe':
        return [this.#frame([Kind.probe, number, updateList(message.updates)])]
      case 'sync': {
        const { self, digests, join } = message
        const items = [Kind.sync, number, statementItems(self), digestBytes(digests), join]
        return [this.#frame(items)]
      }
      case 'sync_push':
        return this.#parts(Kind.sync_push, number, message.entries, frameBytesMax, [], 0)
    }
  }

  /** The frames of a reply to the request `number`, in order, each at most `frameBytesMax`. */
  reply(number: number, message: SwimReply, frameBytesMax: number): readonly Uint8Array[] {
    switch (message.type) {
      case 'probe_ack':
        return [this.#frame([Kind.probe_ack, number, updateList(message.updates)])]
      case 'sync_reply': {
        const { self, entries, wanted, more } = message
        const head = [statementItems(self), wantedBytes(wanted), more]
        const headBytes = statementBytes(self) + binaryBytes(WANTED_BYTES) + 1
        return this.#parts(Kind.sync_reply, number, entries, frameBytesMax, head, headBytes)
      }
      case 'sync_done':
      case 'busy':
        return [this.#frame([Kind[message.type], number])]
    }
  }

  /** The frame that tells a neighbour whether we keep this link. */
  hold(hold: boolean): Uint8Array {
    return this.#frame([Kind.hold, hold])
  }

  /** Reads a frame of types 0x30 to 0x34. */
  readDatagram(type: number, payload: Uint8Array): SwimDatagram {
    const name = datagramName(type)
    const items = new Tuple(`swim_${name}`, this.#codec.decode(payload))
    if (name === 'gossip') return { type: name, updates: this.#updates(`swim_${name}`, items, 0) }
    const sequence = items.whole(0, 'sequence', 0, UINT32_MAX)
    const updates = this.#updates(`swim_${name}`, items, 1)
    if (name !== 'ping_req') return { type: name, sequence, updates }
    return { type: name, sequence, updates, target: readId(items, 2, 'target') }
  }

  /** Reads a frame of type 0x35; a part must go through a {@link SwimInbox}. */
  readStream(payload: Uint8Array): SwimStreamMessage | SwimPart {
    const items = new Tuple('swim_sync', this.#codec.decode(payload))
    const kind = items.whole(0, 'kind', Kind.hold, Kind.busy)
    if (kind === Kind.hold) return { type: 'hold', hold: items.flag(1, 'hold') }
    const number = items.whole(1, 'number', 0, UINT32_MAX)
    switch (kind) {
      case Kind.probe:
        return request(number, { type: 'probe', updates: this.#updates('swim_sync', items, 2) })
      case Kind.sync:
        return request(number, {
          type: 'sync',
          self: readStatement('swim_sync', items.get(2), 'self', this.#realmId),
          digests: readDigests(items.bytes(3, 'digests', DIGEST_BYTES)),
          join: items.flag(4, 'join'),
        })
      case Kind.probe_ack:
        return reply(number, { type: 'probe_ack', updates: this.#updates('swim_sync', items, 2) })
      case Kind.sync_done:
        return reply(number, { type: 'sync_done' })
      case Kind.busy:
        return reply(number, { type: 'busy' })
      default:
        return this.#part(kind === Kind.sync_push ? 'sync_push' : 'sync_reply', number, items)
    }
  }

  #frame(items: readonly unknown[]): Uint8Array {
    return this.#codec.encodeFrame(WireType.swimSync, items)
  }

  #updates(type: string, items: Tuple, index: number): readonly Update[] {
    return readUpdates(type, items.list(index, 'updates', UPDATES_MAX), this.#realmId)
  }

  #part(kind: SwimPart['kind'], number: number, items: Tuple): SwimPart {
    const part = items.whole(2, 'part', 0, PARTS_MAX - 1)
    const last = items.flag(3, 'last')
    const list = items.list(4, 'entries', PART_ENTRIES_MAX)
    const realmId = this.#realmId
    const entries = list.map((value, i) => readEntry('swim_sync', value, `entries[${i}]`, realmId))
    const head =
      kind === 'sync_reply' && part === 0
        ? {
            self: readStatement('swim_sync', items.get(5), 'self', realmId),
            wanted: readWanted(items.bytes(6, 'wanted', WANTED_BYTES)),
            more: items.flag(7, 'more'),
          }
        : undefined
    return { type: 'part', kind, number, part, last, entries, head }
  }

  /** Fills parts up to the limit; an entry that is larger than that goes alone, and the link refuses it. */
  #parts(
    kind: number,
    number: number,
    entries: readonly SyncEntry[],
    frameBytesMax: number,
    head: readonly unknown[],
    headBytes: number,
  ): readonly Uint8Array[] {
    const bytesMax = Math.min(frameBytesMax, PART_BYTES_MAX) - PART_OVERHEAD_BYTES
    const frames: Uint8Array[] = []
    let list: (readonly unknown[])[] = []
    let bytes = headBytes
    const close = (last: boolean): void => {
      const part = frames.length
      frames.push(this.#frame([kind, number, part, last, list, ...(part === 0 ? head : [])]))
      list = []
      bytes = 0
    }
    for (const entry of entries) {
      const size = entryBytes(entry)
      const full = bytes + size > bytesMax || list.length >= PART_ENTRIES_MAX
      if (full && (list.length > 0 || frames.length === 0)) close(false)
      list.push(entryItems(entry))
      bytes += size
    }
    close(true)
    return frames
  }
}

/** Head of the array, kind, number, part, last, head of the list. */
const PART_OVERHEAD_BYTES = 1 + 1 + 5 + 3 + 1 + 3

/** How large things are on the wire at most, as the core asks for it. */
export interface SwimProtocolSizes {
  updateBytes(update: Update): number
  /** A datagram of that type without updates, frame header included. */
  headerBytes(type: SwimDatagram['type']): number
  entryBytes(entry: SyncEntry): number
}

/** Upper bounds of what {@link SwimProtocol} writes. */
export const swimSizes: SwimProtocolSizes = Object.freeze({
  updateBytes,
  entryBytes,
  headerBytes: (type: SwimDatagram['type']): number => {
    const outer = HEADER_BYTES + 1 + listBytes(UPDATES_MAX)
    if (type === 'gossip') return outer
    return outer + 5 + (type === 'ping_req' ? binaryBytes(32) : 0)
  },
})

function updateList(updates: readonly Update[]): readonly (readonly unknown[])[] {
  invariant(updates.length <= UPDATES_MAX, 'ERR_INVARIANT_SWIM_UPDATES', `${updates.length}`)
  return updates.map(updateItems)
}

function request(number: number, message: SwimRequest): SwimStreamMessage {
  return { type: 'request', number, message }
}

function reply(number: number, message: SwimReply): SwimStreamMessage {
  return { type: 'reply', number, message }
}

function datagramName(type: number): SwimDatagram['type'] {
  switch (type) {
    case WireType.swimPing:
      return 'ping'
    case WireType.swimAck:
      return 'ack'
    case WireType.swimPingReq:
      return 'ping_req'
    case WireType.swimNack:
      return 'nack'
    default:
      return 'gossip'
  }
}

function digestBytes(digests: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(DIGEST_BYTES)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < SYNC_BUCKETS * 2; i++) view.setUint32(i * 4, digests[i] ?? 0)
  return bytes
}

function readDigests(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Uint32Array.from({ length: SYNC_BUCKETS * 2 }, (_, i) => view.getUint32(i * 4))
}

function wantedBytes(wanted: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(WANTED_BYTES)
  for (const bucket of wanted) bytes[bucket >> 3]! |= 1 << (bucket & 7)
  return bytes
}

function readWanted(bytes: Uint8Array): number[] {
  const wanted: number[] = []
  for (let bucket = 0; bucket < SYNC_BUCKETS; bucket++) {
    if ((bytes[bucket >> 3]! & (1 << (bucket & 7))) !== 0) wanted.push(bucket)
  }
  return wanted
}
