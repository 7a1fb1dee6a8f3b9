/** Topics, procedures and presence on top of a courier and a catalog, of a member or of a peer at the edge. */
import type { ChildSpec } from '../../behaviours/index.ts'
import { createPresenceContext } from '../presence/context.ts'
import { PresenceFunctions } from '../presence/presence-functions.ts'
import { PresenceServer } from '../presence/presence-server.ts'
import type { OpenSpace, SpaceOptions } from '../presence/space.ts'
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
import type { ServicesContext } from './context.ts'
import { ServiceRegistry } from './registry.ts'
import type { Services } from './registry.ts'
import type { ServicesOptions } from './options.ts'

/** What applications use, and the processes behind it. */
export interface Applications {
  readonly pubsub: PubSub
  readonly rpc: Rpc
  readonly presence: Presence
  /** Opens a part of presence for a part of the node; once for each name. */
  readonly openSpace: (options: SpaceOptions) => OpenSpace
  /** Who offers which procedures. */
  readonly services: Services
  /** To be started in this order, after courier and catalog. */
  readonly children: {
    readonly pubsub: ChildSpec
    readonly rpc: ChildSpec
    readonly presence: ChildSpec
  }
  /** The node is about to stop: others hear at once that what it tracked is gone, and what waits on disk stays there. */
  readonly leaving: () => void
  /** The node has stopped: subscriptions end, and who waits is told. */
  readonly stopped: () => void
}

/** Puts them together; `check` throws once the node has stopped. Throws an `OptionError`. */
export function createApplications(
  context: ServicesContext,
  options: ServicesOptions,
  check: () => void,
): Applications {
  const pubsub = createPubSubContext(context, pubsubSettings(options.pubsub))
  const rpc = createRpcContext(context, options.rpc)
  const presence = createPresenceContext(context, options.presence)
  const topics = new PubSubFunctions(pubsub, check)
  const present = new PresenceFunctions(presence, check)
  const services = new ServiceRegistry(rpc, options.registry ?? {}, check)
  return {
    pubsub: topics,
    rpc: new RpcFunctions(rpc, check),
    presence: present,
    openSpace: (given) => presence.memory.openSpace(given),
    services,
    children: {
      pubsub: PubSubServer.child(pubsub, { id: 'pubsub' }),
      rpc: RpcServer.child(rpc, { id: 'rpc' }),
      presence: PresenceServer.child(presence, { id: 'presence' }),
    },
    leaving: () => {
      topics.leaving()
      present.leave()
    },
    stopped: () => {
      services.close()
      topics.stopped()
      present.stopped()
    },
  }
}
