/**
 * The bytes of a record that its publisher signs: the domain `fovea record 1` and a zero byte, realm id
 * (32), cluster (u8 length), kind (u8), key (32), publisher (32), sequence (u64), expiry (u64
 * milliseconds), name (u16 length), host (u8 length), port (u16), value (u32 length); numbers big-endian.
 * Every field has a fixed place or a length before it, so no two records share bytes, and no other
 * signature of a node or an owner can be taken for one. The cluster is in them because an owner may use one
 * key in several clusters of a realm: what was published in one is nothing in the others.
 */
import { invariant } from '../../../runtime/index.ts'
import { KEY_BYTES } from '../kademlia/id.ts'
import type { RecordFields, RecordKind } from './record.ts'

const DOMAIN: Buffer = Buffer.from('fovea record 1\0', 'latin1')
const REALM_ID_BYTES = 32

/** Numbers of the kinds, in signed bytes, on the wire and on disk. Never reused. */
export const KIND_NUMBER: Readonly<Record<RecordKind, number>> = Object.freeze({
  immutable: 0,
  mutable: 1,
  provider: 2,
  address: 3,
})

/** Where records are valid. */
export interface RecordScope {
  /** 32 bytes. */
  readonly realmId: Uint8Array
  readonly cluster: string
}

/** What the publisher of a record signs. The fields must be well-formed (`checks.ts`). */
export function recordSignedBytes(scope: RecordScope, fields: RecordFields): Uint8Array {
  const { realmId, cluster } = scope
  const { kind, key, publisher, sequence, expiresAtMs, host, port, value } = fields
  invariant(realmId.length === REALM_ID_BYTES, 'ERR_INVARIANT_DHT_REALM', 'a realm id has 32 bytes')
  const name = Buffer.from(fields.name, 'utf8')
  const fixed = REALM_ID_BYTES + 1 + 1 + 2 * KEY_BYTES + 2 * 8 + 2 + 1 + 2 + 4
  const bytes = Buffer.alloc(
    DOMAIN.length + fixed + cluster.length + name.length + host.length + value.length,
  )
  let at = DOMAIN.copy(bytes)
  bytes.set(realmId, at)
  at = text8(bytes, at + REALM_ID_BYTES, cluster)
  at = bytes.writeUInt8(KIND_NUMBER[kind], at)
  at += bytes.write(key.hex, at, 'hex')
  at += bytes.write(publisher, at, 'hex')
  at = bytes.writeBigUInt64BE(BigInt(sequence), at)
  at = bytes.writeBigUInt64BE(BigInt(expiresAtMs), at)
  at = bytes.writeUInt16BE(name.length, at)
  at += name.copy(bytes, at)
  at = text8(bytes, at, host)
  at = bytes.writeUInt16BE(port, at)
  at = bytes.writeUInt32BE(value.length, at)
  bytes.set(value, at)
  return bytes
}

/** One byte for the length of `text`, which is ASCII by its syntax, and the text. */
function text8(bytes: Buffer, at: number, text: string): number {
  const start = bytes.writeUInt8(text.length, at)
  return start + bytes.write(text, start, 'latin1')
}
