/**
 * What is kept of a record as bytes and back, for the store. A disk is no friend: its bytes are checked like
 * those of a peer, and the records in them again by the authority.
 *
 *     entry  [format, key, keepUntilMs, own, cached, storedAtMs, record]
 *
 * Bytes raise `MessageError` or `CodecError` here and nothing else.
 */
import type { Codec } from '../../wire/codec.ts'
import { Tuple } from '../../wire/tuple.ts'
import { KEY_BYTES, keyBytes, keyFromBytes } from '../kademlia/id.ts'
import type { StoredEntry } from './machine.ts'
import { readRecord, recordItems } from './record-wire.ts'

/** First element of an entry; another layout gets another number. */
const FORMAT = 1

const TYPE = 'dht_entry'

/** Writes and reads entries of one realm. */
export class StoredEntryCodec {
  readonly #codec: Codec
  readonly #realmId: Uint8Array

  constructor(codec: Codec, realmId: Uint8Array) {
    this.#codec = codec
    this.#realmId = realmId
  }

  /** The bytes of an entry. */
  encode({ record, keepUntilMs, own, cached, storedAtMs }: StoredEntry): Uint8Array {
    const untilMs = wholeMs(Math.min(keepUntilMs, record.expiresAtMs))
    const kept = [untilMs, own, cached, wholeMs(storedAtMs)]
    const items = [FORMAT, keyBytes(record.key), ...kept, recordItems(record)]
    return this.#codec.encode(items)
  }

  /** The entry in `bytes`. */
  decode(bytes: Uint8Array): StoredEntry {
    const items = new Tuple(TYPE, this.#codec.decode(bytes))
    items.whole(0, 'format', FORMAT, FORMAT)
    const key = keyFromBytes(items.bytes(1, 'key', KEY_BYTES))
    const where = { key, ownRealmId: this.#realmId }
    const record = readRecord(TYPE, items.get(6), 'record', where)
    return {
      record,
      keepUntilMs: items.whole(2, 'keepUntilMs', 0, record.expiresAtMs),
      own: items.flag(3, 'own'),
      cached: items.flag(4, 'cached'),
      storedAtMs: items.whole(5, 'storedAtMs', 0, Number.MAX_SAFE_INTEGER),
    }
  }
}

/** Clocks may have fractions; earlier is always right for the end of a life. */
function wholeMs(timeMs: number): number {
  return Math.max(0, Math.floor(timeMs))
}
