/** Puts together what the DHT of a node works with. */
import type { MeshCore } from '../core.ts'
import { dialShares } from '../exchange/dial-shares.ts'
import { formatNodeId } from '../link/peer-info.ts'
import { openMemoryStore } from '../store/memory.ts'
import { StoreError } from '../store/errors.ts'
import type { Store } from '../store/store.ts'
import { AddressProofs } from './address-proofs.ts'
import type { DhtContext } from './context.ts'
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
    dials: dialShares(mesh.dialsMax),
    handshakeTimeoutMs: mesh.handshakeTimeoutMs,
    ownKey: keyFromHex(identity.nodeKey.hex),
    nodeId: () => formatNodeId(mesh.name, core.address),
    address: () => core.address,
    protocol: new DhtProtocol(codec, realm.id),
    entryCodec: new StoredEntryCodec(codec, realm.id),
    making: {
      ...{ realmId: realm.id, authority, settings: options.records },
      wallNowMs: () => clock.wallNow(),
    },
    proofs: new AddressProofs(core.lookup),
    openStore: () => openStore(core, options),
    dialled: () => dialled(memory, options),
  }
}

/** A given store is not ours to close; one of our own is closed with the mesh. */
async function openStore(
  { parts, refusals }: DhtSurroundings,
  options: ResolvedDhtOptions,
): Promise<Store> {
  if (options.store !== undefined) return options.store
  try {
    return await parts.identity.openStore()
  } catch (error) {
    // The package for it is optional: without it records end with the node, as without a data directory.
    if (!(error instanceof StoreError) || error.code !== 'ERR_STORE_UNAVAILABLE') throw error
    refusals.count(error.code, { err: error }, { level: 'error' })
    return openMemoryStore()
  }
}

/** Whoever was dialled once can be dialled. */
function dialled(memory: DhtMemory, options: ResolvedDhtOptions): void {
  if (options.mode !== 'auto' || memory.mode === 'server') return
  memory.mode = 'server'
  memory.router?.setMode('server')
  if (memory.router?.isJoined === true) memory.recorder?.joined()
}
