/**
 * The parts of membership messages as arrays, and how many bytes they take. Keys are raw bytes. What a
 * receiver knows or can compute does not travel: the realm id, and the id of the node, which is the hash
 * of its public key.
 *
 *     statement   [0 | 3, generation, counter, name, host, port, meta, public key, signature,
 *                  notBeforeMs, notAfterMs, roles, signature of the authority]       3 when it left
 *     accusation  [1 | 2, id, generation, counter, accuser]                           suspect, dead
 *     entry       [statement, rank] or [statement, rank, accuser]
 */
import { isHost, isNodeName } from '../host.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../identity/keys.ts'
import { NODE_KEY_BYTES, nodeKeyOfPublicKey } from '../identity/node-key.ts'
import { membershipItems, membershipItemsBytes, readMembership } from '../wire/membership-items.ts'
import { binaryBytes, numberBytes, textBytes } from '../wire/sizes.ts'
import { Tuple } from '../wire/tuple.ts'
import { META_BYTES_MAX, proofOf } from './proof.ts'
import type { StatementProof } from './proof.ts'
import { Rank } from './swim/message.ts'
import type { MemberStatus, SyncEntry, Update } from './swim/message.ts'
import { COUNTER_CEILING } from './swim/statement.ts'
import type { MemberId, Statement } from './swim/statement.ts'

/** Updates in one message at most. */
export const UPDATES_MAX = 255

const STATUS_OF_RANK: readonly MemberStatus[] = ['alive', 'suspect', 'dead', 'left']
const PORT_MAX = 65_535

/** Raw bytes of a member id. */
export function idBytes(id: MemberId): Uint8Array {
  return Buffer.from(id, 'hex')
}

/** The array of an update. */
export function updateItems(update: Update): readonly unknown[] {
  if (update.type === 'statement') return statementItems(update.statement)
  const { type, id, generation, counter, accuser } = update
  return [Rank[type], idBytes(id), generation, counter, idBytes(accuser)]
}

/** The array of a table entry. */
export function entryItems({ statement, status, accuser }: SyncEntry): readonly unknown[] {
  const items = [statementItems(statement), Rank[status]]
  return accuser === undefined ? items : [...items, idBytes(accuser)]
}

/** The array of a statement. */
export function statementItems(statement: Statement): readonly unknown[] {
  const { publicKey, signature, membership } = proofOf(statement)
  return [
    statement.left ? Rank.left : Rank.alive,
    statement.generation,
    statement.counter,
    statement.name,
    statement.host,
    statement.port,
    statement.meta,
    publicKey,
    signature,
    ...membershipItems(membership),
  ]
}

/** Reads updates; `realmId` is that of the receiver, for no other can be meant. */
export function readUpdates(
  type: string,
  list: readonly unknown[],
  realmId: Uint8Array,
): readonly Update[] {
  return list.map((value, index) => readUpdate(type, value, `updates[${index}]`, realmId))
}

function readUpdate(type: string, value: unknown, path: string, realmId: Uint8Array): Update {
  const items = new Tuple(type, value, path)
  const rank = items.whole(0, 'rank', Rank.alive, Rank.left)
  if (rank === Rank.alive || rank === Rank.left) {
    return { type: 'statement', statement: readStatement(type, value, path, realmId) }
  }
  return {
    type: rank === Rank.suspect ? 'suspect' : 'dead',
    id: readId(items, 1, 'id'),
    generation: items.whole(2, 'generation', 0, Number.MAX_SAFE_INTEGER),
    counter: items.whole(3, 'counter', 0, COUNTER_CEILING - 1),
    accuser: readId(items, 4, 'accuser'),
  }
}

/** Reads one table entry. */
export function readEntry(
  type: string,
  value: unknown,
  path: string,
  realmId: Uint8Array,
): SyncEntry {
  const items = new Tuple(type, value, path)
  const statement = readStatement(type, items.get(0), `${path}.statement`, realmId)
  const status = STATUS_OF_RANK[items.whole(1, 'rank', Rank.alive, Rank.left)]!
  if ((status === 'left') !== statement.left) {
    throw items.error('rank', 'that of a member which left exactly when its statement says so')
  }
  if (!items.has(2)) return { statement, status }
  if (status === 'alive' || status === 'left') {
    throw items.error('accuser', `absent for a member that is ${status}`)
  }
  return { statement, status, accuser: readId(items, 2, 'accuser') }
}

/** Reads one statement. Whether it is true only an authority can say. */
export function readStatement(
  type: string,
  value: unknown,
  path: string,
  realmId: Uint8Array,
): Statement {
  const items = new Tuple(type, value, path)
  const rank = items.whole(0, 'rank', Rank.alive, Rank.left)
  if (rank === Rank.suspect || rank === Rank.dead) {
    throw items.error('rank', 'that of a statement')
  }
  const publicKey = items.bytes(7, 'publicKey', PUBLIC_KEY_BYTES)
  const nodeKey = nodeKeyOfPublicKey(publicKey)
  const proof: StatementProof = {
    publicKey,
    signature: items.bytes(8, 'signature', SIGNATURE_BYTES),
    membership: readMembership(items, 9, { realmId, nodeKey: nodeKey.bytes }),
  }
  return {
    id: nodeKey.hex,
    generation: items.whole(1, 'generation', 0, Number.MAX_SAFE_INTEGER),
    counter: items.whole(2, 'counter', 0, COUNTER_CEILING - 1),
    name: items.text(3, 'name', isNodeName, 'a node name'),
    host: items.text(4, 'host', isHost, 'an address or host name'),
    port: items.whole(5, 'port', 1, PORT_MAX),
    left: rank === Rank.left,
    meta: items.bytesUpTo(6, 'meta', META_BYTES_MAX),
    proof,
  }
}

/** Reads the id of a member. */
export function readId(items: Tuple, index: number, name: string): MemberId {
  return Buffer.from(items.bytes(index, name, NODE_KEY_BYTES)).toString('hex')
}

const ID_BYTES = binaryBytes(NODE_KEY_BYTES)
const SIGNED_BYTES = binaryBytes(PUBLIC_KEY_BYTES) + binaryBytes(SIGNATURE_BYTES)

/** Bytes of {@link statementItems} at most. */
export function statementBytes(statement: Statement): number {
  const { generation, counter, name, host, port, meta } = statement
  let bytes = 2 + numberBytes(generation) + numberBytes(counter) + numberBytes(port)
  bytes += textBytes(name) + textBytes(host) + binaryBytes(meta.length)
  return bytes + SIGNED_BYTES + membershipItemsBytes(proofOf(statement).membership)
}

/** Bytes of {@link updateItems} at most. */
export function updateBytes(update: Update): number {
  if (update.type === 'statement') return statementBytes(update.statement)
  return 2 + 2 * ID_BYTES + numberBytes(update.generation) + numberBytes(update.counter)
}

/** Bytes of {@link entryItems} at most. */
export function entryBytes({ statement, accuser }: SyncEntry): number {
  return 2 + statementBytes(statement) + (accuser === undefined ? 0 : ID_BYTES)
}
