/**
 * The process `envelopes`. It owns the router of envelopes and its crashes: a restarted one knows nothing of what
 * was under way, whose senders were told `ERR_ROUTE_STOPPED`; handlers are those of before.
 */
import { contract, implement } from '../../../behaviours/index.ts'
import type { Contract, Server } from '../../../behaviours/index.ts'
import { OnDemand } from '../../exchange/on-demand.ts'
import type { DhtContext } from '../context.ts'
import type { Contact } from '../kademlia/message.ts'
import { GreedyRouter } from './router.ts'

/** Messages of the process to itself. */
export interface EnvelopeApi {
  call: {}
  cast: {
    /** The router threw. */
    failed(error: unknown): void
  }
}

const EnvelopeContract: Contract<EnvelopeApi> = contract('fovea.envelopes/1', {
  call: {},
  cast: { failed: true },
})

/** Links to next hops. An envelope that gets none in time is given to the next best one. */
export function envelopeDials(
  context: Pick<
    DhtContext,
    'options' | 'serviceLinks' | 'dialer' | 'refusals' | 'clock' | 'dials' | 'handshakeTimeoutMs'
  >,
): OnDemand {
  const { serviceLinks: pool, dialer, refusals, clock, dials, handshakeTimeoutMs } = context
  const { attemptTimeoutMs, dialQueueMax, waitingPerDialMax } = context.options.envelopes
  const dialTimeoutMs = Math.min(handshakeTimeoutMs, attemptTimeoutMs)
  return new OnDemand({
    ...{ pool, dialer, refusals, clock, dialTimeoutMs, deadMs: 2 * dialTimeoutMs },
    ...{ dialsMax: dials.envelopes, queueMax: dialQueueMax, waitingMax: waitingPerDialMax },
    codes: { dialsMax: 'ERR_ROUTE_DIALS_MAX', backlog: 'ERR_ROUTE_BACKLOG' },
  })
}

/** Those in the table: a node without a DHT passes nothing on. */
function neighbours({ pool, memory }: Pick<DhtContext, 'pool' | 'memory'>): readonly Contact[] {
  return pool.links().flatMap(({ peer }) => memory.contacts.get(peer.key.hex) ?? [])
}

/** Starts and serves the router of envelopes. */
export const EnvelopeServer: Server<EnvelopeApi, DhtContext> = implement<
  EnvelopeApi,
  DhtContext,
  GreedyRouter
>(EnvelopeContract, {
  init: (context, { signal, self }): GreedyRouter => {
    const { envelopes, memory, serviceLinks: pool, refusals, clock } = context
    const settings = context.options.envelopes
    const onDemand = envelopeDials(context)
    const router = new GreedyRouter({
      ...{ settings, pool, onDemand, refusals, clock, frames: context.serviceFrames },
      ...{ self: context.ownKey, protocol: context.routeProtocol, entropy: context.entropy },
      view: {
        closest: (key, count) => memory.router?.closest(key, count) ?? [],
        neighbours: () => neighbours(context),
      },
      handlers: envelopes.handlers,
      passedOn: context.passedOn,
      failed: (error) => void self.cast.failed(error),
    })
    envelopes.router = router
    signal.addEventListener('abort', () => {
      if (envelopes.router === router) envelopes.router = undefined
      router.close()
      onDemand.close()
    })
    return router
  },
  call: {},
  cast: {
    failed: (_router, error) => {
      throw error
    },
  },
})
