/**
 * Who this node is: its keys, its certificate, its membership in a realm, and which start of the
 * node this is. Made once, before anything else of the mesh, and injected everywhere (ML15).
 *
 * Incarnations order the starts of one key. With a data directory the number is on disk, one higher
 * than ever before, before it is used; without one the key is new too, and the wall clock serves.
 */
import type { Clock, Entropy } from '../../runtime/index.ts'
import { openDataDir } from './data-dir.ts'
import type { DataDir, NodeDisk } from './data-dir.ts'
import { openStore } from '../store/open-store.ts'
import type { Store } from '../store/store.ts'
import { RealmError } from './errors.ts'
import type { NodeKeys } from './keys.ts'
import { parseMembershipFile } from './membership.ts'
import type { Membership } from './membership.ts'
import type { NodeKey } from './node-key.ts'
import { checkMembership, issueMembership, signaturesOf } from './realm.ts'
import type { Realm } from './realm.ts'

/** An open identity; at most one per data directory exists at a time. */
export interface Identity {
  readonly keys: NodeKeys
  readonly nodeKey: NodeKey
  readonly realm: Realm
  /** Fresh at each start. */
  readonly certificatePem: string
  readonly membership: Membership
  /** At least 1; higher than at every earlier start of this key. */
  readonly incarnation: number
  /** Undefined for a node that keeps nothing. */
  readonly dataDir: string | undefined
  /** Whether `signature` over `bytes` was made with the key of `publicKey`, as the realm signs. */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean
  /** The key of the peer that presented `chain`; throws `CertificateError`. */
  checkCertificate(chain: readonly Uint8Array[], wallNowMs: number): NodeKey
  /**
   * Resolves when every later start of this key has a higher incarnation than this one. Without a data
   * directory that is so at once: the key is never used again.
   */
  raiseIncarnation(incarnation: number): Promise<void>
  /** What the node keeps beside its key, in the data directory or else in memory; opened once, closed with this. */
  openStore(): Promise<Store>
  /** Closes the store and lets another process use the data directory. Idempotent. */
  close(): Promise<void>
}

/** Options of {@link openIdentity}. */
export interface IdentityOptions {
  /**
   * Where the key and the incarnation are kept: a directory, or in a simulation a disk; without it both
   * are new at each start.
   */
  readonly dataDir?: string | NodeDisk | undefined
  /** The realm that the node belongs to. */
  readonly realm: Realm
  /** Wall time for certificate and membership. */
  readonly clock: Clock
  /** Where a new key comes from. */
  readonly entropy: Entropy
  /**
   * The node's membership, when the realm cannot issue and `membership.json` of the data directory
   * is not used.
   */
  readonly membership?: Membership | undefined
}

/**
 * Opens the identity of a node, making it on first use.
 *
 * Rejects with `DataDirError` (`ERR_DATA_DIR_...`) or `RealmError` (`ERR_MEMBERSHIP_REQUIRED`, or
 * `ERR_REALM_...` for a membership that is not valid); the data directory is free again then.
 *
 * @example
 * const identity = await openIdentity({ dataDir, realm, clock, entropy })
 * try { ... } finally { await identity.close() }
 */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { dataDir: where, realm, entropy } = options
  const createKeys = (): NodeKeys => signaturesOf(realm).keysFromSeed(entropy.bytes(32))
  if (where === undefined) return complete(options, createKeys(), undefined)
  const content = { realmIdHex: realm.idHex, createKeys }
  const dataDir =
    typeof where === 'string'
      ? await openDataDir({ path: where, ...content })
      : await where.open(content)
  try {
    return await complete(options, dataDir.keys, dataDir)
  } catch (error) {
    await dataDir.close()
    throw error
  }
}

async function complete(
  options: IdentityOptions,
  keys: NodeKeys,
  dataDir: DataDir | undefined,
): Promise<Identity> {
  const { realm, clock } = options
  const wallNowMs = clock.wallNow()
  const membership = await findMembership(options, keys.nodeKey, dataDir)
  const signatures = signaturesOf(realm)
  const { pem } = await signatures.createCertificate(keys, { wallNowMs })
  let store: Promise<Store> | undefined
  const identity: Identity = {
    keys,
    nodeKey: keys.nodeKey,
    realm,
    certificatePem: pem,
    membership,
    incarnation: dataDir?.incarnation ?? Math.max(1, Math.floor(wallNowMs)),
    dataDir: dataDir?.path,
    raiseIncarnation: async (incarnation) => dataDir?.raise(incarnation),
    openStore: () => (store ??= openNodeStore(options.dataDir, dataDir)),
    verify: (publicKey, bytes, signature) => signatures.verify(publicKey, bytes, signature),
    checkCertificate: (chain, nowMs) => signatures.checkCertificate(chain, nowMs),
    close: async () => {
      // One that could not be opened has told whoever wanted it.
      await store?.then(
        (open) => open.close(),
        () => {},
      )
      await dataDir?.close()
    },
  }
  return Object.freeze(identity)
}

/** A directory has a file, a simulated disk what it has, and what has neither ends with the node. */
async function openNodeStore(
  where: string | NodeDisk | undefined,
  dataDir: DataDir | undefined,
): Promise<Store> {
  if (typeof where === 'string') return openStore(where)
  return dataDir?.openStore?.() ?? openStore(undefined)
}

async function findMembership(
  options: IdentityOptions,
  nodeKey: NodeKey,
  dataDir: DataDir | undefined,
): Promise<Membership> {
  const { realm, clock, membership } = options
  const wallNowMs = clock.wallNow()
  if (membership !== undefined) return checkMembership(realm, membership, nodeKey, wallNowMs)
  if (realm.canIssue) return issueMembership(realm, nodeKey, { wallNowMs })
  const text = await dataDir?.readMembership()
  if (text !== undefined) {
    return checkMembership(realm, parseMembershipFile(text), nodeKey, wallNowMs)
  }
  throw new RealmError('ERR_MEMBERSHIP_REQUIRED', howToGetMembership(realm, nodeKey, dataDir))
}

function howToGetMembership(realm: Realm, nodeKey: NodeKey, dataDir: DataDir | undefined): string {
  const missing = `the realm file of ${realm.name} has no private key and this node no membership`
  if (dataDir === undefined) {
    return `${missing}; give the node a data directory, so that it keeps the key that is made a member`
  }
  return (
    `${missing}; where the key is, run 'fovea realm issue ${nodeKey.hex}' ` +
    `and put its output into ${dataDir.membershipPath} (mode 600)`
  )
}
