/**
 * What simulated nodes cost that have global names and do nothing: links, handshakes and packets per node; and how long a
 * registration, and a newcomer, take among them. Counts on a virtual clock, so the machine does not matter. Run by
 * `npm run bench -- names-quiet`; writes bench/results/names-quiet.json.
 */
import type { FoveaNode } from 'fovea/dist'
import { simulate, type Simulation } from 'fovea/simulation'
import { saveResults } from '../harness.ts'

const SIZES = [50, 200]
const SETTLE_MS = 60_000
const QUIET_MS = 60_000

interface Counts {
  readonly links: number
  readonly linksMost: number
  readonly handshakes: number
  readonly packets: number
}

export async function benchNamesQuiet(): Promise<void> {
  const all: object[] = []
  for (const nodes of SIZES) {
    const network = { latencyMs: 1, jitterMs: 2 }
    const { value } = await simulate({ seed: 1, nodes, network, run: measure })
    console.log(JSON.stringify(value))
    all.push(value)
  }
  saveResults('names-quiet', { latencyMs: '1 to 3', sizes: all })
}

async function measure(world: Simulation): Promise<object> {
  await world.sleep(SETTLE_MS)
  const quiet = await during(world, QUIET_MS)
  const [first] = world.nodes.map(({ node }) => node)
  const registrations: number[] = []
  for (const name of ['one', 'two']) registrations.push(await register(world, [first!], name))
  const everybody = world.nodes.map(({ node }) => node)
  const all = await register(world, everybody, 'all')
  const after = await during(world, SETTLE_MS)
  const later = await during(world, QUIET_MS)
  return {
    nodes: everybody.length,
    quiet,
    registerFirstMs: registrations[0],
    registerNextMs: registrations[1],
    registerOnEachNodeMs: all,
    afterRegistrations: after,
    quietWithNames: later,
    newcomerKnowsAllMs: await newcomer(world, everybody.length - 1 + registrations.length),
  }
}

/** Per node: links at the end, the rest per second. */
async function during(world: Simulation, ms: number): Promise<Counts> {
  const before = count(world)
  await world.sleep(ms)
  const after = count(world)
  const rate = (name: 'handshakes' | 'packets'): number =>
    round((after[name] - before[name]) / (ms / 1_000))
  return {
    links: round(after.links),
    linksMost: after.linksMost,
    handshakes: rate('handshakes'),
    packets: rate('packets'),
  }
}

function count(world: Simulation): Counts {
  const stats = world.nodes.map(({ node }) => node.mesh.stats())
  const mean = (of: (one: (typeof stats)[number]) => number): number =>
    stats.reduce((sum, one) => sum + of(one), 0) / stats.length
  return {
    links: mean(({ links }) => links),
    linksMost: Math.max(...stats.map(({ links }) => links)),
    handshakes: mean(({ linksMade }) => linksMade),
    packets: mean(({ endpoint }) => endpoint?.packetsSent ?? 0),
  }
}

/** Time until all nodes have acknowledged a name of each of those. */
async function register(
  world: Simulation,
  nodes: readonly FoveaNode[],
  name: string,
): Promise<number> {
  const beganMs = world.nowMs
  await Promise.all(
    nodes.map((node, i) => {
      const pid = node.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
      return node.globalRegistry.register(`${name}${i}`, pid, { timeoutMs: 60_000 })
    }),
  )
  return round(world.nowMs - beganMs)
}

/** Time from the start of a node that nobody knows until it knows all names. */
async function newcomer(world: Simulation, names: number): Promise<number> {
  const last = world.nodes.at(-1)!
  last.crash({ disk: 'lost' })
  await world.sleep(SETTLE_MS)
  const beganMs = world.nowMs
  await last.start()
  const { globalRegistry } = last.node
  await world.until(() => globalRegistry.count() >= names, { timeoutMs: 120_000 })
  return round(world.nowMs - beganMs)
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
