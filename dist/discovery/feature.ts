/**
 * Discovery of one node, put together:
 *
 *     discovery (rest_for_one)
 *     ├─ registry      speaks mDNS and the DHT for `registerNode` and the others
 *     └─ strategies    one_for_one, one process each
 *
 * What strategies propose goes through the book of offers to the mesh, which dials (`offers.ts`). Any process here may
 * be killed; what must outlive it is in the registry, the offers and the list of strategies.
 */
import { Supervisor, type ChildSpec } from '../../behaviours/index.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import { Claims } from './claims.ts'
import type { DiscoveryFunctions, DiscoveryStats } from './discovery.ts'
import { DiscoveryError } from './errors.ts'
import {
  checkHandler,
  createTicketOptions,
  findNodesOptions,
  formedOptions,
  lookupNodeOptions,
  registerNodeOptions,
} from './function-options.ts'
import { Offers } from './offers.ts'
import { checkStrategy, resolveDiscoveryOptions, type DiscoveryOptions } from './options.ts'
import { NodeRegistry } from './registry.ts'
import { RegistryServer } from './registry-server.ts'
import { StrategyServer } from './strategy-server.ts'
import type { DiscoverySelf, Strategy } from './strategy.ts'
import { createTicket } from './ticket.ts'

/** Children of the strategies' supervisor that may crash within ten seconds before it gives up. */
const INTENSITY = 100
const PERIOD_MS = 10_000

/** They have something to close. */
const TRAPPING = Object.freeze({ trapExit: true })

/** Makes discovery. Throws what `resolveDiscoveryOptions` throws. */
export function createDiscovery(
  parts: DistParts,
  given: Partial<DiscoveryOptions> | readonly Strategy[] | undefined,
): DistFeature<DiscoveryFunctions> {
  const options = isList(given) ? { strategies: given } : given
  const discovery = new NodeDiscovery(parts, resolveDiscoveryOptions(options))
  return {
    functions: discovery.functions(),
    child: discovery.child(),
    close: () => discovery.close(),
  }
}

class NodeDiscovery {
  readonly #parts: DistParts
  readonly #self: DiscoverySelf
  readonly #offers: Offers
  readonly #registry: NodeRegistry
  readonly #strategies = new Map<string, Strategy>()
  readonly #name: string
  readonly #stopListening: () => void
  #isClosed = false

  constructor(parts: DistParts, options: DiscoveryOptions) {
    this.#parts = parts
    const { mesh, system, refusals, cluster, logger } = parts
    const { key, realm } = mesh
    this.#name = `fovea.dist.${key.hex.slice(0, 16)}`
    this.#self = Object.freeze<DiscoverySelf>({
      ...{ key, realm, cluster: mesh.clusterName },
      name: mesh.nodeId.slice(0, mesh.nodeId.indexOf('@')),
      get address() {
        return mesh.address
      },
    })
    const refused = (code: string, fields: Readonly<Record<string, unknown>>): void => {
      const level = code === 'ERR_DISCOVERY_DATAGRAM' ? 'debug' : 'warn'
      refusals.count(code, fields, { level })
    }
    const { clock, entropy } = system
    const chance = (): number => entropy.random()
    this.#offers = new Offers({ options, mesh, clock, chance, refused })
    this.#registry = new NodeRegistry({
      ...{ options, self: this.#self, mesh, clock, refused },
      handlerFailed: (error) => logger.error({ err: error }, 'a handler of discovery threw'),
    })
    for (const strategy of options.strategies) this.#strategies.set(strategy.name, strategy)
    if (options.autoCluster) this.#autoCluster()
    mesh.addDiscovery(this.#offers.source)
    this.#stopListening = cluster.onStatusChange((status) => {
      if (status === 'stopping') this.close()
    })
  }

  child(): ChildSpec {
    const { clock, entropy } = this.#parts.system
    const restarts = { intensity: INTENSITY, periodMs: PERIOD_MS }
    const registry = { registry: this.#registry, clock, entropy }
    const strategies: ChildSpec = {
      id: 'strategies',
      type: 'supervisor',
      start: ({ system, parent }) =>
        Supervisor.start({
          ...{ ...restarts, strategy: 'one_for_one', system, parent, link: true },
          name: `${this.#name}.strategies`,
          children: [...this.#strategies.values()].map((one) => this.#spec(one)),
        }),
    }
    return {
      id: 'discovery',
      type: 'supervisor',
      start: ({ system, parent }) =>
        Supervisor.start({
          ...{ ...restarts, strategy: 'rest_for_one', system, parent, link: true },
          name: `${this.#name}.discovery`,
          children: [
            RegistryServer.child(registry, { id: 'registry', options: TRAPPING }),
            strategies,
          ],
        }),
    }
  }

  functions(): DiscoveryFunctions {
    const registry = this.#registry
    return Object.freeze<DiscoveryFunctions>({
      strategies: () => [...this.#strategies.keys()].map((name) => this.#offers.info(name)),
      addStrategy: (strategy) => this.#add(strategy),
      removeStrategy: (name) => this.#remove(name),
      formed: async (options) => this.#offers.whenFormed(formedOptions(options)),
      registerNode: async (name, options) => registry.register(name, registerNodeOptions(options)),
      unregisterNode: async (name) => registry.unregister(name),
      lookupNode: async (name, options) => registry.lookup(name, lookupNodeOptions(options)),
      listNodes: () => registry.book.nodes(),
      findNodes: async (cluster, options) => registry.find(cluster, findNodesOptions(options)),
      subscribe: (handler) => registry.subscribe(checkHandler(handler)),
      createTicket: (options) => {
        const { mesh, system } = this.#parts
        const { name, cluster, address } = this.#self
        const writer = { identity: mesh.identity, name, cluster, address }
        return createTicket(writer, system.clock.wallNow(), createTicketOptions(options))
      },
      stats: (): DiscoveryStats => ({
        addresses: this.#offers.size,
        strategies: [...this.#strategies.keys()].map((name) => this.#offers.info(name)),
        nodes: registry.book.size,
        registrations: registry.registrations,
        formed: this.#offers.formed,
      }),
    })
  }

  /** The node is on its way out, or has stopped. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#offers.close()
    this.#registry.close()
    this.#stopListening()
  }

  /** Registers the node, and proposes every node that the registry finds. */
  #autoCluster(): void {
    const registry = this.#registry
    registry.register()
    const auto: Strategy = {
      name: 'auto',
      start: (sink, { signal }) => {
        const claims = new Claims()
        const off = registry.subscribe(({ type, node }) => {
          const claimant = `${node.key} ${node.cluster} ${node.name}`
          const { seen, gone } =
            type === 'discovered'
              ? claims.claim(claimant, { ...node.address, name: node.name })
              : claims.release(claimant)
          if (gone.length > 0) sink.gone(gone)
          if (seen.length > 0) sink.seen(seen)
        })
        signal.addEventListener('abort', off)
      },
    }
    checkStrategy(auto, (name) => this.#strategies.has(name), this.#strategies.size)
    this.#strategies.set(auto.name, auto)
  }

  #spec(strategy: Strategy): ChildSpec {
    const { system, logger, mesh, refusals } = this.#parts
    const { clock, entropy } = system
    const job = {
      strategy,
      ear: this.#offers.ear(strategy.name),
      context: (signal: AbortSignal) => ({
        ...{ signal, clock, entropy, logger, self: this.#self, dht: mesh.dht },
        refused: (code: string, fields = {}) =>
          refusals.count(code, { strategy: strategy.name, ...fields }, { level: 'debug' }),
      }),
    }
    return StrategyServer.child(job, {
      id: strategy.name,
      options: TRAPPING,
    }) as unknown as ChildSpec
  }

  async #add(strategy: Strategy): Promise<void> {
    this.#check()
    checkStrategy(strategy, (name) => this.#strategies.has(name), this.#strategies.size)
    this.#strategies.set(strategy.name, strategy)
    // A supervisor that is being started again finds it in the list.
    const supervisor = this.#parts.system.whereis(`${this.#name}.strategies`)
    if (supervisor === undefined) return
    try {
      await Supervisor.startChild(supervisor, this.#spec(strategy))
    } catch (error) {
      if (this.#strategies.get(strategy.name) === strategy) this.#strategies.delete(strategy.name)
      throw error
    }
  }

  async #remove(name: string): Promise<boolean> {
    this.#check()
    if (!this.#strategies.delete(name)) return false
    const supervisor = this.#parts.system.whereis(`${this.#name}.strategies`)
    if (supervisor !== undefined) {
      await Supervisor.terminateChild(supervisor, name)
      await Supervisor.deleteChild(supervisor, name)
    }
    this.#offers.forget(name)
    return true
  }

  #check(): void {
    if (!this.#isClosed) return
    throw new DiscoveryError('ERR_DISCOVERY_STOPPED', 'the node stops')
  }
}

function isList(
  given: Partial<DiscoveryOptions> | readonly Strategy[] | undefined,
): given is readonly Strategy[] {
  return Array.isArray(given)
}
