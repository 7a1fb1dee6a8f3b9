/**
 * A membership says, signed by the authority of a realm, that a node belongs to it for a time and in
 * some roles. This file knows its form, on the wire (the plain map that `Membership` is), in a file,
 * and as the bytes that are signed; `realm.ts` issues and checks.
 *
 * Signed bytes: the domain `fovea membership 1` and a zero byte, realm id (32), node key (32), the
 * two times (u64 big-endian milliseconds), the number of roles (u8), and each role with its length
 * (u8). Every field has a fixed place or a length before it, so no two memberships share bytes, and
 * no other signature of the authority can be taken for one.
 */
import { RealmError } from './errors.ts'
import { SIGNATURE_BYTES } from './keys.ts'
import { NODE_KEY_BYTES } from './node-key.ts'
import { ROLE_PATTERN } from './policy.ts'

/** The signed statement; travels as it is. */
export interface Membership {
  /** 32 bytes. */
  readonly realmId: Uint8Array
  /** 32 bytes. */
  readonly nodeKey: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Sorted and different. */
  readonly roles: readonly string[]
  /** 64 bytes, Ed25519. */
  readonly signature: Uint8Array
}

/** A membership can name this many roles. */
export const ROLES_MAX = 16

/** Tag of a membership file. */
const FILE_FORMAT = 'fovea-membership/1'

const DOMAIN: Buffer = Buffer.from('fovea membership 1\0', 'latin1')
const REALM_ID_BYTES = 32

/** The bytes that the authority signs. */
export function membershipBytes(membership: Omit<Membership, 'signature'>): Uint8Array {
  const { realmId, nodeKey, notBeforeMs, notAfterMs, roles } = membership
  const times = Buffer.alloc(16)
  times.writeBigUInt64BE(BigInt(notBeforeMs), 0)
  times.writeBigUInt64BE(BigInt(notAfterMs), 8)
  const parts: Uint8Array[] = [DOMAIN, realmId, nodeKey, times, Uint8Array.of(roles.length)]
  for (const role of roles) parts.push(Uint8Array.of(role.length), Buffer.from(role, 'latin1'))
  return Buffer.concat(parts)
}

/** Takes anything, e.g. what a peer sent, and gives a membership of the right shape. */
export function parseMembership(value: unknown): Membership {
  if (typeof value !== 'object' || value === null) throw malformed('membership', 'a map')
  const fields = value as Readonly<Record<string, unknown>>
  return {
    realmId: bytesField(fields, 'realmId', REALM_ID_BYTES),
    nodeKey: bytesField(fields, 'nodeKey', NODE_KEY_BYTES),
    notBeforeMs: timeField(fields, 'notBeforeMs'),
    notAfterMs: timeField(fields, 'notAfterMs'),
    roles: parseRoles(own(fields, 'roles')),
    signature: bytesField(fields, 'signature', SIGNATURE_BYTES),
  }
}

/** Roles in their one form: known characters, sorted, different, not too many. */
export function parseRoles(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > ROLES_MAX) {
    throw malformed('roles', `an array of at most ${ROLES_MAX} role names`)
  }
  let previous = ''
  for (const role of value as unknown[]) {
    if (typeof role !== 'string' || !ROLE_PATTERN.test(role) || role <= previous) {
      throw malformed('roles', 'different role names in order, of a-z, 0-9, dot, dash, underscore')
    }
    previous = role
  }
  return Object.freeze(value.slice() as string[])
}

/** The text of a membership file, e.g. what `fovea realm issue` prints. */
export function formatMembership(membership: Membership): string {
  const { realmId, nodeKey, notBeforeMs, notAfterMs, roles, signature } = membership
  const file = {
    format: FILE_FORMAT,
    realmId: toHex(realmId),
    nodeKey: toHex(nodeKey),
    notBeforeMs,
    notAfterMs,
    roles,
    signature: toHex(signature),
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/** Reads the text of a membership file. */
export function parseMembershipFile(text: string): Membership {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('membership', 'JSON')
  }
  if (typeof value !== 'object' || value === null) throw malformed('membership', 'an object')
  const fields = value as Readonly<Record<string, unknown>>
  if (own(fields, 'format') !== FILE_FORMAT) throw malformed('format', FILE_FORMAT)
  return parseMembership({
    ...fields,
    realmId: fromHex(own(fields, 'realmId')),
    nodeKey: fromHex(own(fields, 'nodeKey')),
    signature: fromHex(own(fields, 'signature')),
  })
}

function own(fields: Readonly<Record<string, unknown>>, field: string): unknown {
  return Object.hasOwn(fields, field) ? fields[field] : undefined
}

function bytesField(
  fields: Readonly<Record<string, unknown>>,
  field: string,
  length: number,
): Uint8Array {
  const value = own(fields, field)
  if (!(value instanceof Uint8Array) || value.length !== length) {
    throw malformed(field, `${length} bytes`)
  }
  return value
}

function timeField(fields: Readonly<Record<string, unknown>>, field: string): number {
  const value = own(fields, field)
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw malformed(field, 'milliseconds since 1970')
  }
  return value as number
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** The bytes, or nothing that has a right length when `value` is not hex. */
function fromHex(value: unknown): Uint8Array {
  if (typeof value !== 'string' || !/^[0-9a-f]{0,256}$/.test(value)) return new Uint8Array(0)
  return new Uint8Array(Buffer.from(value, 'hex'))
}

function malformed(field: string, expected: string): RealmError {
  return new RealmError(
    'ERR_REALM_MEMBERSHIP_MALFORMED',
    `the membership is malformed: '${field}' must be ${expected}`,
    { field },
  )
}
