/** What `node.discovery` gives to users. */
import type { TransportAddress } from '../../mesh/index.ts'
import type { NodeId } from '../node-id.ts'
import type { FormedOptions, StrategyInfo } from './offers.ts'
import type { Strategy } from './strategy.ts'
import type { CreateTicketOptions } from './ticket.ts'

/** Where a node was found. */
export type NodeSource = 'membership' | 'mdns' | 'dht'

/** A node that registered itself, or is a member. */
export interface DiscoveredNode {
  /** The name it registered, or the name part of its id. */
  readonly name: string
  readonly cluster: string
  /** Its key, hex. */
  readonly key: string
  /** `name@host:port`. */
  readonly id: NodeId
  readonly address: TransportAddress
  readonly sources: readonly NodeSource[]
  /**
   * Whether it said so itself, by its signature as a member of the realm. What mDNS alone says can be anybody's claim:
   * it is an address to try, and the link proves who is there.
   */
  readonly verified: boolean
}

/** A node was found, or is in no source any more. */
export interface DiscoveryEvent {
  readonly type: 'discovered' | 'lost'
  readonly node: DiscoveredNode
}

/** How to register. */
export interface RegisterNodeOptions {
  /** Label under which `findNodes` finds it. Default: the cluster of the node. */
  readonly cluster?: string | undefined
}

/** That this node is registered under a name. */
export interface NodeRegistration {
  readonly name: string
  readonly cluster: string
  /** As `unregisterNode`. */
  unregister(): Promise<boolean>
}

/** How to look for nodes. */
export interface FindNodesOptions {
  readonly signal?: AbortSignal | undefined
  /** How long others may take to answer. Default 2,000 ms. */
  readonly timeoutMs?: number | undefined
}

/** How to look for one. */
export interface LookupNodeOptions extends FindNodesOptions {
  /** Default: the cluster of the node. */
  readonly cluster?: string | undefined
}

/** Numbers of discovery. */
export interface DiscoveryStats {
  /** Addresses that strategies propose. */
  readonly addresses: number
  readonly strategies: readonly StrategyInfo[]
  /** Nodes that are known from any source. */
  readonly nodes: number
  readonly registrations: number
  readonly formed: boolean
}

/** The functions of discovery of one node. */
export interface DiscoveryFunctions {
  /** What proposes addresses, and how it fares. */
  strategies(): readonly StrategyInfo[]
  /** One more strategy; resolves when it runs (D12). */
  addStrategy(strategy: Strategy): Promise<void>
  /** Ends a strategy; what it proposed is not tried any more, links stay. False when there is none of that name. */
  removeStrategy(name: string): Promise<boolean>
  /**
   * Resolves once `requiredContacts` nodes, this one counted, have been together; at once without that option. Else
   * `ERR_DISCOVERY_NOT_FORMED`.
   */
  formed(options?: FormedOptions): Promise<void>
  /**
   * Tells others that this node has a name, until it is taken back: by mDNS, in the DHT, or both, as `kind` says. It
   * resolves before anybody has heard of it; what cannot be told now is told when it can.
   *
   * @example
   * await node.discovery.registerNode('billing', { cluster: 'shop' })
   */
  registerNode(name?: string, options?: RegisterNodeOptions): Promise<NodeRegistration>
  /** False when it was not registered. */
  unregisterNode(name?: string): Promise<boolean>
  /**
   * The node that registered that name: what is known already, else what others answer. Any member of the realm can
   * register any name; `key` says who it is.
   */
  lookupNode(name: string, options?: LookupNodeOptions): Promise<DiscoveredNode | undefined>
  /** Every node that is known from members, mDNS or the DHT. */
  listNodes(): readonly DiscoveredNode[]
  /** Asks for the nodes of a cluster, and gives all that are known then. */
  findNodes(cluster?: string, options?: FindNodesOptions): Promise<readonly DiscoveredNode[]>
  /** Tells `handler` of every node that is known and of every change; gives the way to stop. */
  subscribe(handler: (event: DiscoveryEvent) => void): () => void
  /**
   * An invitation to this node, signed by it, for `ticketNodes` and `parseTicket`.
   *
   * @example
   * console.log(node.discovery.createTicket({ validMs: 3_600_000 }))
   */
  createTicket(options?: CreateTicketOptions): string
  stats(): DiscoveryStats
}
