/** `swim_sync` frames (0x35): whom the sender is linked with, in pieces that fit any frame limit. */
import { isHost, isNodeName } from '../host.ts'
import { parseSync, syncFields } from '../wire/check.ts'
import type { Codec } from '../wire/codec.ts'
import { MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import type { SyncEntry } from './exchange.ts'

/**
 * Entries per frame: with the longest names and hosts (64 and 253 characters) some 400 bytes each, so
 * a frame stays far below 1 MiB.
 */
export const SYNC_ENTRIES_PER_FRAME = 512

/** Writes and reads member lists. */
export class SyncProtocol {
  readonly #codec: Codec

  constructor(codec: Codec) {
    this.#codec = codec
  }

  /** No frame for an empty list. */
  frames(entries: readonly SyncEntry[]): Uint8Array[] {
    const frames: Uint8Array[] = []
    for (let at = 0; at < entries.length; at += SYNC_ENTRIES_PER_FRAME) {
      const part = entries.slice(at, at + SYNC_ENTRIES_PER_FRAME)
      frames.push(this.#codec.encodeFrame(WireType.swimSync, syncFields({ entries: part })))
    }
    return frames
  }

  /** Throws for what is no member list, which closes the link it came from. */
  read(payload: Uint8Array): readonly SyncEntry[] {
    const { entries } = parseSync(this.#codec.decode(payload))
    for (const [index, { name, host }] of entries.entries()) {
      if (!isNodeName(name)) throw badField(index, 'name', 'a node name')
      if (!isHost(host)) throw badField(index, 'host', 'an address or host name')
    }
    return entries
  }
}

function badField(index: number, field: string, expected: string): MessageError {
  return new MessageError('swim_sync', `entries[${index}].${field}`, expected)
}
