/**
 * The courier of a peer at the edge, which has links with one or few gateways and nothing else: no members, no tables,
 * nobody that it dials. What is not for a gateway itself goes to a gateway, sealed for its destination, and the mesh
 * passes it on; answers come back through the same gateway. While there is none, messages wait for one, in order, up to
 * `waitTimeoutMs`. Public keys are asked from the gateway, which cannot lie about them.
 */
import type { Server } from '../../behaviours/index.ts'
import type { MeshCore } from '../core.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi } from '../driver-process.ts'
import type { Link } from '../link/link.ts'
import { Envelopes } from '../routing/greedy/envelopes.ts'
import { RouteProtocol } from '../routing/greedy/protocol.ts'
import { GreedyRouter } from '../routing/greedy/router.ts'
import { greedySettings } from '../routing/greedy/settings.ts'
import { keyFromHex } from '../routing/kademlia/id.ts'
import type { Contact } from '../routing/kademlia/message.ts'
import type { CourierContext } from './context.ts'
import { beginDispatcher } from './courier-server.ts'
import { listen, sealsOf } from './create-courier.ts'
import type { MadeCourier } from './create-courier.ts'
import { EMPTY_DIRECTORY } from './directory.ts'
import { CourierMemory } from './memory.ts'
import { NodeCourier } from './node-courier.ts'
import { courierSettings } from './settings.ts'
import type { CourierOptions } from './settings.ts'

/** What a peer has for its courier. */
export type UplinkSurroundings = Pick<
  MeshCore,
  'parts' | 'clock' | 'serviceLinks' | 'serviceFrames' | 'dialer' | 'refusals' | 'codec'
>

interface UplinkContext extends CourierContext {
  readonly envelopes: Envelopes
  readonly makeRouter: (failed: (error: unknown) => void) => GreedyRouter
}

/** The courier of a peer; once per peer, before its tree starts. The child comes after the links. */
export function createUplinkCourier(
  core: UplinkSurroundings,
  options?: CourierOptions,
): MadeCourier {
  const { clock, serviceLinks: pool, serviceFrames: frames, dialer, refusals, parts } = core
  const { keys, nodeKey } = parts.identity
  const settings = courierSettings('connect', options)
  const envelopes = new Envelopes()
  const uplinks = (): readonly Link[] => pool.links()
  const context: UplinkContext = {
    ...{ clock, pool, frames, dialer, refusals, settings, envelopes },
    self: nodeKey.hex,
    publicKey: keys.publicKey,
    // Nobody is dialled: there are no addresses.
    dialsMax: 1,
    directory: EMPTY_DIRECTORY,
    seals: sealsOf(core, settings),
    relays: {
      send: (type, destination, payload, more) => envelopes.send(type, destination, payload, more),
      payloadBytesMax: greedySettings().payloadBytesMax,
      home: () => uplinks()[0]?.peer.key.hex,
      helpers: () => [],
      isEdge: true,
    },
    memory: new CourierMemory(frames, refusals),
    makeRouter: (failed) => makeRouter(core, envelopes, failed),
  }
  listen(context, envelopes)
  return {
    courier: new NodeCourier(context, undefined),
    child: UplinkServer.child(context, { id: 'courier' }),
  }
}

/** Starts and serves the dispatcher of a peer, and the router of its envelopes. */
const UplinkServer: Server<DriverApi, UplinkContext> = driverServer(
  'fovea.courier/1',
  (context: UplinkContext, ties) => {
    const { envelopes, makeRouter: make } = context
    const router = make(ties.failed)
    envelopes.router = router
    ties.signal.addEventListener('abort', () => {
      if (envelopes.router === router) envelopes.router = undefined
      router.close()
    })
    return beginDispatcher(context, ties)
  },
)

function makeRouter(
  { parts, clock, serviceLinks: pool, serviceFrames: frames, refusals, codec }: UplinkSurroundings,
  { handlers }: Envelopes,
  failed: (error: unknown) => void,
): GreedyRouter {
  return new GreedyRouter({
    ...{ clock, pool, frames, refusals, handlers, failed },
    self: keyFromHex(parts.identity.nodeKey.hex),
    settings: greedySettings(),
    protocol: new RouteProtocol(codec),
    entropy: parts.options.entropy,
    view: { closest: () => [], neighbours: () => [], uplinks: () => pool.links().map(contactOf) },
    onDemand: {
      whenLinked: ({ id = '' }, linked, lost) => {
        const link = pool.link(id)
        if (link === undefined) lost()
        else linked(link)
        return () => {}
      },
    },
  })
}

function contactOf({ peer: { key, address } }: Link): Contact {
  return { id: key.hex, key: keyFromHex(key.hex), ...address }
}
