/** Joining: what it costs, whether everybody can be reached afterwards, and how large nodes think it all is. */
import { routingSettings, type RoutingSettings } from '../../routing/kademlia/settings.ts'
import { bucketIndex } from '../../routing/kademlia/id.ts'
import { DhtWorld, type DhtWorldOptions } from '../dht-world.ts'
import { inKeyOrder } from '../dht-oracle.ts'
import { mean, quantile } from '../statistics.ts'
import { WIDE_AREA } from './dht-lookups.ts'

/** How a network came about. */
export interface Joins {
  readonly world: DhtWorld
  /** Requests that each node sent until it had joined. */
  readonly requests: readonly number[]
  readonly entriesMean: number
  /** Nodes that did not say that they had joined. */
  readonly missing: number
}

/**
 * Nodes join one after the other, each through a running node drawn by lot; `filled` of them are there from
 * the start with filled tables, which is how a large network is made in short time.
 */
export function sequentialJoins(options: {
  readonly seed: number
  readonly nodes: number
  readonly filled?: number
  readonly settings?: RoutingSettings
  readonly world?: Partial<DhtWorldOptions>
}): Joins {
  const { seed, nodes, filled = 0, settings = routingSettings() } = options
  const world = new DhtWorld({
    seed,
    nodes,
    settings,
    links: false,
    network: WIDE_AREA,
    warm: filled,
    ...options.world,
  })
  const joined = new Set<number>()
  const requests: number[] = []
  world.core.observe({
    event: ({ index, load }, event) => {
      if (event.type !== 'bootstrapped' || joined.has(index)) return
      joined.add(index)
      requests[index] = load.requestsSent
    },
  })
  for (let index = filled; index < nodes; index++) {
    if (index === 0) world.startJoining(0, [])
    else world.startJoining(index, [world.randomNodeBut(index)])
    if (index > 0) world.runUntil(() => joined.has(index), 60_000, 50)
  }
  const late = nodes - Math.max(filled, 1) - [...joined].filter((index) => index > 0).length
  const sizes = world.living().map(({ node }) => node.routing.entries().length)
  return {
    world,
    requests: Object.values(requests.filter((count) => count > 0)),
    entriesMean: mean(sizes),
    missing: Math.max(0, late),
  }
}

/** Parts of the key space with somebody in it of which a node knows nobody, in all nodes' views together. */
export function blindSpots(world: DhtWorld): number {
  let blind = 0
  const ordered = inKeyOrder(world.servers())
  for (const { node } of world.living()) {
    const own = node.self.key
    const known = new Set(node.routing.entries().map(({ bucket }) => bucket))
    const there = new Set(ordered.map(({ key }) => bucketIndex(own, key)))
    there.delete(-1)
    for (const bucket of there) if (!known.has(bucket)) blind++
  }
  return blind
}

/** How well nodes guess the size of the network. */
export interface SizeGuesses {
  readonly guesses: number
  /** Share of guesses within 14 % and within 28 % of the truth. */
  readonly within14: number
  readonly within28: number
  /** Guess over truth. */
  readonly p50: number
  readonly p2: number
  readonly p98: number
}

/** Lets nodes do so many lookups for keys drawn by lot, and asks them. */
export function sizeGuesses(options: {
  readonly seed: number
  readonly nodes: number
  readonly lookups: number
  readonly guesses: number
  readonly settings?: RoutingSettings
  readonly world?: Partial<DhtWorldOptions>
}): SizeGuesses {
  const { seed, nodes, lookups, guesses, settings = routingSettings() } = options
  const base = { seed, nodes, settings, links: false, network: WIDE_AREA } as const
  const world = new DhtWorld({ ...base, ...options.world })
  const askers = world.luck.sample(guesses, nodes)
  for (let i = 0; i < lookups; i++) {
    world.settle(askers.map((index) => world.startLookup(index, world.randomKey())))
  }
  const ratios = askers
    .map((index) => world.dhtNode(index).routing.networkSize())
    .map((size) => (size ?? 0) / nodes)
  const within = (share: number): number =>
    ratios.filter((ratio) => Math.abs(ratio - 1) <= share).length / ratios.length
  return {
    guesses: ratios.length,
    within14: within(0.14),
    within28: within(0.28),
    p50: quantile(ratios, 0.5),
    p2: quantile(ratios, 0.025),
    p98: quantile(ratios, 0.975),
  }
}
