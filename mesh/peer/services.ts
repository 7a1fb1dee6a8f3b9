/**
 * The services of a peer at the edge: those of a member, on a courier and a catalog that know nobody but a gateway.
 *
 * - `pubsub_handler`, `rpc_handler` and `presence` are the processes of the services themselves;
 * - `advertisement` sees to it that the gateway has taken over what the peer wants and offers.
 */
import type { ChildSpec } from '../../behaviours/index.ts'
import { createUplinkCatalog } from '../catalog/create-catalog.ts'
import { createUplinkCourier } from '../courier/uplink-courier.ts'
import type { MeshCore } from '../core.ts'
import { createApplications } from '../services/applications.ts'
import type { Applications } from '../services/applications.ts'
import type { ServicesContext } from '../services/context.ts'
import { servicesContext } from '../services/create-services.ts'
import type { ServicesOptions } from '../services/options.ts'
import type { Store } from '../store/store.ts'

/** What they are made of. */
export interface PeerServicesParts {
  readonly core: MeshCore
  readonly options: ServicesOptions
  /** Undefined for a peer without data directory. */
  readonly store: Store | undefined
  /** Throws once the peer is closed. */
  readonly check: () => void
}

/** The services of one peer. */
export interface PeerServices extends Omit<Applications, 'children'> {
  readonly context: ServicesContext
  /** In the order of the tree, after the connection. */
  readonly children: readonly ChildSpec[]
  /** True when the gateway has acknowledged what this peer wants and offers. */
  readonly isTold: () => boolean
  /** True while something is under way that this peer waits for, or others wait for. */
  readonly isWaiting: () => boolean
}

/** Once per peer, before its tree starts. Throws an `OptionError`. */
export function createPeerServices({
  core,
  options,
  store,
  check,
}: PeerServicesParts): PeerServices {
  const { clock, chance, refusals, codec, pool } = core
  const base = servicesContext(core, store)
  const { self, incarnation } = base
  const { courier, child: courierChild } = createUplinkCourier(core, options.courier)
  const uplink = createUplinkCatalog({
    ...{ self, incarnation, clock, chance, refusals, codec, courier, pool },
    options: options.catalog,
  })
  const context: ServicesContext = { ...base, courier, catalog: uplink.catalog }
  const { children, ...applications } = createApplications(context, options, check)
  return {
    ...applications,
    context,
    children: [
      courierChild,
      uplink.child,
      { ...children.pubsub, id: 'pubsub_handler' },
      { ...children.rpc, id: 'rpc_handler' },
      children.presence,
    ],
    isTold: () => uplink.isTold(),
    isWaiting: () => isWaiting(applications),
    leaving: () => {
      applications.leaving()
      uplink.leave()
    },
  }
}

function isWaiting({ pubsub, rpc }: Pick<Applications, 'pubsub' | 'rpc'>): boolean {
  const { waiting, queued, outbox, requests } = pubsub.stats()
  const { pending, running } = rpc.stats()
  const { outbound, inbound } = rpc.streamStats()
  return waiting + queued + outbox + requests + pending + running + outbound + inbound > 0
}
