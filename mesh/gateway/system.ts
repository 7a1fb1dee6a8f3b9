/**
 * The supervision tree of a gateway:
 *
 *     gateway (rest_for_one)
 *     ├─ health        HTTP: /health /ready /live /metrics
 *     ├─ diagnostics   procedures hello, echo, info
 *     ├─ quic_server   the door for peers at the edge
 *     ├─ gateway       the gate between clients and services
 *     └─ workers (rest_for_one)
 *         ├─ clients   the book of who is connected
 *         ├─ pubsub    what clients publish and want
 *         ├─ rpc       what clients call and answer
 *         └─ mesh      links with members that clients use
 *
 * As in the reference: whatever crashes takes along only what stands after it. Unlike there no crash of these costs a client
 * its link, because links belong to processes of their own.
 */
import { Supervisor } from '../../behaviours/index.ts'
import type { ChildSpec, SupervisorRef } from '../../behaviours/index.ts'
import type { MeshCore } from '../core.ts'
import type { GatewayContext, GatewayServices } from './context.ts'
import { DiagnosticsServer } from './diagnostics.ts'
import { GatewayFunctions, GatewayServer } from './gateway.ts'
import type { Gateway } from './gateway.ts'
import { HealthServer } from './health.ts'
import { GatewayMemory } from './memory.ts'
import { QuicServer } from './quic-server.ts'
import { ClientsServer } from './workers/clients.ts'
import { MeshWorker } from './workers/mesh.ts'
import { PubSubWorker } from './workers/pubsub.ts'
import { RpcWorker } from './workers/rpc.ts'

/** Of both supervisors. */
const RESTARTS = { strategy: 'rest_for_one', intensity: 10, periodMs: 60_000 } as const

/** A gateway and the supervisor that works for it. */
export interface MadeGateway {
  readonly gateway: Gateway
  /** Last child of the mesh's tree, so that it takes nothing of the mesh along. */
  readonly child: ChildSpec<SupervisorRef>
}

/** The gateway of a node whose options say that it is one; once per node, before its tree starts. */
export function createGateway(core: MeshCore, services?: GatewayServices): MadeGateway | undefined {
  const { edges, clock, refusals, parts } = core
  const { gateway: options } = parts.options
  if (edges === undefined || options === undefined) return undefined
  const { settings, health } = options
  const memory = new GatewayMemory(refusals)
  const context: GatewayContext = { core, edges, clock, settings, health, services, memory }
  return { gateway: new GatewayFunctions(context), child: systemChild(context) }
}

function systemChild(context: GatewayContext): ChildSpec<SupervisorRef> {
  const { health, settings, services } = context
  const children = [
    ...(health === undefined ? [] : [healthChild(context)]),
    ...(settings.diagnostics && services !== undefined
      ? [DiagnosticsServer.child(context, { id: 'diagnostics' })]
      : []),
    QuicServer.child(context, { id: 'quic_server' }),
    GatewayServer.child(context, { id: 'gateway' }),
    workersChild(context),
  ]
  return Supervisor.child({ ...RESTARTS, children }, { id: 'gateway' })
}

/** Traps exits, so that it can close its socket. */
function healthChild(context: GatewayContext): ChildSpec {
  return {
    ...HealthServer.child(context, { id: 'health' }),
    start: ({ system, parent }) =>
      HealthServer.start(context, { system, parent, link: true, trapExit: true }),
  }
}

function workersChild(context: GatewayContext): ChildSpec<SupervisorRef> {
  const children = [
    ClientsServer.child(context, { id: 'clients' }),
    PubSubWorker.child(context, { id: 'pubsub' }),
    RpcWorker.child(context, { id: 'rpc' }),
    MeshWorker.child(context, { id: 'mesh' }),
  ]
  return Supervisor.child({ ...RESTARTS, children }, { id: 'workers' })
}
