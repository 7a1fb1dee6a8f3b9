/**
 * Where a record lives: its key, which everybody derives from what the record says. Hashes: SHA-256 of the
 * domain `fovea record key 1` and a zero byte, a byte for what is derived, the realm id (32) and
 *
 *     immutable    0    the value
 *     mutable      1    the owner (32, SHA-256 of its public key), the name
 *     node id      2    `name@host:port` in its one spelling
 *     text         3    the text, for keys that an application chooses
 *
 * What has no fixed length comes last, so no two inputs share bytes. The address of a node is also kept at
 * the node's own key, which is a hash already and not hashed again (ML9). Text is never taken for a key,
 * whatever it looks like: 64 hexadecimal digits given as text are hashed like any other text.
 */
import { createHash } from 'node:crypto'
import { ArgumentError, invariant } from '../../../runtime/index.ts'
import { isKeyHex, keyFromBytes } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import { normalNodeId, survivesBytes, TEXT_BYTES_MAX } from './names.ts'
import type { RecordFields } from './record.ts'

const DOMAIN: Buffer = Buffer.from('fovea record key 1\0', 'latin1')
const Derived = Object.freeze({ immutable: 0, mutable: 1, nodeId: 2, text: 3 })
const REALM_ID_BYTES = 32

/** Key of an immutable record: what it says. */
export function immutableKey(realmId: Uint8Array, value: Uint8Array): KadKey {
  return derive(realmId, Derived.immutable, value)
}

/** Key of a mutable record; `owner` is its publisher, 64 hexadecimal digits. */
export function mutableKey(realmId: Uint8Array, owner: string, name: string): KadKey {
  invariant(isKeyHex(owner), 'ERR_INVARIANT_DHT_KEY', 'an owner is written as 64 hex digits')
  return derive(realmId, Derived.mutable, Buffer.from(owner, 'hex'), Buffer.from(name, 'utf8'))
}

/** Key of address records by node id, `name@host:port`. */
export function nodeIdKey(realmId: Uint8Array, nodeId: string): KadKey {
  const normal = normalNodeId(nodeId)
  if (normal === undefined) throw new ArgumentError('nodeId', 'written name@host:port', nodeId)
  return derive(realmId, Derived.nodeId, Buffer.from(normal, 'latin1'))
}

/**
 * Key that an application chooses by a text, the same on every node of the realm. Bytes decide: texts that
 * look alike but are composed differently are different keys.
 */
export function textKey(realmId: Uint8Array, text: string): KadKey {
  const bytes = typeof text === 'string' && survivesBytes(text) ? Buffer.from(text, 'utf8') : null
  if (bytes === null || bytes.length === 0 || bytes.length > TEXT_BYTES_MAX) {
    throw new ArgumentError('text', `well-formed text of 1 to ${TEXT_BYTES_MAX} bytes`, text)
  }
  return derive(realmId, Derived.text, bytes)
}

/** Whether the key of a record follows from what it says. That of a provider record may be any. */
export function isKeyOf(realmId: Uint8Array, fields: RecordFields): boolean {
  const { kind, key, publisher, name, value } = fields
  switch (kind) {
    case 'immutable':
      return key.hex === immutableKey(realmId, value).hex
    case 'mutable':
      return key.hex === mutableKey(realmId, publisher, name).hex
    case 'provider':
      return true
    case 'address':
      return key.hex === publisher || key.hex === nodeIdKey(realmId, name).hex
  }
}

function derive(realmId: Uint8Array, what: number, ...parts: readonly Uint8Array[]): KadKey {
  invariant(realmId.length === REALM_ID_BYTES, 'ERR_INVARIANT_DHT_REALM', 'a realm id has 32 bytes')
  const hash = createHash('sha256').update(DOMAIN).update(Uint8Array.of(what)).update(realmId)
  for (const part of parts) hash.update(part)
  return keyFromBytes(hash.digest())
}
