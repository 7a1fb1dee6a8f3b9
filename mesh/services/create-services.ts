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
import { isGranted } from '../identity/policy.ts'
import type { Dht } from '../routing/dht.ts'
import type { Store } from '../store/store.ts'
import { Codec } from '../wire/codec.ts'
import { VALUE_LIMITS } from '../wire/limits.ts'
import { createApplications } from './applications.ts'
import type { Applications } from './applications.ts'
import type { ServicesContext } from './context.ts'
import type { ServicesOptions } from './options.ts'

/** Who cannot be dialled within this is spoken to through others. */
const DIAL_TIMEOUT_MS = 1_500

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
export interface MadeServices extends Omit<Applications, 'children'> {
  readonly context: ServicesContext
  readonly catalog: CreatedCatalog
  /** Child of the mesh's tree, after the DHT. */
  readonly child: ChildSpec<SupervisorRef>
}

/** The services of a member; once per node, before its tree starts. Throws an `OptionError`. */
export function createServices(parts: ServicesParts): MadeServices {
  const { core, options, check } = parts
  const courier = createCourier(core, options.courier)
  const catalog = createCatalog({ ...catalogParts(parts), courier: courier.courier })
  core.states = () => catalog.states()
  const context: ServicesContext = {
    ...servicesContext(core, parts.store),
    courier: courier.courier,
    catalog: catalog.catalog,
    roster: core.roster,
  }
  const { children, ...applications } = createApplications(context, options, check)
  return {
    ...applications,
    ...{ context, catalog },
    child: servicesChild([
      courier.child,
      catalog.child,
      children.pubsub,
      children.rpc,
      children.presence,
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
    values: new Codec({ limits: VALUE_LIMITS, extensions: core.parts.values ?? [] }),
    // Asked for every message: the key was checked when the node proved it.
    isGranted: (action, { node, roles }) => isGranted(realm.policy, action, { hex: node }, roles),
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
    hasAddresses: () => core.hasAddresses,
    edges: edges?.pool,
    dialsMax: dialShares(mesh.dialsMax).catalog,
    dialTimeoutMs: Math.min(mesh.handshakeTimeoutMs, DIAL_TIMEOUT_MS),
    options: options.catalog,
  }
}

function servicesChild(children: readonly ChildSpec[]): ChildSpec<SupervisorRef> {
  const restarts = { strategy: 'one_for_one', intensity: 10, periodMs: 10_000 } as const
  return Supervisor.child({ ...restarts, children }, { id: 'services' })
}
