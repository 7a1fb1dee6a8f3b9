/**
 * Whole nodes on one virtual clock and one simulated network. Nothing happens between two calls of
 * `clock.advance` or `clock.settle` that costs time; chance comes from the seed, except for the keys of
 * the nodes.
 */
import {
  ArgumentError,
  createSeededEntropy,
  createSimClock,
  FoveaError,
  functionOption,
  numberOption,
  objectOption,
  optional,
  resolveOptions,
  type Entropy,
  type Logger,
  type OptionCheck,
  type SimClock,
} from '../../runtime/index.ts'
import {
  createRealm,
  MemoryNetwork,
  nodeKeysFromSeed,
  type MemoryNetworkOptions,
  type Realm,
  type RealmPolicy,
} from '../../mesh/index.ts'
import { startNode, type FoveaNode, type NodeOptions } from '../node.ts'

/** How a simulated world is made. */
export interface SimNodesOptions {
  /** Everything drawn by chance comes from it. Default 1. */
  readonly seed?: number
  /** Latency, loss and limits of the network. Default: none of the former. */
  readonly network?: Omit<Partial<MemoryNetworkOptions>, 'clock' | 'entropy'>
  /** Policy of the realm of all nodes. Default: every member may do everything. */
  readonly policy?: RealmPolicy
  /** Options of every node. */
  readonly node?: NodeOptions
  /** Logger of every node, made from its name. Default: silent. */
  readonly logger?: (nodeName: string) => Logger
}

/** Options of one simulated node; network, clock and realm are the world's unless given. */
export interface SimNodeOptions extends NodeOptions {
  /** Whether it is told about the nodes that run already. Default true. */
  readonly join?: boolean
}

/** A simulated world of nodes. */
export interface SimNodes extends AsyncDisposable {
  readonly clock: SimClock
  readonly entropy: Entropy
  readonly network: MemoryNetwork
  readonly realm: Realm
  /** Nodes in order of their start; killed and stopped ones stay in the list. */
  readonly nodes: readonly FoveaNode[]
  /** Starts one more node; `connected` brings it together with the others. */
  start(nodeName: string, options?: SimNodeOptions): Promise<FoveaNode>
  /** Advances time until every running node is linked with every other one. */
  connected(): Promise<void>
  /** Lets the node fall silent without a goodbye, as `kill -9` of its machine would. */
  kill(node: FoveaNode): void
  /** Cuts the network between two nodes. */
  partition(a: FoveaNode, b: FoveaNode): void
  /** Takes back every cut. */
  heal(): void
  /** Stops every node. */
  stop(): Promise<void>
}

/** Virtual wall time of the start, so that certificates and logs have sensible dates. */
const START_MS = 1_800_000_000_000
const STEP_MS = 50
const CONNECT_MS_MAX = 60_000
const NODES_MAX = 10_000
type ResolvedOptions = Pick<Required<SimNodesOptions>, 'seed' | 'network' | 'node'> &
  Pick<SimNodesOptions, 'policy' | 'logger'>

const DEFAULTS: ResolvedOptions = Object.freeze({ seed: 1, network: {}, node: {} })

const CHECKS: { readonly [K in keyof SimNodesOptions]-?: OptionCheck } = {
  seed: numberOption(-(2 ** 53), 2 ** 53),
  network: objectOption,
  policy: optional(objectOption),
  node: objectOption,
  logger: optional(functionOption),
}

const countCheck: OptionCheck = numberOption(0, NODES_MAX)

class SimWorld implements SimNodes {
  readonly clock: SimClock = createSimClock({ startMs: START_MS })
  readonly entropy: Entropy
  readonly network: MemoryNetwork
  readonly realm: Realm
  readonly nodes: FoveaNode[] = []
  readonly #options: ResolvedOptions
  readonly #gone = new Set<FoveaNode>()

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.entropy = createSeededEntropy(options.seed)
    this.network = new MemoryNetwork({
      clock: this.clock,
      entropy: this.entropy,
      ...options.network,
    })
    const authority = nodeKeysFromSeed(this.entropy.bytes(32))
    const { policy } = options
    this.realm = createRealm('com.example.simulation', {
      authority,
      ...(policy === undefined ? {} : { policy }),
    })
  }

  async start(nodeName: string, options: SimNodeOptions = {}): Promise<FoveaNode> {
    const { join = true, ...own } = options
    const index = this.nodes.length + 1
    const { logger } = this.#options
    const starting = startNode({
      nodeName,
      host: `10.0.${index >> 8}.${index & 0xff}`,
      realm: this.realm,
      clock: this.clock,
      entropy: this.entropy,
      transport: this.network.transport(),
      seeds: join ? this.#running().map((node) => node.id) : [],
      ...(logger === undefined ? {} : { logger: logger(nodeName) }),
      ...this.#options.node,
      ...own,
    })
    const node = await starting
    this.nodes.push(node)
    void node.ended.then(() => this.#gone.add(node))
    return node
  }

  async connected(): Promise<void> {
    for (let waitedMs = 0; waitedMs < CONNECT_MS_MAX; waitedMs += STEP_MS) {
      const running = this.#running()
      const others = running.length - 1
      if (running.every((node) => node.cluster.getConnectedNodeCount({ hidden: true }) >= others))
        return
      await this.clock.advance(STEP_MS)
    }
    const text = `the nodes did not find each other within ${CONNECT_MS_MAX} ms of virtual time`
    throw new FoveaError('ERR_SIMULATION_NOT_CONNECTED', text)
  }

  kill(node: FoveaNode): void {
    this.#gone.add(node)
    this.network.kill(node.mesh.address)
  }

  partition(a: FoveaNode, b: FoveaNode): void {
    this.network.partition(a.mesh.address.host, b.mesh.address.host)
  }

  heal(): void {
    this.network.heal()
  }

  async stop(): Promise<void> {
    const stopping = Promise.all(this.nodes.map((node) => node.stop()))
    let over = false
    const watched = stopping.finally(() => (over = true))
    // A goodbye to a node that was killed waits for its time to run out.
    while (!over) await this.clock.advance(STEP_MS)
    await watched
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #running(): FoveaNode[] {
    return this.nodes.filter((node) => !this.#gone.has(node))
  }
}

/**
 * Starts `count` nodes named `n1`, `n2`, ... and brings them together.
 *
 * @example
 * await using world = await startSimNodes(3)
 * const [a, b] = world.nodes
 * world.partition(a, b)
 * await world.clock.advance(10_000)
 */
export async function startSimNodes(
  count: number,
  options: SimNodesOptions = {},
): Promise<SimNodes> {
  if (!countCheck.test(count)) throw new ArgumentError('count', countCheck.expected, count)
  const world = new SimWorld(resolveOptions('startSimNodes', DEFAULTS, CHECKS, options))
  for (let i = 1; i <= count; i++) await world.start(`n${i}`)
  await world.connected()
  return world
}
