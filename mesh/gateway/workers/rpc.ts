/** The worker `rpc`: what clients call and answer passes it, as much of each as `clientFramesPerSecond` allows. */
import type { Server } from '../../../behaviours/index.ts'
import type { GatewayContext } from '../context.ts'
import type { PassiveApi } from '../quic-server.ts'
import { trafficServer } from './traffic.ts'

/** Starts and serves it. */
export const RpcWorker: Server<PassiveApi, GatewayContext> = trafficServer('rpc')
