/**
 * The process `quic_server`: the door for peers at the edge. While it runs, and clients are kept book of, they come in as
 * far as there is room; while it does not, they are told to come again. Links that stand do not need it.
 */
import { contract, implement } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { NodeKey } from '../identity/node-key.ts'
import type { NoRoom } from '../link/handshake.ts'
import type { TransportAddress } from '../transport/transport.ts'
import { Admission } from './admission.ts'
import type { GatewayContext } from './context.ts'

/** A process that only works where others call it. */
export interface PassiveApi {
  call: {}
  cast: {}
}

const QuicServerContract: Contract<PassiveApi> = contract('fovea.gateway.quic_server/1', {
  call: {},
  cast: {},
})

/** Starts and serves it. */
export const QuicServer: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  Admission
>(QuicServerContract, {
  init: (context, { signal }): Admission => {
    const { edges, memory, settings } = context
    const admission = new Admission(settings)
    const shut = edges.open((key, remote) => admit(context, admission, key, remote))
    signal.addEventListener('abort', shut, { once: true })
    memory.runs('quic_server', signal)
    return admission
  },
  call: {},
  cast: {},
})

function admit(
  { memory, clock, core }: GatewayContext,
  admission: Admission,
  key: NodeKey,
  { host, port }: TransportAddress,
): NoRoom | undefined {
  const { clients, counts } = memory
  if (clients === undefined) return 'not_accepting'
  const reason = admission.judge(key.hex, host, clients, clock.now())
  if (reason === undefined) counts.admitted += 1
  else if (reason === 'too_many_clients') {
    counts.refusedFull += 1
    core.refusals.count('ERR_GATEWAY_CLIENTS_MAX', { peer: key.hex, remote: `${host}:${port}` })
  } else {
    counts.refusedRate += 1
    core.refusals.count('ERR_GATEWAY_RATE', { peer: key.hex, remote: `${host}:${port}` })
  }
  return reason
}
