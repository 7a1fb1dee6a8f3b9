/**
 * Memberships whose signature was found good, so that it is not checked again. Everything that was
 * signed is compared; whoever changes the times under a known signature is a stranger. Bounded: the one
 * that was added first gives way.
 */
import { setNewest } from '../machine/newest.ts'
import type { Membership } from './membership.ts'
import type { NodeKey } from './node-key.ts'

/** A bounded set. */
export class VerifiedMemberships {
  readonly #max: number
  readonly #bySignature = new Map<string, Membership>()

  constructor(max: number) {
    this.#max = max
  }

  /** How many are remembered. */
  get size(): number {
    return this.#bySignature.size
  }

  /** True when this very membership was good and is strictly within its time now. */
  has(membership: Membership, nodeKey: NodeKey, nowMs: number): boolean {
    const known = this.#bySignature.get(keyOf(membership.signature))
    if (known === undefined || !isSame(known, membership)) return false
    if (!sameBytes(known.nodeKey, nodeKey.bytes)) return false
    return known.notBeforeMs <= nowMs && nowMs <= known.notAfterMs
  }

  /** Remembers one that was checked for its realm. */
  add(membership: Membership): void {
    setNewest(this.#bySignature, keyOf(membership.signature), membership, this.#max)
  }
}

function keyOf(signature: Uint8Array): string {
  return signature instanceof Uint8Array ? Buffer.from(signature).toString('latin1') : ''
}

function isSame(a: Membership, b: Membership): boolean {
  if (a === b) return true
  return (
    a.notBeforeMs === b.notBeforeMs &&
    a.notAfterMs === b.notAfterMs &&
    sameBytes(a.realmId, b.realmId) &&
    sameBytes(a.nodeKey, b.nodeKey) &&
    Array.isArray(b.roles) &&
    a.roles.length === b.roles.length &&
    a.roles.every((role, index) => role === b.roles[index])
  )
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return b instanceof Uint8Array && Buffer.compare(a, b) === 0
}
