/** Types of discovery, checked by `npm run types`. */
import {
  dnsPoll,
  kubernetes,
  type DiscoveredNode,
  type FoveaNode,
  type NodeOptions,
  type Strategy,
} from '../../../dist/index.ts'
import { staticDiscovery } from '../../../mesh/index.ts'

declare const node: FoveaNode

// A source of the mesh is a strategy, and a list of strategies is an option.
const source: Strategy = staticDiscovery(['a'])
export const listed: NodeOptions = { discovery: [source, kubernetes()] }
export const named: NodeOptions = { discovery: { strategies: [source], kind: 'mdns' } }

export const found: Promise<DiscoveredNode | undefined> = node.discovery.lookupNode('a')
// @ts-expect-error nobody may be there
export const surely: Promise<DiscoveredNode> = node.discovery.lookupNode('a')
// @ts-expect-error it is not any
export const text: Promise<string | undefined> = node.discovery.lookupNode('a')

// @ts-expect-error a name to ask for is needed
dnsPoll({ port: 1 })
// @ts-expect-error there is no such kind
export const wrong: NodeOptions = { discovery: { kind: 'wifi' } }
