/** What dozens of whole nodes do when nobody works: counts per node and second, never times. */
import { beforeAll, describe, expect, it } from 'vitest'
import { simulate, type Simulation } from '../../../dist/simulation/index.ts'

const NODES = 36
const SECONDS = 10

/** Fewer than `linksIdleMax` on each side, so all links that probes have made stay; what bounds them is in idle-links.test.ts. */
const LINKS = NODES - 1

interface Counts {
  readonly made: number
  readonly pings: number
  readonly packets: number
  readonly news: number
}

/** Sums over all nodes. */
function count(simulation: Simulation): Counts {
  const stats = simulation.nodes.map(({ node }) => node.mesh.stats())
  const sum = (of: (one: (typeof stats)[number]) => number): number =>
    stats.reduce((total, one) => total + of(one), 0)
  return {
    made: sum(({ linksMade }) => linksMade),
    pings: sum(({ pingsSent }) => pingsSent),
    packets: sum(({ endpoint }) => endpoint!.packetsSent),
    news: sum(({ membership }) => membership!.updatesQueued),
  }
}

/** What was counted between two moments, per node and second. */
function rates(before: Counts, after: Counts, seconds: number): Counts {
  const names = Object.keys(before) as (keyof Counts)[]
  const entries = names.map((name) => [name, (after[name] - before[name]) / NODES / seconds])
  return Object.fromEntries(entries) as Counts
}

/** Tells everybody something; gives when the last one knows. */
async function spread(simulation: Simulation): Promise<number> {
  const [first, ...others] = simulation.nodes
  let heard = 0
  for (const { node } of others) {
    node.mesh.membership.subscribe(({ type }) => {
      if (type === 'update') heard++
    })
  }
  const beganMs = simulation.nowMs
  first!.node.mesh.setMetadata({ told: true })
  await simulation.until(() => heard === others.length, { timeoutMs: 10_000 })
  return simulation.nowMs - beganMs
}

async function observe(simulation: Simulation) {
  await simulation.sleep(20_000)
  const before = count(simulation)
  await simulation.sleep(SECONDS * 1_000)
  const after = count(simulation)
  const tookMs = await spread(simulation)
  await simulation.sleep(5_000 - tookMs)
  const told = count(simulation)
  return {
    ...{ news: before.news, tookMs },
    ...{ quiet: rates(before, after, SECONDS), telling: rates(after, told, 5) },
  }
}

describe('three dozen whole nodes', () => {
  let seen: Awaited<ReturnType<typeof observe>>
  beforeAll(async () => {
    const network = { latencyMs: 1, jitterMs: 2 }
    seen = (await simulate({ seed: 1, nodes: NODES, network, run: observe })).value
  }, 120_000)

  it('S28 have a bounded number of pings and packets, and neither handshakes nor news when nothing is new', () => {
    const { news, quiet } = seen
    expect(news).toBe(0)
    // Each node probes one other per second, over the link of an earlier probe.
    expect(quiet.made).toBeLessThan(0.1)
    // One per second on standing links, one in ten on others, one on each new link.
    expect(quiet.pings).toBeLessThan(8 + LINKS / 10 + 2)
    expect(quiet.packets).toBeLessThan(30)
  })

  it('S27 hear of news within three seconds over the links that there are: no handshake more', () => {
    expect(seen.tookMs).toBeLessThan(3_000)
    expect(seen.telling.made).toBeLessThan(0.1)
  })
})
