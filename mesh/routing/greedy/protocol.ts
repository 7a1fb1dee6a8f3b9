/**
 * Envelopes to frames and back: `rpc_route` (0x23) and `pubsub_route` (0x13). Errors and receipts travel in the
 * type of frame of what they are about.
 *
 *     [kind, id, destination, source, hopsMax, ttlMs, visited, about | null, via | null, sourceVia | null, ...]
 *
 *     call, reply, publish   receipt, payload        error   reason        receipt   nothing more
 *
 * On a detour one element more: `tried`, keys one after the other, perhaps none. Ids have 16 bytes, keys 32; `visited` is the keys one after the other, and their number is that of the hops
 * made. Bytes of a peer raise `MessageError` or `CodecError` here and nothing else.
 */
import type { Codec } from '../../wire/codec.ts'
import { MessageError } from '../../wire/errors.ts'
import { WireType } from '../../wire/messages.ts'
import { Tuple } from '../../wire/tuple.ts'
import { KEY_BYTES, keyBytes, keyFromBytes } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import type { Envelope, RouteContent, RouteReason } from './envelope.ts'
import { HOPS_CEILING, PAYLOAD_BYTES_CEILING, TTL_CEILING_MS } from './settings.ts'

/** Bytes of the id of an envelope. */
export const ENVELOPE_ID_BYTES = 16

const KINDS = ['call', 'reply', 'publish', 'error', 'receipt'] as const
/** Elements without the one of a detour. */
const ITEMS = { call: 12, reply: 12, publish: 12, error: 11, receipt: 10 } as const
const REASONS: readonly RouteReason[] = ['no_route', 'max_hops_exceeded', 'no_handler']

/** Writes and reads the frames of envelopes. */
export class RouteProtocol {
  readonly #codec: Codec

  constructor(codec: Codec) {
    this.#codec = codec
  }

  /** The frame of an envelope that has been somewhere. */
  encode(envelope: Envelope): Uint8Array {
    const { id, channel, destination, source, hopsMax, ttlMs, visited, content } = envelope
    const { via, sourceVia, tried } = envelope
    const head = [
      KINDS.indexOf(content.type),
      Buffer.from(id, 'hex'),
      keyBytes(destination),
      keyBytes(source),
      hopsMax,
      ttlMs,
      Buffer.from(visited.join(''), 'hex'),
      content.about === undefined ? null : Buffer.from(content.about, 'hex'),
      via === undefined ? null : keyBytes(via),
      sourceVia === undefined ? null : keyBytes(sourceVia),
    ]
    const type = channel === 'rpc' ? WireType.rpcRoute : WireType.pubsubRoute
    const detour = tried === undefined ? [] : [Buffer.from(tried.join(''), 'hex')]
    return this.#codec.encodeFrame(type, [...head, ...contentItems(content), ...detour])
  }

  /** Reads the payload of a frame of one of both types. */
  decode(type: number, bytes: Uint8Array): Envelope {
    const channel = type === WireType.rpcRoute ? 'rpc' : 'pubsub'
    const name = `${channel}_route`
    const items = new Tuple(name, this.#codec.decode(bytes))
    const kind = KINDS[items.whole(0, 'kind', 0, KINDS.length - 1)]!
    const hopsMax = items.whole(4, 'hopsMax', 1, HOPS_CEILING)
    const envelope = {
      channel,
      id: hexOf(items.bytes(1, 'id', ENVELOPE_ID_BYTES)),
      destination: keyFromBytes(items.bytes(2, 'destination', KEY_BYTES)),
      source: keyFromBytes(items.bytes(3, 'source', KEY_BYTES)),
      hopsMax,
      ttlMs: items.whole(5, 'ttlMs', 1, TTL_CEILING_MS),
      ...readPath(items, hopsMax, ITEMS[kind]),
      via: keyOrNone(items, 8, 'via'),
      sourceVia: keyOrNone(items, 9, 'sourceVia'),
    } as const
    const about = readAbout(items)
    switch (kind) {
      case 'call':
      case 'reply':
      case 'publish': {
        if ((kind === 'publish') !== (channel === 'pubsub')) {
          throw new MessageError(name, 'kind', 'one of this type of frame')
        }
        const receipt = items.flag(10, 'receipt')
        // The codec has copied it: a view of the receive buffer would change under whoever keeps it.
        const payload = items.bytesUpTo(11, 'payload', PAYLOAD_BYTES_CEILING)
        const content = { type: kind, about, receipt, payload }
        return { content, ...envelope }
      }
      case 'error': {
        const reason = REASONS[items.whole(10, 'reason', 0, REASONS.length - 1)]!
        return { content: { type: kind, about: required(items, about), reason }, ...envelope }
      }
      case 'receipt':
        return { content: { type: kind, about: required(items, about) }, ...envelope }
    }
  }
}

function contentItems(content: RouteContent): readonly unknown[] {
  switch (content.type) {
    case 'error':
      return [REASONS.indexOf(content.reason)]
    case 'receipt':
      return []
    case 'call':
    case 'reply':
    case 'publish':
      return [content.receipt, content.payload]
  }
}

/** Where an envelope has been; `end` is where the element of a detour stands. */
function readPath(items: Tuple, hopsMax: number, end: number): Pick<Envelope, 'visited' | 'tried'> {
  const visited = readKeys(items, 6, 'visited', hopsMax)
  if (visited.length === 0) throw items.error('visited', 'one to `hopsMax` keys')
  if (!items.has(end)) return { visited, tried: undefined }
  return { visited, tried: readKeys(items, end, 'tried', hopsMax - visited.length) }
}

function readKeys(items: Tuple, index: number, name: string, max: number): readonly string[] {
  const bytes = items.bytesUpTo(index, name, max * KEY_BYTES)
  if (bytes.length % KEY_BYTES !== 0) throw items.error(name, 'whole keys')
  const hex = hexOf(bytes)
  return Array.from({ length: bytes.length / KEY_BYTES }, (_, at) =>
    hex.slice(at * KEY_BYTES * 2, (at + 1) * KEY_BYTES * 2),
  )
}

function keyOrNone(items: Tuple, index: number, name: string): KadKey | undefined {
  return items.get(index) === null ? undefined : keyFromBytes(items.bytes(index, name, KEY_BYTES))
}

function readAbout(items: Tuple): string | undefined {
  if (items.get(7) === null) return undefined
  return hexOf(items.bytes(7, 'about', ENVELOPE_ID_BYTES))
}

function required(items: Tuple, about: string | undefined): string {
  if (about === undefined) throw items.error('about', 'an id')
  return about
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
