/**
 * Lookups in a filled network: how exact, how deep, how many requests, how long; at rest and after a part
 * of all nodes died at once. Round trips of 20 to 200 ms, without handshakes, as in published figures.
 */
import type { LookupSpec } from '../../routing/kademlia/machine.ts'
import { routingSettings, type RoutingSettings } from '../../routing/kademlia/settings.ts'
import { check, COUNT } from '../checked.ts'
import { DhtWorld, type DhtWorldOptions, type PendingLookup } from '../dht-world.ts'
import type { NetworkOptions } from '../network-model.ts'
import { mean, quantile } from '../statistics.ts'

/** How lookups are measured. */
export interface DhtScenarioOptions {
  readonly seed: number
  readonly nodes: number
  /** How many; default 300. */
  readonly lookups?: number
  readonly settings?: RoutingSettings
  readonly spec?: Partial<LookupSpec>
  readonly world?: Partial<DhtWorldOptions>
}

/** What many lookups came to. */
export interface LookupFigures {
  readonly lookups: number
  /** Found exactly the k nearest. */
  readonly exact: number
  /** Found the nearest. */
  readonly nearest: number
  /** Of the k nearest, how many were found, in all lookups. */
  readonly found: number
  readonly wanted: number
  readonly depthMean: number
  readonly depthMax: number
  readonly requestsMean: number
  readonly requestsMax: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Round trips of 20 to 200 ms. */
export const WIDE_AREA: NetworkOptions = Object.freeze({
  latency: Object.freeze({ type: 'uniform', minMs: 10, maxMs: 100 }),
})

/** A filled network with wide-area round trips. */
export function wideWorld(options: DhtScenarioOptions): DhtWorld {
  const { seed, nodes, settings = routingSettings() } = options
  return new DhtWorld({
    seed,
    nodes,
    settings,
    links: false,
    network: WIDE_AREA,
    ...options.world,
  })
}

/** Many lookups at once from nodes and for keys drawn by lot. */
export function measureLookups(
  world: DhtWorld,
  lookups: number,
  spec: Partial<LookupSpec> = {},
): LookupFigures {
  check('lookups', lookups, COUNT)
  const begun: PendingLookup[] = []
  // A few milliseconds apart: no node answers many in one instant, and none waits for a place.
  for (let i = 0; i < lookups; i++) {
    begun.push(world.startLookup(world.randomNode(), world.randomKey(), spec))
    world.run(3)
  }
  world.settle(begun)
  return figuresOf(world, begun)
}

/** Compares finished lookups with the truth as it is now. */
export function figuresOf(world: DhtWorld, begun: readonly PendingLookup[]): LookupFigures {
  let exact = 0
  let nearest = 0
  let found = 0
  let wanted = 0
  const servers = world.servers()
  for (const { index, spec, result } of begun) {
    const truth = world.nearest(spec.target, spec.count, index, servers)
    const got = new Set(result!.closest.map(({ id }) => id))
    const hits = truth.filter(({ id }) => got.has(id)).length
    found += hits
    wanted += truth.length
    if (hits === truth.length && got.size === truth.length) exact++
    if (truth[0] !== undefined && got.has(truth[0].id)) nearest++
  }
  const results = begun.map(({ result }) => result!)
  const depths = results.map(({ depth }) => depth)
  const requests = results.map((result) => result.requests)
  const times = results.map(({ elapsedMs }) => elapsedMs)
  return {
    lookups: begun.length,
    exact,
    nearest,
    found,
    wanted,
    depthMean: mean(depths),
    depthMax: Math.max(...depths),
    requestsMean: mean(requests),
    requestsMax: Math.max(...requests),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  }
}

/** Lookups at rest, so many for each of the specs, one after the other in one world. */
export function staticLookups(
  options: DhtScenarioOptions & { readonly specs: readonly Partial<LookupSpec>[] },
): LookupFigures[] {
  const world = wideWorld(options)
  return options.specs.map((spec) => measureLookups(world, options.lookups ?? 300, spec))
}

/** What became known of the deaths before the lookups. */
export type Repair =
  /** Nothing: each node finds out by itself. */
  | 'none'
  /** Every node was told of every death, as by SWIM. */
  | 'told'

/** Lookups right after a share of all nodes died at once. Each runs in a world in which no other did. */
export function suddenDeath(
  options: DhtScenarioOptions & { readonly share: number; readonly repair?: Repair },
): LookupFigures {
  const { nodes, share, repair = 'none', lookups = 300 } = options
  const world = wideWorld(options)
  for (const index of world.luck.sample(Math.round(share * nodes), nodes)) {
    world.core.stop(index)
    if (repair === 'told') world.tellDown(index)
  }
  return measureLookups(world, lookups, options.spec)
}
