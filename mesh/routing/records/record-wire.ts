/**
 * Records as arrays, on the wire and on disk. What follows does not travel: the key, which is that of the
 * message or of the entry, and the publisher, which is the hash of the public key. So neither can
 * contradict the rest.
 *
 *     record  [kind, sequence, expiresAtMs, name, value, public key, signature, realm id
 *              , host, port, notBeforeMs, notAfterMs, roles, signature of the authority]
 *                                                               the second line of nodes only
 */
import { isHost } from '../../host.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../identity/keys.ts'
import { nodeKeyOfPublicKey } from '../../identity/node-key.ts'
import { invariant } from '../../../runtime/index.ts'
import {
  membershipItems,
  membershipItemsBytes,
  readMembership,
} from '../../wire/membership-items.ts'
import { binaryBytes, numberBytes, textBytes } from '../../wire/sizes.ts'
import { Tuple } from '../../wire/tuple.ts'
import type { KadKey } from '../kademlia/id.ts'
import { KIND_NUMBER } from './canonical.ts'
import { isWellFormed, SEQUENCE_MAX, VALUE_BYTES_LIMIT } from './checks.ts'
import { isNodeIdText, isRecordName } from './names.ts'
import { needsMembership, recordProofOf } from './proof.ts'
import type { RecordProof } from './proof.ts'
import type { DhtRecord, RecordFields, RecordKind } from './record.ts'

const KIND_OF_NUMBER: readonly RecordKind[] = Object.freeze(
  (Object.keys(KIND_NUMBER) as RecordKind[]).sort((a, b) => KIND_NUMBER[a] - KIND_NUMBER[b]),
)
const REALM_ID_BYTES = 32
const PORT_MAX = 65_535

/** The array of a record, which must be well-formed: what is not has no business on a wire (ML2). */
export function recordItems(record: DhtRecord): readonly unknown[] {
  const { kind, sequence, expiresAtMs, name, value, host, port } = record
  const { publicKey, signature, realmId, membership } = recordProofOf(record)
  const isComplete = (membership !== undefined) === needsMembership(kind)
  invariant(isWellFormed(record) && isComplete, 'ERR_INVARIANT_DHT_RECORD', 'a record that is none')
  invariant(value.length <= VALUE_BYTES_LIMIT, 'ERR_INVARIANT_DHT_RECORD', 'a value of any size')
  const said = [KIND_NUMBER[kind], sequence, expiresAtMs, name, value]
  const items = [...said, publicKey, signature, realmId]
  if (membership === undefined) return items
  return [...items, host, port, ...membershipItems(membership)]
}

/** Bytes of {@link recordItems} at most. */
export function recordBytes(record: DhtRecord): number {
  const { sequence, expiresAtMs, name, value, host, port } = record
  const { membership } = recordProofOf(record)
  let bytes = 1 + 1 + numberBytes(sequence) + numberBytes(expiresAtMs) + textBytes(name)
  bytes += binaryBytes(value.length) + PROOF_BYTES
  if (membership === undefined) return bytes
  return bytes + textBytes(host) + numberBytes(port) + membershipItemsBytes(membership)
}

const PROOF_BYTES =
  binaryBytes(PUBLIC_KEY_BYTES) + binaryBytes(SIGNATURE_BYTES) + binaryBytes(REALM_ID_BYTES)

/**
 * Reads one record that is said to be under `key`. It is of the right form; whether it is true only an
 * authority can say. `ownRealmId` is used in place of an equal one, so that it is kept once.
 */
export function readRecord(
  type: string,
  value: unknown,
  path: string,
  where: { readonly key: KadKey; readonly ownRealmId: Uint8Array },
): DhtRecord {
  const items = new Tuple(type, value, path)
  const kind = KIND_OF_NUMBER[items.whole(0, 'kind', 0, KIND_OF_NUMBER.length - 1)]!
  const publicKey = items.bytes(5, 'publicKey', PUBLIC_KEY_BYTES)
  const nodeKey = nodeKeyOfPublicKey(publicKey)
  const sentRealmId = items.bytes(7, 'realmId', REALM_ID_BYTES)
  const isOwnRealm = Buffer.compare(sentRealmId, where.ownRealmId) === 0
  const realmId = isOwnRealm ? where.ownRealmId : sentRealmId
  const ofNode = needsMembership(kind)
  const proof: RecordProof = {
    publicKey,
    signature: items.bytes(6, 'signature', SIGNATURE_BYTES),
    realmId,
    membership: ofNode ? readMembership(items, 10, { realmId, nodeKey: nodeKey.bytes }) : undefined,
  }
  const fields: RecordFields = {
    kind,
    key: where.key,
    publisher: nodeKey.hex,
    sequence: items.whole(1, 'sequence', 1, SEQUENCE_MAX),
    expiresAtMs: items.whole(2, 'expiresAtMs', 1, Number.MAX_SAFE_INTEGER),
    name: items.text(3, 'name', NAME_TESTS[kind], 'the name of such a record'),
    value: items.bytesUpTo(4, 'value', VALUE_BYTES_LIMIT),
    host: ofNode ? items.text(8, 'host', isHost, 'an address or host name') : '',
    port: ofNode ? items.whole(9, 'port', 1, PORT_MAX) : 0,
  }
  const record = { ...fields, proof: Object.freeze(proof) }
  if (!isWellFormed(record)) throw items.error('kind', 'one that goes with the other parts')
  return Object.freeze(record)
}

const isEmpty = (name: unknown): name is string => name === ''

const NAME_TESTS: Readonly<Record<RecordKind, (name: unknown) => name is string>> = Object.freeze({
  immutable: isEmpty,
  mutable: isRecordName,
  provider: isEmpty,
  address: isNodeIdText,
})
