/**
 * Signs what this node says about itself, and judges what others are said to have said: the key must be
 * that of the node, the realm's authority must vouch for the key now, and the key must have signed
 * exactly these words for this realm and this cluster.
 *
 * Signed bytes: the domain `fovea member 1` and a zero byte, realm id (32), cluster (u8 length), node
 * key (32), generation (u64), counter (u32), left (u8), name (u8 length), host (u8 length), port (u16),
 * metadata (u16 length); numbers big-endian. Every field has a fixed place or a length before it, so no
 * two statements share bytes, and no other signature of a node can be taken for one.
 *
 * Cost: one hash and one Ed25519 check per statement; that of the authority is remembered per
 * membership, which a node has for months.
 */
import { isHost, isNodeName } from '../host.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../identity/keys.ts'
import type { Membership } from '../identity/membership.ts'
import { NODE_KEY_BYTES, nodeKeyOfPublicKey } from '../identity/node-key.ts'
import type { NodeKey } from '../identity/node-key.ts'
import { checkMembership, signaturesOf } from '../identity/realm.ts'
import type { Realm } from '../identity/realm.ts'
import { RealmError } from '../identity/errors.ts'
import { VerifiedMemberships } from '../identity/verified-memberships.ts'
import { isProof, META_BYTES_MAX } from './proof.ts'
import type { StatementProof } from './proof.ts'
import { COUNTER_CEILING } from './swim/statement.ts'
import type {
  Statement,
  StatementAuthority,
  StatementFields,
  StatementProblem,
} from './swim/statement.ts'

const DOMAIN: Buffer = Buffer.from('fovea member 1\0', 'latin1')
const REALM_ID_BYTES = 32
const PORT_MAX = 65_535

/** Where statements are valid. */
export interface StatementScope {
  /** 32 bytes. */
  readonly realmId: Uint8Array
  readonly cluster: string
}

/** What an authority works with. */
export interface AuthorityOptions {
  readonly realm: Realm
  readonly cluster: string
  /** Keys of this node. */
  readonly keys: { readonly publicKey: Uint8Array; sign(bytes: Uint8Array): Uint8Array }
  /** Membership of this node now; a renewed one goes into the next statement. */
  readonly membership: () => Membership
  /** Wall time, for the validity of memberships. */
  readonly wallNowMs: () => number
  /** How signatures of nodes are checked. Default: as the realm does. */
  readonly verify?: (publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => boolean
  /**
   * Memberships whose signature is remembered as good. Default 16,384, some 5 MB; fewer than members
   * makes each later statement of the rest cost two checks instead of one.
   */
  readonly membershipsMax?: number
}

const MEMBERSHIPS_MAX_DEFAULT = 16_384

/** The real authority of a node. */
export class RealmAuthority implements StatementAuthority {
  readonly #options: AuthorityOptions
  readonly #scope: StatementScope
  readonly #verify: NonNullable<AuthorityOptions['verify']>
  readonly #verified: VerifiedMemberships

  constructor(options: AuthorityOptions) {
    const { realm, cluster } = options
    this.#options = options
    this.#scope = { realmId: realm.id, cluster }
    this.#verify =
      options.verify ?? ((key, bytes, made) => signaturesOf(realm).verify(key, bytes, made))
    this.#verified = new VerifiedMemberships(options.membershipsMax ?? MEMBERSHIPS_MAX_DEFAULT)
  }

  /** Memberships that are remembered. */
  get membershipsVerified(): number {
    return this.#verified.size
  }

  sign(fields: StatementFields): Statement {
    const { keys, membership } = this.#options
    const { id, generation, counter, name, host, port, left, meta } = fields
    const said = { id, generation, counter, name, host, port, left, meta }
    const signature = keys.sign(statementSignedBytes(this.#scope, said))
    const proof: StatementProof = { publicKey: keys.publicKey, signature, membership: membership() }
    return Object.freeze({ ...said, proof: Object.freeze(proof) })
  }

  check(statement: Statement): StatementProblem | undefined {
    const { proof } = statement
    if (!isWellFormed(statement) || !isProof(proof)) return 'ERR_SWIM_STATEMENT'
    const { publicKey, signature, membership } = proof
    if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) {
      return 'ERR_SWIM_STATEMENT'
    }
    const nodeKey = nodeKeyOfPublicKey(publicKey)
    if (nodeKey.hex !== statement.id) return 'ERR_SWIM_SIGNATURE'
    if (!this.#isMember(membership, nodeKey)) return 'ERR_SWIM_MEMBERSHIP'
    const bytes = statementSignedBytes(this.#scope, statement)
    return this.#verify(publicKey, bytes, signature) ? undefined : 'ERR_SWIM_SIGNATURE'
  }

  #isMember(membership: Membership, nodeKey: NodeKey): boolean {
    const { realm, wallNowMs } = this.#options
    const nowMs = wallNowMs()
    if (this.#verified.has(membership, nodeKey, nowMs)) return true
    try {
      this.#verified.add(checkMembership(realm, membership, nodeKey, nowMs))
      return true
    } catch (error) {
      if (error instanceof RealmError) return false
      throw error
    }
  }
}

/** What a node signs. The fields must be of the lengths that {@link RealmAuthority.check} demands. */
export function statementSignedBytes(scope: StatementScope, fields: StatementFields): Uint8Array {
  const { realmId, cluster } = scope
  const { id, generation, counter, name, host, port, left, meta } = fields
  const fixed = REALM_ID_BYTES + NODE_KEY_BYTES + 1 + 8 + 4 + 1 + 1 + 1 + 2 + 2
  const texts = cluster.length + name.length + host.length
  const bytes = Buffer.alloc(DOMAIN.length + fixed + texts + meta.length)
  let at = DOMAIN.copy(bytes)
  bytes.set(realmId, at)
  at = text8(bytes, at + REALM_ID_BYTES, cluster)
  at += bytes.write(id, at, 'hex')
  at = bytes.writeBigUInt64BE(BigInt(generation), at)
  at = bytes.writeUInt32BE(counter, at)
  at = bytes.writeUInt8(left ? 1 : 0, at)
  at = text8(bytes, at, name)
  at = text8(bytes, at, host)
  at = bytes.writeUInt16BE(port, at)
  at = bytes.writeUInt16BE(meta.length, at)
  bytes.set(meta, at)
  return bytes
}

/** One byte for the length of `text`, which is ASCII by its syntax, and the text. */
function text8(bytes: Buffer, at: number, text: string): number {
  const start = bytes.writeUInt8(text.length, at)
  return start + bytes.write(text, start, 'latin1')
}

const ID_PATTERN = /^[0-9a-f]{64}$/

/** A statement may come from a snapshot or a simulation, not only from the wire. */
function isWellFormed(statement: Statement): boolean {
  const { id, generation, counter, name, host, port, left, meta } = statement
  return (
    ID_PATTERN.test(id) &&
    isWhole(generation, 0, Number.MAX_SAFE_INTEGER) &&
    isWhole(counter, 0, COUNTER_CEILING - 1) &&
    isNodeName(name) &&
    isHost(host) &&
    isWhole(port, 1, PORT_MAX) &&
    typeof left === 'boolean' &&
    meta instanceof Uint8Array &&
    meta.length <= META_BYTES_MAX
  )
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max
}
