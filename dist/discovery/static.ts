/** A fixed list of addresses, tried until they answer: libcluster's `Epmd` strategy, and seeds of the mesh. */
import { staticDiscovery, type Candidate } from '../../mesh/index.ts'
import type { Strategy } from './strategy.ts'

/** Options of {@link staticNodes}. */
export interface StaticNodesOptions {
  /** Default `'static'`. */
  readonly name?: string | undefined
}

/**
 * Addresses that are known beforehand: `name@host:port`, `host:port`, `host`. This node itself may be among them.
 *
 * @example
 * await startNode({ realm, discovery: { strategies: [staticNodes(['10.0.0.1', '10.0.0.2'])] } })
 */
export function staticNodes(
  addresses: readonly (string | Candidate)[],
  { name = 'static' }: StaticNodesOptions = {},
): Strategy {
  return { ...staticDiscovery(addresses), name }
}
