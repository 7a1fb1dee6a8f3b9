/**
 * Signs what this node or an owner publishes, and judges what others are said to have published: the
 * record must be for this realm, its key must follow from it, its publisher must be the hash of the public
 * key, the realm must vouch now for a node that says where it is, and the key must have signed exactly
 * these words. Expiry and size are not judged here (`checks.ts`).
 *
 * Cost: two or three hashes and one Ed25519 check per record that was not seen before; a membership is
 * remembered as long as there is room.
 */
import { invariant } from '../../../runtime/index.ts'
import { RealmError } from '../../identity/errors.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../identity/keys.ts'
import type { Membership } from '../../identity/membership.ts'
import { nodeKeyOfPublicKey } from '../../identity/node-key.ts'
import type { NodeKey } from '../../identity/node-key.ts'
import { checkMembership, signaturesOf } from '../../identity/realm.ts'
import type { Realm } from '../../identity/realm.ts'
import { VerifiedMemberships } from '../../identity/verified-memberships.ts'
import { recordSignedBytes } from './canonical.ts'
import type { RecordScope } from './canonical.ts'
import { isWellFormed } from './checks.ts'
import { isKeyOf } from './keys.ts'
import { isRecordProof, needsMembership } from './proof.ts'
import type { RecordProof } from './proof.ts'
import type {
  DhtRecord,
  RecordAuthority,
  RecordFields,
  RecordProblem,
  RecordSigner,
} from './record.ts'
import { VerifiedSignatures } from './verified-signatures.ts'

/** A key pair that publishes. */
export interface PublisherKeys {
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Uint8Array
}

/** What an authority works with. */
export interface RecordAuthorityOptions {
  readonly realm: Realm
  readonly cluster: string
  /** Keys of this node. */
  readonly keys: PublisherKeys
  /** Membership of this node now; a renewed one goes into the next record. */
  readonly membership: () => Membership
  /** Wall time, for the validity of memberships. */
  readonly wallNowMs: () => number
  /** How signatures of publishers are checked. Default: as the realm does. */
  readonly verify?: (publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array) => boolean
  /**
   * Memberships whose signature is remembered as good. Default 16,384, some 5 MB; fewer than the nodes that
   * provide things here makes each of their records cost two checks instead of one.
   */
  readonly membershipsMax?: number
  /**
   * Records whose signature is remembered as good. Default 16,384, some 2 MB; fewer than the records kept
   * here makes every repetition of the rest cost a check.
   */
  readonly signaturesMax?: number
}

const REMEMBERED_DEFAULT = 16_384

/** The real authority of a node. */
export class RealmRecordAuthority implements RecordAuthority {
  readonly publisher: string
  readonly #options: RecordAuthorityOptions
  readonly #scope: RecordScope
  readonly #verify: NonNullable<RecordAuthorityOptions['verify']>
  readonly #memberships: VerifiedMemberships
  readonly #signatures: VerifiedSignatures

  constructor(options: RecordAuthorityOptions) {
    const { realm, cluster, keys, membershipsMax, signaturesMax } = options
    this.publisher = nodeKeyOfPublicKey(keys.publicKey).hex
    this.#options = options
    this.#scope = { realmId: realm.id, cluster }
    this.#verify =
      options.verify ?? ((key, bytes, made) => signaturesOf(realm).verify(key, bytes, made))
    this.#memberships = new VerifiedMemberships(membershipsMax ?? REMEMBERED_DEFAULT)
    this.#signatures = new VerifiedSignatures(signaturesMax ?? REMEMBERED_DEFAULT)
  }

  /** Memberships and signatures that are remembered. */
  get remembered(): { readonly memberships: number; readonly signatures: number } {
    return { memberships: this.#memberships.size, signatures: this.#signatures.size }
  }

  sign(fields: RecordFields): DhtRecord {
    const { keys, membership } = this.#options
    return this.#sign(keys, fields, needsMembership(fields.kind) ? membership() : undefined)
  }

  /** Signs immutable and mutable records with other keys than those of the node. */
  owner(keys: PublisherKeys): RecordSigner {
    return Object.freeze({
      publisher: nodeKeyOfPublicKey(keys.publicKey).hex,
      sign: (fields: RecordFields): DhtRecord => {
        const { kind } = fields
        invariant(!needsMembership(kind), 'ERR_INVARIANT_DHT_OWNER', `an owner signs no ${kind}`)
        return this.#sign(keys, fields, undefined)
      },
    })
  }

  check(record: DhtRecord): RecordProblem | undefined {
    const { proof } = record
    if (!isWellFormed(record)) return 'ERR_DHT_RECORD_INVALID'
    if (!isRecordProof(proof)) return 'ERR_DHT_RECORD_SIGNATURE'
    const { publicKey, signature, realmId, membership } = proof
    const { realm } = this.#options
    if (Buffer.compare(realmId, realm.id) !== 0) return 'ERR_DHT_RECORD_REALM'
    if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) {
      return 'ERR_DHT_RECORD_SIGNATURE'
    }
    const publisher = nodeKeyOfPublicKey(publicKey)
    if (publisher.hex !== record.publisher) return 'ERR_DHT_RECORD_SIGNATURE'
    if (!isKeyOf(realm.id, record)) return 'ERR_DHT_RECORD_KEY'
    if (!this.#hasMembership(record, membership, publisher)) return 'ERR_DHT_RECORD_MEMBERSHIP'
    const bytes = recordSignedBytes(this.#scope, record)
    return this.#signatures.check(publicKey, bytes, signature, this.#verify)
      ? undefined
      : 'ERR_DHT_RECORD_SIGNATURE'
  }

  #sign(keys: PublisherKeys, fields: RecordFields, membership: Membership | undefined): DhtRecord {
    const { kind, key, publisher, sequence, expiresAtMs, name, value, host, port } = fields
    const isOwn = publisher === nodeKeyOfPublicKey(keys.publicKey).hex
    invariant(isOwn, 'ERR_INVARIANT_DHT_PUBLISHER', 'the publisher is not the hash of the key')
    const said = { kind, key, publisher, sequence, expiresAtMs, name, value, host, port }
    const signature = keys.sign(recordSignedBytes(this.#scope, said))
    const { publicKey } = keys
    const proof: RecordProof = { publicKey, signature, realmId: this.#scope.realmId, membership }
    return Object.freeze({ ...said, proof: Object.freeze(proof) })
  }

  /** Of a node that says where it is; nobody else's record carries one. */
  #hasMembership(
    { kind }: DhtRecord,
    membership: Membership | undefined,
    publisher: NodeKey,
  ): boolean {
    if (membership === undefined || !needsMembership(kind)) {
      return (membership === undefined) !== needsMembership(kind)
    }
    const { realm, wallNowMs } = this.#options
    const nowMs = wallNowMs()
    if (this.#memberships.has(membership, publisher, nowMs)) return true
    try {
      this.#memberships.add(checkMembership(realm, membership, publisher, nowMs))
      return true
    } catch (error) {
      if (error instanceof RealmError) return false
      throw error
    }
  }
}
