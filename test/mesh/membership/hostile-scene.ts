/** A member of the realm with a valid certificate that says what it likes to another one. */
import { expect } from 'vitest'
import { nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import { issueMembership } from '../../../mesh/identity/realm.ts'
import type { Realm } from '../../../mesh/identity/realm.ts'
import { RealmAuthority } from '../../../mesh/membership/authority.ts'
import { SwimProtocol } from '../../../mesh/membership/swim-protocol.ts'
import type { SwimDatagram, SyncEntry, Update } from '../../../mesh/membership/swim/message.ts'
import type { Statement } from '../../../mesh/membership/swim/statement.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { linkTo, membersOf, type Cluster } from '../cluster.ts'
import { seenBy } from './histories.ts'

const seed = (n: number) => `10.0.0.${n}:4433`
export const codec: Codec = new Codec()

/** Three members and what the hostile one can do. */
export interface Scene {
  readonly a: Mesh
  readonly b: Mesh
  readonly evil: Mesh
  readonly protocol: SwimProtocol
  /** Statements of b that evil has heard, oldest first. */
  readonly ofB: Statement[]
  say(message: SwimDatagram): void
  tell(...updates: Update[]): void
  push(entries: readonly SyncEntry[]): void
  /** What a holds of everybody. */
  table(): unknown
}

/** `a` is told lies about `b` by `evil`; all three are members. */
export async function scene(cluster: Cluster, more: MeshOptions = {}): Promise<Scene> {
  const a = await cluster.start('a', 1, more)
  const b = await cluster.start('b', 2, { seeds: [seed(1)], metadata: { zone: 'b' } })
  const evil = await cluster.start('evil', 3, { seeds: [seed(1)] })
  const protocol = new SwimProtocol(codec, cluster.realm.id)
  await cluster.clock.advance(5_000)
  expect(membersOf(a)).toBe('b up, evil up')
  const ofB: Statement[] = []
  // All that evil can know of b is what b signed.
  const sign = authorityOf(cluster, cluster.realm, b)
  ofB.push(sign(seenBy(a, b.key.hex).incarnation.counter, { zone: 'b' }))
  const link = () => linkTo(evil, 'a')
  let number = 0
  return {
    ...{ a, b, evil, protocol, ofB },
    say: (message) => expect(link().sendDatagram(protocol.datagram(message))).toBe(true),
    tell: (...updates) =>
      expect(link().sendDatagram(protocol.datagram({ type: 'gossip', updates }))).toBe(true),
    push: (entries) => {
      const request = { type: 'sync_push', entries } as const
      for (const frame of protocol.request(++number, request, 65_536)) link().send('sync', frame)
    },
    table: () =>
      a.membership
        .members()
        .map(({ key, nodeId, incarnation, state, metadata }) => [
          ...[key.hex, nodeId, state],
          ...[incarnation.generation, incarnation.counter, JSON.stringify(metadata)],
        ])
        .sort(),
  }
}

/** Signs for `mesh` what it might say of itself in its present life. */
export function authorityOf(cluster: Cluster, realm: Realm, mesh: Mesh, name = 'main') {
  const { keys, membership, incarnation } = mesh.identity
  const authority = new RealmAuthority({
    ...{ realm, cluster: name, keys },
    membership: () => membership,
    wallNowMs: () => cluster.clock.wallNow(),
  })
  return (counter: number, metadata: object, left = false): Statement =>
    authority.sign({
      id: keys.nodeKey.hex,
      name: mesh.nodeId.split('@')[0]!,
      ...mesh.address,
      ...{ generation: incarnation, counter, left },
      meta: codec.encode(metadata),
    })
}

/** A node that nobody runs, made a member by whoever has the realm's key. */
export function invented(cluster: Cluster, n: number, realm: Realm = cluster.realm): Statement {
  const keys = nodeKeysFromSeed(cluster.entropy.bytes(32))
  const wallNowMs = cluster.clock.wallNow()
  const membership = issueMembership(realm, keys.nodeKey, { wallNowMs })
  const authority = new RealmAuthority({
    ...{ realm, cluster: 'main', keys },
    membership: () => membership,
    wallNowMs: () => wallNowMs,
  })
  const where = { id: keys.nodeKey.hex, name: `f${n}`, host: '10.9.9.9', port: 1 + n }
  const when = { generation: 1, counter: 0, left: false, meta: new Uint8Array(0) }
  return authority.sign({ ...where, ...when })
}

/** A statement as news. */
export const statement = (said: Statement): Update => ({ type: 'statement', statement: said })
