/**
 * The supervision tree of a mesh node (architecture 6):
 *
 *     mesh (rest_for_one)
 *     ├─ identity      holds keys, membership and the lock of the data directory
 *     ├─ endpoint      holds the UDP socket
 *     ├─ links         one temporary process per connection
 *     ├─ ...           parts of the layers above, such as the dist system
 *     ├─ membership    the detector: who is there
 *     ├─ discovery     seeds and other sources
 *     ├─ topology      standing links with neighbours
 *     ├─ idle          closes links that nobody needs
 *     └─ dht           the DHT (one_for_one)
 *         ├─ records   what is kept and published
 *         ├─ routing   table and lookups
 *         └─ envelopes what is passed on hop by hop
 *
 * Last, so that a restart of the DHT takes nothing else along.
 *
 * When a part ends, it and everything after it is started again: a new endpoint means new links, new
 * links are reported to a new membership. No child calls its supervisor in `init` (ML4).
 */
import { contract, implement, Supervisor } from '../behaviours/index.ts'
import type { ChildSpec, Contract, Server, SupervisorRef } from '../behaviours/index.ts'
import type { MeshCore } from './core.ts'
import { DiscoveryServer } from './discovery/driver.ts'
import { dialShares } from './exchange/dial-shares.ts'
import { MembershipServer } from './membership/driver.ts'
import type { MembershipContext } from './membership/driver.ts'
import { swimSizes } from './membership/swim-protocol.ts'
import { CertificateError } from './identity/errors.ts'
import type { NodeKey } from './identity/node-key.ts'
import { IdleServer } from './link/idle-process.ts'
import type { DhtContext } from './routing/context.ts'
import { EnvelopeServer } from './routing/greedy/envelope-server.ts'
import { RecordsServer } from './routing/record-server.ts'
import { RoutingServer } from './routing/routing-server.ts'
import { TopologyServer } from './topology/topology.ts'
import type { TopologyContext } from './topology/topology.ts'
import type { Endpoint, EndpointOptions } from './transport/transport.ts'

/** A process that only holds something. */
export interface HolderApi {
  call: {}
  cast: {}
}

const IdentityContract: Contract<HolderApi> = contract('fovea.identity/1', { call: {}, cast: {} })
const EndpointContract: Contract<HolderApi> = contract('fovea.endpoint/1', { call: {}, cast: {} })

/** Holds the identity, which was opened before the tree was; its end takes the whole mesh along. */
const IdentityServer: Server<HolderApi, MeshCore> = implement<HolderApi, MeshCore, MeshCore>(
  IdentityContract,
  { init: (core): MeshCore => core, call: {}, cast: {} },
)

/** Holds the socket: binds it in `init`, and closes it however the process ends. */
const EndpointServer: Server<HolderApi, MeshCore> = implement<HolderApi, MeshCore, Endpoint>(
  EndpointContract,
  {
    init: async (core, ctx): Promise<Endpoint> => {
      // A killed predecessor could not wait for its socket; the port is ours again after this.
      await core.endpoint()?.close()
      const endpoint = await core.parts.transport.open(endpointOptions(core))
      core.setEndpoint(endpoint)
      ctx.signal.addEventListener('abort', () => {
        void endpoint.close()
      })
      return endpoint
    },
    call: {},
    cast: {},
    terminate: (_reason, endpoint) => endpoint.close(),
  },
)

function endpointOptions(core: MeshCore): EndpointOptions {
  const { options, identity, realm } = core.parts
  return {
    host: options.host,
    port: core.port,
    security: {
      certificatePem: identity.certificatePem,
      privateKeyPem: identity.keys.privateKeyPem,
      alpn: realm.alpn,
      verifyPeer: (chain) => verifyPeer(core, chain),
    },
    onConnection: (connection) => core.incoming(connection),
    onRefused: ({ code, remote, message }) => {
      core.refusals.count(code, { remote: `${remote.host}:${remote.port}`, detail: message })
    },
  }
}

/** The transport only says that a certificate was refused; the rule that it breaks is counted here. */
function verifyPeer(core: MeshCore, chain: readonly Uint8Array[]): NodeKey {
  try {
    return core.parts.identity.checkCertificate(chain, core.clock.wallNow())
  } catch (error) {
    if (error instanceof CertificateError) {
      core.refusals.count(error.code, { detail: error.message })
    }
    throw error
  }
}

/** The links supervisor; a new one starts with empty books. */
function linksChild(core: MeshCore): ChildSpec<SupervisorRef> {
  const { linksMax, handshakesMax, dialsMax } = core.parts.options
  const clientsMax = core.edges?.pool.linksMax ?? 0
  return {
    id: 'links',
    type: 'supervisor',
    start: ({ system, parent }) => {
      core.linksRestarted()
      return Supervisor.start({
        strategy: 'one_for_one',
        childrenMax: linksMax + clientsMax + handshakesMax + dialsMax,
        name: core.linksName,
        system,
        parent,
        link: true,
      })
    },
  }
}

function membershipContext(core: MeshCore): MembershipContext {
  const { options, identity } = core.parts
  const { clock, chance, logger, pool, dialer, frames, refusals, codec, view, probeTimes } = core
  return {
    settings: options.membership,
    dialsMax: dialShares(options.dialsMax).detector,
    handshakeTimeoutMs: options.handshakeTimeoutMs,
    ownKey: identity.nodeKey,
    name: options.name,
    address: () => core.address,
    ...{ clock, chance, logger, pool, dialer, frames, refusals, codec, view, probeTimes },
    protocol: core.swimProtocol,
    authority: core.authority,
    sizes: swimSizes,
    holdSignal: core.holdSignal,
    log: core.membershipLog,
    memory: core.detectorMemory,
    incarnation: identity.incarnation,
    raiseIncarnation: (incarnation) => identity.raiseIncarnation(incarnation),
  }
}

function topologyContext(core: MeshCore): TopologyContext {
  const { options, identity } = core.parts
  const { clock, chance, pool, dialer, refusals, view, holdSignal, standing } = core
  return {
    options: { ...options, own: identity.nodeKey.hex },
    ...{ clock, chance, pool, dialer, refusals, view, holdSignal, standing },
    protocol: core.swimProtocol,
  }
}

/** The DHT: each of its processes may crash without the other. */
function dhtChild(context: DhtContext): ChildSpec<SupervisorRef> {
  const children = [
    // Whoever answers a question is given what it should keep: first there is somebody who keeps it.
    RecordsServer.child(context, { id: 'records' }),
    RoutingServer.child(context, { id: 'routing' }),
    EnvelopeServer.child(context, { id: 'envelopes' }),
  ]
  const restarts = { strategy: 'one_for_one', intensity: 5, periodMs: 10_000 } as const
  return Supervisor.child({ ...restarts, children }, { id: 'dht' })
}

/** What every node stands on, a peer at the edge too: who it is, its socket, its links. */
export function foundation(core: MeshCore): readonly ChildSpec[] {
  return [
    IdentityServer.child(core, { id: 'identity' }),
    {
      ...EndpointServer.child(core, { id: 'endpoint' }),
      start: ({ system: where, parent }) =>
        EndpointServer.start(core, { system: where, parent, link: true, trapExit: true }),
    },
    linksChild(core),
  ]
}

/** Starts the tree; resolves when the socket is bound and seeds are being dialled. */
export function startTree(
  core: MeshCore,
  upper: readonly ChildSpec[] = [],
  last: readonly ChildSpec[] = [],
): Promise<SupervisorRef> {
  const { options, system } = core.parts
  const { pool, dialer, refusals, clock, chance, logger, view, sources } = core
  const discovery = {
    options: { ...options, candidatesMax: options.seedsMax },
    ...{ clock, chance, logger, pool, dialer, refusals, sources, view },
    leaving: () => core.leaving,
  }
  return Supervisor.start({
    system,
    strategy: 'rest_for_one',
    intensity: 10,
    periodMs: 10_000,
    children: [
      ...foundation(core),
      ...upper,
      MembershipServer.child(membershipContext(core), { id: 'membership' }),
      {
        ...DiscoveryServer.child(discovery, { id: 'discovery' }),
        start: ({ system: where, parent }) =>
          DiscoveryServer.start(discovery, {
            system: where,
            parent,
            link: true,
            name: core.discoveryName,
          }),
      },
      TopologyServer.child(topologyContext(core), { id: 'topology' }),
      IdleServer.child({ options, clock, pool }, { id: 'idle' }),
      ...(core.dht === undefined ? [] : [dhtChild(core.dht)]),
      ...last,
    ],
  })
}
