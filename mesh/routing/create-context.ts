/** Puts together what the DHT of a node works with. */
import type { MeshCore } from '../core.ts'
import { dialShares } from '../exchange/dial-shares.ts'
import { formatNodeId } from '../link/peer-info.ts'
import { AddressProofs } from './address-proofs.ts'
import type { DhtContext } from './context.ts'
import { Envelopes } from './greedy/envelopes.ts'
import { RouteProtocol } from './greedy/protocol.ts'
import { keyFromHex } from './kademlia/id.ts'
import type { DhtMemory } from './memory.ts'
import type { ResolvedDhtOptions } from './options.ts'
import { DhtProtocol } from './protocol.ts'
import { RealmRecordAuthority } from './records/authority.ts'
import { StoredEntryCodec } from './records/codec.ts'

/** What a node's mesh has for its DHT. */
export type DhtSurroundings = Pick<
  MeshCore,
  | 'parts'
  | 'clock'
  | 'chance'
  | 'logger'
  | 'pool'
  | 'serviceLinks'
  | 'serviceFrames'
  | 'edges'
  | 'dialer'
  | 'frames'
  | 'refusals'
  | 'view'
  | 'codec'
  | 'lookup'
  | 'address'
>

/** The context of one node. */
export function createDhtContext(core: DhtSurroundings, options: ResolvedDhtOptions): DhtContext {
  const { identity, realm, options: mesh } = core.parts
  const { clock, chance, logger, pool, dialer, frames, refusals, view, codec } = core
  const memory: DhtMemory = {
    router: undefined,
    recorder: undefined,
    mode: options.mode === 'server' ? 'server' : 'client',
    contacts: new Map(),
    waiting: new Set(),
    store: undefined,
  }
  const authority = new RealmRecordAuthority({
    ...{ realm, cluster: mesh.cluster, keys: identity.keys },
    membership: () => identity.membership,
    wallNowMs: () => clock.wallNow(),
    membershipsMax: mesh.membersMax,
    signaturesMax: options.records.recordsMax,
  })
  return {
    ...{ options, clock, chance, logger, pool, dialer, frames, refusals, view, memory },
    ...{ serviceLinks: core.serviceLinks, serviceFrames: core.serviceFrames },
    passedOn: (link) => core.edges?.passedOn(link),
    dials: dialShares(mesh.dialsMax),
    handshakeTimeoutMs: mesh.handshakeTimeoutMs,
    ownKey: keyFromHex(identity.nodeKey.hex),
    nodeId: () => formatNodeId(mesh.name, core.address),
    address: () => core.address,
    protocol: new DhtProtocol(codec, realm.id),
    envelopes: new Envelopes(),
    routeProtocol: new RouteProtocol(codec),
    entropy: mesh.entropy,
    entryCodec: new StoredEntryCodec(codec, realm.id),
    making: {
      ...{ realmId: realm.id, authority, settings: options.records },
      wallNowMs: () => clock.wallNow(),
    },
    proofs: new AddressProofs(core.lookup),
    openStore: async () => options.store ?? identity.openStore(),
    dialled: () => dialled(memory, options),
  }
}

/** Whoever was dialled once can be dialled. */
function dialled(memory: DhtMemory, options: ResolvedDhtOptions): void {
  if (options.mode !== 'auto' || memory.mode === 'server') return
  memory.mode = 'server'
  memory.router?.setMode('server')
  if (memory.router?.isJoined === true) memory.recorder?.joined()
}
