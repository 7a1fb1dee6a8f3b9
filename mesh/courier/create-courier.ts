/** Puts together the courier of a member of the mesh. */
import type { ChildSpec } from '../../behaviours/index.ts'
import type { MeshCore } from '../core.ts'
import { dialShares } from '../exchange/dial-shares.ts'
import { signaturesOf } from '../identity/realm.ts'
import type { DhtContext } from '../routing/context.ts'
import { compareDistance, keyFromHex } from '../routing/kademlia/id.ts'
import type { Envelopes } from '../routing/greedy/envelopes.ts'
import type { LinkPool } from '../link/pool.ts'
import { WireType } from '../wire/messages.ts'
import type { CourierContext, Relays } from './context.ts'
import { CourierServer } from './courier-server.ts'
import type { Courier } from './courier.ts'
import { memberDirectory } from './directory.ts'
import { takeSealed } from './inbox.ts'
import { CourierMemory } from './memory.ts'
import { NodeCourier } from './node-courier.ts'
import { Seals } from './seal.ts'
import { courierSettings } from './settings.ts'
import type { CourierOptions, CourierSettings } from './settings.ts'

/** Neighbours by way of whom a node is tried that the tables do not lead to. */
const HELPERS_MAX = 8

/** What a node's mesh has for its courier. */
export type CourierSurroundings = Pick<
  MeshCore,
  | 'parts'
  | 'clock'
  | 'serviceLinks'
  | 'serviceFrames'
  | 'dialer'
  | 'refusals'
  | 'view'
  | 'detectorMemory'
  | 'dht'
>

/** A courier and the process that works for it. */
export interface MadeCourier {
  readonly courier: Courier
  /** Child of the mesh's tree, after the links. */
  readonly child: ChildSpec
}

/** The courier of a node; once per node, before its tree starts. */
export function createCourier(core: CourierSurroundings, options?: CourierOptions): MadeCourier {
  const { clock, serviceLinks: pool, serviceFrames: frames } = core
  const { dialer, refusals, view, dht, parts } = core
  const { options: mesh, identity } = parts
  const settings = courierSettings('startMesh', options)
  const { statements } = core.detectorMemory
  const context: CourierContext = {
    ...{ clock, pool, dialer, frames, refusals, settings },
    self: identity.nodeKey.hex,
    publicKey: identity.keys.publicKey,
    dialsMax: dialShares(mesh.dialsMax).courier,
    directory: memberDirectory({ view, statements, dht }),
    seals: sealsOf(core, settings),
    relays: dht === undefined ? undefined : relaysOf(dht),
    memory: new CourierMemory(frames, refusals),
  }
  listen(context, dht?.envelopes)
  return {
    courier: new NodeCourier(context, view),
    child: CourierServer.child(context, { id: 'courier' }),
  }
}

/** Seals of a node; they outlive its courier's process, or numbers would be used twice. */
export function sealsOf(
  { parts, clock }: Pick<CourierSurroundings, 'parts' | 'clock'>,
  { sealAgeMaxMs, sendersMax }: CourierSettings,
): Seals {
  const { realm, identity, options } = parts
  return new Seals({
    ...{ realm, publicKey: identity.keys.publicKey, life: identity.incarnation },
    membership: () => identity.membership,
    boxes: signaturesOf(realm).createBoxes(identity.keys),
    entropy: options.entropy,
    wallNowMs: () => clock.wallNow(),
    limits: { sealAgeMaxMs, sendersMax, membershipsMax: sendersMax },
  })
}

/** Takes questions for keys, and what others pass on, as long as the node lives. */
export function listen(context: CourierContext, envelopes: Envelopes | undefined): void {
  const { memory } = context
  memory.handle(WireType.keyQuery, WireType.keyReply, (origin, type, payload) =>
    memory.dispatcher?.key(origin, type, payload),
  )
  envelopes?.onDeliver('call', (delivery) => takeSealed(context, delivery))
  envelopes?.onDeliver('publish', (delivery) => takeSealed(context, delivery))
}

function relaysOf({ envelopes, options, pool, ownKey }: DhtContext): Relays {
  return {
    send: (type, destination, payload, more) => envelopes.send(type, destination, payload, more),
    payloadBytesMax: options.envelopes.payloadBytesMax,
    home: () => neighbours(pool, ownKey.hex, 1)[0],
    helpers: (node) => neighbours(pool, node, HELPERS_MAX),
    isEdge: false,
  }
}

/** Members with a link, those nearest to `node` first: they are the likeliest to have one with it. */
function neighbours(pool: LinkPool, node: string, count: number): readonly string[] {
  const target = keyFromHex(node)
  return pool
    .links()
    .filter(({ peer }) => peer.kind !== 'edge' && peer.key.hex !== node)
    .map(({ peer }) => keyFromHex(peer.key.hex))
    .sort((left, right) => compareDistance(target, left, right))
    .slice(0, count)
    .map(({ hex }) => hex)
}
