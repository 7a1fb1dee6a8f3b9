/**
 * The worker `rpc`: what clients call and answer passes it, as much of each as `clientFramesPerSecond` allows. While it is
 * being restarted everything passes.
 */
import { contract, implement } from '../../../behaviours/index.ts'
import type { Contract, Server } from '../../../behaviours/index.ts'
import type { GatewayContext } from '../context.ts'
import type { PassiveApi } from '../quic-server.ts'
import { Traffic } from './traffic.ts'

const RpcContract: Contract<PassiveApi> = contract('fovea.gateway.rpc/1', { call: {}, cast: {} })

/** Starts and serves it. */
export const RpcWorker: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  Traffic
>(RpcContract, {
  init: ({ settings, clock, core, memory, edges }, { signal }): Traffic => {
    const { refusals } = core
    const traffic = new Traffic({ settings, clock, refusals, counts: memory.counts })
    const off = edges.pool.onLink(({ link }) => traffic.forget(link.peer.key.hex))
    memory.rpc = traffic
    signal.addEventListener('abort', () => {
      off()
      if (memory.rpc === traffic) memory.rpc = undefined
    })
    memory.runs('rpc', signal)
    return traffic
  },
  call: {},
  cast: {},
})
