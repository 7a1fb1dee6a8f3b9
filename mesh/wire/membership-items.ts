/**
 * A membership as part of a larger array: `notBeforeMs, notAfterMs, roles, signature`. Realm and node do not
 * travel with it: the message says them already, or the receiver knows them.
 */
import { SIGNATURE_BYTES } from '../identity/keys.ts'
import { parseRoles } from '../identity/membership.ts'
import type { Membership } from '../identity/membership.ts'
import { binaryBytes, listBytes, numberBytes, textBytes } from './sizes.ts'
import type { Tuple } from './tuple.ts'

/** The elements of a membership. */
export function membershipItems(membership: Membership): readonly unknown[] {
  const { notBeforeMs, notAfterMs, roles, signature } = membership
  return [notBeforeMs, notAfterMs, roles, signature]
}

/** Bytes of {@link membershipItems} at most. */
export function membershipItemsBytes({ notBeforeMs, notAfterMs, roles }: Membership): number {
  let bytes = numberBytes(notBeforeMs) + numberBytes(notAfterMs) + listBytes(roles.length)
  for (const role of roles) bytes += textBytes(role)
  return bytes + binaryBytes(SIGNATURE_BYTES)
}

/** Reads the four elements from `at` on. Whether they are true only the authority of the realm can say. */
export function readMembership(
  items: Tuple,
  at: number,
  said: Pick<Membership, 'realmId' | 'nodeKey'>,
): Membership {
  return {
    realmId: said.realmId,
    nodeKey: said.nodeKey,
    notBeforeMs: items.whole(at, 'notBeforeMs', 0, Number.MAX_SAFE_INTEGER),
    notAfterMs: items.whole(at + 1, 'notAfterMs', 0, Number.MAX_SAFE_INTEGER),
    roles: readRoles(items, at + 2),
    signature: items.bytes(at + 3, 'membership', SIGNATURE_BYTES),
  }
}

function readRoles(items: Tuple, index: number): readonly string[] {
  try {
    return parseRoles(items.get(index))
  } catch {
    // The complaint of the realm names no place in this message.
    throw items.error('roles', 'at most 16 different role names in order')
  }
}
