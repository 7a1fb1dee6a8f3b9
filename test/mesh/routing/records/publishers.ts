/** A realm, nodes and owners that publish, and records of every kind. */
import { nodeKeysFromSeed } from '../../../../mesh/identity/keys.ts'
import type { NodeKeys } from '../../../../mesh/identity/keys.ts'
import type { Membership } from '../../../../mesh/identity/membership.ts'
import { createRealm, issueMembership } from '../../../../mesh/identity/realm.ts'
import type { Realm } from '../../../../mesh/identity/realm.ts'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { RealmRecordAuthority } from '../../../../mesh/routing/records/authority.ts'
import {
  addressRecord,
  immutableRecord,
  mutableRecord,
  providerRecord,
} from '../../../../mesh/routing/records/makers.ts'
import type { RecordMaking } from '../../../../mesh/routing/records/makers.ts'
import { recordProofOf } from '../../../../mesh/routing/records/proof.ts'
import type { RecordProof } from '../../../../mesh/routing/records/proof.ts'
import type { DhtRecord, RecordKind } from '../../../../mesh/routing/records/record.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'

export const NOW_MS = 1_800_000_000_000
export const DAY_MS = 86_400_000
export const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)
export const realmOf = (n: number, name = 'com.example.test'): Realm =>
  createRealm(name, { authority: nodeKeysFromSeed(seedOf(100 + n)) })

/** The realm of the tests. */
export const realm: Realm = realmOf(1)

/** A node of a test: keys, the membership it uses, its authority, and what it makes records with. */
export class Publisher {
  readonly keys: NodeKeys
  membership: Membership
  readonly authority: RealmRecordAuthority
  readonly making: RecordMaking

  constructor(
    n: number,
    clock: { nowMs: number } = { nowMs: NOW_MS },
    where: Realm = realm,
    cluster = 'main',
  ) {
    this.keys = nodeKeysFromSeed(seedOf(n))
    this.membership = issueMembership(where, this.keys.nodeKey, {
      wallNowMs: clock.nowMs,
      validMs: 30 * DAY_MS,
      roles: ['db', 'web'],
    })
    this.authority = new RealmRecordAuthority({
      realm: where,
      cluster,
      keys: this.keys,
      membership: () => this.membership,
      wallNowMs: () => clock.nowMs,
    })
    this.making = {
      realmId: where.id,
      authority: this.authority,
      settings: recordsSettings(),
      wallNowMs: () => clock.nowMs,
    }
  }

  /** One record of that kind. */
  publish(kind: RecordKind): DhtRecord {
    const { making } = this
    const value = Uint8Array.of(1, 2, 3)
    const where = { host: '10.0.0.1', port: 4433, sequence: 5 }
    switch (kind) {
      case 'immutable':
        return immutableRecord(making, { value })
      case 'mutable':
        return mutableRecord(making, { value, name: 'prices', sequence: 5 })
      case 'provider':
        return providerRecord(making, {
          ...where,
          key: keyFromHex('ab'.repeat(32)),
          metadata: value,
        })
      case 'address':
        return addressRecord(making, { ...where, nodeId: 'db@10.0.0.1:4433', under: 'node_id' })
    }
  }
}

export const KINDS: readonly RecordKind[] = ['immutable', 'mutable', 'provider', 'address']

/** A record with another proof. */
export const withProof = (record: DhtRecord, change: Partial<RecordProof>): DhtRecord => ({
  ...record,
  proof: { ...recordProofOf(record), ...change },
})
