/**
 * The process `diagnostics`: procedures by which anybody in the realm sees whether a gateway answers, and what it is. Under
 * our names and under those of the reference.
 *
 * | procedure | gives |
 * | --- | --- |
 * | `io.fovea.diagnostics.hello` | a greeting, the node, its time |
 * | `io.fovea.diagnostics.echo` | the arguments, unchanged |
 * | `io.fovea.diagnostics.info` | node, realm, how long it runs, how many clients, links and members it has |
 */
import { contract, implement } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import { formatNodeId } from '../link/peer-info.ts'
import type { Advertisement, RpcHandler } from '../rpc/rpc.ts'
import type { GatewayContext } from './context.ts'
import type { PassiveApi } from './quic-server.ts'

/** Ours, then the reference's. */
export const DIAGNOSTICS_PREFIXES: readonly string[] = Object.freeze([
  'io.fovea.diagnostics',
  'com.macula.diagnostics',
])

const DiagnosticsContract: Contract<PassiveApi> = contract('fovea.gateway.diagnostics/1', {
  call: {},
  cast: {},
})

/** Starts and serves it. */
export const DiagnosticsServer: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  GatewayContext
>(DiagnosticsContract, {
  init: async (context, { signal }): Promise<GatewayContext> => {
    const { services, memory } = context
    const offered: Advertisement[] = []
    signal.addEventListener('abort', () => {
      for (const advertisement of offered) advertisement.unadvertise()
    })
    if (services !== undefined) {
      for (const [name, handler] of proceduresOf(context)) {
        for (const prefix of DIAGNOSTICS_PREFIXES) {
          const procedure = `${prefix}.${name}`
          offered.push(await services.rpc.advertise(procedure, handler, { idempotent: true }))
        }
      }
    }
    memory.runs('diagnostics', signal)
    return context
  },
  call: {},
  cast: {},
})

function proceduresOf({
  core,
  clock,
  edges,
  settings,
}: GatewayContext): ReadonlyMap<string, RpcHandler> {
  const { options, realm } = core.parts
  const startedMs = clock.now()
  const node = (): string => formatNodeId(options.name, core.address)
  return new Map<string, RpcHandler>([
    [
      'hello',
      (_input, { caller }) => ({
        message: `hello from ${node()}`,
        node: node(),
        caller: caller.node,
        wallMs: clock.wallNow(),
      }),
    ],
    ['echo', (input) => input],
    [
      'info',
      () => ({
        node: node(),
        key: core.parts.identity.nodeKey.hex,
        realm: realm.name,
        cluster: options.cluster,
        uptimeMs: clock.now() - startedMs,
        clients: edges.pool.linkCount,
        clientsMax: settings.clientsMax,
        links: core.pool.linkCount,
        members: core.view.members().length,
      }),
    ],
  ])
}
