/**
 * The worker `pubsub`: what clients publish and want passes it, as much of each as `clientFramesPerSecond` allows. While it
 * is being restarted everything passes.
 */
import { contract, implement } from '../../../behaviours/index.ts'
import type { Contract, Server } from '../../../behaviours/index.ts'
import type { GatewayContext } from '../context.ts'
import type { PassiveApi } from '../quic-server.ts'
import { Traffic } from './traffic.ts'

const PubSubContract: Contract<PassiveApi> = contract('fovea.gateway.pubsub/1', {
  call: {},
  cast: {},
})

/** Starts and serves it. */
export const PubSubWorker: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  Traffic
>(PubSubContract, {
  init: ({ settings, clock, core, memory, edges }, { signal }): Traffic => {
    const { refusals } = core
    const traffic = new Traffic({ settings, clock, refusals, counts: memory.counts })
    const off = edges.pool.onLink(({ link }) => traffic.forget(link.peer.key.hex))
    memory.pubsub = traffic
    signal.addEventListener('abort', () => {
      off()
      if (memory.pubsub === traffic) memory.pubsub = undefined
    })
    memory.runs('pubsub', signal)
    return traffic
  },
  call: {},
  cast: {},
})
