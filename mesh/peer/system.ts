/**
 * The supervision tree of a peer:
 *
 *     peer (rest_for_one)
 *     ├─ identity, endpoint, links
 *     └─ system (rest_for_one)
 *         ├─ connection        dials gateways
 *         ├─ courier, catalog  what the handlers stand on
 *         ├─ pubsub_handler    topics
 *         ├─ rpc_handler       procedures and streams
 *         ├─ presence          who is here, by topic
 *         └─ advertisement     sees to it that the gateway knows what the peer wants and offers
 *
 * As in the reference: whatever crashes takes along only what stands after it. A connection that is restarted finds its
 * link; handlers find what they had in the memory of their service.
 */
import { Supervisor } from '../../behaviours/index.ts'
import type { ChildSpec, SupervisorRef } from '../../behaviours/index.ts'
import { foundation } from '../tree.ts'
import { AdvertisementServer } from './advertisement.ts'
import { ConnectionServer } from './connection.ts'
import type { PeerContext } from './context.ts'
import type { PeerServices } from './services.ts'

/** Starts the tree; resolves when the socket is bound and the first gateway is being dialled. */
export function startPeerTree(
  context: PeerContext,
  services: PeerServices,
): Promise<SupervisorRef> {
  return Supervisor.start({
    system: context.core.parts.system,
    strategy: 'rest_for_one',
    intensity: 10,
    periodMs: 10_000,
    children: [...foundation(context.core), systemChild(context, services)],
  })
}

function systemChild(
  context: PeerContext,
  { children, isTold }: PeerServices,
): ChildSpec<SupervisorRef> {
  return Supervisor.child(
    {
      strategy: 'rest_for_one',
      intensity: 10,
      periodMs: 60_000,
      children: [
        ConnectionServer.child(context, { id: 'connection' }),
        ...children,
        AdvertisementServer.child({ ...context, isTold }, { id: 'advertisement' }),
      ],
    },
    { id: 'system' },
  )
}
