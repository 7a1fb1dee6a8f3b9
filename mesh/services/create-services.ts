/**
 * Puts together the services of a member: courier, catalog, topics, procedures, presence, and the supervisor that they run under:
 *
 *     services (one_for_one)
 *     ├─ courier     ways to nodes
 *     ├─ catalog     what nodes want and offer
 *     ├─ pubsub      topics
 *     ├─ rpc         procedures and streams
 *     └─ presence    who is here, by topic
 *
 * Each may crash without the others: what must outlive a process is in a memory beside it, and the functions for
 * applications are the same objects before and after.
 */
import { Supervisor } from '../../behaviours/index.ts'
import type { ChildSpec, SupervisorRef } from '../../behaviours/index.ts'
import { createCatalog } from '../catalog/create-catalog.ts'
import type { CreatedCatalog } from '../catalog/create-catalog.ts'
import type { MeshCore } from '../core.ts'
import { createCourier } from '../courier/create-courier.ts'
import { dialShares } from '../exchange/dial-shares.ts'
import { nodeKeyFromHex } from '../identity/node-key.ts'
import { isGranted } from '../identity/policy.ts'
import { createPresenceContext } from '../presence/context.ts'
import { PresenceFunctions } from '../presence/presence-functions.ts'
import { PresenceServer } from '../presence/presence-server.ts'
import type { Presence } from '../presence/presence.ts'
import { createPubSubContext } from '../pubsub/context.ts'
import { pubsubSettings } from '../pubsub/options.ts'
import { PubSubFunctions } from '../pubsub/pubsub-functions.ts'
import { PubSubServer } from '../pubsub/pubsub-server.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import { createRpcContext } from '../rpc/context.ts'
import { RpcFunctions } from '../rpc/rpc-functions.ts'
import { RpcServer } from '../rpc/rpc-server.ts'
import type { Rpc } from '../rpc/rpc.ts'
import type { Dht } from '../routing/dht.ts'
import type { Store } from '../store/store.ts'
import { Codec } from '../wire/codec.ts'
import { VALUE_LIMITS } from '../wire/limits.ts'
import type { ServicesContext } from './context.ts'
import type { ServicesOptions } from './options.ts'

/** What services are made of, besides the mesh. */
export interface ServicesParts {
  readonly core: MeshCore
  readonly options: ServicesOptions
  readonly dht: Dht
  /** Undefined for a node without data directory. */
  readonly store: Store | undefined
  /** Throws once the mesh has stopped. */
  readonly check: () => void
}

/** The services of one node. */
export interface MadeServices {
  readonly pubsub: PubSub
  readonly rpc: Rpc
  readonly presence: Presence
  readonly context: ServicesContext
  readonly catalog: CreatedCatalog
  /** Child of the mesh's tree, after the DHT. */
  readonly child: ChildSpec<SupervisorRef>
  /** The mesh is about to stop: others hear at once that what it tracked is gone. */
  readonly leaving: () => void
  /** The mesh has stopped: subscriptions end, and who waits is told. */
  readonly stopped: () => void
}

/** The services of a member; once per node, before its tree starts. Throws an `OptionError`. */
export function createServices(parts: ServicesParts): MadeServices {
  const { core, options, check } = parts
  const courier = createCourier(core, options.courier)
  const catalog = createCatalog({ ...catalogParts(parts), courier: courier.courier })
  const context: ServicesContext = {
    ...servicesContext(core, parts.store),
    courier: courier.courier,
    catalog: catalog.catalog,
  }
  const pubsub = createPubSubContext(context, pubsubSettings(options.pubsub))
  const rpc = createRpcContext(context, options.rpc)
  const presence = createPresenceContext(context, options.presence)
  const functions = new PubSubFunctions(pubsub, check)
  const present = new PresenceFunctions(presence, check)
  return {
    pubsub: functions,
    presence: present,
    leaving: () => present.leave(),
    stopped: () => functions.stopped(),
    rpc: new RpcFunctions(rpc, check),
    ...{ context, catalog },
    child: servicesChild([
      courier.child,
      catalog.child,
      PubSubServer.child(pubsub, { id: 'pubsub' }),
      RpcServer.child(rpc, { id: 'rpc' }),
      PresenceServer.child(presence, { id: 'presence' }),
    ]),
  }
}

/** What services of any node stand on, but for courier and catalog. */
export function servicesContext(
  core: MeshCore,
  store: Store | undefined,
): Omit<ServicesContext, 'courier' | 'catalog'> {
  const { clock, chance, logger, refusals, codec } = core
  const { system, identity, realm, options } = core.parts
  return {
    self: identity.nodeKey.hex,
    incarnation: identity.incarnation,
    ...{ system, clock, chance, logger, refusals, codec, store },
    entropy: options.entropy,
    values: new Codec({ limits: VALUE_LIMITS }),
    isGranted: (action, { node, roles }) =>
      isGranted(realm.policy, action, nodeKeyFromHex(node), roles),
  }
}

function catalogParts({
  core,
  dht,
  options,
}: ServicesParts): Omit<Parameters<typeof createCatalog>[0], 'courier'> {
  const { clock, chance, logger, refusals, codec, pool, edges, dialer, view } = core
  const { identity, options: mesh } = core.parts
  return {
    self: identity.nodeKey.hex,
    incarnation: identity.incarnation,
    ...{ clock, chance, logger, refusals, codec, pool, dialer, view, dht },
    edges: edges?.pool,
    dialsMax: dialShares(mesh.dialsMax).catalog,
    dialTimeoutMs: mesh.handshakeTimeoutMs,
    options: options.catalog,
  }
}

function servicesChild(children: readonly ChildSpec[]): ChildSpec<SupervisorRef> {
  return {
    id: 'services',
    type: 'supervisor',
    start: ({ system, parent }) =>
      Supervisor.start({
        strategy: 'one_for_one',
        intensity: 10,
        periodMs: 10_000,
        ...{ system, parent, link: true, children },
      }),
  }
}
