/** Nodes of a mesh with couriers and catalogs over simulated links, for tests. */
import { Supervisor } from '../../../behaviours/index.ts'
import type { SupervisorRef } from '../../../behaviours/index.ts'
import type { Catalog, CatalogChange, CatalogKind } from '../../../mesh/catalog/catalog.ts'
import { createCatalog } from '../../../mesh/catalog/create-catalog.ts'
import type { CreatedCatalog } from '../../../mesh/catalog/create-catalog.ts'
import type { CatalogOptions } from '../../../mesh/catalog/settings.ts'
import { MeshCore } from '../../../mesh/core.ts'
import { createCourier } from '../../../mesh/courier/create-courier.ts'
import type { Courier } from '../../../mesh/courier/courier.ts'
import { openIdentity } from '../../../mesh/identity/identity.ts'
import { simulatedSignatures } from '../../../mesh/identity/simulated-signatures.ts'
import { resolveMeshOptions } from '../../../mesh/options.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { DhtFunctions } from '../../../mesh/routing/dht-functions.ts'
import { startTree } from '../../../mesh/tree.ts'
import type { Transport } from '../../../mesh/transport/transport.ts'
import { createSystem } from '../../../runtime/index.ts'
import type { System } from '../../../runtime/index.ts'
import { Cluster } from '../cluster.ts'

/** How nodes are started. */
export interface WorldOptions {
  readonly catalog?: CatalogOptions
  readonly mesh?: MeshOptions
}

/** One node. */
export interface CatalogNode {
  readonly n: number
  readonly key: string
  readonly core: MeshCore
  readonly courier: Courier
  readonly created: CreatedCatalog
  readonly catalog: Catalog
  readonly dht: DhtFunctions
  readonly system: System
  readonly tree: SupervisorRef
  readonly changes: CatalogChange[]
}

/** A mesh where nobody keeps links that nobody uses: nodes are linked only with whom they need. */
export const SPARSE: MeshOptions = Object.freeze({
  neighbours: 1,
  linkIdleMs: 1_500,
  linkIdleMinMs: 100,
  linksIdleMax: 1,
})

/** See the head of this file. */
export class CatalogWorld implements AsyncDisposable {
  readonly cluster: Cluster
  readonly nodes: CatalogNode[] = []

  constructor(seed = 1, latencyMs = 1) {
    this.cluster = new Cluster(seed, { latencyMs, jitterMs: 0, signatures: simulatedSignatures() })
  }

  /** Starts node `n` at `10.0.0.<n>`, which knows node 1. */
  async start(n: number, { catalog: given, mesh = {} }: WorldOptions = {}): Promise<CatalogNode> {
    const { cluster } = this
    const { clock, entropy, realm } = cluster
    const seeds = n === 1 ? [] : ['n1@10.0.0.1:4433']
    const options = resolveMeshOptions(
      cluster.options(`n${n}`, n, { membership: 'local', seeds, dht: {}, ...mesh }),
      async (host) => [host],
    )
    const identity = await openIdentity({ realm, clock, entropy })
    const { hex } = identity.nodeKey
    const { incarnation } = identity
    const system = createSystem({ clock, entropy, node: hex, incarnation })
    const core = new MeshCore({
      ...{ options, system, identity, realm, advertiseHost: options.host },
      transport: options.transport as Transport,
    })
    await core.dht?.openStore()
    const dht = new DhtFunctions(core.dht, realm.id, hex, () => {})
    const { courier, child } = createCourier(core)
    const { pool, dialer, view, refusals, codec, chance } = core
    const created = createCatalog({
      ...{ self: hex, incarnation, clock, chance, logger: core.logger, refusals, codec, courier },
      ...{ pool, dialer, view, dht, edges: undefined, dialsMax: 4, dialTimeoutMs: 2_000 },
      hasAddresses: () => true,
      options: given,
    })
    const { catalog } = created
    const changes: CatalogChange[] = []
    for (const kind of ['topic', 'procedure'] as const) {
      catalog.onChange(kind, (change) => void changes.push(change))
    }
    const tree = await startTree(core, [child, created.child])
    const node = { n, key: hex, core, courier, created, catalog, dht, system, tree, changes }
    this.nodes.push(node)
    return node
  }

  /** Starts nodes 1 to `count` and waits until they know each other. */
  async startAll(
    count: number,
    options: WorldOptions = {},
    settleMs = 10_000,
  ): Promise<readonly CatalogNode[]> {
    for (let n = 1; n <= count; n++) await this.start(n, options)
    await this.advance(settleMs)
    return this.nodes
  }

  advance(ms: number): Promise<void> {
    return this.cluster.clock.advance(ms)
  }

  /** The result of something that takes time. */
  during<T>(promise: Promise<T>): Promise<T> {
    return this.cluster.during(promise)
  }

  /** Nodes that are known for a name, in order. */
  lookup(node: CatalogNode, kind: CatalogKind, name: string): string {
    const found = node.catalog.lookup(kind, name).map(({ node: key }) => this.nameOf(key))
    return found.sort().join(' ')
  }

  nameOf(key: string): string {
    return `n${this.nodes.find((node) => node.key === key)?.n ?? '?'}`
  }

  isLinked(a: CatalogNode, b: CatalogNode): boolean {
    return a.core.pool.link(b.key) !== undefined
  }

  /** The process ends without a word. */
  async crash(node: CatalogNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1)
    await this.during(this.#end(node))
  }

  /** In order: everybody is told. */
  async stop(node: CatalogNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(node), 1)
    const { detector } = node.core.detectorMemory
    await this.during(new Promise<void>((resolve) => detector!.leave(resolve)))
    await this.during(node.core.pool.leave('shutdown'))
    await this.during(this.#end(node))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.during(Promise.all(this.nodes.map((node) => this.#end(node))))
    await this.cluster[Symbol.asyncDispose]()
  }

  async #end({ tree, core, system }: CatalogNode): Promise<void> {
    await core.endpoint()?.close()
    await Supervisor.stop(tree, 'shutdown')
    await system.stop()
    await core.parts.identity.close()
  }
}

/** Kills the process of a catalog. */
export function killCatalog({ system }: CatalogNode): void {
  const found = [...system.processes()].find(({ label }) => label.includes('fovea.catalog/'))
  if (found === undefined) throw new Error('the node has no catalog')
  system.exit(found.pid, 'kill')
}
