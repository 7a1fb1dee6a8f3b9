/**
 * A realm is a name and an Ed25519 authority key; its id is SHA-256(authority public key, name), so
 * two realms of one name are still two (architecture 5). Nodes of different realms refuse each
 * other: by ALPN already, and for certain by their memberships, which the authority signs.
 *
 * The realm file holds name, authority and policy. With the private key in it (development: the same
 * whole file on every node) a node issues its own membership; without it a realm can only check.
 *
 * Invariants: the authority's private key leaves this file only through `formatRealm`; no error, log
 * line or `inspect` shows it. `checkMembership` takes anything a peer may send and throws nothing
 * but `RealmError`.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { RealmError } from './errors.ts'
import { nodeKeysFromPem, PUBLIC_KEY_BYTES } from './keys.ts'
import type { NodeKeys } from './keys.ts'
import { membershipBytes, parseMembership, parseRoles } from './membership.ts'
import type { Membership } from './membership.ts'
import type { NodeKey } from './node-key.ts'
import { isPolicySubject, OPEN_POLICY, POLICY_ACTIONS } from './policy.ts'
import type { RealmPolicy } from './policy.ts'
import { ed25519Signatures } from './signatures.ts'
import type { Signatures } from './signatures.ts'

/** Tag of a realm file. */
const FILE_FORMAT = 'fovea-realm/1'

/** Reverse DNS in lower case; one label is allowed, two or more are advised. */
const NAME_PATTERN = /^[a-z0-9](?:-?[a-z0-9])*(?:\.[a-z0-9](?:-?[a-z0-9])*)*$/
const NAME_CHARACTERS_MAX = 253
const FILE_CHARACTERS_MAX = 65_536
const SUBJECTS_MAX = 256

/** Memberships are valid this long unless said otherwise: a year. */
const MEMBERSHIP_VALID_MS = 365 * 86_400_000

/** NotBefore lies this far back, for nodes whose clock is behind. */
const BACKDATE_MS = 3_600_000

/** A clock may be this far off when validity is checked. */
const CLOCK_SKEW_MS = 300_000

/** A tenancy of the mesh. Opaque: made by {@link createRealm} and {@link loadRealm}. */
export interface Realm {
  readonly name: string
  /** 32 bytes. */
  readonly id: Uint8Array
  readonly idHex: string
  readonly authorityPublicKey: Uint8Array
  /** Whether the authority's private key is here. */
  readonly canIssue: boolean
  readonly policy: RealmPolicy
  /** TLS application protocol of its nodes. */
  readonly alpn: string
}

class RealmValue implements Realm {
  readonly name: string
  readonly id: Uint8Array
  readonly idHex: string
  readonly authorityPublicKey: Uint8Array
  readonly canIssue: boolean
  readonly policy: RealmPolicy
  readonly alpn: string
  readonly #authority: NodeKeys | undefined
  readonly #signatures: Signatures

  constructor(
    name: string,
    publicKey: Uint8Array,
    authority: NodeKeys | undefined,
    policy: RealmPolicy,
    signatures: Signatures,
  ) {
    const digest = createHash('sha256').update(publicKey).update(name, 'utf8').digest()
    this.name = name
    this.id = new Uint8Array(digest)
    this.idHex = digest.toString('hex')
    this.authorityPublicKey = publicKey
    this.canIssue = authority !== undefined
    this.policy = policy
    this.alpn = `fovea/1:${this.idHex.slice(0, 16)}`
    this.#authority = authority
    this.#signatures = signatures
    Object.freeze(this)
  }

  static authorityOf(realm: Realm): NodeKeys | undefined {
    return realm instanceof RealmValue ? realm.#authority : undefined
  }

  static signaturesOf(realm: Realm): Signatures {
    return realm instanceof RealmValue ? realm.#signatures : ed25519Signatures
  }
}

/** Options of {@link createRealm}. */
export interface CreateRealmOptions {
  /** Who may do what; by default every member everything. */
  readonly policy?: RealmPolicy
  /** Authority keys; fresh ones by default. Simulations pass keys from a seed. */
  readonly authority?: NodeKeys
  /** How its nodes sign and check; Ed25519 by default. Simulations pass their stand-in. */
  readonly signatures?: Signatures
}

/**
 * A new realm with a fresh authority.
 *
 * @example
 * await writeFile('realm.json', formatRealm(createRealm('com.example.shop')), { mode: 0o600 })
 */
export function createRealm(name: string, options: CreateRealmOptions = {}): Realm {
  const { policy = OPEN_POLICY, signatures = ed25519Signatures } = options
  const { authority = signatures.generateKeys() } = options
  if (!isRealmName(name)) {
    const wrong: unknown = name
    const given = typeof wrong === 'string' ? `'${wrong.slice(0, 64)}'` : typeof wrong
    const text = `a realm is named like com.example.shop, in lower case, not ${given}`
    throw new RealmError('ERR_REALM_NAME', text, { field: 'name' })
  }
  const checked = parsePolicy(policy, 'the policy')
  return new RealmValue(name, authority.publicKey, authority, checked, signatures)
}

/** How the nodes of `realm` sign and check. */
export function signaturesOf(realm: Realm): Signatures {
  return RealmValue.signaturesOf(realm)
}

/** True when `value` was made by this file. */
export function isRealm(value: unknown): value is Realm {
  return value instanceof RealmValue
}

/** The realm in a file, in the parsed content of one, or `source` itself when it is a realm. */
export async function loadRealm(source: string | object): Promise<Realm> {
  if (isRealm(source)) return source
  if (typeof source !== 'string') return parseRealm(source, 'the realm object')
  let text: string
  try {
    text = await readFile(source, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown reason'
    throw new RealmError('ERR_REALM_FILE_UNREADABLE', `${source} can not be read: ${reason}`, {
      cause,
    })
  }
  if (text.length > FILE_CHARACTERS_MAX) throw invalid(source, '', 'at most 65,536 characters long')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Without the cause: V8's message quotes the text, and the text may hold the private key.
    throw invalid(source, '', 'JSON')
  }
  return parseRealm(value, source)
}

/** Options of {@link formatRealm}. */
export interface FormatRealmOptions {
  /** False leaves the authority's private key out: nodes with that file can check but not issue. */
  readonly includePrivateKey?: boolean
}

/** The text of the realm file. With the private key in it, write it with mode 0600. */
export function formatRealm(realm: Realm, options: FormatRealmOptions = {}): string {
  const authority = RealmValue.authorityOf(realm)
  const { includePrivateKey = true } = options
  const publicKey = Buffer.from(realm.authorityPublicKey).toString('hex')
  const file = {
    format: FILE_FORMAT,
    name: realm.name,
    id: realm.idHex,
    authority:
      includePrivateKey && authority !== undefined
        ? { publicKey, privateKey: authority.privateKeyPem }
        : { publicKey },
    policy: realm.policy,
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/** Options of {@link issueMembership}. */
export interface IssueOptions {
  /** Wall time now; validity begins an hour before it. */
  readonly wallNowMs: number
  /** How long it is valid; a year by default. */
  readonly validMs?: number
  /** Roles that the policy can name; none by default. */
  readonly roles?: readonly string[]
}

/** Makes `nodeKey` a member. Throws `ERR_REALM_CANNOT_ISSUE` without the authority's private key. */
export function issueMembership(realm: Realm, nodeKey: NodeKey, options: IssueOptions): Membership {
  const authority = RealmValue.authorityOf(realm)
  if (authority === undefined) {
    throw new RealmError(
      'ERR_REALM_CANNOT_ISSUE',
      `the private key of realm ${realm.name} is not here; issue where it is`,
    )
  }
  const { wallNowMs, validMs = MEMBERSHIP_VALID_MS, roles = [] } = options
  const unsigned = {
    realmId: realm.id,
    nodeKey: nodeKey.bytes,
    notBeforeMs: Math.max(0, Math.floor(wallNowMs) - BACKDATE_MS),
    notAfterMs: Math.floor(wallNowMs) + validMs,
    roles: parseRoles([...new Set(roles)].sort()),
  }
  return Object.freeze({ ...unsigned, signature: authority.sign(membershipBytes(unsigned)) })
}

/** Checks that `membership`, which may be anything, makes `nodeKey` a member now; gives its content. */
export function checkMembership(
  realm: Realm,
  membership: unknown,
  nodeKey: NodeKey,
  wallNowMs: number,
): Membership {
  const checked = parseMembership(membership)
  if (!sameBytes(checked.realmId, realm.id)) {
    throw new RealmError(
      'ERR_REALM_MISMATCH',
      `the membership is of another realm than ${realm.name}`,
    )
  }
  if (!sameBytes(checked.nodeKey, nodeKey.bytes)) {
    throw new RealmError('ERR_REALM_NODE_KEY', `the membership is not of node ${nodeKey.hex}`)
  }
  if (checked.notBeforeMs > wallNowMs + CLOCK_SKEW_MS) {
    throw new RealmError('ERR_REALM_NOT_YET_VALID', 'the membership is not valid yet')
  }
  if (checked.notAfterMs < wallNowMs - CLOCK_SKEW_MS) {
    throw new RealmError('ERR_REALM_EXPIRED', 'the membership has expired')
  }
  const { authorityPublicKey } = realm
  const signed = membershipBytes(checked)
  if (!signaturesOf(realm).verify(authorityPublicKey, signed, checked.signature)) {
    throw new RealmError('ERR_REALM_SIGNATURE', 'the membership is not signed by the authority')
  }
  return checked
}

/** True for a name that a realm can have. */
export function isRealmName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= NAME_CHARACTERS_MAX && NAME_PATTERN.test(name)
}

function parseRealm(value: unknown, where: string): Realm {
  const file = strictFields(value, where, '', ['format', 'name', 'id', 'authority', 'policy'])
  if (file['format'] !== FILE_FORMAT) throw invalid(where, 'format', `'${FILE_FORMAT}'`)
  const name = file['name']
  if (!isRealmName(name)) throw invalid(where, 'name', 'a name like com.example.shop')
  const authority = strictFields(file['authority'], where, 'authority', ['publicKey', 'privateKey'])
  const publicKeyHex = authority['publicKey']
  if (typeof publicKeyHex !== 'string' || !/^[0-9a-f]{64}$/.test(publicKeyHex)) {
    throw invalid(where, 'authority.publicKey', '64 lower-case hex digits')
  }
  const publicKey = new Uint8Array(Buffer.from(publicKeyHex, 'hex'))
  const keys = parsePrivateKey(authority['privateKey'], publicKey, where)
  const policy = file['policy'] === undefined ? OPEN_POLICY : parsePolicy(file['policy'], where)
  const realm = new RealmValue(name, publicKey, keys, policy, ed25519Signatures)
  if (file['id'] !== undefined && file['id'] !== realm.idHex) {
    throw invalid(where, 'id', 'the id of this name and key, or left out')
  }
  return realm
}

function parsePrivateKey(pem: unknown, publicKey: Uint8Array, where: string): NodeKeys | undefined {
  if (pem === undefined) return undefined
  let keys: NodeKeys | undefined
  try {
    if (typeof pem === 'string') keys = nodeKeysFromPem(pem)
  } catch {
    // Named below; the cause could quote the key.
  }
  if (keys === undefined) throw invalid(where, 'authority.privateKey', 'a PKCS#8 PEM of Ed25519')
  if (!sameBytes(keys.publicKey, publicKey) || publicKey.length !== PUBLIC_KEY_BYTES) {
    throw invalid(where, 'authority.privateKey', 'the private key of authority.publicKey')
  }
  return keys
}

function parsePolicy(value: unknown, where: string): RealmPolicy {
  const { grants } = strictFields(value, where, 'policy', ['grants'])
  const given = strictFields(grants, where, 'policy.grants', POLICY_ACTIONS)
  const parsed = { spawn: NOBODY, erpc: NOBODY, call: NOBODY, publish: NOBODY }
  for (const action of POLICY_ACTIONS) {
    const subjects = given[action] ?? NOBODY
    const isList = Array.isArray(subjects) && subjects.length <= SUBJECTS_MAX
    if (!isList || !subjects.every(isPolicySubject)) {
      throw invalid(
        where,
        `policy.grants.${action}`,
        "a list of 'member', 'role:<name>' and 'node:<key>'",
      )
    }
    parsed[action] = Object.freeze([...subjects])
  }
  return Object.freeze({ grants: Object.freeze(parsed) })
}

const NOBODY: readonly string[] = Object.freeze([])

/** `value` as an object that has no other fields than `known`: a misspelt policy must not be open. */
function strictFields(
  value: unknown,
  where: string,
  field: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(where, field, 'an object')
  }
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const path = field === '' ? name : `${field}.${name}`
    throw invalid(where, path.slice(0, 80), `one of ${known.join(', ')}`)
  }
  return value as Readonly<Record<string, unknown>>
}

function invalid(where: string, field: string, expected: string): RealmError {
  const subject = field === '' ? 'it' : `'${field}'`
  return new RealmError('ERR_REALM_FILE_INVALID', `${where}: ${subject} must be ${expected}`, {
    field,
  })
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
